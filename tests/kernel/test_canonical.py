"""Kernels that differ by names only have one text."""

from __future__ import annotations

from croton.dtypes import float32
from croton.kernel.canonical import canonical
from croton.kernel.check import check
from croton.kernel.language import Acc, Buffer, For, Kernel, Lanes, Load, Store, Update, Var
from croton.kernel.print import to_text

from .sample_kernels import SOFTMAX, WINDOW, at


def test_names_do_not_matter() -> None:
    def row_sums(x: str, y: str, rows: str, r: str, c: str, total: str, value: str) -> Kernel:
        lanes = Lanes(c, 5, (Load(value, float32, x, (at((r, rows), const=rows), at(c))), Update(total, Var(value))))
        loop = For(r, rows, (Acc(total, float32, "sum"), lanes, Store(y, (at(r),), Var(total))))
        return Kernel((Buffer(x, float32, (rows, 5)), Buffer(y, float32, (rows,))), (rows,), (loop,))

    one, two = row_sums("x", "y", "rows", "r", "c", "t", "v"), row_sums("v0", "b0", "i0", "n0", "n1", "b1", "v1")
    assert to_text(canonical(one)) == to_text(canonical(two)) == to_text(row_sums("b0", "b1", "n0", "i0", "i1", "v0", "v1"))


def test_canonical_kernels_stay() -> None:
    for kernel in (SOFTMAX, WINDOW):
        check(canonical(kernel))
        assert canonical(kernel) == kernel

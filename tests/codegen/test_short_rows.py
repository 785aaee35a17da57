"""Rows that one vector holds: values at all lengths, what lies beside a row is left alone, and which loops have a second form for short rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from native import compile_kernel

from croton.codegen.module import compile_text
from croton.codegen.target import AVX2, AVX512, BASELINE, Target
from croton.dtypes import DType, bool_, float32, float64, int64
from croton.kernel.language import Acc, Buffer, Const, For, Index, Kernel, Lanes, Let, Load, Stmt, Store, Update, Var

TARGETS = pytest.mark.parametrize("target", [None, AVX2, BASELINE], ids=["host", "avx2", "baseline"])
DTYPES = pytest.mark.parametrize("dtype", [float32, float64], ids=["float32", "float64"])
SHORT = "icmp ult"


def at(*labels: str) -> tuple[Index, ...]:
    return tuple(Index(((label, 1),)) for label in labels)


def normalised(dtype: DType, columns: int | str = "n1") -> Kernel:
    """softmax of each row, the logarithm of its sum, and in all how many elements are the row's greatest; the picked element's share on the diagonal."""
    read = Load("v0", dtype, "b0", at("i0", "i1"))
    greatest = Lanes("i1", columns, (read, Update("s0", Var("v0"))))
    shares = (
        read._replace(name="v1"),
        Let("v2", dtype, "sub", (Var("v1"), Var("s0"))),
        Let("v3", dtype, "exp", (Var("v2"),)),
        Store("b1", at("i0", "i1"), Var("v3")),
        Update("s1", Var("v3")),
    )
    divided = (
        Load("v5", dtype, "b1", at("i0", "i1")),
        Let("v6", dtype, "div", (Var("v5"), Var("s1"))),
        Load("v7", dtype, "b0", at("i0", "i1")),
        Let("v8", bool_, "eq", (Var("v7"), Var("s0"))),
        Let("v9", int64, "cast", (Var("v8"),)),
        Update("total", Var("v9")),
        Let("v10", int64, "index", (Var("i1"),)),
        Let("v11", int64, "index", (Var("i0"),)),
        Let("v12", bool_, "eq", (Var("v10"), Var("v11"))),
        Let("v13", dtype, "where", (Var("v12"), Const(0.0), Var("v6"))),
        Store("b1", at("i0", "i1"), Var("v13")),
    )
    body: tuple[Stmt, ...] = (
        Acc("s0", dtype, "max"),
        greatest,
        Acc("s1", dtype, "sum"),
        Lanes("i1", columns, shares),
        Let("v4", dtype, "log", (Var("s1"),)),
        Store("b2", at("i0"), Var("v4")),
        Lanes("i1", columns, divided),
    )
    buffers = (Buffer("b0", dtype, ("n0", columns)), Buffer("b1", dtype, ("n0", columns)), Buffer("b2", dtype, ("n0",)), Buffer("b3", int64, ()))
    return Kernel(buffers, ("n0", "n1"), (Acc("total", int64, "sum"), For("i0", "n0", body), Store("b3", (), Var("total"))))


def check_normalised(run: Callable[..., None], dtype: DType, rows: int, columns: int) -> None:
    """Values, with whatever lies around the arrays as it was."""
    x = np.random.default_rng(rows * 100 + columns).standard_normal((rows, columns)).astype(dtype.name)
    around = np.full(rows * columns + 64, 7.0, dtype.name)
    shares = around[32 : 32 + rows * columns].reshape(rows, columns)
    logarithms, count = np.full(rows, 5.0, dtype.name), np.zeros((), np.int64)
    run([x, shares, logarithms, count], [rows, columns])
    assert (around[:32] == 7).all() and (around[32 + rows * columns :] == 7).all()
    if columns == 0:
        assert (logarithms == -np.inf).all() and count == 0
        return
    e = np.exp(x - x.max(1, keepdims=True))
    expected = np.where(np.eye(rows, columns, dtype=bool), 0, e / e.sum(1, keepdims=True))
    tolerance = 1e-6 if dtype is float32 else 1e-14
    np.testing.assert_allclose(shares, expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(logarithms, np.log(e.sum(1)), rtol=tolerance, atol=tolerance)
    assert count == rows


@TARGETS
@DTYPES
def test_rows_of_any_length(dtype: DType, target: Target | None) -> None:
    run = compile_kernel(normalised(dtype), target)
    for rows in (0, 1, 2, 3, 8):
        for columns in (0, 1, 2, 5, 8, 9, 15, 16, 17, 31, 33, 100):
            check_normalised(run, dtype, rows, columns)


@TARGETS
@DTYPES
@pytest.mark.parametrize("columns", [1, 2, 3, 8, 13, 16, 17, 32, 33])
def test_a_known_length(dtype: DType, columns: int, target: Target | None) -> None:
    run = compile_kernel(normalised(dtype, columns), target)
    for rows in (1, 2, 5):
        check_normalised(run, dtype, rows, columns)


@TARGETS
def test_what_is_no_number_stays_in_its_row(target: Target | None) -> None:
    x = np.random.default_rng(4).standard_normal((7, 6)).astype("float32")
    x[::2, 3] = np.nan
    shares, logarithms = np.empty_like(x), np.empty(7, "float32")
    compile_kernel(normalised(float32), target)([x, shares, logarithms, np.zeros((), np.int64)], [7, 6])
    assert np.isnan(logarithms[::2]).all() and np.isfinite(logarithms[1::2]).all() and np.isfinite(shares[1::2]).all()


def test_a_known_length_has_one_form() -> None:
    """One body for two rows and one for a row left over; both forms where the length is not known, and none for short rows where it is long."""
    unknown, short, long = (compile_text([("k", normalised(float32, columns))], AVX512) for columns in ("n1", 10, 100))
    assert SHORT in unknown and SHORT not in short and SHORT not in long
    assert len(short) < len(unknown)
    assert "<16 x float>" in short and "<32 x float>" not in short


def test_processors_without_masks_have_one_form() -> None:
    assert SHORT not in compile_text([("k", normalised(float32))], AVX2)


def rows_that_wait() -> Kernel:
    """Each row is added to by what the one before it has left."""
    before = Index((("i0", 1),), -1)
    first = (Load("v0", float32, "b0", at("i0", "i1")), Let("v1", float32, "exp", (Var("v0"),)), Update("s0", Var("v1")))
    second = (
        Load("v2", float32, "b0", (before, *at("i1"))),
        Let("v3", float32, "mul", (Var("v2"), Var("s0"))),
        Store("b0", at("i0", "i1"), Var("v3"), "sum"),
    )
    body = (Acc("s0", float32, "sum"), Lanes("i1", "n1", first), Lanes("i1", "n1", second))
    return Kernel((Buffer("b0", float32, ("n0", "n1")),), ("n0", "n1"), (For("i0", "n0", body),))


def running_totals() -> Kernel:
    """Of each row the total of all up to it, and the sum of its exponentials added to a place of its own."""
    lanes = (
        Load("v0", float32, "b0", at("i0", "i1")),
        Let("v1", float32, "exp", (Var("v0"),)),
        Update("s0", Var("v1")),
        Update("total", Var("v0")),
    )
    body = (
        Acc("s0", float32, "sum"),
        Lanes("i1", "n1", lanes),
        Let("v2", float32, "add", (Var("total"), Var("s0"))),
        Store("b1", at("i0"), Var("v2")),
    )
    buffers = (Buffer("b0", float32, ("n0", "n1")), Buffer("b1", float32, ("n0",)))
    return Kernel(buffers, ("n0", "n1"), (Acc("total", float32, "sum"), For("i0", "n0", body)))


def sums_in_memory() -> Kernel:
    """The sum of each row's exponentials, added to a place of the row, and the greatest of the row."""
    lanes = (
        Load("v0", float32, "b0", at("i0", "i1")),
        Let("v1", float32, "exp", (Var("v0"),)),
        Store("b1", at("i0"), Var("v1"), "sum"),
        Update("s0", Var("v0")),
    )
    body = (Acc("s0", float32, "max"), Lanes("i1", "n1", lanes), Store("b2", at("i0"), Var("s0")))
    buffers = (Buffer("b0", float32, ("n0", "n1")), Buffer("b1", float32, ("n0",)), Buffer("b2", float32, ("n0",)))
    return Kernel(buffers, ("n0", "n1"), (For("i0", "n0", body),))


@TARGETS
def test_totals_that_rows_share_or_keep_in_memory(target: Target | None) -> None:
    x = np.random.default_rng(7).standard_normal((5, 6)).astype("float32")
    found = np.empty(5, "float32")
    compile_kernel(running_totals(), target)([x, found], [5, 6])
    np.testing.assert_allclose(found, x.sum(1).cumsum() + np.exp(x).sum(1), rtol=1e-5)
    sums, greatest = np.ones(5, "float32"), np.empty(5, "float32")
    compile_kernel(sums_in_memory(), target)([x, sums, greatest], [5, 6])
    np.testing.assert_allclose(sums, 1 + np.exp(x).sum(1), rtol=1e-6)
    np.testing.assert_array_equal(greatest, x.max(1))


@pytest.mark.parametrize("kernel", [rows_that_wait, running_totals, sums_in_memory])
def test_rows_that_others_wait_for_have_one_form(kernel: Callable[[], Kernel]) -> None:
    assert SHORT not in compile_text([("k", kernel())], AVX512)

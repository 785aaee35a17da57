"""Matrix products that are symmetric as LLVM IR: half of one is computed, and copied to the other half.

A module of its own, made where a program has such a product.
"""

from __future__ import annotations

from collections.abc import Callable

from croton.runtime import transpose
from croton.runtime.assembler import Assembler
from croton.runtime.product import DECLARATIONS, REAL, ROW_GRAIN, WORD, piece

_GEMM_PIECE = "declare void @croton_gemm_piece(ptr, ptr, ptr, ptr, i64, i64, i64, i64)"


def _part() -> str:
    """A thread's part of a symmetric product, and its mirror image: a block on the diagonal and blocks that it shares with the others' in turn.

    The blocks of p and q are a half of what p and q have in common, so that everybody has as much to do: the triangle of the block p, the
    blocks that p has with the next ones, half way round, and where their number is even one half of the block that it has with the opposite one.
    """
    a = Assembler("void @croton_symmetric_part(ptr %context, ptr %a, ptr %b, ptr %c, i64 %part, i64 %parts)")
    n, ldc, kind = (a.load("%context", WORD[name]) for name in ("n", "ldc", "type"))
    width = a.add(4, a.multiply(kind, 4))
    each = a.round_up(a.value(f"sdiv i64 {a.add(n, a.subtract('%parts', 1))}, %parts"), ROW_GRAIN)

    def block(number: str) -> tuple[str, str]:
        low = a.smaller(a.multiply(number, each), n)
        return low, a.smaller(a.add(low, each), n)

    def element(row: str, column: str) -> str:
        return a.at("%c", a.multiply(a.add(a.multiply(row, ldc), column), width), "i8")

    def rectangle(row: str, row_end: str, column: str, column_end: str) -> None:
        a.do(f"call void @croton_gemm_piece(ptr %context, ptr %a, ptr %b, ptr %c, i64 {row}, i64 {row_end}, i64 {column}, i64 {column_end})")
        upper, lower = element(row, column), element(column, row)
        shape = f"i64 {a.subtract(row_end, row)}, i64 {a.subtract(column_end, column)}"
        _of_type(a, kind, lambda number: f"@croton_transpose_{number}(ptr {upper}, i64 {ldc}, ptr {lower}, i64 {ldc}, {shape})")

    low, high = block("%part")
    a.do(f"call void @croton_gemmt_piece(ptr %context, ptr %a, ptr %b, ptr %c, i64 {low}, i64 {high})")
    corner = element(low, low)
    _of_type(a, kind, lambda number: f"@croton_mirror_{number}(ptr {corner}, i64 {a.subtract(high, low)}, i64 {ldc})")
    with a.loop(a.value(f"sdiv i64 {a.subtract('%parts', 1)}, 2")) as before:
        other = a.value(f"srem i64 {a.add('%part', a.add(before, 1))}, %parts")
        rectangle(*block(a.smaller("%part", other)), *block(a.larger("%part", other)))
    with a.when(a.compare("eq", a.value("and i64 %parts, 1"), 0)):
        half = a.value("sdiv i64 %parts, 2")
        first = a.value(f"srem i64 %part, {half}")
        row, row_end = block(first)
        middle = a.smaller(a.add(row, a.round_up(a.value(f"sdiv i64 {a.subtract(row_end, row)}, 2"), ROW_GRAIN)), row_end)
        mine = a.compare("slt", "%part", half)
        rectangle(a.choose(mine, row, middle), a.choose(mine, middle, row_end), *block(a.add(first, half)))
    a.do("ret void")
    return a.text()


def _of_type(a: Assembler, kind: str, call: Callable[[int], str]) -> None:
    """Call the routine for float or double matrices."""
    a.switch(kind, [lambda number=number: a.do(f"call void {call(number)}") for number in range(len(REAL))])  # type: ignore[misc]


def text() -> str:
    """`croton_symmetric_part`, and what it calls beside `croton_gemm_piece`."""
    triangle = piece("gemmt", "i64 %row, i64 %row_end", "internal ")
    return "\n".join((DECLARATIONS, _GEMM_PIECE, triangle, transpose.text(), _part()))

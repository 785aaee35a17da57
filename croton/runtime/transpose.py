"""Copies of matrices transposed, as LLVM IR: what makes the other half of a product that is symmetric.

A tile is a cache line square: its lines are loaded as vectors, transposed by exchanging ever smaller blocks of them, and stored as lines.
"""

from __future__ import annotations

from croton.runtime.assembler import Assembler
from croton.util.transposition import exchanges, numbers

TYPES = ("float", "double")
_TILE = (16, 8)


def _transposed_tile(kind: int) -> str:
    """target[column, row] = source[row, column] for a whole tile."""
    real, count = TYPES[kind], _TILE[kind]
    vector = f"<{count} x {real}>"
    a = Assembler(f"internal void @croton_transpose_tile_{kind}(ptr %source, i64 %source_rows, ptr %target, i64 %target_rows)")
    align = f"align {4 * (kind + 1)}"
    lines = [a.value(f"load {vector}, ptr {a.at('%source', a.multiply('%source_rows', line), real)}, {align}") for line in range(count)]
    for line, other, *orders in exchanges(count):
        pair = f"{vector} {lines[line]}, {vector} {lines[other]}"
        lines[line], lines[other] = (a.value(f"shufflevector {pair}, <{count} x i32> <{numbers(order)}>") for order in orders)
    for number, column in enumerate(lines):
        a.do(f"store {vector} {column}, ptr {a.at('%target', a.multiply('%target_rows', number), real)}, {align}")
    a.do("ret void")
    return a.text()


def _transpose(kind: int) -> str:
    """target[column, row] = source[row, column] for any numbers of rows and columns."""
    real, tile = TYPES[kind], _TILE[kind]
    matrices = "ptr %source, i64 %source_rows, ptr %target, i64 %target_rows"
    a = Assembler(f"internal void @croton_transpose_{kind}({matrices}, i64 %rows, i64 %columns)")
    whole_rows, whole_columns = (a.value(f"and i64 %{name}, {-tile}") for name in ("rows", "columns"))

    def single(row: str, column: str) -> None:
        value = a.load("%source", a.add(a.multiply(row, "%source_rows"), column), real)
        a.store(value, "%target", a.add(a.multiply(column, "%target_rows"), row), real)

    with a.loop(a.value(f"sdiv i64 {whole_rows}, {tile}")) as band:
        row = a.multiply(band, tile)
        with a.loop(a.value(f"sdiv i64 {whole_columns}, {tile}")) as place:
            column = a.multiply(place, tile)
            source = a.at("%source", a.add(a.multiply(row, "%source_rows"), column), real)
            target = a.at("%target", a.add(a.multiply(column, "%target_rows"), row), real)
            a.do(f"call void @croton_transpose_tile_{kind}(ptr {source}, i64 %source_rows, ptr {target}, i64 %target_rows)")
        with a.loop(a.subtract("%columns", whole_columns)) as rest, a.loop(tile) as inside:
            single(a.add(row, inside), a.add(whole_columns, rest))
    with a.loop(a.subtract("%rows", whole_rows)) as rest, a.loop("%columns") as column:
        single(a.add(whole_rows, rest), column)
    a.do("ret void")
    return a.text()


def _mirror(kind: int) -> str:
    """The upper triangle of a matrix to the lower one."""
    real, tile = TYPES[kind], _TILE[kind]
    a = Assembler(f"internal void @croton_mirror_{kind}(ptr %c, i64 %n, i64 %ldc)")
    with a.loop(a.value(f"sdiv i64 {a.add('%n', tile - 1)}, {tile}")) as band:
        first = a.multiply(band, tile)
        end = a.smaller(a.add(first, tile), "%n")
        with a.loop(a.subtract(end, first)) as inside:
            row = a.add(first, inside)
            with a.loop(inside) as before:
                column = a.add(first, before)
                upper = a.load("%c", a.add(a.multiply(column, "%ldc"), row), real)
                a.store(upper, "%c", a.add(a.multiply(row, "%ldc"), column), real)
        source = a.at("%c", a.add(a.multiply(first, "%ldc"), end), real)
        target = a.at("%c", a.add(a.multiply(end, "%ldc"), first), real)
        shape = f"i64 {a.subtract(end, first)}, i64 {a.subtract('%n', end)}"
        a.do(f"call void @croton_transpose_{kind}(ptr {source}, i64 %ldc, ptr {target}, i64 %ldc, {shape})")
    a.do("ret void")
    return a.text()


def text() -> str:
    """The copies as LLVM IR: croton_transpose_0 and croton_mirror_0 of float matrices, _1 of double ones."""
    return "\n".join([make(kind) for kind in (0, 1) for make in (_transposed_tile, _transpose, _mirror)])

"""Systems with triangular matrices."""

from __future__ import annotations

from croton.runtime.matrices.member import LEFT, LOWER, NOT_UNIT, PLAIN, TRANSPOSED, UPPER, Matrix, Member

SMALL = 8
"""Up to so many rows plain loops take less time than a call of the library."""

LOWER_BIT, TRANSPOSED_BIT, ALIKE_BIT = 0, 1, 2
"""The options: the lower triangle of a matrix is what counts; the system is that of its transpose; the right side is square, and triangular as that is."""

BLOCK = 64
"""So many columns of a triangular right side are solved for at once; above, or below, them there is nothing to do."""


def emit(m: Member) -> None:
    """a, b -> x."""
    a = m.a
    matrix, right, out = m.matrix(0), m.matrix(1), m.matrix(2)
    lower, transposed = m.option(LOWER_BIT), m.option(TRANSPOSED_BIT)
    m.done_if_empty(matrix.rows)
    refuse_singular(m, matrix)
    m.copy(right, out)
    m.done_if_empty(out.columns)
    with a.when(a.compare("sgt", matrix.rows, SMALL)):
        with a.when(m.option(ALIKE_BIT)):
            _by_blocks(m, matrix, out, lower, transposed)
            m.done()
        by_library(m, matrix, out, lower, transposed, NOT_UNIT)
        m.done()
    turned = Matrix(
        matrix.pointer, matrix.rows, matrix.columns, a.choose(transposed, matrix.column, matrix.row), a.choose(transposed, matrix.row, matrix.column)
    )
    down = a.value(f"xor i1 {lower}, {transposed}")
    forward, backward, after = a.label(), a.label(), a.label()
    a.fork(down, forward, backward)
    a.begin(forward)
    forwards(m, turned, out, False)
    a.jump(after)
    a.begin(backward)
    backwards(m, turned, out, False)
    a.jump(after)
    a.begin(after)


def refuse_singular(m: Member, matrix: Matrix) -> None:
    """Where there is a 0 on the diagonal there is no answer."""
    a = m.a
    with a.loop(matrix.rows) as row, a.when(m.less("oeq", m.get(matrix, row, row), "0.0")):
        m.done(a.add(row, 1))


def by_library(m: Member, matrix: Matrix, out: Matrix, lower: str, transposed: str, unit: int) -> None:
    """Solve in place; the matrix lies in rows or in columns without gaps between the elements of one."""
    a = m.a
    # In columns it is the transpose, with the other triangle.
    columns = a.compare("ne", matrix.column, 1)
    in_columns = a.both(columns, a.compare('sgt', matrix.rows, 1))
    uplo = a.choose(a.value(f"xor i1 {lower}, {in_columns}"), LOWER, UPPER)
    turn = a.choose(a.value(f"xor i1 {transposed}, {in_columns}"), TRANSPOSED, PLAIN)
    distance = a.larger(a.choose(in_columns, matrix.column, matrix.row), 1)
    one, many, after = a.label(), a.label(), a.label()
    a.fork(a.compare("eq", out.columns, 1), one, many)
    a.begin(one)
    m.cblas("trsv", uplo, turn, unit, matrix.rows, f"ptr {matrix.pointer}", distance, f"ptr {out.pointer}", 1)
    a.jump(after)
    a.begin(many)
    scale = f"{m.real} 1.0"
    m.cblas("trsm", LEFT, uplo, turn, unit, matrix.rows, out.columns, scale, f"ptr {matrix.pointer}", distance, f"ptr {out.pointer}", out.row)
    a.jump(after)
    a.begin(after)


def _by_blocks(m: Member, matrix: Matrix, out: Matrix, lower: str, transposed: str) -> None:
    """Solve for some columns at a time, with the rows of the system that these need."""
    a = m.a
    down = a.value(f"xor i1 {lower}, {transposed}")
    with a.loop(a.value(f"sdiv i64 {a.add(out.columns, BLOCK - 1)}, {BLOCK}")) as block:
        first = a.multiply(block, BLOCK)
        width = a.smaller(a.subtract(out.columns, first), BLOCK)
        above = a.choose(down, first, 0)
        rows = a.choose(down, a.subtract(matrix.rows, first), a.add(first, width))
        part = Matrix(m.place(matrix, above, above), rows, rows, matrix.row, matrix.column)
        by_library(m, part, Matrix(m.place(out, above, first), rows, width, out.row, out.column), lower, transposed, NOT_UNIT)


def forwards(m: Member, matrix: Matrix, out: Matrix, unit: bool) -> None:
    """Solve in place with the lower triangle, from the first row on."""
    with m.a.loop(matrix.rows) as row:
        with m.a.loop(row) as before:
            _subtract_row(m, matrix, out, row, before)
        if not unit:
            _divide_row(m, matrix, out, row)


def backwards(m: Member, matrix: Matrix, out: Matrix, unit: bool) -> None:
    """Solve in place with the upper triangle, from the last row on."""
    with m.steps_down(0, matrix.rows) as row:
        with m.steps(m.a.add(row, 1), matrix.rows) as behind:
            _subtract_row(m, matrix, out, row, behind)
        if not unit:
            _divide_row(m, matrix, out, row)


def _subtract_row(m: Member, matrix: Matrix, out: Matrix, row: str, other: str) -> None:
    factor = m.get(matrix, row, other)
    with m.a.loop(out.columns) as column:
        m.set(out, row, column, m.number("fsub", m.get(out, row, column), m.number("fmul", factor, m.get(out, other, column))))


def _divide_row(m: Member, matrix: Matrix, out: Matrix, row: str) -> None:
    corner = m.get(matrix, row, row)
    with m.a.loop(out.columns) as column:
        m.set(out, row, column, m.number("fdiv", m.get(out, row, column), corner))

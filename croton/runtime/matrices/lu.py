"""The LU decomposition, systems and inverses by it.

LAPACK reads columns: what it takes for a matrix is the transpose of one that lies in rows, and of that it exchanges rows. So of ours columns are exchanged:
A = L U Q with ones on the diagonal of U.
"""

from __future__ import annotations

from collections.abc import Callable

from croton.runtime.matrices.member import NOT_UNIT, UNIT, Matrix, Member
from croton.runtime.matrices.triangular import backwards, by_library, forwards, refuse_singular

SMALL = 16
"""Up to so many rows plain loops take less time than a call of the library."""

BLOCK = 64
"""The working memory of an inverse for each of its rows: LAPACK takes so many columns at once."""


def emit(m: Member) -> None:
    """x -> both triangles, and for each column the one that it changed places with, counted from 1. A singular matrix has a 0 on the diagonal."""
    a, out, pivots = m.a, m.matrix(1), m.matrix(2)
    n = out.rows
    m.done_if_empty(n)
    m.copy(m.matrix(0), out)
    with a.when(a.compare("sgt", n, SMALL)):
        m.lapack("getrf", n, n, f"ptr {out.pointer}", out.row, f"ptr {pivots.pointer}")
        m.done()
    largest, chosen = a.variable(m.real), a.variable("i64")
    with a.loop(n) as step:
        a.set(largest, m.call("fabs", m.get(out, step, step)), m.real)
        a.set(chosen, step)
        with m.steps(a.add(step, 1), n) as column:
            size = m.call("fabs", m.get(out, step, column))
            with a.when(m.less("ogt", size, a.get(largest, m.real))):
                a.set(largest, size, m.real)
                a.set(chosen, column)
        other = a.get(chosen)
        a.set(a.at(pivots.pointer, step, "i32"), a.value(f"trunc i64 {a.add(other, 1)} to i32"), "i32")
        with a.when(a.compare("ne", other, step)):
            _exchange(m, out.turned, step, other)
        corner = m.get(out, step, step)
        with a.when(a.negated(m.less("oeq", corner, "0.0"))), m.steps(a.add(step, 1), n) as column:
            m.set(out, step, column, m.number("fdiv", m.get(out, step, column), corner))
        with m.steps(a.add(step, 1), n) as row:
            factor = m.get(out, row, step)
            with m.steps(a.add(step, 1), n) as column:
                m.set(out, row, column, m.number("fsub", m.get(out, row, column), m.number("fmul", factor, m.get(out, step, column))))


def _exchange(m: Member, matrix: Matrix, row: str, other: str) -> None:
    """Let two rows change places."""
    with m.a.loop(matrix.columns) as column:
        one, two = m.get(matrix, row, column), m.get(matrix, other, column)
        m.set(matrix, row, column, two)
        m.set(matrix, other, column, one)


def emit_solve(m: Member) -> None:
    """both triangles, exchanges, b -> x; with an option for the transpose of the matrix."""
    a = m.a
    both, pivots, right, out = (m.matrix(number) for number in range(4))
    m.done_if_empty(both.rows)
    refuse_singular(m, both)
    m.copy(right, out)
    m.done_if_empty(out.columns)
    plain, transposed, after = a.label(), a.label(), a.label()
    a.fork(m.option(0), transposed, plain)
    a.begin(plain)
    _by_size(m, both, lambda: forwards(m, both, out, False), lambda: by_library(m, both, out, "true", "false", NOT_UNIT))
    _by_size(m, both, lambda: backwards(m, both, out, True), lambda: by_library(m, both, out, "false", "false", UNIT))
    with m.steps_down(0, both.rows) as row:
        _exchange_back(m, pivots, out, row)
    a.jump(after)
    a.begin(transposed)
    with m.steps(0, both.rows) as row:
        _exchange_back(m, pivots, out, row)
    _by_size(m, both, lambda: forwards(m, both.turned, out, True), lambda: by_library(m, both, out, "false", "true", UNIT))
    _by_size(m, both, lambda: backwards(m, both.turned, out, False), lambda: by_library(m, both, out, "true", "true", NOT_UNIT))
    a.jump(after)
    a.begin(after)


def _exchange_back(m: Member, pivots: Matrix, out: Matrix, row: str) -> None:
    a = m.a
    other = a.value(f"sext i32 {a.load(pivots.pointer, a.multiply(row, pivots.row), 'i32')} to i64")
    other = a.subtract(other, 1)
    with a.when(a.compare("ne", other, row)):
        _exchange(m, out, row, other)


def _by_size(m: Member, matrix: Matrix, small: Callable[[], None], large: Callable[[], None]) -> None:
    a = m.a
    loops, library, after = a.label(), a.label(), a.label()
    a.fork(a.compare("sgt", matrix.rows, SMALL), library, loops)
    a.begin(loops)
    small()
    a.jump(after)
    a.begin(library)
    large()
    a.jump(after)
    a.begin(after)


def emit_inverse(m: Member) -> None:
    """both triangles, exchanges -> the inverse."""
    a = m.a
    both, pivots, out = m.matrix(0), m.matrix(1), m.matrix(2)
    n = both.rows
    m.done_if_empty(n)
    refuse_singular(m, both)
    m.copy(both, out)
    # Of a single number nobody says how far apart its rows are.
    m.done(m.lapack("getri", n, f"ptr {out.pointer}", a.larger(out.row, 1), f"ptr {pivots.pointer}", "ptr %work", a.multiply(n, BLOCK)))

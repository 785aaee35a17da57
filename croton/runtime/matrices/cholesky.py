"""The Cholesky decomposition: a lower triangular matrix, zeros above its diagonal."""

from __future__ import annotations

from croton.runtime.matrices.member import Member

SMALL = 12
"""Up to so many rows plain loops take less time than a call of the library."""


def emit(m: Member) -> None:
    """x -> L, of which the lower triangle of x says all."""
    a, x, out = m.a, m.matrix(0), m.matrix(1)
    n = out.rows
    m.done_if_empty(n)
    m.copy_lower(x, out)
    with a.when(a.compare("sgt", n, SMALL)):
        # The lower triangle in rows is the upper one in columns.
        m.done(m.lapack("potrf", ("char", "U"), n, f"ptr {out.pointer}", out.row))
    rest = a.variable(m.real)
    with a.loop(n) as row:
        with a.loop(row) as column:
            _subtract_products(m, rest, row, column)
            m.set(out, row, column, m.number("fdiv", a.get(rest, m.real), m.get(out, column, column)))
        _subtract_products(m, rest, row, row)
        square = a.get(rest, m.real)
        with a.when(m.less("ole", square, "0.0")):
            m.done(a.add(row, 1))
        m.set(out, row, row, m.call("sqrt", square))


def _subtract_products(m: Member, rest: str, row: str, column: str) -> None:
    """Put into `rest` what is left of an element without what the columns before it make of it."""
    a, out = m.a, m.matrix(1)
    a.set(rest, m.get(out, row, column), m.real)
    with a.loop(column) as before:
        product = m.number("fmul", m.get(out, row, before), m.get(out, column, before))
        a.set(rest, m.number("fsub", a.get(rest, m.real), product), m.real)

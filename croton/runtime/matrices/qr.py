"""The QR decomposition."""

from __future__ import annotations

from croton.runtime.matrices.member import Matrix, Member

BLOCK = 64
"""The working memory for each column: LAPACK takes so many at once."""


def emit(m: Member) -> None:
    """x -> Q in columns, as many as the shorter side of x has, and R."""
    a, x, left, right = m.a, m.matrix(0), m.matrix(1), m.matrix(2)
    rows, columns = x.rows, x.columns
    least = a.smaller(rows, columns)
    m.done_if_empty(least)
    taken = a.multiply(rows, columns)
    factors, work = m.working(taken), m.working(a.add(taken, least))
    length = a.multiply(columns, BLOCK)
    m.copy(x.turned, Matrix("%work", columns, rows, rows, "1"))
    info = m.lapack("geqrf", rows, columns, "ptr %work", rows, f"ptr {factors}", f"ptr {work}", length)
    with a.when(a.compare("ne", info, 0)):
        m.done(info)
    found = Matrix("%work", rows, columns, "1", rows)
    with a.when(m.wanted(right)), a.loop(least) as row:
        with a.loop(row) as column:
            m.set(right, row, column, "0.0")
        with m.steps(row, columns) as column:
            m.set(right, row, column, m.get(found, row, column))
    with a.when(m.wanted(left)):
        with a.loop(a.multiply(rows, least)) as place:
            a.store(a.load("%work", place, m.real), left.pointer, place, m.real)
        m.done(m.lapack("orgqr", rows, least, least, f"ptr {left.pointer}", rows, f"ptr {factors}", f"ptr {work}", length))

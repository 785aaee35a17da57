"""Eigenvalues of symmetric matrices, and singular values. LAPACK works on columns: the vectors lie as it leaves them."""

from __future__ import annotations

from croton.runtime.matrices.member import Matrix, Member


def emit_eigh(m: Member) -> None:
    """x -> the eigenvalues in increasing order, and the eigenvectors in columns. Only the lower triangle of x counts.

    Working memory: n * (2 n + 11) + 4 elements, and n * n more where nobody wants the vectors.
    """
    a, x, values, vectors = m.a, m.matrix(0), m.matrix(1), m.matrix(2)
    n = x.rows
    m.done_if_empty(n)
    square = a.multiply(n, n)
    work = a.add(a.add(a.multiply(square, 2), a.multiply(n, 6)), 1)
    integers = a.add(a.multiply(n, 5), 3)
    wanted, alone, after = a.label(), a.label(), a.label()

    def run(letter: str, matrix: str, free: str) -> None:
        m.copy(x.turned, Matrix(matrix, n, n, n, "1"))
        behind = a.at(free, work, m.real)
        results = (f"ptr {matrix}", n, f"ptr {values.pointer}")
        m.done(m.lapack("syevd", ("char", letter), ("char", "L"), n, *results, f"ptr {free}", work, f"ptr {behind}", integers))

    a.fork(m.wanted(vectors), wanted, alone)
    a.begin(wanted)
    run("V", vectors.pointer, "%work")
    a.jump(after)
    a.begin(alone)
    run("N", "%work", m.working(square))
    a.jump(after)
    a.begin(after)


def emit_svd(m: Member) -> None:
    """x -> left vectors, singular values in decreasing order, right vectors; no vectors if nobody wants them."""
    a, x = m.a, m.matrix(0)
    left, values, right = (m.matrix(number) for number in (1, 2, 3))
    rows, columns, least = x.rows, x.columns, values.rows
    m.done_if_empty(least)
    m.copy(x.turned, Matrix("%work", columns, rows, rows, "1"))
    used = a.multiply(rows, columns)
    integers = m.working(used)
    used = a.add(used, a.multiply(least, 8))
    work = m.working(used)
    both = a.add(rows, columns)
    length = a.add(a.multiply(a.multiply(least, least), 4), a.multiply(a.add(both, least), 64))

    def run(letter: str) -> None:
        results = (f"ptr {values.pointer}", f"ptr {left.pointer}", rows, f"ptr {right.pointer}", least)
        m.done(m.lapack("gesdd", ("char", letter), rows, columns, "ptr %work", rows, *results, f"ptr {work}", length, f"ptr {integers}"))

    with a.when(m.wanted(left)):
        run("S")
    run("N")

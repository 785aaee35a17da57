"""What extents say about unknown sizes."""

from __future__ import annotations

from croton.sizes import Size, bind, determined, symbol, symbols, undivided

n, m, k = symbol("n"), symbol("m"), symbol("k")


def test_a_symbol_is_determined_by_what_it_is_a_part_of() -> None:
    one = determined(4 * n + m - 2, symbols(m))
    assert one is not None
    assert (one.symbol.size, one.coefficient, one.rest) == (n, 4, m - 2)


def test_what_is_not_linear_or_has_two_unknowns_determines_nothing() -> None:
    assert determined(n * n, ()) is None
    assert determined(n // 2, ()) is None
    assert determined(n + n // 2, ()) is None
    assert determined(n + m, ()) is None
    assert determined(7, ()) is None


def test_bind_takes_extents_in_whatever_order_they_can_be_solved() -> None:
    extents: list[tuple[Size, int]] = [(n + m, 7), (k * m, 6), (4 * n, 20), (n, 5)]
    assert {s.name: v for s, v in bind(extents).items()} == {"n": 5, "m": 2, "k": 3}


def test_bind_leaves_what_nothing_determines() -> None:
    assert bind([(n * n, 9), (m + k, 4)]) == {}
    assert bind([(n * 0 + 3, 3)]) == {}


def test_a_factor_of_nothing_is_nothing() -> None:
    assert {s.name: v for s, v in bind([(m, 0), (k * m, 0)]).items()} == {"m": 0, "k": 0}


def test_undivided_is_the_size_where_divisions_leave_nothing() -> None:
    assert undivided(4 * (n // 4)) == n
    assert undivided(m * 4 * (n // 4) + 1) == m * n + 1
    assert undivided(4 * (n // 2) * (m // 2)) == n * m
    assert undivided(k * ((n + 1) // k)) == n + 1
    assert undivided(3 * (n // 4)) == 3 * (n // 4)
    assert undivided(n + 2) == n + 2
    assert undivided(5) == 5

"""How sizes are written and sorted."""

from __future__ import annotations

from croton.sizes import least, order_key, symbol


def test_names_with_numbers_are_sorted_by_these() -> None:
    sizes = [symbol(f"k{number}") for number in (100, 9, 10, 11)]
    assert [str(size) for size in sorted(sizes, key=order_key)] == ["k9", "k10", "k11", "k100"]
    total = sum(sizes[1:], sizes[0])
    assert str(total) == "k9 + k10 + k11 + k100"


def test_divisions_are_in_brackets_where_they_are_factors() -> None:
    n, m = symbol("n"), symbol("m")
    smallest = least(n, m)
    assert str(smallest // 2) == "(min(m, n)) // 2"
    assert str(smallest // 2 * n) == "((min(m, n)) // 2)*n"
    assert str(smallest * n) == "min(m, n)*n"
    assert str((n + m) // 2) == "(m + n) // 2"
    assert str(2 * n * n - n * m + 1) == "-m*n + 2*n**2 + 1"

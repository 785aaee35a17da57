"""Sums of monomials with weights: what is proved of them holds wherever it is evaluated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from croton.sizes import Size, evaluate, never_more, quotient, symbol, symbols, value, weighted
from croton.sizes.weighted import Weighted, combined, symbols_of

n, m, k = symbol("n"), symbol("m"), symbol("k")
NAMES = [symbols(size)[0] for size in (n, m, k)]
ATOMS: list[Size] = [1, n, m, k, quotient(n, 2), quotient(m + 3, k), quotient(n - 5, 3), quotient(k, n + 1)]

SIZES = st.fixed_dictionaries({name: st.one_of(st.integers(1, 5), st.integers(1, 10_000)) for name in NAMES})
WEIGHTS = st.one_of(st.integers(-3, 9).map(float), st.floats(-1.0, 8.0))


@st.composite
def sums(draw: st.DrawFn) -> Weighted:
    parts = draw(st.lists(st.tuples(st.lists(st.sampled_from(ATOMS), max_size=3), WEIGHTS), max_size=5))
    total = []
    for atoms, weight in parts:
        size: Size = 1
        for atom in atoms:
            size = size * atom
        total.append((size, weight))
    return weighted(total)


@given(st.lists(st.tuples(st.sampled_from(ATOMS), WEIGHTS), max_size=5), SIZES)
def test_the_value_is_that_of_the_sizes(parts: list[tuple[Size, float]], sizes: dict) -> None:
    found = value(weighted(parts), sizes)
    assert found == pytest.approx(sum(weight * evaluate(size, sizes) for size, weight in parts), rel=1e-12, abs=1e-9)


@given(sums(), sums(), st.lists(SIZES, min_size=1, max_size=8))
def test_what_is_proved_is_never_wrong(left: Weighted, right: Weighted, many: list[dict]) -> None:
    # Sums of the two are compared as well, so that there is something to be proved.
    for one, other in ((left, right), (left, combined([(left, 1.0), (right, 1.0)])), (right, combined([(left, 2.0), (right, 1.5)]))):
        if never_more(one, other):
            for sizes in many:
                assert value(one, sizes) <= value(other, sizes) + 1e-9 * sum(map(abs, other.values())) * max(sizes.values()) ** 3


def test_what_is_proved() -> None:
    def proved(left: Size, right: Size) -> bool:
        return never_more(weighted([(left, 1.0)]), weighted([(right, 1.0)]))

    assert proved(n, n * m) and proved(n + m, 2 * n * m) and proved(5, 5 * k) and proved(n - 3, n)
    assert proved(n * quotient(m, 2), n * quotient(m, 2) * k) and proved(0, quotient(n, 2))
    assert not proved(n + m + 1, 2 * n * m)  # 3 and 2 where all are 1
    assert not proved(n * n, n * m) and not proved(n * m, n + m) and not proved(0, n - 2)
    assert not proved(0, quotient(n - 5, 3)) and not proved(quotient(m, 2), m - 1)


def test_the_symbols_of_a_sum() -> None:
    assert symbols_of(weighted([(n * quotient(m, 2), 1.0), (3, 1.0)])) == tuple(sorted(NAMES[:2], key=lambda name: name.name))
    assert symbols_of({}) == ()

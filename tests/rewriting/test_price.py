"""Costs as functions of the sizes agree with costs at sizes, and a proof that one is no dearer holds at all of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from croton.algebra import Label, Use, add, contract, delta, input_, reduce, scalar
from croton.algebra.cost import assuming
from croton.algebra.plan import cost
from croton.dtypes import float64
from croton.rewriting.price import Price, never_dearer, price_of, prices_of, total
from croton.sizes import symbol, symbols, value

n, m, k, p = (symbol(f"price_{name}") for name in "nmkp")
NAMES = [symbols(size)[0] for size in (n, m, k, p)]
LABELS = [Label(n), Label(m), Label(k), Label(p), Label(48)]


def array(name: str, *at: Label) -> Use:
    return input_(f"price {name}", list(at), float64)


@st.composite
def products(draw: st.DrawFn) -> Any:
    """A product of one to four arrays, summed over some of their labels."""
    count = draw(st.integers(1, 4))
    factors = []
    for number in range(count):
        at = draw(st.lists(st.sampled_from(LABELS), min_size=1, max_size=3, unique=True))
        factors.append((array(f"{number}{[LABELS.index(label) for label in at]}", *at), draw(st.sampled_from([1, 1, 1, 2]))))
    every = list(dict.fromkeys(label for use, _ in factors for label in use.labels))
    out = draw(st.lists(st.sampled_from(every), max_size=2, unique=True))
    return contract(out, factors, 1.0, [label for label in every if label not in out]).node


EXTENTS = st.fixed_dictionaries({name: st.integers(16, 3000) for name in NAMES})


@given(products(), EXTENTS)
def test_prices_are_costs_where_no_side_is_small(node: Any, sizes: dict) -> None:
    with assuming(sizes):
        found, wanted = price_of(node), cost(node)
    assert found is not None and found.at(sizes) == pytest.approx(wanted)


@given(products(), EXTENTS)
def test_the_least_of_all_orders_is_the_cost(node: Any, sizes: dict) -> None:
    every = prices_of(node)
    if every is None:
        assert len(node.args) > 3
        return
    with assuming(sizes):
        assert min(price.at(sizes) for price in every) == pytest.approx(cost(node))


@given(products(), products(), st.floats(1.0, 3.0), st.fixed_dictionaries({name: st.integers(1, 500) for name in NAMES}), st.floats(1.0, 30.0))
def test_what_is_never_dearer_is_not(one: Any, other: Any, factor: float, sizes: dict, rate: float) -> None:
    left, right = price_of(one), price_of(other)
    if left is None or right is None:
        return
    for cheap, dear in ((left, right), (left, total([(left, 1.0), (right, 1.0)]))):
        if never_dearer(cheap, dear, factor):
            times = [value(price.product, sizes) / rate + value(price.fused, sizes) + value(price.moved, sizes) for price in (cheap, dear)]
            assert times[0] <= factor * times[1] * (1 + 1e-9)


def test_what_is_proved_of_programs() -> None:
    a, b, c = LABELS[0], LABELS[1], LABELS[2]
    x, y = array("x", a, b), array("y", b, c)
    summed = price_of(contract([a], [(x, 1)], 1.0, [b]).node)
    scaled = price_of(contract([a], [(x, 1), (array("v", b), 1)], 1.0, [b]).node)
    multiplied = price_of(contract([a, c], [(x, 1), (y, 1)], 1.0, [b]).node)
    assert summed is not None and scaled is not None and multiplied is not None
    assert never_dearer(summed, scaled) and not never_dearer(scaled, summed) and never_dearer(scaled, summed, 2.0)
    # Operations of a loop are not fewer than those of a product if products are fast enough.
    assert not never_dearer(scaled, multiplied) and not never_dearer(multiplied, scaled)
    assert never_dearer(multiplied, multiplied) and not never_dearer(multiplied, multiplied, 0.9)


def test_prices_of_other_kinds() -> None:
    a, b = LABELS[0], LABELS[1]
    x = array("x", a, b)
    sizes = dict.fromkeys(NAMES, 20)
    for use in (scalar("exp", x), add([(x, 1), (array("z", a), 1)]), reduce("max", x, [b])):
        price = price_of(use.node)
        with assuming(sizes):
            assert price is not None and price.at(sizes) == cost(use.node)
    assert price_of(x.node) == Price({}, {}, {})
    related = contract([a], [(x, 1), (delta(a, b), 1)], 1.0, [b]).node
    assert price_of(related) is None and prices_of(related) is None

"""Contraction orders against enumeration of all orders, and the forms a plan recognises."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from croton.algebra import Label, affine, at_least_zero, contract, input_, scalar
from croton.algebra.cost import LEAST_PRODUCT, Order, _Search, elements, extent, search
from croton.algebra.plan import Plan, cost, plan, prefix_of
from croton.dtypes import float64
from croton.sizes import symbol

EXTENTS = {"a": 3, "b": 5, "c": 20, "d": 2, "e": 40}
terms_strategy = st.lists(st.frozensets(st.sampled_from("abcde"), max_size=3), min_size=1, max_size=5)


def leaves(tree: Any) -> list[int]:
    return [tree] if isinstance(tree, int) else leaves(tree[0]) + leaves(tree[1])


def price(tree: Any, terms: list, out: frozenset) -> tuple[frozenset, int]:
    """Labels and operations of a tree, step by step."""
    if isinstance(tree, int):
        others = [term for place, term in enumerate(terms) if place != tree]
        kept = frozenset(label for label in terms[tree] if label in out or any(label in other for other in others))
        return kept, 0 if kept == terms[tree] else math.prod(EXTENTS[label] for label in terms[tree])
    left, right = price(tree[0], terms, out), price(tree[1], terms, out)
    inside = set(leaves(tree))
    rest = [term for place, term in enumerate(terms) if place not in inside]
    union = left[0] | right[0]
    kept = frozenset(label for label in union if label in out or any(label in other for other in rest))
    flops = math.prod(EXTENTS[label] for label in union) * (1 if kept == union else 2)
    return kept, left[1] + right[1] + flops


def trees(places: tuple[int, ...]) -> list:
    if len(places) == 1:
        return [places[0]]
    found = []
    for mask in range(1, 1 << (len(places) - 1)):
        left = tuple(p for i, p in enumerate(places) if mask >> i & 1)
        right = tuple(p for i, p in enumerate(places) if not mask >> i & 1)
        found += [(a, b) for a in trees(left) for b in trees(right)]
    return found


@settings(max_examples=120, deadline=None)
@given(terms_strategy, st.frozensets(st.sampled_from("abcde"), max_size=2))
def test_orders_are_complete_and_counted(terms: list, out: frozenset) -> None:
    for order in (search(terms, out, EXTENTS), _Search(terms, out, EXTENTS).greedy()):
        assert sorted(leaves(order.tree)) == list(range(len(terms)))
        assert price(order.tree, terms, out)[1] == order.flops


@settings(max_examples=40, deadline=None)
@given(terms_strategy.filter(lambda terms: len(terms) > 1), st.frozensets(st.sampled_from("abcde"), max_size=2))
def test_no_order_is_cheaper_than_the_exact_one(terms: list, out: frozenset) -> None:
    work = _Search(terms, out, EXTENTS)

    def time(tree: Any) -> tuple[int, float]:
        if isinstance(tree, int):
            kept = work._mask(price(tree, terms, out)[0])
            return kept, work.leaf(work.masks[tree], kept)[1]
        left, right = time(tree[0]), time(tree[1])
        kept = work._mask(price(tree, terms, out)[0])
        return kept, left[1] + right[1] + work.step(left[0], right[0], kept)[1]

    best = min(time(tree)[1] for tree in trees(tuple(range(len(terms)))))
    found = search(terms, out, EXTENTS)
    assert found.time == pytest.approx(best)
    assert work.greedy().time >= best * 0.999


def test_nothing_to_contract() -> None:
    assert search([], frozenset(), {}) == Order(None, 0, 0.0, 0)
    assert search([frozenset("ab")], frozenset("ab"), EXTENTS).flops == 0
    assert search([frozenset("ab")], frozenset("a"), EXTENTS).flops == 15


def test_many_factors_are_contracted_greedily() -> None:
    names = [Label(8) for _ in range(41)]
    factors = [(input_(f"f{i}", names[i : i + 2], float64), 1) for i in range(40)]
    found = plan(contract([names[0], names[40]], factors, 1.0, names[1:40]).node)
    assert sorted(leaves(found.tree)) == list(range(40))
    assert found.largest == 64 and found.flops == 39 * 2 * 8**3


def test_a_matrix_product_is_faster_than_a_loop_of_as_many_operations() -> None:
    n = 4 * LEAST_PRODUCT
    product = search([frozenset("ij"), frozenset("jk")], frozenset("ik"), dict.fromkeys("ijk", n))
    matrix_vector = search([frozenset("ij"), frozenset("j")], frozenset("i"), {"i": n * n, "j": n})
    assert product.flops == matrix_vector.flops and product.time < matrix_vector.time / 4


def chain(*sizes: Any) -> Plan:
    names = [Label(size) for size in sizes]
    factors = [(input_(f"m{i}{sizes}", names[i : i + 2], float64), 1) for i in range(len(sizes) - 1)]
    return plan(contract([names[0], names[-1]], factors, 1.0, names[1:-1]).node)


def test_the_order_depends_on_the_sizes() -> None:
    assert chain(1000, 10, 1000, 10).tree != chain(10, 1000, 10, 1000).tree
    assert chain(10, 1000, 10, 1000).flops == 2 * 10 * 1000 * 10 + 2 * 10 * 10 * 1000


def test_hints_decide() -> None:
    for name, likely in (("plan_size", 10), ("other_plan_size", 20)):
        size = symbol(name, likely)
        assert extent(size) == likely and elements([size, size, 3]) == 3 * likely**2
        assert chain(size, 5, size).flops == 2 * likely * 5 * likely


def test_powers_are_counted() -> None:
    i, j = Label(30), Label(20)
    x, y = input_("x", [i, j], float64), input_("y", [j], float64)
    plain = plan(contract([i], [(x, 1), (y, 1)], 1.0, [j]).node)
    squared = plan(contract([i], [(x, 2), (y, 1)], 1.0, [j]).node)
    assert squared.flops == plain.flops + 600


def running(offset: int, forward: bool = True) -> Any:
    s, t, e = Label(50), Label(60), Label(4)
    row = {t: 1, s: -1} if forward else {t: -1, s: 1}
    return contract([t, e], [(input_("x", [s, e], float64), 1), (at_least_zero(row, offset), 1)], 1.0, [s]).node


def test_running_sums_are_recognised() -> None:
    forward, backward = prefix_of(running(0)), prefix_of(running(-2, False))
    assert forward is not None and not forward.reverse and forward.offset == 0
    assert backward is not None and backward.reverse and backward.offset == -2
    assert plan(running(0)).prefix == forward
    assert plan(running(0)).time < 60 * 50 * 4


def test_windows_and_tables_are_no_running_sums() -> None:
    s, t = Label(50), Label(60)
    x, y = input_("x", [s], float64), input_("y", [s, t], float64)
    both = contract([t], [(x, 1), (at_least_zero({t: 1, s: -1}, 0), 1), (at_least_zero({t: -1, s: 1}, 3), 1)], 1.0, [s])
    assert prefix_of(both.node) is None
    table = contract([t], [(y, 1), (at_least_zero({t: 1, s: -1}, 0), 1)], 1.0, [s])
    assert prefix_of(table.node) is None
    strided = contract([t], [(x, 1), (at_least_zero({t: 1, s: -2}, 0), 1)], 1.0, [s])
    assert prefix_of(strided.node) is None


def test_a_plan_of_relations_is_over_solved_terms() -> None:
    i, o, k = Label(100), Label(98), Label(3)
    factors = [(input_("x", [i], float64), 1), (input_("w", [k], float64), 1), (affine({i: 1, o: -1, k: -1}, 0), 1)]
    found = plan(contract([o], factors, 1.0, [i, k]).node)
    assert found.solved is not None and sorted(leaves(found.tree)) == [0, 1]
    assert found.flops == 2 * 98 * 3


def test_every_kind_has_a_cost() -> None:
    i = Label(7)
    x = input_("x", [i], float64)
    assert cost(x.node) == 0
    assert cost(scalar("exp", x).node) > cost(scalar("abs", x).node) == 7
    assert cost(contract([i], [], 3.0, dtype=float64).node) == 0
    assert np.isfinite(cost(contract([i], [(x, -1)]).node))

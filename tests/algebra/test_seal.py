"""Canonical order: renaming labels and shuffling factors changes nothing."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from croton import algebra
from croton.algebra import Label, Use, add, affine, check, contract, scalar
from croton.dtypes import float64

SIZE = 3
NODES = [algebra.input_(f"m{rank}{copy}", [Label(SIZE) for _ in range(rank)], float64).node for rank in (1, 2, 2, 3) for copy in range(2)]

factor = st.tuples(st.integers(0, len(NODES) - 1), st.lists(st.integers(0, 4), min_size=3, max_size=3), st.integers(1, 2))
relation = st.tuples(st.lists(st.integers(0, 4), min_size=2, max_size=3, unique=True), st.sampled_from([(1, -1, 0), (1, 1, -2), (2, -1, 1)]))


def build(factors: list, relations: list, summed: list[bool], seed: int) -> tuple[Use, list[Label]]:
    """The product with its factors in an order, its labels under names, that depend on the seed."""
    shuffle = random.Random(seed)
    labels = [Label(SIZE) for _ in range(5)]
    product = [(Use(NODES[node], tuple(labels[i] for i in places[: len(NODES[node].dims)])), power) for node, places, power in factors]
    for places, (a, b, c) in relations:
        coefficients = {labels[places[0]]: a, labels[places[1]]: b}
        product.append((affine(coefficients, c), 1))
    shuffle.shuffle(product)
    used = {label for use, _ in product for label in use.labels}
    inner = [label for label, is_summed in zip(labels, summed) if is_summed and label in used]
    shuffle.shuffle(inner)
    out = [label for label in used if label not in inner]
    return contract(out, product, 2.0, inner, float64), labels


@settings(max_examples=150, deadline=None)
@given(st.lists(factor, min_size=1, max_size=4), st.lists(st.booleans(), min_size=5, max_size=5), st.integers(0, 10**6))
def test_products_have_one_form(factors: list, summed: list[bool], seed: int) -> None:
    first, labels = build(factors, [], summed, 0)
    second, others = build(factors, [], summed, seed)
    check([first])
    assert first.node is second.node
    # Equal but for symmetries of the node, which read the same value.
    assert {labels.index(label) for label in first.labels} == {others.index(label) for label in second.labels}


@settings(max_examples=100, deadline=None)
@given(
    st.lists(factor, min_size=1, max_size=2), st.lists(relation, min_size=1, max_size=2), st.lists(st.booleans(), min_size=5, max_size=5),
    st.integers(0, 10**6),
)  # fmt: skip
def test_products_with_relations_mean_the_same_in_any_order(factors: list, relations: list, summed: list[bool], seed: int) -> None:
    first, labels = build(factors, relations, summed, 0)
    second, others = build(factors, relations, summed, seed)
    check([first, second])
    environment = {}
    generator = random.Random(1)
    for node in NODES:
        count = SIZE ** len(node.dims)
        environment[node.param] = np.array([generator.random() for _ in range(count)]).reshape([SIZE] * len(node.dims))
    axes = [place for place in range(5) if labels[place] in first.labels]
    found, again = algebra.interpret(
        [algebra.Operand(tuple(labels[i] for i in axes), first), algebra.Operand(tuple(others[i] for i in axes), second)], environment
    )
    assert abs(found - again).max(initial=0) < 1e-9


def test_sums_and_commuting_functions_have_one_form() -> None:
    i, j = Label(SIZE), Label(SIZE)
    A, B = Use(NODES[2], (i, j)), Use(NODES[3], (j, i))
    assert add([(A, 2), (B, 1)]) == add([(B, 1), (A, 2)])
    assert add([(A, 1), (A, 1)]) == contract([i, j], [(A, 1)], 2)
    assert add([(A, 1), (A, -1)]) == algebra.constant(0.0, float64)
    assert scalar("maximum", A, B) == scalar("maximum", B, A)
    transposed = add([(A, 1), (Use(NODES[2], (j, i)), 1)])
    assert transposed.node is add([(Use(NODES[2], (j, i)), 1), (A, 1)]).node

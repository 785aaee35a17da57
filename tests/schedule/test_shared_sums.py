"""Sums that contain other sums of a graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.algebra.add import add
from croton.algebra.constant import input_
from croton.algebra.node import Label, Use, walk
from croton.dtypes import float64
from croton.schedule.shared_sums import shared_sums


def arrays(count: int, *axes: Label) -> list[Use]:
    return [input_(f"x{number}", axes, float64) for number in range(count)]


def terms_of(*sums: Use) -> dict[Any, tuple]:
    return shared_sums(list(walk([use.node for use in sums])), ())


def test_a_sum_is_what_it_is_longer_by() -> None:
    i, j = Label(5), Label(4)
    xs = arrays(5, i, j)
    three, four = add([(x, 1) for x in xs[:3]]), add([(x, 1) for x in xs[:4]])
    five = add([*[(x, -1) for x in xs[:4]], (xs[4], 1)])
    found = terms_of(three, four, five)
    assert three.node not in found
    assert {(node, coef.number) for node, _, coef in found[four.node]} == {(three.node, 1), (xs[3].node, 1)}
    assert {(node, coef.number) for node, _, coef in found[five.node]} == {(four.node, -1), (xs[4].node, 1)}


def test_axes_go_along() -> None:
    i, j = Label(4), Label(4)
    xs = arrays(3, i, j)
    part, other = add([(x, 1) for x in xs]), input_("y", (i, j), float64)
    turned = add([*[(Use(x.node, (j, i)), 1) for x in xs], (other, 1)])
    (terms,) = [found for node, found in terms_of(part, turned).items() if node is turned.node]
    ((labels, added),) = [(labels, node) for node, labels, _ in terms if node is part.node]
    assert labels != next(labels for node, labels, _ in terms if node is other.node) and added.dims == (4, 4)


@pytest.mark.parametrize("change", ["coefficient", "two wide", "diagonal"])
def test_what_is_not_in_it_or_not_worth_it(change: str) -> None:
    i, j = Label(4), Label(4)
    xs = arrays(4, i, j)
    part = add([(x, 1) for x in xs[:3]])
    whole = add([*[(x, 1) for x in xs[:2]], (xs[2], 2), (xs[3], 1)])
    if change == "two wide":
        part, whole = add([(x, 1) for x in xs[:2]]), add([(x, 1) for x in xs[:3]])
    if change == "diagonal":
        whole = add([*[(Use(x.node, (i, i)), 1) for x in xs[:3]], (xs[3], 1)])
    assert not terms_of(part, whole)


def residual(layers: int) -> cr.Function:
    x = cr.matrix("x", dtype="float32")
    weights = [cr.tensor(f"w{number}", shape=(64, 64), dtype="float32") for number in range(layers)]
    h = x
    for weight in weights:
        centred = h - h.mean(-1, keepdims=True)
        h = h + cr.tanh(centred / cr.sqrt((centred * centred).mean(-1, keepdims=True) + 1e-5) @ weight) @ weight
    cost = (h * h).sum()
    return cr.function([x, *weights], [cost, *cr.grad(cost, weights)])


def test_layers_of_a_residual_network_are_equal_kernels_of_few_arrays() -> None:
    heads = [kernel.partition("\n")[0] for kernel in residual(18).account.kernels]
    assert len(heads) <= 12
    assert max([head.count("float32 [") for head in heads]) <= 8


def test_residual_networks_have_the_values_and_slopes_of_numpy() -> None:
    rng = np.random.default_rng(0)
    function = residual(5)
    x, weights = rng.standard_normal((3, 64)).astype("float32"), [0.1 * rng.standard_normal((64, 64)).astype("float32") for _ in range(5)]

    def cost(weights: list[np.ndarray]) -> float:
        h = x.astype(float)
        for weight in weights:
            centred = h - h.mean(-1, keepdims=True)
            h = h + np.tanh(centred / np.sqrt((centred * centred).mean(-1, keepdims=True) + 1e-5) @ weight) @ weight
        return float((h * h).sum())

    found, *slopes = function(x, *weights)
    wide = [weight.astype(float) for weight in weights]
    np.testing.assert_allclose(found, cost(wide), rtol=1e-5)
    direction = [rng.standard_normal((64, 64)) for _ in weights]
    moved = [cost([weight + step * d for weight, d in zip(wide, direction)]) for step in (1e-5, -1e-5)]
    along = sum(float((slope * d).sum()) for slope, d in zip(slopes, direction))
    np.testing.assert_allclose((moved[0] - moved[1]) / 2e-5, along, rtol=1e-4)


def test_sums_within_sums_have_the_values_of_numpy() -> None:
    """As they are, transposed, and subtracted."""
    a, b, c, d = [cr.tensor(name, shape=(4, 4)) for name in "abcd"]
    part = a + b - c
    function = cr.function([a, b, c, d], [cr.exp(part), cr.sin(part) @ part, part + d, part.T + d, d - part, part + part.T + d])
    w, x, y, z = np.random.default_rng(0).standard_normal((4, 4, 4))
    p = w + x - y
    for found, wanted in zip(function(w, x, y, z), [np.exp(p), np.sin(p) @ p, p + z, p.T + z, z - p, p + p.T + z]):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)

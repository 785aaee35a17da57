"""Loops of a graph that is there already, in segments: the same values and derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.transforms.thrift import loops_in_segments

STEPS = 17
CHANCE = np.random.default_rng(0)
X, W, H = CHANCE.normal(size=(STEPS, 3, 4)), CHANCE.normal(size=(4, 4)) / 2, CHANCE.normal(size=(3, 4))


@pytest.fixture(autouse=True)
def _without_cache() -> Any:
    with cr.config.use(cache=False):
        yield


def recurrent(x: Any, w: Any, h: Any) -> Any:
    return cr.scan(lambda h, row: (cr.tanh(row + h @ w), None), h, x)[0]


def stacked_and_backward(x: Any, w: Any, h: Any) -> Any:
    last, hs = cr.scan(lambda h, row: (cr.tanh(row + h @ w), h * 2), h, x)
    other, gs = cr.scan(lambda g, row: (cr.sin(row * g), g), last, hs, reverse=True)
    return other + gs.mean(axis=0)


def two_carries(x: Any, w: Any, h: Any) -> Any:
    def cell(carry: Any, row: Any) -> Any:
        gates = cr.sigmoid(row + carry["h"] @ w)
        c = gates * carry["c"] + row
        return {"h": gates * cr.tanh(c), "c": c}, None

    last, _ = cr.scan(cell, {"h": h, "c": h}, x)
    return last["h"] * last["c"]


def a_loop_inside(x: Any, w: Any, h: Any) -> Any:
    return cr.scan(lambda h, row: (cr.fori(0, 2, lambda i, h: cr.tanh(h @ w + row * i), h), None), h, x)[0]


def a_mapped_function_inside(x: Any, w: Any, h: Any) -> Any:
    return cr.scan(lambda h, row: (cr.vmap(lambda a, b: cr.tanh(a @ w + b))(h, row), None), h, x)[0]


def mapped(x: Any, w: Any, h: Any) -> Any:
    return cr.vmap(recurrent, in_axes=(1, None, 0))(x, w, h)


def a_gradient_in_each_step(x: Any, w: Any, h: Any) -> Any:
    return cr.scan(lambda h, row: (h - 0.1 * cr.grad((cr.tanh(h @ w + row) ** 2).sum(), h), None), h, x)[0]


def earlier_steps(x: Any, w: Any, h: Any) -> Any:
    last, _ = cr.scan(lambda hs, row: (cr.tanh(row + hs[0] @ w + hs[1]), None), cr.taps(cr.stack([h, h * 2]), [-2, -1]), x)
    return last.sum(axis=0)


@pytest.mark.parametrize("steps", [STEPS, None], ids=["known", "open"])
@pytest.mark.parametrize(
    "make",
    [recurrent, stacked_and_backward, two_carries, a_loop_inside, a_mapped_function_inside, mapped, a_gradient_in_each_step, earlier_steps],
    ids=lambda make: make.__name__,
)
def test_values_and_derivatives_are_the_same(make: Callable[..., Any], steps: int | None) -> None:
    x, w, h = cr.tensor("x", (steps, 3, 4)), cr.matrix("w"), cr.tensor("h", (3, 4))
    y = make(x, w, h)
    cost = (y**2).sum()
    roots = [y, cost, *cr.grad(cost, [x, w, h])]
    found, loops = loops_in_segments(roots)
    assert 1 <= len(loops) <= 2 and all(loop.line is not None and loop.line.file == __file__ for loop in loops)
    for a, b in zip(cr.function([x, w, h], found)(X, W, H), cr.function([x, w, h], roots)(X, W, H)):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-13)


def test_what_no_derivative_goes_through_stays() -> None:
    x, w, h = cr.tensor("x", (STEPS, 3, 4)), cr.matrix("w"), cr.matrix("h")
    y = recurrent(x, w, h)
    assert loops_in_segments([y]) == ([y], [])
    gradient = cr.grad((cr.tanh(h @ w) ** 2).sum(), w)
    assert loops_in_segments([y, gradient])[1] == []
    short = cr.grad(recurrent(x[:5], w, h).sum(), w)
    assert loops_in_segments([short])[1] == []

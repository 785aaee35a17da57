"""Values that are computed again: the same numbers and derivatives, in less memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import croton as cr

RNG = np.random.default_rng(0)
W = cr.shared(RNG.normal(size=(5, 5)), name="W")
VALUE = RNG.normal(size=(4, 5))


@pytest.fixture(autouse=True)
def _checked() -> Any:
    with cr.config.use(cache=False, check=True):
        yield


def same(build: Callable[[Any, Any], list[Any]]) -> None:
    """What `build(x, checkpoint)` gives is what it gives when nothing is checkpointed."""
    x = cr.matrix("x")
    plain = cr.function([x], build(x, lambda function: function))
    again = cr.function([x], build(x, cr.checkpoint))
    for wanted, found in zip(plain(VALUE), again(VALUE)):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


def layer(h: Any) -> Any:
    return cr.tanh(h @ W) * cr.sigmoid(h)


def test_gradients_and_second_derivatives() -> None:
    def build(x: Any, checkpoint: Any) -> list[Any]:
        f = checkpoint(layer)
        cost = (f(f(x)) ** 2).sum()
        g = cr.grad(cost, W)
        return [cost, g, cr.grad(cost, x), *cr.grad((g**2).sum(), [W, x]), cr.hessian(cost, W)]

    same(build)


def test_gradients_are_slopes() -> None:
    x, v = cr.matrix("x"), cr.vector("v")
    cost = (cr.checkpoint(lambda h: layer(layer(h * v)))(x) ** 3).sum()
    f, g = cr.function([x, v], cost), cr.function([x, v], cr.grad(cost, v))
    at, step = RNG.normal(size=5), 1e-6
    slopes = [(f(VALUE, at + step * e) - f(VALUE, at - step * e)) / (2 * step) for e in np.eye(5)]
    np.testing.assert_allclose(g(VALUE, at), slopes, rtol=1e-5, atol=1e-7)


def test_checkpoints_in_checkpoints() -> None:
    def build(x: Any, checkpoint: Any) -> list[Any]:
        inner = checkpoint(layer)
        outer = checkpoint(lambda h: inner(inner(h)) + h)
        cost = (outer(outer(x)) ** 2).sum()
        return [*cr.grad(cost, [W, x]), cr.grad((cr.grad(cost, x) ** 2).sum(), W)]

    same(build)


def test_under_vmap() -> None:
    def build(x: Any, checkpoint: Any) -> list[Any]:
        def cost(row: Any) -> Any:
            return (checkpoint(lambda r: cr.tanh(r @ W) @ W)(row) ** 2).sum()

        each = cr.vmap(lambda row: cr.grad(cost(row), W))(x)
        return [each, cr.vmap(lambda row: cr.grad(cost(row), row))(x), cr.grad(cr.vmap(cost)(x).sum(), W)]

    same(build)


def test_a_mapped_function_inside() -> None:
    same(lambda x, checkpoint: [cr.grad(checkpoint(lambda h: cr.vmap(lambda r: cr.tanh(r @ W))(h))(x).sum(), W)])


def test_nested_structures_and_several_results_are_pulled_back_at_once() -> None:
    def build(x: Any, checkpoint: Any) -> list[Any]:
        f = checkpoint(lambda d: {"a": cr.tanh(d["u"] @ W), "b": (d["u"] * d["v"]).sum(axis=1), "count": cr.argmax(d["u"], axis=1)})
        found = f({"u": x, "v": cr.exp(x)})
        cost = (found["a"] ** 2).sum() + (found["b"] ** 3).sum() + found["count"].sum()
        return [cr.grad(cost, x), cr.grad(cost, W), cr.jacobian(found["a"].sum(axis=0), x), cr.jvp(found["b"], x, cr.ones_like(x))]

    same(build)


def test_what_the_body_draws_is_drawn_once() -> None:
    """A stream of random numbers moves on when it is asked: the function is called once, so what is computed again is the same."""
    x = cr.matrix("x")
    stream = cr.random.stream(3)
    calls = []

    def noisy(h: Any) -> Any:
        calls.append(1)
        return cr.tanh(h * cr.random.normal(stream.key(), h.shape))

    y = cr.checkpoint(noisy)(x)
    f = cr.function([x], [y, cr.grad(y.sum(), x)])
    found, slope = f(VALUE)
    np.testing.assert_allclose(slope * VALUE / (1 - found**2), np.arctanh(found), rtol=1e-9)
    assert len(calls) == 1


def deep(depth: int, piece: int, checkpoint: Any, width: int = 32) -> Any:
    weights = [cr.shared(np.random.default_rng(i).normal(size=(width, width)) / np.sqrt(width)) for i in range(depth)]
    x = cr.matrix("x")
    h = x
    for begin in range(0, depth, piece):

        def several(h: Any, own: Any = weights[begin : begin + piece]) -> Any:
            for w in own:
                h = cr.tanh(h @ w)
            return h

        h = checkpoint(several)(h)
    cost = (h**2).sum()
    return cr.function([x], [cost, *cr.grad(cost, weights)])


def test_memory_falls() -> None:
    """Of 36 layers the states of 6 and those of the piece at hand are kept, and those of no other."""
    rows, width = 400, 32
    plain, again = deep(36, 6, lambda function: function), deep(36, 6, cr.checkpoint)
    value = RNG.normal(size=(rows, width))
    for wanted, found in zip(plain(value), again(value)):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-11)
    state = rows * width * 8
    before, after = [(f.memory_peak(value) - sum(f.account.results)) / state for f in (plain, again)]
    assert before >= 36 and after <= 6 + 6 + 4
    assert again.flops(value) <= 1.4 * plain.flops(value)


def test_a_loop_that_begins_with_a_number_in_two_of_them() -> None:
    """What a loop begins with is the same node in both calls; what stands for it is inside of each all the same."""

    def build(x: Any, checkpoint: Any) -> list[Any]:
        def looped(h: Any) -> Any:
            total = cr.scan(lambda c, v: (cr.tanh(c + v), None), 0.0, cr.arange(3.0))[0]
            return h * cr.scan(lambda c, row: (cr.tanh(c + row.sum()), None), total, h)[0] * cr.vmap(cr.cos)(cr.arange(4.0)).sum()

        return [cr.grad(checkpoint(looped)(checkpoint(looped)(x)).sum(), x)]

    same(build)


def test_without_a_derivative_it_costs_nothing() -> None:
    x = cr.matrix("x")
    plain, marked = cr.function([x], layer(layer(x))), cr.function([x], cr.checkpoint(lambda h: layer(layer(h)))(x))
    assert marked.account.entries[:] and [e.kind for e in marked.account.entries] == [e.kind for e in plain.account.entries]
    assert marked.memory_peak(VALUE) == plain.memory_peak(VALUE)


def test_forward_mode_computes_nothing_again() -> None:
    """There is nothing to wait for: no value is made twice."""
    x = cr.matrix("x")
    plain, marked = [cr.function([x], cr.jvp(f(f(x)), x, cr.ones_like(x))) for f in (layer, cr.checkpoint(layer))]
    np.testing.assert_allclose(marked(VALUE), plain(VALUE), rtol=1e-12)
    assert marked.flops(VALUE) <= plain.flops(VALUE)


@pytest.mark.parametrize("checkpoint", ["sqrt", 2])
def test_products_with_the_hessian_of_a_loop_in_segments_that_carries_nothing(checkpoint: Any) -> None:
    """What waits in it waits for an adjoint that nobody asks for, which is made of the cotangent that a pushforward has no value of."""
    x, w = cr.matrix("x"), cr.vector("w")

    def product(checkpoint: Any) -> Any:
        _, ys = cr.scan(lambda c, e: (c, cr.tanh(e * w)), 0.0, x, checkpoint=checkpoint)
        return cr.function([x, w], cr.jvp(cr.grad((ys**3).sum(), w), w, w * w))

    given = np.random.default_rng(0).standard_normal((4, 3)), np.array([0.3, -0.5, 0.8])
    np.testing.assert_allclose(product(checkpoint)(*given), product(None)(*given), rtol=1e-10)


def test_a_derivative_with_respect_to_what_comes_from_outside() -> None:
    x = cr.vector("x")
    y = x * 2

    def inner(h: Any) -> Any:
        return h * cr.grad((y**2).sum() * h.sum(), y)

    with pytest.raises(cr.NotSupportedError, match="checkpointed function that differentiates with respect to"):
        cr.checkpoint(inner)(x)


def test_no_function() -> None:
    with pytest.raises(cr.KindError, match="checkpoint wants a function"):
        cr.checkpoint(cr.vector("x"))

"""Vectorised functions against loops, alone and with derivatives inside and outside."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr
from croton.util.errors import ArgumentError, KindError, ShapeError

RNG = np.random.default_rng(0)


def check(inputs, outputs, values, wanted, tolerance: float = 1e-9) -> None:
    """Compiled results against what a loop gives."""
    found = cr.function(inputs, outputs)(*values)
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


def test_every_element_and_shared_arguments() -> None:
    x, w = cr.matrix("x"), cr.vector("w")
    a, b = RNG.standard_normal((5, 3)), RNG.standard_normal(3)
    check([x, w], cr.vmap(lambda row, v: (row * v).sum(), in_axes=(0, None))(x, w), (a, b), a @ b)
    check([x, w], cr.vmap(lambda column: column.max(), in_axes=1)(x), (a, b), a.max(axis=0))
    check([x, w], cr.vmap(lambda row: cr.exp(row) / cr.exp(row).sum(), out_axes=1)(x), (a, b), (np.exp(a) / np.exp(a).sum(1, keepdims=True)).T)
    check([x, w], cr.vmap(lambda row: cr.cumsum(row)[::-1])(x), (a, b), np.cumsum(a, axis=1)[:, ::-1])


def test_structures_and_maps_inside_maps() -> None:
    x, y = cr.matrix("x"), cr.matrix("y")
    a, b = RNG.standard_normal((4, 3)), RNG.standard_normal((5, 3))
    distances = cr.vmap(lambda p: cr.vmap(lambda q: ((p - q) ** 2).sum())(y))(x)
    check([x, y], distances, (a, b), ((a[:, None] - b[None]) ** 2).sum(-1))
    out = cr.vmap(lambda d: {"sum": d["p"] + d["q"]}, in_axes=({"p": 0, "q": None},))({"p": x, "q": y[0]})
    check([x, y], out["sum"], (a, b), a + b[0])
    both = cr.function([x], [cr.map(lambda p: cr.tanh(p) @ p, x), cr.vmap(lambda p: cr.tanh(p) @ p)(x)])
    assert both.explain().passes == 1
    np.testing.assert_array_equal(*both(a))


def test_gradients_inside_give_one_for_each_example() -> None:
    W, x = cr.matrix("W"), cr.matrix("x")
    w, a = RNG.standard_normal((3, 2)), RNG.standard_normal((6, 3))
    per_example = cr.vmap(lambda row: cr.grad((cr.tanh(row @ W) ** 2).sum(), W))(x)
    t = np.tanh(a @ w)
    wanted = np.einsum("bi,bo->bio", a, 2 * t * (1 - t**2))
    check([W, x], per_example, (w, a), wanted)
    check([W, x], (per_example**2).mean(axis=0), (w, a), (wanted**2).mean(axis=0))
    # with respect to the element itself, and twice
    check([W, x], cr.vmap(lambda row: cr.grad((cr.tanh(row @ W) ** 2).sum(), row))(x), (w, a), (2 * t * (1 - t**2)) @ w.T)
    third = cr.vmap(lambda row: cr.hessian((row**3).sum(), row))(x)
    check([W, x], third, (w, a), np.einsum("bi,ij->bij", 6 * a, np.eye(3)))


def test_gradient_of_a_mapped_function() -> None:
    W, x = cr.matrix("W"), cr.matrix("x")
    w, a = RNG.standard_normal((3, 2)), RNG.standard_normal((6, 3))
    cost = cr.vmap(lambda row: cr.grad((cr.sin(row @ W)).sum(), row))(x).sum()
    found = cr.function([W, x], cr.grad(cost, W))(w, a)

    def value(v: np.ndarray) -> float:
        return float((np.cos(a @ v) @ v.T).sum())

    wanted = np.zeros_like(w)
    for i in np.ndindex(w.shape):
        up, down = w.copy(), w.copy()
        up[i] += 1e-6
        down[i] -= 1e-6
        wanted[i] = (value(up) - value(down)) / 2e-6
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


def test_jacobian_in_a_map_and_a_map_in_a_jacobian() -> None:
    x = cr.matrix("x")
    a = RNG.standard_normal((4, 3))
    inside = cr.vmap(lambda row: cr.jacobian(cr.exp(row) * row.sum(), row))(x)
    wanted = np.stack([np.diag(np.exp(r) * r.sum()) + np.exp(r)[:, None] * np.ones(3) for r in a])
    check([x], inside, (a,), wanted)
    outside = cr.jacobian(cr.vmap(lambda row: (row**2).sum())(x), x)
    dense = np.zeros((4, 4, 3))
    for i in range(4):
        dense[i, i] = 2 * a[i]
    check([x], outside, (a,), dense)


def test_an_index_of_the_element() -> None:
    cost, x = cr.vector("c"), cr.matrix("x")
    a = RNG.standard_normal((5, 3))
    rows = cr.vmap(lambda i: x[i] * i)(cr.arange(x.shape[0]))
    check([x], rows, (a,), a * np.arange(5)[:, None])
    # the gradient of one example's cost, mapped over the examples: the quadratic loop
    W = cr.matrix("W")
    costs = (cr.tanh(x @ W) ** 2).sum(axis=1)
    w = RNG.standard_normal((3, 2))
    mean = cr.vmap(lambda i: cr.grad(costs[i], W) ** 2)(cr.arange(x.shape[0])).mean(axis=0)
    t = np.tanh(a @ w)
    check([x, W], mean, (a, w), (np.einsum("bi,bo->bio", a, 2 * t * (1 - t**2)) ** 2).mean(0))
    assert cost.ndim == 1


def test_sizes_zero_one_and_mismatch() -> None:
    x, y = cr.matrix("x"), cr.matrix("y")
    f = cr.function([x, y], cr.vmap(lambda p, q: (p * q).sum())(x, y))
    for n in (0, 1, 3):
        a = RNG.standard_normal((n, 2))
        np.testing.assert_allclose(f(a, a), (a * a).sum(1))
    with pytest.raises(ShapeError):
        f(np.ones((2, 2)), np.ones((3, 2)))
    one = cr.tensor("one", shape=(1, 4))
    np.testing.assert_allclose(cr.vmap(lambda p: p * 2)(one).eval({one: np.ones((1, 4))}), np.full((1, 4), 2.0))


def test_wrong_maps_are_refused_with_words() -> None:
    x = cr.matrix("x")
    with pytest.raises(ArgumentError, match="needs an argument"):
        cr.vmap(lambda p: p, in_axes=None)(x)
    with pytest.raises(ArgumentError, match="2 entries for 1"):
        cr.vmap(lambda p: p, in_axes=(0, 1))(x)
    with pytest.raises(ShapeError, match="axis 2"):
        cr.vmap(lambda p: p, in_axes=2)(x)
    with pytest.raises(KindError, match="integer or None"):
        cr.vmap(lambda p: p, in_axes=("a",))(x)
    with pytest.raises(ShapeError, match="one size"):
        cr.vmap(lambda p, q: p)(cr.tensor(shape=(2,)), cr.tensor(shape=(3,)))
    with pytest.raises(ShapeError, match="no place"):
        cr.vmap(lambda p: p.sum(), out_axes=3)(x)


def test_the_reference_evaluates_maps() -> None:
    x, y = cr.matrix("x"), cr.vector("y")
    a, b = RNG.standard_normal((4, 3)), RNG.standard_normal(2)
    nested = cr.vmap(lambda row: cr.vmap(lambda number: cr.tanh(row * number).sum())(y))(x)
    slopes = cr.vmap(lambda row: cr.grad((row**3).sum(), row))(x)
    found = cr.reference.evaluate([nested, slopes.sum(), cr.grad(nested.sum(), y)], {x: a, y: b})
    t = np.tanh(a[:, None, :] * b[:, None])
    for value, wanted in zip(found, [t.sum(2), 3 * (a**2).sum(), ((1 - t**2) * a[:, None, :]).sum((0, 2))]):
        np.testing.assert_allclose(value, wanted)


def test_an_element_differs_from_that_of_an_earlier_function() -> None:
    """What was made of an array element by element is all of it to a function of an element: no derivative goes through it."""
    x = cr.vector("x")
    a = RNG.standard_normal(4)
    squares = cr.vmap(lambda e: e**2)(x)
    check([x], cr.vmap(lambda e: cr.grad(e * squares.sum(), e))(x), (a,), np.full(4, (a**2).sum()))
    check([x], cr.map(lambda e: cr.jvp((e * squares).sum(), e, 1.0), x), (a,), np.full(4, (a**2).sum()))
    check([x], cr.grad(cr.vmap(lambda e: e * squares.sum())(x).sum(), x), (a,), (a**2).sum() + 2 * a * a.sum())

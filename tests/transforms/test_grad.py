"""Derivatives against finite differences and against each other."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr
from croton.util.errors import DTypeError, GradientError, KindError, ShapeError

RNG = np.random.default_rng(0)


def differences(function, value, step=1e-6):
    """Central differences of a scalar function."""
    result = np.zeros(value.shape)
    for index in np.ndindex(value.shape):
        up, down = value.copy(), value.copy()
        up[index] += step
        down[index] -= step
        result[index] = (function(up) - function(down)) / (2 * step)
    return result


@pytest.fixture
def network():
    W, x, b = cr.tensor("W", shape=(5, 3)), cr.matrix("x", shape=(None, 5)), cr.tensor("b", shape=(3,))
    z = x @ W + b
    h = cr.sigmoid(z)
    values = {W: RNG.standard_normal((5, 3)), x: RNG.standard_normal((4, 5)), b: RNG.standard_normal(3)}
    return W, x, b, z, h, values


def test_gradient_of_leaves_and_intermediates(network) -> None:
    W, x, b, z, h, values = network
    cost = (h * h).sum()
    gradients = cr.reference.evaluate(cr.grad(cost, [W, x, b]), values)
    for leaf, found in zip((W, x, b), gradients):
        wanted = differences(lambda v, leaf=leaf: float(cr.reference.evaluate(cost, {**values, leaf: v})), values[leaf])
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-8)
    # z is an intermediate value: d cost / d z = 2 h h (1 - h)
    code = cr.reference.evaluate(h, values)
    np.testing.assert_allclose(cr.reference.evaluate(cr.grad(cost, z), values), 2 * code * code * (1 - code))


def test_one_call_and_many_make_the_same_nodes(network) -> None:
    W, x, b, z, h, values = network
    cost = h.sum()
    together = cr.grad(cost, [W, b, z])
    assert all(one is cr.grad(cost, w) for one, w in zip(together, (W, b, z)))


def test_structures(network) -> None:
    W, x, b, z, h, values = network
    found = cr.grad(h.sum(), {"weights": W, "rest": (b, x)})
    assert list(found) == ["weights", "rest"] and isinstance(found["rest"], tuple)
    value, gradient = cr.value_and_grad(h.sum(), W)
    assert gradient is found["weights"] and value is h.sum()


def test_jacobian_hessian_and_products_agree(network) -> None:
    W, x, b, z, h, values = network
    J = cr.jacobian(h, b)
    cotangent, tangent = RNG.standard_normal((4, 3)), RNG.standard_normal(3)
    dense, pulled, pushed = cr.reference.evaluate([J, cr.vjp(h, b, cotangent), cr.jvp(h, b, tangent)], values)
    assert dense.shape == (4, 3, 3)
    np.testing.assert_allclose(pulled, np.einsum("ijk,ij->k", dense, cotangent))
    np.testing.assert_allclose(pushed, dense @ tangent)
    cost = (h**2).sum()
    H = cr.reference.evaluate(cr.hessian(cost, b), values)
    g = cr.grad(cost, b)
    for i in range(3):
        row = differences(lambda v, i=i: float(cr.reference.evaluate(g, {**values, b: v})[i]), values[b])
        np.testing.assert_allclose(H[i], row, rtol=1e-5, atol=1e-7)


def test_broadcast_output_and_size_one_axes() -> None:
    a, w = cr.tensor("a", shape=(1, 3)), cr.tensor("w", shape=(4, 1))
    y = cr.broadcast_to(a, (2, 4, 3))
    ones = np.ones((2, 4, 3))
    np.testing.assert_allclose(cr.reference.evaluate(cr.vjp(y, a, ones), {a: np.ones((1, 3))}), np.full((1, 3), 8.0))
    J = cr.reference.evaluate(cr.jacobian((a * w).sum(axis=0), w), {a: [[1.0, 2.0, 3.0]], w: np.zeros((4, 1))})
    assert J.shape == (3, 4, 1)
    np.testing.assert_allclose(J[:, :, 0], np.array([1.0, 2.0, 3.0])[:, None] * np.ones(4))


def test_known_grads_add_to_the_cost(network) -> None:
    W, x, b, z, h, values = network
    known = RNG.standard_normal((4, 3))
    only, both = cr.reference.evaluate([cr.grad(None, b, known_grads={z: known}), cr.grad(h.sum(), b, known_grads={z: known})], values)
    np.testing.assert_allclose(only, known.sum(axis=0))
    np.testing.assert_allclose(both, only + cr.reference.evaluate(cr.grad(h.sum(), b), values))


def test_known_grads_are_a_dict() -> None:
    x = cr.vector("x")
    with pytest.raises(cr.KindError, match=r"known_grads is a dict, \{expression: its gradient\}, got"):
        cr.grad(None, [x], known_grads=[(x * 2, cr.ones_like(x))])


def test_stop_gradient_and_disconnected(network) -> None:
    W, x, b, z, h, values = network
    with pytest.raises(GradientError, match="does not depend"):
        cr.grad(cr.stop_gradient(h).sum(), b)
    other = cr.vector("other", shape=(7,))
    with pytest.raises(GradientError, match="disconnected"):
        cr.grad(h.sum(), other)
    with pytest.warns(UserWarning, match="does not depend"):
        assert cr.reference.evaluate(cr.grad(h.sum(), other, disconnected="warn"), {other: np.zeros(7)}).tolist() == [0.0] * 7
    zero = cr.grad(h.sum(), other, disconnected="zero")
    assert zero.type == other.type


def test_wrong_requests_are_refused_with_words(network) -> None:
    W, x, b, z, h, values = network
    with pytest.raises(ShapeError, match="needs a scalar"):
        cr.grad(h, b)
    with pytest.raises(DTypeError, match="only floating"):
        cr.grad(cr.vector("n", dtype="int64").sum(), b)
    with pytest.raises(DTypeError, match="only floating"):
        cr.grad(h.sum(), cr.vector("n", dtype="int64"))
    with pytest.raises(KindError, match="wrt"):
        cr.grad(h.sum(), 3.0)
    with pytest.raises(GradientError, match="nothing to differentiate"):
        cr.grad(None, b)
    with pytest.raises(ShapeError, match="cotangent"):
        cr.vjp(h, b, np.ones(3))
    with pytest.raises(KindError, match="structure"):
        cr.vjp([h, z], b, np.ones((4, 3)))


def test_elements_of_a_value_that_is_the_same_along_an_axis_are_variables_of_their_own() -> None:
    s, x, m = cr.scalar("s"), cr.vector("x"), cr.matrix("m")
    values = {s: 2.0, x: np.array([1.0, 2.0, 3.0]), m: RNG.standard_normal((4, 3))}
    same, outer, nothing = cr.broadcast_to(s, (3,)), x[:, None] + cr.zeros((3, 2)), cr.zeros(3)
    np.testing.assert_allclose(cr.grad((same**2).sum() + (same * x).sum(), same).eval(values), [5, 6, 7])
    np.testing.assert_allclose(cr.grad((outer**2).sum(), outer).eval(values), [[2, 2], [4, 4], [6, 6]])
    np.testing.assert_allclose(cr.jacobian((nothing + 1) ** 2 * x, nothing).eval(values), np.diag([2, 4, 6]))
    np.testing.assert_allclose(cr.hessian((nothing**2 * x).sum(), nothing).eval(values), np.diag([2, 4, 6]))
    np.testing.assert_allclose(cr.jvp((nothing + 1) ** 2 * x, nothing, x).eval(values), [2, 8, 18])
    np.testing.assert_allclose(cr.vmap(lambda e: cr.grad((cr.broadcast_to(e, (2,)) ** 2).sum(), e))(x).eval(values), [4, 8, 12])
    # what it is computed from gets the whole derivative, as it does beside any other intermediate value
    cost = (same**2 * x).sum()
    both = [g.eval(values) for g in cr.grad(cost, [s, same])]
    np.testing.assert_allclose(both[0], 24)
    np.testing.assert_allclose(both[1], [4, 8, 12])

    # the first state of a loop, and descent that begins at zeros
    start = cr.vector("start")
    last = lambda h: cr.scan(lambda h, row: (cr.tanh(h + row), None), h, m)[0] @ x
    np.testing.assert_allclose(
        cr.grad(last(nothing), nothing).eval(values), cr.grad(last(start), start).eval({**values, start: np.zeros(3)}), rtol=1e-12
    )
    w, by_hand = cr.zeros(3), np.zeros(3)
    for _ in range(3):
        w = w - 0.1 * cr.grad(((w - x) ** 2).sum(), w)
        by_hand = by_hand - 0.2 * (by_hand - values[x])
    np.testing.assert_allclose(w.eval(values), by_hand)


def test_the_variable_may_have_its_axes_in_another_order_in_stable_form() -> None:
    x = cr.tensor("x", (4, 3))
    slopes = cr.grad(cr.logsumexp(cr.cummax(x, axis=0)), x)
    again = cr.grad((slopes**3).mean(), slopes)
    twice = cr.grad((again * again).sum() + again.sum(), slopes)
    values = np.array([[0.0, 2.0, -1.0], [1.0, 2.0, 0.0], [1.0, -3.0, 0.0], [0.5, 3.0, 1.0]])
    first = cr.reference.evaluate(slopes, {x: values})
    # again = s^2 / 4, so the sum of again^2 + again has the slope s^3 / 4 + s / 2
    found = cr.function([x], twice)(values)
    assert found.shape == (4, 3)
    np.testing.assert_allclose(found, first**3 / 4 + first / 2, rtol=1e-12)


def test_tangents_of_one_pushforward_may_come_after_one_another() -> None:
    x = cr.matrix("x")
    w, b, v, c = cr.matrix("w"), cr.vector("b"), cr.matrix("v"), cr.vector("c")
    rng = np.random.default_rng(0)
    xs, ws, bs, vs, cs = [rng.standard_normal(s) for s in ((5, 3), (3, 2), 2, (3, 2), 2)]
    slope = 1 - np.tanh(xs @ ws + bs) ** 2

    def layer(w: cr.Expr, b: cr.Expr) -> cr.Expr:
        return cr.tanh(x @ w + b)

    y = layer(w, b)
    moved = cr.function([x, w, b, v, c], cr.jvp(y, [w, b], [v, 2 * c]))
    np.testing.assert_allclose(moved(xs, ws, bs, vs, cs), slope * (xs @ vs + 2 * cs), rtol=1e-12)
    # A Gauss-Newton product of several parameters.
    product = cr.function([x, w, b, v, c], cr.vjp(y, [w, b], cr.jvp(layer, (w, b), (v, c))[1]))
    back = slope * slope * (xs @ vs + cs)
    of_w, of_b = product(xs, ws, bs, vs, cs)
    np.testing.assert_allclose(of_w, xs.T @ back, rtol=1e-12)
    np.testing.assert_allclose(of_b, back.sum(0), rtol=1e-12)

"""Derivatives of functions mean their arguments only, and compose with everything."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr

RNG = np.random.default_rng(0)
X, V = RNG.standard_normal((2, 4))
PARAMS = {"w": RNG.standard_normal((3, 4)), "b": RNG.standard_normal(3)}


def loss(params, x):
    return (cr.tanh(params["w"] @ x + params["b"]) ** 2).sum()


def by_hand(params, x):
    """The cost and its gradients."""
    y = np.tanh(params["w"] @ x + params["b"])
    slope = 2 * y * (1 - y**2)
    return (y**2).sum(), {"w": np.outer(slope, x), "b": slope}, params["w"].T @ slope


def same(found, wanted) -> None:
    if isinstance(wanted, dict):
        assert list(found) == list(wanted)
        for key in wanted:
            same(found[key], wanted[key])
    else:
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_gradients_of_structures_and_of_several_arguments() -> None:
    cost, of_params, of_x = by_hand(PARAMS, X)
    found_cost, found = cr.jit(cr.value_and_grad(loss))(PARAMS, X)
    same(found_cost, cost)
    same(found, of_params)
    both = cr.jit(cr.grad(loss, (0, -1)))(PARAMS, X)
    assert isinstance(both, tuple)
    same(both[0], of_params)
    same(both[1], of_x)
    same(cr.grad(lambda a: (a**3).sum())(V).eval(), 3 * V**2)
    power = cr.jit(cr.grad(lambda x, *, k=2: (x**k).sum()))
    same(power(X), 2 * X)
    same(power(X, k=3), 3 * X**2)


def test_aux() -> None:
    def with_aux(params, x):
        return loss(params, x), {"twice": 2 * x}

    cost, of_params, _ = by_hand(PARAMS, X)
    (found_cost, beside), found = cr.jit(cr.value_and_grad(with_aux, has_aux=True))(PARAMS, X)
    same(found_cost, cost)
    same(beside, {"twice": 2 * X})
    same(found, of_params)
    found, beside = cr.jit(cr.grad(with_aux, has_aux=True))(PARAMS, X)
    same(found, of_params)
    same(beside, {"twice": 2 * X})


def test_only_the_argument_is_variable() -> None:
    x = cr.vector("x")
    same(cr.grad(lambda u: (u * x).sum())(x).eval({x: X}), X)
    # d/dx sum(x * d/dy sum(x y)) at y = x is d/dx sum(x^2)
    nested = cr.grad(lambda x: (x * cr.grad(lambda y: (x * y).sum())(x)).sum())
    same(nested(x).eval({x: X}), 2 * X)
    # zeros are variables like others
    same(cr.grad(lambda w: ((w - x) ** 2).sum())(cr.zeros(4)).eval({x: X}), -2 * X)


def test_second_order_products_and_maps() -> None:
    of_x = lambda x: loss(PARAMS, x)
    wanted = np.array([[by_hand(PARAMS, X + 1e-6 * e)[2] - by_hand(PARAMS, X - 1e-6 * e)[2] for e in np.eye(4)]])[0] / 2e-6
    hessian = cr.jit(cr.hessian(of_x))(X)
    np.testing.assert_allclose(hessian, wanted, rtol=1e-5, atol=1e-7)
    same(cr.jit(cr.jacobian(cr.grad(of_x)))(X), hessian)
    gradient, product = cr.jit(lambda x, v: cr.jvp(cr.grad(of_x), (x,), (v,)))(X, V)
    same(gradient, by_hand(PARAMS, X)[2])
    same(product, hessian @ V)
    rows = np.stack([X, V])
    each = cr.jit(cr.vmap(cr.grad(loss), in_axes=(None, 0)))(PARAMS, rows)
    same(each["w"], np.stack([by_hand(PARAMS, row)[1]["w"] for row in rows]))


def test_inside_and_around_a_loop() -> None:
    def trained(rate, x):
        def step(w, _):
            return w - rate * cr.grad(lambda w: ((w - x) ** 2).sum())(w), None

        return (cr.scan(step, cr.zeros(4), None, length=5)[0] ** 2).sum()

    value = lambda rate: ((1 - (1 - 2 * rate) ** 5) ** 2 * X**2).sum()
    slope = (value(0.1 + 1e-6) - value(0.1 - 1e-6)) / 2e-6
    np.testing.assert_allclose(cr.jit(cr.grad(trained))(0.1, X), slope, rtol=1e-6)


@pytest.mark.parametrize(
    "wrong, error, words",
    [
        (lambda: cr.grad(lambda a: a)(np.ones(3)), cr.ShapeError, "jacobian"),
        (lambda: cr.grad(lambda p: (p["a"] ** 2).sum())({"a": np.ones(3), "b": np.ones(2)}), cr.GradientError, r"p\['b'\]: float64\[2\]"),
        (lambda: cr.grad(lambda a: a.sum(), 3)(np.ones(3)), cr.ArgumentError, "argument 3, and there are 1"),
        (lambda: cr.grad(lambda a: a.sum(), "a"), cr.KindError, "by their positions"),
        (lambda: cr.grad(cr.scalar("s")), cr.KindError, r"grad\(cost, x\)"),
        (lambda: cr.grad(lambda a: a.sum(), has_aux=True)(np.ones(3)), cr.KindError, "a pair"),
        (lambda: cr.vjp(lambda a: a, 1.0, 2.0), cr.KindError, "vjp takes expressions"),
        (lambda: cr.jvp(lambda a: a, 1.0, 2.0), cr.KindError, r"jvp\(f, \(x,\), \(dx,\)\)"),
    ],
)
def test_wrong_requests_say_what_to_write(wrong, error, words: str) -> None:
    with pytest.raises(error, match=words):
        wrong()

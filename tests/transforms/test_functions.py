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
    if isinstance(wanted, (dict, list, tuple)):
        assert len(found) == len(wanted) and type(found) is type(wanted)
        for key in wanted if isinstance(wanted, dict) else range(len(wanted)):
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


@pytest.mark.parametrize("second", [lambda x: x, lambda x: x.T, lambda x: x[None, :, :]])
def test_arguments_of_one_value_are_two_variables(second) -> None:
    def cost(a, b):
        return (a**2).sum() + 3 * (b**3).sum()

    x = np.arange(6.0).reshape(2, 3) - 2
    y = x if second(x) is x else second(x)
    same(cr.jit(lambda x: cr.grad(cost, (0, 1))(x, second(x)))(x), (2 * x, 9 * y**2))
    same(cr.jit(lambda x: cr.grad(lambda p: cost(*p))([second(x), x]))(x), [2 * y, 9 * x**2])
    same(cr.jit(lambda x: cr.grad(lambda a: cost(a, second(x)))(x))(x), 2 * x)
    same(cr.jit(lambda x: cr.jvp(cost, (x, second(x)), (x, second(0 * x)))[1])(x), 2 * (x**2).sum())
    mixed = cr.jit(lambda x: cr.jacobian(cr.grad(lambda a, b: (a * b.sum()).sum()), 1)(x, second(x)))(x)
    same(mixed, np.ones((*x.shape, *y.shape)))
    rows = cr.jit(cr.vmap(lambda row: cr.grad(lambda a, b: (a * b**2).sum(), (0, 1))(row, row)))(x)
    same(rows, (x**2, 2 * x**2))
    # One inside of the other: the inner variable is not the outer one, which it has the value of.
    nested = lambda x: cr.grad(lambda a: (cr.grad(lambda b: cost(a, second(b)))(x) * a).sum())(x)
    same(cr.jit(nested)(x), 9 * x**2)


def test_what_another_call_has_made_is_constant() -> None:
    cube = lambda x: (x**3).sum()

    def of_all(x):
        value, slope = cr.value_and_grad(cube)(x)
        (_, beside), _ = cr.value_and_grad(lambda x: (cube(x), x**2), has_aux=True)(x)
        moved, speed = cr.jvp(lambda x: x**2, (x,), (x,))
        return [cr.grad(lambda u, known=known: (u * known).sum())(x) for known in (value, slope, beside, moved, speed)]

    same(cr.jit(of_all)(X), [np.full(4, (X**3).sum()), 3 * X**2, X**2, X**2, 2 * X**2])


def test_pullbacks_of_functions() -> None:
    def both(params, x):
        return {"y": cr.tanh(params["w"] @ x), "n": (x**2).sum()}

    def pulled(params, x, cotangents):
        value, pullback = cr.vjp(both, params, x)
        return value, pullback({"y": cotangents[0], "n": 1.0}), cr.vmap(lambda c: pullback({"y": c, "n": 0.0})[1])(cotangents)

    params = {"w": PARAMS["w"]}
    cotangents = RNG.standard_normal((2, 3))
    value, (of_params, of_x), rows = cr.jit(pulled)(params, X, cotangents)
    y = np.tanh(params["w"] @ X)
    slopes = cotangents * (1 - y**2)
    same(value, {"y": y, "n": (X**2).sum()})
    same(of_params, {"w": np.outer(slopes[0], X)})
    same(of_x, slopes[0] @ params["w"] + 2 * X)
    same(rows, slopes @ params["w"])
    value, pullback, beside = cr.vjp(lambda x: (x**2, "beside"), X, has_aux=True)
    assert beside == "beside"
    same(pullback(V)[0].eval(), 2 * X * V)


def test_jacobians_of_structures() -> None:
    found = cr.jit(cr.jacobian(lambda a, b: {"product": a * b, "sum": a.sum() + b.sum()}, (0, 1)))(X, V)
    same(found["product"], (np.diag(V), np.diag(X)))
    same(found["sum"], (np.ones(4), np.ones(4)))
    matrix, beside = cr.jit(cr.jacobian(lambda a: (a**2, {"twice": 2 * a}), has_aux=True))(X)
    same(matrix, np.diag(2 * X))
    same(beside, {"twice": 2 * X})
    matrix, beside = cr.jit(cr.hessian(lambda a: ((a**3).sum(), a), has_aux=True))(X)
    same(matrix, np.diag(6 * X))
    same(beside, X)


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
        (lambda: cr.vjp(cr.scalar("s"), cr.scalar("s")), cr.KindError, "takes one cotangent"),
        (lambda: cr.vjp(lambda a: a, np.ones(3))[1](1.0), cr.ShapeError, "a cotangent has the shape"),
        (lambda: cr.vjp(lambda a: a, 1.0, has_aux=True), cr.KindError, "a pair"),
        (lambda: cr.jvp(lambda a: a, 1.0, 2.0), cr.KindError, r"jvp\(f, \(x,\), \(dx,\)\)"),
    ],
)
def test_wrong_requests_say_what_to_write(wrong, error, words: str) -> None:
    with pytest.raises(error, match=words):
        wrong()


def test_what_an_earlier_derivative_gave_at_the_same_point_is_constant() -> None:
    x = cr.vector("x")
    value, slope = cr.value_and_grad(lambda a: (a**3).sum())(x)
    again = cr.grad(lambda a: (a * slope).sum())(x)
    outputs = [
        again,
        cr.grad(lambda a: (a * again).sum())(x),
        cr.grad(lambda a: (a * value).sum())(x),
        cr.jvp(lambda a: a * slope, (x,), (cr.ones_like(x),))[1],
        cr.jacobian(lambda a: a * slope)(x),
        cr.grad((x * slope).sum(), x),
    ]
    wanted = [3 * X**2, 3 * X**2, np.full(4, (X**3).sum()), 3 * X**2, np.diag(3 * X**2), 9 * X**2]
    for found, right in zip(cr.function([x], outputs)(X), wanted):
        np.testing.assert_allclose(found, right, rtol=1e-12)

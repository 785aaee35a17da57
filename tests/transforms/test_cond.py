"""A choice between two computations: values, derivatives, and that only one of them runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from loop_values import interpreted

import croton as cr
from croton.expr.expr import Expr
from croton.transforms.cond import cond
from croton.transforms.scan import scan
from croton.util.errors import DTypeError, KindError, OutOfRangeError, ShapeError

RNG = np.random.default_rng(0)


def test_values_and_derivatives_are_those_of_the_branch_taken() -> None:
    x, W, p = cr.vector("x"), cr.matrix("W"), cr.scalar("p")
    chosen = cond(p > 0, lambda x, W: {"y": cr.tanh(x @ W), "n": x.sum()}, lambda x, W: {"y": (x @ W) ** 2, "n": cr.log(x[0])}, x, W)
    cost = chosen["y"].sum() * chosen["n"]
    outputs = [chosen["y"], chosen["n"], *cr.grad(cost, [x, W]), cr.grad(cr.grad(cost, x).sum(), W)]
    f = cr.function([x, W, p], outputs)
    values = {x: RNG.random(3), W: RNG.standard_normal((3, 2))}
    for sign in (1.0, -1.0):
        y, n = (cr.tanh(x @ W), x.sum()) if sign > 0 else ((x @ W) ** 2, cr.log(x[0]))
        same = y.sum() * n
        wanted = cr.reference.evaluate([y, n, *cr.grad(same, [x, W]), cr.grad(cr.grad(same, x).sum(), W)], values)
        for a, b, c in zip(f(values[x], values[W], sign), wanted, interpreted(outputs, {**values, p: np.float64(sign)})):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(c, b, rtol=1e-9, atol=1e-9)


def test_only_one_branch_runs() -> None:
    # An index that is out of range is an error of the branch that follows it.
    x, i = cr.vector("x"), cr.scalar("i", dtype="int64")
    f = cr.function([x, i], cond(i < x.shape[0], lambda x, i: x[i], lambda x, i: x.sum() * 0.0 - 1.0, x, i))
    values = np.arange(3.0)
    assert f(values, 2) == 2.0
    assert f(values, 7) == -1.0
    g = cr.function([x, i], cond(i > 100, lambda x, i: x[i], lambda x, i: x[0], x, i))
    with pytest.raises(OutOfRangeError):
        g(values, 101)


def test_operands_are_not_copied() -> None:
    W, x, p = cr.matrix("W"), cr.vector("x"), cr.scalar("p")
    result = cond(p > 0, lambda W, x: W @ x, lambda W, x: W.T @ x, W, x)
    f = cr.function([W, x, p], result)
    w, v = RNG.standard_normal((4, 4)), RNG.standard_normal(4)
    np.testing.assert_allclose(f(w, v, 1.0), w @ v)
    np.testing.assert_allclose(f(w, v, -1.0), w.T @ v)
    assert f.memory_peak((1000, 1000), (1000,), ()) < 1000 * 1000


def test_each_element_chooses() -> None:
    x = cr.vector("x")
    chosen = cr.vmap(lambda v: cond(v > 0, cr.sqrt, lambda v: v**2, v))(x)
    slopes = cr.vmap(lambda v: cr.grad(cond(v > 0, cr.sqrt, lambda v: v**2, v), v))(x)
    values = np.array([4.0, -3.0, 9.0, 0.0])
    found, derivative = cr.function([x], [chosen, slopes])(values)
    np.testing.assert_allclose(found, [2, 9, 3, 0])
    np.testing.assert_allclose(derivative, [0.25, -6, 1 / 6, 0])


def test_in_a_loop() -> None:
    x = cr.vector("x")

    def body(c: Expr, v: Expr) -> tuple[Expr, Expr]:
        c = cond(c > 1, lambda c, v: c * 0.5, lambda c, v: c + v, c, v)
        return c, c

    values = np.array([0.3, 0.9, 0.2, 5.0, 1.0])
    last, ys = scan(body, cr.asarray(0.0), x)
    carry, wanted = 0.0, []
    for v in values:
        carry = carry * 0.5 if carry > 1 else carry + v
        wanted.append(carry)
    found = cr.function([x], [ys, last, cr.grad(last, x)])(values)
    np.testing.assert_allclose(found[0], wanted)
    np.testing.assert_allclose(found[1], wanted[-1])
    step = 1e-6

    def value(v: np.ndarray) -> float:
        carry = 0.0
        for element in v:
            carry = carry * 0.5 if carry > 1 else carry + element
        return carry

    numeric = [(value(values + step * e) - value(values - step * e)) / (2 * step) for e in np.eye(5)]
    np.testing.assert_allclose(found[2], numeric, atol=1e-8)


def test_mistakes_are_named() -> None:
    x = cr.vector("x")
    with pytest.raises(DTypeError, match="the choice is a bool"):
        cond(x.sum(), lambda x: x, lambda x: x, x)
    with pytest.raises(ShapeError, match="the choice is a scalar"):
        cond(x > 0, lambda x: x, lambda x: x, x)
    with pytest.raises(DTypeError, match=r"result 0 has dtype float64(.|\n)*test_cond.py"):
        cond(x.sum() > 0, lambda x: x, lambda x: cr.astype(x, "int64"), x)
    with pytest.raises(ShapeError, match="both give the same shape"):
        cond(x.sum() > 0, lambda x: x, lambda x: x.sum(), x)
    elsewhere = cr.tensor("elsewhere", (3,))
    with pytest.raises(ShapeError, match="both give the same shape") as error:
        cond(x.sum() > 0, lambda x: x.sum(), lambda x: elsewhere, x)
    assert "lambda x: elsewhere" in str(error.value), "where the choice is made, not where its result was"
    with pytest.raises(KindError, match="one structure"):
        cond(x.sum() > 0, lambda x: x, lambda x: [x], x)


def test_only_one_branch_runs_backward() -> None:
    x, i = cr.vector("x"), cr.scalar("i", dtype="int64")
    chosen = cond(i < x.shape[0], lambda x, i: cr.sin(x[i]), lambda x, i: (x**2).sum(), x, i)
    slope = cr.grad(chosen, x)
    f = cr.function([x, i], [chosen, slope, cr.grad((slope**2).sum(), x)])
    values = np.arange(3.0) + 1
    for found, wanted in zip(f(values, 7), (values @ values, 2 * values, 8 * values)):
        np.testing.assert_allclose(found, wanted)
    picked = np.array([0, 1.0, 0])
    for found, wanted in zip(f(values, 1), (np.sin(2.0), picked * np.cos(2.0), -picked * np.sin(4.0))):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_python_code_of_the_other_branch_is_not_called() -> None:
    calls: list[str] = []

    def noted(name: str) -> Any:
        return cr.custom_vjp(lambda v: called(name)(v), lambda args, y, g: g * called(name + " back")(args[0]))

    def called(name: str) -> Any:
        def run(v: np.ndarray) -> np.ndarray:
            calls.append(name)
            return v + 1

        return cr.routine(run, lambda v: v, name=name)

    x = cr.vector("x")
    slope = cr.grad(cond(x[0] > 0, lambda x: noted("then")(x).sum(), lambda x: noted("else")(x).sum(), x), x)
    f = cr.function([x], slope)
    np.testing.assert_allclose(f(np.array([1.0, 2.0])), [2, 3])
    assert set(calls) <= {"then", "then back"} and "then back" in calls
    calls.clear()
    np.testing.assert_allclose(f(np.array([-1.0, 2.0])), [0, 3])
    assert set(calls) <= {"else", "else back"} and "else back" in calls

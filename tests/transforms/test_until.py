"""Loops over sequences that end early: values, derivatives, and that steps that are left out do nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from loop_values import check, interpreted, stacked

import croton as cr
from croton.expr.expr import Expr
from croton.util.errors import DTypeError, KindError, OutOfRangeError, ShapeError

RNG = np.random.default_rng(0)
X = np.array([0.3, 0.4, 0.5, 0.6, 0.7])


def step(carry: Expr, v: Expr) -> tuple[Expr, Any, Any]:
    carry = carry + cr.sin(v)
    return carry, {"square": carry**2, "none": None, "element": v * 2}, cr.until(carry > 1.0)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("start", [0.0, 0.8, -5.0])
def test_values_and_derivatives_are_those_of_the_steps_that_are_done(start: float, reverse: bool) -> None:
    x, c = cr.vector("x"), cr.scalar("c")
    last, ys, steps = cr.scan(step, c, x, reverse=reverse)
    assert ys["none"] is None
    order = list(range(len(X)))[:: -1 if reverse else 1]
    carry, rows, done = start, np.zeros((2, len(X))), 0
    for t in order:
        carry = carry + np.sin(X[t])
        rows[:, t], done = (carry**2, 2 * X[t]), done + 1
        if carry > 1.0:
            break
    values = {x: X, c: np.float64(start)}
    found = cr.function([x, c], [last, ys["square"], ys["element"], steps])(X, start)
    for a, b, wanted in zip(found, interpreted([last, ys["square"], ys["element"], steps], values), (carry, rows[0], rows[1], done)):
        np.testing.assert_allclose(a, wanted, rtol=1e-12)
        np.testing.assert_allclose(b, wanted, rtol=1e-12)
    same: Expr = c
    squares: list[Expr] = []
    for t in order[:done]:
        same = same + cr.sin(x[t])
        squares.append(same**2)
    cost, other = last**3 + (ys["square"] ** 2).sum(), same**3 + (stacked(squares) ** 2).sum()
    check(cr.grad(cost, [x, c]), cr.grad(other, [x, c]), values)
    check([cr.hessian(cost, x)], [cr.hessian(other, x)], values)


def test_each_element_of_a_batch_ends_by_itself() -> None:
    x, c = cr.matrix("x"), cr.vector("c")
    starts, rows = np.array([0.0, 0.9, -9.0, 0.5]), RNG.random((4, 5))

    def one(c: Expr, x: Expr) -> tuple[Expr, Expr, Expr, Expr]:
        last, ys, steps = cr.scan(step, c, x)
        return last, ys["square"], steps, cr.grad(last**2 + ys["square"].sum(), x)

    together = cr.function([c, x], list(cr.vmap(one)(c, x)))(starts, rows)
    alone_c, alone_x = cr.scalar("c"), cr.vector("x")
    alone = cr.function([alone_c, alone_x], list(one(alone_c, alone_x)))
    for k in range(4):
        for a, b in zip(together, alone(starts[k], rows[k])):
            np.testing.assert_allclose(a[k], b, rtol=1e-12)
    assert len(set(together[2].tolist())) > 2


def test_steps_that_are_left_out_are_not_computed() -> None:
    # An index that is out of range is an error of the step that has it.
    i, E = cr.vector("i", dtype="int64"), cr.matrix("E")
    last, ys, steps = cr.scan(lambda c, k: (c + E[k].sum(), E[k], cr.until(k == 2)), 0.0, i)
    f = cr.function([i, E], [last, ys, steps])
    table = RNG.standard_normal((4, 2))
    found = f(np.array([1, 2, 7]), table)
    np.testing.assert_allclose(found[0], table[1:3].sum())
    np.testing.assert_array_equal(found[1], [table[1], table[2], [0, 0]])
    assert found[2] == 2
    with pytest.raises(OutOfRangeError):
        f(np.array([1, 7, 2]), table)


@pytest.mark.parametrize("length", [0, 1])
def test_few_steps(length: int) -> None:
    for x in (cr.vector("x"), cr.tensor("x", (length,))):
        last, ys, steps = cr.scan(step, 0.0, x)
        f = cr.function([x], [last, ys["square"], steps, cr.grad(last + ys["square"].sum(), x, disconnected="zero")])
        last_, square, steps_, slope = f(X[:length])
        carry = np.sin(X[:length]).sum()
        np.testing.assert_allclose(last_, carry)
        np.testing.assert_allclose(square, [carry**2] * length)
        assert steps_ == length
        np.testing.assert_allclose(slope, [(1 + 2 * carry) * np.cos(v) for v in X[:length]])


def test_with_taps_and_in_a_loop() -> None:
    x = cr.matrix("x")
    rows = RNG.random((3, 5))

    def inner(past: Expr, row: Expr) -> tuple[Expr, Expr]:
        last, _, steps = cr.scan(lambda ago, v: (ago[0] * 0.5 + ago[1] + v, None, cr.until(ago[0] > 1.5)), cr.taps(past, (-1, -2)), row)
        return last, steps

    last, steps = cr.scan(inner, cr.zeros(2), x)
    found = cr.function([x], [last, steps, cr.grad(last.sum(), x)])(rows)

    def value(rows: np.ndarray) -> tuple[np.ndarray, list[int]]:
        past, counts = [0.0, 0.0], []
        for row in rows:
            count = 0
            for v in row:
                ends = past[-1] > 1.5
                past.append(past[-1] * 0.5 + past[-2] + v)
                count += 1
                if ends:
                    break
            counts.append(count)
        return np.array(past[-2:]), counts

    np.testing.assert_allclose(found[0], value(rows)[0])
    np.testing.assert_array_equal(found[1], value(rows)[1])
    assert min(value(rows)[1]) < 5
    h = 1e-6
    slopes = [(value(rows + h * e)[0].sum() - value(rows - h * e)[0].sum()) / (2 * h) for e in np.eye(15).reshape(15, 3, 5)]
    np.testing.assert_allclose(found[2].ravel(), slopes, atol=1e-7)


def test_mistakes_are_named() -> None:
    x = cr.vector("x")
    with pytest.raises(DTypeError, match=r"until: the condition is a bool(.|\n)*test_until.py"):
        cr.scan(lambda c, v: (c, None, cr.until(v * 2)), 0.0, x)
    with pytest.raises(ShapeError, match="until: the condition is a scalar"):
        cr.until(x > 0)
    with pytest.raises(KindError, match=r"returns a pair \(carry, y\).*until"):
        cr.scan(lambda c, v: (c, None, v > 0), 0.0, x)

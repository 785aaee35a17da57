"""Every kind of loop under every transformation: values and first derivatives against NumPy step by step, and second ones against its differences.

Each case is a function of a vector, written for Croton and for NumPy. What is asked of it is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import croton as cr

SIZE = 4
XS = np.linspace(-1.0, 1.5, 6)
W = cr.shared(np.array([[0.3, -0.5], [0.8, 0.2]]), name="W")
KEY = cr.random.key(7)
POINTS = np.array([[0.3, -0.4, 0.9, 0.5], [0.8, 0.1, -0.3, 0.7], [-0.6, 0.5, 0.4, -0.2]])


@pytest.fixture(autouse=True)
def _compiled_here() -> Any:
    with cr.config.use(cache=False):
        yield


class Case(NamedTuple):
    """A function of a vector to a number, and what it is in NumPy."""

    croton: Callable[[Any], Any]
    numpy: Callable[[np.ndarray], Any]


def both(function: Callable[[Any, Any], Any]) -> Case:
    """A case whose NumPy form is the same text, of another module and other loops."""
    return Case(lambda p: function(p, CROTON), lambda p: function(p, NUMPY))


class Loops(NamedTuple):
    """Loops of one side, and the functions that bodies use."""

    np: Any
    scan: Callable[..., Any]
    while_loop: Callable[..., Any]
    fori: Callable[..., Any]
    cond: Callable[..., Any]
    stack: Callable[..., Any]
    weight: Any


def _scan(body: Any, init: Any, xs: Any = None, length: int | None = None, reverse: bool = False, checkpoint: Any = None) -> Any:
    count = len(xs[0] if isinstance(xs, tuple) else xs) if xs is not None else length
    carry, rows, steps = init, {}, 0
    ends = False
    for t in range(count or 0)[:: -1 if reverse else 1]:
        x = None if xs is None else tuple([each[t] for each in xs]) if isinstance(xs, tuple) else xs[t]
        result = body(carry, x)
        carry, rows[t], steps = result[0], result[1], steps + 1
        if len(result) == 3:
            ends = True
            if result[2]:
                break
    example = next((row for row in rows.values() if row is not None), None)
    ys = None if example is None else np.array([rows.get(t, np.zeros_like(example)) for t in range(count or 0)])
    return (carry, ys, steps) if ends else (carry, ys)


def _while(cond: Any, body: Any, init: Any, max_steps: int | None = None) -> Any:
    while cond(init):
        init = body(init)
    return init


def _fori(lower: int, upper: int, body: Any, init: Any, checkpoint: Any = None) -> Any:
    for i in range(lower, upper):
        init = body(i, init)
    return init


CROTON = Loops(cr, cr.scan, cr.while_loop, cr.fori, cr.cond, cr.stack, W)
NUMPY = Loops(np, _scan, _while, _fori, lambda p, one, other, *args: one(*args) if p else other(*args), np.stack, W.get_value())


def until(condition: Any) -> Any:
    return cr.until(condition) if isinstance(condition, cr.Expr) else condition


def plain(p: Any, on: Loops, **how: Any) -> Any:
    """Two carries, a matrix that is shared, an element, and something of every step."""

    def body(carry: Any, x: Any) -> Any:
        h, total = carry
        h = on.np.tanh(on.weight @ h + p[2] * x)
        return (h, total * p[3] + h[0]), h * x

    (h, total), ys = on.scan(body, (p[:2], p[3]), XS, **how)
    return (h**2).sum() + total + (ys**2).sum() * p[0]


def ended(p: Any, on: Loops, **how: Any) -> Any:
    def body(carry: Any, x: Any) -> Any:
        carry = carry + on.np.sin(p[0] * x + p[1]) ** 2
        return carry, carry * p[2], until(carry > 0.9)

    last, ys, steps = on.scan(body, p[3] ** 2, XS, **how)
    return last * p[0] + (ys**2).sum() + steps


def newton(p: Any, on: Loops, max_steps: int | None) -> Any:
    """The root of x**3 + x = |p[0]| + 2, as a derivative sees the steps that were done."""
    goal = p[0] ** 2 + 2
    return on.while_loop(lambda x: abs(x**3 + x - goal) > 1e-3, lambda x: x - (x**3 + x - goal) / (3 * x**2 + 1), 1 + p[1] ** 2, max_steps) * p[2] + p[3]


def counted(p: Any, on: Loops) -> Any:
    return on.fori(1, 5, lambda i, c: on.np.sin(c * p[0] + i * p[1]) + c * p[2], p[3])


def nested(p: Any, on: Loops) -> Any:
    def outer(h: Any, x: Any) -> Any:
        inner, ys = on.scan(lambda c, v: (on.np.sin(c + v * h) * p[0], c * v), x * p[1], XS[:3], reverse=True)
        return on.np.tanh(h * p[2] + inner), (ys**2).sum() + h

    h, ys = on.scan(outer, p[3], XS)
    return h + (ys**2).sum()


def chosen(p: Any, on: Loops) -> Any:
    def body(h: Any, x: Any) -> Any:
        h = on.cond(h * x > 0.05, lambda h: on.np.sin(h * p[0]) + x, lambda h: h * p[1] - x**2, h)
        return h, h * p[2]

    h, ys = on.scan(body, p[3], XS)
    return h**2 + (ys**3).sum()


def loops_in_branches(p: Any, on: Loops) -> Any:
    def one(q: Any) -> Any:
        return on.scan(lambda c, x: (on.np.tanh(c * q[0] + x), None), q[1], XS)[0]

    return on.cond(p[2] * p[3] > 0, one, lambda q: on.fori(0, 3, lambda i, c: c * q[1] + q[0], q[0]), p)


def whiles_in_steps(p: Any, on: Loops) -> Any:
    """Each step of a loop is a loop that ends by itself."""

    def body(h: Any, x: Any) -> Any:
        h = on.while_loop(lambda c: (c * c).sum() > 0.5, lambda c: c * 0.7 * on.np.cos(p[0] * c), h + x * p[1], 20)
        return h, h * p[2]

    h, ys = on.scan(body, p[2:], on.stack([XS, XS**2], 1) if on is CROTON else np.stack([XS, XS**2], 1))
    return (h**2).sum() * p[3] + (ys**2).sum()


def steps_in_whiles(p: Any, on: Loops) -> Any:
    def body(state: Any) -> Any:
        c, n = state
        return on.scan(lambda h, x: (h + on.np.sin(h * x * p[0]) ** 2, None), c, XS[:3])[0] + 0.3 + p[1] ** 2, n + 1

    return on.while_loop(lambda state: state[0] < 2.5, body, (p[2] ** 2 * p[3], 0), 20)[0]


def ends_in_ends(p: Any, on: Loops) -> Any:
    def body(h: Any, x: Any) -> Any:
        inner, _, steps = on.scan(lambda c, v: (c + on.np.sin(v * p[0]) * 0.3, None, until(abs(c) > 1.05)), h * 0.5 + x * p[1], XS, reverse=True)
        h = on.np.tanh(inner + p[2])
        return h, h * steps, until(h > 0.7)

    h, ys, steps = on.scan(body, p[3], XS)
    return h + (ys**2).sum() * p[0] + steps


def tapped(p: Any, on: Loops) -> Any:
    def cell(one: Any, three: Any, before: Any, behind: Any) -> Any:
        return on.np.sin(one * p[3] + three * before) + behind

    if on is CROTON:
        last, ys = cr.scan(lambda ago, x: (cell(ago[0], ago[1], x[0], x[1]), ago[0] * x[1]), cr.taps(p[:3], (-1, -3)), cr.taps(XS, (-1, 1)))
        return (last**2).sum() + (ys**2).sum()
    history, total = list(p[:3]), 0.0
    for t in range(1, len(XS) - 1):
        total += (history[-1] * XS[t + 1]) ** 2
        history.append(cell(history[-1], history[-3], XS[t - 1], XS[t + 1]))
    return (np.array(history[-3:]) ** 2).sum() + total


def drawn(p: Any, on: Loops) -> Any:
    """Numbers of each step, from keys of its own."""
    keys = cr.random.split(KEY, 4)
    if on is CROTON:
        return cr.scan(lambda h, key: (cr.tanh(h * p[0] + cr.random.normal(key, (2,)) * p[1:3]), None), p[2:], keys)[0].sum()
    h = p[2:]
    for row in NOISE:
        h = np.tanh(h * p[0] + row * p[1:3])
    return h.sum()


NOISE = cr.function([], cr.vmap(lambda key: cr.random.normal(key, (2,)))(cr.random.split(KEY, 4)))()


def mapped_in_steps(p: Any, on: Loops) -> Any:
    def body(h: Any, x: Any) -> Any:
        if on is CROTON:
            return cr.vmap(lambda one: cr.sin(one * x + p[0]) * p[1])(h), None
        return np.sin(h * x + p[0]) * p[1], None

    return (on.scan(body, p[1:] * 1.0, XS)[0] ** 2).sum()


def slopes_in_steps(p: Any, on: Loops) -> Any:
    """Gradient descent: the body has a gradient of its own."""
    if on is CROTON:
        return cr.scan(lambda h, x: (h - 0.1 * cr.grad((cr.sin(h * p[0] + x) ** 2).sum(), h), None), p[2:], XS)[0].sum() * p[1]
    h = p[2:]
    for x in XS:
        h = h - 0.1 * np.sin(2 * (h * p[0] + x)) * p[0]
    return h.sum() * p[1]


def combined(p: Any, on: Loops) -> Any:
    if on is CROTON:
        scale, h = cr.associative_scan(lambda a, b: (a[0] * b[0], b[0] * a[1] + b[1]), (cr.sin(XS * p[0]), XS * p[1] + p[2]))
        return (h**2).sum() + scale.sum() * p[3]
    rate, added = np.sin(XS * p[0]), XS * p[1] + p[2]
    h, total = 0.0, 0.0
    for a, b in zip(rate, added):
        h = a * h + b
        total += h**2
    return total + np.cumprod(rate).sum() * p[3]


CASES: dict[str, Case] = {
    "scan": both(plain),
    "scan backward": both(lambda p, on: plain(p, on, reverse=True)),
    "scan of no steps": both(lambda p, on: on.scan(lambda c, x: (c * x, c), p[0] * p[1], XS[:0])[0] ** 2),
    "scan of one step": both(lambda p, on: on.scan(lambda c, x: (on.np.sin(c * x), c * p[2]), p[0] * p[1], XS[:1])[0] * p[3]),
    "scan of several sequences": both(lambda p, on: on.scan(lambda c, x: (on.np.sin(c * x[0] + x[1]), None), p[0] * p[1], (XS, XS**2))[0] * p[3]),
    "scan in segments": both(lambda p, on: plain(p, on, checkpoint="sqrt")),
    "scan that ends": both(ended),
    "scan that ends, backward": both(lambda p, on: ended(p, on, reverse=True)),
    "scan that ends, in segments": both(lambda p, on: ended(p, on, checkpoint=2)),
    "taps": both(tapped),
    "while_loop with room": both(lambda p, on: newton(p, on, 15)),
    "while_loop": both(lambda p, on: newton(p, on, None)),
    "fori": both(counted),
    "loops in loops": both(nested),
    "branches in loops": both(chosen),
    "loops in branches": both(loops_in_branches),
    "while_loop in scan": both(whiles_in_steps),
    "scan in while_loop": both(steps_in_whiles),
    "loops that end in loops that end": both(ends_in_ends),
    "random numbers": both(drawn),
    "vmap in scan": both(mapped_in_steps),
    "grad in scan": both(slopes_in_steps),
    "associative_scan": both(combined),
}

STEP = 1e-4


def slopes(function: Callable[[np.ndarray], Any], p: np.ndarray) -> np.ndarray:
    return np.array([(function(p + STEP * e) - function(p - STEP * e)) / (2 * STEP) for e in np.eye(SIZE)])


def curvatures(function: Callable[[np.ndarray], Any], p: np.ndarray) -> np.ndarray:
    return np.array([(slopes(function, p + STEP * e) - slopes(function, p - STEP * e)) / (2 * STEP) for e in np.eye(SIZE)])


@pytest.mark.parametrize("name", CASES)
def test_values_and_first_derivatives(name: str) -> None:
    case = CASES[name]
    p, v = cr.tensor("p", (SIZE,)), cr.tensor("v", (SIZE,))
    y = case.croton(p)
    f = cr.function([p, v], [y, cr.grad(y, p), cr.jvp(y, p, v)])
    direction = np.array([0.3, -1.0, 0.5, 0.7])
    for point in POINTS:
        value, slope, along = f(point, direction)
        np.testing.assert_allclose(value, case.numpy(point), rtol=1e-10)
        wanted = slopes(case.numpy, point)
        np.testing.assert_allclose(slope, wanted, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(along, slope @ direction, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_second_derivatives(name: str) -> None:
    """Reverse over reverse, forward over reverse, reverse over forward, forward over forward."""
    case = CASES[name]
    p, v = cr.tensor("p", (SIZE,)), cr.tensor("v", (SIZE,))
    y = case.croton(p)
    slope, along = cr.grad(y, p), cr.jvp(y, p, v)
    f = cr.function([p, v], [cr.hessian(y, p), cr.jvp(slope, p, v), cr.grad(along, p), cr.jvp(along, p, v)])
    direction = np.array([0.3, -1.0, 0.5, 0.7])
    for point in POINTS[:2]:
        second, forward, backward, twice = f(point, direction)
        np.testing.assert_allclose(second, curvatures(case.numpy, point), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(forward, second @ direction, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(backward, second @ direction, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(twice, direction @ second @ direction, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", CASES)
def test_each_element_of_a_batch(name: str) -> None:
    case = CASES[name]
    p, many = cr.tensor("p", (SIZE,)), cr.matrix("many")
    y = case.croton(p)
    one = cr.function([p], [y, cr.grad(y, p)])
    each = cr.vmap(case.croton)(many)
    slope = cr.vmap(lambda q: cr.grad(case.croton(q), q))(many)
    along = cr.vmap(lambda q: cr.jvp(case.croton(q), q, q))(many)
    f = cr.function([many], [each, slope, along, cr.grad((each**2).sum(), many)])
    found = f(POINTS)
    values, slopes = [np.array(rows) for rows in zip(*[one(point) for point in POINTS])]
    for value, wanted in zip(found, [values, slopes, (slopes * POINTS).sum(axis=1), 2 * values[:, None] * slopes]):
        np.testing.assert_allclose(value, wanted, rtol=1e-8, atol=1e-8)
    assert [x.shape for x in f(POINTS[:0])] == [(0,), (0, SIZE), (0,), (0, SIZE)]

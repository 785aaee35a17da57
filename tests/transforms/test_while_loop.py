"""Loops that end by a condition: values, derivatives, elements that end by themselves, and loops that do not end."""

from __future__ import annotations

import numpy as np
import pytest
from loop_values import interpreted

import croton as cr
from croton.expr.expr import Expr
from croton.transforms.scan import scan
from croton.transforms.while_loop import while_loop
from croton.util.errors import ArgumentError, DTypeError, KindError, ShapeError


def root(a: Expr, max_steps: int | None = None) -> tuple[Expr, Expr]:
    """The square root by Newton's method, and the number of steps."""

    def body(state: tuple[Expr, Expr]) -> tuple[Expr, Expr]:
        x, n = state
        return 0.5 * (x + a / x), n + 1

    return while_loop(lambda state: abs(state[0] ** 2 - a) > 1e-10 * a, body, (a, cr.asarray(0)), max_steps)


@pytest.mark.parametrize("max_steps", [None, 30])
def test_newtons_method(max_steps: int | None) -> None:
    a = cr.scalar("a")
    x, steps = root(a, max_steps)
    f = cr.function([a], [x, steps])
    for value in (2.0, 1.0, 1e6, 0.01):
        found, count = f(value)
        np.testing.assert_allclose(found, np.sqrt(value), rtol=1e-9)
        known = interpreted([x, steps], {a: np.float64(value)})
        np.testing.assert_allclose(known[0], found)
        assert count == known[1]
    assert f(1.0)[1] == 0


def test_any_of_the_carries_may_be_all_that_is_wanted() -> None:
    a = cr.scalar("a")
    both = cr.function([a], root(a))(7.0)
    for place in range(2):
        assert cr.function([a], root(a)[place])(7.0) == both[place]


def test_the_derivative_is_that_of_the_steps_that_were_taken() -> None:
    a = cr.scalar("a")
    x, steps = root(a, 20)
    slope = cr.grad(x, a)
    f = cr.function([a], [slope, steps, cr.grad(slope, a)])
    for value in (2.0, 30.0, 1.0):
        found, count, _ = f(value)
        y: Expr = a
        for _ in range(int(count)):
            y = 0.5 * (y + a / y)
        wanted = cr.reference.evaluate(cr.grad(y, a), {a: value})
        np.testing.assert_allclose(found, wanted, rtol=1e-9)
        np.testing.assert_allclose(interpreted([slope], {a: np.float64(value)})[0], wanted, rtol=1e-9)
    np.testing.assert_allclose(f(2.0)[0], 0.5 / np.sqrt(2.0), rtol=1e-5)
    np.testing.assert_allclose(f(2.0)[2], -0.25 * 2.0**-1.5, rtol=1e-3)


def test_each_element_ends_by_itself() -> None:
    a = cr.vector("a")
    values = np.array([2.0, 1.0, 1e4, 0.3])
    x, steps = cr.vmap(lambda v: root(v, 40))(a)
    slopes = cr.vmap(lambda v: cr.grad(root(v, 40)[0], v))(a)
    found, counts, derivatives = cr.function([a], [x, steps, slopes])(values)
    np.testing.assert_allclose(found, np.sqrt(values), rtol=1e-9)
    assert len(set(counts.tolist())) == 4 and counts[1] == 0
    single = cr.scalar("s")
    alone = cr.function([single], [root(single, 40)[1], cr.grad(root(single, 40)[0], single)])
    for value, count, derivative in zip(values, counts, derivatives):
        number, slope = alone(value)
        assert number == count
        np.testing.assert_allclose(slope, derivative, rtol=1e-9)


def test_a_loop_that_does_not_end_in_time() -> None:
    a = cr.scalar("a")
    f = cr.function([a], root(a, 3)[0])
    with pytest.raises(ArgumentError, match=r"still holds after max_steps = 3 steps(.|\n)*test_while_loop.py"):
        f(1e6)
    np.testing.assert_allclose(f(1.0), 1.0)
    once = cr.function([a], root(a, 1)[0])
    np.testing.assert_allclose(once(1.0), 1.0)
    with pytest.raises(ArgumentError, match="max_steps = 1 steps"):
        once(2.0)


def test_in_a_loop_and_a_loop_in_it() -> None:
    x = cr.vector("x")
    total, each = scan(lambda c, v: (c + root(v, 30)[0], root(v + c)[1]), cr.asarray(0.0), x)
    values = np.array([4.0, 9.0, 2.0])
    found = cr.function([x], [total, cr.grad(total, x)])(values)
    np.testing.assert_allclose(found[0], np.sqrt(values).sum(), rtol=1e-9)
    np.testing.assert_allclose(found[1], 0.5 / np.sqrt(values), rtol=1e-5)
    counts = cr.function([x], each)(values)
    single = cr.scalar("s")
    alone = cr.function([single], root(single)[1])
    wanted, carry = [], 0.0
    for value in values:
        wanted.append(alone(value + carry))
        carry += float(np.sqrt(value))
    np.testing.assert_array_equal(counts, wanted)
    inside = while_loop(lambda c: c < 100.0, lambda c: scan(lambda h, v: (h * 0.5 + cr.sin(h) + v, None), c, x)[0], cr.asarray(1.0), 50)

    def written(c: float) -> float:
        while c < 100.0:
            for v in values * 20:
                c = c * 0.5 + np.sin(c) + v
        return c

    np.testing.assert_allclose(cr.function([x], inside)(values * 20), written(1.0))


def test_mistakes_are_named() -> None:
    a = cr.scalar("a")
    with pytest.raises(DTypeError, match="the condition is a bool"):
        while_loop(lambda c: c, lambda c: c * 2, a)
    with pytest.raises(ShapeError, match="the condition is a scalar"):
        while_loop(lambda c: c > 0, lambda c: c * 2, cr.vector("v"))
    with pytest.raises(DTypeError, match=r"while_loop: the carry begins with dtype float64(.|\n)*test_while_loop.py"):
        while_loop(lambda c: c > 0, lambda c: cr.astype(c, "float32"), a)
    with pytest.raises(KindError, match="structure it came in"):
        while_loop(lambda c: c > 0, lambda c: (c, c), a)
    for wrong in (-1, 0, 2.5, True):
        with pytest.raises(ArgumentError, match="max_steps is an integer"):
            while_loop(lambda c: c > 0, lambda c: c, a, wrong)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="needs a carry"):
        while_loop(lambda c: True, lambda c: c, [])


def test_a_derivative_takes_the_steps_that_were_done() -> None:
    calls = []

    def third(n: np.ndarray) -> np.ndarray:
        calls.append(int(n))
        return n / 3.0

    a = cr.scalar("a")
    called = cr.routine(third, lambda n: n / 3.0)
    x, _ = while_loop(lambda c: c[0] < 100.0, lambda c: (c[0] * (c[0] + called(c[1])), c[1] + 1), (a, cr.asarray(1)), 1000)
    slope = cr.grad(x, a)
    f = cr.function([a], [x, slope, cr.grad(slope, a)])
    for value in (2.0, 1.1, 200.0):
        calls.clear()
        found = f(value)
        done, y = 0, 1.0 * a
        for n in range(1, 20):
            if float(cr.reference.evaluate(y, {a: value})) >= 100.0:
                break
            y, done = y * (y + n / 3.0), n
        wanted = cr.reference.evaluate([y, cr.grad(y, a), cr.grad(cr.grad(y, a), a)], {a: value})
        np.testing.assert_allclose(found, wanted, rtol=1e-9)
        assert set(calls) == set(range(1, done + 1)) and len(calls) <= 4 * done


def test_a_derivative_of_weights_and_of_values_around() -> None:
    W, x = cr.tensor("W", (3, 3)), cr.tensor("x", (3,))
    values = {W: 0.9 * np.eye(3) + 0.05, x: np.array([1.0, 2.0, 3.0])}

    def settled(x: Expr, W: Expr) -> Expr:
        return while_loop(lambda c: (c**2).sum() < 400.0, lambda c: cr.sinh(0.1 * c) * 9.0 + W @ c * 0.4, x, 50)

    y: Expr = x
    for _ in range(int(cr.function([x, W], steps_of(x, W))(values[x], values[W]))):
        y = cr.sinh(0.1 * y) * 9.0 + W @ y * 0.4
    found, wanted = settled(x, W), y
    for a, b in ((found, wanted), (cr.jacobian(found, W), cr.jacobian(wanted, W))):
        expected = cr.reference.evaluate(b, values)
        np.testing.assert_allclose(cr.function([x, W], a)(values[x], values[W]), expected, rtol=1e-9)
        np.testing.assert_allclose(interpreted([a], values)[0], expected, rtol=1e-9)
    direction = cr.grad((cr.grad((found**2).sum(), W) ** 2).sum(), x)
    other = cr.grad((cr.grad((wanted**2).sum(), W) ** 2).sum(), x)
    np.testing.assert_allclose(cr.function([x, W], direction)(values[x], values[W]), cr.reference.evaluate(other, values), rtol=1e-9)
    rows = cr.tensor("rows", (4, 3))
    several = np.array([[1.0, 2, 3], [9, 9, 9], [30, 0, 0], [0.5, 0.5, 0.5]])
    each = cr.function([rows, W], cr.vmap(lambda row: cr.grad((settled(row, W) ** 2).sum(), W))(rows))(several, values[W])
    alone = cr.function([x, W], cr.grad((found**2).sum(), W))
    for row, slope in zip(several, each):
        np.testing.assert_allclose(slope, alone(row, values[W]), rtol=1e-9, atol=1e-12)


def steps_of(x: Expr, W: Expr) -> Expr:
    return while_loop(lambda c: (c[0] ** 2).sum() < 400.0, lambda c: (cr.sinh(0.1 * c[0]) * 9.0 + W @ c[0] * 0.4, c[1] + 1), (x, cr.asarray(0)))[1]


def test_derivatives_of_any_number_of_steps() -> None:
    a = cr.scalar("a")
    counted, bounded = root(a)[0], root(a, 40)[0]
    f, g = [cr.function([a], [x, cr.grad(x, a), cr.jvp(x, a, 2.0 * a), cr.grad(cr.grad(x, a) ** 2, a)]) for x in (counted, bounded)]
    for value in (2.0, 9.0, 1e6, 1.0):
        np.testing.assert_array_equal(f(value), g(value))
    assert abs(f(9.0)[1] - 1 / 6) < 1e-6 and f(1.0)[1] == 1
    np.testing.assert_allclose(cr.reference.evaluate(cr.grad(counted, a), {a: 2.0}), f(2.0)[1], rtol=1e-7)
    assert "loop of at most count1 steps" in str(f.explain())


def test_derivatives_of_any_number_of_steps_in_arrays() -> None:
    v = cr.vector("v")
    total = cr.vmap(lambda s: root(s)[0])(v).sum()
    f = cr.function([v], [total, cr.grad(total, v), cr.hessian(total, v)])
    values = np.array([4.0, 9.0, 2.0])
    found, gradient, hessian = f(values)
    np.testing.assert_allclose(found, np.sqrt(values).sum(), rtol=1e-9)
    np.testing.assert_allclose(gradient, 0.5 / np.sqrt(values), rtol=1e-5)
    np.testing.assert_allclose(hessian, np.diag(-0.25 * values**-1.5), rtol=1e-4)
    assert [part.shape for part in f(np.ones(0))] == [(), (0,), (0, 0)]
    weights = cr.shared(np.array([0.5, 0.9]), name="weights")
    last = while_loop(lambda h: (h**2).sum() > 1e-3, lambda h: h * weights, v)
    step = cr.function([v], last.sum(), updates={weights: weights - 0.1 * cr.grad(last.sum(), weights)})
    start = np.array([3.0, 4.0])
    steps = 0
    h = start
    while (h**2).sum() > 1e-3:
        h, steps = h * [0.5, 0.9], steps + 1
    np.testing.assert_allclose(step(start), h.sum())
    np.testing.assert_allclose(weights.get_value(), [0.5, 0.9] - 0.1 * steps * h / [0.5, 0.9])


def test_only_what_a_derivative_goes_through_is_counted() -> None:
    a, b = cr.scalar("a"), cr.scalar("b")
    f = cr.function([a, b], cr.grad(b**2 * root(a)[0], b))
    assert not hasattr(f, "callers")
    np.testing.assert_allclose(f(4.0, 3.0), 12)
    two = while_loop(lambda c: c < 10.0, lambda c: c * 2, a)
    value = cr.function([a, b], [root(a)[0], cr.grad(two * b, a)])(4.0, 3.0)
    np.testing.assert_allclose(value, [2, 12])


def test_a_derivative_inside_of_another_loop_needs_max_steps() -> None:
    x = cr.vector("x")
    total = scan(lambda c, v: (c + root(v)[0], None), 0.0, x)[0]
    nested = scan(lambda c, v: (c + root(v + c)[0], None), 0.0, x)[0]
    with pytest.raises(NotImplementedError, match=r"inside of another loop.*give it max_steps"):
        cr.function([x], cr.grad(nested, x))
    with pytest.raises(NotImplementedError, match="give it max_steps"):
        cr.function([x], cr.grad(total, x))

"""Functions with rules that are written down when a derivative is asked for."""

from __future__ import annotations

import numpy as np

import croton as cr
from croton.transforms.derived import derived

written: list[int] = []


def _slope(args: tuple, y: cr.Expr, slope: cr.Expr) -> cr.Expr:
    written.append(len(written))
    return slope * sine(args[0] + np.pi / 2) * cr.ones(1)[0]


sine = derived("sine", cr.sin, _slope)


def _pair_slope(args: tuple, y: tuple, slope: tuple) -> tuple:
    (_, b), (total, _) = args, y
    return slope[0] * b + slope[1], slope[0] * total / b


pair = derived("pair", lambda a, b: (a * b, a + 0), _pair_slope, 2, 2)


def test_a_rule_is_written_for_derivatives_only_and_may_call_its_function() -> None:
    x = cr.vector("x")
    at = np.array([0.3, 1.0])
    written.clear()
    with cr.config.use(cache=False):  # a program of an earlier run needs no rule
        np.testing.assert_allclose(cr.function([x], sine(x))(at), np.sin(at))
        assert not written
        value = sine(x).sum()
        for order in range(1, 5):
            value = cr.grad(value, x).sum()
            np.testing.assert_allclose(cr.function([x], value)(at), np.sin(at + order * np.pi / 2).sum())
    assert written


def test_equal_calls_are_one() -> None:
    x = cr.vector("x")
    assert sine(x) is sine(x)
    assert sine.op.name == "sine" and sine(x).op is sine.op


def test_several_results_under_vmap_and_in_loops() -> None:
    a, b = cr.vector("a"), cr.vector("b")

    def cost(a: cr.Expr, b: cr.Expr) -> cr.Expr:
        first, second = pair(a, b)
        return first * 2 + second * 3

    xs, ys = np.array([1.0, 2, 3]), np.array([4.0, 5, 6])
    slopes = cr.function([a, b], cr.grad(cr.vmap(cost)(a, b).sum(), [a, b]))(xs, ys)
    np.testing.assert_allclose(slopes[0], 2 * ys + 3)
    np.testing.assert_allclose(slopes[1], 2 * xs)
    last = cr.scan(lambda c, x: (c + cost(x[0], x[1]), None), 0.0, (a, b))[0]
    for found, wanted in zip(cr.function([a, b], cr.grad(last, [a, b]))(xs, ys), slopes):
        np.testing.assert_allclose(found, wanted)


def test_a_rule_belongs_to_the_line_of_the_call() -> None:
    x = cr.vector("x")
    y = sine(x)  # the line of the call
    text = str(cr.function([x], cr.grad((y * y).sum(), x)).explain())
    assert "the line of the call" in text

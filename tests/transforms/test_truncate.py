"""Derivatives that go some steps back only, against loops written out with stop_gradient between the stretches."""

from __future__ import annotations

import numpy as np
import pytest
from loop_values import check, stacked

import croton as cr
from croton.expr.expr import Expr
from croton.util.errors import ArgumentError

RNG = np.random.default_rng(0)
T, H = 5, 3


def body(state: tuple[Expr, Expr], x: Expr) -> tuple[tuple[Expr, Expr], Expr]:
    h, c = state
    h = cr.tanh(h * 0.7 + c + x)
    c = 0.5 * c + cr.sin(h)
    return (h, c), h * c


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("k", [1, 2, 4, 5, 9])
def test_no_derivative_passes_from_a_stretch_to_the_one_before(k: int, reverse: bool) -> None:
    x, h, c = cr.tensor("x", (T, H)), cr.tensor("h", (H,)), cr.tensor("c", (H,))
    values = {x: RNG.standard_normal((T, H)), h: RNG.standard_normal(H), c: RNG.standard_normal(H)}
    (last, _), ys = cr.scan(body, (h, c), x, reverse=reverse, truncate=k)
    state, rows = (h, c), {}
    for done, t in enumerate(range(T)[:: -1 if reverse else 1]):
        if done and (T - done) % k == 0:
            state = (cr.stop_gradient(state[0]), cr.stop_gradient(state[1]))
        state, rows[t] = body(state, x[t])
    each = stacked([rows[t] for t in range(T)])
    check([last, ys], [state[0], each], values)
    for cost, other in ((last.sum(), state[0].sum()), ((ys**2).sum(), (each**2).sum())):
        found = cr.grad(cost, [x, h, c], disconnected="zero")
        wanted = cr.grad(other, [x, h, c], disconnected="zero")
        check(found, wanted, values)
        check([cr.grad((found[0] ** 2).sum(), x)], [cr.grad((wanted[0] ** 2).sum(), x)], values)


def test_a_cost_of_the_last_state_reaches_k_steps_back() -> None:
    x = cr.matrix("x")
    last, _ = cr.scan(lambda c, v: (cr.tanh(c + v), None), cr.zeros(H), x, truncate=2)
    slopes = cr.function([x], cr.grad(last.sum(), x))(RNG.standard_normal((T, H)))
    np.testing.assert_array_equal(slopes[:3], 0)
    assert np.all(slopes[3:] != 0)


def test_the_values_of_a_truncated_loop_are_computed_as_those_of_the_whole_one() -> None:
    x = cr.matrix("x")
    with cr.config.use(cache=False):
        cut, whole = (cr.function([x], cr.scan(lambda c, v: (cr.tanh(c + v), None), cr.zeros(H), x, truncate=k)[0]) for k in (2, None))
    assert [entry.kind for entry in cut.account.entries] == [entry.kind for entry in whole.account.entries]
    assert cut.flops((T, H)) == whole.flops((T, H))


def test_integers_and_taps() -> None:
    x, past = cr.tensor("x", (T,)), cr.tensor("p", (2,))
    values = {x: RNG.standard_normal(T), past: RNG.standard_normal(2)}

    def step(state: tuple[tuple[Expr, Expr], Expr], v: Expr) -> tuple[tuple[Expr, Expr], None]:
        (one, two), n = state
        return (cr.sin(one) + two * v, n + 1), None

    (last, n), _ = cr.scan(step, (cr.taps(past, (-1, -2)), 0), x, truncate=3)
    history = [past[0], past[1]]
    for t in range(T):
        if t == 2:
            history = [cr.stop_gradient(value) for value in history]
        history.append(cr.sin(history[-1]) + history[-2] * x[t])
    check([last, n], [stacked(history[-2:]), cr.asarray(T)], values)
    cost, same = (last**2).sum(), (stacked(history[-2:]) ** 2).sum()
    check(cr.grad(cost, [x, past], disconnected="zero"), cr.grad(same, [x, past], disconnected="zero"), values)


def test_mistakes_are_named() -> None:
    for wrong in (0, -1, 2.5, True):
        with pytest.raises(ArgumentError, match="truncate is how many steps a derivative goes back"):
            cr.scan(lambda c, v: (c, None), 0.0, cr.vector("x"), truncate=wrong)  # type: ignore[arg-type]

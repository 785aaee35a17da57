"""Bodies that see the elements around theirs, and the values of several steps ago."""

from __future__ import annotations

import numpy as np
import pytest
from loop_values import check, interpreted, stacked

import croton as cr
from croton.expr.expr import Expr
from croton.util.errors import ArgumentError, KindError, ShapeError

RNG = np.random.default_rng(0)
T, D = 5, 3


def cell(past: tuple[Expr, Expr], x: Expr, weight: Expr) -> Expr:
    one, three = past
    return cr.tanh(0.5 * one @ weight + cr.sin(three) * x)


def written(past: Expr, x: Expr, weight: Expr, reverse: bool = False) -> tuple[Expr, Expr]:
    """The loop over `cell` with what was one step and three steps ago, step by step."""
    history = [past[k] for k in range(3)]
    for t in range(T)[:: -1 if reverse else 1]:
        history.append(cell((history[-1], history[-3]), x[t], weight))
    return stacked(history[-3:]), stacked(history[3:][:: -1 if reverse else 1])


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("sized", [False, True])
def test_what_a_carry_was_some_steps_ago(reverse: bool, sized: bool) -> None:
    past, x, weight = (cr.tensor("p", (3, D)), cr.tensor("x", (T, D)), cr.tensor("w", (D, D))) if sized else (cr.matrix("p"), cr.matrix("x"), cr.matrix("w"))
    values = {past: RNG.standard_normal((3, D)), x: RNG.standard_normal((T, D)), weight: RNG.standard_normal((D, D))}

    def step(ago: tuple[Expr, Expr], v: Expr) -> tuple[Expr, Expr]:
        new = cell(ago, v, weight)
        return new, new

    last, ys = cr.scan(step, cr.taps(past, (-1, -3)), x, reverse=reverse)
    other, each = written(past, x, weight, reverse)
    check([last, ys], [other, each], values)
    cost, same = (ys**2).sum() + last.sum(), (each**2).sum() + other.sum()
    check(cr.grad(cost, [past, x, weight]), cr.grad(same, [past, x, weight]), values)
    slope, same_slope = cr.grad(cr.grad(cost, weight).sum(), [past, weight]), cr.grad(cr.grad(same, weight).sum(), [past, weight])
    check(slope, same_slope, values)


def test_mapped_over_a_batch() -> None:
    past, x, weight = cr.tensor("p", (2, 3, D)), cr.tensor("x", (2, T, D)), cr.matrix("w")
    values = {past: RNG.standard_normal((2, 3, D)), x: RNG.standard_normal((2, T, D)), weight: RNG.standard_normal((D, D))}

    def one(past: Expr, x: Expr) -> Expr:
        return cr.scan(lambda ago, v: (cell(ago, v, weight), None), cr.taps(past, (-1, -3)), x)[0]

    found = cr.vmap(one)(past, x)
    wanted = stacked([written(past[k], x[k], weight)[0] for k in range(2)])
    check([found, *cr.grad((found**2).sum(), [past, x, weight])], [wanted, *cr.grad((wanted**2).sum(), [past, x, weight])], values)


def test_loops_in_loops_that_are_mapped_over() -> None:
    """The inner loop begins with what the outer one hands on, which for one of the carries is the same along an axis of the other."""
    past, x = cr.tensor("p", (2, 2, D)), cr.tensor("x", (2, T, D))
    values = {past: RNG.standard_normal((2, 2, D)), x: RNG.standard_normal((2, T, D))}

    def inner(pair: tuple[Expr, Expr], x: Expr) -> tuple[Expr, Expr]:
        return cr.scan(lambda s, v: ((cr.tanh(s[0] * 0.5 + s[1] * v), s[0]), None), pair, x)[0]

    def one(past: Expr, x: Expr) -> Expr:
        return cr.stack(list(cr.scan(lambda pair, x: (inner(pair, x), None), (past[0], past[1]), cr.stack((x, x)))[0]))

    def spelled(past: Expr, x: Expr) -> Expr:
        a, b = past[0], past[1]
        for t in [*range(T), *range(T)]:
            a, b = cr.tanh(a * 0.5 + b * x[t]), a
        return stacked([a, b])

    found, wanted = cr.vmap(one)(past, x), stacked([spelled(past[k], x[k]) for k in range(2)])
    check([found, *cr.grad((found**2).sum(), [past, x])], [wanted, *cr.grad((wanted**2).sum(), [past, x])], values)


def test_one_offset_beside_other_carries() -> None:
    past, x = cr.vector("p"), cr.vector("x")
    values = {past: RNG.standard_normal(2), x: RNG.standard_normal(T)}

    def step(state: dict[str, Expr], v: Expr) -> tuple[dict[str, Expr], Expr]:
        new = cr.sin(state["ago"]) + v * state["total"]
        return {"ago": new, "total": state["total"] + new}, new - state["ago"]

    last, ys = cr.scan(step, {"ago": cr.taps(past, -2), "total": 0.0}, x)
    history, total, each = [past[0], past[1]], cr.asarray(0.0), []
    for t in range(T):
        new = cr.sin(history[-2]) + x[t] * total
        each.append(new - history[-2])
        total = total + new
        history.append(new)
    check([last["ago"], last["total"], ys], [stacked(history[-2:]), total, stacked(each)], values)
    check(cr.grad((ys**2).sum(), [past, x]), cr.grad((stacked(each) ** 2).sum(), [past, x]), values)


@pytest.mark.parametrize("reverse", [False, True])
def test_elements_before_and_behind(reverse: bool) -> None:
    x, z = cr.matrix("x"), cr.vector("z")
    values = {x: RNG.standard_normal((T + 3, D)), z: RNG.standard_normal(T)}

    def step(carry: Expr, elements: tuple[tuple[Expr, Expr, Expr], Expr]) -> tuple[Expr, Expr]:
        (before, at, behind), scale = elements
        carry = cr.tanh(carry * before + scale * behind)
        return carry, carry + at

    last, ys = cr.scan(step, cr.ones(D), (cr.taps(x, (-1, 0, 2)), z), reverse=reverse)
    carry, rows = cr.ones(D), {}
    for t in range(T)[:: -1 if reverse else 1]:
        carry, rows[t] = step(carry, ((x[t], x[t + 1], x[t + 3]), z[t]))
    each = stacked([rows[t] for t in range(T)])
    check([last, ys], [carry, each], values)
    check(cr.grad((ys**2).sum() + last.sum(), [x, z]), cr.grad((each**2).sum() + carry.sum(), [x, z]), values)


def test_offsets_on_one_side_leave_out_elements_on_that_side() -> None:
    x = cr.vector("x")
    values = {x: np.arange(6.0)}
    for offsets, wanted in (((-2,), [0, 1, 2, 3]), ((1,), [1, 2, 3, 4, 5]), ((0,), [0, 1, 2, 3, 4, 5])):
        _, ys = cr.scan(lambda c, v: (c, v[0]), None, cr.taps(x, offsets))
        np.testing.assert_array_equal(interpreted([ys], values)[0], wanted)


def test_no_steps() -> None:
    past, x = cr.matrix("p"), cr.matrix("x")
    last, ys = cr.scan(lambda ago, v: (ago[0] + ago[1] * v[0], v[1]), cr.taps(past, (-1, -2)), cr.taps(x, (-1, 0)))
    f = cr.function([past, x], [last, ys, cr.grad(last.sum(), past)])
    p = RNG.standard_normal((2, D))
    found = f(p, RNG.standard_normal((1, D)))
    np.testing.assert_array_equal(found[0], p)
    assert found[1].shape == (0, D)
    np.testing.assert_array_equal(found[2], np.ones((2, D)))
    with pytest.raises(ShapeError):
        f(p, np.zeros((0, D)))


def test_mistakes_are_named() -> None:
    x = cr.tensor("x", (T, D))
    with pytest.raises(ArgumentError, match="taps of a carry are steps ago, negative integers"):
        cr.scan(lambda c, v: (v, None), cr.taps(x, (-1, 0)), x)
    with pytest.raises(ShapeError, match=r"begin with 2 rows, the oldest first(.|\n)*test_taps.py"):
        cr.scan(lambda c, v: (v, None), cr.taps(x, (-1, -2)), x)
    with pytest.raises(ShapeError, match=r"at least 9 elements(.|\n)*test_taps.py"):
        cr.scan(lambda c, v: (c, None), None, cr.taps(x, (-4, 5)))
    with pytest.raises(ShapeError, match=r"sequences of one length are wanted.*3.*5"):
        cr.scan(lambda c, v: (c, None), None, (cr.taps(x, (-1, 1)), x))
    with pytest.raises(KindError, match="returned as its one new value"):
        cr.scan(lambda c, v: ((v, c[0]), None), cr.taps(cr.zeros((2, D)), (-1, -2)), x)
    with pytest.raises(ShapeError, match="the carry begins with shape"):
        cr.scan(lambda c, v: (v.sum(), None), cr.taps(cr.zeros((2, D)), (-1, -2)), x)
    for wrong in ((), 1.5, (True,), "ab"):
        with pytest.raises(ArgumentError, match="the offsets are integers"):
            cr.taps(x, wrong)
    with pytest.raises(ShapeError, match="got a scalar"):
        cr.taps(cr.scalar("s"), -1)
    with pytest.raises(KindError, match="taps are for the carries and sequences of scan"):
        cr.while_loop(lambda c: c.sum() > 0, lambda c: c, cr.taps(x, -1))

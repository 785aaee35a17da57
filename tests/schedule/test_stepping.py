"""Loops of tiny steps: one kernel that runs many of them, in either direction, with all states or the last one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.runtime.portable import PortableFunction

COUNTS = (0, 1, 2, 3, 7, 5000)


def portable(function: Any) -> PortableFunction:
    """The same program, run by the interpreter in Python."""
    one = function.program
    return PortableFunction(one.program, one.kernels, one.cells, one.routines, None, one.keep)


def runs_many_steps(function: Any) -> bool:
    return "each step" in function.explain().detail()


def scanned(body: Callable, first: list[np.ndarray], xs: np.ndarray, reverse: bool) -> tuple[list[np.ndarray], np.ndarray]:
    """The last values of the carries and all of the first one, in NumPy."""
    carry, found = tuple(first), np.zeros((len(xs), *first[0].shape))
    for place in range(len(xs))[:: -1 if reverse else 1]:
        carry = body(np, carry, xs[place])
        found[place] = carry[0]
    return list(carry), found


def nonlinear(np_: Any, carry: tuple, x: Any) -> tuple:
    (state,) = carry
    return (np_.tanh(state * 0.9 + x),)


def product(np_: Any, carry: tuple, x: Any) -> tuple:
    (state,) = carry
    return (np_.tanh((state[:, None] * x).sum(0)),)


def crossed(np_: Any, carry: tuple, x: Any) -> tuple:
    """Two carries of which each is made of the other."""
    one, other = carry
    return np_.tanh(other * x), np_.sin(one) - other


def pendulum(np_: Any, carry: tuple, x: Any) -> tuple:
    """A step by Runge and Kutta of few states, put together one by one."""
    (state,) = carry

    def slope(state: Any) -> Any:
        return np_.stack([state[1], x - np_.sin(state[0]) - state[1], state[0] * state[1] - state[2]])

    first = slope(state)
    second = slope(state + 0.05 * first)
    third = slope(state + 0.05 * second)
    return (state + 0.1 * (first + 2 * second + 2 * third + slope(state + 0.1 * third)) / 6,)


CASES = {
    "a number": (nonlinear, ((),), ()),
    "a vector": (nonlinear, ((5,),), (5,)),
    "a matrix": (nonlinear, ((3, 4),), (3, 4)),
    "a product": (product, ((4,),), (4, 4)),
    "two carries": (crossed, ((4,), (4,)), (4,)),
    "a few states": (pendulum, ((3,),), ()),
}


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_tiny_steps(case: str, kept: bool, reverse: bool) -> None:
    body, shapes, element = CASES[case]
    first = [cr.tensor(f"h{place}", shape) for place, shape in enumerate(shapes)]
    xs = cr.tensor("xs", ("steps", *element))
    last, states = cr.scan(lambda carry, x: ((found := body(cr, carry, x)), found[0]), tuple(first), xs, reverse=reverse)
    function = cr.function([*first, xs], [*last, states] if kept else list(last))
    assert runs_many_steps(function)
    rng = np.random.default_rng(0)
    for count in COUNTS:
        arrays = [rng.standard_normal(shape) for shape in shapes]
        sequence = rng.standard_normal((count, *element)) / 4
        wanted, rows = scanned(body, arrays, sequence, reverse)
        for run in (function, portable(function)):
            found = run(*arrays, sequence)
            for mine, his in zip(found, [*wanted, rows]):
                np.testing.assert_allclose(mine, his, rtol=1e-9, atol=1e-12)


def test_a_few_states_stay_in_registers() -> None:
    """What the kernels of a step hand on is in no memory: only the next state is stored, which for all that is known lies where the state does."""
    state, xs = cr.tensor("state", (3,)), cr.vector("xs")
    detail = cr.function([state, xs], cr.scan(lambda s, x: (pendulum(cr, (s,), x)[0],) * 2, state, xs)[1]).explain().detail()
    assert "each step" in detail and "lanes" not in detail
    assert len(re.findall(r"^ +b\d+\[.*\] = v\d+$", detail, re.MULTILINE)) == 3
    assert len(re.findall(r"^ +v\d+: \w+ = b\d+\[.*\]$", detail, re.MULTILINE)) <= 3 + 1 + 3


def test_steps_in_several_calls_of_the_kernel() -> None:
    """Steps are done a few thousand at a time, which leaves the right one of two buffers behind."""
    h, xs = cr.tensor("h", (3,)), cr.tensor("xs", ("steps", 3))
    last, _ = cr.scan(lambda state, x: (cr.tanh(state * 0.9 + x), None), h, xs)
    function = cr.function([h, xs], last)
    for count in (1, 2, 2049, 2050, 4096, 4097):
        start, sequence = np.ones(3), np.random.default_rng(count).standard_normal((count, 3))
        whole = function(start, sequence)
        half = function(function(start, sequence[: count // 2]), sequence[count // 2 :])
        np.testing.assert_array_equal(whole, half)


def test_values_of_each_step_that_are_no_carry() -> None:
    h, xs = cr.tensor("h", (3,)), cr.tensor("xs", ("steps", 3))
    last, (squares, early) = cr.scan(lambda state, x: (cr.tanh(state + x), (cr.exp(state) * x, state)), h, xs)
    function = cr.function([h, xs], [last, squares, early])
    start, sequence = np.ones(3), np.random.default_rng(0).standard_normal((50, 3))
    state, wanted = start, []
    for x in sequence:
        wanted.append((np.exp(state) * x, state))
        state = np.tanh(state + x)
    found = function(start, sequence)
    np.testing.assert_allclose(found[0], state, rtol=1e-9)
    np.testing.assert_allclose(found[1], [row for row, _ in wanted], rtol=1e-9)
    np.testing.assert_allclose(found[2], [row for _, row in wanted], rtol=1e-9)


def test_steps_that_an_end_or_their_size_forbids_are_calls() -> None:
    h, xs = cr.tensor("h", (3,)), cr.tensor("xs", (9, 3))
    last = cr.scan(lambda state, x: (cr.tanh(state + x), None, cr.until((state > 10).any())), h, xs)[0]
    assert not runs_many_steps(cr.function([h, xs], last))
    h, xs = cr.tensor("h", (3000,)), cr.tensor("xs", (9, 3000))
    last, _ = cr.scan(lambda state, x: (cr.tanh(state + x), None), h, xs)
    assert not runs_many_steps(cr.function([h, xs], last))


def test_other_numbers_in_each_call() -> None:
    """A gradient through tiny steps: the way back is a loop of tiny steps too."""
    h, xs = cr.tensor("h", (3,)), cr.tensor("xs", ("steps", 3))
    last, _ = cr.scan(lambda state, x: (cr.tanh(state * 0.9 + x), None), h, xs)
    function = cr.function([h, xs], cr.grad(last.sum(), [h, xs]))
    for count in (1, 2, 60):
        start, sequence = np.ones(3), np.random.default_rng(count).standard_normal((count, 3)) / 4
        state, slopes = start, []
        for x in sequence:
            state = np.tanh(state * 0.9 + x)
            slopes.append(1 - state**2)
        gradient, wanted = np.ones(3), []
        for slope in slopes[::-1]:
            wanted.append(gradient * slope)
            gradient = gradient * slope * 0.9
        found = function(start, sequence)
        np.testing.assert_allclose(found[0], gradient, rtol=1e-8)
        np.testing.assert_allclose(found[1], wanted[::-1], rtol=1e-8)


@pytest.mark.parametrize("reverse", [False, True])
def test_what_is_read_as_a_part_of_a_row_moves_by_whole_rows(reverse: bool) -> None:
    """The way back reads the first row of each state by itself; so does a mask of elements."""
    h, xs = cr.tensor("h", (4, 2)), cr.tensor("xs", ("steps", 4, 2))

    def step(state: cr.Expr, x: cr.Expr) -> tuple[cr.Expr, tuple[cr.Expr, ...]]:
        new = cr.tanh(state[::-1] + x * state[0])
        less = x < state
        return cr.where(less[0], new, 0.5 * new), (new[0], less)

    last, (rows, masks) = cr.scan(step, h, xs, reverse=reverse)
    outputs = [last, rows, masks, *cr.grad((last**2).sum() + (rows**3).sum(), [h, xs])]
    function = cr.function([h, xs], outputs)
    assert runs_many_steps(function)
    rng = np.random.default_rng(0)
    for count in (1, 2, 5):
        values = {h: rng.standard_normal((4, 2)), xs: rng.standard_normal((count, 4, 2))}
        for mine, his in zip(function(*values.values()), cr.reference.evaluate(outputs, values)):
            np.testing.assert_allclose(mine, his, rtol=1e-9, atol=1e-12)

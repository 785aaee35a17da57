"""Carries whose values after the steps are wanted: each step writes them where they are wanted, and nothing is copied."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.runtime.calls.loop import Loop
from croton.runtime.portable import PortableFunction

ROWS, UNITS, STEPS = 40, 300, 5


def recurrence(reverse: bool = False, steps: Any = STEPS, shape: tuple[int, ...] = (ROWS, UNITS)) -> tuple[Any, Any, Any, Any]:
    h, xs = cr.tensor("h", shape), cr.tensor("xs", (steps, *shape))
    last, states = cr.scan(lambda state, x: 2 * (cr.tanh(state * 0.9 + x),), h, xs, reverse=reverse)
    return h, xs, last, states


def values(reverse: bool, count: int = STEPS, shape: tuple[int, ...] = (ROWS, UNITS)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(count)
    h, xs = rng.standard_normal(shape), rng.standard_normal((count, *shape))
    found, state = np.zeros_like(xs), h
    for place in range(count)[:: -1 if reverse else 1]:
        state = found[place] = np.tanh(state * 0.9 + xs[place])
    return h, xs, found


def loop_of(function: Any) -> Loop:
    (loop,) = [call for call in function.program.program.calls if isinstance(call, Loop)]
    return loop


def portable(function: Any) -> PortableFunction:
    one = function.program
    return PortableFunction(one.program, one.kernels, one.cells, one.routines, None, one.keep)


@pytest.mark.parametrize("shape", [(), (3,), (ROWS, UNITS)])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("steps", [STEPS, "steps"])
def test_each_step_writes_the_result(steps: Any, reverse: bool, shape: tuple[int, ...]) -> None:
    h, xs, _, states = recurrence(reverse, steps, shape)
    function = cr.function([h, xs], states)
    loop = loop_of(function)
    # No byte is copied, not even those of the first value.
    assert len(loop.follows) == 1 and not loop.begins and not loop.rotates
    assert function.explain().kernels == 0 and len(function.program.program.calls) == 1
    for count in (STEPS,) if steps == STEPS else (0, 1, 2, STEPS):
        first, sequence, wanted = values(reverse, count, shape)
        for run in (function, portable(function)):
            np.testing.assert_allclose(run(first, sequence), wanted, rtol=1e-12, atol=1e-14)
            np.testing.assert_array_equal(first, values(reverse, count, shape)[0])


@pytest.mark.parametrize("reverse", [False, True])
def test_the_last_value_is_a_row_of_them(reverse: bool) -> None:
    h, xs, last, states = recurrence(reverse)
    function = cr.function([h, xs], [last, states, states[2:]])
    assert len(loop_of(function).follows) == 1
    first, sequence, wanted = values(reverse)
    found = function(first, sequence)
    for mine, his in zip(found, (wanted[0 if reverse else -1], wanted, wanted[2:])):
        np.testing.assert_allclose(mine, his, rtol=1e-12, atol=1e-14)


def test_of_no_step_the_last_value_is_the_first_one() -> None:
    h, xs, last, states = recurrence(steps="steps")
    function = cr.function([h, xs], [last, states])
    assert not loop_of(function).follows
    for count in (0, 1, 4):
        first, sequence, wanted = values(False, count)
        found = function(first, sequence)
        np.testing.assert_allclose(found[0], wanted[-1] if count else first, rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(found[1], wanted, rtol=1e-9, atol=1e-13)


def test_values_that_are_wanted_before_a_step_too_are_one_array() -> None:
    h, xs, _, states = recurrence()
    cost = (states**2).sum()
    function = cr.function([h, xs], [states, *cr.grad(cost, [h, xs])])
    first, sequence, wanted = values(False)
    found = function(first, sequence)
    np.testing.assert_allclose(found[0], wanted, rtol=1e-9, atol=1e-13)
    adjoint, slopes = np.zeros((ROWS, UNITS)), []
    for row in wanted[::-1]:
        adjoint = (adjoint * 0.9 + 2 * row) * (1 - row**2) if not slopes else (slopes[-1] * 0.9 + 2 * row) * (1 - row**2)
        slopes.append(adjoint)
    np.testing.assert_allclose(found[2], slopes[::-1], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found[1], slopes[-1] * 0.9, rtol=1e-9, atol=1e-12)


def test_large_carries_of_which_the_last_value_is_wanted_change_roles() -> None:
    h, xs, last, _ = recurrence()
    function = cr.function([h, xs], last)
    loop = loop_of(function)
    assert len(loop.rotates) == 1 and not loop.begins and len(loop.calls) == 1
    assert function.explain().kernels == 0
    first, sequence, wanted = values(False)
    np.testing.assert_allclose(function(first, sequence), wanted[-1], rtol=1e-9, atol=1e-13)


def test_a_loop_reads_what_another_has_made_where_it_lies() -> None:
    h, xs, _, states = recurrence()
    _, again = cr.scan(lambda state, x: 2 * (cr.sin(state + x),), h, states)
    function = cr.function([h, xs], again)
    assert len(function.program.program.calls) == 2 and function.explain().kernels == 0
    first, sequence, wanted = values(False)
    state, found = first, []
    for row in wanted:
        state = np.sin(state + row)
        found.append(state)
    np.testing.assert_allclose(function(first, sequence), found, rtol=1e-10, atol=1e-12)

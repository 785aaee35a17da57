"""Carries that are what another one was some steps ago: they stay where they are, addresses go round."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.runtime.calls.loop import Loop
from croton.runtime.portable import PortableFunction

WIDE = (90, 100)
OFFSETS = [(-1, -2, -3), (-4, -1), (-2,)]


def recurrence(shape: tuple[int, ...], offsets: tuple[int, ...], wanted: str) -> Any:
    past, xs = cr.tensor("past", (-min(offsets), *shape)), cr.tensor("xs", ("steps", *shape))
    last, states = cr.scan(lambda before, x: (cr.tanh(sum(0.3 * one for one in before) + x),) * 2, cr.taps(past, offsets), xs)
    return cr.function([past, xs], {"last": [last], "states": [states], "both": [last, states]}[wanted])


def in_numpy(past: np.ndarray, xs: np.ndarray, offsets: tuple[int, ...], wanted: str) -> list[np.ndarray]:
    values = list(past)
    for x in xs:
        values.append(np.tanh(sum(0.3 * values[offset] for offset in offsets) + x))
    last, states = np.array(values[-len(past) :]), np.array(values[len(past) :]).reshape(xs.shape)
    return {"last": [last], "states": [states], "both": [last, states]}[wanted]


@pytest.mark.parametrize("wanted", ["last", "states", "both"])
@pytest.mark.parametrize("offsets", OFFSETS)
@pytest.mark.parametrize("shape", [(), (3,), WIDE])
def test_values_of_some_steps_ago(shape: tuple[int, ...], offsets: tuple[int, ...], wanted: str) -> None:
    function = recurrence(shape, offsets, wanted)
    one = function.program
    portable = PortableFunction(one.program, one.kernels, one.cells, one.routines, None, one.keep)
    for count in (0, 1, 2, 3, 7, 2500 if shape != WIDE else 9):
        rng = np.random.default_rng(count)
        past, xs = rng.standard_normal((-min(offsets), *shape)), rng.standard_normal((count, *shape))
        before = past.copy()
        for run in (function, portable):
            for mine, his in zip(run(past, xs), in_numpy(past, xs, offsets, wanted)):
                np.testing.assert_allclose(mine, his, rtol=1e-9, atol=1e-12)
            np.testing.assert_array_equal(past, before)


@pytest.mark.parametrize("offsets", OFFSETS)
@pytest.mark.parametrize(("wanted", "copied"), [("last", True), ("states", False)])
def test_a_step_writes_one_array(offsets: tuple[int, ...], wanted: str, copied: bool) -> None:
    """However many steps are looked back: what a step copies would be one array more for each."""
    past, xs = cr.tensor("past", (-min(offsets), *WIDE)), cr.tensor("xs", ("steps", *WIDE))
    last, states = cr.scan(lambda before, x: (cr.tanh(sum(0.3 * one for one in before) + x),) * 2, cr.taps(past, offsets), xs)
    with cr.config.use(cache=False):
        function = cr.function([past, xs], last if wanted == "last" else states)
    (loop,) = [call for call in function.program.program.calls if isinstance(call, Loop)]
    assert len(loop.calls) == 1
    # Before the first step at most as many arrays are copied as there are values to begin with; after the last one those that are wanted.
    count = -min(offsets)
    assert len(loop.begins) == (count if copied else 0) and len(loop.ends) == (count if copied else 0)
    step = function.account.kernels[loop.calls[0].kernel]
    assert step.count("] = ") == 1


def test_values_that_change_places() -> None:
    """Each is what the other was: nobody makes one, so that one has to be copied."""
    one, other = cr.tensor("one", (3,)), cr.tensor("other", (3,))
    (a, b, c), _ = cr.scan(lambda carry, x: ((carry[1], carry[0], cr.sin(carry[2] + carry[0])), None), (one, other, one), None, length=5)
    function = cr.function([one, other], [a, b, c])
    x, y = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    p, q, r = x, y, x
    for _ in range(5):
        p, q, r = q, p, np.sin(r + p)
    for mine, his in zip(function(x, y), (p, q, r)):
        np.testing.assert_allclose(mine, his, rtol=1e-12)


def test_one_value_that_two_hand_on() -> None:
    start, xs = cr.tensor("start", (3,)), cr.tensor("xs", ("steps", 3))
    (a, b, c), _ = cr.scan(lambda carry, x: ((cr.tanh(carry[0] + carry[1] * carry[2] + x), carry[0], carry[0]), None), (start, start * 2, start * 3), xs)
    function = cr.function([start, xs], [a, b, c])
    first = np.array([0.1, 0.2, 0.3])
    for count in (0, 1, 4):
        sequence = np.random.default_rng(count).standard_normal((count, 3))
        p, q, r = first, 2 * first, 3 * first
        for x in sequence:
            p, q, r = np.tanh(p + q * r + x), p, p
        for mine, his in zip(function(first, sequence), (p, q, r)):
            np.testing.assert_allclose(mine, his, rtol=1e-9)


def test_what_lies_where_others_lay_is_stored_as_they_are() -> None:
    """A branch in the step settles how the newest value is stored, beside a batch that the older ones would like to come last."""
    xs, past = cr.tensor("xs", (2, 4, 3)), cr.tensor("past", (2, 3, 2, 3))

    def one(xs: Any, past: Any) -> Any:
        def step(before: Any, x: Any) -> Any:
            mixed, spread = before[0] + 0.3 * cr.sin(before[1]), x + cr.zeros((2, 3))
            return cr.cond(spread.sum() > 0, lambda c: cr.tanh(c) + spread, lambda c: 0.5 * c * spread, mixed), None

        return cr.scan(step, cr.taps(past, (-1, -3)), xs)[0]

    rng = np.random.default_rng(0)
    x, p = rng.standard_normal((2, 4, 3)), rng.standard_normal((2, 3, 2, 3))
    wanted = []
    for row, values in zip(x, map(list, p)):
        for each in row:
            mixed = values[-1] + 0.3 * np.sin(values[-3])
            values.append(np.tanh(mixed) + each if each.sum() > 0 else 0.5 * mixed * each)
        wanted.append(values[-3:])
    np.testing.assert_allclose(cr.function([xs, past], cr.vmap(one)(xs, past))(x, p), np.array(wanted), rtol=1e-9)

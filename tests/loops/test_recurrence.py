"""What a recurrence is taken apart into: no loop where values are known for all steps, and no more in the loop than feeds itself."""

from __future__ import annotations

import numpy as np
import pytest

from croton.algebra.add import add
from croton.algebra.constant import input_
from croton.algebra.contract import contract
from croton.algebra.interpret import interpret
from croton.algebra.node import Label, Use
from croton.algebra.pointwise import scalar
from croton.algebra.stand_in import mark
from croton.dtypes import float64
from croton.loops.course import Steps
from croton.loops.history import Constant, Few, Late, Looped, Running
from croton.loops.recurrence import Carry, Element, Recurrence

STEPS, SIZE = 5, 3
RNG = np.random.default_rng(0)
X, H = RNG.normal(size=(STEPS, SIZE)), RNG.normal(size=SIZE)


class Body:
    """A step with one carry and one element, and what stands for them."""

    def __init__(self, length: int = STEPS) -> None:
        self.step, self.axis = Label(length), Label(SIZE)
        self.carry, self.element = mark((self.axis,), dtype=float64), mark((self.axis,), dtype=float64)

    def taken_apart(self, new: Use, reverse: bool = False) -> Recurrence:
        x, h = input_("x", (self.step, self.axis), float64), input_("h", (self.axis,), float64)
        carry, element = Carry(self.carry.node, (self.axis,), h, new), Element(self.element.node, (self.axis,), x)
        return Recurrence(Steps(self.step, reverse), [carry], [element])

    def product(self, one: Use, two: Use) -> Use:
        return contract({self.axis}, [(one, 1), (two, 1)])


def values(use: Use, axes: tuple[Label, ...]) -> np.ndarray:
    """The array of a value, its axes in this order."""
    (array,) = interpret([use], {"x": X, "h": H})
    return np.transpose(array, [use.labels.index(label) for label in axes])


@pytest.mark.parametrize("reverse", [False, True])
def test_a_carry_that_no_step_changes_is_its_first_value(reverse: bool) -> None:
    body = Body()
    found = body.taken_apart(body.carry, reverse)
    assert isinstance(found.histories[0], Constant) and found.loop is None
    np.testing.assert_array_equal(values(found.final(0), (body.axis,)), H)


@pytest.mark.parametrize("reverse", [False, True])
def test_what_reads_no_carry_is_read_one_step_late(reverse: bool) -> None:
    body = Body()
    found = body.taken_apart(scalar("sin", body.element), reverse)
    assert isinstance(found.histories[0], Late) and found.loop is None
    rows = np.concatenate([np.sin(X), H[None]]) if reverse else np.concatenate([H[None], np.sin(X)])
    row = Label(STEPS + 1)
    np.testing.assert_allclose(values(found.states(0, row), (row, body.axis)), rows, rtol=1e-15)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_term_that_is_added_is_a_running_sum(reverse: bool) -> None:
    body = Body()
    found = body.taken_apart(add([(body.carry, 1), (scalar("sin", body.element), 1)]), reverse)
    assert isinstance(found.histories[0], Running) and found.loop is None
    np.testing.assert_allclose(values(found.final(0), (body.axis,)), H + np.sin(X).sum(0), rtol=1e-14)


def test_a_loop_has_no_more_than_what_feeds_itself() -> None:
    body = Body()
    lifted = scalar("exp", body.element)
    new = scalar("sin", body.product(body.carry, lifted))
    found = body.taken_apart(new)
    assert isinstance(found.histories[0], Looped) and found.loop is not None
    (given,) = found.loop.sequences
    assert given.node.kind == "map" and given.node.param == "exp"
    behind = found.lift(scalar("tanh", new))
    assert behind.node.kind == "map" and behind.node.param == "tanh"
    rows, current = [], H
    for x in X:
        current = np.sin(current * np.exp(x))
        rows.append(np.tanh(current))
    np.testing.assert_allclose(values(behind, (body.step, body.axis)), rows, rtol=1e-14)


@pytest.mark.parametrize("length", [0, 1])
def test_of_one_step_at_most_there_is_no_loop(length: int) -> None:
    body = Body(length)
    found = body.taken_apart(scalar("sin", body.product(body.carry, body.carry)))
    assert isinstance(found.histories[0], Few) and found.loop is None
    np.testing.assert_allclose(values(found.final(0), (body.axis,)), np.sin(H * H) if length else H, rtol=1e-15)

"""What a step that is a loop says of itself: its carries, what it reads and makes, and what each of its own steps does."""

from __future__ import annotations

from typing import NamedTuple

from croton.algebra.loop import Core
from croton.schedule.carried import Carried
from croton.schedule.draft import Draft
from croton.schedule.step import Order, Step, Value


class Body(NamedTuple):
    """What a step does: steps on values that have an order to be stored in."""

    draft: Draft
    steps: list[Step]

    def output_order(self, place: int) -> Order:
        """The order in which an output is stored, in its axes."""
        axes = self.draft.output_axes[place]
        return tuple([axes[axis] for axis in self.draft.outputs[place].order])


class LoopDetail(NamedTuple):
    """What a loop reads and makes.

    body        what a step does: its outputs are the next carries, then what is tapped
    elements    the place of an element and its array, a row a step; likewise fixed values
    taps        what is tapped: its place among the outputs, and a row for each step
    limit       the fixed value that says how many steps there are
    steps       how many steps were done
    """

    core: Core
    body: Body
    carried: Carried[Value]
    elements: tuple[tuple[int, Value], ...]
    fixed: tuple[tuple[int, Value], ...]
    taps: tuple[tuple[int, Value], ...]
    limit: Value | None
    steps: Value | None

    def reads(self) -> list[Value]:
        """The arrays that are there before it."""
        return [*self.carried.firsts.values(), *[value for _, value in (*self.elements, *self.fixed)]]

    def makes(self) -> list[Value]:
        """The arrays that it makes."""
        steps = [] if self.steps is None else [self.steps]
        return [*self.carried.made, *[value for _, value in self.taps], *steps]

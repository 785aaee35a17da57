"""What a step that is a loop says of itself: its carries by where they lie, what it reads and makes, and what each of its own steps does."""

from __future__ import annotations

from typing import NamedTuple

from croton.algebra.loop import Core
from croton.schedule.draft import Draft
from croton.schedule.layout import Order
from croton.schedule.step import Step, Value


class Stacked(NamedTuple):
    """A carry whose values are all kept: the row before a step is read and the one after it is written."""

    place: int
    first: Value
    rows: Value


class Trailing(NamedTuple):
    """A carry whose values after the steps are kept: what a step reads is what the step before has written."""

    place: int
    first: Value
    rows: Value


class Rotating(NamedTuple):
    """A carry of which the last value is wanted, if any: two arrays in turn. Where there is one step, which does not read it, all are one memory."""

    place: int
    first: Value
    last: Value
    other: Value


class Delayed(NamedTuple):
    """A carry that is what another was a step before: it lies where that one lay. `last` is a copy of its last value, if that is wanted."""

    place: int
    source: int
    first: Value
    last: Value | None


class Ring(NamedTuple):
    """A carry of which values of several steps are needed, and at most the last one wanted: as many arrays and one more, which change roles."""

    place: int
    first: Value
    last: Value | None
    arrays: tuple[Value, ...]


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
    stacked: tuple[Stacked, ...]
    trailing: tuple[Trailing, ...]
    rotating: tuple[Rotating, ...]
    delayed: tuple[Delayed, ...]
    rings: tuple[Ring, ...]
    elements: tuple[tuple[int, Value], ...]
    fixed: tuple[tuple[int, Value], ...]
    taps: tuple[tuple[int, Value], ...]
    limit: Value | None
    steps: Value | None

    def reads(self) -> list[Value]:
        """The arrays that are there before it."""
        carried = [*[carry.first for carry in self.stacked], *[carry.first for carry in self.trailing], *[carry.first for carry in self.rotating]]
        carried += [*[carry.first for carry in self.delayed], *[carry.first for carry in self.rings]]
        return [*carried, *[value for _, value in (*self.elements, *self.fixed)]]

    def makes(self) -> list[Value]:
        """The arrays that it makes."""
        kept = [*[carry.rows for carry in self.stacked], *[carry.rows for carry in self.trailing]]
        steps = [] if self.steps is None else [self.steps]
        lasts = [*[carry.last for carry in self.delayed], *[carry.last for carry in self.rings]]
        kept += [last for last in lasts if last is not None] + [array for ring in self.rings for array in ring.arrays]
        return [*kept, *[value for carry in self.rotating for value in (carry.last, carry.other)], *[value for _, value in self.taps], *steps]

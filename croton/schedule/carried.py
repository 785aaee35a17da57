"""Where the carries of a loop lie: one record a kind, of the scheduler's values and then of the numbers that they have in a plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

V = TypeVar("V")
W = TypeVar("W")


class Stacked(NamedTuple, Generic[V]):
    """A carry whose values are all kept: the row before a step is read and the one after it is written. The first value is copied into the first row."""

    place: int
    first: V
    rows: V


class Trailing(NamedTuple, Generic[V]):
    """A carry whose values after the steps are kept: what a step reads is what the step before has written."""

    place: int
    first: V
    rows: V


class Rotating(NamedTuple, Generic[V]):
    """A carry of which the last value is wanted, if any: two arrays in turn, so that the last step writes the last value.

    Where there is one step, which does not read it, all are one memory.
    """

    place: int
    first: V
    last: V
    other: V


class Delayed(NamedTuple, Generic[V]):
    """A carry that is what another was a step before: it lies where that one lay. `last` is a copy of its last value, if that is wanted."""

    place: int
    source: int
    first: V
    last: V | None


class Ring(NamedTuple, Generic[V]):
    """A carry of which values of several steps are needed, and at most the last one wanted: as many arrays and one more, which change roles.

    arrays    for what it is next, for what it is, then for those that are delayed behind it
    """

    place: int
    first: V
    last: V | None
    arrays: tuple[V, ...]


class Carried(NamedTuple, Generic[V]):
    """The carries of a loop by where they lie. `place` is the number of a carry, which is the number of the output that it becomes."""

    stacked: tuple[Stacked[V], ...]
    trailing: tuple[Trailing[V], ...]
    rotating: tuple[Rotating[V], ...]
    delayed: tuple[Delayed[V], ...]
    rings: tuple[Ring[V], ...]

    @property
    def firsts(self) -> dict[int, V]:
        """The value of each carry before the first step."""
        return {carry.place: carry.first for kind in self for carry in kind}

    @property
    def copied(self) -> dict[int, V]:
        """The copies of last values, for carries of which the last value lies where it will not stay."""
        return {carry.place: carry.last for kind in (self.delayed, self.rings) for carry in kind if carry.last is not None}

    @property
    def made(self) -> list[V]:
        """The arrays that the loop writes for them, with memory that it works on."""
        rows = [carry.rows for kind in (self.stacked, self.trailing) for carry in kind]
        around = [array for ring in self.rings for array in ring.arrays]
        return [*rows, *self.copied.values(), *around, *[array for carry in self.rotating for array in (carry.last, carry.other)]]

    def mapped(self, to: Callable[[V], W]) -> Carried[W]:
        """The same of what a function makes of each array."""

        def wanted(value: V | None) -> W | None:
            return None if value is None else to(value)

        return Carried(
            tuple([Stacked(place, to(first), to(rows)) for place, first, rows in self.stacked]),
            tuple([Trailing(place, to(first), to(rows)) for place, first, rows in self.trailing]),
            tuple([Rotating(place, to(first), to(last), to(other)) for place, first, last, other in self.rotating]),
            tuple([Delayed(place, source, to(first), wanted(last)) for place, source, first, last in self.delayed]),
            tuple([Ring(place, to(first), wanted(last), tuple(map(to, arrays))) for place, first, last, arrays in self.rings]),
        )

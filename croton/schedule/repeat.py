"""Groups that are alike but for which arrays they read and write, as those of the layers of a network are, become kernels once."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from croton.schedule.emit import Emitted, emit
from croton.schedule.fuse import Group
from croton.schedule.step import Instruction, Value


class _Known(NamedTuple):
    """What a group became, and for each of its kernel's values the number of the group's value that it is; -1 for memory of the kernel's own."""

    emitted: Emitted
    numbers: tuple[int, ...]


class Repeats:
    """The groups of one program that are kernels already."""

    def __init__(self) -> None:
        self._known: dict[Hashable, _Known] = {}

    def emit(self, group: Group, stored: set[Value]) -> Emitted:
        """The kernel of a group; `stored` are the values that are read outside of it."""
        key, values = _likeness(group, stored)
        known = self._known.get(key)
        if known is None:
            emitted = emit(group, stored)
            numbers = {value: number for number, value in enumerate(values)}
            self._known[key] = _Known(emitted, tuple([numbers.get(value, -1) for value in emitted.values]))
            return emitted
        first = known.emitted
        own = {value: _copy(value) for value, number in zip(first.values, known.numbers) if number < 0}
        return first._replace(
            values=tuple([own[value] if number < 0 else values[number] for value, number in zip(first.values, known.numbers)]),
            scratch=tuple([own[value] if value in own else _copy(value) for value in first.scratch]),
        )


def _copy(value: Value) -> Value:
    """Other memory of the same kind."""
    copy = Value(value.dims, value.dtype)
    copy.order = value.order
    return copy


def _likeness(group: Group, stored: set[Value]) -> tuple[Hashable, list[Value]]:
    """All that the kernel of a group depends on, and the values that it is about in the order in which it names them."""
    numbers: dict[Value, int] = {}

    def number(value: Value) -> int:
        found = numbers.setdefault(value, len(numbers))
        while value.inside is not None:
            # The kernel is about the array that a piece is in.
            assert value.view is not None, "a piece has a whole"
            value = value.view
            numbers.setdefault(value, len(numbers))
        return found

    def told(instruction: Instruction) -> tuple:
        if instruction[0] != "load":
            return instruction
        return ("load", instruction[1], number(instruction[2]), instruction[3], instruction[4])

    members = []
    for step, labels, time, known in group.members:
        body = tuple([told(instruction) for instruction in step.body])
        members.append((step.op, step.dims, tuple(labels.items()), time, known, body, number(step.out), step.out in stored))
    values = list(numbers)
    return (group.dims, tuple(members), tuple([_kind(value, numbers) for value in values])), values


def _kind(value: Value, numbers: dict[Value, int]) -> tuple:
    """What a kernel depends on of a value."""
    inside = None if value.inside is None or value.view is None else (numbers[value.view], *value.inside)
    return value.dims, value.dtype, value.order, inside

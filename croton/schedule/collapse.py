"""Adjacent labels of a group that are contiguous everywhere become one: elementwise work on (a, b, c) is one lane of a*b*c."""

from __future__ import annotations

from croton.schedule.fuse import Group, Member
from croton.schedule.pieces import located
from croton.schedule.step import Value


def merged_places(group: Group, stored: set[Value]) -> list[int]:
    """For each place of the group's space the number of the loop that it belongs to; equal numbers are merged."""
    count = len(group.dims)
    apart = [False] * count  # apart[p]: p cannot be merged with p + 1
    for member in group.members:
        if not any(not flag for flag in apart[: count - 1]):
            break
        _separate(member, group, apart, stored)
    numbers = []
    number = -1
    for place in range(count):
        if place == 0 or apart[place - 1]:
            number += 1
        numbers.append(number)
    return numbers


def _separate(member: Member, group: Group, apart: list[bool], stored: set[Value]) -> None:
    count = len(group.dims)
    step, labels = member.step, member.labels
    rank = len(step.out.dims)
    state = [0] * count
    for label, place in labels.items():
        state[place] = 2 if label >= rank and step.kind == "map" else 1
    for place in range(count - 1):
        if state[place] != state[place + 1]:
            apart[place] = True
    for instruction in step.body:
        kind = instruction[0]
        if kind == "load":
            _aligned(*located(instruction[2], instruction[3]), labels, group, apart)
        elif kind == "index":
            _alone(labels[instruction[2]], apart)
    if step.kind in ("scatter", "scan"):
        _aligned(step.out, step.detail.at, labels, group, apart)
        if step.kind == "scan":
            _alone(count - 1, apart)
    elif step.out.inside is not None:
        _aligned(*located(step.out, tuple(range(rank))), labels, group, apart)
    elif rank and (step.out in stored or step.op is not None):
        _adjacent(list(step.out.order), labels, apart, count)


def _aligned(value: Value, index: tuple, labels: dict[int, int], group: Group, apart: list[bool]) -> None:
    _adjacent([index[axis] for axis in value.order], labels, apart, len(group.dims))
    for axis, entry in enumerate(index):
        # The first elements of a row are not next to those of the row that follows.
        if type(entry) is int and value.dims[axis] != group.dims[labels[entry]]:
            _alone(labels[entry], apart)


def _adjacent(entries: list, labels: dict[int, int], apart: list[bool], count: int) -> None:
    places = []
    for entry in entries:
        if type(entry) is int:
            places.append(labels[entry])
        else:
            places.append(-5)
            for term, _ in entry.terms:
                if term >= 0:
                    _alone(labels[term], apart)
    if len(set(places)) < len([p for p in places if p >= 0]) + (-5 in places):
        for place in places:
            if place >= 0:
                _alone(place, apart)
        return
    at = {place: position for position, place in enumerate(places)}
    for place in range(count - 1):
        here, there = at.get(place), at.get(place + 1)
        if here is None and there is None:
            continue
        if here is None or there is None or there != here + 1:
            apart[place] = True


def _alone(place: int, apart: list[bool]) -> None:
    apart[place] = True
    if place:
        apart[place - 1] = True

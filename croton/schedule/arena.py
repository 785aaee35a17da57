"""Where temporaries lie: one arena, in which values that are never needed at the same time may overlap.

Places are found at the likely sizes, by what leaves the least: two allocations along the calls, forward and backward, and for programs of moderate size one
with the largest values first. What holds for all sizes is then kept of them: which of two values that are there together is below the other.
A value begins where all that are below it have ended, however large they are in a call.
"""

from __future__ import annotations

import functools
import heapq
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from croton.sizes import Size, evaluate, hint

ALIGNMENT = 64
"""Every value begins at a multiple of so many bytes: a line of the cache."""

MOST_BY_SIZE = 300
"""The most values that are placed with the largest first, which compares each with each."""


class Slot(NamedTuple):
    """Memory for a temporary: its bytes, and the first and last call that touch it."""

    size: Size
    first: int
    last: int


class Place(NamedTuple):
    """Where a slot begins: at `start`, or at the greatest end of the slots `after` if there are some."""

    start: Size
    after: tuple[int, ...] = ()


class Arena(NamedTuple):
    """The memory of a call.

    sizes    the bytes of each slot, aligned
    places   where each begins
    order    the slots, each after those that it begins after
    last     the slots of which one ends last
    """

    sizes: tuple[Size, ...] = ()
    places: tuple[Place, ...] = ()
    order: tuple[int, ...] = ()
    last: tuple[int, ...] = ()

    def starts(self, value: Callable[[Size], Any], add: Callable[[Any, Any], Any], most: Callable[[Any, Any], Any]) -> tuple[list[Any], Any]:
        """Where each slot begins, and the bytes of all, computed from values of sizes."""
        starts: list[Any] = [None] * len(self.sizes)
        for number in self.order:
            place = self.places[number]
            start = None if place.after else value(place.start)
            for other in place.after:
                end = add(starts[other], value(self.sizes[other]))
                start = end if start is None else most(start, end)
            starts[number] = start
        total = None
        for number in self.last:
            place = self.places[number]
            end = value(place.start + self.sizes[number]) if not place.after else add(starts[number], value(self.sizes[number]))
            total = end if total is None else most(total, end)
        return starts, value(0) if total is None else total

    def bytes(self, sizes: Mapping[Any, int]) -> int:
        """What it takes at these sizes."""
        return self.starts(lambda size: evaluate(size, sizes), lambda a, b: a + b, max)[1]


@functools.lru_cache(maxsize=1 << 12)
def aligned(size: Size) -> Size:
    """The bytes that a value takes, with what is left free behind it."""
    return (size + (ALIGNMENT - 1)) // ALIGNMENT * ALIGNMENT


def arrange(slots: Sequence[Slot]) -> Arena:
    """Places for slots."""
    if not slots:
        return Arena()
    sizes = [aligned(slot.size) for slot in slots]
    likely = [max(ALIGNMENT, hint(size)) for size in sizes]
    offsets = _best(slots, likely)
    order = sorted(range(len(slots)), key=offsets.__getitem__)
    below, covered = _neighbours(slots, offsets)
    known = [size for size in sizes if isinstance(size, int)]
    if len(known) == len(sizes):
        places = [Place(offset) for offset in offsets]
        ends = [offset + size for offset, size in zip(offsets, known)]
        end = ends.index(max(ends))
        return Arena(tuple(sizes), tuple(places), tuple(order), (end,))
    places = [Place(0)] * len(slots)
    for number in order:
        below_it: dict[Size, None] = {}
        after = dict.fromkeys(below[number])
        for other in after:
            if places[other].after:
                break
            below_it[places[other].start + sizes[other]] = None
        else:
            if len(below_it) < 2:
                places[number] = Place(next(iter(below_it), 0))
                continue
        places[number] = Place(0, tuple(after))
    last: dict[Any, int] = {}
    for number in order:
        if number not in covered:
            place = places[number]
            last.setdefault((place.after, sizes[number]) if place.after else place.start + sizes[number], number)
    return Arena(tuple(sizes), tuple(places), tuple(order), tuple(last.values()))


def least_bytes(slots: Sequence[Slot]) -> int:
    """What is there at the same time at most, at the likely sizes: no arena takes less."""
    changes: dict[int, int] = {}
    for slot in slots:
        count = max(ALIGNMENT, hint(aligned(slot.size)))
        changes[slot.first] = changes.get(slot.first, 0) + count
        changes[slot.last + 1] = changes.get(slot.last + 1, 0) - count
    now = most = 0
    for time in sorted(changes):
        now += changes[time]
        most = max(most, now)
    return most


def _best(slots: Sequence[Slot], sizes: Sequence[int]) -> list[int]:
    least = least_bytes(slots)
    best: list[int] = []
    total = 0
    for attempt in (_along, _backward, _by_size):
        if attempt is _by_size and len(slots) > MOST_BY_SIZE:
            break
        found = attempt(slots, sizes)
        needed = max([offset + size for offset, size in zip(found, sizes)])
        if not best or needed < total:
            best, total = found, needed
        if total <= least:
            break
    return best


def _along(slots: Sequence[Slot], sizes: Sequence[int]) -> list[int]:
    """Each slot, when it is first needed, in the smallest hole that is large enough."""
    return _allocated([(slot.first, slot.last) for slot in slots], sizes)


def _backward(slots: Sequence[Slot], sizes: Sequence[int]) -> list[int]:
    return _allocated([(-slot.last, -slot.first) for slot in slots], sizes)


def _allocated(times: Sequence[tuple[int, int]], sizes: Sequence[int]) -> list[int]:
    offsets = [0] * len(sizes)
    holes = _Holes()
    ending: list[tuple[int, int]] = []
    for number in sorted(range(len(sizes)), key=lambda i: (times[i][0], -sizes[i])):
        first, last = times[number]
        while ending and ending[0][0] < first:
            _, gone = heapq.heappop(ending)
            holes.give(offsets[gone], offsets[gone] + sizes[gone])
        offsets[number] = holes.take(sizes[number])
        heapq.heappush(ending, (last, number))
    return offsets


class _Holes:
    """Free memory below the end of what is taken."""

    def __init__(self) -> None:
        self.by_size: list[tuple[int, int]] = []
        self.ends: dict[int, int] = {}
        self.starts: dict[int, int] = {}
        self.end = 0

    def take(self, size: int) -> int:
        place = bisect_left(self.by_size, (size, -1))
        if place < len(self.by_size):
            found, start = self.by_size[place]
            self._remove(start, start + found)
            if found > size:
                self._add(start + size, start + found)
            return start
        start = self.end
        if start in self.starts:
            # The last hole touches the end: it grows.
            start = self.starts[start]
            self._remove(start, self.end)
        self.end = start + size
        return start

    def give(self, start: int, end: int) -> None:
        if start in self.starts:
            before = self.starts[start]
            self._remove(before, start)
            start = before
        if end in self.ends:
            after = self.ends[end]
            self._remove(end, after)
            end = after
        self._add(start, end)

    def _add(self, start: int, end: int) -> None:
        insort(self.by_size, (end - start, start))
        self.ends[start], self.starts[end] = end, start

    def _remove(self, start: int, end: int) -> None:
        del self.by_size[bisect_left(self.by_size, (end - start, start))]
        del self.ends[start], self.starts[end]


def _by_size(slots: Sequence[Slot], sizes: Sequence[int]) -> list[int]:
    """The largest first, each in the lowest place that is free for as long as it is needed."""
    offsets = [0] * len(slots)
    placed: list[int] = []
    for number in sorted(range(len(slots)), key=lambda i: (-sizes[i], slots[i].first)):
        _, first, last = slots[number]
        size, offset = sizes[number], 0
        taken = [(offsets[other], offsets[other] + sizes[other]) for other in placed if slots[other].first <= last and first <= slots[other].last]
        for start, end in sorted(taken):
            if offset + size <= start:
                break
            offset = max(offset, end)
        offsets[number] = offset
        placed.append(number)
    return offsets


def _neighbours(slots: Sequence[Slot], offsets: Sequence[int]) -> tuple[list[list[int]], set[int]]:
    """For each slot those that are next below it at some time; and all that something is above of.

    Of what is there together each has a next one below it. So these few pairs say of any two of them which one is below.
    """
    below: list[list[int]] = [[] for _ in slots]
    covered: set[int] = set()
    present: list[tuple[int, int]] = []
    ending: list[tuple[int, int]] = []
    for number in sorted(range(len(slots)), key=lambda i: slots[i].first):
        while ending and ending[0][0] < slots[number].first:
            _, gone = heapq.heappop(ending)
            del present[bisect_left(present, (offsets[gone], gone))]
        place = bisect_left(present, (offsets[number], number))
        if place:
            below[number].append(present[place - 1][1])
            covered.add(present[place - 1][1])
        if place < len(present):
            below[present[place][1]].append(number)
            covered.add(number)
        present.insert(place, (offsets[number], number))
        heapq.heappush(ending, (slots[number].last, number))
    return below, covered


def flattened(slots: Sequence[Slot], spans: Mapping[int, int], count: int) -> tuple[list[Slot], list[int]]:
    """The slots in a time in which some calls last longer, and when each call begins."""
    begins = [0]
    for position in range(count):
        begins.append(begins[-1] + spans.get(position, 1))
    moved = [Slot(size, begins[first], begins[last + 1] - 1) for size, first, last in slots]
    return moved, begins


def shifted(slots: Sequence[Slot], time: int) -> Iterator[Slot]:
    """The slots at a later time."""
    for size, first, last in slots:
        yield Slot(size, first + time, last + time)

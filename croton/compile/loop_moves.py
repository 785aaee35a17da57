"""What moves in a loop: the addresses that its step finds its inputs and outputs at."""

from __future__ import annotations

from collections.abc import Callable

from croton.algebra.loop import Slot
from croton.compile.tables import Tables
from croton.runtime.calls.loop import Advance, Begin, Follow, Rotate
from croton.schedule.plan import Home, LoopCall, Plan
from croton.sizes import Size


class Moves:
    """The entries of `P` for everything that the step of a loop reads and writes, and how they go on from step to step.

    `plan` is the plan that the loop is in, and `pointer` gives the entries of its memory. A kind of carry is one method; `schedule.carried` says what each is.
    """

    def __init__(self, call: LoopCall, plan: Plan, tables: Tables, pointer: Callable[[Home], int]) -> None:
        self.call = call
        self.plan = plan
        self.tables = tables
        self.index = tables.sizes.index
        self.pointer_to = pointer
        self.entries: dict[Home, int] = {}
        self.advances: list[Advance] = []
        self.begins: list[Begin] = []
        self.rotates: list[Rotate] = []
        self.follows: list[Follow] = []
        self._stacked()
        self._trailing()
        self._rotating()
        self._rings()
        self._delayed()
        for number, value in call.elements:
            self.entries["input", Slot("element", number)] = self._advance(value, 0, call.length - 1)
        for number, value in call.taps:
            self.entries["output", number] = self._advance(value, 0, call.length - 1)
        for number, value in call.fixed:
            self.entries["input", Slot("fixed", number)] = self.pointer(value)
        for inner, outer in enumerate(call.slots):
            self.entries["slot", inner] = pointer(("slot", outer))

    def inside(self, home: Home) -> int:
        """The entry of a place in memory as the step knows it."""
        return self.tables.pointer(home) if home[0] == "constant" else self.entries[home]

    def pointer(self, value: int) -> int:
        """The entry of a value of the plan around the loop."""
        return self.pointer_to(self.plan.values[value].home)

    def bytes(self, value: int) -> int:
        """The entry of `S` that says how large a value is."""
        return self.index(self.plan.values[value].bytes)

    def _advance(self, value: int, first: Size, last: Size, fill: bool = False) -> int:
        """An entry that goes through the rows of a value, from one to another; rows that no step has reached are filled if `fill` says so."""
        found = self.plan.values[value]
        row = found._replace(shape=found.shape[1:]).bytes
        base = self.pointer(value)
        entry = self.tables.view(base)
        offset, stride = (last * row, -row) if self.call.reverse else (first * row, row)
        self.advances.append(Advance(entry, base, self.index(offset), self.index(stride), self.index(row) if fill else -1))
        return entry

    def _stacked(self) -> None:
        length, may_end_early = self.call.length, self.call.stop >= 0 or self.call.limit >= 0
        for place, first, rows in self.call.carried.stacked:
            self.entries["input", Slot("carry", place)] = before = self._advance(rows, 0, length)
            self.entries["output", place] = self._advance(rows, 1, length - 1, may_end_early)
            self.begins.append(Begin(before, self.pointer(first), self.bytes(first)))

    def _trailing(self) -> None:
        for place, first, rows in self.call.carried.trailing:
            self.entries["input", Slot("carry", place)] = before = self.tables.view(self.pointer(first))
            self.entries["output", place] = after = self._advance(rows, 0, self.call.length - 1)
            self.follows.append(Follow(before, after, self.pointer(first)))

    def _rotating(self) -> None:
        for place, first, last, other in self.call.carried.rotating:
            begin, end, scratch = [self.pointer(value) for value in (first, last, other)]
            self.entries["input", Slot("carry", place)] = before = self.tables.view(begin)
            self.entries["output", place] = after = self.tables.view(end)
            self.rotates.append(Rotate(before, after, begin, end, scratch, self.bytes(first)))

    def _rings(self) -> None:
        for root, first, _, arrays in self.call.carried.rings:
            self.entries["output", root], self.entries["input", Slot("carry", root)] = [self.tables.view(self.pointer(array)) for array in arrays[:2]]
            self.begins.append(Begin(self.entries["input", Slot("carry", root)], self.pointer(first), self.bytes(first)))

    def _delayed(self) -> None:
        """Carries that lie where others lay a step before: chains of addresses that follow one another, around in a ring where there is one."""
        carried, entries = self.call.carried, self.entries
        followers = {carry.source: carry for carry in carried.delayed}
        rings = {ring.place: [self.pointer(array) for array in ring.arrays] for ring in carried.rings}
        found: list[Follow] = []
        for root in [carry.place for kind in (carried.stacked, carried.trailing, carried.rings) for carry in kind]:
            ring, links, member = rings.get(root), [], root
            entry = entries["input", Slot("carry", root)]
            if ring is not None:
                links.append(Follow(entry, entries["output", root], ring[1]))
            while member in followers:
                source, first = entry, followers[member].first
                member = followers[member].place
                begun = self.pointer(first) if ring is None else ring[len(links) + 1]
                entry = entries["input", Slot("carry", member)] = self.tables.view(begun)
                links.append(Follow(entry, source, begun))
                if ring is not None:
                    self.begins.append(Begin(entry, self.pointer(first), self.bytes(first)))
            if ring is not None:
                # What is behind all others is free again.
                spare = self.tables.view(ring[0])
                links = [Follow(entries["output", root], spare, ring[0]), *links, Follow(spare, entry, ring[0])]
            # Who is furthest behind goes first, so that each follows one that has not gone on yet.
            found += links[::-1]
        self.follows[:0] = found

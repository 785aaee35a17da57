"""Memory: which values need a slot of the arena, from which call to which; what is written in the memory of what dies shares its slot."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from croton.kernel.language import Kernel
from croton.schedule.arena import Slot
from croton.schedule.in_place import Access, accesses, may_replace
from croton.schedule.step import Value, memory_of
from croton.sizes import Size, product


class Memory(NamedTuple):
    """Where values live: a slot number each, or the input whose memory they take over."""

    slots: tuple[Slot, ...]
    slot: dict[Value, int]
    taken: dict[Value, Value]
    alias: dict[Value, Value]


class CallUse(NamedTuple):
    """A call as the planner sees it: its values in order of their parameters, and the kernel if it is one."""

    values: tuple[Value, ...]
    names: tuple[str, ...]
    kernel: Kernel | None
    number: int


def plan_memory(
    calls: Sequence[CallUse],
    outputs: Sequence[Value],
    donated: Mapping[Hashable, int],
    inputs: Mapping[Hashable, Value],
    updated: Mapping[Value, Value],
    settled: int = -1,
    fresh: bool = False,
) -> Memory:
    """Give every temporary a slot, and donated inputs' memory to the outputs that replace them where no element is needed afterwards.

    `fresh` says that outputs have memory of their own from the beginning, which nobody else looks at: what an output is made of may be written there before.

    `updated` are the outputs that are added into the memory of an input. `settled` is the position of the last call that the program may stop at with an
    error: an error leaves the inputs as they were, so that nothing is written to them before.
    """
    heirs = {outputs[number]: inputs[key] for key, number in donated.items() if key in inputs}
    planner = _Planner(calls, outputs, updated)
    if fresh:
        replacing = set(donated.values())
        planner.begin_in_outputs([value for number, value in enumerate(outputs) if number not in replacing and value not in updated])
    for position in range(len(calls)):
        planner.place(position, heirs if position > settled else {})
    return planner.memory()


class _Planner:
    """Where values live, call after call. A value that is written in the memory of others has one owner of that memory, which is made last."""

    def __init__(self, calls: Sequence[CallUse], outputs: Sequence[Value], updated: Mapping[Value, Value]) -> None:
        self.calls = calls
        self.pinned = {*outputs, *map(memory_of, outputs)}
        self.taken: dict[Value, Value] = dict(updated)
        self.slots: list[Slot] = []
        self.slot: dict[Value, int] = {}
        self.alias: dict[Value, Value] = {}
        self.root: dict[Value, Value] = {}
        self.first: dict[Value, int] = {}
        self.last: dict[Value, int] = {}
        self.accesses: dict[int, dict[str, list[Access]]] = {}
        for call in reversed(calls):
            for value in call.values:
                if value.donor is not None:
                    self.alias[value.donor] = value
        for position, call in enumerate(calls):
            for value in call.values:
                owner = self.owner(value)
                self.last[owner] = position
                self.first.setdefault(owner, position)

    def owner(self, value: Value) -> Value:
        """The value whose memory it is written in."""
        path = []
        while value.view is not None:
            value = value.view
        while value in self.alias:
            path.append(value)
            value = self.root.get(value, self.alias[value])
        for step in path:
            self.root[step] = value
        return value

    def begin_in_outputs(self, outputs: Iterable[Value]) -> None:
        """Have what dies where an output is made written in the output's memory."""
        wanted = set(outputs)
        for position in range(len(self.calls) - 1, -1, -1):
            call = self.calls[position]
            if call.kernel is None:
                continue
            owners = [self.owner(value) for value in call.values]
            for place, owner in enumerate(owners):
                if owner not in wanted or self.first[owner] != position or owner in self.taken:
                    continue
                dying = {value: None for value in owners if self.last[value] == position and value.home is None and value not in self.pinned}
                chosen = self._dies_for(call, place, owners, {value: None for value in dying if value.dtype is owner.dtype and value not in self.taken})
                if chosen is not None:
                    self.alias[chosen] = owner
                    self.first[owner] = self.first[chosen]
                    owners = [self.owner(value) for value in call.values]

    def place(self, position: int, heirs: Mapping[Value, Value]) -> None:
        """Say where what a call makes lives. `heirs` are outputs that may take the memory of an input, and that input."""
        call = self.calls[position]
        owners = [self.owner(value) for value in call.values]
        dying = {value: None for value in owners if self.last[value] == position and value in self.slot and value not in self.pinned}
        for place, (value, owner) in enumerate(zip(call.values, owners)):
            # Only where it is made: calls after that read it too, and the donor may be needed in between.
            made = value is owner and self.first[owner] == position
            if made and owner in self.pinned and owner in heirs and owner not in self.taken and self._may_inherit(position, place, heirs[owner], owners):
                self.taken[value] = heirs[owner]
            if owner.home is not None or owner in self.pinned or owner in self.slot:
                continue
            chosen = self._dies_for(call, place, owners, dying) if value is owner else None
            if chosen is None:
                self.slot[owner] = len(self.slots)
                self.slots.append(Slot(_bytes(owner), self.first[owner], self.last[owner]))
            else:
                number = self.slot[owner] = self.slot[chosen]
                self.slots[number] = self.slots[number]._replace(last=self.last[owner])
                del dying[chosen]

    def _dies_for(self, call: CallUse, place: int, owners: Sequence[Value], dying: Mapping[Value, None]) -> Value | None:
        """What is read for the last time by the call that makes a value, and gives it its memory."""
        if call.kernel is None or not dying or call.values.count(call.values[place]) > 1:
            return None
        size = _bytes(owners[place])
        for other, value in enumerate(owners):
            if other == place or value not in dying or _bytes(value) != size or owners.count(value) > 1:
                continue
            if self._may_replace(call, place, other):
                return value
        return None

    def _may_inherit(self, position: int, place: int, donor: Value, owners: Sequence[Value]) -> bool:
        """Whether an output may live in the memory of the input that it replaces: this call is the last to read that, if any is."""
        call = self.calls[position]
        output, last = call.values[place], self.last.get(donor, -1)
        if call.kernel is None or donor.dims != output.dims or donor.dtype is not output.dtype or last > position or call.values.count(output) > 1:
            return False
        if last < position:
            return True
        return call.values.count(donor) == 1 and owners.count(donor) == 1 and self._may_replace(call, place, call.values.index(donor))

    def _may_replace(self, call: CallUse, new: int, old: int) -> bool:
        """Whether a kernel may write one of its values in the memory of another."""
        assert call.kernel is not None
        found = self.accesses.get(call.number)
        if found is None:
            found = self.accesses[call.number] = accesses(call.kernel)
        return may_replace(call.kernel, found, call.names[new], call.names[old])

    def memory(self) -> Memory:
        """Where everything lives, once all calls are placed."""
        for value in self.alias:
            owner = self.owner(value)
            if owner in self.slot:
                self.slot[value] = self.slot[owner]
        return Memory(tuple(self.slots), self.slot, self.taken, self.alias)


def _bytes(value: Value) -> Size:
    return _times(value.dims, value.dtype.itemsize)


@functools.lru_cache(maxsize=1 << 12)
def _times(dims: tuple[Size, ...], each: int) -> Size:
    return product(dims) * each

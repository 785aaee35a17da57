"""Memory: which values need a slot of the arena, from which call to which; what is written in the memory of what dies shares its slot."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from croton.kernel.language import For, Index, Kernel, Lanes, Load, Stmt, Store
from croton.schedule.arena import Slot
from croton.schedule.step import Value
from croton.sizes import Size, product


class Access(NamedTuple):
    """What a call does to a value, in the order of the program's text."""

    position: int
    write: bool
    plain: bool
    at: tuple[Index, ...]
    loops: tuple[str, ...]


class Memory(NamedTuple):
    """Where values live: a slot number each, or the input whose memory they take over."""

    slots: tuple[Slot, ...]
    slot: dict[Value, int]
    taken: dict[Value, Value]
    alias: dict[Value, Value]


def accesses(kernel: Kernel) -> dict[str, list[Access]]:
    """Every access of a kernel by buffer, in the order of the text."""
    found: dict[str, list[Access]] = {}
    position = 0
    stack: list[tuple[Sequence[Stmt], int, tuple[str, ...]]] = [(kernel.body, 0, ())]
    while stack:
        statements, start, loops = stack.pop()
        for number in range(start, len(statements)):
            statement = statements[number]
            position += 1
            if type(statement) is Load:
                found.setdefault(statement.buffer, []).append(Access(position, False, True, statement.index, loops))
            elif type(statement) is Store:
                plain = statement.op is None and statement.guard is None
                found.setdefault(statement.buffer, []).append(Access(position, True, plain, statement.index, loops))
            elif type(statement) is For or type(statement) is Lanes:
                stack.append((statements, number + 1, loops))
                # the label says which block it is in
                around = loops if statement.block is None else tuple([label for label in loops if label != statement.block.number])
                stack.append((statement.body, 0, (*around, statement.label)))
                break
    return found


def may_replace(kernel: Kernel, found: dict[str, list[Access]], new: str, old: str) -> bool:
    """Whether a kernel may write one buffer in the memory of another that dies with it: each element is read before it is written."""
    shapes = {buffer.name: buffer for buffer in kernel.buffers}
    if shapes[new].shape != shapes[old].shape or shapes[new].dtype.itemsize != shapes[old].dtype.itemsize:
        return False
    writes = [access for access in found.get(new, ()) if access.write]
    if not writes:
        return False
    write = writes[0]
    if any(not access.plain or access.at != write.at or access.loops != write.loops for access in found[new] if access.write):
        return False
    labels = [index.terms[0][0] for index in write.at if len(index.terms) == 1 and index.terms[0][1] == 1 and index.const == 0]
    if len(labels) != len(write.at) or sorted(labels) != sorted(write.loops):
        return False
    return all(not access.write and access.at == write.at and access.position < write.position for access in found.get(old, ()))


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
) -> Memory:
    """Give every temporary a slot, and donated inputs' memory to the outputs that replace them where no element is needed afterwards.

    `updated` are the outputs that are added into the memory of an input. `settled` is the position of the last call that the program may stop at with an
    error: an error leaves the inputs as they were, so that nothing is written to them before.
    """
    alias: dict[Value, Value] = {}
    for call in reversed(calls):
        for value in call.values:
            if value.donor is not None:
                alias[value.donor] = value
    root: dict[Value, Value] = {}

    def owner(value: Value) -> Value:
        path = []
        while value.view is not None:
            value = value.view
        while value not in root and value in alias:
            path.append(value)
            value = alias[value]
        value = root.get(value, value)
        for step in path:
            root[step] = value
        return value

    first: dict[Value, int] = {}
    last: dict[Value, int] = {}
    for position, call in enumerate(calls):
        for value in call.values:
            last[owner(value)] = position
            first.setdefault(owner(value), position)
    pinned = set(outputs)
    memory_of_kernel: dict[int, dict[str, list[Access]]] = {}
    slots: list[Slot] = []
    slot: dict[Value, int] = {}
    taken: dict[Value, Value] = dict(updated)
    heirs = {outputs[number]: inputs[key] for key, number in donated.items() if key in inputs}
    for position, call in enumerate(calls):
        owners = [owner(value) for value in call.values]
        dying = {value: None for value in owners if last[value] == position and value in slot and value not in pinned}
        for place, value in enumerate(call.values):
            top = owners[place]
            # Only where it is made: calls after that read it too, and the donor may be needed in between.
            made = value is top and first[top] == position
            if made and position > settled and top in pinned and top in heirs and top not in taken and call.kernel is not None:
                _inherit(call, place, heirs[top], owners, last, position, taken, memory_of_kernel)
            if top.home is not None or top in pinned or top in slot:
                continue
            size = _bytes(top)
            chosen = _in_place(call, place, size, dying, owners, slot, memory_of_kernel) if value is top else None
            if chosen is not None:
                number = slot[top] = slot[chosen]
                slots[number] = slots[number]._replace(last=last[top])
                del dying[chosen]
                continue
            slot[top] = len(slots)
            slots.append(Slot(size, first[top], last[top]))
    for value in list(alias):
        top = owner(value)
        if top in slot:
            slot[value] = slot[top]
    return Memory(tuple(slots), slot, taken, alias)


def _bytes(value: Value) -> Size:
    return product(value.dims) * value.dtype.itemsize


def _in_place(
    call: CallUse,
    place: int,
    size: Size,
    dying: dict[Value, None],
    owners: list[Value],
    slot: dict[Value, int],
    memory_of_kernel: dict[int, dict[str, list[Access]]],
) -> Value | None:
    if call.kernel is None or not dying:
        return None
    found = memory_of_kernel.get(call.number)
    if found is None:
        found = memory_of_kernel[call.number] = accesses(call.kernel)
    new = call.names[place]
    for other, value in enumerate(owners):
        if other == place or value not in dying or _bytes(value) != size:
            continue
        if owners.count(value) > 1 or call.values.count(call.values[place]) > 1:
            continue
        if may_replace(call.kernel, found, new, call.names[other]):
            return value
    return None


def _inherit(
    call: CallUse,
    place: int,
    donor: Value,
    owners: list[Value],
    last: dict[Value, int],
    position: int,
    taken: dict[Value, Value],
    memory_of_kernel: dict[int, dict[str, list[Access]]],
) -> None:
    """Let an output live in the memory of the input that it replaces, if this call is the last to read it."""
    output = call.values[place]
    if call.kernel is None or donor.dims != output.dims or donor.dtype is not output.dtype or last.get(donor, -1) > position or call.values.count(output) > 1:
        return
    if last.get(donor, -1) == position:
        if call.values.count(donor) != 1 or owners.count(donor) != 1:
            return
        found = memory_of_kernel.get(call.number)
        if found is None:
            found = memory_of_kernel[call.number] = accesses(call.kernel)
        if not may_replace(call.kernel, found, call.names[place], call.names[call.values.index(donor)]):
            return
    taken[output] = donor

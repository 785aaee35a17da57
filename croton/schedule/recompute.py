"""What is cheaper to compute twice than to store: values written into the bodies of their readers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from croton.schedule.fuse import Group, Member
from croton.schedule.step import Body, BodyBuilder, Position, Step, Value, cost_of, loads, memory_of, plain_labels, renumbered
from croton.sizes import Size

CHEAP_FREE = 8
CHEAP_READ = 5
CHEAP_WIDE = 8
CHEAP_AGAIN = 2


def inline_free(steps: Sequence[Step], kept: Iterable[Value]) -> list[Step]:
    """Values made of values of lower rank only (one-hot codes, outer sums, masks) are no data: they are written into their readers.

    So are cheap vectors and scalars made of inputs, such as an index that may be negative: a kernel of their own would be all cost. A value that falls into
    parts of which each is read once, as the gates of a recurrent cell, is computed no more often by its readers.
    """
    pinned = pinned_values(steps, kept)
    parted = _parted(steps, pinned)
    free: dict[Value, Step] = {}
    for step in steps:
        if free and step.kind == "map":
            _inline(step, free)
        rank = len(step.out.dims)
        if step.out in parted:
            free[step.out] = step
            continue
        if step.kind != "map" or step.op is not None or cost_of(step.body) >= CHEAP_FREE:
            continue
        if rank < 2 and _of_inputs(step):
            free[step.out] = step
            continue
        if rank < 1 or step.out in pinned:
            continue
        if all(len(i[3]) < rank and (len(i[3]) < 2 or rank > 2) and plain_labels(i[3]) for i in loads(step.body)):
            free[step.out] = step
    return live_steps(steps, kept)


def _parted(steps: Sequence[Step], pinned: set[Value]) -> set[Value]:
    """Values of which parts are read that do not meet along one axis, each by one load that reads no element twice."""
    parts: dict[Value, dict[Size, tuple[int, Size]] | None] = {}
    parted: set[Value] = set()
    for step in reversed(steps):
        if step.kind != "map":
            continue
        mine = parts.get(step.out)
        inherited = mine is not None and len(mine) > 1 and step.op is None and step.out not in pinned and _apart(mine) and _moves(step.body)
        if inherited:
            parted.add(step.out)
        for instruction in step.body:
            if instruction[0] != "load":
                continue
            value, index = instruction[2], instruction[3]
            found = parts.setdefault(value, {})
            if found is None:
                continue
            new: list[tuple[int, Size, Size] | None] = [_part(step, value, index) if instruction[4] < 0 else None]
            if inherited and mine is not None and len(index) == len(step.dims) and plain_labels(index):
                new = [(index.index(axis), start, extent) for start, (axis, extent) in mine.items()]
            for part in new:
                if part is None or part[1] in found or any(axis != part[0] for axis, _ in found.values()):
                    parts[value] = None
                    break
                found[part[1]] = part[0], part[2]
    return parted


def _part(step: Step, value: Value, index: tuple) -> tuple[int, Size, Size] | None:
    """The axis along which a load reads a part of a value, where the part begins and its extent."""
    found = None
    seen = set()
    for axis, entry in enumerate(index):
        start: Size = 0
        if type(entry) is not int:
            if len(entry.terms) != 1 or entry.terms[0][1] != 1 or entry.terms[0][0] < 0:
                return None
            start, entry = entry.const, entry.terms[0][0]
        if entry in seen:
            return None
        seen.add(entry)
        if start != 0 or step.dims[entry] != value.dims[axis]:
            if found is not None:
                return None
            found = axis, start, step.dims[entry]
    # What is read again for every element of another axis is better stored.
    return found if len(seen) == len(step.dims) else None


def _apart(parts: Mapping[Size, tuple[int, Size]]) -> bool:
    """Whether parts, by where they begin, do not meet."""
    numbers = {start: extent for start, (_, extent) in parts.items() if isinstance(start, int) and isinstance(extent, int)}
    if len(numbers) == len(parts):
        starts = sorted(numbers)
        return all(start + numbers[start] <= after for start, after in itertools.pairwise(starts))
    position: Size = 0
    for _ in parts:
        if position not in parts:
            return False
        position = position + parts[position][1]
    return True


def _moves(body: Body) -> bool:
    """Whether a body means the same with numbers added to its labels: it reads arrays at labels and does nothing else with them."""
    return all(plain_labels(i[3]) if i[0] == "load" else i[0] != "index" for i in body)


def _of_inputs(step: Step) -> bool:
    """Whether a step reads a few arrays that are there anyway."""
    count = 0
    for instruction in step.body:
        if instruction[0] == "load":
            count += 1
            index = instruction[3]
            if instruction[2].home is None or count > 3 or not (plain_labels(index) or _is_fixed(index)):
                return False
    return True


def _is_fixed(index: tuple) -> bool:
    """Whether an index names one element."""
    return all(type(entry) is Position and not entry.terms for entry in index)


def pinned_values(steps: Iterable[Step], kept: Iterable[Value]) -> set[Value]:
    """Values that must be arrays: outputs, and what libraries read."""
    pinned = set(kept)
    for step in steps:
        if step.kind != "map":
            pinned.update(step.reads())
    return pinned


def recompute(groups: Sequence[Group], kept: Iterable[Value]) -> list[Group]:
    """Across groups: a cheap value with at most one leaf of its own rank is evaluated again by its readers, not stored."""
    pinned = pinned_values([member.step for group in groups if group.kind != "map" for member in group.members], kept)
    pinned.update([memory_of(value) for value in kept])
    pinned.update([value.view for group in groups for member in group.members for value in member.step.reads() if value.view is not None])
    for group in groups:
        if group.kind != "map":
            continue
        for member in group.members:
            # What is inlined may read what is as cheap.
            more = _inline_outside(member, group, pinned, True)
            while more:
                more = _inline_outside(member, group, pinned, False)
    needed = {memory_of(value) for value in kept}
    remaining: list[Group] = []
    for group in reversed(groups):
        members = []
        for member in reversed(group.members):
            if not needed.isdisjoint(map(memory_of, member.step.makes())):
                members.append(member)
                needed.update([memory_of(value) for value in member.step.reads()])
        if members:
            group.members = members[::-1]
            remaining.append(group)
    return remaining[::-1]


def _inline_outside(member: Member, group: Group, pinned: set[Value], narrow: bool) -> bool:
    """Write cheap values of other groups into a step; whether there were any. If not `narrow`, none that take less memory than what they are made of."""
    step = member.step
    lane = len(group.dims) - 1
    chosen: dict[Value, Step] = {}
    for instruction in loads(step.body):
        value = instruction[2]
        source = value.step
        if value in chosen or value in pinned or value.group is None or value.group is group or value.group.kind != "map":
            continue
        if source is None or source.op is not None or source.kind != "map" or not value.dims or not plain_labels(instruction[3]):
            continue
        rank = len(value.dims)
        # a vector along the lane would be evaluated again for every row
        again = rank < len(step.dims) and any(member.labels[label] == lane for label in instruction[3])
        # a matrix that is stored is written to memory and read from it, which takes longer than a few operations
        if cost_of(source.body) > (CHEAP_AGAIN if again else CHEAP_WIDE if rank > 1 else CHEAP_READ):
            continue
        leaves = list(loads(source.body))
        if len({(leaf[2], leaf[3]) for leaf in leaves if len(leaf[3]) == rank}) > 1:
            continue
        if not narrow and any(leaf[1].itemsize > value.dtype.itemsize for leaf in leaves):
            continue
        if all(leaf[2].level < group.level and leaf[2].group is not group for leaf in leaves):
            chosen[value] = source
    if not chosen or sum([len(source.body) for source in chosen.values()]) + len(step.body) >= 80:
        return False
    _inline(step, chosen)
    return True


def _inline(step: Step, sources: dict[Value, Step]) -> None:
    """Replace loads of values by their bodies."""
    if not any(i[0] == "load" and i[2] in sources and _readable(sources[i[2]], i[3]) for i in step.body):
        return
    body = BodyBuilder()
    numbers: list[int] = []
    for instruction in step.body:
        if instruction[0] == "load" and instruction[2] in sources and _readable(sources[instruction[2]], instruction[3]):
            # where the guard is false the labels may be beyond what the body reads
            guard = numbers[instruction[4]] if instruction[4] >= 0 else -1
            number = body.splice(sources[instruction[2]].body, instruction[3], guard)
            if guard >= 0:
                dtype = instruction[1]
                number = body.call("where", dtype, guard, number, body.const(dtype, 0))
            numbers.append(number)
        else:
            numbers.append(body.add(renumbered(instruction, numbers, None)))
    step.body = body.finish(numbers[-1])


def _readable(source: Step, index: tuple) -> bool:
    """Whether what a step computes can be computed at an index."""
    if plain_labels(index):
        return True
    if not _moves(source.body):
        return False
    return all(type(entry) is int or (len(entry.terms) == 1 and entry.terms[0][0] >= 0 and entry.terms[0][1] == 1) for entry in index)


def live_steps(steps: Sequence[Step], kept: Iterable[Value]) -> list[Step]:
    """The steps that something reads."""
    live = set(kept)
    remaining = []
    for step in reversed(steps):
        if not live.isdisjoint(step.makes()):
            remaining.append(step)
            live.update(step.reads())
    return remaining[::-1]

"""Steps to groups: what becomes one kernel.

A group has an iteration space: an ordered list of labels, the last one being the lane, the others together the row. A step is a
member by an injective map of its labels into the space, forced by the loads that hit values of the group. Legality inside a group
is one number, time:

    -1         before the nest, for what depends on no label
    even t     pass t/2 over the lane, for one row
    odd t      once a row, after it (-1: before the first pass)
    END - 1    after all rows
    t >= END   the epilogue: passes over the lane without rows, and what lies between them

A reduction over the lane moves its result to t + 1, over the row to END, over both to END - 1; over a part of the row its result is
complete only when the kernel is (NEVER). Legality between groups is one number too, the level: a step may join if everything it
reads from outside has a lower one. Edges only rise, so no path is ever searched and fusion is linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from croton.schedule.step import Position, Step, Value
from croton.sizes import Size

END = 1000
NEVER = 1 << 30
LAST = 1 << 40
"""The level of what must come after everything else."""

LONGEST = 200
"""The greatest number of instructions in a kernel."""

MOST_READERS = 3
"""Groups that are known to read an array, the last ones: a step that reads it too is offered to these."""

Map = dict[int, int]


class Member(NamedTuple):
    """A step of a group: its labels in the space, when it runs, when its value is known."""

    step: Step
    labels: Map
    time: int
    known: int


class Group:
    """Steps that become one kernel, or one call of a library. `into` is the group that its steps are in by now."""

    __slots__ = ("dims", "into", "kind", "length", "level", "members", "places", "reads")

    def __init__(self, kind: str, level: int, dims: tuple[Size, ...]) -> None:
        self.kind = kind
        self.level = level
        self.dims = dims
        self.members: list[Member] = []
        self.places: dict[Value, tuple[tuple[int, ...], int]] = {}
        self.reads: dict[Value, tuple[int, ...]] = {}
        self.length = 0
        self.into: Group | None = None

    @property
    def end(self) -> int:
        """The time at which all rows are done."""
        return END if len(self.dims) > 1 else 0

    def add(self, member: Member) -> None:
        """Take a step in."""
        step, labels = member.step, member.labels
        self.members.append(member)
        self.length += len(step.body)
        if step.kind == "map":
            self.places[step.out] = (tuple([labels[label] for label in range(len(step.out.dims))]), member.known)
        for value in step.makes():
            value.group, value.level = self, self.level
        for instruction in step.body:
            if instruction[0] != "load" or instruction[2] in self.places or instruction[2] in self.reads:
                continue
            if all(type(entry) is int for entry in instruction[3]):
                self.reads[instruction[2]] = tuple([labels[label] for label in instruction[3]])

    def copy(self) -> Group:
        """A group with the same members, which it does not share."""
        other = Group(self.kind, self.level, self.dims)
        other.take(self, tuple(range(len(self.dims))))
        return other

    def take(self, other: Group, labels: tuple[int, ...]) -> None:
        """The members of another group too, whose space is the same, with its labels under these numbers. Values are told by `become`."""
        self.members += [m._replace(labels={label: labels[place] for label, place in m.labels.items()}) for m in other.members]
        self.length += other.length
        self.places |= {value: (tuple([labels[place] for place in at]), known) for value, (at, known) in other.places.items()}
        for value, at in other.reads.items():
            self.reads.setdefault(value, tuple([labels[place] for place in at]))

    def become(self, other: Group) -> None:
        """All that another group is, which nobody knows."""
        self.dims, self.members, self.places, self.reads, self.length = other.dims, other.members, other.places, other.reads, other.length
        for member in self.members:
            for value in member.step.makes():
                value.group = self


def fuse(steps: Sequence[Step]) -> list[Group]:
    """The groups of the steps, in an order in which they can run."""
    groups: list[Group] = []
    readers: dict[Value, list[Group]] = {}
    for step in steps:
        if step.kind == "view":
            step.out.level = step.detail[0].level
            continue
        if step.kind == "joined":
            step.out.level = max([piece.level for piece in step.detail])
            continue
        if step.kind == "again":
            step.out.level = max(step.detail[0].level, _known_at(step.detail[1]))
            continue
        if step.kind != "map":
            level = LAST if step.last else 1 + max([value.level for value in step.reads()], default=-1)
            order = nest_order(step)
            group = Group(step.kind, level, tuple([step.dims[label] for label in order]))
            group.add(Member(step, {label: place for place, label in enumerate(order)}, 0, NEVER))
            groups.append(group)
            continue
        candidates = _candidates(step, readers)
        for found in candidates:
            member = _fit(found, step)
            if member is not None:
                break
        else:
            together = _together(step, candidates)
            if together is None:
                found, member = _open(step)
                groups.append(found)
            else:
                found, member = together
        found.add(member)
        full = len(step.dims)
        for instruction in step.body:
            if instruction[0] == "load" and (len(instruction[3]) == full > 0 or (len(instruction[3]) > 1 and instruction[2] not in readers)):
                known = readers.setdefault(instruction[2], [])
                if found not in known:
                    known[MOST_READERS - 1 :] = []
                    known.insert(0, found)
    groups = [group for group in groups if group.into is None]
    groups.sort(key=lambda group: group.level)
    return groups


def _known_at(values: Sequence[Value]) -> int:
    """The level at which these values are there, or what those of them that nobody needs would be computed from."""
    stack, seen, level = list(values), set(values), -1
    while stack:
        value = stack.pop()
        if value.level >= 0 or value.home is not None or value.step is None:
            level = max(level, value.level)
            continue
        for other in value.step.reads():
            if other not in seen:
                seen.add(other)
                stack.append(other)
    return level


def _candidates(step: Step, readers: dict[Value, list[Group]]) -> list[Group]:
    """Groups that make what the step reads, the latest first, then those that read the same arrays."""
    makers: dict[Group, None] = {}
    others: dict[Group, None] = {}
    full = len(step.dims)
    for instruction in step.body:
        if instruction[0] == "load":
            value = instruction[2]
            if value.group is not None and value.group.kind == "map":
                makers[value.group] = None
            if (len(instruction[3]) == full > 0 or len(instruction[3]) > 1) and value in readers:
                for group in readers[value]:
                    while group.into is not None:
                        group = group.into
                    others[group] = None
    ordered = sorted(makers, key=lambda group: -group.level)
    return ordered + [group for group in others if group not in makers]


def _together(step: Step, candidates: Sequence[Group]) -> tuple[Group, Member] | None:
    """Groups that make what a step reads element by element, as one group in which it is a member. None if it does not fit.

    They wait for nothing of one another, being of one level, so that they may as well run in one nest.
    """
    makers = {value.group for value in step.reads() if value.group is not None and value.group.kind == "map"}
    level = max([group.level for group in makers], default=-1)
    found = [group for group in candidates if group in makers and group.level == level]
    if len(found) < 2 or any(len(group.dims) != len(step.dims) for group in found):
        return None
    first, *others = found
    joined = first.copy()
    for group in others:
        places = _same_places(step, first, group)
        if places is None or joined.length + group.length > LONGEST:
            return None
        joined.take(group, places)
    member = _fit(joined, step)
    if member is None:
        return None
    first.become(joined)
    for group in others:
        group.into = first
    return first, member


def _same_places(step: Step, group: Group, other: Group) -> tuple[int, ...] | None:
    """For each label of another group's space the one of the group's that a step reads both at; None where the spaces are not the same."""
    place: dict[int, dict[Group, int]] = {}
    for instruction in step.body:
        if instruction[0] != "load":
            continue
        for one in (group, other):
            made = one.places.get(instruction[2])
            if made is None:
                continue
            for entry, at in zip(instruction[3], made[0]):
                if type(entry) is not int or place.setdefault(entry, {}).setdefault(one, at) != at:
                    return None
    found = {both[other]: both[group] for both in place.values() if len(both) == 2}
    lane = len(group.dims) - 1
    if len(found) != len(other.dims) or len(set(found.values())) != len(group.dims) or found.get(lane, lane) != lane:
        return None
    if any(other.dims[here] != group.dims[there] for here, there in found.items()):
        return None
    return tuple([found[number] for number in range(len(other.dims))])


def _open(step: Step) -> tuple[Group, Member]:
    """A group of its own for a step."""
    order = preferred_order(step)
    level = 1 + max([instruction[2].level for instruction in step.body if instruction[0] == "load"], default=-1)
    group = Group("map", level, tuple([step.dims[label] for label in order]))
    labels = {label: place for place, label in enumerate(order)}
    member = _placed(group, step, labels, -2)
    assert member is not None, "a step fits where nothing else is"
    return group, member


def _fit(group: Group, step: Step) -> Member | None:
    """The step as a member of the group, None where it cannot be one."""
    if group.length + len(step.body) > LONGEST:
        return None
    bound: Map = {}
    latest = -2
    for instruction in step.body:
        if instruction[0] != "load":
            continue
        value = instruction[2]
        made = group.places.get(value)
        if made is None:
            if value.level >= group.level:
                return None
            continue
        if made[1] > latest:
            latest = made[1]
        if not _bind(bound, instruction[3], made[0]):
            return None
    if latest >= NEVER:
        return None
    if not group.dims and step.dims:
        return _widen(group, step)
    if len(step.dims) == len(group.dims) + 1:
        return _deepen(group, step, bound)
    for instruction in step.body:
        if instruction[0] == "load" and instruction[2] in group.reads and instruction[2] not in group.places:
            index = instruction[3]
            if all(type(entry) is int and entry not in bound for entry in index) and len(set(index)) == len(index):
                trial = dict(bound)
                if _bind(trial, index, group.reads[instruction[2]]) and len(set(trial.values())) == len(trial):
                    bound = trial
    if len(bound) < len(step.dims):
        _bind_axes(group, step, bound)
    if len(bound) < len(step.dims) and not _complete(group, step, bound):
        return None
    if len(set(bound.values())) < len(bound):
        return None
    for label, place in bound.items():
        if group.dims[place] != step.dims[label]:
            return None
    return _placed(group, step, bound, latest)


def _bind(bound: Map, index: tuple, places: tuple[int, ...]) -> bool:
    return all(not (type(entry) is not int or bound.setdefault(entry, place) != place) for entry, place in zip(index, places))


def _bind_axes(group: Group, step: Step, bound: Map) -> None:
    """Of an array that the group reads too, and the step at places that are computed along other axes, as x[i, index[i]]: an axis is the same axis."""
    for instruction in step.body:
        if instruction[0] == "load" and instruction[2] in group.reads:
            for entry, place in zip(instruction[3], group.reads[instruction[2]]):
                if type(entry) is int and entry not in bound and place not in bound.values() and group.dims[place] == step.dims[entry]:
                    bound[entry] = place


def _complete(group: Group, step: Step, bound: Map) -> bool:
    """Give the remaining labels places of equal size."""
    lane = len(group.dims) - 1
    count = len(step.dims)
    taken = set(bound.values())
    if count > lane:
        allowed = range(lane + 1)
    elif count == 1 and lane not in taken and (group.dims[lane] == step.dims[0]):
        allowed = range(lane, lane + 1)
    else:
        allowed = range(lane)
    for label in preferred_order(step):
        if label in bound:
            continue
        for place in allowed:
            if place not in taken and group.dims[place] == step.dims[label]:
                break
        else:
            return False
        bound[label] = place
        taken.add(place)
    return True


def _widen(group: Group, step: Step) -> Member | None:
    """A group of scalars becomes the prologue of a nest."""
    order = preferred_order(step)
    narrow = group.dims
    group.dims = tuple([step.dims[label] for label in order])
    if group.end and any(member.time > -1 for member in group.members):
        group.dims = narrow
        return None
    return _placed(group, step, {label: place for place, label in enumerate(order)}, -2)


def _deepen(group: Group, step: Step, bound: Map) -> Member | None:
    """A group of values without reductions becomes what is done once a row, before the passes of a wider step."""
    count = len(group.dims)
    for member in group.members:
        if member.step.op is not None or len(member.labels) not in (0, count):
            return None
    order = preferred_order(step)
    lane = order[-1]
    if lane in bound or len(set(bound.values())) < len(bound):
        return None
    labels = dict(bound)
    taken = set(labels.values())
    for label in order[:-1]:
        if label not in labels:
            for place in range(count):
                if place not in taken and group.dims[place] == step.dims[label]:
                    labels[label] = place
                    taken.add(place)
                    break
            else:
                return None
        elif group.dims[labels[label]] != step.dims[label]:
            return None
    labels[lane] = count
    group.dims = (*group.dims, step.dims[lane])
    group.members = [member._replace(time=-1, known=-1) for member in group.members]
    for value, (places, _) in group.places.items():
        group.places[value] = (places, -1)
    return _placed(group, step, labels, -1)


def _placed(group: Group, step: Step, labels: Map, latest: int) -> Member | None:
    """The times of a step whose labels have places, None where there is none."""
    lane = len(group.dims) - 1
    end = group.end
    domain = set(labels.values())
    summed = {labels[label] for label in range(len(step.out.dims), len(step.dims))}
    if len(domain) == len(group.dims) and (end or domain):
        if end and latest >= end - 1:
            return None
        time = _even(max(latest, 0))
        if not summed:
            return Member(step, labels, time, time)
        if lane in summed and len(summed) == 1:
            return Member(step, labels, time, time + 1)
        if len(summed) == len(domain):
            return Member(step, labels, time, end - 1 if end else time + 1)
        if len(summed) == lane and lane not in summed:
            return Member(step, labels, time, end)
        return Member(step, labels, time, NEVER)
    if end and domain and lane not in domain:
        if len(domain) < lane:
            return None
        if latest >= end - 1:
            return None
        time = _odd(max(latest, -1))
        if not summed:
            return Member(step, labels, time, time)
        return Member(step, labels, time, end - 1 if len(summed) == lane else NEVER)
    if not domain:
        if latest <= -1:
            return Member(step, labels, -1, -1)
        if end and latest < end - 1:
            return None
        return Member(step, labels, _odd(latest), _odd(latest))
    if domain != {lane}:
        return None
    if end and -1 < latest < end - 1:
        return None
    time = _even(max(latest, end))
    return Member(step, labels, time, time + 1 if summed else time)


def _odd(time: int) -> int:
    return time if time % 2 else time + 1


def _even(time: int) -> int:
    return time + 1 if time % 2 else time


def preferred_order(step: Step) -> list[int]:
    """The labels of a step from the outermost to the lane: the lane is what is contiguous in most of what the step touches."""
    count = len(step.dims)
    rank = len(step.out.dims) if step.kind == "map" else 0
    if count < 2:
        return list(range(count))
    score = [0] * count
    out_order = step.out.order if rank else ()
    if rank:
        for axis in out_order:
            score[axis] -= 2
        score[out_order[-1]] += 4
    widest: list[int] = []
    for instruction in step.body:
        if instruction[0] != "load" or not instruction[3]:
            continue
        index, order = instruction[3], instruction[2].order
        stored = [index[axis] for axis in order]
        contiguous = stored[-1]
        for entry in stored[:-1]:
            for label in _entry_labels(entry):
                score[label] -= 2
        if type(contiguous) is int:
            score[contiguous] += 2
        else:
            for label, coefficient in contiguous.terms:
                if label >= 0:
                    score[label] += 2 if coefficient == 1 else -2
        labels = [label for entry in stored for label in _entry_labels(entry)]
        if len(labels) > len(widest):
            widest = labels
    best = max(score)
    lanes = [label for label in range(count) if score[label] == best]
    preferred = out_order[-1] if rank else -1
    lane = preferred if preferred in lanes else next((label for label in reversed(widest) if label in lanes), lanes[-1])
    outer = [axis for axis in out_order if axis != lane]
    seen = set(outer) | {lane}
    for label in [*widest, *range(rank, count)]:
        if label not in seen:
            seen.add(label)
            outer.append(label)
    return [*outer, lane]


def nest_order(step: Step) -> list[int]:
    """The labels of a step that is a nest of its own, from the outermost to the innermost."""
    count = len(step.dims)
    if step.kind == "scan":
        along = step.detail.label
        return [label for label in step.out.order if label != along] + [along]
    if step.kind == "scatter" and count > 1:
        stored = [step.detail.at[axis] for axis in step.out.order]
        order = preferred_order(step)
        if stored and type(stored[-1]) is int:
            # contiguous in the result
            order = [label for label in order if label != stored[-1]] + [stored[-1]]
        return order
    return list(range(count))


def _entry_labels(entry: int | Position) -> list[int]:
    if isinstance(entry, int):
        return [entry]
    return [term for term, _ in entry.terms if term >= 0]

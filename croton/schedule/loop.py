"""Loops as steps: one call that runs the program of a step again and again, on memory that moves along.

The carries before and after a step are rows of one array where somebody wants all of them; rows of what is wanted, where that is those after the steps alone;
else two arrays that change roles. Elements are rows of arrays that
are stored step by step. So a step copies nothing, and knows nothing of the loop.

A step runs often, what is around it once: it chooses how its carries, its elements and what is fixed are stored, where that is not settled outside.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from croton.algebra.loop import Core, Part, Slot, loop_key, open_loop, part_of, results_of
from croton.algebra.node import Label, Node, Operand, Use
from croton.schedule.draft import Draft
from croton.schedule.inward import take_inward
from croton.schedule.layout import Order, choose_layouts, likely_order
from croton.schedule.recompute import inline_free
from croton.schedule.rounding import fuse_products
from croton.schedule.step import FREE, UNDECIDED, BodyBuilder, Inline, Position, Source, Step, Value, behind
from croton.schedule.trailing import may_trail, only_after
from croton.sizes import Size


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


class Given:
    """What there is outside of a loop for an input of its step: the value that may be read as it lies, if there is one.

    order    how the input is stored then, in its axes; None where the step may choose
    """

    def __init__(self, draft: Draft, use: Use, axes: tuple[Label, ...], step: Label | None) -> None:
        self.use = use
        self.axes = axes
        self.step = step
        self.value: Value | None = None
        self.order: Order | None = None
        source = draft.source(use.node)
        if type(source) is not Value or set(use.labels) != set(self.labels) or len(use.labels) != len(self.labels):
            return
        stored_as = behind(source)
        if stored_as.order is UNDECIDED:
            # What others make is stored in the order of its axes.
            free = stored_as.step is None or stored_as.step.kind in FREE
            order = None if free else tuple(range(len(source.dims)))
        else:
            order = stored_as.order
        if order is not None:
            stored = [use.labels[axis] for axis in order]
            if step is not None and stored.pop(0) is not step:
                return
            self.order = tuple([axes.index(label) for label in stored])
        self.value = source

    @property
    def labels(self) -> tuple[Label, ...]:
        """The axes of the array, the step in front."""
        return self.axes if self.step is None else (self.step, *self.axes)

    def likely(self) -> Order | None:
        """The order that the input would be stored in if nobody asked for another one, as far as one can say."""
        if self.value is None:
            return None
        stored = [self.use.labels[axis] for axis in likely_order(self.value)]
        return tuple([self.axes.index(label) for label in stored if label is not self.step])

    def array(self, draft: Draft, order: Order, own: bool = False) -> Value:
        """The array whose rows are stored in an order: the value itself if it is or can be stored so, else a copy; its own one, if it will be written again."""
        if self.step is not None:
            order = _rows(order)
        labels, use = self.labels, self.use
        if self.value is not None and not own:
            wanted = tuple([use.labels.index(labels[axis]) for axis in order])
            stored_as = behind(self.value)
            if stored_as.order is UNDECIDED and self.order is None:
                stored_as.order = wanted
            if stored_as.order == wanted or (stored_as.order is UNDECIDED and wanted == tuple(range(len(wanted)))):
                return self.value
        body = BodyBuilder()
        places = {axis: place for place, axis in enumerate(labels)}
        result = draft.read(body, draft.source(use.node), tuple([places[label] for label in use.labels]))
        value = draft.emit(tuple([axis.size for axis in labels]), len(labels), None, body.finish(result), own=True)
        value.order = order
        return value


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


def lower_loop(draft: Draft, node: Node, parts: Sequence[Node]) -> dict[Node, Source]:
    """One step for all parts of a loop that are wanted, and the value of each."""
    loop = open_loop(node, [Label(size) for size in node.dims + node.sums])
    core = loop.core
    wanted = {part_of(part): part for part in parts}
    outputs = [Operand(axes, use) for use, axes in zip(results_of(loop), loop.carry_axes)]
    followed = _followed(core, wanted)
    sources_of = _delays(core, wanted)
    tapped = [part for part in wanted if part.kind == "tap" and part not in followed.values()]
    for part in tapped:
        assert part.node is not None
        own = tuple([Label(size) for size in part.node.dims])
        outputs.append(Operand(own, Use(part.node, own)))
    given = {
        "carry": [Given(draft, use, axes, None) for use, axes in zip(loop.inits, loop.carry_axes)],
        "element": [Given(draft, use, axes, loop.step) for use, axes in zip(loop.sequences, loop.element_axes)],
        "fixed": [Given(draft, use, axes, None) for use, axes in zip(loop.fixed, loop.fixed_axes)],
    }
    body = _body(draft, outputs, given, sources_of)
    sources: dict[Node, Source] = {}
    stacked: list[Stacked] = []
    trailing: list[Trailing] = []
    rotating: list[Rotating] = []
    delayed: list[Delayed] = []
    rings: list[Ring] = []
    for place, carry in enumerate(core.carries):
        order = body.output_order(place)
        all_of_it = [part for part in wanted if part.place == place and part.kind == "states"]
        replaced = core.length == 1 and not all_of_it and place != core.stop and Slot("carry", place) not in body.draft.inputs
        first = given["carry"][place].array(draft, order, own=replaced)
        last_of_it = [part for part in wanted if part.place == place and part.kind == "final"]
        if all_of_it:
            rows = _fresh((core.length + 1, *carry.dims), carry, _rows(order))
            stacked.append(Stacked(place, first, rows))
            sources[wanted[all_of_it[0]]] = rows
            if last_of_it:
                sources[wanted[last_of_it[0]]] = _row(rows, 0 if core.reverse else core.length, range(len(carry.dims)))
            continue
        if place in followed:
            node, positions = core.results[place]
            rows = _fresh((core.length, *node.dims), node, _rows(tuple([positions.index(axis) for axis in order])))
            trailing.append(Trailing(place, first, rows))
            sources[wanted[followed[place]]] = rows
            if last_of_it:
                sources[wanted[last_of_it[0]]] = _row(rows, 0 if core.reverse else core.length - 1, positions)
            continue
        behind_it = _behind(place, sources_of)
        if place in sources_of or behind_it:
            last = _fresh(carry.dims, carry, order) if last_of_it else None
            if last is not None:
                sources[wanted[last_of_it[0]]] = last
            if place in sources_of:
                delayed.append(Delayed(place, sources_of[place], first, last))
            else:
                rings.append(Ring(place, first, last, tuple([_fresh(carry.dims, carry, order) for _ in range(behind_it + 2)])))
            continue
        pair = _fresh(carry.dims, carry, order), _fresh(carry.dims, carry, order)
        if replaced:
            pair = pair[0], pair[0]
            pair[0].donor = first
        rotating.append(Rotating(place, first, *pair))
        if last_of_it:
            sources[wanted[last_of_it[0]]] = pair[0]
    taps = []
    for place, part in enumerate(tapped, len(core.carries)):
        assert part.node is not None
        rows = _fresh((core.length, *part.node.dims), part.node, _rows(body.output_order(place)))
        taps.append((place, rows))
        sources[wanted[part]] = rows
    # A rewritten core may no longer read all that it is given.
    read = body.draft.inputs
    elements, fixed = [
        tuple([(place, entry.array(draft, read[Slot(role, place)].order)) for place, entry in enumerate(given[role]) if Slot(role, place) in read])
        for role in ("element", "fixed")
    ]
    steps = [_fresh((), member, ()) for part, member in wanted.items() if part.kind == "steps"]
    sources.update(zip([member for part, member in wanted.items() if part.kind == "steps"], steps))
    limit = None
    if core.limit is not None:
        known = dict(fixed)
        if core.limit not in known:
            known[core.limit] = given["fixed"][core.limit].array(draft, ())
        fixed, limit = tuple(known.items()), known[core.limit]
    carried = tuple(stacked), tuple(trailing), tuple(rotating), tuple(delayed), tuple(rings)
    detail = LoopDetail(core, body, *carried, elements, fixed, tuple(taps), limit, steps[0] if steps else None)
    made = detail.makes()
    step = Step(made[0], "loop", (), None, (), detail, draft.origin)
    draft.add(step)
    for value in made:
        value.step = step
    return sources


def _body(draft: Draft, outputs: Sequence[Operand], given: Mapping[str, Sequence[Given]], passed: Collection[int]) -> Body:
    """What a step does, all of it with an order to be stored in."""
    slots = {Slot(role, place): entry for role, entries in given.items() for place, entry in enumerate(entries)}
    orders: dict[Hashable, Order] = {slot: UNDECIDED if slot.role == "carry" or entry.order is None else entry.order for slot, entry in slots.items()}
    inner = draft.rules.graph(only_after(take_inward(outputs)), orders, passed)
    fuse_products(inner.steps, inner.kept())
    body = Body(inner, inline_free(inner.steps, inner.kept()))
    alike = []
    for place, output in enumerate(inner.outputs[: len(given["carry"])]):
        carried = inner.inputs.get(Slot("carry", place))
        if carried is not None and carried.order is UNDECIDED:
            alike.append((carried, tuple(range(len(carried.dims))), output, inner.output_axes[place]))
    hints = []
    for slot, entry in slots.items():
        hint = entry.order if entry.order is not None else entry.likely()
        if slot in inner.inputs and hint is not None:
            hints.append((inner.inputs[slot], hint))
    choose_layouts(body.steps, inner.inputs.values(), alike, hints)
    return body


def _delays(core: Core, wanted: Mapping[Part, Node]) -> dict[int, int]:
    """Carries of which the next value is what another one is, and that one: each follows one other, and is followed by one."""
    kinds = {(part.kind, part.place) for part in wanted}
    if core.stop is not None or core.limit is not None or core.length == 1:
        return {}
    places = {carry: place for place, carry in enumerate(core.carries)}
    found: dict[int, int] = {}
    for place, (node, positions) in enumerate(core.results):
        source = places.get(node, place)
        if source != place and positions == tuple(range(len(positions))) and source not in found.values() and ("states", place) not in kinds:
            found[place] = source
    # Those that only hand values round have nobody who makes one.
    for place in list(found):
        seen, source = {place}, found.get(place, place)
        while source in found and source not in seen:
            seen.add(source)
            source = found[source]
        if source in seen:
            del found[place]
    return found


def _behind(place: int, sources: Mapping[int, int]) -> int:
    """How many carries follow one, each the one before it."""
    followers = {source: follower for follower, source in sources.items()}
    count = 0
    while place in followers:
        place = followers[place]
        count += 1
    return count


def _followed(core: Core, wanted: Mapping[Part, Node]) -> dict[int, Part]:
    """The carries of which the values after the steps are kept and no others: the tap that they are."""
    found: dict[int, Part] = {}
    kinds = {(part.kind, part.place) for part in wanted}
    for part in wanted:
        for place, (node, _) in enumerate(core.results) if part.kind == "tap" else ():
            if node is part.node and place not in found and ("states", place) not in kinds and may_trail(core, place, ("final", place) in kinds):
                found[place] = part
                break
    return found


def loop_parts(order: Sequence[Node]) -> dict[Node, list[Node]]:
    """For each part of a loop all parts of it that are wanted."""
    groups: dict[tuple, list[Node]] = {}
    found: dict[Node, list[Node]] = {}
    for node in order:
        if node.kind == "loop":
            group = groups.setdefault(loop_key(node), [])
            group.append(node)
            found[node] = group
    return found


def _fresh(dims: tuple[Size, ...], like: Node, order: Order) -> Value:
    value = Value(dims, like.dtype)
    value.order = order
    return value


def _rows(order: Order) -> Order:
    """The order of an array that has a row for each step, of rows that are stored in an order."""
    return (0, *[axis + 1 for axis in order])


def _row(rows: Value, number: Size, axes: Iterable[int]) -> Inline:
    """One row of an array, at labels for its axes."""
    body = BodyBuilder()
    body.load(rows, (Position((), number), *axes))
    return Inline(rows.dtype, tuple(body.instructions))

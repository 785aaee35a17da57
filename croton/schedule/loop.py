"""Loops as steps: one call that runs the program of a step again and again, on memory that moves along.

The carries before and after a step are rows of one array where somebody wants all of them; rows of what is wanted, where that is those after the steps alone;
else two arrays that change roles. Elements are rows of arrays that
are stored step by step. So a step copies nothing, and knows nothing of the loop.

A step runs often, what is around it once: it chooses how its carries, its elements and what is fixed are stored, where that is not settled outside.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence

from croton.algebra.loop import Core, Part, Slot, loop_key, open_loop, part_of, results_of
from croton.algebra.node import Label, Node, Operand, Use
from croton.schedule.carried import Carried, Delayed, Ring, Rotating, Stacked, Trailing
from croton.schedule.draft import Draft
from croton.schedule.layout import choose_layouts
from croton.schedule.loop_detail import Body, LoopDetail
from croton.schedule.loop_inputs import Given, in_rows
from croton.schedule.recompute import inline_free
from croton.schedule.rounding import fuse_products
from croton.schedule.sink import sink_products
from croton.schedule.step import UNDECIDED, BodyBuilder, Inline, Order, Position, Source, Step, Value
from croton.schedule.trailing import may_trail, only_after
from croton.sizes import Size


def lower_loop(draft: Draft, node: Node, parts: Sequence[Node]) -> dict[Node, Source]:
    """One step for all parts of a loop that are wanted, and the value of each."""
    lowering = _Lowering(draft, node, parts)
    for place in range(len(lowering.core.carries)):
        lowering.carry(place)
    return lowering.finish()


class _Lowering:
    """A loop while it is lowered: what is wanted of it, what its step does, and where each of its carries lies."""

    def __init__(self, draft: Draft, node: Node, parts: Sequence[Node]) -> None:
        loop = open_loop(node, [Label(size) for size in node.dims + node.sums])
        self.draft = draft
        self.core = loop.core
        self.wanted = {part_of(part): part for part in parts}
        self.followed = _followed(self.core, self.wanted)
        self.sources_of = _delays(self.core, self.wanted)
        self.tapped = [part for part in self.wanted if part.kind == "tap" and part not in self.followed.values()]
        outputs = [Operand(axes, use) for use, axes in zip(results_of(loop), loop.carry_axes)]
        for part in self.tapped:
            assert part.node is not None
            own = tuple([Label(size) for size in part.node.dims])
            outputs.append(Operand(own, Use(part.node, own)))
        self.given = {
            "carry": [Given(draft, use, axes, None) for use, axes in zip(loop.inits, loop.carry_axes)],
            "element": [Given(draft, use, axes, loop.step) for use, axes in zip(loop.sequences, loop.element_axes)],
            "fixed": [Given(draft, use, axes, None) for use, axes in zip(loop.fixed, loop.fixed_axes)],
        }
        self.body = _body(draft, outputs, self.given, self.sources_of)
        self.sources: dict[Node, Source] = {}
        self.stacked: list[Stacked[Value]] = []
        self.trailing: list[Trailing[Value]] = []
        self.rotating: list[Rotating[Value]] = []
        self.delayed: list[Delayed[Value]] = []
        self.rings: list[Ring[Value]] = []

    def carry(self, place: int) -> None:
        """Say where a carry lies, by what is wanted of it."""
        if Part("states", place) in self.wanted:
            self._stacked(place)
        elif place in self.followed:
            self._trailing(place)
        elif place in self.sources_of:
            self.delayed.append(Delayed(place, self.sources_of[place], self._first(place), self._last(place)))
        elif _behind(place, self.sources_of):
            first, last = self._first(place), self._last(place)
            arrays = [self._fresh(place) for _ in range(_behind(place, self.sources_of) + 2)]
            self.rings.append(Ring(place, first, last, tuple(arrays)))
        else:
            self._rotating(place)

    def _stacked(self, place: int) -> None:
        core, carry = self.core, self.core.carries[place]
        first = self._first(place)
        rows = _fresh((core.length + 1, *carry.dims), carry, in_rows(self.body.output_order(place)))
        self.stacked.append(Stacked(place, first, rows))
        self.sources[self.wanted[Part("states", place)]] = rows
        self._last_is(place, _row(rows, 0 if core.reverse else core.length, range(len(carry.dims))))

    def _trailing(self, place: int) -> None:
        core = self.core
        node, positions = core.results[place]
        first = self._first(place)
        rows = _fresh((core.length, *node.dims), node, in_rows([positions.index(axis) for axis in self.body.output_order(place)]))
        self.trailing.append(Trailing(place, first, rows))
        self.sources[self.wanted[self.followed[place]]] = rows
        self._last_is(place, _row(rows, 0 if core.reverse else core.length - 1, positions))

    def _rotating(self, place: int) -> None:
        replaced = self.core.length == 1 and place != self.core.stop and Slot("carry", place) not in self.body.draft.inputs
        first = self._first(place, own=replaced)
        last, other = self._fresh(place), self._fresh(place)
        if replaced:
            other = last
            last.donor = first
        self.rotating.append(Rotating(place, first, last, other))
        self._last_is(place, last)

    def _first(self, place: int, own: bool = False) -> Value:
        """The value of a carry before the first step."""
        return self.given["carry"][place].array(self.draft, self.body.output_order(place), own)

    def _fresh(self, place: int) -> Value:
        """An array for a value of a carry."""
        carry = self.core.carries[place]
        return _fresh(carry.dims, carry, self.body.output_order(place))

    def _last(self, place: int) -> Value | None:
        """An array for the last value of a carry, if that is wanted."""
        if Part("final", place) not in self.wanted:
            return None
        last = self._fresh(place)
        self._last_is(place, last)
        return last

    def _last_is(self, place: int, source: Source) -> None:
        """Say what the last value of a carry is, if it is wanted."""
        part = self.wanted.get(Part("final", place))
        if part is not None:
            self.sources[part] = source

    def finish(self) -> dict[Node, Source]:
        """The value of each part, once all carries have their place."""
        core, draft, body = self.core, self.draft, self.body
        taps = []
        for place, part in enumerate(self.tapped, len(core.carries)):
            assert part.node is not None
            rows = _fresh((core.length, *part.node.dims), part.node, in_rows(body.output_order(place)))
            taps.append((place, rows))
            self.sources[self.wanted[part]] = rows
        elements, fixed = self._read("element"), self._read("fixed")
        steps = None
        if Part("steps") in self.wanted:
            counted = self.wanted[Part("steps")]
            steps = self.sources[counted] = _fresh((), counted, ())
        limit = None
        if core.limit is not None:
            if core.limit not in fixed:
                fixed[core.limit] = self.given["fixed"][core.limit].array(draft, ())
            limit = fixed[core.limit]
        carried = Carried(tuple(self.stacked), tuple(self.trailing), tuple(self.rotating), tuple(self.delayed), tuple(self.rings))
        detail = LoopDetail(core, body, carried, tuple(elements.items()), tuple(fixed.items()), tuple(taps), limit, steps)
        made = detail.makes()
        step = Step(made[0], "loop", (), None, (), detail, draft.origin)
        draft.add(step)
        for value in made:
            value.step = step
        return self.sources

    def _read(self, role: str) -> dict[int, Value]:
        """The arrays of elements or fixed values, by number. A rewritten core may no longer read all that it is given."""
        read = self.body.draft.inputs
        return {
            place: entry.array(self.draft, read[Slot(role, place)].order) for place, entry in enumerate(self.given[role]) if Slot(role, place) in read
        }


def _body(draft: Draft, outputs: Sequence[Operand], given: Mapping[str, Sequence[Given]], sources_of: Mapping[int, int]) -> Body:
    """What a step does, all of it with an order to be stored in: carries are stored after it as they were before it."""
    slots = {Slot(role, place): entry for role, entries in given.items() for place, entry in enumerate(entries)}
    orders: dict[Hashable, Order] = {slot: UNDECIDED if slot.role == "carry" or entry.order is None else entry.order for slot, entry in slots.items()}
    outputs = only_after(sink_products(outputs))
    inner = draft.rules.graph(outputs, orders, sources_of)
    settled = _settled(inner, sources_of)
    if settled:
        inner = draft.rules.graph(outputs, orders | settled, sources_of)
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
    for place in range(len(given["carry"])):
        carried = inner.inputs.get(Slot("carry", place))
        assert carried is None or carried.order == body.output_order(place), f"carry {place} is stored in one order before a step, and in another after it"
    return body


def _settled(inner: Draft, sources_of: Mapping[int, int]) -> dict[Hashable, Order]:
    """The orders of carries that lie where others lay, and of these, where the order of some is settled in the step and that of others is not the same."""
    followers = {source: place for place, source in sources_of.items()}
    found: dict[Hashable, Order] = {}
    for root in followers.keys() - sources_of.keys():
        chain, place = [Slot("carry", root)], root
        while place in followers:
            place = followers[place]
            chain.append(Slot("carry", place))
        orders = dict.fromkeys([inner.inputs[slot].order for slot in chain if slot in inner.inputs])
        if len(orders) > 1:
            found.update(dict.fromkeys(chain, next(order for order in orders if order is not UNDECIDED)))
    return found


def _delays(core: Core, wanted: Mapping[Part, Node]) -> dict[int, int]:
    """Carries of which the next value is what another one is, and that one: each follows one other, and is followed by one."""
    kinds = {(part.kind, part.place) for part in wanted}
    if core.stop is not None or core.limit is not None or core.length == 1:
        return {}
    places = {carry: place for place, carry in enumerate(core.carries)}
    found: dict[int, int] = {}
    for place, (node, positions) in enumerate(core.results):
        source = places.get(node, place)
        # One that is the same along an axis of its own is larger than the other.
        same = positions == tuple(range(len(core.carries[place].dims)))
        if source != place and same and source not in found.values() and ("states", place) not in kinds:
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


def _row(rows: Value, number: Size, axes: Iterable[int]) -> Inline:
    """One row of an array, at labels for its axes."""
    body = BodyBuilder()
    body.load(rows, (Position((), number), *axes))
    return Inline(rows.dtype, tuple(body.instructions))

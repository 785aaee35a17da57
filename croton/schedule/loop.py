"""Loops as steps: one call that runs the program of a step again and again, on memory that moves along.

The carries before and after a step are rows of one array where somebody wants all of them, else two arrays that change roles. Elements are rows of arrays that
are stored step by step. So a step copies nothing, and knows nothing of the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from croton.algebra.loop import Core, loop_key, open_loop, part_of, results_of
from croton.algebra.node import Label, Node, Operand, Use, walk
from croton.schedule.step import UNDECIDED, BodyBuilder, Inline, Position, Step, Value
from croton.sizes import Size

if TYPE_CHECKING:
    from croton.schedule.lower import Lowering, Source


class Stacked(NamedTuple):
    """A carry whose values are all kept: the row before a step is read and the one after it is written."""

    place: int
    first: Value
    rows: Value


class Rotating(NamedTuple):
    """A carry of which the last value is wanted, if any: two arrays in turn."""

    place: int
    first: Value
    last: Value
    other: Value


class LoopDetail(NamedTuple):
    """What a loop reads and makes.

    outputs     the values of a step: the next carries, then what is tapped
    elements    the place of an element and its array, a row a step; likewise fixed values
    taps        what is tapped: its place among the outputs, and a row for each step
    limit       the fixed value that says how many steps there are
    steps       how many steps were done
    """

    core: Core
    outputs: tuple[Operand, ...]
    stacked: tuple[Stacked, ...]
    rotating: tuple[Rotating, ...]
    elements: tuple[tuple[int, Value], ...]
    fixed: tuple[tuple[int, Value], ...]
    taps: tuple[tuple[int, Value], ...]
    limit: Value | None
    steps: Value | None

    def reads(self) -> list[Value]:
        """The arrays that are there before it."""
        carried = [*[carry.first for carry in self.stacked], *[carry.first for carry in self.rotating]]
        return [*carried, *[value for _, value in (*self.elements, *self.fixed)]]

    def makes(self) -> list[Value]:
        """The arrays that it makes."""
        kept = [carry.rows for carry in self.stacked]
        steps = [] if self.steps is None else [self.steps]
        return [*kept, *[value for carry in self.rotating for value in (carry.last, carry.other)], *[value for _, value in self.taps], *steps]


def lower_loop(lowering: Lowering, node: Node, parts: Sequence[Node]) -> dict[Node, Source]:
    """One step for all parts of a loop that are wanted, and the value of each."""
    loop = open_loop(node, [Label(size) for size in node.dims + node.sums])
    core = loop.core
    wanted = {part_of(part): part for part in parts}
    outputs = [Operand(axes, use) for use, axes in zip(results_of(loop), loop.carry_axes)]
    sources: dict[Node, Source] = {}
    stacked: list[Stacked] = []
    rotating: list[Rotating] = []
    for place, (carry, axes, init) in enumerate(zip(core.carries, loop.carry_axes, loop.inits)):
        first = _array(lowering, init, axes, len(axes))
        all_of_it = [part for part, member in wanted.items() if part.place == place and part.kind == "states"]
        last_of_it = [part for part, member in wanted.items() if part.place == place and part.kind == "final"]
        if all_of_it:
            rows = _fresh((core.length + 1, *carry.dims), carry)
            stacked.append(Stacked(place, first, rows))
            sources[wanted[all_of_it[0]]] = rows
            if last_of_it:
                sources[wanted[last_of_it[0]]] = _row(rows, 0 if core.reverse else core.length)
            continue
        pair = _fresh(carry.dims, carry), _fresh(carry.dims, carry)
        rotating.append(Rotating(place, first, *pair))
        if last_of_it:
            sources[wanted[last_of_it[0]]] = pair[0]
    taps = []
    for part, member in wanted.items():
        if part.kind == "tap":
            assert part.node is not None
            own = tuple([Label(size) for size in part.node.dims])
            rows = _fresh((core.length, *part.node.dims), part.node)
            taps.append((len(outputs), rows))
            outputs.append(Operand(own, Use(part.node, own)))
            sources[member] = rows
    # A rewritten core may no longer read all that it is given.
    read = set(walk([output.use.node for output in outputs]))
    if core.limit is not None:
        read.add(core.fixed[core.limit])
    sequences = [(i, use, axes) for i, (use, axes) in enumerate(zip(loop.sequences, loop.element_axes)) if core.elements[i] in read]
    fixed_values = [(i, use, axes) for i, (use, axes) in enumerate(zip(loop.fixed, loop.fixed_axes)) if core.fixed[i] in read]
    elements = tuple([(i, _array(lowering, use, (loop.step, *axes), 1)) for i, use, axes in sequences])
    fixed = tuple([(i, _array(lowering, use, axes, 0)) for i, use, axes in fixed_values])
    steps = [_fresh((), member) for part, member in wanted.items() if part.kind == "steps"]
    sources.update(zip([member for part, member in wanted.items() if part.kind == "steps"], steps))
    limit = None if core.limit is None else dict(fixed)[core.limit]
    detail = LoopDetail(core, tuple(outputs), tuple(stacked), tuple(rotating), elements, fixed, tuple(taps), limit, steps[0] if steps else None)
    made = detail.makes()
    step = Step(made[0], "loop", (), None, (), detail, lowering.origin)
    lowering.add(step)
    for value in made:
        value.step = step
    return sources


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


def _fresh(dims: tuple[Size, ...], like: Node) -> Value:
    value = Value(dims, like.dtype)
    value.order = tuple(range(len(dims)))
    return value


def _row(rows: Value, number: Size) -> Inline:
    body = BodyBuilder()
    body.load(rows, (Position((), number), *range(len(rows.dims) - 1)))
    return Inline(rows.dtype, tuple(body.instructions))


def _array(lowering: Lowering, use: Use, axes: tuple[Label, ...], ordered: int) -> Value:
    """A value as an array with these axes, stored with the first `ordered` of them outermost, in order."""
    source = lowering.source(use.node)
    if type(source) is Value and use.labels == axes and _stored(source, ordered):
        return source
    body = BodyBuilder()
    places = {axis: place for place, axis in enumerate(axes)}
    result = lowering.read(body, source, tuple([places[label] for label in use.labels]))
    value = lowering.emit(tuple([axis.size for axis in axes]), len(axes), None, body.finish(result), own=True)
    value.order = tuple(range(len(axes)))
    return value


def _stored(value: Value, ordered: int) -> bool:
    """Whether a value is stored with its first axes outermost; one that is free to be is from now on."""
    wanted = tuple(range(ordered))
    if value.order is not UNDECIDED or ordered == 0:
        return ordered == 0 or value.order[:ordered] == wanted
    if value.step is not None and value.step.kind in ("map", "product", "scan"):
        value.order = tuple(range(len(value.dims)))
        return True
    # Others are stored in the order of their axes.
    return True

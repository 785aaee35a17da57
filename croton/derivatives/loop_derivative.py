"""The derivative of a loop: another loop, which runs the other way.

Its carries are the adjoints of the carries. What an adjoint is multiplied with in a step is known before the loop runs, and the derivative with respect to
an element or a fixed value is needed by nobody in it: `Recurrence` puts both outside, so that the gradient of a weight is one product.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from croton.algebra.add import add
from croton.algebra.coefficient import of_size
from croton.algebra.constant import constant, iota, zero
from croton.algebra.contract import contract
from croton.algebra.loop import UNLIMITED, Loop, core_of, loop_key, open_loop, part_of, results_of
from croton.algebra.node import ONE, Coef, Label, Node, Use
from croton.algebra.operand import relabel
from croton.algebra.pointwise import scalar
from croton.algebra.stand_in import mark, open_nodes
from croton.dtypes import int64
from croton.loops.extraction import known_of
from croton.loops.history import read_at
from croton.loops.recurrence import Carry, Element, Recurrence, computed_again
from croton.util.errors import NotSupportedError

Derive = Callable[[Sequence[Use], Sequence[Use | None], Sequence[Node]], list[Any]]


class Received(NamedTuple):
    """A part of a loop and its adjoint, at labels for the axes of the part and at seeds."""

    node: Node
    adjoint: Use
    axes: tuple[Label, ...]


def pull_back(parts: Sequence[Received], reached: set[Node], derive: Derive) -> Iterator[tuple[Use, Use, tuple[Label, ...]]]:
    """For each argument of a loop that a derivative goes to: its use, the adjoint, and the labels in which the two are read."""
    if not parts:
        return
    node = parts[0].node
    core = core_of(node)
    if core.stop is not None and core.length == UNLIMITED:
        raise NotSupportedError(
            "not supported: the derivative of a while_loop of any number of steps inside of another loop or of a function with a derivative of its own; "
            "give it max_steps, so that its states can be kept",
            node.origin,
        )
    loop = open_loop(node, [Label(size) for size in node.dims + node.sums])
    assert all(loop_key(part.node) == loop_key(node) for part in parts)
    step, count = loop.step, len(core.carries)
    floats = [place for place, carry in enumerate(core.carries) if carry.dtype.is_float]
    arguments = [*zip(core.elements, loop.element_axes, loop.sequences), *zip(core.fixed, loop.fixed_axes, loop.fixed)]
    wanted = [entry for entry in arguments if entry[2].node in reached and entry[0].dtype.is_float]

    outputs, cotangents = [], []
    marks: list[Use] = []
    results = results_of(loop)
    for place in floats:
        adjoint = mark(loop.carry_axes[place], core.carries[place])
        marks.append(adjoint)
        outputs.append(results[place])
        cotangents.append(_without(adjoint, set(loop.carry_axes[place]) - set(results[place].labels)))
    taken = _Taken(parts, step, loop.carry_axes, core.reverse)
    for use, values in taken.taps:
        stand_in = mark(use.labels, use.node)
        outputs.append(use)
        cotangents.append(stand_in)
        taken.elements.append(Element(stand_in.node, use.labels, values))
    derivatives = derive(outputs, cotangents, [*[core.carries[place] for place in floats], *[entry[0] for entry in wanted]])

    limit = _limit(loop)
    done = None if limit is None else _done(loop, limit)
    carries = []
    for adjoint, place, found in zip(marks, floats, derivatives):
        axes = loop.carry_axes[place]
        dtype = core.carries[place].dtype
        terms = [] if found is None else [_named(found, axes)]
        if place in taken.rows:
            stand_in = mark(axes, core.carries[place])
            taken.elements.append(Element(stand_in.node, axes, taken.before(place)))
            terms.append(stand_in)
        new = add([(term, ONE) for term in terms], dtype) if terms else zero(dtype)
        last = taken.last(place, dtype)
        if done is not None and place in taken.rows:
            last = add([(last, ONE), (taken.left_out(place, done), ONE)], dtype)
        carries.append(Carry(adjoint.node, axes, last, new))
    elements = [*taken.elements]
    for place, carry in enumerate(core.carries):
        row = Label(core.length + 1)
        states = loop.states(place, row)
        elements.append(Element(carry, loop.carry_axes[place], read_at(states, row, {step: 1}, int(core.reverse))))
    elements += [Element(*entry) for entry in arguments]
    if limit is not None:
        # What goes to elements and fixed values is computed inside, in steps that were done: one carry for each.
        for (slot, axes, _), found in zip(wanted, derivatives[len(floats) :]):
            if found is not None:
                value, stand_in = _named(found, axes), mark(axes, slot)
                is_element = any(slot is element for element in core.elements)
                new = value if is_element else add([(stand_in, ONE), (value, ONE)], slot.dtype)
                carries.append(Carry(stand_in.node, axes, zero(slot.dtype), new))
    inside = _computed_again(derivatives, marks) if limit is None else set()
    sums: dict[int, int] = {}
    for number, ((entry, axes, _), found) in enumerate(zip(wanted, derivatives[len(floats) :])):
        if found is not None and found[0].node in inside and not any(entry is element for element in core.elements):
            # Of what is computed again in each step nothing is kept for a sum over all of them.
            total = mark(axes, entry)
            sums[number] = len(carries)
            carries.append(Carry(total.node, axes, zero(entry.dtype), add([(total, ONE), (_named(found, axes), ONE)], entry.dtype)))
    asked = [_named(found, axes) for (_, axes, _), found in zip(wanted, derivatives[len(floats) :]) if found is not None and found[0].node in inside]
    known = known_of(loop) if limit is None else None
    back = Recurrence(step, carries, elements, not core.reverse, known, None, limit, not core.late, asked)

    for number, place in enumerate(floats):
        if loop.inits[place].node in reached:
            yield loop.inits[place], back.final(number), loop.carry_axes[place]
    places = itertools.count(len(floats))
    for number, ((slot, axes, use), found) in enumerate(zip(wanted, derivatives[len(floats) :])):
        if found is None:
            continue
        if done is not None:
            place = next(places)
            if any(slot is element for element in core.elements):
                yield use, _where(back.after(place), done), (step, *axes)
            else:
                yield use, back.final(place), axes
            continue
        if number in sums:
            yield use, back.final(sums[number]), axes
            continue
        lifted = back.lift(_named(found, axes))
        is_element = any(slot is element for element in core.elements)
        if not is_element:
            lifted = contract(set(lifted.labels) - {step}, [(lifted, 1)], ONE, [step])
        yield use, lifted, ((step, *axes) if is_element else axes)
    assert count == len(loop.carry_axes)


def _limit(loop: Loop) -> Use | None:
    """How many steps were done, for a loop that can end early."""
    if loop.core.stop is not None:
        return loop.steps()
    return None if loop.core.limit is None else loop.fixed[loop.core.limit]


def _done(loop: Loop, limit: Use) -> Use:
    """Whether a step was done, at the step: time goes on as in the loop that ended early."""
    core, time = loop.core, iota(loop.step)
    if core.reverse is not core.late:
        time = add([(constant(of_size(core.length - 1), int64), ONE), (time, Coef(-1))], int64)
    return scalar("lt", time, limit)


def _where(use: Use, condition: Use) -> Use:
    return contract({*use.labels, *condition.labels}, [(use, 1), (condition, 1)], ONE, (), use.node.dtype)


def _computed_again(derivatives: Sequence[Any], adjoints: Sequence[Use]) -> set[Node]:
    """What is computed again in a step of the way back, once an adjoint is known."""
    masks: dict[Node, int] = {adjoint.node: 1 for adjoint in adjoints}
    nodes = open_nodes([found[0].node for found in derivatives if found is not None])
    for node in nodes:
        if any(masks.get(arg[0]) for arg in node.args):
            masks[node] = 1
    return computed_again(nodes, masks)


class _Taken:
    """The adjoints of the parts of a loop: for each carry those of all its rows and of its last value; for taps those of each step."""

    def __init__(self, parts: Sequence[Received], step: Label, carry_axes: Sequence[tuple[Label, ...]], reverse: bool) -> None:
        self.step = step
        self.reverse = reverse
        self.rows: dict[int, tuple[Use, Label]] = {}
        self.finals: dict[int, Use] = {}
        self.taps: list[tuple[Use, Use]] = []
        self.elements: list[Element] = []
        for node, adjoint, axes in parts:
            part = part_of(node)
            if part.kind == "tap":
                assert part.node is not None
                own = tuple([Label(size) for size in part.node.dims])
                place = dict(zip(axes, (step, *own)))
                self.taps.append((Use(part.node, own), relabel(adjoint, place)))
            elif part.kind == "final":
                self.finals[part.place] = relabel(adjoint, dict(zip(axes, carry_axes[part.place])))
            else:
                row = Label(axes[0].size)
                self.rows[part.place] = (relabel(adjoint, dict(zip(axes, (row, *carry_axes[part.place])))), row)

    def before(self, place: int) -> Use:
        """The adjoint of a carry before each step."""
        use, row = self.rows[place]
        return read_at(use, row, {self.step: 1}, int(self.reverse))

    def left_out(self, place: int, done: Use) -> Use:
        """The adjoint of a carry in all steps that were left out, which is that of its last value."""
        use = _where(self.before(place), scalar("logical_not", done))
        return contract(set(use.labels) - {self.step}, [(use, 1)], ONE, [self.step])

    def last(self, place: int, dtype: Any) -> Use:
        """The adjoint of a carry after the last step."""
        terms = []
        if place in self.finals:
            terms.append(self.finals[place])
        if place in self.rows:
            use, row = self.rows[place]
            terms.append(read_at(use, row, {}, 0 if self.reverse else self.step.size))
        return add([(term, ONE) for term in terms], dtype) if terms else zero(dtype)


def _named(found: tuple[Use, tuple[Label, ...]], axes: Sequence[Label]) -> Use:
    use, labels = found
    return relabel(use, dict(zip(labels, axes)))


def _without(use: Use, labels: set[Label]) -> Use:
    return contract(set(use.labels) - labels, [(use, 1)], ONE, labels) if labels else use

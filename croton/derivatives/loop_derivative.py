"""The derivative of a loop: another loop, which runs the other way.

Its carries are the adjoints of the carries. What an adjoint is multiplied with in a step is known before the loop runs, and the derivative with respect to
an element or a fixed value is needed by nobody in it: `Recurrence` puts both outside, so that the gradient of a weight is one product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from croton.loops.course import Steps
from croton.loops.extraction import known_of
from croton.loops.history import read_at
from croton.loops.recurrence import Carry, Element, Recurrence, computed_again
from croton.util.errors import NotSupportedError

Derive = Callable[[Sequence[Use], Sequence[Use | None], Sequence[Node], frozenset[Label]], list[Any]]


class Received(NamedTuple):
    """A part of a loop and its adjoint, at labels for the axes of the part and at seeds."""

    node: Node
    adjoint: Use
    axes: tuple[Label, ...]


def pull_back(
    parts: Sequence[Received], reached: set[Node], derive: Derive, batch: frozenset[Label], slots: Mapping[Node, Sequence[Label | None]]
) -> Iterator[tuple[Use, Use, tuple[Label, ...]]]:
    """For each argument of a loop that a derivative goes to: its use, the adjoint, and the labels in which the two are read.

    `slots` says which axes of what stands for a value in a step are batch axes: there the adjoints are those of the same element.
    """
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
    assert all(loop_key(part.node) == loop_key(node) for part in parts)
    yield from _WayBack(parts, reached, derive, batch, slots).adjoints()


class _Argument(NamedTuple):
    """An element or a fixed value: what stands for it in a step, with its axes, and its value."""

    slot: Node
    axes: tuple[Label, ...]
    use: Use
    is_element: bool


class _WayBack:
    """The loop that goes the other way, for the adjoints of some parts of one.

    loop            the loop at labels of its own for each axis, which its parts are made at; `named` at one label for each batch axis
    wanted          the arguments that a derivative goes to
    marks           what stands for the adjoint of each carry in `floats` before a step of the way back
    of_carries      what a step makes of the adjoints for each of these carries, and `of_arguments` for what is wanted; None where they do not depend on it
    """

    def __init__(
        self, parts: Sequence[Received], reached: set[Node], derive: Derive, batch: frozenset[Label], slots: Mapping[Node, Sequence[Label | None]]
    ) -> None:
        node = parts[0].node
        self.loop = loop = open_loop(node, [Label(size) for size in node.dims + node.sums])
        self.named = named = _in_batch(loop, slots)
        self.core = core = loop.core
        self.reached = reached
        self.floats = [place for place, carry in enumerate(core.carries) if carry.dtype.is_float]
        self.arguments = [_Argument(*entry, True) for entry in zip(core.elements, named.element_axes, named.sequences)]
        self.arguments += [_Argument(*entry, False) for entry in zip(core.fixed, named.fixed_axes, named.fixed)]
        self.wanted = [argument for argument in self.arguments if argument.use.node in reached and argument.slot.dtype.is_float]
        self.marks = [mark(named.carry_axes[place], core.carries[place]) for place in self.floats]
        self.taken = _Taken(parts, loop.step, named.carry_axes, core.reverse, batch)
        derivatives = self._derive_step(derive, batch)
        axes_of = [*[named.carry_axes[place] for place in self.floats], *[entry.axes for entry in self.wanted]]
        values = [None if found is None else _named(found, axes) for found, axes in zip(derivatives, axes_of)]
        self.of_carries, self.of_arguments = values[: len(self.floats)], values[len(self.floats) :]
        # Of a loop that can end early: how many steps were done, and whether one was.
        self.limit = _limit(loop)
        self.done = None if self.limit is None else _done(loop, self.limit)

    def _derive_step(self, derive: Derive, batch: frozenset[Label]) -> list[Any]:
        """The derivative of a step: of its next carries and of what is tapped, with respect to its carries and to what is wanted."""
        outputs, cotangents = [], []
        results = results_of(self.named)
        for adjoint, place in zip(self.marks, self.floats):
            outputs.append(results[place])
            cotangents.append(_without(adjoint, set(self.named.carry_axes[place]) - set(results[place].labels)))
        for use, values in self.taken.taps:
            stand_in = mark(use.labels, use.node)
            outputs.append(use)
            cotangents.append(stand_in)
            self.taken.elements.append(Element(stand_in.node, use.labels, values))
        return derive(outputs, cotangents, [*[self.core.carries[place] for place in self.floats], *[argument.slot for argument in self.wanted]], batch)

    def adjoints(self) -> Iterator[tuple[Use, Use, tuple[Label, ...]]]:
        """What `pull_back` gives."""
        loop, core = self.loop, self.core
        carries = self._carries()
        elements = self._elements()
        inside = self._computed_again() if self.done is None else set()
        totals = self._totals(carries, inside)
        asked = [value for value in self.of_arguments if value is not None and value.node in inside]
        known = known_of(loop) if self.limit is None else None
        back = Recurrence(Steps(loop.step, not core.reverse, None, self.limit, not core.late), carries, elements, known, asked)

        for number, place in enumerate(self.floats):
            if loop.inits[place].node in self.reached:
                yield self.named.inits[place], back.final(number), self.named.carry_axes[place]
        for number, ((_, axes, use, is_element), value) in enumerate(zip(self.wanted, self.of_arguments)):
            if value is None:
                continue
            labels = (loop.step, *axes) if is_element else axes
            if number not in totals:
                lifted = back.lift(value)
                yield use, lifted if is_element else _over_steps(lifted, loop.step), labels
            elif is_element:
                assert self.done is not None
                yield use, _where(back.after(totals[number]), self.done), labels
            else:
                yield use, back.final(totals[number]), labels

    def _carries(self) -> list[Carry]:
        """The adjoints of the carries: what a step makes of them, and what comes in from outside, after the last step or as rows."""
        taken = self.taken
        carries = []
        for adjoint, place, value in zip(self.marks, self.floats, self.of_carries):
            axes, dtype = self.named.carry_axes[place], self.core.carries[place].dtype
            terms = [] if value is None else [value]
            if place in taken.rows:
                stand_in = mark(axes, self.core.carries[place])
                taken.elements.append(Element(stand_in.node, axes, taken.before(place)))
                terms.append(stand_in)
            new = add([(term, ONE) for term in terms], dtype) if terms else zero(dtype)
            last = taken.last(place, dtype)
            if self.done is not None and place in taken.rows:
                last = add([(last, ONE), (taken.left_out(place, self.done), ONE)], dtype)
            carries.append(Carry(adjoint.node, axes, last, new))
        return carries

    def _elements(self) -> list[Element]:
        """What a step of the way back reads: adjoints from outside, and what the step itself had read."""
        loop, core = self.loop, self.core
        elements = [*self.taken.elements]
        for place, carry in enumerate(core.carries):
            row, axes = Label(core.length + 1), self.named.carry_axes[place]
            states = Use(loop.states(place, row).node, (row, *axes))
            elements.append(Element(carry, axes, read_at(states, row, {loop.step: 1}, int(core.reverse))))
        return elements + [Element(slot, axes, use) for slot, axes, use, _ in self.arguments]

    def _totals(self, carries: list[Carry], inside: set[Node]) -> dict[int, int]:
        """The adjoints of arguments that are carries too, added below `carries`, by what is wanted: which carry that is.

        Where a loop can end early they are computed inside of it, in steps that were done. Of what is computed again in each step nothing is kept
        for a sum over all of them.
        """
        places: dict[int, int] = {}
        for number, ((slot, axes, _, is_element), value) in enumerate(zip(self.wanted, self.of_arguments)):
            if value is None or (self.done is None and (is_element or value.node not in inside)):
                continue
            total = mark(axes, slot)
            places[number] = len(carries)
            carries.append(Carry(total.node, axes, zero(slot.dtype), value if is_element else add([(total, ONE), (value, ONE)], slot.dtype)))
        return places

    def _computed_again(self) -> set[Node]:
        """What is computed again in a step of the way back, once an adjoint is known."""
        masks: dict[Node, int] = {adjoint.node: 1 for adjoint in self.marks}
        nodes = open_nodes([value.node for value in (*self.of_carries, *self.of_arguments) if value is not None])
        for node in nodes:
            if any(masks.get(arg[0]) for arg in node.args):
                masks[node] = 1
        return computed_again(nodes, masks)


def _in_batch(loop: Loop, slots: Mapping[Node, Sequence[Label | None]]) -> Loop:
    """The loop with the labels of batch axes for the axes that are batch axes."""
    groups = zip((*loop.core.carries, *loop.core.elements, *loop.core.fixed), (*loop.carry_axes, *loop.element_axes, *loop.fixed_axes))
    label_of = {axis: name for slot, axes in groups for axis, name in zip(axes, slots.get(slot, ())) if name is not None}
    if not label_of:
        return loop
    axes_of = [tuple([tuple([label_of.get(axis, axis) for axis in axes]) for axes in group]) for group in (loop.carry_axes, loop.element_axes, loop.fixed_axes)]
    return Loop(loop.core, loop.step, axes_of[0], axes_of[1], axes_of[2], tuple([relabel(use, label_of) for use in loop.arguments]))


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


class _Taken:
    """The adjoints of the parts of a loop: for each carry those of all its rows and of its last value; for taps those of each step."""

    def __init__(
        self, parts: Sequence[Received], step: Label, carry_axes: Sequence[tuple[Label, ...]], reverse: bool, batch: frozenset[Label]
    ) -> None:
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
                own = tuple([axis if axis in batch else Label(axis.size) for axis in axes[1:]])
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


def _over_steps(use: Use, step: Label) -> Use:
    """The sum over all steps of what each of them adds to an adjoint, products by themselves.

    A matrix that a step multiplies by several times gets several products from it. Added up in each step they would be as many matrices as there are
    steps; added up over the steps each is one product. Nobody has written down in which order adjoints are added.
    """
    node, labels = use
    if node.kind != "add":
        return _summed(use, step)
    terms = [(Use(child, tuple([labels[i] for i in positions])), coef) for child, positions, coef in node.args]
    alone = [(_summed(term, step), coef) for term, coef in terms if _is_spread(term.node)]
    others = [(term, coef) for term, coef in terms if not _is_spread(term.node)]
    if others:
        alone.append((_summed(add(others, node.dtype), step), ONE))
    return add(alone, node.dtype)


def _is_spread(node: Node) -> bool:
    """Whether a term is a product that is larger than each of its factors."""
    rank = len(node.dims)
    return node.kind == "contract" and all(len({place for place in positions if place < rank}) < rank for _, positions, _ in node.args)


def _summed(use: Use, step: Label) -> Use:
    """The sum over all steps; of a product that is spread, by one sum with its own."""
    node, labels = use
    if not _is_spread(node):
        return contract(set(labels) - {step}, [(use, 1)], ONE, [step])
    sums = [Label(size) for size in node.sums]
    inside = [*labels, *sums]
    factors = [(Use(child, tuple([inside[i] for i in positions])), exponent) for child, positions, exponent in node.args]
    return contract(set(labels) - {step}, factors, node.param, [step, *sums], node.dtype)


def _named(found: tuple[Use, tuple[Label, ...]], axes: Sequence[Label]) -> Use:
    use, labels = found
    return relabel(use, dict(zip(labels, axes)))


def _without(use: Use, labels: set[Label]) -> Use:
    return contract(set(use.labels) - labels, [(use, 1)], ONE, labels) if labels else use

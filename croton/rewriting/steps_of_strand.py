"""A strand of a linear loop, a few steps after something came in: those steps alone, for all strands at once.

A condition says at which step something comes in along each strand; so a number of steps after that ties the step to the strand, and what goes into the
steps is read at that strand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from croton.algebra.add import add
from croton.algebra.constant import number_of, zero
from croton.algebra.contract import contract
from croton.algebra.loop import open_loop, part_of
from croton.algebra.node import ONE, Label, Node, Use
from croton.algebra.rebuild import Memo, rebuild
from croton.algebra.relation import affine
from croton.algebra.rows import Row
from croton.loops.history import read_at
from croton.rewriting.strand import narrowed, strands
from croton.sizes import Size


class Strand:
    """A strand that is an axis of a part of a loop, at labels for all that the part mentions.

    Where something has come in, the row [way * first axis + weight * strand + number >= 0] holds, and it counts the steps since.
    """

    def __init__(self, node: Node, labels: Sequence[Label], axis: int, row: Row) -> None:
        coefficients, number = row
        self.part = part_of(node)
        self.loop = open_loop(node, labels)
        self.axes = tuple(labels[: len(node.dims)])
        self.places = strands(node).axes[axis]
        self.forward = not self.loop.core.reverse
        self.way = 1 if self.forward else -1
        self.weight = coefficients[axis]
        # Forward, states after a step are a row further on; the number is that for steps.
        self.number = number + int(self.part.kind == "states" and self.forward)

    def value(self, steps: int) -> Use:
        """The part so many steps after something came in, at its labels but for the strand."""
        length, row = self.loop.core.length, self.axes[0]
        time = Label(length, ambient=True)
        if self.part.kind == "tap":
            assert self.part.node is not None
            made = self._of_step(Use(self.part.node, self.axes[1:]), time, steps)
            return Use(made.node, tuple([row if label is time else label for label in made.labels]))
        after = self._after(self.part.place, time, steps)
        rows = _read(after, time, {row: 1, time: -1}, -1 if self.forward else 0, row)
        # What the loop begins with is there before the first step.
        begun = self._of_strand(self._begun(self.part.place), {}, steps + 1 if self.forward else steps + length)
        return _sum([_where(begun, affine({row: 1}, 0 if self.forward else -length)), rows])

    def _after(self, place: int, time: Label, steps: int) -> Use:
        """A carry after a step."""
        node, positions = self.loop.core.results[place]
        axes = self.loop.carry_axes[place]
        return self._of_step(Use(node, tuple([axes[i] for i in positions])), time, steps)

    def _before(self, place: int, time: Label, steps: int) -> Use:
        """A carry before a step."""
        if not steps:
            return zero(self.loop.core.carries[place].dtype)
        first = affine({time: 1}, 0 if self.forward else 1 - self.loop.core.length)
        begun = self._of_strand(self._begun(place), {time: -self.way}, steps)
        earlier = Label(time.size, ambient=True)
        after = self._after(place, earlier, steps - 1)
        return _sum([_where(begun, first), _read(after, earlier, {time: 1, earlier: -1}, -self.way, time)])

    def _of_step(self, use: Use, time: Label, steps: int) -> Use:
        """A value of a step, with the step as a label, in the step so many after something came in."""
        loop, memo = self.loop, Memo()
        for place, (slot, axes) in enumerate(zip(loop.core.carries, loop.carry_axes)):
            memo[slot] = (axes, self._before(place, time, steps))
        for slot, axes, (node, labels) in zip(loop.core.elements, loop.element_axes, loop.sequences):
            given = Use(node, tuple([time if label is loop.step else label for label in labels]))
            if slot in self.places:
                given = self._of_strand((given, axes[self.places[slot]]), {time: -self.way}, steps)
            memo[slot] = (axes, given)
        for slot, axes, given in zip(loop.core.fixed, loop.fixed_axes, loop.fixed):
            memo[slot] = (axes, given)

        def visit(inner: Node, labels: tuple[Label, ...], uses: list[Use]) -> Use | None:
            return narrowed(inner, labels, uses, {self.places[inner]}) if inner.kind == "loop" and inner in self.places else None

        return rebuild([use], visit, memo)[0]

    def _begun(self, place: int) -> tuple[Use, Label]:
        """What a carry begins with, and its strand."""
        return self.loop.inits[place], self.loop.carry_axes[place][self.places[self.loop.core.carries[place]]]

    def _of_strand(self, given: tuple[Use, Label], times: Mapping[Label, Size], steps: Size) -> Use:
        """What comes in along strands, of the strand that is tied to the step."""
        use, strand = given
        if strand not in use.labels:
            return use
        return read_at(use, strand, {time: c * self.weight for time, c in times.items()}, (steps - self.number) * self.weight)


def _read(use: Use, time: Label, row: Mapping[Label, Size], constant: Size, at: Label) -> Use:
    """The value of a step at another label, which a row ties to the step."""
    return contract({*use.labels, at} - {time}, [(use, 1), (affine(row, constant), 1)], ONE, [time], use.dtype)


def _where(use: Use, condition: Use) -> Use:
    return contract({*use.labels, *condition.labels}, [(use, 1), (condition, 1)], ONE, (), use.dtype)


def _sum(terms: Sequence[Use]) -> Use:
    return add([(term, ONE) for term in terms if number_of(term.node) != 0] or [(terms[0], ONE)], terms[0].dtype)

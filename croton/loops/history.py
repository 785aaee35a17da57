"""Histories: the values of a carry over all steps, where they are known."""

from __future__ import annotations

import abc
from collections.abc import Sequence

from croton.algebra.add import add
from croton.algebra.contract import contract
from croton.algebra.loop import Loop
from croton.algebra.node import Label, Use
from croton.algebra.pointwise import scalar
from croton.algebra.relation import affine, at_least_zero
from croton.dtypes import bool_
from croton.sizes import Size


def read_at(use: Use, label: Label, coefficients: dict[Label, Size], constant: Size) -> Use:
    """The use with `label` at sum of coefficient * other + constant; 0 where that is outside."""
    inside = Label(label.size)
    moved = Use(use.node, tuple([inside if own is label else own for own in use.labels]))
    out = {*moved.labels, *coefficients} - {inside}
    where = affine({inside: 1, **{other: -c for other, c in coefficients.items()}}, -constant)
    return contract(out, [(moved, 1), (where, 1)], 1, [inside], use.node.dtype)


def _guarded(use: Use, relation: Use) -> Use:
    return contract({*use.labels, *relation.labels}, [(use, 1), (relation, 1)], 1, (), use.node.dtype)


def _sum(terms: Sequence[Use]) -> Use:
    """The sum of terms of which one at most is not 0."""
    if terms[0].node.dtype is not bool_:
        return add([(term, 1) for term in terms])
    total = terms[0]
    for term in terms[1:]:
        total = scalar("logical_or", total, term)
    return total


class History(abc.ABC):
    """The values of a carry over the steps: before each, after the last, and all of them with the first."""

    def __init__(self, step: Label, reverse: bool, init: Use) -> None:
        self.step = step
        self.length = step.size
        self.reverse = reverse
        self.init = init

    @abc.abstractmethod
    def before(self) -> Use:
        """At the step."""

    @abc.abstractmethod
    def after(self) -> Use:
        """At the step."""

    @abc.abstractmethod
    def final(self) -> Use: ...

    def states(self, row: Label) -> Use:
        after = self.after()
        first = affine({row: 1}, -self.length if self.reverse else 0)
        return _sum([_guarded(self.init, first), self._rows(after, row)])

    def _rows(self, after: Use, row: Label) -> Use:
        inside = Label(self.length)
        moved = Use(after.node, tuple([inside if label is self.step else label for label in after.labels]))
        where = affine({row: 1, inside: -1}, 0 if self.reverse else -1)
        return contract({*moved.labels, row} - {inside}, [(moved, 1), (where, 1)], 1, [inside], after.node.dtype)


class Constant(History):
    """A carry that no step changes."""

    def before(self) -> Use:
        return self.init

    after = final = before

    def states(self, row: Label) -> Use:
        return self.init


class Few(History):
    """A recurrence of at most one step."""

    def __init__(self, step: Label, reverse: bool, init: Use, new: Use | None) -> None:
        super().__init__(step, reverse, init)
        self.new = new

    def before(self) -> Use:
        return self.init

    def after(self) -> Use:
        return self.init if self.new is None else self.new

    final = after

    def states(self, row: Label) -> Use:
        return self.init if self.new is None else super().states(row)


class Late(History):
    """A carry whose values are a sequence."""

    def __init__(self, step: Label, reverse: bool, init: Use, stack: Use) -> None:
        super().__init__(step, reverse, init)
        self.stack = stack

    def after(self) -> Use:
        return self.stack

    def before(self) -> Use:
        step = self.step
        first = affine({step: 1}, 1 - self.length if self.reverse else 0)
        inside = Label(self.length)
        moved = Use(self.stack.node, tuple([inside if label is step else label for label in self.stack.labels]))
        where = affine({inside: 1, step: -1}, -1 if self.reverse else 1)
        late = contract({*moved.labels, step} - {inside}, [(moved, 1), (where, 1)], 1, [inside], moved.node.dtype)
        return _sum([_guarded(self.init, first), late])

    def final(self) -> Use:
        last = read_at(self.stack, self.step, {}, 0 if self.reverse else self.length - 1)
        if isinstance(self.length, int):
            return last
        return _sum([_guarded(self.init, affine({}, self.length)), last])


class Running(History):
    """A carry that something is added to."""

    def __init__(self, step: Label, reverse: bool, init: Use, term: Use) -> None:
        super().__init__(step, reverse, init)
        self.term = term

    def _until(self, offset: int) -> Use:
        step, other = self.step, Label(self.length)
        moved = Use(self.term.node, tuple([other if label is step else label for label in self.term.labels]))
        sign = -1 if self.reverse else 1
        inside = at_least_zero({step: sign, other: -sign}, offset)
        total = contract({*moved.labels, step} - {other}, [(moved, 1), (inside, 1)], 1, [other], moved.node.dtype)
        return add([(self.init, 1), (total, 1)])

    def before(self) -> Use:
        return self._until(-1)

    def after(self) -> Use:
        return self._until(0)

    def final(self) -> Use:
        total = contract({*self.term.labels} - {self.step}, [(self.term, 1)], 1, [self.step])
        return add([(self.init, 1), (total, 1)])


class Looped(History):
    """A carry of a loop."""

    def __init__(self, step: Label, reverse: bool, init: Use, loop: Loop, number: int, axes: Sequence[Label]) -> None:
        super().__init__(step, reverse, init)
        self.loop = loop
        self.number = number
        self.names = dict(zip(loop.carry_axes[number], axes))

    def _named(self, use: Use) -> Use:
        return Use(use.node, tuple([self.names.get(label, label) for label in use.labels]))

    def _row(self, offset: int) -> Use:
        row = Label(self.length + 1)
        return read_at(self.states(row), row, {self.step: 1}, offset)

    def before(self) -> Use:
        return self._row(int(self.reverse))

    def after(self) -> Use:
        return self._row(1 - int(self.reverse))

    def final(self) -> Use:
        return self._named(self.loop.final(self.number))

    def states(self, row: Label) -> Use:
        return self._named(self.loop.states(self.number, row))

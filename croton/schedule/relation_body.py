"""Instructions for a product with relations: elements at rows of labels, positions, and whether predicates hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from croton.algebra.node import Node
from croton.algebra.rows import Row
from croton.algebra.solve import Digit, Gather, Predicate, Solved
from croton.dtypes import bool_, int64
from croton.schedule.draft import Draft
from croton.schedule.step import BodyBuilder, Position, Value


class RelationBody:
    """A body that is written for a product and its solution. `labels` are the numbers that loop labels have in it; those met later get the next ones."""

    def __init__(self, draft: Draft, node: Node, solved: Solved, labels: dict[int, int]) -> None:
        self.draft = draft
        self.node = node
        self.solved = solved
        self.labels = labels
        self.body = BodyBuilder()
        self.definitions = {definition.label: definition for definition in solved.definitions}
        self.checked = {check.argument for check in solved.checks}

    def read(self, source: Any, at: Sequence[Row], guard: int) -> int:
        """An element of a source at rows over loop labels and defined labels."""
        if type(source) is not Value:
            plain = labels_of(at)
            if plain is not None and all(label not in self.definitions for label in plain):
                read = self.draft.read(self.body, source, [self._loop(label) for label in plain])
                return read if guard < 0 else self.body.call("where", source.dtype, guard, read, self.body.const(source.dtype, 0))
            if source.kind == "iota":
                read = self._number(at[0])
                return read if guard < 0 else self.body.call("where", int64, guard, read, self.body.const(int64, 0))
            if source.kind == "contract":
                read = self.draft.read(self.body, source, ())
                return read if guard < 0 else self.body.call("where", source.dtype, guard, read, self.body.const(source.dtype, 0))
            source = self.draft.materialised(source)
        index = tuple([self.position(row) for row in at])
        for gather in self._unchecked(at):
            # a computed index may be checked only after the kernel that computes it, which may read here: it must not fault
            size = self.node.args[gather.argument][0].dims[0]
            place = self._defined(gather.label)
            known = self.body.instructions[place]
            if known[0] != "const" or known[2] < 0:
                guard = self._and(guard, self.body.call("ge", bool_, place, self.body.const(int64, 0)))
            if known[0] != "const" or not isinstance(size, int) or known[2] >= size:
                guard = self._and(guard, self.body.call("lt", bool_, place, self.draft.size(self.body, size)))
        return self.body.load(source, index, guard)

    def _and(self, guard: int, condition: int) -> int:
        return condition if guard < 0 else self.body.call("logical_and", bool_, guard, condition)

    def _unchecked(self, at: Sequence[Row]) -> list[Gather]:
        """What gives positions their labels from indices which are computed and have to be checked."""
        found: dict[int, Gather] = {}
        pending = [label for row in at for label in row[0]]
        while pending:
            definition = self.definitions.get(pending.pop())
            if isinstance(definition, Digit):
                pending += definition.row[0]
            elif definition is not None and definition.argument in self.checked:
                source = self.draft.source(self.node.args[definition.argument][0].args[0][0])
                if type(source) is not Value or source.home is None:
                    found[definition.label] = definition
        return list(found.values())

    def position(self, row: Row) -> int | Position:
        """An index that is the value of a row."""
        label = label_of(row)
        if label is not None and label not in self.definitions:
            return self._loop(label)
        terms = []
        for label, coefficient in row[0].items():
            if label in self.definitions:
                terms.append((~self._defined(label), coefficient))
            else:
                terms.append((self._loop(label), coefficient))
        return Position(tuple(terms), row[1])

    def _loop(self, label: int) -> int:
        return self.labels.setdefault(label, len(self.labels))

    def _defined(self, label: int) -> int:
        """The instruction that holds a defined label."""
        definition = self.definitions[label]
        if isinstance(definition, Gather):
            select = self.node.args[definition.argument][0]
            index = self.draft.source(select.args[0][0])
            guard = self.all([self.solved.predicates[number] for number in definition.guards])
            # the select may read the axes of the index in another order
            read = self.read(index, definition.at, guard)
            return read if index.dtype is int64 else self.body.call("cast", int64, read)
        return self._digit(definition)

    def _digit(self, digit: Digit) -> int:
        number = self._number(digit.row)
        if digit.divisor != 1:
            number = self.body.call("floor_divide", int64, number, self.draft.size(self.body, digit.divisor))
        if digit.modulus is not None:
            number = self.body.call("remainder", int64, number, self.draft.size(self.body, digit.modulus))
        return number

    def _number(self, row: Row) -> int:
        """The value of a row as int64."""
        total = -1
        for label, coefficient in row[0].items():
            term = self._defined(label) if label in self.definitions else self.body.index(self._loop(label))
            if coefficient != 1:
                term = self.body.call("mul", int64, term, self.draft.size(self.body, coefficient))
            total = term if total < 0 else self.body.call("add", int64, total, term)
        if total < 0:
            return self.draft.size(self.body, row[1])
        return total if row[1] == 0 else self.body.call("add", int64, total, self.draft.size(self.body, row[1]))

    def holds(self, predicate: Predicate) -> int:
        """Whether a predicate holds."""
        if not predicate.row[0] and isinstance(predicate.row[1], int):
            held = predicate.row[1] >= 0 if predicate.at_least else predicate.row[1] == 0
            return self.body.const(bool_, held)
        number = self._number(predicate.row)
        return self.body.call("ge" if predicate.at_least else "eq", bool_, number, self.body.const(int64, 0))

    def all(self, predicates: Sequence[Predicate]) -> int:
        """Whether all of some predicates hold; -1 where there are none."""
        guard = -1
        for predicate in predicates:
            guard = self._and(guard, self.holds(predicate))
        return guard


def label_of(row: Row) -> int | None:
    """The label that a row consists of."""
    if len(row[0]) == 1 and isinstance(row[1], int) and row[1] == 0:
        ((label, coefficient),) = row[0].items()
        if isinstance(coefficient, int) and coefficient == 1:
            return label
    return None


def labels_of(rows: Sequence[Row]) -> list[int] | None:
    """The labels that rows consist of, None if one of them is anything else."""
    found: list[int] = []
    for row in rows:
        label = label_of(row)
        if label is None:
            return None
        found.append(label)
    return found

"""Where values can be other than zero: conditions on two of their axes, or one, that hold wherever they are.

A linear loop makes nothing of nothing. What comes in along a strand comes in from some step on, so that the strand is zero before: that is a condition on
the step and the strand, and whatever is multiplied by the loop's values, another loop's elements among them, has it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from croton.algebra.constant import number_of
from croton.algebra.loop import Loop, open_loop, part_of
from croton.algebra.node import Label, Node, Use
from croton.algebra.relation import row_of
from croton.algebra.rows import Row, is_unit, negated, plus, replaced, solved_for
from croton.rewriting.strand import LINEAR_MAPS, Places, strands
from croton.sizes import Size, nonnegative

MOST_CONDITIONS = 16
"""Conditions that are remembered of a value."""

Conditions = dict[Node, list[Row]]
"""For nodes rows of their axes that are at least zero wherever the node is not zero. The coefficients are 1 and -1."""


class Ties:
    """Labels that are a number, or differ from another label by one, or add up to one with it: what each is in terms of what is not known.

    Those that are `kept` are what others are in terms of.
    """

    def __init__(self, rows: Iterable[Row] = (), kept: Iterable[Label] = ()) -> None:
        self.known: dict[Label, Row] = {}
        self.kept = frozenset(kept)
        for row in rows:
            self._add(row)

    def with_rows(self, rows: Iterable[Row]) -> Ties:
        """These ties and others."""
        rows = list(rows)
        if not rows:
            return self
        result = Ties((), self.kept)
        result.known.update(self.known)
        for row in rows:
            result._add(row)
        return result

    def of(self, row: Row) -> Row:
        """A row in terms of what is not known."""
        result: Row = ({}, row[1])
        for label, c in row[0].items():
            result = plus(result, self.known.get(label, ({label: 1}, 0)), c)
        return result

    def _add(self, row: Row) -> None:
        """Note that a row is zero."""
        if len(row[0]) > 2:
            return
        row = self.of(row)
        gone = next((label for label, c in row[0].items() if is_unit(c) and label not in self.kept), None)
        if gone is not None:
            expression = solved_for(row, gone)
            self.known = {label: replaced(known, gone, expression) for label, known in self.known.items()}
            self.known[gone] = expression


def relations_of(node: Node, labels: Sequence[Label]) -> list[Row]:
    """The rows that are zero wherever a product, at labels for all that it mentions, is not."""
    if node.kind != "contract":
        return []
    return [row_of(Use(child, tuple([labels[i] for i in positions]))) for child, positions, _ in node.args if child.kind == "affine"]


def conditions(order: Iterable[Node]) -> Conditions:
    """The conditions of nodes, arguments first."""
    found: Conditions = {}
    for node in order:
        if node.kind not in ("affine", "range", "loop") and not any(arg[0] in found for arg in node.args):
            continue
        labels = [Label(size) for size in node.dims + node.sums]
        rows = _rows(node, labels, found)
        if rows:
            place = {label: number for number, label in enumerate(labels)}
            found[node] = [({place[label]: c for label, c in row.items()}, constant) for row, constant in rows[:MOST_CONDITIONS]]
    return found


def rows_at(found: Mapping[Node, Sequence[Row]], use: Use) -> list[Row]:
    """The conditions of a value that is read at labels."""
    result = []
    for row, constant in found.get(use.node, ()):
        at: Row = ({}, constant)
        for position, c in row.items():
            at = plus(at, ({use.labels[position]: c}, 0))
        result.append(at)
    return result


def _rows(node: Node, labels: Sequence[Label], found: Conditions) -> list[Row]:
    uses = [Use(arg[0], tuple([labels[i] for i in arg[1]])) for arg in node.args]
    axes = set(labels[: len(node.dims)])
    rows: list[Row] = []
    if node.kind == "affine":
        row = row_of(Use(node, tuple(labels)))
        rows = [row, negated(row)]
    elif node.kind == "range":
        rows = [row_of(Use(node, tuple(labels)))]
    elif node.kind == "contract":
        ties = Ties(relations_of(node, labels), axes)
        rows = [ties.of(row) for use, arg in zip(uses, node.args) if arg[2] > 0 for row in rows_at(found, use)]
    elif node.kind == "add":
        rows = _common([rows_at(found, use) for use in uses if number_of(use.node) != 0])
    elif node.kind == "map" and node.param in LINEAR_MAPS:
        rows = rows_at(found, uses[0])
    elif node.kind == "loop":
        loop = open_loop(node, labels)
        entries = [entry(node, loop, labels, axis, found) for axis in strands(node).axes]
        rows = [row for row in entries if row is not None]
    return [row for row in rows if row[0] and axes.issuperset(row[0]) and len(row[0]) <= 2 and all(is_unit(c) for c in row[0].values())]


def _common(groups: Sequence[list[Row]]) -> list[Row]:
    """What holds wherever one of several values is not zero."""
    if not groups:
        return []
    result = groups[0]
    for group in groups[1:]:
        result = [wider for row in result for other in group if row[0] == other[0] and (wider := _wider(row, other)) is not None]
    return result


def _wider(row: Row, other: Row) -> Row | None:
    """Of two conditions with the same coefficients that which the other one implies; None if it is not known which does."""
    if nonnegative(row[1] - other[1]):
        return row
    return other if nonnegative(other[1] - row[1]) else None


def entry(node: Node, loop: Loop, labels: Sequence[Label], axis: int, found: Mapping[Node, Sequence[Row]]) -> Row | None:
    """When something comes in along a strand of a part of a loop: a row that is not negative from then on, and counts the steps; None if that is not known."""
    part, core = part_of(node), loop.core
    if part.kind not in ("states", "tap"):
        return None
    row = came_in(loop, strands(node).axes[axis], found)
    if row is None:
        return None
    weight, number = row
    # The states after a step are a row further on, but backward.
    return {labels[0]: -1 if core.reverse else 1, labels[axis]: weight}, number - int(part.kind == "states" and not core.reverse)


def came_in(loop: Loop, places: Places, found: Mapping[Node, Sequence[Row]]) -> tuple[Size, Size] | None:
    """When something comes in along a strand of a loop: way * step + weight * strand + number, the way being 1 or, in reverse, -1, counts the steps since.

    This is the weight and the number, where they are known.
    """
    core = loop.core
    way = -1 if core.reverse else 1
    if any(slot in places and number_of(use.node) != 0 for slot, use in zip(core.fixed, loop.fixed)):
        return None
    strand = Label(0)
    given = []
    for slot, axes, use in zip(core.elements, loop.element_axes, loop.sequences):
        if slot in places and number_of(use.node) != 0:
            given.append([({loop.step: way, strand: v}, c) for v, c in _second(rows_at(found, use), {loop.step: way}, axes[places[slot]])])
    # What a loop begins with has come in before its first step.
    before = way * (core.length if core.reverse else -1)
    for carry, axes, use in zip(core.carries, loop.carry_axes, loop.inits):
        if number_of(use.node) != 0:
            given.append([({loop.step: way, strand: v}, c - before) for v, c in _second(rows_at(found, use), {}, axes[places[carry]])])
    rows = _common(given)
    if not rows:
        return None
    coefficients, constant = rows[0]
    return coefficients[strand], constant


def _second(rows: Iterable[Row], first: Mapping[Label, Size], label: Label) -> list[tuple[Size, Size]]:
    """The coefficients of a label, and the numbers, of rows that besides have one that is given, or none."""
    return [(row[label], constant) for row, constant in rows if label in row and {other: c for other, c in row.items() if other is not label} == first]

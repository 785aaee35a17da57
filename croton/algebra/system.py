"""The relations of one product in normal form.

A step takes the factors of a product that holds relations and returns simpler ones of the same value, or None where there is nothing to do.
Labels that a step eliminates leave `sums`.

    equal labels     [a == b] with a or b summed renames; between outputs it stays, and the data is read at one of the two
    two selects      [v == x][w == x] = [v == x][v == w],  [v == x][v == y] = [v == x][x == y],  sum over v of [v == x] = 1
    an affine index  [v == 2 b + 1] is affine, where its range is proved
    affine rows      sparser differences, mixed radix, labels that only relations mention: `reduce_system.py`
"""

from __future__ import annotations

from collections.abc import Callable

from croton.algebra.affine_index import affine_of
from croton.algebra.mapping import map_
from croton.algebra.node import Label, Node, Use
from croton.algebra.operand import relabel
from croton.algebra.reduce_system import reduce_system
from croton.algebra.relation import Row, affine, at_least_zero, delta, is_delta, row_of
from croton.algebra.rows import in_range
from croton.algebra.rows import renamed as renamed_row
from croton.dtypes import bool_

Factors = dict[tuple[Node, tuple[Label, ...]], int]
Product = list[tuple[Use, int]]

FALSE = "false"


class System:
    """The factors of one product, sorted by what they are."""

    __slots__ = ("data", "deltas", "out", "ranges", "rows", "selects", "sums")

    def __init__(self, merged: Factors, out: set[Label], sums: set[Label]) -> None:
        self.out = out
        self.sums = sums
        self.data: Product = []
        self.deltas: list[tuple[Label, Label]] = []
        self.rows: list[Row] = []
        self.ranges: list[Row] = []
        self.selects: list[Use] = []
        for key, exponent in merged.items():
            node, labels = key
            kind = node.kind
            if kind == "affine":
                if is_delta(node):
                    self.deltas.append((labels[0], labels[1]))
                else:
                    self.rows.append(row_of(Use(node, labels)))
            elif kind == "range":
                self.ranges.append(row_of(Use(node, labels)))
            elif kind == "select":
                self.selects.append(Use(node, labels))
            else:
                self.data.append((Use(node, labels), exponent))

    def factors(self) -> Product:
        """All factors again."""
        product = list(self.data)
        product += [(delta(a, b), 1) for a, b in self.deltas]
        product += [(affine(*row), 1) for row in self.rows]
        product += [(at_least_zero(*row), 1) for row in self.ranges]
        product += [(use, 1) for use in self.selects]
        return product

    def simplify(self) -> Product | str | None:
        """One step; None where the system is in normal form, FALSE where no labels satisfy it."""
        for step in _STEPS:
            if step(self):
                return FALSE if self.rows is _NEVER else self.factors()
        return None


_NEVER: list[Row] = []


def _equal_labels(system: System) -> bool:
    """Rename what is equal; equal outputs form stars around the label that the data is read at."""
    if not system.deltas:
        return False
    out, sums = system.out, system.sums
    parent: dict[Label, Label] = {}

    def find(label: Label) -> Label:
        while label in parent:
            label = parent[label]
        return label

    stars: list[tuple[Label, Label]] = []
    changed = False
    for first, second in system.deltas:
        a, b = find(first), find(second)
        if a is b:
            changed = True
            continue
        if b in out:
            if a in out:
                stars.append((a, b))
                parent[b] = a
                changed = changed or a is not first or b is not second
                continue
            a, b = b, a
        parent[b] = a
        sums.discard(b)
        changed = True
    renamed = {label: find(label) for label in parent}
    if not changed and not _mentions(system, renamed):
        return False
    system.deltas = stars
    system.data = [(relabel(use, renamed), exponent) for use, exponent in system.data]
    system.selects = [relabel(use, renamed) for use in system.selects]
    system.rows = [renamed_row(row, renamed) for row in system.rows]
    system.ranges = [renamed_row(row, renamed) for row in system.ranges]
    return True


def _mentions(system: System, labels: dict[Label, Label]) -> bool:
    return (
        any(label in labels for use, _ in system.data for label in use.labels)
        or any(label in labels for use in system.selects for label in use.labels)
        or any(label in labels for row in system.rows for label in row[0])
        or any(label in labels for row in system.ranges for label in row[0])
    )


def _affine_indices(system: System) -> bool:
    """A select by an affine function of labels is a row where every value is in range: a select is checked, a row reads 0 outside."""
    kept = []
    for use in system.selects:
        index = index_of(use)
        row = affine_of(index)
        target = use.labels[0]
        if row is not None and in_range(row, target.size, {label: label.size for label in row[0]}):
            coefficients = {label: -c for label, c in row[0].items()}
            coefficients[target] = coefficients.get(target, 0) + 1
            system.rows.append((coefficients, -row[1]))
        else:
            kept.append(use)
    if len(kept) == len(system.selects):
        return False
    system.selects = kept
    return True


def index_of(use: Use) -> Use:
    """The index array of a select, read at the labels of the select."""
    node, labels = use
    child, positions = node.args[0]
    return Use(child, tuple([labels[i] for i in positions]))


def _same_index(system: System) -> bool:
    """[v == x][w == x] = [v == x][v == w]."""
    if len(system.selects) < 2:
        return False
    seen: dict[tuple, Label] = {}
    kept = []
    for use in system.selects:
        key = (use.node.args[0][0], use.labels[1:], use.labels[0].size)
        if key in seen:
            system.deltas.append((seen[key], use.labels[0]))
        else:
            seen[key] = use.labels[0]
            kept.append(use)
    if len(kept) == len(system.selects):
        return False
    system.selects = kept
    return True


def _same_target(system: System) -> bool:
    """[v == x][v == y] = [v == x][x == y]; and where v is summed and nothing else mentions it, [v == x] sums to 1."""
    if not system.selects:
        return False
    groups: dict[Label, list[Use]] = {}
    for use in system.selects:
        groups.setdefault(use.labels[0], []).append(use)
    lonely = [target for target in groups if target in system.sums and not _needed(system, target)]
    if not lonely and len(groups) == len(system.selects):
        return False
    kept = []
    for target, group in groups.items():
        group.sort(key=lambda use: use.node.id)
        for other in group[1:]:
            system.data.append((map_("eq", [index_of(group[0]), index_of(other)], bool_), 1))
        if target in lonely:
            system.sums.discard(target)
        else:
            kept.append(group[0])
    system.selects = kept
    return True


def _needed(system: System, target: Label) -> bool:
    """Whether anything but being selected mentions a label."""
    return (
        any(target in use.labels for use, _ in system.data)
        or any(target in use.labels[1:] for use in system.selects)
        or any(target in row[0] for row in system.rows)
        or any(target in row[0] for row in system.ranges)
        or any(target in pair for pair in system.deltas)
    )


def _linear(system: System) -> bool:
    """The affine rows and ranges in normal form."""
    if not system.rows and not system.ranges:
        return False
    used = {label for use, _ in system.data for label in use.labels}
    used.update(label for use in system.selects for label in use.labels)
    sizes = {label: label.size for row in (*system.rows, *system.ranges) for label in row[0]}
    reduced = reduce_system(system.rows, system.ranges, used, system.out, sizes)
    if reduced is None:
        return False
    if reduced.empty:
        system.rows = _NEVER
        return True
    system.rows, system.ranges = reduced.rows, reduced.ranges
    system.deltas += reduced.equal
    system.sums.difference_update(reduced.gone)
    return True


_STEPS: list[Callable[[System], bool]] = [_equal_labels, _affine_indices, _same_index, _same_target, _linear]

__all__ = ["FALSE", "System", "index_of"]

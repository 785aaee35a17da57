"""The relations between its labels that a value is under, as in [i == j] x[i]: the value is zero wherever one of them does not hold.

What keeps zero at zero, a sum of values under the same relations or a function that is 0 at 0, is made of what is left without them and put
under them again, so that structure survives it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from croton.algebra.contract import is_read, normalise
from croton.algebra.node import ONE, RELATIONS, Label, Node, Use
from croton.algebra.relation import row_of
from croton.algebra.seal import is_delta
from croton.dtypes import DType

Pattern = frozenset[Any]
"""Relations, whatever they were written with: sets of labels that are equal, and what says which others there are."""

NOTHING: Pattern = frozenset()


def pattern_of(use: Use) -> Pattern:
    """The relations between its labels that a value is under; none for a sum that is no read."""
    node, labels = use
    if node.kind not in RELATIONS and not (node.kind == "contract" and node.args and node.args[-1][0].kind in RELATIONS and is_read(node)):
        return NOTHING
    relations, _, _ = _split(node, labels)
    pattern: set = {frozenset(names) for names in _classes(relations)}
    pattern.update(_key(relation) for relation in relations if not is_delta(relation.node))
    return frozenset(pattern)


def apart(uses: Sequence[Use], pattern: Pattern, dtype: DType | None = None) -> tuple[list[Use], list[Use]]:
    """The relations of a pattern that all of some values are under, and what is left of each value without them; in a dtype, or each in its own."""
    # Equal labels get one representative, so that what is left meets.
    representative: dict[Label, Label] = {}
    shared: list[Use] = []
    cores: list[Use] = []
    for node, labels in uses:
        relations, rest, sums = _split(node, labels)
        classes = [names for names in _classes(relations) if frozenset(names) in pattern]
        under = [use for use in relations if (any(use.labels[0] in names for names in classes) if is_delta(use.node) else _key(use) in pattern)]
        if not cores:
            shared = under
            for names in classes:
                first = next(label for label in labels if label in names)
                representative.update(dict.fromkeys(names, first))
        rest += [(use, 1) for use in relations if use not in under]
        rest = [(Use(use.node, tuple([representative.get(label, label) for label in use.labels])), exponent) for use, exponent in rest]
        coef = ONE if node.kind in RELATIONS else node.param
        cores.append(normalise({label for use, _ in rest for label in use.labels} - sums, rest, coef, sums, dtype or node.dtype))
    return shared, cores


def placed_under(relations: Sequence[Use], core: Use) -> Use:
    """A value under relations."""
    out = {label for use in relations for label in use.labels}.union(core.labels)
    return normalise(out, [(core, 1), *[(use, 1) for use in relations]], ONE, set(), core.node.dtype)


def _split(node: Node, labels: tuple[Label, ...]) -> tuple[list[Use], list[tuple[Use, int]], set[Label]]:
    """The relations between labels of a value, its other factors, and what these are summed over."""
    if node.kind in RELATIONS:
        return [Use(node, labels)], [], set()
    sums = tuple([Label(size) for size in node.sums])
    every = labels + sums
    factors = [(Use(child, tuple([every[i] for i in positions])), exponent) for child, positions, exponent in node.args]
    relations = [use for use, _ in factors if _is_outside(use, sums)]
    return relations, [factor for factor in factors if not _is_outside(factor[0], sums)], set(sums)


def _is_outside(use: Use, sums: tuple[Label, ...]) -> bool:
    return use.node.kind in RELATIONS and not any(label in sums for label in use.labels)


def _classes(relations: Sequence[Use]) -> list[set[Label]]:
    """Labels that deltas make equal."""
    classes: list[set[Label]] = []
    for use in relations:
        if is_delta(use.node):
            meeting = [labels for labels in classes if not labels.isdisjoint(use.labels)]
            classes = [labels for labels in classes if labels not in meeting]
            classes.append(set(use.labels).union(*meeting))
    return classes


def _key(relation: Use) -> tuple:
    if relation.node.kind == "select":
        return relation
    coefficients, constant = row_of(relation)
    return (relation.node.kind, frozenset(coefficients.items()), constant)

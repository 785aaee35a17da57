"""Products that are read in windows, made values of their own.

    sum over o, k of a[o] b[o // 2] w[k] [o + k == n]

The constructors flatten products, so that such a sum has the factors a and b and computes their product for every window that an element is in. Here
what has the place o becomes a value that nothing looks through, computed once for each place: the derivative of what follows a convolution is one, which
the gradients by its input, by its kernel and by its bias all read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from croton.algebra.contract import contract, is_read
from croton.algebra.cost import extent
from croton.algebra.node import RELATIONS, Label, Node, Use, walk
from croton.algebra.pointwise import scalar
from croton.algebra.rebuild import rebuild
from croton.algebra.relation import row_of
from croton.algebra.rows import is_unit, radix

OFTEN = 3
"""Windows that an element is in from which on it is worth computing first."""

MOST_FACTORS = 16
"""Sums of more factors are left alone."""


class Part(NamedTuple):
    """Factors of a sum by their positions, among them relations; the labels that others mention too, and those that are summed among them."""

    factors: frozenset[int]
    kept: frozenset[Label]
    local: frozenset[Label]


def compute_before_windows(uses: Sequence[Use]) -> list[Use]:
    """The same values, with products that are read in windows as values of their own."""
    if not any(_may_have_windows(node) for node in walk([use.node for use in uses])):
        return list(uses)
    made: set[Node] = set()

    def shared(node: Node, labels: tuple[Label, ...], arguments: list[Use]) -> Use | None:
        return None if not _may_have_windows(node) else _with_parts(node, labels, arguments, None, made)

    def reused(node: Node, labels: tuple[Label, ...], arguments: list[Use]) -> Use | None:
        return None if not _may_share(node) else _with_parts(node, labels, arguments, made, made)

    found = rebuild(uses, shared)
    return rebuild(found, reused) if made else found


def _may_share(node: Node) -> bool:
    return node.kind == "contract" and bool(node.sums) and node.dtype.is_float and 2 < len(node.args) <= MOST_FACTORS and not is_read(node)


def _may_have_windows(node: Node) -> bool:
    return _may_share(node) and any(arg[0].kind == "affine" and len(arg[1]) > 2 for arg in node.args)


def _with_parts(node: Node, labels: tuple[Label, ...], arguments: list[Use], known: set[Node] | None, made: set[Node]) -> Use | None:
    """A sum with its parts as values of their own: those that windows read or, if some are given, those that are among them."""
    factors = [(use, arg[2]) for use, arg in zip(arguments, node.args)]
    if any(use.node.kind == "select" for use, _ in factors):
        return None
    axes, sums = labels[: len(node.dims)], set(labels[len(node.dims) :])
    taken: set[int] = set()
    values: list[tuple[Use, int]] = []
    for part in _parts(factors, set(axes), sums, known is not None):
        inside = [factors[place] for place in sorted(part.factors)]
        value = contract(part.kept, inside, 1, part.local, node.dtype)
        if value.node.kind != "contract" or not is_read(value.node):
            continue
        value = scalar("identity", value)
        if known is None:
            made.add(value.node)
        elif value.node not in known:
            continue
        taken |= part.factors
        sums -= part.local
        values.append((value, 1))
    if not values:
        return None
    rest = [factor for place, factor in enumerate(factors) if place not in taken]
    return contract(axes, [*rest, *values], node.param, sums, node.dtype)


def _parts(factors: Sequence[tuple[Use, int]], axes: set[Label], sums: set[Label], anywhere: bool) -> list[Part]:
    """The parts of a sum that windows read, or if they may be `anywhere` those that might be read so elsewhere."""
    relations = [place for place, (use, _) in enumerate(factors) if use.node.kind in RELATIONS]
    data = [place for place in range(len(factors)) if place not in set(relations)]
    groups = _at_one_place(factors, data, relations)
    parts = []
    for group in groups:
        if len(group) < 2 or (len(group) == len(data) and not anywhere) or not any(factors[place][0].dtype.is_float for place in group):
            continue
        mine = {label for place in group for label in factors[place][0].labels}
        inside = [place for place in relations if mine.issuperset(factors[place][0].labels)]
        factored = {*group, *inside}
        outside = {label for place, (use, _) in enumerate(factors) if place not in factored for label in use.labels}
        walks = [factors[place][0] for place in relations if place not in factored and not mine.isdisjoint(factors[place][0].labels)]
        if anywhere:
            local = {digit for place in inside for digit in _digits(factors[place][0])} & sums - outside
        else:
            if _overlap(walks, mine) < OFTEN:
                continue
            local = (mine & sums) - outside
        parts.append(Part(frozenset(factored), frozenset(mine - local), frozenset(local)))
    return parts


def _at_one_place(factors: Sequence[tuple[Use, int]], data: Sequence[int], relations: Sequence[int]) -> list[list[int]]:
    """The factors that are not relations in groups: those that are read at one place, or at digits of it."""
    group = {place: place for place in data}
    related = {label for place in relations for label in factors[place][0].labels}
    ties = [{label} for label in related]
    ties += [set(factors[place][0].labels) for place in relations if _digits(factors[place][0])]
    for tie in ties:
        tied = {group[place] for place in data if not tie.isdisjoint(factors[place][0].labels)}
        if len(tied) > 1:
            group = {place: min(tied) if root in tied else root for place, root in group.items()}
    found: dict[int, list[int]] = {}
    for place, root in group.items():
        found.setdefault(root, []).append(place)
    return list(found.values())


def _digits(relation: Use) -> list[Label]:
    """The labels that a relation says are the digits of another one; none where it says something else."""
    if relation.node.kind != "affine" or len(set(relation.labels)) < max(2, len(relation.labels)):
        return []
    coefficients, _ = row_of(relation)
    for label, coefficient in coefficients.items():
        others = {other: c for other, c in coefficients.items() if other is not label}
        if is_unit(coefficient) and radix(others, others, {other: other.size for other in others}) is not None:
            return list(others)
    return []


def _overlap(walks: Sequence[Use], mine: set[Label]) -> int:
    """About how many windows an element is in."""
    count = 1
    for relation in walks:
        if relation.node.kind == "affine":
            count *= min([extent(label.size) for label in relation.labels if label not in mine], default=1)
    return count

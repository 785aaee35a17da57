"""Factors of a sum that are read at something: a slice or an index says which of their elements take part.

What only one factor of a product mentions is summed before the product is. A factor that relations read is summed for what they read and not for all there is:
the squares of twenty rows of a table are twenty sums, however long the table is. Whether the sums of all rows cost less, because rows are read many times,
is left to the optimiser, which knows sizes.
"""

from __future__ import annotations

from croton.algebra.node import RELATIONS, Label, Node, Use
from croton.algebra.relation import row_of
from croton.algebra.rows import is_unit
from croton.sizes import nonnegative

Factors = dict[tuple[Node, tuple[Label, ...]], int]
"""The factors of a product, each with its power."""

Reads = dict[tuple, dict[Label, tuple]]
"""Factors, the labels that each is read with, and the relation that says at what."""


def read_at(merged: Factors, private: dict[tuple, list[Label]], sums: set[Label]) -> Reads:
    """The factors that mention something alone and are read at something: the labels they are read with, and the relation that says at what.

    A slice or an index gives such a summed label one value for each value of its other labels, and no more of these than there are.
    """
    mentions: dict[Label, int] = {}
    for node, labels in merged:
        if node.kind in ("affine", "select"):
            for label in labels:
                mentions[label] = mentions.get(label, 0) + 1
    found: Reads = {}
    for relation in merged:
        # Of several relations of one label, or several factors at one relation, each may be what is best read.
        readers = [key for key in private if not set(key[1]).isdisjoint(relation[1])]
        read = [label for label in _solvable(relation) if label in sums and mentions[label] == 1 and any(label in key[1] for key in readers)]
        if len(readers) == 1 and len(read) == 1:
            found.setdefault(readers[0], {})[read[0]] = relation
    return found


def _solvable(relation: tuple[Node, tuple[Label, ...]]) -> list[Label]:
    """The labels that a relation gives a value for each value of its others, of which there are no more."""
    node, labels = relation
    if node.kind == "select":
        return [] if labels[0] in labels[1:] else [labels[0]]
    if node.kind != "affine" or len(labels) > 2:
        return []
    coefficients, _ = row_of(Use(*relation))
    return [label for label in coefficients if is_unit(coefficients[label]) and not any(_is_longer(other, label) for other in coefficients)]


def _is_longer(label: Label, other: Label) -> bool:
    return label.size != other.size and nonnegative(label.size - other.size)


def is_one_read(merged: Factors, private: dict[tuple, list[Label]], reads: Reads) -> bool:
    """Whether a sum is over what relations let through of one factor, with no other factor that has more axes: one sum, over no more than is read."""
    if len(private) != 1:
        return False
    (factor,) = private
    mine = reads.get(factor, {}).values()
    bounds = [key for key in merged if key[0].kind == "range" and len(key[1]) == 1 and key[1][0] in factor[1]]
    others = [key for key in merged if key != factor and key not in mine and key not in bounds]
    if any(key[0].kind in RELATIONS or not set(factor[1]).issuperset(key[1]) for key in others):
        return False
    return not others if mine else bool(bounds)

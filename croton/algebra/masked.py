"""Which factors of a masked sum stay under its mask: where(c, x / n, 0).sum() is 0 where no c is True, whatever n is.

A factor that has none of the summed labels would be multiplied once, after the sum, and 0 / 0 is not 0. That is how the mean over a mask is written of
which a row may be empty. So a reciprocal stays with the mask, unless what is divided by is known not to be 0.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from croton.algebra.constant import number_of
from croton.algebra.node import RELATIONS, Node
from croton.algebra.sign import ITSELF, MOST_DEPTH, positive

Place = Any
Factor = tuple[Node, Collection[Place], int]
"""A node, the labels that it is read at, and its power."""


def held_by(factors: Sequence[Factor], summed: Collection[Place]) -> dict[int, int]:
    """For the positions of reciprocals that stay inside of the sum that of a guard of what is summed."""
    guards = [
        (number, {label for label in labels if label in summed})
        for number, (node, labels, _) in enumerate(factors)
        if node.dtype.is_bool and node.kind not in RELATIONS
    ]
    guards = [guard for guard in guards if guard[1]]
    found: dict[int, int] = {}
    for number, (node, labels, power) in enumerate(factors if guards else ()):
        if power < 0 and not _is_never_zero(node):
            guard = next((place for place, among in guards if not among.issubset(labels)), None)
            if guard is not None:
                found[number] = guard
    return found


def _is_never_zero(node: Node) -> bool:
    """Whether what is divided by is positive, or the sum of values that are: of nothing it is 0, but then there is nothing to be divided by it.

    Nor is a sum with a positive number in it, as in var + 1e-5, taken to be 0: who adds one sees to that.
    """
    for _ in range(MOST_DEPTH):
        is_root = node.kind == "map" and (node.param == "sqrt" or node.param in ITSELF)
        is_sum = node.kind == "contract" and bool(node.sums) and len(node.args) == 1 and node.param.number > 0
        if not (is_root or is_sum):
            break
        node = node.args[0][0]
    return positive(node) or (node.kind == "add" and any((number_of(child) or 0) * coef.number > 0 for child, _, coef in node.args))

"""Sums that contain other sums: a + b + c where a + b is wanted too is (a + b) + c.

The algebra opens up sums in sums, so that equal sums are one node. A chain of them, as what passes by the layers of a residual network, would be
added up from its beginning in each layer, by a kernel of its own for each.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from croton.algebra.coefficient import multiply
from croton.algebra.node import Coef, Node

Argument = tuple[Node, tuple[int, ...], Coef]
"""A term of a sum: its node, the axes of the sum for those of the node, and its coefficient."""

LEAST_WIDE = 3
"""Sums of so many arrays of their own rank are read by others."""

MOST_KNOWN = 4
"""So many sums with the same latest term are looked at, so that the pass stays linear."""


def shared_sums(order: Sequence[Node], but: Collection[Node]) -> dict[Node, tuple[Argument, ...]]:
    """The arguments of sums that contain other sums of a graph, given in topological order, with those in place of their terms; none for nodes in `but`."""
    place = {node: number for number, node in enumerate(order)}
    known: dict[Node, list[Node]] = {}
    found: dict[Node, tuple[Argument, ...]] = {}
    for node in order:
        if node.kind != "add":
            continue
        if len(node.args) > 2 and node not in but:
            arguments = _with_sums(node.args, known)
            if len(arguments) < len(node.args):
                found[node] = arguments
        # To write a sum and to read it takes no longer than to read two arrays again, and less than to read three.
        if sum(len(labels) == len(node.dims) for _, labels, _ in node.args) >= LEAST_WIDE:
            latest = max([child for child, _, _ in node.args], key=place.__getitem__)
            sums = known.setdefault(latest, [])
            sums.append(node)
            del sums[:-MOST_KNOWN]
    return found


def _with_sums(arguments: tuple[Argument, ...], known: dict[Node, list[Node]]) -> tuple[Argument, ...]:
    """Terms with known sums of some of them in their place, the longest first."""
    candidates = dict.fromkeys([part for child, _, _ in arguments for part in known.get(child, ())])
    for part in sorted(candidates, key=lambda part: -len(part.args)):
        if len(part.args) >= len(arguments):
            continue
        match = _match(part, arguments)
        if match is not None:
            labels, sign, used = match
            arguments = (*[argument for number, argument in enumerate(arguments) if number not in used], (part, labels, Coef(sign)))
    return arguments


def _match(part: Node, arguments: tuple[Argument, ...]) -> tuple[tuple[int, ...], int, set[int]] | None:
    """How a sum is some of the terms: their axes for its axes, its sign, and which they are."""
    axes: dict[int, int] = {}
    signs = {1, -1}
    used: set[int] = set()
    for child, positions, coef in part.args:
        for number, (other, labels, factor) in enumerate(arguments):
            if other is not child or number in used or any(axes.get(axis, label) != label for axis, label in zip(positions, labels)):
                continue
            same = {sign for sign in signs if multiply(coef, Coef(sign)) == factor}
            if same:
                axes.update(zip(positions, labels))
                signs = same
                used.add(number)
                break
        else:
            return None
    if len(set(axes.values())) < len(axes):
        return None
    return tuple([axes[axis] for axis in range(len(part.dims))]), max(signs), used

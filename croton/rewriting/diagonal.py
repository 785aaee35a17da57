"""Diagonals of what nobody needs whole: read further down, so that the rest is never computed.

The constructors keep a diagonal of a sum as a read of that sum, since others may want all of it. Once a graph is complete it is known who does. A product
that sums what it reads, such as `H @ v`, may be opened up and then needs nothing whole, unless somebody else keeps it: a diagonal beside it does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from croton.algebra.add import add
from croton.algebra.contract import contract
from croton.algebra.cost import extent
from croton.algebra.node import Label, Node, Use, walk
from croton.algebra.pointwise import scalar
from croton.algebra.rebuild import construct, rebuild

MOST_DEPTH = 8

LEAST_SAVED = 16
"""Beside a product of all, a diagonal is read further down if it has so many times fewer elements: if all is computed nevertheless, little is lost."""


def sink_diagonals(uses: Sequence[Use]) -> list[Use]:
    """The same values, with diagonals of products, sums and functions as products, sums and functions of diagonals where that computes less."""
    read, kept = _readings(uses)
    read = {node for node in read if _worthwhile(node)} - kept
    if not read:
        return list(uses)

    def visit(node: Node, labels: tuple[Label, ...], found: list[Use]) -> Use | None:
        # A factor that is a diagonal may be opened by the optimiser, which sees more choices; a power of one it leaves as it is.
        sinks = [arg[0] in read and (node.kind != "contract" or arg[2] != 1) for arg in node.args]
        if not any(sinks):
            return None
        return construct(node, labels, [_diagonal(use, MOST_DEPTH) if sink else use for use, sink in zip(found, sinks)])

    return [_diagonal(use, MOST_DEPTH) if old.node in read else use for old, use in zip(uses, rebuild(uses, visit))]


def _readings(uses: Sequence[Use]) -> tuple[set[Node], set[Node]]:
    """The values of which a diagonal is read, and those that are made whole anyway, or may be and whose diagonal is not much less."""
    read: set[Node] = set()
    large: set[Node] = set()
    opened: set[Node] = set()
    kept: set[Node] = set()

    def note(child: Node, positions: Sequence[object], may_open: bool) -> None:
        if len(set(positions)) == len(positions):
            (opened if may_open else kept).add(child)
            return
        read.add(child)
        repeated = [size for place, size in enumerate(child.dims) if positions[place] in positions[:place]]
        if math.prod(map(extent, repeated)) < LEAST_SAVED:
            large.add(child)

    for use in uses:
        note(use.node, use.labels, False)
    for node in reversed(list(walk([use.node for use in uses]))):
        passes_on = node.kind in ("add", "contract") and node not in kept
        for arg in node.args:
            sums = node.kind == "contract" and any(place >= len(node.dims) for place in arg[1])
            note(arg[0], arg[1], (passes_on or sums) and (node.kind == "add" or arg[2] in (1, 2)))
    return read, kept | (large & opened)


def _worthwhile(node: Node) -> bool:
    return node.kind in ("add", "map") or (node.kind == "contract" and bool(node.args))


def _diagonal(use: Use, depth: int) -> Use:
    """A value whose labels repeat, from the diagonals of what it is made of."""
    node, labels = use
    if depth == 0 or len(set(labels)) == len(labels) or not _worthwhile(node):
        return use
    every = (*labels, *[Label(size) for size in node.sums])
    below = [_diagonal(Use(arg[0], tuple([every[i] for i in arg[1]])), depth - 1) for arg in node.args]
    if node.kind == "add":
        return add([(inner, arg[2]) for inner, arg in zip(below, node.args)], node.dtype)
    if node.kind == "map":
        return scalar(node.param, *below, dtype=node.dtype if node.param == "cast" else None)
    factors = [(inner, arg[2]) for inner, arg in zip(below, node.args)]
    return contract(set(labels), factors, node.param, every[len(labels) :], node.dtype)

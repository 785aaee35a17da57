"""Diagonals of what nobody needs whole: read further down, so that the rest is never computed.

The constructors keep a diagonal of a sum as a read of that sum, since others may want all of it. Once a graph is complete it is known who does.
"""

from __future__ import annotations

from collections.abc import Sequence

from croton.algebra.add import add
from croton.algebra.contract import contract
from croton.algebra.node import Label, Node, Use, walk
from croton.algebra.pointwise import scalar
from croton.algebra.rebuild import construct, rebuild

MOST_DEPTH = 8


def sink_diagonals(uses: Sequence[Use]) -> list[Use]:
    """The same values, with diagonals of products, sums and functions as products, sums and functions of diagonals where that computes less."""
    order = list(walk([use.node for use in uses]))
    read: set[Node] = set()
    whole: set[Node] = set()
    for node in order:
        for arg in node.args:
            (read if len(set(arg[1])) < len(arg[1]) else whole).add(arg[0])
    for use in uses:
        (read if len(set(use.labels)) < len(use.labels) else whole).add(use.node)
    read -= whole
    if not any(_worthwhile(node) for node in read):
        return list(uses)

    def visit(node: Node, labels: tuple[Label, ...], found: list[Use]) -> Use | None:
        # A product of a diagonal may be opened by the optimiser, which sees more choices.
        if node.kind == "contract" or not any(arg[0] in read and _worthwhile(arg[0]) for arg in node.args):
            return None
        return construct(node, labels, [_diagonal(use, MOST_DEPTH) for use in found])

    return [_diagonal(use, MOST_DEPTH) if old.node in read else use for old, use in zip(uses, rebuild(uses, visit))]


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

"""Diagonals of what nobody needs whole: read further down, so that the rest is never computed.

The constructors keep a diagonal of a sum as a read of that sum, since others may want all of it. Once a graph is complete it is known who does. A product
that sums what it reads, such as `H @ v`, may be opened up and then needs nothing whole, unless somebody else keeps it: a diagonal beside it does not.
"""

from __future__ import annotations

from collections.abc import Sequence

from croton.algebra.add import add
from croton.algebra.contract import contract
from croton.algebra.node import Label, Node, Use, walk
from croton.algebra.plan import cost
from croton.algebra.pointwise import scalar
from croton.algebra.rebuild import construct, rebuild

MOST_DEPTH = 8

LEAST_SAVED = 4.0
"""Beside a product of all, a diagonal is read further down if all costs so many times more: if all is computed nevertheless, little is lost."""

Places = tuple[object, ...]
"""What the axes of a value are read at: labels, or their positions. Where two are the same, a diagonal is read."""


def sink_diagonals(uses: Sequence[Use]) -> list[Use]:
    """The same values, with diagonals of products, sums and functions as products, sums and functions of diagonals where that computes less."""
    diagonals, opened, kept = _readings(uses)
    read = {node for node in diagonals if _worthwhile(node)} - kept
    read -= {node for node in read & opened if not all(_is_small(_at(node, places), MOST_DEPTH) for places in diagonals[node])}
    if not read:
        return list(uses)

    def visit(node: Node, labels: tuple[Label, ...], found: list[Use]) -> Use | None:
        # A factor that is a diagonal may be opened by the optimiser, which sees more choices; a power of one it leaves as it is.
        sinks = [arg[0] in read and (node.kind != "contract" or arg[2] != 1) for arg in node.args]
        if not any(sinks):
            return None
        return construct(node, labels, [_diagonal(use, MOST_DEPTH) if sink else use for use, sink in zip(found, sinks)])

    return [_diagonal(use, MOST_DEPTH) if old.node in read else use for old, use in zip(uses, rebuild(uses, visit))]


def _readings(uses: Sequence[Use]) -> tuple[dict[Node, set[Places]], set[Node], set[Node]]:
    """The diagonals that are read of each value; the values that may be needed whole, by products that may be opened up; and those that are."""
    diagonals: dict[Node, set[Places]] = {}
    opened: set[Node] = set()
    kept: set[Node] = set()

    def note(child: Node, places: Places, may_open: bool) -> None:
        if len(set(places)) < len(places):
            diagonals.setdefault(child, set()).add(places)
        else:
            (opened if may_open else kept).add(child)

    for use in uses:
        note(use.node, use.labels, False)
    for node in reversed(list(walk([use.node for use in uses]))):
        passes_on = node.kind in ("add", "contract") and node not in kept
        for arg in node.args:
            sums = node.kind == "contract" and any(place >= len(node.dims) for place in arg[1])
            note(arg[0], arg[1], (passes_on or sums) and (node.kind == "add" or arg[2] in (1, 2)))
    return diagonals, opened, kept


def _at(node: Node, places: Places) -> Use:
    """The diagonal of a value that these places say."""
    labels = {place: Label(size) for place, size in zip(places, node.dims)}
    return Use(node, tuple([labels[place] for place in places]))


def _is_small(diagonal: Use, depth: int) -> bool:
    """Whether a diagonal costs much less than all of the value, each of the sums that it is made of too."""
    node, labels = diagonal
    if len(set(labels)) == len(labels) or not _worthwhile(node) or depth == 0:
        return True
    every = (*labels, *[Label(size) for size in node.sums])
    below = [Use(arg[0], tuple([every[i] for i in arg[1]])) for arg in node.args]
    if node.kind != "contract":
        return all(_is_small(use, depth - 1) for use in below)
    factors = [(use, arg[2]) for use, arg in zip(below, node.args)]
    return cost(node) >= LEAST_SAVED * cost(contract(set(labels), factors, node.param, every[len(labels) :], node.dtype).node)


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

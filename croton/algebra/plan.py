"""How a product is computed, and what every node costs.

A plan is an order of pairwise contractions. Equal structures share one plan.
"""

from __future__ import annotations

from typing import NamedTuple

from croton.algebra.cost import Order, Tree, elements, extent, search
from croton.algebra.loop import Core
from croton.algebra.node import RELATIONS, Node, walk
from croton.algebra.rows import Row, is_unit
from croton.algebra.scalar import FUNCTIONS
from croton.algebra.solve import Solved, has_relations, solve
from croton.sizes import Size

FUNCTION_COST = {"cheap": 1.0, "moderate": 4.0, "transcendental": 10.0}
MOST_KNOWN = 8192

LIKELY_STEPS = 64
"""Steps of a loop that ends when a condition says so."""


class Prefix(NamedTuple):
    """A running sum: value[t] is the sum of core[s] over s <= t + offset, or with `reverse` over s >= t - offset.

    `argument` is the position of the range, `summed` and `along` are the labels s and t; the core is the product of the other factors.
    """

    argument: int
    summed: int
    along: int
    reverse: bool
    offset: Size


class Plan(NamedTuple):
    """A plan of a Contract.

    tree     positions of factors in the node's arguments, paired; of `solved.terms` where there is a `solved`; None without factors
    flops    operations of the pairwise steps and powers
    time     the cost, in fused operations
    largest  elements of the largest intermediate value
    solved   the loop nest, for a product with relations
    prefix   set where the node is a running sum, which takes one pass
    """

    tree: Tree | None
    flops: int
    time: float
    largest: int
    solved: Solved | None = None
    prefix: Prefix | None = None


def plan(node: Node) -> Plan:
    """The cheapest order found for a Contract, at the hinted sizes."""
    sizes = node.dims + node.sums
    extents = tuple([extent(size) for size in sizes])
    memo = node.memo
    if memo is None:
        memo = node.memo = {}
    cached = memo.get("plan")
    if cached is not None and cached[0] == extents:
        return cached[1]
    if has_relations(node):
        found = _related(node)
    else:
        key = (len(node.dims), tuple([(arg[1], arg[2] != 1) for arg in node.args]), extents)
        known = _known.get(key)
        if known is None:
            known = _known[key] = _plain(node, extents)
            if len(_known) > MOST_KNOWN:
                _known.pop(next(iter(_known)))
        found = known
    memo["plan"] = (extents, found)
    return found


_known: dict[tuple, Plan] = {}


def _plain(node: Node, extents: tuple[int, ...]) -> Plan:
    terms = [frozenset(arg[1]) for arg in node.args]
    order = search(terms, frozenset(range(len(node.dims))), dict(enumerate(extents)))
    return _with_powers(node, order)


def _with_powers(node: Node, order: Order) -> Plan:
    flops, time = order.flops, order.time
    for child, _, power in node.args:
        if power != 1:
            count = elements(child.dims)
            flops += count
            time += count
    if len(node.args) < 2 and not node.sums:
        time += elements(node.dims)
    return Plan(order.tree, flops, time, order.largest)


def _related(node: Node) -> Plan:
    prefix = prefix_of(node)
    solved = solve(node)
    powers = sum([elements(child.dims) for child, _, power in node.args if power != 1])
    if prefix is not None:
        core = elements([size for label, size in enumerate(node.dims + node.sums) if label != prefix.along])
        time = len(node.args) * core + 2.0 * elements(node.dims)
        if time < solved.time:
            return Plan(solved.order.tree, int(time), time + powers, elements(node.dims), solved, prefix)
    return Plan(solved.order.tree, solved.order.flops + powers, solved.time + powers, solved.order.largest, solved)


def prefix_of(node: Node) -> Prefix | None:
    """Whether a product with one relation [t - s + c >= 0] is a running sum over s: the other factors read s and never t."""
    place = None
    for position, arg in enumerate(node.args):
        if arg[0].kind in RELATIONS:
            if place is not None or arg[0].kind != "range" or len(arg[1]) != 2:
                return None
            place = position
    if place is None or len(node.sums) != 1 or len(node.args) < 2:
        return None
    relation, labels, _ = node.args[place]
    row: Row = (dict(zip(labels, relation.param[0])), relation.param[1])
    summed = len(node.dims)
    if len(row[0]) != 2 or summed not in row[0]:
        return None
    (along,) = [label for label in labels if label != summed]
    weight, other = row[0][summed], row[0][along]
    if not is_unit(weight) or other != -weight:  # type: ignore[operator]
        return None
    for position, arg in enumerate(node.args):
        if position != place and along in arg[1]:
            return None
    return Prefix(place, summed, along, weight == 1, row[1])


def steps_of(core: Core) -> int:
    """How often a loop is likely to go round."""
    if core.seldom:
        return 0
    return extent(core.length) if core.stop is None else min(extent(core.length), LIKELY_STEPS)


def cost(node: Node) -> float:
    """What it takes to compute a node from its arguments, in fused operations."""
    kind = node.kind
    if kind == "contract":
        return plan(node).time if node.args else 0.0
    if kind == "map":
        return FUNCTION_COST[FUNCTIONS[node.param].cost] * elements(node.dims)
    if kind == "add":
        return float(len(node.args) * elements(node.dims))
    if kind in ("reduce", "arg", "cumulate", "call"):
        return 2.0 * elements(node.dims + node.sums)
    if kind == "loop":
        core = node.param[0]
        step = sum([cost(inner) for inner in walk([result for result, _ in core.results])])
        return steps_of(core) * step / max(1, len(core.results))
    return 0.0

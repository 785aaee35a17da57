"""Costs as functions of the sizes, and the proof that one is never more than another.

A price counts operations by class, because a matrix product runs its own faster than a loop does, and elements that are written and read again. What is
cheaper in each class at all sizes is cheaper whatever the sizes and the machine: nothing has to be guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from croton.algebra.cost import LEAST_PRODUCT, PRODUCT_RATE, WRITE, Tree, pairs_of
from croton.algebra.node import Node
from croton.algebra.plan import FUNCTION_COST, plan
from croton.algebra.scalar import FUNCTIONS
from croton.algebra.solve import has_relations
from croton.sizes import Size, Symbol, Weighted, never_more, product, value, weighted
from croton.sizes.weighted import combined


class Price(NamedTuple):
    """A cost as a function of the sizes.

    product  operations of matrix products
    fused    operations of loops
    moved    elements written and read again
    """

    product: Weighted
    fused: Weighted
    moved: Weighted

    def time(self) -> Weighted:
        """In fused operations."""
        return combined([(self.product, 1.0 / PRODUCT_RATE), (self.fused, 1.0), (self.moved, WRITE)])

    def at(self, sizes: Mapping[Symbol, int]) -> float:
        """The time at these sizes."""
        return value(self.time(), sizes)


def total(parts: Iterable[tuple[Price, float]]) -> Price:
    """The sum of weight * price."""
    found = list(parts)
    return Price(*[combined([(price[place], weight) for price, weight in found]) for place in range(3)])


def never_dearer(left: Price, right: Price, factor: float = 1.0) -> bool:
    """True if `left` is proved to cost at most `factor` times what `right` does, for all sizes of at least 1 and however much faster products are."""
    right = total([(right, factor)])
    if not never_more(left.moved, right.moved) or not never_more(left.fused, right.fused):
        return False
    # An operation of a product takes no longer than one of a loop.
    return never_more(combined([(left.product, 1.0), (left.fused, 1.0)]), combined([(right.product, 1.0), (right.fused, 1.0)]))


ALL_ORDERS: dict[int, tuple[Tree | None, ...]] = {0: (None,), 1: (0,), 2: ((0, 1),), 3: (((0, 1), 2), ((0, 2), 1), ((1, 2), 0))}
"""Every order of contracting a few factors, by their number."""


def price_of(node: Node) -> Price | None:
    """What it takes to compute a node from its arguments, in the order of its plan; None where that is not said in closed form."""
    if node.kind == "contract":
        return None if has_relations(node) else _product_price(node, plan(node).tree)
    return _loop_price(node)


def has_prices(node: Node) -> bool:
    """Whether `prices_of` says something of a node."""
    return node.kind != "loop" and not (node.kind == "contract" and (len(node.args) not in ALL_ORDERS or has_relations(node)))


def prices_of(node: Node) -> list[Price] | None:
    """What it may take to compute a node, in each order of its factors: one of them is the least at any sizes. None where that is not said."""
    if node.kind == "contract":
        orders = None if has_relations(node) else ALL_ORDERS.get(len(node.args))
        return None if orders is None else [_product_price(node, tree) for tree in orders]
    found = _loop_price(node)
    return None if found is None else [found]


def _loop_price(node: Node) -> Price | None:
    if node.kind == "map":
        operations, sizes = FUNCTION_COST[FUNCTIONS[node.param].cost], node.dims
    elif node.kind == "add":
        operations, sizes = float(len(node.args)), node.dims
    elif node.kind in ("reduce", "arg", "cumulate", "call"):
        operations, sizes = 2.0, node.dims + node.sums
    else:
        return None if node.kind == "loop" else Price({}, {}, {})
    return Price({}, weighted([(product(sizes), operations)]), {})


def _product_price(node: Node, tree: Tree | None) -> Price:
    """As `croton.algebra.cost` counts the steps of an order, with products at their full rate where no side is known to be small."""
    sizes = node.dims + node.sums
    out = frozenset(range(len(node.dims)))
    items = [frozenset(arg[1]) for arg in node.args]
    users: dict[int, int] = {}
    for labels in items:
        for label in labels:
            users[label] = users.get(label, 0) + 1
    products: list[tuple[Size, float]] = []
    fused: list[tuple[Size, float]] = []
    moved: list[tuple[Size, float]] = []

    def elements(labels: Iterable[int]) -> Size:
        return product([sizes[label] for label in labels])

    def step(union: frozenset[int], kept: frozenset[int], sides: tuple[frozenset[int], ...]) -> None:
        large = bool(sides) and all(not isinstance(side, int) or side >= LEAST_PRODUCT for side in map(elements, sides))
        (products if large else fused).append((elements(union), 2.0 if sides else 1.0))
        moved.append((elements(kept), 1.0))

    for place, labels in enumerate(items):
        kept = frozenset([label for label in labels if users[label] > 1 or label in out])
        if kept != labels:
            step(labels, kept, ())
            items[place] = kept
    for left, right in pairs_of(tree, len(items)):
        a, b = items[left], items[right]
        kept = frozenset([label for label in a | b if label in out or users[label] > (2 if label in a and label in b else 1)])
        summed = (a | b) - kept
        step(a | b, kept, (summed & a & b, (a - b) & kept, (b - a) & kept) if summed else ())
        for label in a & b:
            users[label] -= 1
        items.append(kept)
    fused += [(product(child.dims), 1.0) for child, _, power in node.args if power != 1]
    if len(node.args) < 2 and not node.sums:
        fused.append((product(node.dims), 1.0))
    return Price(weighted(products), weighted(fused), weighted(moved))

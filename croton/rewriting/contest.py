"""Choices that other sizes would turn.

The optimiser and the planner decide at likely values of the unknown sizes. A decision is left open if what was chosen takes more than `WORTH` times as
long as something that was rejected, at sizes that are as plausible. Most are closed: by a proof that holds at all sizes, or by trying a few. Equal
decisions about sizes of other names are looked at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from croton.algebra.cost import Tree, assuming, extent, follow, likely
from croton.algebra.loop import Core
from croton.algebra.node import RELATIONS, Node
from croton.algebra.plan import cost, plan, steps_of
from croton.algebra.solve import has_relations, signature
from croton.rewriting.price import Price, has_prices, never_dearer, price_of, prices_of, total
from croton.sizes import Poly, Size, Symbol, symbols

Regime = dict[Symbol, int]
"""Values of unknown sizes for which a program may be made; other symbols are as likely as ever."""

WORTH = 2.0
"""A decision is open, and a program of its own is worth having, where it saves more than this factor."""

FEW, MANY = 16, 64
"""An unknown size may be this much smaller or greater than it is likely to be."""

MOST_SYMBOLS = 8
"""So many unknown sizes of one decision are varied."""

Bill = list[tuple[Node, float]]
"""What a form costs: nodes, and the part of the cost of each that it bears."""


def amount(bill: Bill) -> float:
    """The cost of a bill, at the assumed sizes."""
    return sum([cost(node) * part for node, part in bill])


class Contest(NamedTuple):
    """A choice between forms of a value, in these loops. The first bill is the value as it was written; a form must save the factor that its gain says."""

    bills: tuple[Bill, ...]
    gains: tuple[float, ...]
    chosen: int
    loops: tuple[Core, ...] = ()

    def outcome(self) -> tuple[float, float]:
        """What the choice takes at the assumed sizes, and what the best one would."""
        prices = list(map(amount, self.bills))
        least = min([price for price, gain in zip(prices, self.gains) if gain == 1.0 or price * gain <= prices[0]])
        times = repeats(self.loops)
        return prices[self.chosen] * times, least * times

    def turns(self) -> bool:
        """Whether something saves more than `WORTH` at the assumed sizes."""
        known: dict[Node, float] = {}

        def within(bill: Bill, limit: float) -> float:
            """The cost of a bill, or as much of it as reaches the limit."""
            total = 0.0
            for node, part in bill:
                found = known.get(node)
                if found is None:
                    found = known[node] = cost(node)
                total += found * part
                if total >= limit:
                    break
            return total

        paid = within(self.bills[self.chosen], math.inf)
        first = within(self.bills[0], math.inf) if max(self.gains) > 1.0 else 0.0
        for number, bill in enumerate(self.bills):
            gain = self.gains[number]
            limit = paid / WORTH if gain == 1.0 else min(paid / WORTH, first / gain)
            if number != self.chosen and within(bill, limit) < limit:
                return True
        return False

    def sizes(self) -> Iterable[Size]:
        return [size for bill in self.bills for node, _ in bill for size in node.dims + node.sums]

    def settled(self) -> bool:
        """Whether it is proved that no form could save enough."""
        if not all(has_prices(node) for number, bill in enumerate(self.bills) if number != self.chosen for node, _ in bill):
            return False
        parts = [(price_of(node), part) for node, part in self.bills[self.chosen]]
        if any(price is None for price, _ in parts):
            return False
        chosen = total(parts)  # type: ignore[arg-type]
        return all(number == self.chosen or _is_no_less(bill, chosen) for number, bill in enumerate(self.bills))

    def key(self, names: dict[Size, int]) -> tuple:
        return (self.chosen, self.gains, *[tuple([(_structure(node, names), part) for node, part in bill]) for bill in self.bills])


class Ordered(NamedTuple):
    """The order in which the factors of a product are contracted, in these loops."""

    node: Node
    tree: Tree | None
    loops: tuple[Core, ...] = ()

    def outcome(self) -> tuple[float, float]:
        """What this order takes at the assumed sizes, and what the best one would."""
        least, times = cost(self.node), repeats(self.loops)
        return max(least, ordered_cost(self.node, self.tree)) * times, least * times

    def turns(self) -> bool:
        """Whether another order saves more than `WORTH` at the assumed sizes."""
        found = plan(self.node)
        return found.tree != self.tree and ordered_cost(self.node, self.tree) > WORTH * found.time

    def sizes(self) -> Iterable[Size]:
        return self.node.dims + self.node.sums

    def settled(self) -> bool:
        return False

    def key(self, names: dict[Size, int]) -> tuple:
        return (_structure(self.node, names),)


def ordered_cost(node: Node, tree: Tree | None) -> float:
    """What a product takes in a given order, at the assumed sizes."""
    terms = [frozenset(arg[1]) for arg in node.args]
    rank = len(node.dims)
    extents = {label: extent(size) for label, size in enumerate(node.dims + node.sums)}
    powers = sum([_elements(extents, arg[1]) for arg in node.args if arg[2] != 1])
    return follow(terms, frozenset(range(rank)), extents, tree) + powers


def _elements(extents: dict[int, int], labels: Iterable[int]) -> int:
    count = 1
    for label in labels:
        count *= extents[label]
    return count


def repeats(loops: Iterable[Core]) -> int:
    """How often what is in loops is likely to be done."""
    return math.prod([steps_of(core) for core in loops])


def orders(nodes: Iterable[tuple[Node, tuple[Core, ...]]]) -> list[Ordered]:
    """Those products of many factors, without relations, whose order other sizes may turn, with the loops they are in."""
    found = []
    for node, loops in nodes:
        if node.kind == "contract" and len(node.args) > 2 and any(not isinstance(size, int) for size in node.dims + node.sums):
            if all(arg[0].kind not in RELATIONS for arg in node.args):
                found.append(Ordered(node, plan(node).tree, loops))
    return found


def is_open(contest: Contest | Ordered) -> bool:
    """Whether other plausible sizes would turn a choice and save more than `WORTH`."""
    names: dict[Size, int] = {}
    key = contest.key(names)
    if not names:
        return False
    found = _known.get(key)
    if found is None:
        found = _known[key] = not contest.settled() and any(_turns(contest, regime) for regime in regimes(_symbols(names)))
        if len(_known) > MOST_KNOWN:
            _known.pop(next(iter(_known)))
    return found


MOST_KNOWN = 4096
_known: dict[tuple, bool] = {}


def _turns(contest: Contest | Ordered, regime: Regime) -> bool:
    with assuming(regime):
        return contest.turns()


def few(name: Symbol) -> int:
    """What an unknown size is where it is small."""
    return max(1, likely(name.size) // FEW)


def many(name: Symbol) -> int:
    """What an unknown size is where it is great."""
    return likely(name.size) * MANY


def regimes(names: Sequence[Symbol]) -> list[Regime]:
    """Plausible sizes: each unknown one small or great by itself; of two, both as well."""
    low, high = {name: few(name) for name in names}, {name: many(name) for name in names}
    found: list[Regime] = [{name: side[name]} for side in (low, high) for name in names]
    return [*found, low, high] if len(names) == 2 else found


def _symbols(sizes: Iterable[Size]) -> list[Symbol]:
    return list(dict.fromkeys([name for size in sizes for name in symbols(size)]))[:MOST_SYMBOLS]


def contested(contests: Iterable[Contest | Ordered]) -> list[Symbol]:
    """The unknown sizes that choices are about, those of most choices first."""
    counts: dict[Symbol, int] = {}
    for contest in contests:
        for name in dict.fromkeys([name for size in contest.sizes() for name in symbols(size)]):
            counts[name] = counts.get(name, 0) + 1
    return sorted(counts, key=lambda name: -counts[name])[:MOST_SYMBOLS]


def _is_no_less(bill: Bill, chosen: Price) -> bool:
    """Whether it is proved that a form, in any order of its factors, is not worth having in place of the chosen one."""
    options: list[Price] = [total([])]
    for node, part in bill:
        found = prices_of(node)
        if found is None or len(options) * len(found) > MOST_OPTIONS:
            return False
        options = [total([(option, 1.0), (price, part)]) for option in options for price in found]
    return all(never_dearer(chosen, option, WORTH) for option in options)


MOST_OPTIONS = 3
"""So many combinations of orders are priced for a proof."""


def _structure(node: Node, names: dict[Size, int]) -> tuple:
    """What the cost of a node depends on, with unknown sizes numbered as they come."""
    sizes = tuple([size if isinstance(size, int) else _numbered(size, names) for size in node.dims + node.sums])
    if node.kind == "contract":
        if has_relations(node):
            return signature(node)
        return (sizes, len(node.dims), tuple([(arg[1], arg[2] != 1) for arg in node.args]))
    return (node.id,) if node.kind == "loop" else (sizes, node.kind, node.param if node.kind == "map" else len(node.args))


def _numbered(size: Poly, names: dict[Size, int]) -> tuple:
    """An unknown size by its number and its likely value; what is made of unknown sizes by itself."""
    number = names.get(size)
    if number is None:
        number = names[size] = len(names)
    terms = size.terms
    if len(terms) > 1 or terms[0][1] != 1 or len(terms[0][0]) > 1 or not isinstance(terms[0][0][0], Symbol):
        return ("made of", size)
    return ("unknown", number, extent(size))

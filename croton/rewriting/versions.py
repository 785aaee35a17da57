"""A few programs of one value, where no one of them is good at all plausible sizes.

A program is made at likely sizes. The choices that it left open (see `croton.rewriting.contest`) say at which other sizes it would waste most; there another
one is made, then one for what the two leave, and so on. Which of them runs is decided at each call, by what they cost at its sizes.

Of a chain of four or five matrices with sizes by chance between 4 and 4096, three programs take up to 22 times as long as the best order would, and in one call
out of ten more than 3.7 times; no three orders do better than 14 times. Five programs would take up to 7 times, and 1.2, for six times the time to find them.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from croton.algebra.cost import Tree, assuming, extent
from croton.algebra.loop import Core, bodies_of
from croton.algebra.node import Node, Use, walk
from croton.algebra.plan import cost
from croton.rewriting.contest import WORTH, Contest, Ordered, Regime, contested, few, is_open, many, ordered_cost, orders, regimes, repeats
from croton.rewriting.optimise import Decision, optimise
from croton.sizes import Symbol

MOST_VERSIONS = 3

MOST_TRIED = 8
"""So many regimes are optimised for at most, to find them."""

MIXED = 32
"""So many regimes in which every size is something else, where many sizes are unknown."""


class Version(NamedTuple):
    """A program, the rewrites that were chosen, and the sizes it was made for: other unknown sizes are as likely as ever."""

    uses: list[Use]
    decisions: list[Decision]
    regime: Regime


def versions(uses: Sequence[Use], policy: str, checks: bool = True) -> list[Version]:
    """The same values by programs that are cheaper: one for likely sizes, and behind it others where other plausible sizes want one."""
    found: list[Contest] = []
    first = Version(*optimise(uses, policy, found, checks), {})
    contests: list[Contest | Ordered] = [*found, *[order for order in orders(_everything(first.uses)) if is_open(order)]]
    if not contests:
        return [first]
    places = plausible(contested(contests))
    base = Measured(first)
    wasted = [(regime, possible) for regime in places if (possible := _possible(base, contests, regime)) is not None]
    made = [base]
    for _ in range(MOST_TRIED):
        # Where the programs so far waste most, beside what is thought to be possible.
        ratios = [min([program.amount(regime) for program in made]) / possible for regime, possible in wasted]
        if len(made) == MOST_VERSIONS or not ratios or max(ratios) <= WORTH:
            break
        regime, _ = wasted.pop(ratios.index(max(ratios)))
        with assuming(regime):
            version = Version(*optimise(uses, policy, None, checks), regime)
            program = Measured(version)
        if min([other.amount(regime) for other in made]) > WORTH * program.amount(regime):
            made.append(program)
    return [program.version for program in made]


def plausible(names: Sequence[Symbol]) -> list[Regime]:
    """Plausible sizes, for comparing programs: likely, small and great in all combinations of a few unknown sizes; of more, one that is unlike, and mixed."""
    if len(names) <= 3:
        sides = [(extent(name.size), few(name), many(name)) for name in names]
        return [dict(zip(names, values)) for values in itertools.product(*sides)]
    low, high = {name: few(name) for name in names}, {name: many(name) for name in names}
    return [*regimes(names), *[{**most, name: one[name]} for most, one in ((low, high), (high, low)) for name in names], *_mixed(names)]


def _mixed(names: Sequence[Symbol]) -> list[Regime]:
    """Sizes by chance, the same each time, as likely to be twice as small as twice as great."""
    chance = random.Random(1)
    return [{name: round(few(name) * (many(name) / few(name)) ** chance.random()) for name in names} for _ in range(MIXED)]


class Measured:
    """A program with the orders that its products have."""

    __slots__ = ("_amounts", "nodes", "trees", "version")

    def __init__(self, version: Version) -> None:
        self.version = version
        self.nodes = list(_everything(version.uses))
        self.trees: dict[Node, Tree | None] = {order.node: order.tree for order in orders(self.nodes)}
        self._amounts: dict[tuple, float] = {}

    def amount(self, regime: Regime) -> float:
        """What it costs at other sizes than those it was made for."""
        key = tuple(regime.items())
        found = self._amounts.get(key)
        if found is None:
            with assuming(regime):
                found = sum([self._cost(node) * repeats(loops) for node, loops in self.nodes])
            self._amounts[key] = found
        return found

    def _cost(self, node: Node) -> float:
        return ordered_cost(node, self.trees[node]) if node in self.trees else cost(node)


def _everything(uses: Sequence[Use]) -> Iterator[tuple[Node, tuple[Core, ...]]]:
    """Every node of a program, with the loops it is in; in place of a loop what is in it."""
    work: list[tuple[list[Node], tuple[Core, ...]]] = [([use.node for use in uses], ())]
    while work:
        roots, loops = work.pop()
        nodes = list(walk(roots))
        yield from [(node, loops) for node in nodes if node.kind != "loop"]
        work += [(wanted, (*loops, core)) for core, wanted in bodies_of(nodes).items()]


def _possible(base: Measured, contests: Sequence[Contest | Ordered], regime: Regime) -> float | None:
    """What a program made for these sizes might cost, where that is worth having."""
    with assuming(regime):
        outcomes = [contest.outcome() for contest in contests]
    paid, least = sum([outcome[0] for outcome in outcomes]), sum([outcome[1] for outcome in outcomes])
    if paid <= WORTH * least:
        return None
    amount = base.amount(regime)
    possible = max(amount - (paid - least), least / WORTH)
    return possible if amount > WORTH * possible else None

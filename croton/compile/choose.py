"""What programs cost as functions of the sizes, which of several are worth keeping, and how a call chooses among those.

The optimiser makes more than one program where it thinks that no one is good at all plausible sizes. Here they are priced as they were scheduled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from croton.compile.interface import Leaf
from croton.rewriting.contest import WORTH, Regime
from croton.rewriting.price import Price, never_dearer
from croton.runtime.choice import Choice, Terms
from croton.schedule.plan import LoopCall, Plan, ProductCall
from croton.sizes import Least, Quotient, Size, Symbol, Weighted, hint, product, symbols, weighted
from croton.sizes.weighted import combined, symbols_of

BYTES = 1.0 / 8.0
"""Elements that are written and read again, for each byte that a call touches."""

LAUNCH, LAUNCH_PRODUCT = 200.0, 1500.0
"""Operations of a loop that take as long as beginning a call does; as beginning a product of the library, each one of a batch."""

CLEARLY = 1.25
"""So many times what another program costs the first one may cost before the other is chosen: arrays of the first are stored as likely sizes want them,
and prices know nothing of that."""


def price_of(plan: Plan) -> Price:
    """What the calls of a plan take."""
    products: list[tuple[Size, float]] = []
    fused: list[tuple[Size, float]] = []
    moved: list[tuple[Size, float]] = []
    stack: list[tuple[Plan, Size]] = [(plan, 1)]
    while stack:
        current, times = stack.pop()
        for call in current.calls:
            if isinstance(call, LoopCall):
                if not call.seldom:
                    stack.append((call.body, times * call.counted))
                continue
            if isinstance(call, ProductCall):
                fused.append((product(call.shape.batch) * times, LAUNCH_PRODUCT))
                products.append((call.flops * times, 1.0))
            else:
                fused += [(times, LAUNCH), (call.flops * times, 1.0)]
            moved.append((call.bytes * times, BYTES))
    return Price(weighted(products), weighted(fused), weighted(moved))


class Choosing(NamedTuple):
    """How a call chooses among programs.

    kept      the numbers of those that are worth having, the first one among them; what follows is of these
    costs     what each costs, in operations of a loop, as a function of the sizes
    examples  sizes at which each is chosen, where others are likely
    """

    kept: tuple[int, ...]
    costs: tuple[Weighted, ...]
    examples: tuple[Regime, ...]
    choice: Choice


def choosing(plans: Sequence[Plan], regimes: Sequence[Regime], inputs: Sequence[Leaf]) -> Choosing | None:
    """How to choose among plans, made for sizes of these regimes. None where one of them is enough, or the arguments do not show the sizes it takes.

    A plan is kept that saves more than `WORTH` beside the others at the sizes it was made for.
    """
    prices = [price_of(plan) for plan in plans]
    names = {name for price in prices for part in price for name in symbols_of(part)}
    likely = {name: hint(name.size) for name in names}
    kept = [0]
    for number in range(1, len(plans)):
        sizes = {**likely, **regimes[number]}
        if any(never_dearer(prices[other], prices[number], WORTH) for other in kept):
            continue
        if min([prices[other].at(sizes) for other in kept]) > WORTH * prices[number].at(sizes):
            kept.append(number)
    costs = [prices[number].time() for number in kept]
    choice = choice_of(costs, inputs) if len(kept) > 1 else None
    if choice is None:
        return None
    return Choosing(tuple(kept), tuple(costs), tuple([regimes[number] for number in kept]), choice)


def choice_of(costs: Sequence[Weighted], inputs: Sequence[Leaf]) -> Choice | None:
    """How a call finds what costs least; None where the arguments do not show all sizes that this takes."""
    first, *others = costs
    atoms = _Atoms(inputs)
    found = [atoms.terms(combined([(other, CLEARLY), (first, -1.0)])) for other in others]
    differences = [terms for terms in found if terms is not None]
    return atoms.choice(differences) if len(differences) == len(found) else None


class _Atoms:
    """The sizes that a choice reads, and what is made of them, by number."""

    def __init__(self, inputs: Sequence[Leaf]) -> None:
        self.arguments = len(inputs)
        self.places: dict[Symbol, tuple[int, int]] = {}
        for number, leaf in enumerate(inputs):
            for axis, size in enumerate(leaf.shape):
                names = symbols(size)
                if len(names) == 1 and size == names[0].size:
                    self.places.setdefault(names[0], (number, axis))
        self.reads: dict[Symbol, int] = {}
        self.derived: dict[Quotient | Least, tuple[str, Terms, Terms]] = {}

    def terms(self, sum_: Weighted) -> Terms | None:
        """A sum over the numbers of atoms; those of what is made of sizes count from behind, as long as it is not known how many sizes are read."""
        found = []
        for monomial, weight in sum_.items():
            numbers = [self._number(atom) for atom in monomial]
            if None in numbers:
                return None
            if weight != 0.0:
                found.append((weight, tuple([number for number in numbers if number is not None])))
        return tuple(found)

    def _number(self, atom: Symbol | Quotient | Least) -> int | None:
        if isinstance(atom, Symbol):
            if atom not in self.places:
                return None
            return self.reads.setdefault(atom, len(self.reads))
        if atom not in self.derived:
            function, *parts = ("minimum", atom.left, atom.right) if isinstance(atom, Least) else ("quotient", atom.numerator, atom.denominator)
            left, right = [self.terms(weighted([(part, 1.0)])) for part in parts]
            if left is None or right is None:
                return None
            self.derived[atom] = (function, left, right)
        return -1 - list(self.derived).index(atom)

    def choice(self, differences: Sequence[Terms]) -> Choice:
        """The choice between a first program and others that cost this much more."""

        def numbered(terms: Terms) -> Terms:
            return tuple([(weight, tuple([len(self.reads) - 1 - n if n < 0 else n for n in numbers])) for weight, numbers in terms])

        reads = tuple([self.places[name] for name in self.reads])
        derived = tuple([(function, numbered(left), numbered(right)) for function, left, right in self.derived.values()])
        return Choice(self.arguments, reads, derived, tuple(map(numbered, differences)))

"""Terms of a sum that add up to nothing, as deviations from a mean do.

    sum over i of (y[i] + x[i] - 1/n sum over j of x[j]) = sum over i of y[i]

A derivative of a normalisation is full of them: what a mean takes away comes back as the mean of what is deviations already. Without them the gradient of
batch normalisation goes through its arrays once less, and that of a bias in front of one is 0. What is left out is 0 in exact arithmetic, and
was nothing but rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from croton.algebra.add import add, without_coefficient
from croton.algebra.coefficient import multiply
from croton.algebra.contract import contract
from croton.algebra.node import ONE, Coef, Label, Node, Use
from croton.algebra.plan import cost
from croton.algebra.rebuild import construct, rebuild
from croton.rewriting.replaced import Replaced
from croton.sizes import Size

MOST_DEPTH = 6
"""How far sums of terms inside of sums of terms are taken apart. What is found to be equal before need not be."""

MOST_PARTS = 64
"""Sums that a term may become."""

ROUNDING = 2.0**-50
"""What n * (1/n) may be off, as a number."""

Part = tuple[Use, Coef]
Opened = dict[Use, list[Part] | None]


class Parts(NamedTuple):
    """What a sum is made of.

    sums   sums that do not cancel, with what they are multiplied by: a number for each product of sizes
    whole  whether none of them could be taken apart further
    """

    sums: dict[Use, dict[tuple[tuple[Size, int], ...], float]]
    whole: bool


def without_deviations(uses: Sequence[Use]) -> tuple[list[Use], list[Replaced]]:
    """The same values, without the terms of sums that add up to 0; and what was left out."""
    chosen: list[Replaced] = []

    def visit(node: Node, labels: tuple[Label, ...], found: list[Use]) -> Use | None:
        made = construct(node, labels, found)
        if not is_sum_of_terms(made.node):
            return made
        axes = labels[: len(node.dims)]
        rest = _rest(made)
        if rest is None:
            return made
        chosen.append(Replaced("deviations add up to 0", node, rest, axes, cost(made.node), cost(rest.node)))
        return rest

    return rebuild(uses, visit, at=is_sum_of_terms), chosen


def is_sum_of_terms(node: Node) -> bool:
    """Whether a node sums a sum of terms along axes of it, and does nothing else."""
    if node.kind != "contract" or not node.sums or len(node.args) != 1 or not node.dtype.is_float:
        return False
    child, positions, exponent = node.args[0]
    return child.kind == "add" and exponent == 1 and len(set(positions)) == len(positions)


def _rest(total: Use) -> Use | None:
    """The sum without the terms that add up to 0; None if there are none."""
    terms, sums = _terms(total)
    added = [_summed(total, term, sums) for term in terms]
    opened: Opened = {}
    for depth in range(1, MOST_DEPTH + 1):
        parts = [_parts([part], depth, opened) for part in added]
        together = [(group, _parts([added[place] for place in group], depth, opened)) for group in _meeting(parts)]
        gone = {place for group, left in together if left is not None and not left.sums for place in group}
        if gone:
            left = add([term for place, term in enumerate(terms) if place not in gone], total.dtype)
            return contract(total.labels, [(left, 1)], total.node.param, sums, total.dtype)
        if all(part is None or part.whole for part in parts):
            break
    return None


def _terms(total: Use) -> tuple[list[Part], list[Label]]:
    """The terms that are summed, and what they are summed over."""
    node, axes = total
    child, positions, _ = node.args[0]
    labels = (*axes, *[Label(size) for size in node.sums])
    inner = [labels[i] for i in positions]
    return [(Use(arg[0], tuple([inner[i] for i in arg[1]])), arg[2]) for arg in child.args], list(labels[len(axes) :])


def _summed(total: Use, term: Part, sums: Sequence[Label]) -> Part:
    """A term of a sum, summed."""
    use, coef = term
    return contract(total.labels, [(use, 1)], multiply(coef, total.node.param), sums, total.dtype), ONE


def _meeting(parts: Sequence[Parts | None]) -> list[list[int]]:
    """The numbers of terms, those together that have a part in common; without those of which the parts are not known."""
    group = list(range(len(parts)))

    def first(place: int) -> int:
        while group[place] != place:
            place = group[place]
        return place

    owner: dict[Use, int] = {}
    for place, found in enumerate(parts):
        for use in found.sums if found is not None else ():
            group[first(place)] = first(owner.setdefault(use, place))
    together: dict[int, list[int]] = {}
    for place, found in enumerate(parts):
        if found is not None:
            together.setdefault(first(place), []).append(place)
    return list(together.values())


def _parts(work: list[Part], depth: int, known: Opened) -> Parts | None:
    """What sums are made of, taken apart so far, without what cancels; None if that is too much. `known` is what has been taken apart before."""
    found: dict[Use, dict[tuple[tuple[Size, int], ...], float]] = {}
    whole = True
    pending = [(use, coef, depth) for use, coef in work]
    most = MOST_PARTS
    while pending:
        use, coef, left = pending.pop()
        most -= 1
        if most < 0:
            return None
        node, labels = use
        if node.kind == "contract":
            coef = multiply(coef, node.param)
            if coef.number == 0:
                continue
            use = without_coefficient(node, labels)
        if use not in known:
            known[use] = _opened(use)
        opened = known[use]
        whole = whole and (left > 0 or opened is None)
        if left and opened is not None:
            pending += [(part, multiply(coef, weight), left - 1) for part, weight in opened]
            continue
        numbers = found.setdefault(use, {})
        before, more = numbers.get(coef.sizes, 0.0), float(coef.number)
        numbers[coef.sizes] = 0.0 if abs(before + more) <= ROUNDING * abs(more) else before + more
    return Parts({use: numbers for use, numbers in found.items() if any(numbers.values())}, whole)


def _opened(use: Use) -> list[Part] | None:
    """A sum of terms as its terms, and a product with a factor that sums terms as the products with each of these, summed; None for all else."""
    node, labels = use
    if node.kind == "add":
        return [(Use(arg[0], tuple([labels[i] for i in arg[1]])), arg[2]) for arg in node.args]
    if is_sum_of_terms(node):
        terms, sums = _terms(use)
        return [_summed(use, term, sums) for term in terms]
    if node.kind != "contract" or not node.dtype.is_float:
        return None
    place = next((i for i, arg in enumerate(node.args) if arg[2] == 1 and is_sum_of_terms(arg[0])), None)
    if place is None:
        return None
    every = (*labels, *[Label(size) for size in node.sums])
    factors = [(Use(arg[0], tuple([every[i] for i in arg[1]])), arg[2]) for arg in node.args]
    inner = factors.pop(place)[0]
    terms, sums = _terms(inner)
    parts = [_summed(inner, term, sums)[0] for term in terms]
    return [(contract(set(labels), [(part, 1), *factors], node.param, every[len(labels) :], node.dtype), ONE) for part in parts]

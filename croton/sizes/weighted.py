"""Sums of monomials of sizes with real weights: what a cost is as a function of the sizes.

A `Weighted` maps a monomial to its weight. Costs of programs are such sums with hardly a negative weight, so that one can often be proved to be
the smaller at all sizes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

from croton.sizes.poly import Least, Monomial, Poly, Quotient, Size, Symbol
from croton.sizes.values import evaluate, symbols

Weighted = dict[Monomial, float]

MOST_ATOMS = 12
"""Monomials of more atoms are not taken apart in a proof."""


def weighted(parts: Iterable[tuple[Size, float]]) -> Weighted:
    """The sum of weight * size."""
    total: Weighted = {}
    for size, weight in parts:
        for monomial, coefficient in size.terms if isinstance(size, Poly) else (((), size),):
            total[monomial] = total.get(monomial, 0.0) + coefficient * weight
    return total


def combined(parts: Iterable[tuple[Weighted, float]]) -> Weighted:
    """The sum of weight * sum."""
    total: Weighted = {}
    for found, weight in parts:
        for monomial, coefficient in found.items():
            total[monomial] = total.get(monomial, 0.0) + coefficient * weight
    return total


def value(sum_: Weighted, sizes: Mapping[Symbol, int]) -> float:
    """The value where every symbol has one. A quotient by nothing counts as one by 1."""
    total = 0.0
    for monomial, weight in sum_.items():
        for atom in monomial:
            weight *= sizes[atom] if isinstance(atom, Symbol) else _worth(atom, sizes)
        total += weight
    return total


def _worth(atom: Quotient | Least, sizes: Mapping[Symbol, int]) -> int:
    if isinstance(atom, Least):
        return min(evaluate(atom.left, sizes), evaluate(atom.right, sizes))
    return evaluate(atom.numerator, sizes) // max(1, evaluate(atom.denominator, sizes))


def never_more(left: Weighted, right: Weighted) -> bool:
    """True if `left <= right` is proved for all symbols that are at least 1; quotients may be 0 then.

    With every symbol written as 1 plus something that is not negative, no term of the difference is.
    """
    difference = combined([(right, 1.0), (left, -1.0)])
    shifted: Weighted = {}
    for monomial, weight in difference.items():
        if weight == 0.0:
            continue
        if (weight > 0 and _may_be_negative(monomial)) or len(monomial) > MOST_ATOMS:
            return False
        named = [atom for atom in monomial if isinstance(atom, Symbol)]
        fixed = tuple([atom for atom in monomial if not isinstance(atom, Symbol)])
        for count in range(len(named) + 1):
            for chosen in itertools.combinations(named, count):
                key: Monomial = (*chosen, *fixed)
                shifted[key] = shifted.get(key, 0.0) + weight
    return all(weight >= 0 for weight in shifted.values())


def _may_be_negative(monomial: Monomial) -> bool:
    """Whether a monomial has a quotient or a minimum of which it is not plain that it is not negative."""
    return any(not isinstance(atom, Symbol) and _is_open(atom) for atom in monomial)


def _is_open(atom: Quotient | Least) -> bool:
    sizes = (atom.left, atom.right) if isinstance(atom, Least) else (atom.numerator, atom.denominator)
    if any(isinstance(size, int) and size < 0 for size in sizes):
        return True
    return any(coefficient < 0 for size in sizes if isinstance(size, Poly) for _, coefficient in size.terms)


def symbols_of(sum_: Weighted) -> tuple[Symbol, ...]:
    """The symbols of a sum, each once, by name."""
    return symbols(Poly(tuple([(monomial, 1) for monomial in sum_])))

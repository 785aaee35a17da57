"""A small prover of `size >= 0`: True is a proof, False means that it is not known."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable

from croton.sizes.poly import Atom, Least, Poly, Quotient, Size, Symbol, smaller


def nonnegative(size: Size, facts: Iterable[Size] = ()) -> bool:
    """True if `size >= 0` for all values of its symbols that make every fact >= 0.

    A symbol is >= 0 and may be 0. Whoever knows that it is not says so: inside a sum over a label of size n, and only there, the
    fact `n - 1` holds, because a sum over an empty label is empty whatever is said about its terms (see `within`).
    """
    if isinstance(size, int):
        return size >= 0
    return _prove(size, tuple(dict.fromkeys(facts)), 2)


def within(sizes: Iterable[Size]) -> tuple[Size, ...]:
    """The facts that hold inside a sum over labels of these sizes: each of them is at least 1."""
    return tuple(size - 1 for size in sizes if not isinstance(size, int))


def positive(size: Size, facts: Iterable[Size] = ()) -> bool:
    """True if `size >= 1` is proved."""
    return nonnegative(size - 1, facts)


def least(left: Size, right: Size) -> Size:
    """The smaller of two sizes: one of them where that can be proved."""
    if nonnegative(right - left):
        return left
    return right if nonnegative(left - right) else smaller(left, right)


def greatest(left: Size, right: Size) -> Size:
    """The greater of two sizes: one of them where that can be proved."""
    if nonnegative(right - left):
        return right
    return left if nonnegative(left - right) else left + right - smaller(left, right)


@functools.lru_cache(maxsize=1 << 14)
def _prove(size: Poly, facts: tuple[Size, ...], depth: int) -> bool:
    lower = _lower_bounds(facts)
    if _coefficients_nonnegative(size, lower, facts, depth):
        return True
    if depth == 0:
        return False
    without = _without_quotients(size)
    if without is not None and _known(without, facts, depth - 1):
        return True
    # A minimum is one of its sides.
    if any(all(_known(_replaced(size, atom, side), facts, depth - 1) for side in (atom.left, atom.right)) for atom in _minima(size)):
        return True
    usable = [fact for fact in facts if not isinstance(fact, int) and not _is_lower_bound(fact)]
    usable += _quotient_facts(size, facts, depth) + _least_facts(size)
    for fact in usable:
        for multiple in _multiples(size, fact):
            rest = size - fact * multiple
            if isinstance(rest, int):
                if rest >= 0:
                    return True
            elif _coefficients_nonnegative(rest, lower, facts, depth) or (depth > 1 and _prove(rest, facts, depth - 1)):
                return True
    return False


def _is_lower_bound(fact: Poly) -> bool:
    """Whether a fact says no more than the lower bound of an atom."""
    return len(fact.terms) == 2 and not fact.terms[1][0] and fact.terms[0][1] == 1 and len(fact.terms[0][0]) == 1 and fact.terms[1][1] < 0


@functools.lru_cache(maxsize=1 << 12)
def _lower_bounds(facts: tuple[Size, ...]) -> dict[Atom, int]:
    """Lower bounds of single atoms: c*a - d >= 0 with d >= 1 says that a is at least d / c, and c*n*m - d that the symbols n and m are at least 1."""
    bounds: dict[Atom, int] = {}
    for fact in facts:
        if isinstance(fact, int) or len(fact.terms) != 2 or fact.terms[1][0]:
            continue
        (monomial, coefficient), (_, constant) = fact.terms
        if coefficient <= 0 or constant >= 0:
            continue
        for atom in monomial:
            if len(monomial) == 1:
                bounds[atom] = max(bounds.get(atom, 0), -(constant // coefficient))
            elif isinstance(atom, Symbol):
                bounds[atom] = max(bounds.get(atom, 0), 1)
    return bounds


def _coefficients_nonnegative(size: Poly, lower: dict[Atom, int], facts: tuple[Size, ...], depth: int) -> bool:
    """With every atom written as its lower bound plus something >= 0, no coefficient is negative."""
    shifted: dict[tuple, int] = {}
    for monomial, coefficient in size.terms:
        parts: list[tuple[tuple, int]] = [((), coefficient)]
        for atom in monomial:
            if isinstance(atom, Symbol) or atom in lower:
                least = lower.get(atom, 0)
            elif _atom_nonnegative(atom, facts, depth):
                least = 0
            else:
                return False
            grown = [((*atoms, atom), value) for atoms, value in parts]
            parts = grown + [(atoms, value * least) for atoms, value in parts] if least else grown
        for atoms, value in parts:
            shifted[atoms] = shifted.get(atoms, 0) + value
    return all(value >= 0 for value in shifted.values())


def _atom_nonnegative(atom: Quotient | Least, facts: tuple[Size, ...], depth: int) -> bool:
    if isinstance(atom, Least):
        return depth > 0 and _known(atom.left, facts, depth - 1) and _known(atom.right, facts, depth - 1)
    return depth > 0 and _known(atom.numerator, facts, depth - 1) and _known(atom.denominator - 1, facts, depth - 1)


def _known(size: Size, facts: tuple[Size, ...], depth: int) -> bool:
    if isinstance(size, int):
        return size >= 0
    if len(size.terms) == 1 and not size.terms[0][0]:
        return size.terms[0][1] >= 0
    return _prove(size, facts, depth)


def _quotient_facts(size: Poly, facts: tuple[Size, ...], depth: int) -> list[Poly]:
    """d*(a//d) <= a <= d*(a//d) + d-1 for every quotient in the size whose denominator is positive."""
    found = []
    for atom in dict.fromkeys(atom for monomial, _ in size.terms for atom in monomial if isinstance(atom, Quotient)):
        if not _known(atom.denominator - 1, facts, depth - 1):
            continue
        value = Poly((((atom,), 1),))
        multiple = value * atom.denominator
        found += [atom.numerator - multiple, multiple + atom.denominator - 1 - atom.numerator]
    return [fact for fact in found if isinstance(fact, Poly)]


def _least_facts(size: Poly) -> list[Poly]:
    """a - min(a, b) >= 0 and b - min(a, b) >= 0 for each such atom in the size."""
    found = [side - Poly((((atom,), 1),)) for atom in _minima(size) for side in (atom.left, atom.right)]
    return [fact for fact in found if isinstance(fact, Poly)]


def _minima(size: Poly) -> list[Least]:
    return list(dict.fromkeys(atom for monomial, _ in size.terms for atom in monomial if isinstance(atom, Least)))


def _replaced(size: Poly, atom: Least, value: Size) -> Size:
    total: Size = 0
    for monomial, coefficient in size.terms:
        term: Size = coefficient
        for factor in monomial:
            term = term * (value if factor == atom else Poly((((factor,), 1),)))
        total = total + term
    return total


def _without_quotients(size: Poly) -> Size | None:
    """Something that is >= 0 only where the size is: every `a // d` that stands alone at its worst, (a - d + 1) / d or a / d."""
    alone: list[tuple[Quotient, int, int]] = []
    for monomial, c in size.terms:
        if len(monomial) == 1 and isinstance(monomial[0], Quotient):
            denominator = monomial[0].denominator
            if not isinstance(denominator, int):
                return None
            alone.append((monomial[0], denominator, c))
    if not alone:
        return None
    scale = math.lcm(*[denominator for _, denominator, _ in alone])
    # The size is an integer, so `scale * size > -scale` is enough.
    bound: Size = size * scale + (scale - 1)
    for atom, denominator, coefficient in alone:
        worst = atom.numerator - (denominator - 1 if coefficient > 0 else 0)
        bound = bound + (worst * (scale // denominator) - Poly((((atom,), 1),)) * scale) * coefficient
    return bound


def _multiples(size: Poly, fact: Poly) -> list[Size]:
    """What to multiply a fact by so that subtracting it cancels a negative term of the size."""
    multiples: dict[Size, None] = {}
    for monomial, coefficient in size.terms:
        if coefficient > 0:
            continue
        for lead, other in fact.terms:
            if other > 0:
                continue
            remaining = list(monomial)
            for atom in lead:
                if atom not in remaining:
                    break
                remaining.remove(atom)
            else:
                if all(isinstance(atom, Symbol) for atom in remaining):
                    multiples[_restored(tuple(remaining)) * -(coefficient // -other)] = None
    return list(multiples)


def _restored(monomial: tuple) -> Size:
    result: Size = 1
    for atom in monomial:
        result = result * atom.size
    return result

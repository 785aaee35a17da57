"""Which unknown sizes an array's extents determine, and what they are."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import NamedTuple

from croton.sizes.poly import Poly, Size, Symbol, product
from croton.sizes.values import evaluate, symbols


class Determined(NamedTuple):
    """An extent is coefficient * symbol + rest, so that the symbol is (extent - rest) // coefficient."""

    symbol: Symbol
    coefficient: Size
    rest: Size


def determined(size: Size, known: Container[Symbol]) -> Determined | None:
    """The symbol that an extent of this size determines where others are known; None where there is none, or more than one."""
    open_ = [name for name in symbols(size) if name not in known]
    if len(open_) != 1 or not isinstance(size, Poly):
        return None
    (name,) = open_
    coefficient: Size = 0
    rest: Size = 0
    for monomial, number in size.terms:
        others = [atom for atom in monomial if atom is not name]
        if len(others) < len(monomial) - 1:
            return None
        term = product([Poly((((atom,), 1),)) for atom in others]) * number
        if len(others) < len(monomial):
            coefficient = coefficient + term
        else:
            rest = rest + term
    if name in symbols(coefficient) or name in symbols(rest):
        return None
    return Determined(name, coefficient, rest)


def bind(extents: Iterable[tuple[Size, int]]) -> dict[Symbol, int]:
    """The symbols that extents of these sizes determine, with their values; the first that has a size says what it is."""
    found: dict[Symbol, int] = {}
    pending = list(extents)
    while pending:
        left = []
        for size, extent in pending:
            one = determined(size, found)
            if one is not None:
                by = evaluate(one.coefficient, found)
                found[one.symbol] = (extent - evaluate(one.rest, found)) // by if by else 0
            elif any(name not in found for name in symbols(size)):
                left.append((size, extent))
        if len(left) == len(pending):
            break
        pending = left
    return found

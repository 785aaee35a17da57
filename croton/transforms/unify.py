"""Sizes that must be equal become the same size.

An operation on two unknown sizes leaves a constraint on its node. All constraints of a graph are solved together before it is lowered, so
that the algebra sees one size where there is one; what cannot be solved for a symbol is left to be checked at each call.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from croton.expr.expr import Expr
from croton.expr.types import describe
from croton.sizes import Poly, Quotient, Size, Symbol, hint, substitute, symbol, symbols, undivided
from croton.util.errors import ShapeError
from croton.util.provenance import Line


class Check(NamedTuple):
    """Two sizes that a call must find equal, and the line that wants it."""

    left: Size
    right: Size
    line: Line | None


class Unified(NamedTuple):
    """What each symbol stands for, and what is left to check."""

    mapping: dict[Symbol, Size]
    checks: tuple[Check, ...]


def unify(nodes: Iterable[Expr]) -> Unified:
    """Solve the size constraints of a graph. Raises ShapeError where known sizes contradict each other."""
    mapping: dict[Symbol, Size] = {}
    pending: list[Check] = []
    for node in nodes:
        for left, right in node.constraints:
            _solve(Check(left, right, node.line), mapping, pending)
    # A later equation may have made an earlier one solvable or trivial.
    checks: list[Check] = []
    for check in pending:
        _solve(check, mapping, checks)
    mapping = {symbol: _resolve(size, mapping) for symbol, size in mapping.items()}
    left_over = [Check(_resolve(c.left, mapping), _resolve(c.right, mapping), c.line) for c in checks]
    # Several lines may want the same; the first says it.
    wanted = {(c.left, c.right): c for c in reversed(left_over) if c.left != c.right}
    return Unified(mapping, tuple(reversed(wanted.values())))


def _solve(check: Check, mapping: dict[Symbol, Size], pending: list[Check]) -> None:
    left, right = _resolve(check.left, mapping), _resolve(check.right, mapping)
    if left == right:
        return
    if isinstance(left, int) and isinstance(right, int):
        raise ShapeError(describe(check.left, check.right, left, right), check.line)
    for size, other in ((left, right), (right, left)):
        symbol = _alone(size)
        if symbol is not None and symbol not in symbols(other):
            mapping[symbol] = other
            return
    solved = _solved(left - right) or _divided(left, right)
    if solved is None:
        pending.append(check)
        return
    mapping[solved[0]] = solved[1]
    _solve(check, mapping, pending)


def _solved(difference: Size) -> tuple[Symbol, Size] | None:
    """A symbol, and what it must be for this to be 0, where it occurs once and its coefficient divides the others."""
    if not isinstance(difference, Poly):
        return None
    for monomial, coefficient in difference.terms:
        symbol = monomial[0] if len(monomial) == 1 else None
        if not isinstance(symbol, Symbol):
            continue
        rest = difference - coefficient * symbol.size
        divides = rest % coefficient == 0 if isinstance(rest, int) else all(c % coefficient == 0 for _, c in rest.terms)
        if divides and symbol not in symbols(rest):
            return symbol, -(rest // coefficient)
    return None


def _divided(left: Size, right: Size) -> tuple[Symbol, Size] | None:
    """A symbol of which a multiple is wanted, and that multiple of a size of its own, where the sides are equal if divisions leave nothing.

    `n == 4 * (n // 4)` makes n four times a new size, so that `n // 4` is that size and nothing is rounded.
    """
    if undivided(left) != undivided(right) or (undivided(left) != left and undivided(right) != right):
        return None
    for monomial, _ in [*_terms(left), *_terms(right)]:
        for atom in monomial:
            if isinstance(atom, Quotient):
                solved = _multiple(atom)
                if solved is not None:
                    return solved
    return None


def _multiple(atom: Quotient) -> tuple[Symbol, Size] | None:
    """A symbol of the numerator, and what it is if the denominator divides the numerator: a sum of sizes, so that it cannot be negative."""
    for monomial, coefficient in atom.numerator.terms:
        name = monomial[0] if len(monomial) == 1 and coefficient == 1 else None
        if not isinstance(name, Symbol) or name in symbols(atom.denominator):
            continue
        rest = atom.numerator - name.size
        if name in symbols(rest) or any(number > 0 for _, number in _terms(rest)):
            continue
        quotient = symbol(str(atom), max(1, hint(atom.numerator) // max(1, hint(atom.denominator))))
        return name, quotient * atom.denominator - rest
    return None


def _terms(size: Size) -> tuple:
    return size.terms if isinstance(size, Poly) else (((), size),)


def _alone(size: Size) -> Symbol | None:
    """The symbol that a size consists of, or None."""
    if isinstance(size, Poly) and len(size.terms) == 1:
        monomial, coefficient = size.terms[0]
        if coefficient == 1 and len(monomial) == 1 and isinstance(monomial[0], Symbol):
            return monomial[0]
    return None


def _resolve(size: Size, mapping: dict[Symbol, Size]) -> Size:
    while isinstance(size, Poly):
        known = {symbol: mapping[symbol] for symbol in symbols(size) if symbol in mapping}
        if not known:
            return size
        size = substitute(size, known)
    return size

"""A value as the product of what does not overflow and an exponential: the greatest exponent is taken out of each sum that has exponential factors."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import NamedTuple

import numpy as np

from croton.algebra.add import add
from croton.algebra.constant import constant, number_of
from croton.algebra.contract import contract
from croton.algebra.node import RELATIONS, Coef, Label, Node, Use
from croton.algebra.pointwise import scalar
from croton.algebra.reduce import reduce
from croton.dtypes import DType
from croton.rewriting.reading import argument_of, as_shift, factors_of, is_map, is_shifted, scaled, terms_of

MOST_DEPTH = 6
"""Sums, products and roots inside of one another that are looked through."""

MOST_NODES = 64
"""Sums, products and roots that are looked through for one value."""


class Top(NamedTuple):
    """An exponent that is taken out, the exponents that it is the greatest of, and whether only those count that have a weight."""

    exponent: Use
    of: frozenset[Node]
    weighted: bool = False


class Parted(NamedTuple):
    """A value that is `rest` times the exponentials of the tops, each of its own axes."""

    rest: Use
    tops: list[Top]


def room(dtype: DType) -> float:
    """The logarithm of the greatest number."""
    return math.log(float(np.finfo(dtype.numpy).max))


def lowered(exponent: Use, top: Use) -> Use:
    """exponent - top; for multiples of two values by one number their difference is taken first, which is exact where they are near."""
    one, other = _multiple(exponent), _multiple(top)
    if one is not None and other is not None and one[1] == other[1]:
        return scaled(add([(one[0], 1), (other[0], -1)]), one[1])
    return add([(exponent, 1), (top, -1)])


def _multiple(use: Use) -> tuple[Use, Coef] | None:
    node = use.node
    if node.kind != "contract" or node.sums or len(node.args) != 1 or node.args[0][2] != 1 or not node.param.number > 0:
        return None
    return argument_of(use), node.param


def greatest(exponent: Use, over: Collection[Label], weights: Iterable[Use] = ()) -> Use:
    """The greatest exponent among those that have a weight, a constant to the derivative."""
    several = _multiple(exponent)
    if several is not None:
        return scaled(greatest(several[0], over, weights), several[1])
    for weight in weights:
        there = weight if weight.dtype.is_bool else scalar("ne", weight, constant(0.0, weight.dtype))
        exponent = scalar("where", there, exponent, constant(-math.inf, exponent.dtype))
    return as_shift(reduce("max", exponent, over))


def kept_finite(exponent: Use, weighted: bool) -> Use:
    """What is above the greatest exponent that has a weight is multiplied by 0, which must not be infinite."""
    return scalar("minimum", exponent, constant(0.9 * room(exponent.dtype), exponent.dtype)) if weighted else exponent


def mentions(node: Node, functions: Collection[str]) -> bool:
    """Whether a value is made of one of the functions by sums, products and roots; False too where there is too much to look through."""
    found, seen = [node], {node}
    while found and len(seen) < MOST_NODES:
        node = found.pop()
        if node.kind == "map" and node.param in functions:
            return True
        if node.kind in ("add", "contract") or (node.kind == "map" and node.param == "sqrt"):
            fresh = [arg[0] for arg in node.args if arg[0].dtype.is_float and arg[0] not in seen]
            seen.update(fresh)
            found += fresh
    return False


def part(use: Use) -> Parted | None:
    """A value with its exponentials taken out, or None where nothing grows."""
    return _part(use, MOST_DEPTH) if mentions(use.node, ("exp",)) else None


def _part(use: Use, depth: int) -> Parted | None:
    node = use.node
    if depth == 0 or not node.dtype.is_float:
        return None
    if is_map(use, "exp"):
        exponent = argument_of(use)
        return None if is_shifted(exponent) else Parted(constant(1.0, use.dtype), [Top(exponent, frozenset([exponent.node]))])
    if is_map(use, "sqrt"):
        inner = _part(argument_of(use), depth - 1)
        return None if inner is None else Parted(scalar("sqrt", inner.rest), [_times(top, 0.5) for top in inner.tops])
    if node.kind == "add":
        return _part_of_terms(use, depth)
    if node.kind == "contract" and node.args:
        return _part_of_sum(use) if node.sums else _part_of_product(use, depth)
    return None


def _part_of_terms(use: Use, depth: int) -> Parted | None:
    """a exp x + b exp y + c = exp(m) (a exp(x - m) + b exp(y - m) + c exp(-m)) with m the greatest of x, y and 0"""
    parts = [(_part(term, depth - 1), term, coef) for term, coef in terms_of(use)]
    exponents, of = [], set()
    for found, _, _ in parts:
        if found is not None:
            exponents.append(add([(top.exponent, 1) for top in found.tops], use.dtype))
            of |= {node for top in found.tops for node in top.of}
    if not exponents or not any(set(exponent.labels) == set(use.labels) for exponent in exponents):
        # Numbers and vectors that meet in a matrix have few exponentials: their sum would have many.
        return None
    every = exponents if len(exponents) == len(parts) else [*exponents, constant(0.0, use.dtype)]
    while len(every) > 1:
        every = [scalar("maximum", x, y) for x, y in zip(every[::2], every[1::2])] + every[len(every) // 2 * 2 :]
    top = as_shift(every[0])
    left = iter(exponents)
    terms = []
    for found, term, coef in parts:
        rest, less = (term, scaled(top, -1)) if found is None else (found.rest, add([(next(left), 1), (top, -1)]))
        terms.append((contract({*rest.labels, *less.labels}, [(rest, 1), (scalar("exp", less), 1)]), coef))
    return Parted(add(terms, use.dtype), [Top(top, frozenset(of))])


def _times(top: Top, number: float) -> Top:
    return top if number == 1 else top._replace(exponent=scaled(top.exponent, number))


def _part_of_product(use: Use, depth: int) -> Parted | None:
    factors: list[tuple[Use, int]] = []
    tops: list[Top] = []
    for factor, exponent in factors_of(use)[0]:
        found = _part(factor, depth - 1)
        if found is None:
            factors.append((factor, exponent))
            continue
        factors.append((found.rest, exponent))
        tops += [_times(top, exponent) for top in found.tops]
    return Parted(contract(use.labels, factors, use.node.param, (), use.dtype), tops) if tops else None


def _part_of_sum(use: Use) -> Parted | None:
    """The sum over k of w exp(x) exp(y), each exponential of its own axes, as a matrix product of exponentials has: each is lowered by its greatest along k."""
    factors, sums = factors_of(use)
    powers = [(argument_of(factor), exponent) for factor, exponent in factors if is_map(factor, "exp")]
    if any(is_shifted(exponent) or len(set(exponent.labels)) < len(exponent.labels) for exponent, _ in powers):
        return None
    rest = [(factor, exponent) for factor, exponent in factors if not is_map(factor, "exp")]
    if any(factor.node.kind in RELATIONS for factor, _ in rest):
        return None
    groups: dict[frozenset[Label], list[tuple[Use, int]]] = {}
    for exponent, power in powers:
        groups.setdefault(frozenset(exponent.labels), []).append((exponent, power))
    tops = []
    for labels, group in groups.items():
        exponent = add([(one, power) for one, power in group], use.dtype)
        of = frozenset([one.node for one, _ in group])
        over = [label for label in sums if label in labels]
        if not over:
            tops.append(Top(exponent, of))
            continue
        weights = [factor for factor, power in rest if power > 0 and labels.issuperset(factor.labels)]
        top = greatest(exponent, over, weights)
        if len(weights) + len(group) < len(factors):
            # Another factor may be 0 where this one is greatest, so that what counts is far below: what fits as it is stays, and what is small grows.
            most = room(top.dtype)
            fits = scalar("logical_and", scalar("ge", top, constant(0.0, top.dtype)), scalar("lt", top, constant(most, top.dtype)))
            top = scalar("stop", scalar("where", fits, constant(0.0, top.dtype), top))
        weighted = bool(weights)
        tops.append(Top(top, of, weighted))
        rest.append((scalar("exp", kept_finite(lowered(exponent, top), weighted)), 1))
    if not tops:
        return None
    return Parted(contract(use.labels, rest, use.node.param, sums, use.dtype), tops)


def without_powers(use: Use) -> Use:
    """The value with exp(x log b) for powers b**x of a positive number."""
    return _without_powers(use, MOST_DEPTH) if mentions(use.node, ("exp2", "pow")) else use


def _without_powers(use: Use, depth: int) -> Use:
    node = use.node
    if is_map(use, "exp2"):
        return scalar("exp", scaled(argument_of(use), math.log(2)))
    if is_map(use, "pow"):
        base = number_of(node.args[0][0])
        child, positions = node.args[1][:2]
        if base is not None and 0 < base < math.inf:
            return scalar("exp", scaled(Use(child, tuple([use.labels[i] for i in positions])), math.log(base)))
    if depth == 0 or not node.dtype.is_float:
        return use
    if node.kind == "add":
        terms = [(_without_powers(term, depth - 1), coef) for term, coef in terms_of(use)]
        return add(terms, use.dtype) if terms != terms_of(use) else use
    if node.kind == "contract" and node.args:
        factors, sums = factors_of(use)
        changed = [(_without_powers(factor, depth - 1), exponent) for factor, exponent in factors]
        return contract(use.labels, changed, node.param, sums, use.dtype) if changed != factors else use
    return use

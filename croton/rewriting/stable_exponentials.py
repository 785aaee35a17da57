"""Exponentials, and quotients of them, that do not overflow. One rule a function, which gives the other form of a value, or None."""

from __future__ import annotations

from croton.algebra.add import add
from croton.algebra.contract import contract
from croton.algebra.node import Coef, Label, Use
from croton.algebra.pointwise import scalar
from croton.algebra.reduce import reduce
from croton.rewriting.reading import (
    argument_of,
    as_shift,
    exponent_of_sum,
    factors_of,
    is_map,
    is_shifted,
    number_in,
    one_and,
    product_like,
    scaled,
    terms_of,
)


def exp_of_difference_to_lse(use: Use) -> Use | None:
    """exp(x - lse x) = softmax x, shifted by the maximum: the rounding error of lse grows with the offset of x"""
    if not is_map(use, "exp") or argument_of(use).node.kind != "add":
        return None
    terms = terms_of(argument_of(use))
    for lse, weight in terms:
        if lse.node.kind != "reduce" or lse.node.param != "lse" or weight != Coef(-1.0):
            continue
        x = add([term for term in terms if term[0] != lse], use.dtype)
        child, positions = lse.node.args[0]
        rank = len(lse.node.dims)
        if child is not x.node or len(set(positions)) < len(positions):
            continue
        if any(x.labels[axis] != lse.labels[i] for axis, i in enumerate(positions) if i < rank):
            continue
        inner = [label for label, i in zip(x.labels, positions) if i >= rank]
        return _softmax(x, inner)
    return None


def _softmax(x: Use, over: list[Label]) -> Use:
    """exp(x - m) / sum exp(x - m) with m the maximum, a constant to the derivative."""
    numerator = scalar("exp", add([(x, 1), (_top(x, over), -1)]))
    return contract(set(x.labels), [(numerator, 1), (_sum_over(numerator, over), -1)])


def _top(x: Use, over: list[Label]) -> Use:
    """The maximum, a constant to the derivative; 0 where it is infinite, as in lse, so that both share their exponentials."""
    return as_shift(reduce("max", x, over))


def _sum_over(use: Use, over: list[Label]) -> Use:
    return contract(set(use.labels) - set(over), [(use, 1)], 1, over)


def quotient_by_sum_of_exponentials(use: Use) -> Use | None:
    """exp(x) / sum exp(x) = exp(x - m) / sum exp(x - m) with m = max x, a constant to the derivative"""
    node = use.node
    if not any(arg[2] < 0 and exponent_of_sum(arg[0]) is not None for arg in node.args):
        return None
    factors, sums = factors_of(use)
    for j, (total, q) in enumerate(factors):
        numerator_of = exponent_of_sum(total.node) if q < 0 else None
        if numerator_of is None:
            continue
        rank = len(total.node.dims)
        for i, (numerator, p) in enumerate(factors):
            if numerator.node is not numerator_of[0] or p < 1:
                continue
            if any(numerator.labels[axis] != total.labels[k] for axis, k in enumerate(numerator_of[1]) if k < rank):
                continue
            # The sum runs over labels of its own.
            own = [Label(size) for size in total.node.sums]
            summed = Use(numerator.node, tuple([(*total.labels, *own)[k] for k in numerator_of[1]]))
            inner, outer = argument_of(summed), argument_of(numerator)
            if is_shifted(outer) or not set(own) <= set(inner.labels):
                continue
            top = _top(inner, own)
            times = min(p, -q)
            shifted = _sum_over(scalar("exp", add([(inner, 1), (top, -1)])), own)
            factors[i], factors[j] = (numerator, p - times), (total, q + times)
            factors += [(scalar("exp", add([(outer, 1), (top, -1)])), times), (shifted, -times)]
            return product_like(use, factors, sums)
    return None


def quotient_by_one_plus_exp(use: Use) -> Use | None:
    """1 / (1 + exp x) = sigmoid(-x)"""
    if not any(arg[2] < 0 and arg[0].kind == "add" for arg in use.node.args):
        return None
    factors, sums = factors_of(use)
    for place, (factor, exponent) in enumerate(factors):
        rest = one_and(factor) if exponent < 0 else None
        if rest is not None and is_map(rest[0], "exp") and rest[1] == Coef(1.0):
            factors[place] = (scalar("sigmoid", scaled(argument_of(rest[0]), -1)), -exponent)
            return product_like(use, factors, sums)
    return None


def exp_times_sigmoid(use: Use) -> Use | None:
    """exp(x) * sigmoid(-x) = sigmoid x"""
    functions = [arg[0].param for arg in use.node.args if arg[0].kind == "map"]
    if "exp" not in functions or "sigmoid" not in functions:
        return None
    factors, sums = factors_of(use)
    for i, (grown, p) in enumerate(factors):
        if p < 1 or not is_map(grown, "exp"):
            continue
        wanted = scaled(argument_of(grown), -1)
        for j, (shrunk, q) in enumerate(factors):
            if q < 1 or not is_map(shrunk, "sigmoid") or argument_of(shrunk) != wanted:
                continue
            times = min(p, q)
            factors[i], factors[j] = (grown, p - times), (shrunk, q - times)
            factors.append((scalar("sigmoid", argument_of(grown)), times))
            return product_like(use, factors, sums)
    return None


def exp_minus_one(use: Use) -> Use | None:
    """exp(x) - 1 = expm1 x"""
    terms = terms_of(use)
    for i, (grown, weight) in enumerate(terms):
        if not is_map(grown, "exp") or weight.sizes:
            continue
        for j, (one, times) in enumerate(terms):
            if number_in(one, times) == -weight.number:
                rest = [term for place, term in enumerate(terms) if place not in (i, j)]
                return add([*rest, (scalar("expm1", argument_of(grown)), weight)], use.node.dtype)
    return None

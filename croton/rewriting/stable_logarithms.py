"""Logarithms that lose nothing and do not overflow. One rule a function, which gives the other form of a value, or None."""

from __future__ import annotations

import math

from croton.algebra.add import add
from croton.algebra.constant import constant
from croton.algebra.contract import contract
from croton.algebra.node import ONE, RELATIONS, Coef, Label, Use
from croton.algebra.pointwise import scalar
from croton.algebra.reduce import reduce
from croton.algebra.sign import positive
from croton.rewriting.exponents import part
from croton.rewriting.reading import argument_of, as_shift, factors_of, is_map, is_shifted, number_in, one_and, scaled, terms_of


def log_of_exp(use: Use) -> Use | None:
    """log(exp x) = x"""
    if not is_map(use, "log") or not is_map(argument_of(use), "exp"):
        return None
    return argument_of(argument_of(use))


def log_of_sigmoid(use: Use) -> Use | None:
    """log(sigmoid x) = -softplus(-x)"""
    if not is_map(use, "log") or not is_map(argument_of(use), "sigmoid"):
        return None
    return scaled(scalar("softplus", scaled(argument_of(argument_of(use)), -1)), -1)


def log_of_one_plus_exp(use: Use) -> Use | None:
    """log(1 + exp x) = softplus x"""
    inner = _after_one(use)
    if inner is None or not is_map(inner[0], "exp") or inner[1] != Coef(1.0):
        return None
    return scalar("softplus", argument_of(inner[0]))


def log_of_one_minus_sigmoid(use: Use) -> Use | None:
    """log(1 - sigmoid x) = -softplus x"""
    inner = _after_one(use)
    if inner is None or not is_map(inner[0], "sigmoid") or inner[1] != Coef(-1.0):
        return None
    return scaled(scalar("softplus", argument_of(inner[0])), -1)


def _after_one(use: Use) -> tuple[Use, Coef] | None:
    """The second term of log(1 + c*u) or log1p(c*u)."""
    if is_map(use, "log"):
        return one_and(argument_of(use))
    if not is_map(use, "log1p"):
        return None
    argument = argument_of(use)
    node = argument.node
    if node.kind == "contract" and len(node.args) == 1 and not node.sums and node.args[0][2] == 1:
        return argument_of(argument), node.param
    return argument, Coef(1.0)


def log_of_one_plus_tanh(use: Use) -> Use | None:
    """log(c + c tanh x) = log(2 c) - softplus(-2 x)"""
    if not is_map(use, "log") or argument_of(use).node.kind != "add" or len(argument_of(use).node.args) != 2:
        return None
    terms = terms_of(argument_of(use))
    for (one, weight), (grown, times) in zip(terms, terms[::-1]):
        number = number_in(one, weight)
        if number is None or not number > 0 or not is_map(grown, "tanh") or times not in (Coef(number), Coef(-number)):
            continue
        sign = 1 if times.number > 0 else -1
        rest = scalar("softplus", scaled(argument_of(grown), -2 * sign))
        return add([(constant(math.log(2 * number), use.dtype), 1), (rest, -1)])
    return None


def log_of_one_minus_tanh_squared(use: Use) -> Use | None:
    """log(c - c tanh(x)^2) = log(4 c) - softplus(2 x) - softplus(-2 x)"""
    if not is_map(use, "log") or argument_of(use).node.kind != "add" or len(argument_of(use).node.args) != 2:
        return None
    terms = terms_of(argument_of(use))
    for (one, weight), (square, times) in zip(terms, terms[::-1]):
        number = number_in(one, weight)
        if number is None or not number > 0 or times != Coef(-number) or square.node.kind != "contract" or square.node.param != ONE:
            continue
        factors, sums = factors_of(square)
        if not sums and len(factors) == 1 and factors[0][1] == 2 and is_map(factors[0][0], "tanh"):
            x = argument_of(factors[0][0])
            sides = [(scalar("softplus", scaled(x, side)), -1) for side in (2, -2)]
            return add([(constant(math.log(4 * number), use.dtype), 1), *sides])
    return None


def log_of_sum_of_two_exponentials(use: Use) -> Use | None:
    """log(exp x + exp y) = logaddexp(x, y)"""
    if not is_map(use, "log") or argument_of(use).node.kind != "add":
        return None
    terms = terms_of(argument_of(use))
    if len(terms) != 2 or any(not is_map(term, "exp") or coef != Coef(1.0) for term, coef in terms):
        return None
    return scalar("logaddexp", argument_of(terms[0][0]), argument_of(terms[1][0]))


def log_of_terms(use: Use) -> Use | None:
    """log(a exp x + sum b exp y + ...) = m + log(a exp(x - m) + ...) with m the greatest exponent, a constant to the derivative"""
    if not is_map(use, "log") and not is_map(use, "log1p"):
        return None
    argument = argument_of(use)
    terms = terms_of(argument) if argument.node.kind == "add" else [(argument, Coef(1.0))]
    if is_map(use, "log1p"):
        terms.append((constant(1.0, use.dtype), Coef(1.0)))
    parts = []
    for term, coef in terms:
        part = _part(term) if coef.number > 0 else None
        if part is None:
            return None
        parts.append((*part, coef))
    exponents = [exponent for _, exponent, _ in parts if exponent is not None]
    if len(terms) < 2 or not exponents:
        return None
    if len(exponents) < len(parts):
        exponents.append(constant(0.0, use.dtype))
    while len(exponents) > 1:
        # In pairs, so that many terms make no long chain.
        pairs = list(zip(exponents[::2], exponents[1::2]))
        exponents = [scalar("maximum", x, y) for x, y in pairs] + exponents[2 * len(pairs) :]
    top = as_shift(exponents[0])
    shifted, ones = [], 0
    for factors, exponent, coef in parts:
        lowered = scaled(top, -1) if exponent is None else add([(exponent, 1), (top, -1)])
        if exponent is None and len(factors) == 1 and number_in(factors[0][0], coef) == 1:
            # What is left of a 1 beside what is small, log1p can tell.
            ones += 1
            shifted.append((scalar("expm1", lowered), Coef(1.0)))
        else:
            factors = [*factors, (scalar("exp", lowered), 1)]
            shifted.append((contract({label for factor, _ in factors for label in factor.labels}, factors), coef))
    return add([(top, 1), (scalar("log1p" if ones == 1 else "log", add(shifted, use.dtype)), 1)], use.dtype)


def _part(term: Use) -> tuple[list[tuple[Use, int]], Use | None] | None:
    """A term as (factors, exponent): their product times exp(exponent), which is None where nothing grows.

    None for a term that is not known to be positive, or cannot overflow any more.
    """
    node = term.node
    summed = _sum_of_exponentials(term)
    if summed is not None:
        exponent, inner = summed
        top = as_shift(reduce("max", exponent, inner))
        lowered = scalar("exp", add([(exponent, 1), (top, -1)]))
        return [(contract(set(lowered.labels) - set(inner), [(lowered, 1)], 1, inner), 1)], top
    if is_map(term, "exp"):
        return None if is_shifted(argument_of(term)) else ([], argument_of(term))
    if not positive(node):
        return None
    if node.kind != "contract" or node.sums or not node.args:
        return [(term, 1)], None
    factors = factors_of(term)[0]
    growing = [(argument_of(factor), exponent) for factor, exponent in factors if is_map(factor, "exp")]
    if any(is_shifted(exponent) for exponent, _ in growing):
        return None
    rest = [(factor, exponent) for factor, exponent in factors if not is_map(factor, "exp")]
    if node.param != ONE:
        rest.append((constant(node.param, term.dtype), 1))
    return rest, add(growing, term.dtype) if growing else None


def log_of_cosh(use: Use) -> Use | None:
    """log(cosh x) = logaddexp(x, -x) - log 2"""
    if not is_map(use, "log") or not is_map(argument_of(use), "cosh"):
        return None
    x = argument_of(argument_of(use))
    return add([(scalar("logaddexp", x, scaled(x, -1)), 1), (constant(math.log(2), x.dtype), -1)])


def log_of_one_plus(use: Use) -> Use | None:
    """log(1 + x) = log1p x"""
    if not is_map(use, "log"):
        return None
    rest = one_and(argument_of(use))
    return None if rest is None else scalar("log1p", scaled(*rest))


def log_of_minus_expm1(use: Use) -> Use | None:
    """log(1 - exp x) = log(-expm1 x) near 0, log1p(-exp x) away from it (Maechler, Accurately computing log(1 - exp(-|a|)), 2012)"""
    if not is_map(use, "log"):
        return None
    argument = argument_of(use)
    node = argument.node
    if node.kind != "contract" or node.sums or len(node.args) != 1 or node.args[0][2] != 1 or node.param != Coef(-1.0):
        return None
    inner = argument_of(argument)
    if not is_map(inner, "expm1"):
        return None
    x = argument_of(inner)
    near = scalar("gt", x, constant(-0.6931471805599453, x.dtype))
    # Each branch sees a value it is good for, so that neither derivative is infinite where it is not taken.
    low = scalar("where", near, constant(-1.0, x.dtype), x)
    high = scalar("where", near, x, constant(-0.5, x.dtype))
    close = scalar("log", scalar("identity", scaled(scalar("expm1", high), -1)))
    return scalar("where", near, close, scalar("log1p", scaled(scalar("exp", low), -1)))


def log_of_expm1(use: Use) -> Use | None:
    """log(expm1 x) = x + log(-expm1(-x))"""
    if not is_map(use, "log") or not is_map(argument_of(use), "expm1"):
        return None
    x = argument_of(argument_of(use))
    return add([(x, 1), (scalar("log", scaled(scalar("expm1", scaled(x, -1)), -1)), 1)])


def log_of_sum_of_exponentials(use: Use) -> Use | None:
    """log(sum exp x) = lse x, of those that a mask leaves if there is one"""
    summed = _sum_of_exponentials(argument_of(use)) if is_map(use, "log") else None
    return None if summed is None else reduce("lse", *summed)


def log_of_weighted_exponentials(use: Use) -> Use | None:
    """log(sum w exp x) = m + log(sum w exp(x - m)) with m the greatest exponent that has a weight, a constant to the derivative"""
    total = argument_of(use)
    if not is_map(use, "log") or not total.node.sums:
        return None
    found = part(total)
    if found is None:
        return None
    return add([*[(top.exponent, 1) for top in found.tops], (scalar("log", found.rest), 1)], use.dtype)


def _sum_of_exponentials(total: Use) -> tuple[Use, list[Label]] | None:
    """For a sum of exponentials, perhaps masked, the exponent and what it is summed over; None where it cannot overflow."""
    node = total.node
    if node.kind != "contract" or not node.sums or node.param != ONE:
        return None
    factors, inner = factors_of(total)
    masks = [factor for factor, _ in factors if factor.dtype.is_bool and factor.node.kind not in RELATIONS]
    data = [(factor, power) for factor, power in factors if factor not in masks]
    if not data or not all(is_map(factor, "exp") and set(factor.labels) == set(data[0][0].labels) for factor, _ in data):
        return None
    powers = [(argument_of(factor), power) for factor, power in data]
    if any(len(set(exponent.labels)) < len(exponent.labels) or is_shifted(exponent) for exponent, _ in powers):
        return None
    exponent = add(powers, total.dtype)
    if not set(inner) <= set(exponent.labels):
        return None
    for mask in masks:
        exponent = scalar("where", mask, exponent, constant(-math.inf, exponent.dtype))
    return exponent, inner

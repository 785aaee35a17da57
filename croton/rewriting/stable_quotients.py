"""Quotients of sums of exponentials that are not infinity by infinity. One rule a function, which gives the other form of a value, or None."""

from __future__ import annotations

from croton.algebra.add import add
from croton.algebra.constant import number_of
from croton.algebra.contract import contract
from croton.algebra.node import ONE, Coef, Label, Use
from croton.algebra.pointwise import scalar
from croton.algebra.sign import positive
from croton.rewriting.exponents import Top, kept_finite, lowered, part, without_powers
from croton.rewriting.reading import argument_of, factors_of, is_map, is_shifted, number_in, one_and, product_like, scaled, terms_of

Pair = tuple[tuple[Use | None, float], tuple[Use | None, float]]
"""a exp x + b exp y as (x, a), (y, b); None for the exponent 0."""


def difference_over_sum(use: Use) -> Use | None:
    """(exp x - exp y) / (exp x + exp y) = tanh((x - y) / 2)"""
    if not any(arg[2] < 0 and (arg[0].kind == "add" or arg[0].param == "cosh") for arg in use.node.args):
        return None
    factors, sums = factors_of(use)
    for j, (total, q) in enumerate(factors):
        below = _pair(total) if q < 0 else None
        if below is None or below[0][1] != below[1][1]:
            continue
        for i, (difference, p) in enumerate(factors):
            above = _pair(difference) if p > 0 else None
            if above is None or above[0][1] != -above[1][1] or {above[0][0], above[1][0]} != {below[0][0], below[1][0]}:
                continue
            terms = [(exponent, sign) for (exponent, _), sign in zip(above, (0.5, -0.5)) if exponent is not None]
            times = min(p, -q)
            factors[i], factors[j] = (difference, p - times), (total, q + times)
            factors.append((scalar("tanh", add(terms, use.dtype)), times))
            return scaled(product_like(use, factors, sums), (above[0][1] / below[0][1]) ** times)
    return None


def _pair(use: Use) -> Pair | None:
    if is_map(use, "cosh") or is_map(use, "sinh"):
        x = argument_of(use)
        return (x, 0.5), (scaled(x, -1), 0.5 if use.node.param == "cosh" else -0.5)
    if is_map(use, "expm1"):
        return (argument_of(use), 1.0), (None, -1.0)
    if use.node.kind != "add" or len(use.node.args) != 2:
        return None
    found: list[tuple[Use | None, float]] = []
    for term, coef in terms_of(use):
        number = number_in(term, coef)
        if number is not None:
            found.append((None, number))
        elif is_map(term, "exp") and not coef.sizes:
            found.append((argument_of(term), coef.number))
    return (found[0], found[1]) if len(found) == 2 and found[0][0] != found[1][0] else None


def exp_over_expm1(use: Use) -> Use | None:
    """exp(x) / expm1(x) = -1 / expm1(-x), where exp(x) may be spelled expm1(x) + 1, as in a derivative"""
    for i, j, times, factors, sums in _pairs(use, "expm1"):
        x = argument_of(factors[j][0])
        if _exponent(factors[i][0]) == x:
            factors[i], factors[j] = (factors[i][0], factors[i][1] - times), (factors[j][0], factors[j][1] + times)
            factors.append((scalar("expm1", scaled(x, -1)), -times))
            return scaled(product_like(use, factors, sums), (-1.0) ** times)
    return None


def exp_over_exp(use: Use) -> Use | None:
    """exp(x) / exp(y) = exp(x - y)"""
    for i, j, times, factors, sums in _pairs(use, "exp"):
        x, y = _exponent(factors[i][0]), argument_of(factors[j][0])
        if x is not None and set(x.labels) == set(y.labels) and not is_shifted(x) and not is_shifted(y):
            factors[i], factors[j] = (factors[i][0], factors[i][1] - times), (factors[j][0], factors[j][1] + times)
            factors.append((scalar("exp", add([(x, 1), (y, -1)])), times))
            return product_like(use, factors, sums)
    return None


def _exponent(use: Use) -> Use | None:
    if is_map(use, "exp"):
        return argument_of(use)
    rest = one_and(use)
    return argument_of(rest[0]) if rest is not None and rest[1] == ONE and is_map(rest[0], "expm1") else None


def _pairs(use: Use, function: str) -> list[tuple[int, int, int, list[tuple[Use, int]], list[Label]]]:
    """Places of an exponential and of a value of the function that it is divided by, and how often, with all factors."""
    args = use.node.args
    if not any(arg[2] < 0 and arg[0].kind == "map" and arg[0].param == function for arg in args):
        return []
    factors, sums = factors_of(use)
    above = [i for i, (factor, p) in enumerate(factors) if p > 0 and _exponent(factor) is not None]
    below = [j for j, (factor, q) in enumerate(factors) if q < 0 and is_map(factor, function)]
    return [(i, j, min(factors[i][1], -factors[j][1]), factors, sums) for i in above for j in below]


def exp_over_terms(use: Use) -> Use | None:
    """exp(x) / (a exp x + b exp y + c) = 1 / (a + b exp(y - x) + c exp(-x)) with a, b, c positive, or one term beside that of x"""
    args = use.node.args
    if not any(arg[0].kind == "add" for arg in args) or not any(arg[0].kind == "map" and arg[0].param == "exp" for arg in args):
        return None
    factors, sums = factors_of(use)
    for i, (grown, p) in enumerate(factors):
        if p < 1 or not is_map(grown, "exp") or is_shifted(argument_of(grown)):
            continue
        for j, (total, q) in enumerate(factors):
            divided = _divided(total, argument_of(grown)) if q < 0 else None
            if divided is not None:
                times = min(p, -q)
                factors[i], factors[j] = (grown, p - times), (total, q + times)
                return product_like(use, [*factors, (divided, -times)], sums)
            quotients = _quotients_divided(total, argument_of(grown)) if q == 1 else None
            if quotients is not None:
                factors[i], factors[j] = (grown, p - 1), (quotients, 1)
                return product_like(use, factors, sums)
    return None


def _quotients_divided(total: Use, x: Use) -> Use | None:
    """A sum of quotients times exp(x), where what each of them is divided by is a sum that has exp(x) in it, as in a second derivative."""
    if total.node.kind != "add":
        return None
    terms = []
    for term, coef in terms_of(total):
        factors = factors_of(term)[0] if term.node.kind == "contract" and not term.node.sums else []
        found = next(((j, divided) for j, (factor, q) in enumerate(factors) if q < 0 and (divided := _divided(factor, x)) is not None), None)
        if found is None:
            return None
        place, divided = found
        factors[place] = (factors[place][0], factors[place][1] + 1)
        kept = [*((factor, power) for factor, power in factors if power), (divided, -1)]
        terms.append((contract({label for factor, _ in kept for label in factor.labels}, kept, term.node.param, (), total.dtype), coef))
    return add(terms, total.dtype)


def _divided(total: Use, x: Use) -> Use | None:
    """A sum of a few exponentials divided by exp(x), which is one of them."""
    if total.node.kind != "add" or set(total.labels) != set(x.labels):
        return None
    found, terms = False, []
    for term, coef in terms_of(total):
        factors = factors_of(term)[0] if term.node.kind == "contract" and term.node.args and not term.node.sums else [(term, 1)]
        powers = [(argument_of(factor), power) for factor, power in factors if is_map(factor, "exp")]
        rest = [(factor, power) for factor, power in factors if not is_map(factor, "exp")]
        if not all(positive(factor.node) for factor, _ in rest) or (coef.number < 0 and len(total.node.args) > 2):
            return None
        exponent = add([*powers, (x, -1)], total.dtype)
        found = found or number_in(exponent, Coef(1.0)) == 0
        rest.append((scalar("exp", exponent), 1))
        terms.append((contract({label for factor, _ in rest for label in factor.labels}, rest, 1, (), total.dtype), coef))
    return add(terms, total.dtype) if found else None


def quotient_of_sums(use: Use) -> Use | None:
    """f(exp x) / g(exp x) = f(exp(x - m)) / g(exp(x - m)) with m the greatest exponent of the sums g, a constant to the derivative"""
    args = use.node.args
    if not any(arg[2] < 0 and (arg[0].kind == "add" or arg[0].sums or arg[0].param == "sqrt") for arg in args):
        return None
    factors, sums = factors_of(use)
    below = {j: part(factor) for j, (factor, q) in enumerate(factors) if q < 0 and not is_map(factor, "exp")}
    related = {node for found in below.values() if found is not None for top in found.tops for node in top.of}
    if not related:
        return None
    above = {}
    for i, (factor, p) in enumerate(factors):
        found = part(factor) if p > 0 else None
        if found is not None and any(not related.isdisjoint(top.of) for top in found.tops):
            above[i] = found
    if not above:
        return None
    result = [factor for place, factor in enumerate(factors) if place not in above and below.get(place) is None]
    grown: list[tuple[Top, int]] = []
    tops: list[tuple[Top, int]] = []
    for i, found in above.items():
        power = factors[i][1]
        if is_map(factors[i][0], "exp"):
            grown += [(top, power) for top in found.tops]
        else:
            result.append((found.rest, power))
            tops += [(top, power) for top in found.tops]
    lower: list[tuple[Top, int]] = []
    for j, found in below.items():
        if found is not None:
            result.append((found.rest, factors[j][1]))
            lower += [(top, -factors[j][1]) for top in found.tops]
    # An exponential loses one of the greatest exponents for each power of it, and stays one of its own axes.
    for other, power in grown:
        for place, (top, left) in enumerate(lower):
            times = min(power, left) if _are_related(other, top) else 0
            if times:
                result.append((scalar("exp", kept_finite(lowered(other.exponent, top.exponent), top.weighted)), times))
                lower[place] = (top, left - times)
                power -= times
        if power:
            result.append((scalar("exp", other.exponent), power))
    # Those of sums lose what is left, all at once. Their difference is exact where they are near, and a logarithm would add it up with others.
    for other, power in tops:
        exponent = scaled(other.exponent, power)
        for place, (top, left) in enumerate(lower):
            if left and _are_related(other, top):
                exponent = lowered(exponent, scaled(top.exponent, left))
                lower[place] = (top, 0)
        if number_of(exponent.node) != 0:
            result.append((scalar("exp", scalar("kept", exponent)), 1))
    result += [(scalar("exp", scaled(top.exponent, -1)), left) for top, left in lower if left]
    return product_like(use, result, sums)


def _are_related(other: Top, top: Top) -> bool:
    """Whether an exponent is one of those, or the greatest of some, that another is the greatest of, and has all its axes."""
    return not top.of.isdisjoint(other.of) and set(top.exponent.labels) <= set(other.exponent.labels)


def quotient_of_powers(use: Use) -> Use | None:
    """f(b**x) / g(b**x) = f(exp(x log b)) / g(exp(x log b)) for numbers b, where the quotient simplifies"""
    if not any(arg[2] < 0 for arg in use.node.args):
        return None
    spelled = without_powers(use)
    if spelled == use or spelled.node.kind != "contract":
        return None
    return next((found for found in (rule(spelled) for rule in QUOTIENTS) if found is not None), None)


QUOTIENTS = [difference_over_sum, exp_over_expm1, exp_over_exp, exp_over_terms, quotient_of_sums]
"""Rules that leave no exponential both above and below."""

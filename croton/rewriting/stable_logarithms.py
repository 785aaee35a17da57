"""Logarithms that lose nothing and do not overflow. One rule a function, which gives the other form of a value, or None."""

from __future__ import annotations

import math

from croton.algebra.add import add
from croton.algebra.coefficient import multiply
from croton.algebra.constant import constant
from croton.algebra.node import ONE, RELATIONS, Coef, Label, Use
from croton.algebra.pointwise import scalar
from croton.algebra.reduce import reduce
from croton.rewriting.reading import argument_of, factors_of, is_map, is_shifted, number_in, one_and, scaled, terms_of


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


def log_of_terms(use: Use) -> Use | None:
    """log(a exp x + b exp y + ...) = logaddexp(x + log a, y + log b, ...), also of sums of exponentials, their products and positive numbers"""
    if not is_map(use, "log") or argument_of(use).node.kind != "add":
        return None
    terms = terms_of(argument_of(use))
    if not any(_grows(term) for term, _ in terms):
        return None
    logarithms = []
    for term, coef in terms:
        logarithm = _logarithm(term, coef)
        if logarithm is None:
            return None
        logarithms.append(logarithm)
    while len(logarithms) > 1:
        # In pairs, so that many terms make no long chain.
        pairs = list(zip(logarithms[::2], logarithms[1::2]))
        logarithms = [scalar("logaddexp", x, y) for x, y in pairs] + logarithms[2 * len(pairs) :]
    return logarithms[0]


def log_of_one_plus_sum(use: Use) -> Use | None:
    """log1p(sum exp x) = softplus(lse x)"""
    inner = _after_one(use)
    logarithm = _logarithm(*inner) if inner is not None and _grows(inner[0]) else None
    return None if logarithm is None else scalar("softplus", logarithm)


def log_of_cosh(use: Use) -> Use | None:
    """log(cosh x) = logaddexp(x, -x) - log 2"""
    return _logarithm(argument_of(use)) if is_map(use, "log") and is_map(argument_of(use), "cosh") else None


def _grows(use: Use) -> bool:
    """Whether a term may overflow, or vanish, where its logarithm does not."""
    node = use.node
    if node.kind == "contract" and not node.sums:
        return any(_grows(factor) for factor, _ in factors_of(use)[0])
    return is_map(use, "exp") or is_map(use, "cosh") or _sum_of_exponentials(use) is not None


def _logarithm(use: Use, coef: Coef = ONE) -> Use | None:
    """log(coef * use) as a sum of what is no logarithm of data, None where there is no such form."""
    if not coef.number > 0:
        return None
    node = use.node
    number = number_in(use, coef)
    if number is not None:
        return constant(math.log(number), use.dtype) if number > 0 else None
    total: Use | None = None
    if is_map(use, "exp"):
        total = argument_of(use)
    elif is_map(use, "sigmoid"):
        total = scaled(scalar("softplus", scaled(argument_of(use), -1)), -1)
    elif is_map(use, "cosh"):
        x = argument_of(use)
        total = add([(scalar("logaddexp", x, scaled(x, -1)), 1), (constant(math.log(2), use.dtype), -1)])
    elif node.kind == "contract" and not node.sums and node.args:
        factors = [(_logarithm(factor), exponent) for factor, exponent in factors_of(use)[0] if factor.dtype.is_float]
        if len(factors) < len(node.args) or any(factor is None for factor, _ in factors):
            return None
        total = add([(factor, exponent) for factor, exponent in factors if factor is not None], use.dtype)
        coef = multiply(coef, node.param)
        if not coef.number > 0:
            return None
    elif (summed := _sum_of_exponentials(use)) is not None:
        total = reduce("lse", *summed)
    if total is None or coef == ONE:
        return total
    return add([(total, 1), (scalar("log", constant(coef, use.dtype)), 1)], use.dtype)


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


def _sum_of_exponentials(total: Use) -> tuple[Use, list[Label]] | None:
    """For a sum of exponentials, perhaps masked, the exponent and what it is summed over; None where it cannot overflow."""
    node = total.node
    if node.kind != "contract" or not node.sums or node.param != ONE:
        return None
    factors, inner = factors_of(total)
    data = [factor for factor, exponent in factors if not (factor.dtype.is_bool and factor.node.kind not in RELATIONS and exponent == 1)]
    if len(data) != 1 or not is_map(data[0], "exp") or any(factor == data[0] and exponent != 1 for factor, exponent in factors):
        return None
    exponent = argument_of(data[0])
    if len(set(data[0].labels)) < len(data[0].labels) or is_shifted(exponent) or not set(inner) <= set(exponent.labels):
        return None
    for mask, _ in factors:
        if mask != data[0]:
            exponent = scalar("where", mask, exponent, constant(-math.inf, exponent.dtype))
    return exponent, inner

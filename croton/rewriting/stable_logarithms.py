"""Logarithms that lose nothing and do not overflow. One rule a function, which gives the other form of a value, or None."""

from __future__ import annotations

from croton.algebra.constant import constant
from croton.algebra.node import Coef, Use
from croton.algebra.pointwise import scalar
from croton.algebra.reduce import reduce
from croton.rewriting.reading import argument_of, exponent_of_sum, factors_of, is_map, is_shifted, one_and, scaled, terms_of


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


def log_of_sum_of_two_exponentials(use: Use) -> Use | None:
    """log(exp x + exp y) = logaddexp(x, y)"""
    if not is_map(use, "log") or argument_of(use).node.kind != "add":
        return None
    terms = terms_of(argument_of(use))
    if len(terms) != 2 or any(not is_map(term, "exp") or coef != Coef(1.0) for term, coef in terms):
        return None
    return scalar("logaddexp", argument_of(terms[0][0]), argument_of(terms[1][0]))


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


def log_of_sum_of_exponentials(use: Use) -> Use | None:
    """log(sum exp x) = lse x"""
    if not is_map(use, "log"):
        return None
    total = argument_of(use)
    if exponent_of_sum(total.node) is None:
        return None
    factors, inner = factors_of(total)
    exponent = argument_of(factors[0][0])
    if is_shifted(exponent) or not set(inner) <= set(exponent.labels):
        return None
    return reduce("lse", exponent, inner)

"""Values at 0 whose formulas are undefined there. One rule a function, which gives the other form of a value, or None."""

from __future__ import annotations

from croton.algebra.node import Node, Use
from croton.algebra.pointwise import scalar
from croton.rewriting.reading import argument_of, factors_of, is_map, product_like


def x_log_x(use: Use) -> Use | None:
    """x log x = 0 at x = 0"""
    if not any(arg[0].kind == "map" and arg[0].param == "log" and arg[2] == 1 for arg in use.node.args):
        return None
    factors, sums = factors_of(use)
    for i, (log, p) in enumerate(factors):
        if p != 1 or not is_map(log, "log"):
            continue
        x = argument_of(log)
        for j, (factor, q) in enumerate(factors):
            if factor == x and q >= 1:
                factors[i], factors[j] = (scalar("xlogx", x), 1), (factor, q - 1)
                return product_like(use, factors, sums)
    return None


def quotient_by_norm(use: Use) -> Use | None:
    """x / sqrt(sum of x^2) = 0 at x = 0: the subgradient of the norm that is smallest"""
    if not any(arg[2] < 0 and arg[0].kind == "map" and arg[0].param == "sqrt" for arg in use.node.args):
        return None
    factors, sums = factors_of(use)
    present = {factor.node for factor, exponent in factors if exponent > 0}
    for place, (norm, exponent) in enumerate(factors):
        if exponent < 0 and is_map(norm, "sqrt") and not _squared(norm.node.args[0][0]).isdisjoint(present):
            factors[place] = (scalar("safe_reciprocal", norm), -exponent)
            return product_like(use, factors, sums)
    return None


def _squared(node: Node) -> set[Node]:
    """Values that are all 0 where a sum of even powers is 0; empty where a value is no such sum."""
    if node.kind == "contract" and node.param.number > 0 and node.args:
        data = [arg for arg in node.args if not arg[0].dtype.is_bool]
        return {data[0][0]} if len(data) == 1 and data[0][2] > 0 and data[0][2] % 2 == 0 else set()
    if node.kind == "add":
        found: set[Node] = set()
        for child, _, coef in node.args:
            below = _squared(child) if child.kind == "contract" and coef.number > 0 else set()
            if not below:
                return set()
            found |= below
        return found
    return set()

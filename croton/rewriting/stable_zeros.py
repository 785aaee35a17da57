"""Values at 0 whose formulas are undefined there. One rule a function, which gives the other form of a value, or None."""

from __future__ import annotations

from croton.algebra.node import Use
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

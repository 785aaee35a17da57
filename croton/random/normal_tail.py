"""The far end of the normal distribution, where the distribution function is 1 to all digits.

With the Mills ratio R(x) = Q(x) / phi(x), for Q the chance of more than x and phi the density, log Q(x) = log phi(x) + log R(x) keeps its digits
wherever x lies, and its slope is -1 / R(x): so Newton's method inverts it.
"""

from __future__ import annotations

from croton.expr.expr import Expr
from croton.ops.logic import where
from croton.ops.transcendental import exp, log, log1p, sqrt

BEGINS = 3.0
"""The tail is what is further out than this: float32 has some ten thousand values of the distribution function beyond it."""

_TERMS = 24
"""Of the continued fraction of the Mills ratio: an error below 1e-10 from `BEGINS` on."""

_STEPS = 3
"""Of Newton's method, which begins with an error of at most 0.02 and squares it."""


def beyond(u: Expr, lower: Expr, upper: Expr) -> Expr:
    """The number between the bounds, `BEGINS` or more, that a share u of the chance between them lies below. An upper bound may be infinite."""
    upper = where(upper < _INFINITE, upper, _INFINITE)
    between = (lower - upper) * (lower + upper) / 2
    ratio_of_lower = _mills(lower)
    left = log1p(-u * (1 - exp(between) * _mills(upper) / ratio_of_lower))  # log Q(x) - log Q(lower)
    # As if the density were x phi(x).
    x = sqrt(lower**2 - 2 * log1p(-u * (1 - exp(between))))
    for _ in range(_STEPS):
        ratio = _mills(x)
        x = x + ratio * ((lower - x) * (lower + x) / 2 + log(ratio / ratio_of_lower) - left)
    return x


_INFINITE = 1e18
"""So far out that nothing is beyond, in float32 too, and squares are finite."""


def _mills(x: Expr) -> Expr:
    """1 / (x + 1 / (x + 2 / (x + 3 / ...)))."""
    below = x
    for term in range(_TERMS, 0, -1):
        below = x + term / below
    return 1 / below

"""Special functions of one number that Python's math module lacks: the references for those of arrays."""

from __future__ import annotations

import math
from statistics import NormalDist

_NORMAL = NormalDist()


def inverse_erf(x: float) -> float:
    """The number whose error function is x; infinite at -1 and 1, NaN beyond.

    The quantile of the normal distribution, and two Newton steps on erf (or on erfc, whose argument is exact, near 1) for the last bits.
    """
    if x != x or abs(x) > 1:
        return math.nan
    if abs(x) == 1:
        return math.copysign(math.inf, x)
    size = abs(x)
    rest = 1 - size  # exact from 1/2 on
    if size < 1e-8:
        return x * math.sqrt(math.pi) / 2
    y = -_NORMAL.inv_cdf(rest / 2) / math.sqrt(2)
    for _ in range(2):
        error = math.erf(y) - size if size < 0.5 else rest - math.erfc(y)
        y -= error * math.sqrt(math.pi) / 2 * math.exp(y * y)
    return math.copysign(y, x)

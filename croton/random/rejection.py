"""Numbers of distributions without an inverse: proposals, of which the first that is accepted counts.

There is a fixed number of proposals, so that a number depends on its key alone, and a value to fall back on. It is so unlikely to be needed that no
sample shows it.
"""

from __future__ import annotations

import math

from croton.dtypes import DType, float32, float64
from croton.expr.expr import Constant, Expr
from croton.ops.arithmetic import abs, minimum
from croton.ops.broadcasting import stretch
from croton.ops.casting import astype
from croton.ops.logic import where
from croton.ops.rounding import floor
from croton.ops.transcendental import exp, log, sqrt
from croton.random.key import split
from croton.random.pathwise import slope_of_logarithm
from croton.random.unit import open_unit, standard_normal, unit_pair
from croton.sizes import Size
from croton.transforms.custom import custom_vjp

GAMMA_PROPOSALS = 12
"""Each is accepted with a probability of at least 0.95: running out is a matter of 1e-16."""

POISSON_PROPOSALS = 14
"""Each is accepted with a probability of at least 0.84, 0.9 for large rates: running out is a matter of 1e-11."""


def gamma_of(key: Expr, concentration: Expr, shape: tuple[Size, ...], kind: DType) -> tuple[Expr, Expr]:
    """A gamma variate of rate 1 as a number and the logarithm of a factor, since the product of a small concentration may be too small to write down.

    The derivative by the concentration is that of the number whose place in the distribution stays; all of it is on the number, none on the factor.
    """
    concentration = stretch(concentration, shape)
    if isinstance(concentration, Constant):
        return _proposed(key, concentration, shape, kind)

    def moved(arguments: tuple[Expr, Expr], variate: tuple[Expr, Expr], cotangents: tuple[Expr, Expr]) -> tuple[None, Expr]:
        value, factor = variate
        slope = slope_of_logarithm(arguments[1], log(astype(value, float64)) + astype(factor, float64))
        # Of concentrations so small that the variate is 0, whose slope is 0 and not 0 times infinity.
        return None, cotangents[0] * value * astype(minimum(slope, 1e30 if kind is float32 else 1e290), kind)

    return custom_vjp(lambda key, concentration: _proposed(key, concentration, shape, kind), moved)(key, concentration)


def _proposed(key: Expr, concentration: Expr, shape: tuple[Size, ...], kind: DType) -> tuple[Expr, Expr]:
    """A gamma variate of rate 1 as a number and the logarithm of a factor.

    Marsaglia and Tsang, ACM Transactions on Mathematical Software 26 (2000). A concentration below 1 is raised by 1, and the factor is a power of a uniform
    number. One below 0 gives NaN.
    """
    boost = concentration < 1
    raised = where(boost, concentration + 1, concentration)
    d = raised - 1 / 3
    c = 1 / sqrt(9 * d)
    keys = split(key, 2 * GAMMA_PROPOSALS + 1)
    # From the last proposal to the first, so that the first accepted one stays.
    value = d
    for attempt in reversed(range(GAMMA_PROPOSALS)):
        x = standard_normal(keys[2 * attempt], shape, kind)
        u = open_unit(keys[2 * attempt + 1], shape, kind)
        v = (1 + c * x) ** 3
        positive = v > 0
        safe = where(positive, v, 1.0)
        accepted = positive & (log(u) < 0.5 * x**2 + d - d * safe + d * log(safe))
        value = where(accepted, d * safe, value)
    u = open_unit(keys[-1], shape, kind)
    return where(concentration >= 0, value, float("nan")), where(boost, log(u) / concentration, 0.0)


def poisson_of(key: Expr, rate: Expr, shape: tuple[Size, ...]) -> Expr:
    """Poisson numbers of rates from 10 on, as float64.

    Transformed rejection with squeeze: Hoermann, Insurance: Mathematics and Economics 12 (1993), algorithm PTRS.
    """
    b = 0.931 + 2.53 * sqrt(rate)
    a = 0.02483 * b - 0.059
    height = 1.1239 + 1.1328 / (b - 3.4)
    squeeze = 0.9277 - 3.6224 / (b - 2)
    logarithm = log(rate)
    keys = split(key, POISSON_PROPOSALS)
    count = floor(rate)
    for attempt in reversed(range(POISSON_PROPOSALS)):
        u, v = unit_pair(keys[attempt], shape)
        u = u - 0.5
        near = 0.5 - abs(u)
        k = floor((2 * a / near + b) * u + rate + 0.43)
        possible = (k >= 0) & ((near >= 0.013) | (v <= near))
        safe = where(possible, k, 0.0)
        under = log(v * height / (a / near**2 + b)) <= safe * logarithm - rate - _log_factorial(safe)
        accepted = ((near >= 0.07) & (v <= squeeze)) | (possible & under)
        count = where(accepted, k, count)
    return count


def _log_factorial(k: Expr) -> Expr:
    """The logarithm of k!, by Stirling's series eight steps further on: half of the instructions of lgamma, which knows negative numbers too."""
    product: Expr = k + 1
    for step in range(2, 9):
        product = product * (k + step)
    x = k + 9
    square = 1 / (x * x)
    series = (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188)))) / x
    return (x - 0.5) * log(x) - x + (0.5 * math.log(2 * math.pi) + series) - log(product)


def few_events(u: Expr, rate: Expr, most: int) -> Expr:
    """Poisson numbers of small rates by inversion of the distribution function, of which `most` terms are added up."""
    term = total = exp(-rate)
    count = where(u >= total, 1.0, 0.0)
    for k in range(1, most):
        term = term * rate / k
        total = total + term
        count = count + where(u >= total, 1.0, 0.0)
    return count

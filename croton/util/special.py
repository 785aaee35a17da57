"""Special functions that NumPy lacks: the references of array operations. Each gives the dtype of its argument.

What is not an elementary function of others works one number at a time, in float64: a reference is to be right, not fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np

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


def log_gamma(x: float) -> float:
    """The logarithm of the absolute value of the gamma function; infinite at its poles, where math.lgamma raises."""
    if x != x:
        return x
    if math.isinf(x) or (x <= 0 and x == math.floor(x)):
        return math.inf
    return math.lgamma(x)


def _each(function: Callable[[float], float]) -> Callable[[Any], np.ndarray]:
    one_by_one = np.vectorize(function, otypes=[np.float64])

    def of_array(x: Any) -> np.ndarray:
        return one_by_one(x).astype(np.asarray(x).dtype)

    return of_array


erf, erfc, erfinv, lgamma = _each(math.erf), _each(math.erfc), _each(inverse_erf), _each(log_gamma)


def digamma(x: Any) -> np.ndarray:
    """Reflection to the right half-line, recurrence up to 10, then the asymptotic series (DLMF 5.5.2, 5.5.4, 5.11.2)."""
    given = np.asarray(x)
    z = given.astype(np.float64)
    left = z < 0.5
    y = np.where(left, 1 - z, z)
    shift = np.zeros_like(y)
    for _ in range(10):
        low = y < 10
        shift = shift - np.where(low, 1 / np.where(low, y, 1), 0)
        y = np.where(low, y + 1, y)
    w = 1 / (y * y)
    series = w * (1 / 12 - w * (1 / 120 - w * (1 / 252 - w * (1 / 240 - w * (1 / 132 - w * (691 / 32760 - w / 12))))))
    value = shift + np.log(y) - 0.5 / y - series
    value = np.where(left, value - np.pi / np.tan(np.pi * z), value)
    return np.where((z <= 0) & (z == np.floor(z)), np.nan, value).astype(given.dtype)


def scaled_zeta(s: float, q: float, unit: float) -> float:
    """The sum of ((q + k)/unit)**-s over k >= 0, for s >= 2 and q >= 0 (DLMF 25.11.5)."""
    if q == 0:
        return math.copysign(math.inf, q) if s % 2 else math.inf
    if math.isinf(q):
        return 0.0
    count = max(0, math.ceil(12 + s - q))
    far = q + count
    with np.errstate(over="ignore"):
        terms = [float(np.float64((q + k) / unit) ** -s) for k in range(count)]
    rest, rising = 1 / (s - 1) + 0.5 / far, s / far
    for j, number in enumerate(_BERNOULLI, 1):
        rest += number / math.factorial(2 * j) * rising / far
        rising *= (s + 2 * j - 1) * (s + 2 * j) / far / far
    return sum([*terms, (far / unit) ** (1 - s) * unit * rest])


_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330, 854513 / 138, -236364091 / 2730)


def one_polygamma(order: float, x: float) -> float:
    """The derivative of digamma of an order 1, 2, ... 170, else NaN. Left of 0 the sum over all integers less what is not in this one."""
    if not (1 <= order <= 170 and order == math.floor(order)) or x != x or x == -math.inf:
        return math.nan
    s, sign = order + 1, 1 if order % 2 else -1
    unit = 2.0 ** math.floor(math.log2(0.37 * s))
    factor = sign * math.prod([k / unit for k in range(1, int(order) + 1)]) / unit
    if x >= 0:
        return factor * scaled_zeta(s, x, unit)
    d = x - round(x)
    if d == 0:
        return math.inf if order % 2 else math.nan
    up, down = (d, 1 - d) if d > 0 else (1 + d, -d)
    return factor * (scaled_zeta(s, up, unit) + sign * (scaled_zeta(s, down, unit) - scaled_zeta(s, 1 - x, unit)))


def polygamma(order: Any, x: Any) -> np.ndarray:
    """The derivatives of digamma; see `one_polygamma`."""
    return np.vectorize(one_polygamma, otypes=[np.float64])(order, x).astype(np.asarray(x).dtype)


def sigmoid(x: Any) -> np.ndarray:
    """1 / (1 + exp(-x)) without overflow."""
    x = np.asarray(x)
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e)).astype(x.dtype)


def softplus(x: Any) -> np.ndarray:
    """log(1 + exp(x)) without overflow."""
    x = np.asarray(x)
    return np.logaddexp(np.zeros((), x.dtype), x)


def xlogy(x: Any, y: Any) -> np.ndarray:
    """x * log(y), and 0 where x is 0 unless y is NaN."""
    x = np.asarray(x)
    return np.where((x == 0) & ~np.isnan(y), x.dtype.type(0), x * np.log(y))


def xlogx(x: Any) -> np.ndarray:
    """x * log(x), and 0 where x is 0."""
    return xlogy(x, x)


def safe_reciprocal(x: Any) -> np.ndarray:
    """1 / x, and 0 where x is 0."""
    x = np.asarray(x)
    return np.where(x == 0, x.dtype.type(0), 1 / np.where(x == 0, x.dtype.type(1), x))


def integers_kept(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[Any], np.ndarray]:
    """A rounding function of floats that leaves integers as they are."""

    def rounded(x: Any) -> np.ndarray:
        x = np.asarray(x)
        return function(x) if x.dtype.kind == "f" else x

    return rounded


def power(x: Any, exponent: Any) -> np.ndarray:
    """x to the exponent; of integers a negative power, which is refused before it is computed, is the reciprocal towards zero."""
    x, exponent = np.asarray(x), np.asarray(exponent)
    if x.dtype.kind != "i" or not (exponent < 0).any():
        return np.power(x, exponent)
    inverse = np.where(np.abs(x) == 1, np.where(exponent % 2 == 0, x * x, x), 0)
    return np.where(exponent < 0, inverse, np.power(x, np.maximum(exponent, 0))).astype(x.dtype)


def fused_multiply_add(x: Any, y: Any, z: Any) -> np.ndarray:
    """x * y + z, rounded once but for rare ties: in the next wider type."""
    x = np.asarray(x)
    wide = np.float64 if x.dtype == np.float32 else np.longdouble
    return (x.astype(wide) * np.asarray(y).astype(wide) + np.asarray(z).astype(wide)).astype(x.dtype)


def shift_left(x: Any, count: Any) -> np.ndarray:
    """The bits moved up; nothing is left where the count is not in 0 .. bits - 1."""
    x = np.asarray(x)
    return _shifted(np.left_shift, x, count, x.dtype.type(0))


def shift_right(x: Any, count: Any) -> np.ndarray:
    """The bits moved down, the sign coming in from above; nothing but it is left where the count is not in 0 .. bits - 1."""
    x = np.asarray(x)
    return _shifted(np.right_shift, x, count, np.where(x < 0, x.dtype.type(-1), x.dtype.type(0)) if x.dtype.kind == "i" else x.dtype.type(0))


def _shifted(function: Callable[..., np.ndarray], x: np.ndarray, count: Any, outside: Any) -> np.ndarray:
    inside = (count >= 0) & (count < 8 * x.dtype.itemsize)
    return np.where(inside, function(x, np.where(inside, count, 0).astype(x.dtype)), outside).astype(x.dtype)

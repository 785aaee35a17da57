"""References, error bounds and measures for the vector mathematics; used by its test and by benchmarks/ulp.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import mpmath
import numpy as np
import scipy.special

from croton.util import special

Array = np.ndarray


def sigmoid(x: Array) -> Array:
    """1 / (1 + e**-x) in the precision of x."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def softplus(x: Array) -> Array:
    """log(1 + e**x) in the precision of x."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def lgamma(x: Array) -> Array:
    """log |gamma(x)| in float64, with C's value at minus infinity."""
    return np.where(x == -np.inf, np.inf, scipy.special.gammaln(x))


def erfinv(x: Array) -> Array:
    """The inverse of erf in float64, odd at zero as well."""
    return np.where(x == 0, x, scipy.special.erfinv(x))


def log_gamma_exact(x: mpmath.mpf) -> mpmath.mpf:
    """log |gamma(x)| to any precision."""
    return mpmath.re(mpmath.loggamma(x))


def digamma_floor(x: Array) -> Array:
    """Left of 0 digamma is a difference of terms of about log(-x), kept to 2**-98: a result below 2**-45 of them has fewer correct bits."""
    return np.where((x < 0) & np.isfinite(x), (1.0 + np.log1p(np.abs(x))) * 2.0**-45, 0.0)


def no_floor(*inputs: Array) -> float:
    """Errors count in units of the result's last place, however small it is."""
    return 0.0


class Case(NamedTuple):
    """What a function is held to: a wider reference and the largest error in units in the last place.

    `floor(inputs)` is the magnitude below which a result's last place no longer shrinks; `exact` replaces the reference for float64 where
    NumPy has none in extended precision; `ranges` are intervals worth looking at besides the general ones; the test takes every
    `stride`-th float32, fewer where the reference is slow.
    """

    reference: Callable[..., Array]
    single: float
    double: float
    ranges: tuple[tuple[float, float], ...] = ()
    floor: Callable[..., Array | float] = no_floor
    exact: Callable[[mpmath.mpf], mpmath.mpf] | None = None
    arity: int = 1
    stride: int = 1009


CASES: dict[str, Case] = {
    "exp": Case(np.exp, 1.0, 1.0, ((-0.4, 0.4),)),
    "exp2": Case(np.exp2, 1.05, 1.05, ((-0.5, 0.5),)),
    "expm1": Case(np.expm1, 1.5, 1.8, ((-0.8, 0.8), (-1e-5, 1e-5))),
    "log": Case(np.log, 0.9, 0.9, ((0.5, 2.0), (0.999, 1.001))),
    "log1p": Case(np.log1p, 0.9, 0.9, ((-0.5, 1.0), (-1.0, -0.9))),
    "log2": Case(np.log2, 0.9, 0.9, ((0.5, 2.0), (0.999, 1.001))),
    "log10": Case(np.log10, 0.8, 0.8, ((0.5, 2.0), (0.999, 1.001))),
    "sin": Case(np.sin, 0.9, 0.9, ((-1.0, 1.0), (-1e5, 1e5), (-1e9, 1e9))),
    "cos": Case(np.cos, 0.9, 0.9, ((-1.0, 1.0), (-1e5, 1e5), (-1e9, 1e9))),
    "tan": Case(np.tan, 2.5, 2.5, ((-1.0, 1.0), (-1e5, 1e5), (-1e9, 1e9))),
    "asin": Case(np.arcsin, 2.5, 2.5, ((-1.0, 1.0), (0.45, 0.55))),
    "acos": Case(np.arccos, 1.3, 1.3, ((-1.0, 1.0), (0.99, 1.0))),
    "atan": Case(np.arctan, 2.0, 2.0, ((0.4, 0.5), (2.3, 2.6))),
    "sinh": Case(np.sinh, 2.4, 2.4, ((-1.0, 1.0), (-0.4, 0.4))),
    "cosh": Case(np.cosh, 1.5, 1.5, ((-1.0, 1.0),)),
    "tanh": Case(np.tanh, 2.7, 2.7, ((-1.0, 1.0), (-0.4, 0.4))),
    "asinh": Case(np.arcsinh, 2.0, 2.0, ((-1.0, 1.0),)),
    "acosh": Case(np.arccosh, 2.7, 2.7, ((1.0, 1.01), (1.0, 3.0))),
    "atanh": Case(np.arctanh, 2.2, 2.2, ((-1.0, 1.0), (0.99, 1.0))),
    "sigmoid": Case(sigmoid, 2.5, 2.5, ((-5.0, 5.0),)),
    "softplus": Case(softplus, 2.0, 2.0, ((-5.0, 5.0),)),
    "erf": Case(scipy.special.erf, 1.4, 1.4, ((-3.0, 3.0), (0.9, 1.1), (-7.0, 30.0)), exact=mpmath.erf),
    "erfc": Case(scipy.special.erfc, 1.8, 2.0, ((-3.0, 3.0), (0.4, 0.6), (5.0, 27.2), (-7.0, 30.0)), exact=mpmath.erfc),
    "erfinv": Case(erfinv, 2.5, 3.0, ((-1.0, 1.0), (0.9, 1.0), (0.99999, 1.0), (-0.01, 0.01)), exact=mpmath.erfinv, stride=10007),
    "lgamma": Case(lgamma, 2.5, 2.5, ((0.0, 9.0), (0.9, 2.1), (-9.0, 0.0), (-2.5, -2.4), (-40.0, -9.0), (5.0, 300.0)), exact=log_gamma_exact),
    "digamma": Case(
        scipy.special.psi, 3.0, 3.0, ((0.0, 9.0), (1.4, 1.5), (-9.0, 0.0), (-400.0, 0.0), (5.0, 300.0)), digamma_floor, mpmath.digamma
    ),
    "pow": Case(np.power, 1.1, 1.1, arity=2),
    "atan2": Case(np.arctan2, 2.2, 2.2, arity=2),
    "hypot": Case(np.hypot, 1.3, 1.3, arity=2),
    "polygamma": Case(special.polygamma, 0.6, 3.0, arity=2),
    "fmod": Case(np.fmod, 0.0, 0.0, arity=2),
    "logaddexp": Case(np.logaddexp, 1.5, 1.5, floor=lambda x, y: np.maximum(np.maximum(np.abs(x), np.abs(y)), 1.0), arity=2),
}

SPECIAL = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 2, -2, 3, -3, 0.5, -0.5, 1.5, -1.5, 5e-324, -5e-324, 1e-310, -1e-310, 2.0**-1022]
    + [1e-45, -1e-45, 1e-40, 2.0**-126, 1e300, -1e300, 1.7976931348623157e308, 2.0**53, 2.0**53 + 2, 2.0**52 + 1, -(2.0**53 - 1)]
    + [2.0**24 - 1, -(2.0**24 - 1), 1 + 2.0**-23, 1 - 2.0**-24, 1 + 2.0**-52, 1 - 2.0**-53, 3e38, 709.78, 709.79, -745.1, -745.2]
    + [88.72, 88.73, -103.9, -104.0, 2.0**17, 2.0**30, 1e22, 6381956970095103 * 2.0**797]
)
"""Boundaries of either type; the last is the float64 closest to a multiple of pi/2."""


def single_patterns(start: int, stop: int, stride: int) -> Array:
    """The float32 values of every stride-th bit pattern."""
    return np.arange(start, stop, stride, dtype=np.uint64).astype(np.uint32).view(np.float32)


def double_points(case: Case, count: int, seed: int = 0) -> Array:
    """float64 values of all magnitudes, of ordinary ones, near 1, in the case's ranges, and special ones."""
    generator = np.random.default_rng(seed)
    parts = [
        generator.integers(0, 1 << 64, count, dtype=np.uint64).view(np.float64),
        generator.normal(size=count),
        generator.uniform(-745, 710, count),
        generator.uniform(-40, 40, count),
        1 + generator.normal(size=count) * 1e-3,
        *(generator.uniform(low, high, count) for low, high in case.ranges),
        SPECIAL,
    ]
    return np.concatenate(parts)


def pair_points(name: str, dtype: type, count: int, seed: int = 0) -> tuple[Array, Array]:
    """Arguments of a function of two: ordinary, far apart, near the bounds of the result, and all pairs of special ones."""
    generator = np.random.default_rng(seed)
    wide = 80 if dtype is np.float32 else 340
    x = [generator.normal(size=count), np.exp(generator.uniform(-wide, wide, count)) * generator.choice([-1, 1], count)]
    y = [generator.normal(size=count), np.exp(generator.uniform(-wide, wide, count)) * generator.choice([-1, 1], count)]
    if name == "polygamma":
        orders = np.repeat([1.0, 2.0, 3.0, 7.0, 20.0], 60)
        return orders.astype(dtype), np.tile(np.exp(generator.uniform(-4, 8, 60)), 5).astype(dtype)
    if name == "pow":
        far = 90 if dtype is np.float32 else 720
        base = np.concatenate([generator.uniform(0, 10, count), np.exp(generator.uniform(-wide, wide, count)), 1 + x[0] * 1e-3])
        x.append(base)
        y.append(generator.uniform(-far, far, 3 * count) / np.log(base))
    else:
        scale = np.exp(generator.uniform(-wide, wide, count))
        x.append(generator.normal(size=count) * scale)
        y.append(generator.normal(size=count) * scale)
    with np.errstate(all="ignore"):
        special = SPECIAL.astype(dtype)
        x.append(np.repeat(special, len(special)))
        y.append(np.tile(special, len(special)))
        return np.concatenate(x).astype(dtype), np.concatenate(y).astype(dtype)


def errors(result: Array, reference: Array, floor: Array | float = 0.0) -> tuple[Array, Array]:
    """(units in the last place of `result`'s type, where a non-finite value or the sign of a zero is wrong)."""
    with np.errstate(all="ignore"):
        dtype = result.dtype
        rounded = reference.astype(dtype)
        finite = np.isfinite(rounded) & np.isfinite(result)
        same = (np.isnan(rounded) & np.isnan(result)) | (rounded == result)
        signs = (np.asarray(floor) == 0) & (rounded == 0) & (result == 0)  # where terms cancel, a zero has no sign to keep
        wrong = (~finite & ~same) | (signs & (np.signbit(rounded) != np.signbit(result)))
        unit = np.spacing(np.maximum(np.abs(rounded), np.asarray(floor, dtype))).astype(reference.dtype)
        distance = np.abs(result.astype(reference.dtype) - reference) / unit
        distance[~finite | ~np.isfinite(unit)] = 0
        return distance.astype(np.float64), wrong


def exact_errors(function: Callable[[mpmath.mpf], mpmath.mpf], x: Array, result: Array, floor: Array | float) -> Array:
    """Units in the last place against a reference of arbitrary precision, at finite points."""
    floor = np.broadcast_to(np.asarray(floor, np.float64), x.shape)
    found = np.zeros(len(x))
    with mpmath.workprec(140):
        for k, (argument, value) in enumerate(zip(x.tolist(), result.tolist())):
            exact = function(mpmath.mpf(argument))
            unit = float(np.spacing(max(abs(np.float64(float(exact))), floor[k])))
            found[k] = float(abs(mpmath.mpf(value) - exact) / unit)
    return found

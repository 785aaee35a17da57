"""Continuous distributions. Parameters are expressions or numbers and broadcast against `shape`, which defaults to theirs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from croton.dtypes import DType, dtype, float32, float64
from croton.expr.expr import Constant, Expr
from croton.ops.arithmetic import abs, clip, sign
from croton.ops.axes import broadcast_to
from croton.ops.broadcasting import broadcast_shapes
from croton.ops.casting import converted
from croton.ops.linalg import matmul
from croton.ops.logic import where
from croton.ops.nn import softmax
from croton.ops.transcendental import erf, erfinv, exp, log, log1p, sigmoid, tan
from croton.random.key import sizes, split
from croton.random.normal_tail import BEGINS, beyond
from croton.random.rejection import gamma_of
from croton.random.unit import half_open_unit, open_unit, standard_normal
from croton.sizes import Size
from croton.util.config import config
from croton.util.errors import DTypeError
from croton.util.keywords import also_named


@also_named(minval="low", maxval="high")
def uniform(key: Any, shape: Any = (), low: Any = 0.0, high: Any = 1.0, dtype: object = None) -> Expr:
    """Uniform in [low, high). Every multiple of 2**-24 (float32) or 2**-53 (float64) of the interval is equally likely.

    Bounds other than 0 and 1 may round the greatest of them up to `high`.
    """
    kind = kind_of(dtype)
    bounds, where_to = parameters(kind, shape, low, high)
    unit = half_open_unit(key, where_to, kind)
    if low == 0.0 and high == 1.0 and not isinstance(low, Expr) and not isinstance(high, Expr):
        return unit
    return bounds[0] + unit * (bounds[1] - bounds[0])


@also_named(loc="mean", scale="std")
def normal(key: Any, shape: Any = (), mean: Any = 0.0, std: Any = 1.0, dtype: object = None) -> Expr:
    """Normal with a mean and a standard deviation, by inversion of the distribution function."""
    kind = kind_of(dtype)
    (centre, scale), where_to = parameters(kind, shape, mean, std)
    return centre + scale * standard_normal(key, where_to, kind)


def truncated_normal(key: Any, lower: Any, upper: Any, shape: Any = (), dtype: object = None) -> Expr:
    """The standard normal given that it lies between two bounds, which may be infinite, or both far from 0."""
    kind = kind_of(dtype)
    (a, b), where_to = parameters(kind, shape, lower, upper)
    u = open_unit(key, where_to, kind)
    root = math.sqrt(0.5)
    from_, to = erf(a * root), erf(b * root)
    # Rounding gives no value at infinity.
    most = 1 - 2.0 ** (-24 if kind is float32 else -53)
    inside = clip(math.sqrt(2) * erfinv(clip(from_ + u * (to - from_), -most, most)), a, b)
    if not _may_be_far(a, b):
        return inside
    # Beyond either end the same is done on one side, towards infinity.
    above, below = a >= BEGINS, b <= -BEGINS
    near = where(above, a, where(below, -b, BEGINS))
    far = where(above, b, where(below, -a, BEGINS + 1))
    distance = clip(beyond(u, near, far), near, far)
    return where(above, distance, where(below, -distance, inside))


def _may_be_far(lower: Expr, upper: Expr) -> bool:
    """Whether bounds may both be beyond an end of the distribution."""
    above = not isinstance(lower, Constant) or bool((lower.value >= BEGINS).any())
    below = not isinstance(upper, Constant) or bool((upper.value <= -BEGINS).any())
    return above or below


def exponential(key: Any, shape: Any = (), rate: Any = 1.0, dtype: object = None) -> Expr:
    """Exponential with a rate: mean 1 / rate."""
    kind = kind_of(dtype)
    (scale,), where_to = parameters(kind, shape, rate)
    return -log1p(-half_open_unit(key, where_to, kind)) / scale


def laplace(key: Any, shape: Any = (), loc: Any = 0.0, scale: Any = 1.0, dtype: object = None) -> Expr:
    """Laplace (double exponential)."""
    kind = kind_of(dtype)
    (centre, width), where_to = parameters(kind, shape, loc, scale)
    u = open_unit(key, where_to, kind, symmetric=True)
    return centre - width * sign(u) * log1p(-abs(u))


def logistic(key: Any, shape: Any = (), loc: Any = 0.0, scale: Any = 1.0, dtype: object = None) -> Expr:
    """Logistic."""
    kind = kind_of(dtype)
    (centre, width), where_to = parameters(kind, shape, loc, scale)
    u = open_unit(key, where_to, kind)
    return centre + width * (log(u) - log1p(-u))


def gumbel(key: Any, shape: Any = (), loc: Any = 0.0, scale: Any = 1.0, dtype: object = None) -> Expr:
    """Gumbel (of maxima)."""
    kind = kind_of(dtype)
    (centre, width), where_to = parameters(kind, shape, loc, scale)
    return centre - width * log(-log(open_unit(key, where_to, kind)))


def cauchy(key: Any, shape: Any = (), loc: Any = 0.0, scale: Any = 1.0, dtype: object = None) -> Expr:
    """Cauchy."""
    kind = kind_of(dtype)
    (centre, width), where_to = parameters(kind, shape, loc, scale)
    return centre + width * tan(math.pi * (open_unit(key, where_to, kind) - 0.5))


def gamma(key: Any, concentration: Any, shape: Any = (), rate: Any = 1.0, dtype: object = None) -> Expr:
    """Gamma with a concentration (shape parameter) >= 0 and a rate.

    The derivative by the concentration is that of the number whose place in the distribution stays, -(dF/da) / density, to 11 digits in float64 and 6 in
    float32, for concentrations down to 0 and however large; so gradients of means are unbiased, as they are of `beta` and `dirichlet`.
    """
    kind = kind_of(dtype)
    (alpha, speed), where_to = parameters(kind, shape, concentration, rate)
    value, factor = gamma_of(key, alpha, where_to, kind)
    return value * exp(factor) / speed


def beta(key: Any, a: Any, b: Any, shape: Any = (), dtype: object = None) -> Expr:
    """Beta, as a share of two gamma variates."""
    kind = kind_of(dtype)
    (one, other), where_to = parameters(kind, shape, a, b)
    first, second = split(key, 2)
    return sigmoid(_log_gamma(first, one, where_to, kind) - _log_gamma(second, other, where_to, kind))


def dirichlet(key: Any, concentration: Any, shape: Any = (), dtype: object = None) -> Expr:
    """Dirichlet: shares of gamma variates along the last axis. `shape` comes before the axes of the concentration."""
    kind = kind_of(dtype)
    alpha = converted(concentration, kind)
    return softmax(_log_gamma(key, alpha, (*sizes(shape), *alpha.shape), kind), axis=-1)


def _log_gamma(key: Any, concentration: Expr, shape: tuple[Size, ...], kind: DType) -> Expr:
    value, factor = gamma_of(key, concentration, shape, kind)
    return log(value) + factor


def multivariate_normal(key: Any, mean: Any, factor: Any, shape: Any = (), dtype: object = None) -> Expr:
    """Normal vectors with a mean (n,) and a covariance `factor @ factor.T`, given by its factor (n, k)."""
    kind = kind_of(dtype)
    centre, root = converted(mean, kind), converted(factor, kind)
    z = normal(key, (*sizes(shape), root.shape[1]), dtype=kind)
    return centre + matmul(z, root.T)  # type: ignore[attr-defined]


def kind_of(dtype_name: object) -> DType:
    """The floating dtype asked for, or the default one."""
    kind = dtype(config.float_dtype if dtype_name is None else dtype_name)
    if kind not in (float32, float64):
        raise DTypeError(f"random numbers come as float32 or float64, got {kind}")
    return kind


def parameters(kind: DType, shape: Any, *values: Any) -> tuple[list[Expr], tuple[Size, ...]]:
    """Parameters in one dtype, and the shape of the result: `shape`, or that of the parameters where it is ()."""
    given = [converted(value, kind) for value in values]
    return given, drawn_shape(shape, given)


def drawn_shape(shape: Any, given: Sequence[Expr]) -> tuple[Size, ...]:
    """The shape of what is drawn: `shape`, which parameters broadcast against, or that of the parameters where it is ()."""
    wanted = sizes(shape)
    if not wanted:
        return broadcast_shapes([x.shape for x in given], "parameters of a distribution", [])
    for x in given:
        broadcast_to(x, wanted)  # says what does not fit
    return wanted

"""Continuous distributions. Parameters are expressions or numbers and broadcast against `shape`, which defaults to theirs."""

from __future__ import annotations

import math
from typing import Any

from croton.dtypes import DType, dtype, float32, float64, uint32, uint64
from croton.expr.expr import Expr
from croton.ops.arithmetic import abs, clip, sign
from croton.ops.axes import broadcast_to
from croton.ops.broadcasting import broadcast_shapes
from croton.ops.casting import asarray, astype, converted
from croton.ops.linalg import matmul
from croton.ops.logic import where
from croton.ops.transcendental import erf, erfinv, exp, log, log1p, sqrt, tan
from croton.random.key import bits, sizes, split
from croton.sizes import Size
from croton.util.config import config
from croton.util.errors import DTypeError


def uniform(key: Any, shape: Any = (), low: Any = 0.0, high: Any = 1.0, dtype: object = None) -> Expr:
    """Uniform in [low, high). Every multiple of 2**-24 (float32) or 2**-53 (float64) of the interval is equally likely."""
    kind = kind_of(dtype)
    bounds, where_to = parameters(kind, shape, low, high)
    unit = _unit(key, where_to, kind)
    if low == 0.0 and high == 1.0 and not isinstance(low, Expr) and not isinstance(high, Expr):
        return unit
    return bounds[0] + unit * (bounds[1] - bounds[0])


def normal(key: Any, shape: Any = (), mean: Any = 0.0, std: Any = 1.0, dtype: object = None) -> Expr:
    """Normal with a mean and a standard deviation, by inversion of the distribution function."""
    kind = kind_of(dtype)
    (centre, scale), where_to = parameters(kind, shape, mean, std)
    z = math.sqrt(2) * erfinv(_open(key, where_to, kind, symmetric=True))
    return centre + scale * z


def truncated_normal(key: Any, lower: Any, upper: Any, shape: Any = (), dtype: object = None) -> Expr:
    """The standard normal given that it lies between two bounds."""
    kind = kind_of(dtype)
    (a, b), where_to = parameters(kind, shape, lower, upper)
    root = math.sqrt(0.5)
    from_, to = erf(a * root), erf(b * root)
    inside = from_ + _open(key, where_to, kind) * (to - from_)
    return clip(math.sqrt(2) * erfinv(inside), a, b)


def exponential(key: Any, shape: Any = (), rate: Any = 1.0, dtype: object = None) -> Expr:
    """Exponential with a rate: mean 1 / rate."""
    kind = kind_of(dtype)
    (scale,), where_to = parameters(kind, shape, rate)
    return -log1p(-_unit(key, where_to, kind)) / scale


def laplace(key: Any, shape: Any = (), loc: Any = 0.0, scale: Any = 1.0, dtype: object = None) -> Expr:
    """Laplace (double exponential)."""
    kind = kind_of(dtype)
    (centre, width), where_to = parameters(kind, shape, loc, scale)
    u = _open(key, where_to, kind, symmetric=True)
    return centre - width * sign(u) * log1p(-abs(u))


def logistic(key: Any, shape: Any = (), loc: Any = 0.0, scale: Any = 1.0, dtype: object = None) -> Expr:
    """Logistic."""
    kind = kind_of(dtype)
    (centre, width), where_to = parameters(kind, shape, loc, scale)
    u = _open(key, where_to, kind)
    return centre + width * (log(u) - log1p(-u))


def gumbel(key: Any, shape: Any = (), loc: Any = 0.0, scale: Any = 1.0, dtype: object = None) -> Expr:
    """Gumbel (of maxima)."""
    kind = kind_of(dtype)
    (centre, width), where_to = parameters(kind, shape, loc, scale)
    return centre - width * log(-log(_open(key, where_to, kind)))


def cauchy(key: Any, shape: Any = (), loc: Any = 0.0, scale: Any = 1.0, dtype: object = None) -> Expr:
    """Cauchy."""
    kind = kind_of(dtype)
    (centre, width), where_to = parameters(kind, shape, loc, scale)
    return centre + width * tan(math.pi * (_open(key, where_to, kind) - 0.5))


ATTEMPTS = 12
"""Proposals a gamma variate may take. Each is accepted with a probability of at least 0.95, so that running out is a matter of 1e-16."""


def gamma(key: Any, concentration: Any, shape: Any = (), rate: Any = 1.0, dtype: object = None) -> Expr:
    """Gamma with a concentration (shape parameter) > 0 and a rate.

    Marsaglia and Tsang, ACM Transactions on Mathematical Software 26 (2000), with a fixed number of proposals, of which the first accepted counts. A
    concentration below 1 is raised by 1 and corrected by a power of a uniform number.
    """
    kind = kind_of(dtype)
    (alpha, speed), where_to = parameters(kind, shape, concentration, rate)
    boost = alpha < 1
    raised = where(boost, alpha + 1, alpha)
    d = raised - 1 / 3
    c = 1 / sqrt(9 * d)
    keys = split(key, 2 * ATTEMPTS + 1)
    # From the last proposal to the first, so that the first accepted one stays.
    value = d
    for attempt in reversed(range(ATTEMPTS)):
        x = normal(keys[2 * attempt], where_to, dtype=kind)
        u = _open(keys[2 * attempt + 1], where_to, kind)
        v = (1 + c * x) ** 3
        positive = v > 0
        safe = where(positive, v, 1.0)
        accepted = positive & (log(u) < 0.5 * x**2 + d - d * safe + d * log(safe))
        value = where(accepted, d * safe, value)
    u = _open(keys[-1], where_to, kind)
    return value * where(boost, exp(log(u) / alpha), 1.0) / speed


def beta(key: Any, a: Any, b: Any, shape: Any = (), dtype: object = None) -> Expr:
    """Beta, as a share of two gamma variates."""
    kind = kind_of(dtype)
    _, where_to = parameters(kind, shape, a, b)
    first, second = split(key, 2)
    x, y = gamma(first, a, where_to, dtype=kind), gamma(second, b, where_to, dtype=kind)
    return x / (x + y)


def dirichlet(key: Any, concentration: Any, shape: Any = (), dtype: object = None) -> Expr:
    """Dirichlet: shares of gamma variates along the last axis. `shape` comes before the axes of the concentration."""
    kind = kind_of(dtype)
    alpha = converted(concentration, kind)
    x = gamma(key, alpha, (*sizes(shape), *alpha.shape), dtype=kind)
    return x / x.sum(axis=-1, keepdims=True)  # type: ignore[attr-defined]


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
    wanted = sizes(shape)
    if not wanted:
        pairs: list = []
        wanted = broadcast_shapes([x.shape for x in given], "parameters of a distribution", pairs)
    else:
        for x in given:
            broadcast_to(x, wanted)  # says what does not fit
    return given, wanted


def _unit(key: Any, shape: tuple[Size, ...], kind: DType) -> Expr:
    """Uniform in [0, 1): the highest bits as a fraction."""
    if kind is float32:
        return astype(bits(key, shape) >> asarray(8, dtype=uint32), float32) * 2.0**-24
    return astype(bits(key, shape, uint64) >> asarray(11, dtype=uint64), float64) * 2.0**-53


def _open(key: Any, shape: tuple[Size, ...], kind: DType, symmetric: bool = False) -> Expr:
    """Uniform in (0, 1), or in (-1, 1), without the ends: the middle of each of 2**23 (2**52) cells."""
    if kind is float32:
        cell = astype(bits(key, shape) >> asarray(9, dtype=uint32), float32)
        width = 2.0**-23
    else:
        cell = astype(bits(key, shape, uint64) >> asarray(12, dtype=uint64), float64)
        width = 2.0**-52
    unit = (cell + 0.5) * width
    return 2 * unit - 1 if symmetric else unit

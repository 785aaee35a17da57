"""Order statistics, covariances, and reductions that skip NaN, composed of sorting and sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from croton.dtypes import float64
from croton.expr.expr import Expr
from croton.expr.types import show
from croton.ops.arguments import Axes, axes_of, count_of
from croton.ops.arithmetic import divide, multiply, subtract
from croton.ops.axes import expand_dims, moveaxis
from croton.ops.broadcasting import stretch
from croton.ops.casting import asarray, astype, converted
from croton.ops.comparisons import greater, isnan
from croton.ops.indexing import index, take
from croton.ops.linalg import diagonal, matmul
from croton.ops.logic import logical_not, where
from croton.ops.reductions import count_nonzero, max, mean, min, prod, sum, var
from croton.ops.rounding import ceil, floor
from croton.ops.shape import reshape
from croton.ops.sorting import sort
from croton.ops.transcendental import sqrt
from croton.util.errors import ArgumentError, ShapeError
from croton.util.keywords import along_axes

# Order


@along_axes
def quantile(x: Any, q: Any, axis: Axes = None, keepdims: bool = False, method: str = "linear") -> Expr:
    """What a share q of the elements along the axes is not above; q is a number or an array, whose axes come first.

    Between two elements by `method`: "linear" interpolates, "lower" and "higher" take one of them, "midpoint" their mean. NaN where there is a NaN.
    Of integers and bools in float64.
    """
    x = asarray(x)
    x = converted(x, x.dtype if x.dtype.is_float else float64)
    if method not in ("linear", "lower", "higher", "midpoint"):
        raise ArgumentError(f'quantile: method is "linear", "lower", "higher" or "midpoint", got {method!r}')
    axes = axes_of(axis, x.ndim, "quantile")
    kept = tuple([1 if position in axes else size for position, size in enumerate(x.shape)])
    rest = [position for position in range(x.ndim) if position not in axes]
    n = count_of(x.shape, axes)
    rows = moveaxis(x, tuple(axes), tuple(range(len(axes))))
    ordered = sort(reshape(rows, (n, *[x.shape[position] for position in rest])), 0)
    place = multiply(astype(asarray(q), "float64"), n - 1)
    below, above = floor(place), ceil(place)
    low, high = (take(ordered, astype(where_at, "int64"), 0, mode="clip") for where_at in (below, above))
    if method == "linear":
        share = astype(subtract(place, below), x.dtype)
        share = reshape(share, (*share.shape, *[1] * len(rest)))
        found = low + multiply(share, subtract(high, low))
    else:
        found = {"lower": low, "higher": high, "midpoint": divide(low + high, 2)}[method]
    # NaN are sorted last, so there is one if the last element is.
    last = index(ordered, n - 1)
    found = where(isnan(last), last, found)
    return reshape(found, (*place.shape, *kept)) if keepdims else found


def percentile(x: Any, q: Any, axis: Axes = None, keepdims: bool = False, method: str = "linear") -> Expr:
    """`quantile` of q percent."""
    x = asarray(x)
    return quantile(x, divide(q, 100), axes_of(axis, x.ndim, "percentile"), keepdims, method)


@along_axes
def median(x: Any, axis: Axes = None, keepdims: bool = False) -> Expr:
    """The element in the middle of those along the axes, or the mean of the two. NaN where there is a NaN."""
    x = asarray(x)
    return quantile(x, 0.5, axes_of(axis, x.ndim, "median"), keepdims, "midpoint")


# Without NaN


def _without(x: Any, nothing: Any) -> tuple[Expr, Expr]:
    x = asarray(x)
    if not x.dtype.is_float:
        return x, asarray(True)
    there = logical_not(isnan(x))
    return where(there, x, converted(nothing, x.dtype)), there


@along_axes
def nansum(x: Any, axis: Axes = None, dtype: object = None, keepdims: bool = False) -> Expr:
    """The sum over axes of what is not NaN."""
    x, _ = _without(x, 0)
    return sum(x, axes_of(axis, x.ndim, "nansum"), dtype, keepdims)


def nanprod(x: Any, axis: Axes = None, dtype: object = None, keepdims: bool = False) -> Expr:
    """The product over axes of what is not NaN."""
    x, _ = _without(x, 1)
    return prod(x, axes_of(axis, x.ndim, "nanprod"), dtype, keepdims)


@along_axes
def nanmean(x: Any, axis: Axes = None, keepdims: bool = False) -> Expr:
    """The mean over axes of what is not NaN; NaN where there is nothing else."""
    x, there = _without(x, 0)
    return mean(x, axes_of(axis, x.ndim, "nanmean"), None, keepdims, where=there)


def nanvar(x: Any, axis: Axes = None, correction: int | float = 0, keepdims: bool = False) -> Expr:
    """The mean squared difference from the mean over axes, of what is not NaN; the sum is divided by the count less `correction`."""
    x, there = _without(x, 0)
    axes = axes_of(axis, x.ndim, "nanvar")
    found = var(x, axes, correction, keepdims, where=there)
    # NumPy's NaN where there are not more elements than the correction takes away.
    count = count_nonzero(stretch(there, x.shape), axes, keepdims)
    return where(greater(count, correction), found, converted(float("nan"), found.dtype))


def nanstd(x: Any, axis: Axes = None, correction: int | float = 0, keepdims: bool = False) -> Expr:
    """The square root of nanvar."""
    x = asarray(x)
    return sqrt(nanvar(x, axes_of(axis, x.ndim, "nanstd"), correction, keepdims))


def nanmax(x: Any, axis: Axes = None, keepdims: bool = False) -> Expr:
    """The greatest element along axes that is not NaN; NaN where there is nothing else."""
    return _extreme("nanmax", max, float("-inf"), x, axis, keepdims)


def nanmin(x: Any, axis: Axes = None, keepdims: bool = False) -> Expr:
    """The smallest element along axes that is not NaN; NaN where there is nothing else."""
    return _extreme("nanmin", min, float("inf"), x, axis, keepdims)


def _extreme(name: str, function: Callable[..., Expr], nothing: float, x: Any, axis: Axes, keepdims: bool) -> Expr:
    x = asarray(x)
    axes = axes_of(axis, x.ndim, name)
    if not x.dtype.is_float:
        return function(x, axes, keepdims)
    values, there = _without(x, nothing)
    return where(greater(count_nonzero(there, axes, keepdims), 0), function(values, axes, keepdims), converted(float("nan"), x.dtype))


# Together


def cov(x: Any, rowvar: bool = True, correction: int | float = 1) -> Expr:
    """The covariances of variables, which are the rows of a matrix (its columns unless `rowvar`), divided by the number of observations less `correction`."""
    x = asarray(x)
    x = converted(x, x.dtype if x.dtype.is_float else float64)
    if x.ndim not in (1, 2):
        raise ShapeError(f"cov takes a vector or a matrix, got shape {show(x.shape)}")
    one = x.ndim == 1
    rows = expand_dims(x, 0) if one else x if rowvar else moveaxis(x, 0, 1)
    centred = subtract(rows, mean(rows, 1, None, True))
    count: Any = rows.shape[1]
    found = divide(matmul(centred, moveaxis(centred, 0, 1)), count - correction)
    return reshape(found, ()) if one else found


def corrcoef(x: Any, rowvar: bool = True) -> Expr:
    """The correlations of variables, which are the rows of a matrix (its columns unless `rowvar`)."""
    covariance = cov(x, rowvar)
    if covariance.ndim == 0:
        return divide(covariance, covariance)
    scale = sqrt(diagonal(covariance))
    return divide(covariance, multiply(expand_dims(scale, 1), scale))

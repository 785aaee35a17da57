"""NumPy's small functions of numerical work, composed of others: products, finite differences, polynomials, interpolation, tests of whole arrays."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from croton.dtypes import float64, int64
from croton.expr.expr import Expr
from croton.expr.types import show
from croton.ops.arguments import axes_of, axis_of, size_of
from croton.ops.arithmetic import abs as absolute
from croton.ops.arithmetic import add, divide, floor_divide, maximum, minimum, multiply, pow, remainder, subtract
from croton.ops.arranging import flip, pad
from croton.ops.axes import broadcast_arrays, expand_dims, moveaxis, swapaxes
from croton.ops.casting import asarray, astype, converted, floats, promoted, result_type
from croton.ops.casting import size as size_value
from croton.ops.comparisons import equal, isclose, isnan, less
from croton.ops.creation import arange, zeros
from croton.ops.indexing import index, take
from croton.ops.joining import concatenate, stack
from croton.ops.linalg import vecdot
from croton.ops.logic import logical_and, where
from croton.ops.reductions import all as all_
from croton.ops.reductions import any as any_
from croton.ops.reductions import max as max_
from croton.ops.reductions import min as min_
from croton.ops.reductions import sum as sum_
from croton.ops.rounding import copysign
from croton.ops.shape import ravel, reshape
from croton.ops.sorting import searchsorted
from croton.ops.transcendental import exp2, log, log1p, sin
from croton.ops.windows import sliding_window_view
from croton.sizes import Size, nonnegative
from croton.util.errors import ArgumentError, DTypeError, ShapeError
from croton.util.keywords import also_named

# Elements


def cbrt(x: Any) -> Expr:
    """The cube root, negative of negative numbers."""
    (x,) = floats(x)
    size = absolute(x)
    third = float(x.dtype.numpy.type(1 / 3))
    root = pow(size, third)
    # No floating number is a third: what is missing of the exponent counts as often as the argument has digits before or behind the point.
    usual = logical_and(less(0, size), less(size, math.inf))
    missing = multiply(float(Fraction(1, 3) - Fraction(third)), log(where(usual, size, 1)))
    return copysign(where(usual, multiply(root, add(1, missing)), root), x)


def sinc(x: Any) -> Expr:
    """sin(pi x) / (pi x), which is 1 at 0."""
    x = asarray(x)
    turned = multiply(x, math.pi)
    somewhere = where(equal(x, 0), 1, turned)
    return where(equal(x, 0), 1, divide(sin(somewhere), somewhere))


def heaviside(x: Any, at_zero: Any) -> Expr:
    """0 left of 0, 1 right of it, `at_zero` there; NaN of NaN."""
    x, at_zero = floats(x, at_zero)
    return where(isnan(x), x, where(equal(x, 0), at_zero, astype(less(0, x), x.dtype)))


def logaddexp2(x: Any, y: Any) -> Expr:
    """log2(2**x + 2**y), without overflow on the way."""
    x, y = floats(x, y)
    greatest, difference = maximum(x, y), absolute(subtract(x, y))
    return where(isnan(difference), greatest, add(greatest, multiply(log1p(exp2(multiply(difference, -1))), 1 / math.log(2))))


def fmax(x: Any, y: Any) -> Expr:
    """The greater of the two; where one is NaN, the other."""
    (x, y), dtype = promoted(x, y)
    return maximum(x, y) if not dtype.is_float else where(isnan(x), y, where(isnan(y), x, maximum(x, y)))


def fmin(x: Any, y: Any) -> Expr:
    """The smaller of the two; where one is NaN, the other."""
    (x, y), dtype = promoted(x, y)
    return minimum(x, y) if not dtype.is_float else where(isnan(x), y, where(isnan(y), x, minimum(x, y)))


def nan_to_num(x: Any, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Expr:
    """x with numbers in place of NaN and the infinities; of these by default the greatest and the smallest that there are."""
    x = asarray(x)
    if not x.dtype.is_float:
        return x
    limits = np.finfo(x.dtype.numpy)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    x = where(isnan(x), converted(nan, x.dtype), x)
    return where(equal(x, math.inf), converted(high, x.dtype), where(equal(x, -math.inf), converted(low, x.dtype), x))


def select(conditions: Sequence[Any], choices: Sequence[Any], default: Any = 0) -> Expr:
    """For each element the first of the choices whose condition holds there, `default` where none does."""
    if len(conditions) != len(choices) or not conditions:
        raise ArgumentError(f"select takes as many choices as conditions, at least one; got {len(conditions)} conditions and {len(choices)} choices")
    values, _ = promoted(*choices, default)
    found = values[-1]
    for condition, value in zip(reversed(conditions), reversed(values[:-1])):
        found = where(condition, value, found)
    return found


# Whole arrays


def isin(x: Any, values: Any, invert: bool = False) -> Expr:
    """Whether each element of x is one of the values. Every element is compared with every value."""
    x, values = asarray(x), asarray(values)
    found = any_(equal(expand_dims(x, -1), ravel(values)), -1)
    return equal(found, False) if invert else found


def allclose(x: Any, y: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Expr:
    """Whether all elements are close; see `isclose`."""
    return all_(isclose(x, y, rtol, atol, equal_nan))


def array_equal(x: Any, y: Any) -> Expr:
    """Whether two arrays have one shape and equal elements."""
    x, y = asarray(x), asarray(y)
    if x.ndim != y.ndim or builtins.any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in zip(x.shape, y.shape)):
        return asarray(False)
    return all_(equal(x, y))


def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Expr:
    """The greatest element along axes less the smallest."""
    x = asarray(x)
    axes = axes_of(axis, x.ndim, "ptp")
    return subtract(max_(x, axes, keepdims), min_(x, axes, keepdims))


# Products


def vdot(x: Any, y: Any) -> Expr:
    """The sum of products of all elements of two arrays of one size."""
    return vecdot(ravel(asarray(x)), ravel(asarray(y)))


def cross(x: Any, y: Any, axis: int = -1) -> Expr:
    """The cross product of vectors of 3 elements along an axis; the other axes broadcast."""
    x, y = broadcast_arrays(asarray(x), asarray(y))
    along = axis_of(axis, x.ndim, "cross")
    if isinstance(x.shape[along], int) and x.shape[along] != 3:
        raise ShapeError(f"cross takes vectors of 3 elements along axis {axis}, got shapes {show(x.shape)} and {show(y.shape)}")
    # Of an unknown size, reshaping checks at each call that it is 3.
    moved = [moveaxis(z, along, 0) for z in (x, y)]
    (a, b, c), (d, e, f) = (tuple(index(reshape(z, (3, *z.shape[1:])), i) for i in range(3)) for z in moved)
    parts = [(b, f, c, e), (c, d, a, f), (a, e, b, d)]
    return stack([subtract(multiply(p, q), multiply(r, s)) for p, q, r, s in parts], along)


def kron(x: Any, y: Any) -> Expr:
    """The Kronecker product: y scaled by each element of x, as blocks."""
    (x, y), _ = promoted(asarray(x), asarray(y))
    ndim = builtins.max(x.ndim, y.ndim)
    outer_shape = (1,) * (ndim - x.ndim) + x.shape
    inner_shape = (1,) * (ndim - y.ndim) + y.shape
    spread = reshape(x, tuple([size for n in outer_shape for size in (n, 1)]))
    blocks = reshape(y, tuple([size for n in inner_shape for size in (1, n)]))
    return reshape(multiply(spread, blocks), tuple([n * m for n, m in zip(outer_shape, inner_shape)]))


def convolve(x: Any, y: Any, mode: str = "full") -> Expr:
    """The convolution of two vectors: the sum over k of x[i - k] * y[k].

    Mode "full" has every overlap, n + m - 1 elements; "same" the middle of it, as many as the longer has; "valid" where the shorter lies inside the longer.
    """
    return _slid("convolve", x, y, mode, turned=True)


def correlate(x: Any, y: Any, mode: str = "valid") -> Expr:
    """The correlation of two vectors: the sum over k of x[i + k] * y[k]; see `convolve` for modes."""
    return _slid("correlate", x, y, mode, turned=False)


def _slid(what: str, x: Any, y: Any, mode: str, turned: bool) -> Expr:
    (x, y), _ = promoted(asarray(x), asarray(y))
    if x.ndim != 1 or y.ndim != 1:
        raise ShapeError(f"{what} takes two vectors, got shapes {show(x.shape)} and {show(y.shape)}; conv has batches and channels")
    if mode not in ("full", "same", "valid"):
        raise ArgumentError(f'{what}: mode is "full", "same" or "valid", got {mode!r}')
    n, m = x.shape[0], y.shape[0]
    if 0 in (n, m):
        raise ShapeError(f"{what}: a vector without elements, shapes {show(x.shape)} and {show(y.shape)}")
    # Where neither is known to be the longer, "valid" wants the first to be, which each call checks.
    if nonnegative(m - n - 1) or (isinstance(n, int) and not isinstance(m, int)):
        # Exchanged, a correlation runs the other way.
        found = _slid(what, y, x, mode, turned)
        return found if turned else flip(found, 0)
    if mode == "same" and not isinstance(m, int) and not nonnegative(n - m):
        raise ShapeError(
            f"{what}: the result has the size of the longer vector, and of {show(x.shape)} and {show(y.shape)} it is not known which is; declare a size"
        )
    before = {"full": m - 1, "same": m // 2, "valid": 0}[mode]
    after = {"full": m - 1, "same": m - 1 - m // 2, "valid": 0}[mode]
    padded = x if mode == "valid" else pad(x, ((before, after),))
    return vecdot(sliding_window_view(padded, m), flip(y, 0) if turned else y)


# Along an axis


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Expr:
    """The integral of samples along an axis by the trapezoidal rule, at the points x or at distances dx."""
    y = asarray(y)
    y = converted(y, y.dtype if y.dtype.is_float else float64)
    along = axis_of(axis, y.ndim, "trapezoid")
    y = moveaxis(y, along, -1)
    n = y.shape[-1]
    means = multiply(add(_from(y, 1, n), _from(y, 0, n - 1)), 0.5)
    if x is None:
        return sum_(multiply(means, dx), -1)
    points = asarray(x)
    points = moveaxis(points, along, -1) if points.ndim > 1 else points
    return sum_(multiply(means, subtract(_from(points, 1, n), _from(points, 0, n - 1))), -1)


def _from(x: Expr, start: Size, stop: Size) -> Expr:
    return index(x, (..., slice(start, stop)))


@also_named(xp="points", fp="values")
def interp(x: Any, points: Any, values: Any, left: Any = None, right: Any = None) -> Expr:
    """The piecewise linear function through (points, values), points in increasing order; before the first and after the last it is constant.

    `left` and `right` are other values for there. Every x is compared with every point.
    """
    x, points, values = floats(x, points, values)
    if points.ndim != 1 or values.ndim != 1:
        raise ShapeError(f"interp: points and values are vectors, got shapes {show(points.shape)} and {show(values.shape)}")
    last = points.shape[0] - 1
    after = maximum(minimum(searchsorted(points, x, "right"), last), 1)
    before = subtract(after, 1)
    low, high = take(points, before, mode="clip"), take(points, after, mode="clip")
    first_value, last_value = take(values, before, mode="clip"), take(values, after, mode="clip")
    share = divide(subtract(x, low), where(equal(high, low), 1, subtract(high, low)))
    inside = add(first_value, multiply(share, subtract(last_value, first_value)))
    inside = where(less(x, index(points, 0)), index(values, 0) if left is None else left, inside)
    found = where(less(index(points, last), x), index(values, last) if right is None else right, inside)
    return where(equal(x, index(points, last)), index(values, last), found)


def polyval(coefficients: Any, x: Any) -> Expr:
    """The polynomial with these coefficients, that of the highest power first, at x, by Horner's rule. Their number must be known."""
    coefficients = asarray(coefficients)
    if coefficients.ndim != 1 or not isinstance(coefficients.shape[0], int):
        raise ShapeError(f"polyval: the coefficients are a vector of known size, got shape {show(coefficients.shape)}")
    (x, coefficients), dtype = promoted(asarray(x), coefficients)
    found = multiply(x, converted(0, dtype))
    for i in range(int(coefficients.shape[0])):
        found = add(multiply(found, x), index(coefficients, i))
    return found


def vander(x: Any, count: Any = None, increasing: bool = False) -> Expr:
    """The matrix of the powers of a vector's elements, from `count` - 1 down to 0, or up if `increasing`."""
    x = asarray(x)
    if x.ndim != 1:
        raise ShapeError(f"vander takes a vector, got shape {show(x.shape)}")
    x = x if x.dtype.is_float else astype(x, result_type(x, int64))
    n = x.shape[0] if count is None else size_of(count, "vander")
    powers = arange(n) if increasing else flip(arange(n), 0)
    return pow(expand_dims(x, 1), astype(powers, x.dtype))


def rot90(x: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Expr:
    """x turned k times by a right angle, from the first of two axes to the second."""
    x = asarray(x)
    first, second = (axis_of(axis, x.ndim, "rot90") for axis in axes)
    if first == second:
        raise ArgumentError(f"rot90: two different axes are wanted, got {axes}")
    turns = k % 4
    if turns == 2:
        return flip(x, (first, second))
    if turns == 1:
        return swapaxes(flip(x, second), first, second)
    return flip(swapaxes(x, first, second), second) if turns == 3 else x


def fliplr(x: Any) -> Expr:
    """x with its columns in reverse order."""
    return flip(x, 1)


def flipud(x: Any) -> Expr:
    """x with its rows in reverse order."""
    return flip(x, 0)


def append(x: Any, values: Any, axis: int | None = None) -> Expr:
    """x with values after its last entries along an axis; without one, both flattened."""
    x = asarray(x)
    return concatenate([x, asarray(values)], None if axis is None else axis_of(axis, x.ndim, "append"))


# Places


def unravel_index(indices: Any, shape: Sequence[Any]) -> tuple[Expr, ...]:
    """For positions in a flattened array of a shape, the indices along each of its axes."""
    flat = astype(asarray(indices), int64)
    found: list[Expr] = []
    for extent in reversed([size_of(size, "unravel_index") for size in shape]):
        found.append(remainder(flat, extent))
        flat = floor_divide(flat, extent)
    return tuple(reversed(found))


def ravel_multi_index(indices: Sequence[Any], shape: Sequence[Any]) -> Expr:
    """The positions in a flattened array of a shape that indices along each of its axes name."""
    if len(indices) != len(shape):
        raise ArgumentError(f"ravel_multi_index: one array of indices for each axis, got {len(indices)} for {len(shape)} axes")
    flat = asarray(0)
    for entry, size in zip(indices, shape):
        flat = add(multiply(flat, size_of(size, "ravel_multi_index")), asarray(entry))
    return flat


def bincount(x: Any, weights: Any = None, minlength: Any = 0, *, length: Any = None) -> Expr:
    """How often each of 0 .. n-1 occurs among the integers of x, or the sum of the weights where it does. n is `length`, and what is out of range raises;
    without it, n is one more than the greatest element and at least `minlength`, counted in the call."""
    x = asarray(x)
    if not x.dtype.is_integer:
        raise DTypeError(f"bincount counts integers, got dtype {x.dtype} of {x!r}; convert it with astype")
    places = astype(x, int64)
    if length is None:
        # x may have no elements, and then no greatest one.
        least = subtract(asarray(minlength, int64), 1)
        length = add(max_(concatenate([ravel(places), reshape(least, (1,))])), 1)
    count = size_of(length, "bincount")
    values = converted(1, int64) if weights is None else floats(weights)[0]
    # A negative number does not count from the end.
    return zeros(count, values.dtype).at[where(less(places, 0), size_value(count), places)].add(values)


@also_named(segment_ids="segments", num_segments="count")
def segment_sum(x: Any, segments: Any, count: Any) -> Expr:
    """The sums of the entries of x (along its first axis) that have the same number among `segments`: `count` sums. Nothing needs to be sorted."""
    x = asarray(x)
    return zeros((size_of(count, "segment_sum"), *x.shape[1:]), x.dtype).at[asarray(segments)].add(x)


def broadcast_shapes(*shapes: Any) -> tuple[Size, ...]:
    """The shape that arrays of these shapes have together."""
    given = broadcast_arrays(*[zeros(tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)) for shape in shapes])
    return given[0].shape if given else ()

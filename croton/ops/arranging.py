"""Elements in another order or with others around them: flip, roll, repeat, pad."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from croton.dtypes import int64
from croton.expr.counted import counted
from croton.expr.expr import Constant, Expr
from croton.ops.arguments import Axes, axes_of, axis_of, is_computed, size_of
from croton.ops.arithmetic import maximum, remainder, subtract
from croton.ops.at import At
from croton.ops.axes import expand_dims
from croton.ops.bounds import Entry
from croton.ops.broadcasting import stretch
from croton.ops.casting import asarray, astype, converted
from croton.ops.creation import arange, zeros
from croton.ops.cumulative import cumsum
from croton.ops.indexing import index, place, take
from croton.ops.joining import concatenate
from croton.ops.logic import where
from croton.ops.reductions import sum as sum_
from croton.ops.shape import ravel, reshape
from croton.sizes import Size, nonnegative
from croton.util.errors import ArgumentError, NotSupportedError, ShapeError
from croton.util.keywords import along_axes, also_named

PAD_MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


def _along(axis: int, *bounds: Any) -> tuple:
    return (*[builtins.slice(None)] * axis, builtins.slice(*bounds))


@along_axes
def flip(x: Any, axis: Axes = None) -> Expr:
    """x with the order along axes reversed, along all of them by default: x[::-1]."""
    x = asarray(x)
    axes = axes_of(axis, x.ndim, "flip")
    return index(x, tuple([builtins.slice(None, None, -1 if i in axes else None) for i in range(x.ndim)]))


@along_axes
def roll(x: Any, shift: Any, axis: Any = None) -> Expr:
    """x with its elements moved along an axis, those that fall off the end put back at the start; without an axis, of x flattened.

    Along an axis of unknown size n, a shift is between -n and n, which each call checks.
    """
    x = asarray(x)
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), x.shape)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    shifts = shift if isinstance(shift, (tuple, list)) else (shift,) * len(axes)
    if len(shifts) == 1:
        shifts = tuple(shifts) * len(axes)
    if len(shifts) != len(axes):
        raise ArgumentError(f"roll: one shift for each axis is wanted, got {len(shifts)} shifts for {len(axes)} axes")
    for by, along in zip(shifts, axes):
        x = _rolled(x, by, axis_of(along, x.ndim, "roll"))
    return x


def _rolled(x: Expr, shift: Any, axis: int) -> Expr:
    n = x.shape[axis]
    if is_computed(shift):
        return take(x, remainder(subtract(arange(n), astype(shift, int64)), n), axis)
    distance = -size_of(-shift, "roll") if _is_negative(shift) else size_of(shift, "roll")
    if isinstance(n, int) and isinstance(distance, int):
        distance = distance % n if n else 0
    if distance == 0:
        return x
    cut: Size = -distance if isinstance(distance, int) else n - distance  # counted from the end, as in slices
    return concatenate([index(x, _along(axis, cut, None)), index(x, _along(axis, 0, cut))], axis)


def _is_negative(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and bool(value < 0)


@along_axes
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Expr:
    """x with each element along an axis so many times in a row, one number for all or one for each; without an axis, of x flattened."""
    x = asarray(x)
    if axis is None:
        x, axis = ravel(x), 0
    axis = axis_of(axis, x.ndim, "repeat")
    numbers = repeats.value if isinstance(repeats, Constant) else repeats
    if not isinstance(numbers, Expr) and np.ndim(numbers):
        return _repeated_each(x, np.asarray(numbers), axis)
    if isinstance(numbers, Expr) and numbers.ndim:
        return _repeated_so_often(x, numbers, axis)
    count = size_of(numbers, "repeat")
    spread = stretch(expand_dims(x, axis + 1), (*x.shape[: axis + 1], count, *x.shape[axis + 1 :]))
    return reshape(spread, (*x.shape[:axis], x.shape[axis] * count, *x.shape[axis + 1 :]))


def _repeated_each(x: Expr, numbers: np.ndarray, axis: int) -> Expr:
    n = x.shape[axis]
    if not isinstance(n, int):
        raise NotSupportedError(f"not supported: repeat with a number for each element along an axis of unknown size {n}; use one number")
    if numbers.shape not in ((1,), (n,)):
        raise ShapeError(f"repeat: {n} numbers are wanted, one for each element of axis {axis}, got shape {numbers.shape}")
    if numbers.size and (numbers.dtype.kind not in "iub" or numbers.min() < 0):
        raise ArgumentError(f"repeat: each element is repeated 0 times or more, got {numbers.tolist()}")
    return take(x, np.repeat(np.arange(n), numbers.astype("int64")), axis)


def _repeated_so_often(x: Expr, numbers: Expr, axis: int) -> Expr:
    """Each element as often as is computed for it. How many there are then is counted in the call."""
    if numbers.ndim > 1 or not numbers.dtype.is_integer:
        raise ShapeError(f"repeat: a number, or a vector with an integer for each element of axis {axis}, is wanted, got {numbers.type}")
    ends = cumsum(stretch(astype(numbers, int64), (x.shape[axis],)))
    total = counted(sum_(maximum(numbers, 0), dtype=int64), x.shape[axis])
    # Behind the end of an element its number goes up by one, at the end of all of them for nobody.
    steps = At(zeros(total + 1, int64))[ends].add(1)
    return take(x, index(cumsum(steps), builtins.slice(0, total)), axis)


@also_named(pad_width="width")
def pad(x: Any, width: Any, mode: str = "constant", constant_values: Any = 0) -> Expr:
    """x with elements around it: a constant, or by mode "edge" (the last element), "reflect", "symmetric" (with the edge) and "wrap".

    `width` is a number for all sides, a pair (before, after) for all axes, or a pair for each axis.
    """
    x = asarray(x)
    if mode not in PAD_MODES:
        raise NotSupportedError(f"not supported: padding by {mode!r}; the modes are {', '.join(map(repr, PAD_MODES))}")
    widths = [tuple([size_of(size, "pad") for size in pair]) for pair in _pairs(width, x.ndim, "width")]
    if mode != "constant":
        if not _is_zero(constant_values):
            raise ArgumentError(f"pad: constant_values go with mode 'constant', not {mode!r}")
        for axis, (before, after) in enumerate(widths):
            x = _mirrored(x, axis, before, after, mode)
        return x
    values = _pairs(constant_values, x.ndim, "constant_values")
    # A width that may turn out negative is that of an array at the side, which a call refuses.
    known = all(nonnegative(size) for pair in widths for size in pair)
    if known and all(_is_zero(value) for pair in values for value in pair):
        return _placed(x, widths)
    if known and all(value is values[0][0] or _same(value, values[0][0]) for pair in values for value in pair):
        inside = _placed(stretch(asarray(True), x.shape), widths)
        return where(inside, _placed(x, widths), converted(_plain(values[0][0]), x.dtype))
    for axis, ((before, after), (low, high)) in enumerate(zip(widths, values)):
        sides = [x.shape[:axis] + (size,) + x.shape[axis + 1 :] for size in (before, after)]
        first, last = [stretch(converted(_plain(value), x.dtype), shape) for value, shape in zip((low, high), sides)]
        x = concatenate([first, x, last], axis)
    return x


def _plain(value: Any) -> Any:
    return asarray(value) if isinstance(value, (np.ndarray, np.generic)) else value


def _is_zero(value: Any) -> bool:
    return not isinstance(value, Expr) and np.ndim(value) == 0 and bool(value == 0)


def _same(a: Any, b: Any) -> bool:
    return not isinstance(a, Expr) and not isinstance(b, Expr) and bool(a == b)


def _pairs(given: Any, ndim: int, what: str) -> list[tuple[Any, Any]]:
    """A pair for each axis: NumPy's broadcasting of a number, a pair, or pairs."""
    if isinstance(given, np.ndarray):
        given = given.tolist()
    if not isinstance(given, (tuple, list)):
        return [(given, given)] * ndim
    if len(given) == 1 and not isinstance(given[0], (tuple, list)):
        return [(given[0], given[0])] * ndim
    if len(given) == 2 and not isinstance(given[0], (tuple, list)):
        return [(given[0], given[1])] * ndim
    pairs = [tuple(pair) if isinstance(pair, (tuple, list)) else (pair, pair) for pair in given]
    pairs = [pair * 2 if len(pair) == 1 else pair for pair in pairs]
    if len(pairs) == 1:
        pairs = pairs * ndim
    if len(pairs) != ndim or any(len(pair) != 2 for pair in pairs):
        raise ArgumentError(f"pad: {what} is a number, a pair (before, after) or a pair for each of the {ndim} axes, got {given!r}")
    return pairs


def _placed(x: Expr, widths: Sequence[tuple]) -> Expr:
    entries: list[Entry] = []
    for n, (before, after) in zip(x.shape, widths):
        entries.append(None if before == 0 and after == 0 else (before, 1, n))
    if all(entry is None for entry in entries):
        return x
    return place(x, [n + before + after for n, (before, after) in zip(x.shape, widths)], entries)


def _mirrored(x: Expr, axis: int, before: Size, after: Size, mode: str) -> Expr:
    """x with its own elements repeated at the sides of one axis. NumPy goes on back and forth; here a side is at most one pass long."""
    n = x.shape[axis]
    if before == 0 and after == 0:
        return x
    if mode == "edge":
        parts = [stretch(index(x, _along(axis, *bounds)), x.shape[:axis] + (size,) + x.shape[axis + 1 :]) for bounds, size in (((0, 1), before),)]
        last = index(x, _along(axis, n - 1, n))
        return concatenate([*parts, x, stretch(last, x.shape[:axis] + (after,) + x.shape[axis + 1 :])], axis)
    longest = n - 1 if mode == "reflect" else n
    for size in (before, after):
        if isinstance(size, int) and isinstance(longest, int) and size > longest:
            raise NotSupportedError(
                f"not supported: padding by {mode!r} with {size} elements an axis of size {n}; at most {longest} elements can come from it"
            )
    if mode == "wrap":
        first, last = index(x, _along(axis, n - before, n)), index(x, _along(axis, 0, after))
    else:
        skip = 1 if mode == "reflect" else 0
        first = flip(index(x, _along(axis, skip, before + skip)), axis)
        last = flip(index(x, _along(axis, n - after - skip, n - skip)), axis)
    return concatenate([first, x, last], axis)

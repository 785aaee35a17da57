"""Windows that slide along axes, and what is a product or a maximum over them: convolution and pooling."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from croton.algebra import Label, Operand
from croton.dtypes import float64, unit
from croton.expr.expr import Expr, apply
from croton.expr.op import Op
from croton.expr.types import Constrained, TensorType, at_least_zero, show
from croton.ops.arguments import axes_in_order, count_of, size_of
from croton.ops.arithmetic import divide
from croton.ops.arranging import pad
from croton.ops.broadcasting import Pairs, typed
from croton.ops.casting import asarray, promoted, size
from croton.ops.creation import ones
from croton.ops.linalg import einsum
from croton.ops.reading import read
from croton.ops.reductions import max as max_
from croton.ops.reductions import sum as sum_
from croton.ops.shape import reshape
from croton.sizes import Size
from croton.util.errors import ArgumentError, DTypeError, NotSupportedError, ShapeError

# result[.., o, .., k] = x[.., stride * o + dilation * k - before, ..], 0 outside. params (axis, window, stride, dilation, before, after)


def _span(window: Size, dilation: int) -> Size:
    return (window - 1) * dilation + 1


def _count(n: Size, window: Size, stride: int, dilation: int, before: Size, after: Size) -> Size:
    """How many windows there are."""
    return (n + before + after - _span(window, dilation)) // stride + 1


def _infer(types: Sequence[TensorType], params: tuple) -> TensorType | Constrained:
    (x,), (axis, window, stride, dilation, before, after) = types, params
    n = x.shape[axis]
    room = n + before + after - _span(window, dilation)
    if isinstance(room, int) and room < 0:
        raise ShapeError(
            f"a window that reaches over {_span(window, dilation)} elements does not fit axis {axis} of shape {show(x.shape)}"
            f"{f' with {before} and {after} elements of padding' if before or after else ''}; a smaller window, or padding, does"
        )
    pair = at_least_zero(room)
    pairs: Pairs = [] if pair is None else [pair]
    shape = (*x.shape[:axis], _count(n, window, stride, dilation, before, after), *x.shape[axis + 1 :], window)
    return typed(x.dtype, shape, pairs)


def _meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    (x,), (axis, window, stride, dilation, before, after) = operands, params
    inside = x.axes[axis]
    place, offset = Label(_count(inside.size, window, stride, dilation, before, after)), Label(window)
    axes = (*x.axes[:axis], place, *x.axes[axis + 1 :], offset)
    return read(x, axes, [({inside: -1, place: stride, offset: dilation}, -before)])


def _reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    (x,), (axis, window, stride, dilation, before, after) = arrays, params
    x = np.pad(x, [(before, after) if i == axis else (0, 0) for i in range(x.ndim)])
    places = np.arange(x.shape[axis])[: _count(x.shape[axis], window, stride, dilation, 0, 0)]
    return np.moveaxis(np.take(x, places[:, None] * stride + np.arange(window) * dilation, axis), axis + 1, -1)


WINDOW = Op("window", _infer, _meaning, _reference, parameters=("axis", "window", "stride", "dilation", "before", "after"))
OPERATIONS = [WINDOW]


def _each(given: Any, count: int, what: str) -> tuple[Any, ...]:
    """One entry for each axis: a single one stands for all."""
    entries = tuple(given) if isinstance(given, (tuple, list)) else (given,) * count
    if len(entries) != count:
        raise ArgumentError(f"{what}: one number, or one for each of {count} axes, is wanted, got {given!r}")
    return entries


def _steps(given: Any, count: int, what: str) -> tuple[int, ...]:
    steps = [size_of(step, what) for step in _each(given, count, what)]
    for step in steps:
        if not isinstance(step, int) or step < 1:
            raise ArgumentError(f"{what} is an integer of at least 1, got {step}")
    return tuple(steps)  # type: ignore[arg-type]


def _paddings(given: Any, x: Expr, axes: Sequence[int], windows: Sequence[Size], strides: Sequence[int], dilations: Sequence[int]) -> list[tuple[Size, Size]]:
    """Elements before and after for each axis: from numbers, pairs, "valid" (none) or "same" (as many windows as strides fit into the axis)."""
    if given == "valid":
        given = 0
    if given != "same":
        entries = [entry if isinstance(entry, (tuple, list)) else (entry, entry) for entry in _each(given, len(axes), "padding")]
        if any(len(entry) != 2 for entry in entries):
            raise ArgumentError(f"padding: a number, or a number or a pair for each of {len(axes)} axes, is wanted, got {given!r}")
        return [(size_of(before, "padding"), size_of(after, "padding")) for before, after in entries]
    pairs: list[tuple[Size, Size]] = []
    for axis, window, stride, dilation in zip(axes, windows, strides, dilations):
        n = x.shape[axis]
        if stride == 1:
            total = _span(window, dilation) - 1
        elif isinstance(n, int) and isinstance(window, int):
            total = max(((n + stride - 1) // stride - 1) * stride + (window - 1) * dilation + 1 - n, 0)
        else:
            raise NotSupportedError(f"not supported: padding='same' with stride {stride} along an axis of unknown size {n}; give the padding as numbers")
        pairs.append((total // 2, total - total // 2))
    return pairs


def sliding_window_view(x: Any, window: Any, axis: Any = None, stride: Any = 1, dilation: Any = 1, padding: Any = 0) -> Expr:
    """All windows of x along one or more axes, their elements along new last axes, one for each.

    As NumPy's, with steps: windows begin `stride` elements apart, their elements are `dilation` apart, and `padding` (a number, or a number or a
    pair for each axis, "valid" or "same") puts zeros around x.
    """
    x = asarray(x)
    axes = axes_in_order(tuple(range(x.ndim)) if axis is None else axis, x.ndim, "sliding_window_view")
    if axis is None and not isinstance(window, (tuple, list)) and x.ndim != 1:
        raise ArgumentError(f"sliding_window_view: with one window for an array of {x.ndim} axes, say which axis")
    windows = tuple([size_of(entry, "window") for entry in _each(window, len(axes), "window")])
    if 0 in windows:
        raise ArgumentError(f"sliding_window_view: a window has at least one element, got {window!r}")
    strides, dilations = _steps(stride, len(axes), "stride"), _steps(dilation, len(axes), "dilation")
    pairs = _paddings(padding, x, axes, windows, strides, dilations)
    for one, extent, step, gap, (before, after) in zip(axes, windows, strides, dilations, pairs):
        x = apply(WINDOW, (x,), (one, extent, step, gap, before, after))
    return x


def conv(x: Any, w: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Expr:
    """The convolution of deep learning (a correlation) over all axes but the first two: x (batch, channels, ...), w (filters, channels // groups, ...).

    The result is (batch, filters, ...). `stride`, `padding` and `dilation` are those of `sliding_window_view`. With `groups`, channels and filters
    fall into so many groups and each filter sees its own group only.
    """
    (x, w), _ = promoted(asarray(x), asarray(w))
    count = x.ndim - 2
    if count < 1 or w.ndim != x.ndim:
        raise ShapeError(
            f"conv takes x (batch, channels, ...) and w (filters, channels, ...) of equal numbers of axes, got shapes {show(x.shape)} and {show(w.shape)}"
        )
    seen, filters = x.shape[1], w.shape[0]
    if isinstance(seen, int) and isinstance(w.shape[1], int) and seen != w.shape[1] * groups:
        raise ShapeError(f"conv: x has {seen} channels and w has {w.shape[1]} for each of {groups} groups; channels of w times groups are channels of x")
    if groups < 1 or (isinstance(filters, int) and filters % groups):
        raise ArgumentError(f"conv: the {filters} filters do not fall into {groups} equal groups")
    views = sliding_window_view(x, w.shape[2:], tuple(range(2, x.ndim)), stride, dilation, padding)
    places, offsets = string.ascii_uppercase[:count], string.ascii_uppercase[count : 2 * count]
    if groups == 1:
        return einsum(f"nc{places}{offsets},fc{offsets}->nf{places}", views, w)
    views = reshape(views, (views.shape[0], groups, seen // groups, *views.shape[2:]))
    w = reshape(w, (groups, filters // groups, *w.shape[1:]))
    result = einsum(f"ngc{places}{offsets},gfc{offsets}->ngf{places}", views, w)
    return reshape(result, (result.shape[0], filters, *result.shape[3:]))


def _pooled(x: Any, window: Any, stride: Any, padding: Any, dilation: Any, filler: Any, what: str) -> tuple[Expr, tuple[int, ...], list[tuple[Size, Size]]]:
    """Windows of x, padded with the filler, over its last axes; the axes of the windows; and the padding."""
    x = asarray(x)
    count = len(window) if isinstance(window, (tuple, list)) else max(x.ndim - 2, 1)
    if count > x.ndim:
        raise ShapeError(f"{what}: a window over {count} axes does not fit shape {show(x.shape)}")
    axes = tuple(range(x.ndim - count, x.ndim))
    windows = tuple([size_of(entry, "window") for entry in _each(window, count, "window")])
    strides = _steps(window if stride is None else stride, count, "stride")
    dilations = _steps(dilation, count, "dilation")
    pairs = _paddings(padding, x, axes, windows, strides, dilations)
    x = pad(x, [(0, 0)] * (x.ndim - count) + pairs, constant_values=filler(x))
    views = sliding_window_view(x, windows, axes, strides, dilations)
    return views, tuple(range(views.ndim - count, views.ndim)), pairs


def max_pool(x: Any, window: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1) -> Expr:
    """The greatest element of each window over the last axes (all but the first two, or one for each entry of `window`).

    Windows follow each other without overlap unless `stride` says otherwise; padding never wins.
    """
    if asarray(x).dtype.is_bool:
        raise DTypeError("max_pool takes numbers, got bool; convert with astype('uint8')")
    views, axes, _ = _pooled(x, window, stride, padding, dilation, lambda a: unit("max", a.dtype), "max_pool")
    return max_(views, axes)


def mean_pool(x: Any, window: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, count_padding: bool = True) -> Expr:
    """The mean of each window over the last axes, as `max_pool`. Padding counts as zeros, or not at all if `count_padding` is false."""
    views, axes, pairs = _pooled(x, window, stride, padding, dilation, lambda a: 0, "mean_pool")
    total = sum_(views, axes)
    kind = total.dtype if total.dtype.is_float else float64
    if count_padding or all(before == 0 and after == 0 for before, after in pairs):
        return divide(total, size(count_of(views.shape, axes), kind))
    shape = asarray(x).shape[-len(axes) :]
    counted, _, _ = _pooled(ones(shape, kind), _each(window, len(axes), "window"), stride, padding, dilation, lambda a: 0, "mean_pool")
    return divide(total, sum_(counted, tuple(range(len(axes), 2 * len(axes)))))

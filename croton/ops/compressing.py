"""What is where a condition holds: how much that is depends on values, so that the caller says for how much there is room."""

from __future__ import annotations

import builtins
from typing import Any

from croton.dtypes import int64
from croton.expr.expr import Expr
from croton.ops.arguments import axis_of, size_of
from croton.ops.arithmetic import floor_divide, minimum, remainder, subtract
from croton.ops.at import At
from croton.ops.axes import expand_dims
from croton.ops.casting import asarray, astype, converted, truths
from croton.ops.comparisons import less
from croton.ops.creation import arange, zeros
from croton.ops.cumulative import cumsum
from croton.ops.indexing import index, take
from croton.ops.joining import stack
from croton.ops.logic import where
from croton.ops.reductions import count_nonzero
from croton.ops.shape import ravel
from croton.util.errors import NotSupportedError, ShapeError


def _positions(condition: Expr, room: Any, what: str) -> tuple[Expr, Expr]:
    """Where a vector of bools is true, the first ones as far as there is room and 0 after the last; and which of these are meant."""
    if room is None:
        raise NotSupportedError(
            f"not supported: {what}, whose shape depends on values; say for how many there is room, {what}(..., size=n), or use where(mask, x, 0) to keep "
            "a known shape; a NumPy mask, known while the graph is built, can index"
        )
    count = size_of(room, f"{what}: size")
    # What there is no room for, and what is not meant, goes to one place more, which is cut off.
    target = where(condition, minimum(subtract(cumsum(condition), 1), count), count)
    found = index(At(zeros(count + 1, int64))[target].add(arange(condition.shape[0])), builtins.slice(0, count))
    return found, less(arange(count), count_nonzero(condition))


def nonzero(x: Any, size: Any = None, fill_value: Any = 0) -> tuple[Expr, ...]:
    """The indices of the elements that are not 0, a vector of `size` for each axis of x: the first ones, and `fill_value` after the last."""
    x = truths(x)
    if x.ndim == 0:
        raise ShapeError("nonzero takes an array with axes, got a number; x.reshape(1) has one")
    flat, meant = _positions(ravel(x), size, "nonzero")
    fill = converted(fill_value, int64)
    indices: list[Expr] = []
    for extent in reversed(x.shape):
        indices.append(where(meant, remainder(flat, extent), fill))
        flat = floor_divide(flat, extent)
    return tuple(reversed(indices))


def argwhere(x: Any, size: Any = None, fill_value: Any = 0) -> Expr:
    """The indices of the elements that are not 0, a row for each: `size` rows, those after the last filled with `fill_value`."""
    return stack(list(nonzero(x, size, fill_value)), axis=-1)


def compress(condition: Any, x: Any, axis: int | None = None, size: Any = None, fill_value: Any = 0) -> Expr:
    """The entries of x along the axis for which the condition, a vector, holds: the first `size` of them, and `fill_value` after the last.

    Without an axis, of x flattened.
    """
    x = asarray(x)
    x, along = (ravel(x), 0) if axis is None else (x, axis_of(axis, x.ndim, "compress"))
    condition = truths(condition)
    if condition.ndim != 1:
        raise ShapeError(f"compress: the condition is a vector, got {condition.ndim} axes; ravel it")
    found, meant = _positions(condition, size, "compress")
    meant = expand_dims(meant, tuple(range(1, x.ndim - along)))
    return where(meant, take(x, found, along, mode="clip"), astype(converted(fill_value, x.dtype), x.dtype))


def unique(x: Any) -> Expr:
    """Not supported: the shape depends on values; compute it outside with numpy.unique, or work on sort(x)."""
    raise NotSupportedError("not supported: unique, whose shape depends on values; compute it outside with numpy.unique, or work on sort(x)")

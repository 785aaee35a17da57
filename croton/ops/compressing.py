"""What is where a condition holds. How much that is depends on values: a call counts it first, or the caller says for how much there is room."""

from __future__ import annotations

from typing import Any

from croton.dtypes import int64
from croton.expr.expr import Expr
from croton.ops.arguments import axis_of, size_of
from croton.ops.axes import expand_dims
from croton.ops.casting import asarray, astype, converted, truths
from croton.ops.comparisons import less
from croton.ops.creation import arange
from croton.ops.indexing import take
from croton.ops.joining import stack
from croton.ops.logic import where
from croton.ops.positions import positions, true_count
from croton.ops.reductions import count_nonzero
from croton.ops.shape import ravel
from croton.util.errors import ShapeError


def nonzero(x: Any, size: Any = None, fill_value: Any = 0) -> tuple[Expr, ...]:
    """The indices of the elements that are not 0, a vector for each axis of x.

    With `size` they have that length: the first ones, and `fill_value` after the last. Without it they are as many as there are, which a call counts first.
    """
    x = truths(x)
    if x.ndim == 0:
        raise ShapeError("nonzero takes an array with axes, got a number; x.reshape(1) has one")
    room = true_count(x) if size is None else size_of(size, "nonzero: size")
    found = positions(x, room)
    meant = None if size is None else less(arange(room), count_nonzero(x))
    return tuple([index if meant is None else where(meant, index, converted(fill_value, int64)) for index in found])


def argwhere(x: Any, size: Any = None, fill_value: Any = 0) -> Expr:
    """The indices of the elements that are not 0, a row for each: `size` rows, those after the last filled with `fill_value`."""
    return stack(list(nonzero(x, size, fill_value)), axis=-1)


def flatnonzero(x: Any, size: Any = None, fill_value: Any = 0) -> Expr:
    """The indices of the elements of x flattened that are not 0: `nonzero(ravel(x))[0]`."""
    return nonzero(ravel(x), size, fill_value)[0]


def compress(condition: Any, x: Any, axis: int | None = None, size: Any = None, fill_value: Any = 0) -> Expr:
    """The entries of x along the axis for which the condition, a vector, holds; without an axis, of x flattened.

    With `size` the result has that length: the first ones, and `fill_value` after the last. Without it a call counts first how many there are.
    """
    x = asarray(x)
    x, along = (ravel(x), 0) if axis is None else (x, axis_of(axis, x.ndim, "compress"))
    condition = truths(condition)
    if condition.ndim != 1:
        raise ShapeError(f"compress: the condition is a vector, got {condition.ndim} axes; ravel it")
    room = true_count(condition) if size is None else size_of(size, "compress: size")
    if size is None:
        return take(x, positions(condition, room)[0], along)
    chosen = take(x, positions(condition, room)[0], along, mode="clip")
    meant = expand_dims(less(arange(room), count_nonzero(condition)), tuple(range(1, x.ndim - along)))
    return where(meant, chosen, astype(converted(fill_value, x.dtype), x.dtype))

"""Order: argsort is the record, of all elements or of the first ones, and what is sorted is read at it, so derivatives follow the elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from croton.algebra import Label, Operand, arg
from croton.dtypes import int64
from croton.expr.expr import Expr, apply
from croton.expr.op import Op
from croton.expr.types import Constrained, TensorType, at_least_zero, show
from croton.ops.arguments import axis_of, size_of
from croton.ops.arranging import flip
from croton.ops.axes import expand_dims
from croton.ops.broadcasting import typed
from croton.ops.casting import asarray, promoted
from croton.ops.comparisons import less, less_equal, not_equal
from croton.ops.indexing import take
from croton.ops.logic import logical_and, logical_not, logical_or
from croton.ops.reductions import sum as sum_
from croton.ops.selection import take_along_axis
from croton.ops.shape import ravel
from croton.util.errors import ArgumentError, ShapeError
from croton.util.keywords import along_axes, not_taken
from croton.util.sorting import argsort as in_order


def _infer(types: Sequence[TensorType], params: tuple) -> TensorType | Constrained:
    (x,), (axis, count, _) = types, params
    enough = at_least_zero(x.shape[axis] - count)
    return typed(int64, (*x.shape[:axis], count, *x.shape[axis + 1 :]), [] if enough is None else [enough])


def _meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    (x,), (axis, count, descending) = operands, params
    rank = Label(count)
    found = arg("argsort_descending" if descending else "argsort", x.use, x.axes[axis], rank)
    return Operand((*x.axes[:axis], rank, *x.axes[axis + 1 :]), found)


def _reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    (x,), (axis, count, descending) = arrays, params
    return np.moveaxis(in_order(np.moveaxis(x, axis, -1), descending)[..., :count], -1, axis)


ARGSORT = Op("argsort", _infer, _meaning, _reference, differentiable=False, parameters=("axis", "count", "descending"))
OPERATIONS = [ARGSORT]


def _axis(x: Any, axis: int | None, what: str) -> tuple[Expr, int]:
    x = asarray(x)
    if axis is None:
        return ravel(x), 0
    return x, axis_of(axis, x.ndim, what)


@along_axes
@not_taken(kind="leave it out, a sort is always stable", order="leave it out, there are no fields")
def argsort(x: Any, axis: int | None = -1, descending: bool = False, stable: bool = True) -> Expr:
    """The indices that sort x along an axis, of x flattened for None. NaN is greater than everything.

    Equal elements keep their order, whatever `stable` says.
    """
    x, along = _axis(x, axis, "argsort")
    return apply(ARGSORT, (x,), (along, x.shape[along], bool(descending)))


@along_axes
@not_taken(kind="leave it out, a sort is always stable", order="leave it out, there are no fields")
def sort(x: Any, axis: int | None = -1, descending: bool = False, stable: bool = True) -> Expr:
    """x sorted along an axis, flattened for None. NaN is greater than everything. Equal elements are alike, so `stable` changes nothing."""
    x, along = _axis(x, axis, "sort")
    ordered = take_along_axis(x, argsort(x, along), along)
    # Equal elements are equal, so there is no order of theirs to keep.
    return flip(ordered, along) if descending else ordered


class TopK(NamedTuple):
    """The greatest elements and where they stand."""

    values: Expr
    indices: Expr


@along_axes
def top_k(x: Any, k: Any, axis: int = -1, largest: bool = True) -> TopK:
    """The k greatest elements along an axis (smallest unless `largest`), the most extreme first, and their indices."""
    x = asarray(x)
    along = axis_of(axis, x.ndim, "top_k")
    count, n = size_of(k, "top_k"), x.shape[along]
    if isinstance(count, int) and isinstance(n, int) and count > n:
        raise ArgumentError(f"top_k: {count} elements are wanted of an axis of size {n}")
    indices = apply(ARGSORT, (x,), (along, count, bool(largest)))
    return TopK(take_along_axis(x, indices, along), indices)


def searchsorted(x: Any, values: Any, side: str = "left", sorter: Any = None) -> Expr:
    """Where values go into a sorted vector to keep it sorted: before elements equal to them, or after them for side "right".

    A vector that is not sorted comes with the indices that sort it, `sorter=argsort(x)`. Every value is compared with every element of x.
    """
    if side not in ("left", "right"):
        raise ArgumentError(f"searchsorted: side is 'left' or 'right', got {side!r}")
    (x, values), dtype = promoted(asarray(x), asarray(values))
    if x.ndim != 1:
        raise ShapeError(f"searchsorted: the sorted array is a vector, got shape {show(x.shape)}")
    if sorter is not None:
        x = take(x, sorter, 0)
    values = expand_dims(values, -1)
    before = less(x, values) if side == "left" else less_equal(x, values)
    if dtype.is_float:
        # NaN is greater than everything and equal to itself.
        no_number, nothing = not_equal(values, values), not_equal(x, x)
        counted = logical_not(nothing) if side == "left" else logical_or(nothing, logical_not(nothing))
        before = logical_or(before, logical_and(no_number, counted))
    return sum_(before, -1)

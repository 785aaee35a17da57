"""Running sums, products, maxima and minima, and differences of neighbours."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from croton.algebra import Label, Operand, Use, add, at_least_zero, contract, cumulate, iota, scalar
from croton.algebra import constant as algebra_constant
from croton.dtypes import bool_, int64, uint8
from croton.expr.expr import Expr, apply
from croton.expr.op import Op
from croton.expr.types import TensorType, show
from croton.ops.arguments import axis_of, index_of
from croton.ops.arithmetic import subtract
from croton.ops.broadcasting import stretch
from croton.ops.casting import accumulator, asarray, astype, converted
from croton.ops.indexing import index
from croton.ops.joining import concatenate
from croton.ops.logic import logical_xor
from croton.ops.shape import ravel
from croton.util.errors import ArgumentError, ShapeError
from croton.util.keywords import along_axes

OPERATIONS: list[Op] = []


def _record(name: str, value: Callable[[Use, Label, Sequence[Label]], tuple[Use, Label]], reference: Callable[..., np.ndarray]) -> Op:
    """An operation with the param (axis,). `value` gets the use, the label of the axis and all labels, and gives the new use and label."""

    def infer(types: Sequence[TensorType], params: tuple) -> TensorType:
        return types[0]

    def meaning(operands: Sequence[Operand], params: tuple) -> Operand:
        (x,), (axis,) = operands, params
        use, label = value(x.use, x.axes[axis], x.axes)
        return Operand((*x.axes[:axis], label, *x.axes[axis + 1 :]), use)

    def of_arrays(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.asarray(reference(arrays[0], axis=params[0], dtype=arrays[0].dtype))

    op = Op(name, infer, meaning, of_arrays, parameters=("axis",))
    OPERATIONS.append(op)
    return op


def _sum(use: Use, along: Label, axes: Sequence[Label]) -> tuple[Use, Label]:
    last = Label(along.size)
    out = [last if axis is along else axis for axis in axes]
    return contract(out, [(use, 1), (at_least_zero({last: 1, along: -1}), 1)], summed=[along], dtype=use.dtype), last


def _running(function: str) -> Callable[[Use, Label, Sequence[Label]], tuple[Use, Label]]:
    def value(use: Use, along: Label, axes: Sequence[Label]) -> tuple[Use, Label]:
        if function == "prod" and along not in use.labels and along.size != 1:
            # The same factor again and again.
            count = add([(iota(along), 1), (algebra_constant(1, int64), 1)])
            return scalar("pow", use, scalar("cast", count, dtype=use.dtype)), along
        return cumulate(function, use, along), along

    return value


CUMULATIVE_SUM = _record("cumulative_sum", _sum, np.cumsum)
CUMULATIVE_PROD = _record("cumulative_prod", _running("prod"), np.cumprod)
CUMULATIVE_MAX = _record("cumulative_max", _running("max"), np.maximum.accumulate)
CUMULATIVE_MIN = _record("cumulative_min", _running("min"), np.minimum.accumulate)


def _axis(x: Any, axis: int | None, what: str) -> tuple[Expr, int]:
    x = asarray(x)
    if axis is None:
        if x.ndim != 1:
            x = ravel(x)
        return x, 0
    return x, axis_of(axis, x.ndim, what)


def _accumulated(op: Op, unit: int, x: Any, axis: int | None, dtype: object, include_initial: bool) -> Expr:
    x, along = _axis(x, axis, op.name)
    x = converted(x, accumulator(x.dtype, dtype))
    result = apply(op, (x,), (along,))
    if not include_initial:
        return result
    start = stretch(converted(unit, x.dtype), (*x.shape[:along], 1, *x.shape[along + 1 :]))
    return concatenate([start, result], along)


def cumulative_sum(x: Any, axis: int | None = None, dtype: object = None, include_initial: bool = False) -> Expr:
    """The running sum along an axis, of x flattened without one; with the 0 in front if `include_initial`. Integers are summed in 64 bits."""
    return _accumulated(CUMULATIVE_SUM, 0, x, axis, dtype, include_initial)


def cumulative_prod(x: Any, axis: int | None = None, dtype: object = None, include_initial: bool = False) -> Expr:
    """The running product along an axis, of x flattened without one; with the 1 in front if `include_initial`."""
    return _accumulated(CUMULATIVE_PROD, 1, x, axis, dtype, include_initial)


@along_axes
def cumsum(x: Any, axis: int | None = None, dtype: object = None) -> Expr:
    """The running sum along an axis, of x flattened without one."""
    return cumulative_sum(x, axis, dtype)


@along_axes
def cumprod(x: Any, axis: int | None = None, dtype: object = None) -> Expr:
    """The running product along an axis, of x flattened without one."""
    return cumulative_prod(x, axis, dtype)


@along_axes
def cummax(x: Any, axis: int | None = None) -> Expr:
    """The greatest element so far along an axis, of x flattened without one."""
    return _extreme(CUMULATIVE_MAX, x, axis)


@along_axes
def cummin(x: Any, axis: int | None = None) -> Expr:
    """The smallest element so far along an axis, of x flattened without one."""
    return _extreme(CUMULATIVE_MIN, x, axis)


def _extreme(op: Op, x: Any, axis: int | None) -> Expr:
    x, along = _axis(x, axis, op.name)
    if x.dtype is bool_:
        return astype(apply(op, (astype(x, uint8),), (along,)), bool_)
    return apply(op, (x,), (along,))


@along_axes
def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Expr:
    """The differences of neighbours along an axis, n times over: x[1:] - x[:-1]; of bools whether they differ."""
    x = asarray(x)
    if x.ndim == 0:
        raise ShapeError("diff takes an array of at least one axis, got a number")
    count = index_of(n, "diff: n")
    if count < 0:
        raise ArgumentError(f"diff: n is at least 0, got {n}")
    along = axis_of(axis, x.ndim, "diff")
    around = [_side(prepend, x, along), x, _side(append, x, along)]
    parts = [part for part in around if part is not None]
    x = concatenate(parts, along) if len(parts) > 1 else x
    whole = (builtins.slice(None),) * along
    for _ in range(count):
        after, before = index(x, (*whole, builtins.slice(1, None))), index(x, (*whole, builtins.slice(None, -1)))
        x = logical_xor(after, before) if x.dtype is bool_ else subtract(after, before)
    return x


def _side(value: Any, x: Expr, axis: int) -> Expr | None:
    if value is None:
        return None
    value = asarray(value)
    if value.ndim == 0:
        return stretch(value, (*x.shape[:axis], 1, *x.shape[axis + 1 :]))
    if value.ndim != x.ndim:
        raise ShapeError(f"diff: what is prepended or appended is a number or has as many axes as x, got {show(value.shape)} and {show(x.shape)}")
    return value

"""Axes moved, added and taken away: nothing of this makes a node of the algebra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from croton.algebra import Label, Operand
from croton.expr.expr import Expr, apply
from croton.expr.op import Op
from croton.expr.types import TensorType, show
from croton.ops.arguments import Axes, axes_in_order, axes_of, axis_of, shape_of
from croton.ops.broadcasting import broadcast_shapes, stretch
from croton.ops.casting import asarray
from croton.util.errors import ArgumentError, ShapeError
from croton.util.keywords import along_axes


def _permute_infer(types: Sequence[TensorType], params: tuple) -> TensorType:
    return TensorType(types[0].dtype, tuple([types[0].shape[axis] for axis in params[0]]))


def _permute_meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    return Operand(tuple([operands[0].axes[axis] for axis in params[0]]), operands[0].use)


def _permute_reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return np.transpose(arrays[0], params[0])


def _expand_infer(types: Sequence[TensorType], params: tuple) -> TensorType:
    return TensorType(types[0].dtype, tuple(_with_ones(types[0].shape, params[0], lambda: 1)))


def _expand_meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    return Operand(tuple(_with_ones(operands[0].axes, params[0], lambda: Label(1))), operands[0].use)


def _with_ones(entries: Sequence[Any], axes: tuple[int, ...], one: Any) -> list[Any]:
    rest = iter(entries)
    return [one() if axis in axes else next(rest) for axis in range(len(entries) + len(axes))]


def _expand_reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return np.expand_dims(arrays[0], params[0])


def _squeeze_infer(types: Sequence[TensorType], params: tuple) -> TensorType:
    (x,), (axes,) = types, params
    for axis in axes:
        if x.shape[axis] != 1:
            raise ShapeError(
                f"squeeze: axis {axis} of shape {show(x.shape)} has size {x.shape[axis]}, only axes of the integer size 1 can go; "
                "index the axis, x[..., 0], to take one entry"
            )
    return TensorType(x.dtype, tuple([size for axis, size in enumerate(x.shape) if axis not in axes]))


def _squeeze_meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    (x,), (axes,) = operands, params
    return Operand(tuple([label for axis, label in enumerate(x.axes) if axis not in axes]), x.use)


def _squeeze_reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return np.squeeze(arrays[0], params[0])


PERMUTE = Op("permute_dims", _permute_infer, _permute_meaning, _permute_reference, parameters=("axes",))
EXPAND = Op("expand_dims", _expand_infer, _expand_meaning, _expand_reference, parameters=("axes",))
SQUEEZE = Op("squeeze", _squeeze_infer, _squeeze_meaning, _squeeze_reference, parameters=("axes",))
OPERATIONS = [PERMUTE, EXPAND, SQUEEZE]


def permute_dims(x: Any, axes: Sequence[int]) -> Expr:
    """x with its axes in another order: axis i of the result is axis axes[i] of x."""
    x = asarray(x)
    order = axes_in_order(tuple(axes), x.ndim, "permute_dims")
    if len(order) != x.ndim:
        raise ArgumentError(f"permute_dims: every axis is named once, got {tuple(axes)} for an array of {x.ndim} axes")
    return x if order == tuple(range(x.ndim)) else apply(PERMUTE, (x,), (order,))


def transpose(x: Any, axes: Sequence[int] | None = None) -> Expr:
    """x with its axes in another order, reversed by default."""
    x = asarray(x)
    return permute_dims(x, tuple(reversed(range(x.ndim))) if axes is None else axes)


def matrix_transpose(x: Any) -> Expr:
    """x with its last two axes exchanged."""
    x = asarray(x)
    if x.ndim < 2:
        raise ShapeError(f"matrix_transpose takes an array of at least 2 axes, got shape {show(x.shape)}")
    return swapaxes(x, -1, -2)


def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Expr:
    """x with some axes put at other positions; the others keep their order."""
    x = asarray(x)
    come, go = axes_in_order(source, x.ndim, "moveaxis"), axes_in_order(destination, x.ndim, "moveaxis")
    if len(come) != len(go):
        raise ArgumentError(f"moveaxis: {len(come)} axes cannot go to {len(go)} positions")
    order = [axis for axis in range(x.ndim) if axis not in come]
    for position, axis in sorted(zip(go, come)):
        order.insert(position, axis)
    return permute_dims(x, order)


def swapaxes(x: Any, axis1: int, axis2: int) -> Expr:
    """x with two axes exchanged."""
    x = asarray(x)
    a, b = axis_of(axis1, x.ndim, "swapaxes"), axis_of(axis2, x.ndim, "swapaxes")
    order = list(range(x.ndim))
    order[a], order[b] = b, a
    return permute_dims(x, order)


@along_axes
def expand_dims(x: Any, axis: int | Sequence[int]) -> Expr:
    """x with new axes of size 1 at these positions of the result."""
    x = asarray(x)
    count = len(axis) if isinstance(axis, (tuple, list)) else 1
    axes = axes_of(axis, x.ndim + count, "expand_dims")
    return apply(EXPAND, (x,), (axes,)) if axes else x


@along_axes
def squeeze(x: Any, axis: Axes = None) -> Expr:
    """x without these axes of size 1; by default without all axes of the integer size 1."""
    x = asarray(x)
    if axis is None:
        axes = tuple([i for i, size in enumerate(x.shape) if isinstance(size, int) and size == 1])
    else:
        axes = axes_of(axis, x.ndim, "squeeze")
    return apply(SQUEEZE, (x,), (axes,)) if axes else x


def broadcast_to(x: Any, shape: Any) -> Expr:
    """x stretched to the shape: axes of size 1 stretch, new axes come in front."""
    return stretch(asarray(x), shape_of(shape, "broadcast_to"))


def broadcast_arrays(*arrays: Any) -> list[Expr]:
    """The arrays stretched to the shape they have together."""
    given = [asarray(x) for x in arrays]
    shape = broadcast_shapes([x.shape for x in given], "broadcast_arrays", [])
    return [stretch(x, shape) for x in given]

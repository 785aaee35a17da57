"""Where the extreme element is: argmax and argmin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from croton.algebra import Label, Use, arg
from croton.dtypes import bool_, int64
from croton.expr.expr import Expr, apply
from croton.expr.op import Op
from croton.ops.arguments import axis_of
from croton.ops.axes import expand_dims
from croton.ops.casting import asarray, astype
from croton.ops.reductions import not_empty, reduction
from croton.ops.shape import ravel
from croton.util.keywords import along_axes


def _record(name: str, reference: Callable[..., Any]) -> Op:
    def value(use: Use, rest: set[Label], over: list[Label]) -> Use:
        return arg(name, use, over[0])

    def of_arrays(x: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:
        return reference(x, axis=axis[0], keepdims=keepdims)

    return reduction(name, value, of_arrays, int64, chooses=True)


_ARGMAX, _ARGMIN = _record("argmax", np.argmax), _record("argmin", np.argmin)
OPERATIONS = [_ARGMAX, _ARGMIN]


def _index(op: Op, x: Any, axis: int | None, keepdims: bool) -> Expr:
    x = asarray(x)
    if x.dtype is bool_:
        x = astype(x, "int8")
    if axis is None:
        found = _index(op, ravel(x), 0, False)
        return expand_dims(found, tuple(range(x.ndim))) if keepdims else found
    axes = (axis_of(axis, x.ndim, op.name),)
    not_empty(op.name, x.shape, axes)
    return apply(op, (x,), (axes, bool(keepdims)))


@along_axes
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Expr:
    """The index of the first greatest element along the axis, of the first NaN if there is one; without an axis, in x flattened."""
    return _index(_ARGMAX, x, axis, keepdims)


@along_axes
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Expr:
    """The index of the first smallest element along the axis, of the first NaN if there is one; without an axis, in x flattened."""
    return _index(_ARGMIN, x, axis, keepdims)

"""Norms of vectors and matrices, as numpy.linalg names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from croton.expr.expr import Expr
from croton.expr.types import show
from croton.linalg.any_shape import svdvals
from croton.ops.arguments import axis_of
from croton.ops.axes import expand_dims, moveaxis, squeeze
from croton.ops.casting import floats
from croton.ops.linalg import norm as length
from croton.ops.reductions import max as max_
from croton.ops.reductions import min as min_
from croton.ops.reductions import sum as sum_
from croton.util.errors import ArgumentError, ShapeError


def norm(x: Any, ord: int | float | str | None = None, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Expr:
    """The norm of vectors, along one axis, or of matrices, over two; without an axis that of a vector or of a matrix.

    `ord` is that of `vector_norm` or of `matrix_norm`; without it, the root of the sum of squares. Without either that of
    all elements, however many axes there are.
    """
    (x,) = floats(x)
    if axis is None and ord is None:
        return length(x, None, None, keepdims)
    axes = tuple(range(x.ndim)) if axis is None else tuple([axis_of(a, x.ndim, "norm") for a in (axis if isinstance(axis, (tuple, list)) else (axis,))])
    if len(axes) == 1:
        return vector_norm(x, axes[0], keepdims, 2 if ord is None else ord)  # type: ignore[arg-type]
    if len(axes) != 2:
        raise ShapeError(f"norm: ord={ord!r} is that of vectors, of one axis, or of matrices, of two; got {len(axes)} axes of shape {show(x.shape)}")
    found = matrix_norm(moveaxis(x, axes, (-2, -1)), False, "fro" if ord is None else ord)
    return expand_dims(found, axes) if keepdims else found


def vector_norm(x: Any, axis: Any = None, keepdims: bool = False, ord: int | float = 2) -> Expr:
    """The length of the vectors along the axes, or of all elements together: (sum |x|**ord) ** (1 / ord)."""
    return length(x, axis, ord, keepdims)


def matrix_norm(x: Any, keepdims: bool = False, ord: int | float | str = "fro") -> Expr:
    """The norm of matrices: "fro", the root of the sum of squares; 1 and inf, the greatest sum of absolute values in a column or a row; 2, the greatest
    singular value; "nuc", the sum of these.

    -1, -inf and -2 are the least of these sums and values.
    """
    (x,) = floats(x)
    if x.ndim < 2:
        raise ShapeError(f"matrix_norm takes a matrix or a stack of them, got shape {show(x.shape)}")
    if ord == "fro":
        return length(x, (-2, -1), None, keepdims)
    if ord not in (1, -1, 2, -2, np.inf, -np.inf, "nuc"):
        raise ArgumentError(f'matrix_norm: ord is "fro", "nuc", 1, -1, 2, -2, inf or -inf, got {ord!r}')
    if ord in (2, -2, "nuc"):
        values = svdvals(x)
        found = sum_(values, -1) if ord == "nuc" else (max_ if ord == 2 else min_)(values, -1)
        return expand_dims(found, (-2, -1)) if keepdims else found
    sums = length(x, -2 if ord in (1, -1) else -1, 1, True)
    found = (max_ if ord > 0 else min_)(sums, (-2, -1), True)  # type: ignore[operator]
    return found if keepdims else squeeze(found, (-2, -1))

"""What users pass as axes, sizes, shapes and functions, read and checked."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from croton.expr.counted import counted
from croton.expr.expr import Constant, Expr
from croton.sizes import Poly, Size, product
from croton.util.errors import ArgumentError, KindError, ShapeError

Axis = int | None
Axes = int | Sequence[int] | None


def index_of(value: Any, what: str) -> int:
    """An integer that is known while the graph is built."""
    try:
        return operator.index(value)
    except TypeError:
        more = "; it must be known while the graph is built: in jit, name the argument in static" if isinstance(value, (Expr, Poly)) else ""
        raise KindError(f"{what} is an integer, got {value!r}{more}") from None


def axis_of(axis: Any, ndim: int, what: str) -> int:
    """One axis, counted from the front."""
    number = index_of(axis, f"{what}: an axis")
    if not -ndim <= number < ndim:
        raise ShapeError(f"{what}: axis {number} does not exist, the array has {ndim} {'axis' if ndim == 1 else 'axes'}")
    return number + ndim if number < 0 else number


def axes_of(axis: Any, ndim: int, what: str) -> tuple[int, ...]:
    """Different axes, counted from the front and in order; None for all of them."""
    if axis is None:
        return tuple(range(ndim))
    axes = axes_in_order(axis, ndim, what)
    return tuple(sorted(axes))


def axes_in_order(axis: Any, ndim: int, what: str) -> tuple[int, ...]:
    """Different axes, counted from the front, in the order in which they were given."""
    given = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple([axis_of(a, ndim, what) for a in given])
    if len(set(axes)) < len(axes):
        raise ArgumentError(f"{what}: an axis is named twice in {tuple(given)} for an array of {ndim} axes")
    return axes


def integer_of(value: Any, what: str, otherwise: str = "use x.shape[i] or an integer") -> Size:
    """An integer that is known when a call begins: a number, a symbolic size (x.shape[0], or arithmetic on it), or an expression of one of these.

    `otherwise` says what to do instead with one that is computed.
    """
    if isinstance(value, Poly):
        return value
    if isinstance(value, Expr):
        if value.op is not None and value.op.name == "size":
            return value.params[0]
        if isinstance(value, Constant) and value.ndim == 0 and value.dtype.is_integer:
            return int(value.value)
        if value.ndim or not value.dtype.is_integer:
            how = "index it for one of its numbers" if value.ndim else "convert it with astype('int64')"
            raise KindError(f"{what} is an integer or a symbolic size, got {value!r}; {how}")
        raise KindError(f"{what} must be known when a call begins, got the computed value {value!r}; {otherwise}")
    try:
        return operator.index(value)
    except TypeError:
        raise KindError(f"{what} is an integer or a symbolic size, got {value!r}") from None


def is_computed(value: Any) -> bool:
    """Whether a value is an integer that a call computes."""
    known = isinstance(value, Constant) or not isinstance(value, Expr) or (value.op is not None and value.op.name == "size")
    return not known and value.ndim == 0 and value.dtype.is_integer


def size_of(value: Any, what: str, likely: Size | None = None) -> Size:
    """A size: an integer that is not negative, as `integer_of` reads it, or a computed one, which is counted first; `likely` is near what that may be."""
    if is_computed(value):
        return counted(value, likely)
    size = integer_of(value, f"{what}: a size")
    if isinstance(size, int) and size < 0:
        raise ShapeError(f"{what}: a size is at least 0, got {size}")
    return size


def shape_of(shape: Any, what: str) -> tuple[Size, ...]:
    """A shape: one size, or a sequence of sizes."""
    given = shape if isinstance(shape, (tuple, list)) else (shape,)
    return tuple([size_of(size, what) for size in given])


def count_of(shape: Sequence[Size], axes: Sequence[int]) -> Size:
    """How many elements lie along the axes together."""
    return product([shape[axis] for axis in axes])


def check_function(value: Any, what: str, example: str) -> None:
    """Raise where a function is wanted and something else is given; `example` is a call as it is meant."""
    if not callable(value):
        raise KindError(f"{what} wants a function, got {type(value).__name__}; write {example}")

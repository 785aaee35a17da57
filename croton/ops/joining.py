"""Arrays joined and taken apart along an axis."""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from croton.algebra import Label, Operand, Use, add, scalar
from croton.expr.expr import Constant, Expr, apply
from croton.expr.op import Op
from croton.expr.types import Constrained, TensorType, show
from croton.ops.arguments import axis_of, index_of, is_computed, size_of
from croton.ops.axes import expand_dims
from croton.ops.broadcasting import Pairs, equal_sizes, typed
from croton.ops.casting import asarray, promoted
from croton.ops.indexing import index
from croton.ops.reading import read, renamed
from croton.ops.shape import atleast_1d, atleast_2d, ravel, reshape
from croton.sizes import Poly, Size
from croton.util.errors import ArgumentError, KindError, ShapeError
from croton.util.keywords import along_axes, also_named


def _infer(types: Sequence[TensorType], params: tuple) -> TensorType | Constrained:
    (axis,) = params
    pairs: Pairs = []
    shape = list(types[0].shape)
    for other in types[1:]:
        fits = other.ndim == len(shape)
        for position, size in enumerate(other.shape if fits else ()):
            if position == axis:
                shape[axis] = shape[axis] + size
            else:
                fits = fits and equal_sizes(shape[position], size, pairs)
                shape[position] = size if isinstance(size, int) else shape[position]
        if not fits:
            given = ", ".join(show(t.shape) for t in types)
            raise ShapeError(f"concatenate: shapes {given} do not join along axis {axis}; all other axes must have equal sizes")
    return typed(types[0].dtype, tuple(shape), pairs)


def _meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    (axis,) = params
    total: Size = 0
    starts = []
    for x in operands:
        starts.append(total)
        total = total + x.axes[axis].size
    axes = list(_common(operands))
    axes[axis] = Label(total)
    parts: list[Use] = []
    for x, start in zip(operands, starts):
        inside = Label(x.axes[axis].size)
        own = (*axes[:axis], inside, *axes[axis + 1 :])
        parts.append(read(Operand(own, renamed(x, own)), axes, [({axes[axis]: 1, inside: -1}, -start)]).use)
    if operands[0].dtype.is_bool:
        value = parts[0]
        for part in parts[1:]:
            value = scalar("logical_or", value, part)
        return Operand(tuple(axes), value)
    return Operand(tuple(axes), add([(part, 1) for part in parts], operands[0].dtype))


def _common(operands: Sequence[Operand]) -> list[Label]:
    """New labels for the axes; a size that is known for one array is known for all. An axis is not of size 1 while a value may depend on it."""
    labels = []
    for axes in zip(*[x.axes for x in operands]):
        sizes = [axis.size for axis in axes if axis.size != 1]
        known = [size for size in sizes if isinstance(size, int)]
        labels.append(Label(next(iter(known or sizes), 1)))
    return labels


def _reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return np.concatenate(arrays, axis=params[0])


CONCATENATE = Op("concatenate", _infer, _meaning, _reference, parameters=("axis",))
OPERATIONS = [CONCATENATE]


def _list(arrays: Any, what: str) -> list[Any]:
    if not isinstance(arrays, (tuple, list)):
        arrays = asarray(arrays)
        if arrays.ndim and not isinstance(arrays.shape[0], int):
            raise ShapeError(f"{what} takes a list or tuple of arrays, {what}([x, y]), got one array, {arrays!r}, whose first axis has an unknown size")
        arrays = unstack(arrays)
    if not arrays:
        raise ArgumentError(f"{what} takes at least one array, got an empty sequence")
    return builtins.list(arrays)


@along_axes
def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Expr:
    """The arrays one after the other along an existing axis; without an axis they are flattened first. Dtypes promote one another."""
    given, _ = promoted(*[asarray(x) for x in _list(arrays, "concatenate")])
    if axis is None:
        given, axis = [ravel(x) for x in given], 0
    if any(x.ndim == 0 for x in given):
        raise ShapeError("concatenate: numbers have no axis to join along; stack makes one")
    if len({x.ndim for x in given}) > 1:
        raise ShapeError(f"concatenate: arrays have as many axes as each other, got shapes {', '.join(show(x.shape) for x in given)}")
    axis = axis_of(axis, given[0].ndim, "concatenate")
    # An array without elements along the axis adds nothing; the others hold the shape.
    full = [x for x in given if x.shape[axis] != 0]
    return given[0] if len(given) == 1 else apply(CONCATENATE, given, (axis,)) if len(full) != 1 else _checked(given, full[0], axis)


def _checked(given: Sequence[Expr], only: Expr, axis: int) -> Expr:
    joined = apply(CONCATENATE, given, (axis,))
    return joined if joined.constraints else only


concat = concatenate


@along_axes
def stack(arrays: Sequence[Any], axis: int = 0) -> Expr:
    """The arrays, all of one shape, along a new axis."""
    given, _ = promoted(*[asarray(x) for x in _list(arrays, "stack")])
    axis = axis_of(axis, given[0].ndim + 1, "stack")
    for x in given[1:]:
        if x.ndim != given[0].ndim or any(isinstance(a - b, int) and a != b for a, b in zip(x.shape, given[0].shape)):
            raise ShapeError(f"stack: arrays have one shape, got {', '.join(show(x.shape) for x in given)}")
    return concatenate([expand_dims(x, axis) for x in given], axis)


def hstack(arrays: Sequence[Any]) -> Expr:
    """The arrays side by side: along axis 1, vectors along axis 0."""
    given = [atleast_1d(x) for x in _list(arrays, "hstack")]
    return concatenate(given, 0 if given[0].ndim == 1 else 1)


def vstack(arrays: Sequence[Any]) -> Expr:
    """The arrays one above the other: along axis 0, vectors as rows."""
    return concatenate([atleast_2d(x) for x in _list(arrays, "vstack")], 0)


def column_stack(arrays: Sequence[Any]) -> Expr:
    """The arrays side by side, vectors as columns."""
    given = [asarray(x) for x in _list(arrays, "column_stack")]
    return concatenate([expand_dims(atleast_1d(x), 1) if x.ndim < 2 else x for x in given], 1)


@along_axes
def unstack(x: Any, axis: int = 0) -> list[Expr]:
    """The entries of x along an axis, as a list; its size must be known."""
    x = asarray(x)
    if x.ndim == 0:
        raise ShapeError("unstack: a number has no axis to take apart")
    axis = axis_of(axis, x.ndim, "unstack")
    n = x.shape[axis]
    if not isinstance(n, int):
        raise ShapeError(f"unstack: axis {axis} of shape {show(x.shape)} has a size that is not known, so the number of parts is not either")
    return [index(x, _along(axis, i)) for i in range(n)]


def _along(axis: int, item: Any) -> tuple:
    return (*[builtins.slice(None)] * axis, item)


@along_axes
@also_named(indices_or_sections="parts")
def split(x: Any, parts: Any, axis: int = 0) -> list[Expr]:
    """x cut along an axis: into a number of equal parts, or before each of a sequence of positions."""
    x = asarray(x)
    axis = axis_of(axis, x.ndim, "split")
    positions = _positions(parts)
    if positions is not None:
        return _cut(x, positions, axis)
    count, n = _count(parts), x.shape[axis]
    if isinstance(n, int):
        if n % count:
            raise ShapeError(f"split: axis {axis} of size {n} does not divide into {count} equal parts; use array_split, or give positions")
        size = n // count
        return _cut(x, [size * i for i in range(1, count)], axis)
    # Reshaping says, and checks at each call, that the size divides.
    rows = reshape(x, (*x.shape[:axis], count, n // count, *x.shape[axis + 1 :]))
    return unstack(rows, axis)


@along_axes
@also_named(indices_or_sections="parts")
def array_split(x: Any, parts: Any, axis: int = 0) -> list[Expr]:
    """x cut along an axis into a number of parts, the first ones larger by one where it does not divide; or before each of some positions."""
    x = asarray(x)
    axis = axis_of(axis, x.ndim, "array_split")
    positions = _positions(parts)
    if positions is not None:
        return _cut(x, positions, axis)
    count, n = _count(parts), x.shape[axis]
    if not isinstance(n, int):
        return [index(x, _along(axis, builtins.slice(*_part(n, count, i)))) for i in range(count)]
    size, more = divmod(n, count)
    return _cut(x, [size * i + min(i, more) for i in range(1, count)], axis)


def _part(n: Size, count: int, i: int) -> tuple[Size, Size]:
    # Of a size that is not known, part i begins where the first i parts, each (n + count - 1 - k) // count long, end.
    start: Size = 0
    for k in range(i):
        start = start + (n + (count - 1 - k)) // count
    return start, start + (n + (count - 1 - i)) // count


def _positions(parts: Any) -> list[Any] | None:
    """The positions where to cut, or None where `parts` is a number."""
    if isinstance(parts, Constant):
        parts = parts.value
    if isinstance(parts, np.ndarray) and parts.ndim == 1:
        parts = parts.tolist()
    if isinstance(parts, (tuple, list)):
        return [part if isinstance(part, Poly) or is_computed(part) else index_of(part, "split: a position") for part in parts]
    return None


def _count(parts: Any) -> int:
    count = size_of(parts, "split")
    if not isinstance(count, int):
        raise KindError(f"split: the number of parts must be known, got the symbolic size {count}")
    if count == 0:
        raise ArgumentError("split: the number of parts is at least 1, got 0")
    return count


def _cut(x: Expr, positions: Sequence[Any], axis: int) -> list[Expr]:
    bounds = [0, *positions, None]
    return [index(x, _along(axis, builtins.slice(a, b))) for a, b in itertools.pairwise(bounds)]

"""Arrays in another shape: reshape and what it composes, and diagonal matrices."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from croton.algebra import Label, Operand
from croton.algebra import constant as algebra_constant
from croton.expr.expr import Expr, apply
from croton.expr.op import Op
from croton.expr.types import Constrained, TensorType, show
from croton.ops.arguments import axis_of, count_of, index_of, size_of
from croton.ops.axes import expand_dims
from croton.ops.broadcasting import Pairs, equal_sizes, stretch, typed
from croton.ops.casting import asarray
from croton.ops.linalg import diagonal
from croton.ops.reading import Row, read
from croton.sizes import Poly, Size, quotient, undivided
from croton.util.errors import ArgumentError, ShapeError
from croton.util.keywords import also_named, not_taken


def _product(sizes: Sequence[Size]) -> Size:
    return count_of(sizes, range(len(sizes)))


def _reshape_infer(types: Sequence[TensorType], params: tuple) -> TensorType | Constrained:
    (x,), (shape,) = types, params
    pairs: Pairs = []
    count, wanted = _product(x.shape), _product(shape)
    if not equal_sizes(count, wanted, pairs):
        raise ShapeError(
            f"reshape: shape {show(x.shape)} has {count} elements and {show(shape)} has {wanted}; -1 as one size stands for what is left"
        )
    return typed(x.dtype, shape, pairs)


def _reshape_meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    (x,), (shape,) = operands, params
    axes = [Label(size) for size in shape]
    if any(isinstance(axis.size, int) and axis.size == 0 for axis in (*axes, *x.axes)):
        return Operand(tuple(axes), algebra_constant(0, x.dtype))
    places = [i for i, size in enumerate(shape) if not (isinstance(size, int) and size == 1)]
    old = [label for label in x.axes if label.size != 1]
    rows: list[Row] = []
    for first, second in _groups([label.size for label in old], [shape[i] for i in places]):
        group, targets = [old[i] for i in first], [places[i] for i in second]
        if len(group) == len(targets) == 1 and group[0].size == shape[targets[0]]:
            axes[targets[0]] = group[0]
        elif any(label in x.use.labels for label in group):
            row = _position(group, 1)
            row.update(_position([axes[i] for i in targets], -1))
            rows.append((row, 0))
    kept = set(axes)
    tied = {label for row, _ in rows for label in row}
    used = tuple([label for label in x.axes if label in kept or label in tied])
    result = read(Operand(used, x.use), axes, rows)
    return Operand(tuple(axes), result.use)


def _position(labels: Sequence[Label], sign: int) -> dict[Label, Size]:
    """The row-major position of labels, as coefficients."""
    row: dict[Label, Size] = {}
    stride: Size = sign
    for label in reversed(labels):
        row[label] = stride
        stride = stride * label.size
    return row


def _groups(old: Sequence[Size], new: Sequence[Size]) -> list[tuple[range, range]]:
    """The finest cut of two shapes into runs with the same number of elements."""
    groups = []
    for first, second in _cut(old, new):
        inside = _cut([old[i] for i in first], [new[j] for j in second], undivided)
        if len(inside) > 1 and _one_sided([([old[first[i]] for i in some], [new[second[j]] for j in others]) for some, others in inside]):
            groups += [(first[some.start : some.stop], second[others.start : others.stop]) for some, others in inside]
        else:
            groups.append((first, second))
    return groups


def _cut(old: Sequence[Size], new: Sequence[Size], count_of_run: Callable[[Size], Size] = lambda count: count) -> list[tuple[range, range]]:
    """The finest cut by the number of elements as `count_of_run` says it."""
    ends: dict[Size, int] = {}
    count: Size = 1
    for position, size in enumerate(new, 1):
        count = count * size
        ends[count_of_run(count)] = position
    groups = []
    i = j = 0
    count = 1
    for position, size in enumerate(old, 1):
        count = count * size
        end = ends.get(count_of_run(count))
        if end is not None and end > j:
            groups.append((range(i, position), range(j, end)))
            i, j = position, end
    if i < len(old) or j < len(new):
        groups.append((range(i, len(old)), range(j, len(new))))
    return groups


def _one_sided(groups: Sequence[tuple[Sequence[Size], Sequence[Size]]]) -> bool:
    """Whether groups that are equal if divisions leave nothing must be equal where the shapes have equally many elements.

    A number times a quotient rounded down is at most the number that was divided: if it stands on one side only, no group has more elements on that side, and
    none fewer, since the products are equal.
    """
    sides = set()
    for old, new in groups:
        one, other = _product(old), _product(new)
        if one != other:
            sides |= {side for side, count in enumerate((one, other)) if undivided(count) != count}
    return len(sides) < 2


def _reshape_reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return arrays[0].reshape(params[0])


RESHAPE = Op("reshape", _reshape_infer, _reshape_meaning, _reshape_reference, parameters=("shape",))


def _diagonal_sides(length: Size, offset: int) -> tuple[int, int, Size]:
    down, right = max(-offset, 0), max(offset, 0)
    return down, right, length + abs(offset)


def _matrix_infer(types: Sequence[TensorType], params: tuple) -> TensorType:
    (x,), (offset,) = types, params
    _, _, side = _diagonal_sides(x.shape[-1], offset)
    return TensorType(x.dtype, (*x.shape[:-1], side, side))


def _matrix_meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    (x,), (offset,) = operands, params
    along = x.axes[-1]
    down, right, side = _diagonal_sides(along.size, offset)
    row, column = Label(side), Label(side)
    rows: list[Row] = [({row: 1, along: -1}, -down), ({column: 1, along: -1}, -right)]
    return read(x, (*x.axes[:-1], row, column), rows)


def _matrix_reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    (x,), (offset,) = arrays, params
    down, right, side = _diagonal_sides(x.shape[-1], offset)
    result = np.zeros((*x.shape[:-1], side, side), x.dtype)
    steps = np.arange(x.shape[-1])
    result[..., steps + down, steps + right] = x
    return result


DIAGONAL_MATRIX = Op("diagonal_matrix", _matrix_infer, _matrix_meaning, _matrix_reference, parameters=("offset",))
OPERATIONS = [RESHAPE, DIAGONAL_MATRIX]


@not_taken(order="elements are in row-major order; transpose first, reshape(x.T, ...).T")
def reshape(x: Any, shape: Any, *, copy: bool | None = None) -> Expr:
    """x with its elements, in row-major order, in another shape. One size may be -1: what is left for it.

    `copy` is accepted as in NumPy; expressions do not change, so that there is nothing to copy.
    """
    x = asarray(x)
    given = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    unknown = [axis for axis, size in enumerate(given) if _is_minus_one(size)]
    if len(unknown) > 1:
        raise ArgumentError(f"reshape: only one size can be -1, got {given}")
    sizes: list[Size] = [1 if axis in unknown else size_of(size, "reshape") for axis, size in enumerate(given)]
    if unknown:
        sizes[unknown[0]] = _left_over(x, sizes, given)
    result = tuple(sizes)
    if result == x.shape:
        return x
    while x.op is RESHAPE and _product(x.inputs[0].shape) == _product(result):
        x = x.inputs[0]
    return x if result == x.shape else apply(RESHAPE, (x,), (result,))


def _is_minus_one(size: Any) -> bool:
    return not isinstance(size, (Expr, Poly)) and hasattr(type(size), "__index__") and operator.index(size) == -1


def _left_over(x: Expr, sizes: Sequence[Size], given: tuple) -> Size:
    known, count = _product(sizes), _product(x.shape)
    if known == 0:
        raise ShapeError(f"reshape: with a size of 0 in {given}, any size fits for -1; write it out")
    if isinstance(known, int) and isinstance(count, int) and count % known:
        raise ShapeError(f"reshape: the {count} elements of shape {show(x.shape)} do not divide by {known}, the other sizes of {given}")
    return quotient(count, known)


@not_taken(order="elements are in row-major order; transpose first, ravel(x.T)")
def ravel(x: Any) -> Expr:
    """x as one axis, in row-major order."""
    x = asarray(x)
    return reshape(x, (_product(x.shape),))


def flatten(x: Any, start_axis: int = 0, end_axis: int = -1) -> Expr:
    """x with the axes from `start_axis` to `end_axis` (both included) as one."""
    x = asarray(x)
    if x.ndim == 0:
        return reshape(x, (1,))
    first, last = axis_of(start_axis, x.ndim, "flatten"), axis_of(end_axis, x.ndim, "flatten")
    if first > last:
        raise ArgumentError(f"flatten: the first axis comes before the last, got {start_axis} and {end_axis}")
    return reshape(x, (*x.shape[:first], _product(x.shape[first : last + 1]), *x.shape[last + 1 :]))


def atleast_1d(x: Any) -> Expr:
    """x, with an axis if it has none."""
    x = asarray(x)
    return expand_dims(x, 0) if x.ndim == 0 else x


def atleast_2d(x: Any) -> Expr:
    """x, with axes of size 1 in front until there are two."""
    x = asarray(x)
    return expand_dims(x, tuple(range(2 - x.ndim))) if x.ndim < 2 else x


@also_named(reps="repetitions")
def tile(x: Any, repetitions: Any) -> Expr:
    """x laid side by side, so many times along each axis; fewer numbers than axes count from the last axis, more add axes in front."""
    x = asarray(x)
    given = tuple(repetitions) if isinstance(repetitions, (tuple, list)) else (repetitions,)
    times: list[Size] = [size_of(count, "tile") for count in given]
    rank = max(len(times), x.ndim)
    times = [*[1] * (rank - len(times)), *times]
    shape: list[Size] = [*[1] * (rank - x.ndim), *x.shape]
    spread = reshape(x, [size for n in shape for size in (1, n)])
    spread = stretch(spread, [size for count, n in zip(times, shape) for size in (count, n)])
    return reshape(spread, [count * n for count, n in zip(times, shape)])


def diag(x: Any, offset: int = 0) -> Expr:
    """Of a vector the matrix with it on a diagonal; of a matrix its diagonal. `offset` counts to the right of the main one."""
    x = asarray(x)
    if x.ndim == 2:
        return diagonal(x, offset)
    if x.ndim != 1:
        raise ShapeError(f"diag takes a vector or a matrix, got shape {show(x.shape)}; diagonal and diagonal_matrix take more axes")
    return diagonal_matrix(x, offset)


def diagonal_matrix(x: Any, offset: int = 0) -> Expr:
    """Matrices with the last axis of x on a diagonal, 0 elsewhere."""
    x = asarray(x)
    if x.ndim == 0:
        raise ShapeError("diagonal_matrix takes an array of at least one axis, got a number")
    return apply(DIAGONAL_MATRIX, (x,), (index_of(offset, "diagonal_matrix: the offset"),))

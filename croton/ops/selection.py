"""Elements chosen by integer arrays, and elements put where integer arrays say: gather and scatter, and what they compose.

Both are products with relations [label == index]; which of the two a derivative becomes is a matter of which label is summed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from croton.algebra import Label, Operand, Use, add, align, contract, of_size, reduce, scalar, select
from croton.algebra import constant as algebra_constant
from croton.algebra.constant import array_of, scalar_value
from croton.algebra.node import Node
from croton.dtypes import dtype as dtype_of
from croton.dtypes import int64, unit
from croton.expr.expr import Constant, Expr, apply
from croton.expr.op import Op
from croton.expr.types import Constrained, TensorType, show
from croton.ops.arguments import axis_of, size_of
from croton.ops.arithmetic import clip, remainder
from croton.ops.axes import expand_dims
from croton.ops.broadcasting import Pairs, broadcast_shapes, equal_sizes, typed
from croton.ops.casting import asarray, astype, converted, size
from croton.ops.comparisons import greater_equal, less
from croton.ops.logic import logical_and, where
from croton.ops.reading import fresh, renamed
from croton.sizes import Size
from croton.util.config import config
from croton.util.errors import ArgumentError, DTypeError, OutOfRangeError, ShapeError
from croton.util.keywords import along_axes, also_named

OPERATIONS: list[Op] = []
MODES = ("raise", "clip", "wrap", "fill")


# The meaning of an index


def wrapped(index: Use, extent: Size) -> Use:
    """The index with negative values counted from the end."""
    node, _ = index
    if node.dtype is not int64:
        index = scalar("cast", index, dtype=int64)
    if is_nonnegative(node):
        return index
    from_end = add([(index, 1), (algebra_constant(of_size(extent), int64), 1)])
    return scalar("where", scalar("lt", index, algebra_constant(0, int64)), from_end, index)


def is_nonnegative(node: Node) -> bool:
    """Whether an integer value is known not to be negative."""
    while node.kind == "map" and node.param == "cast" and node.args[0][0].dtype.is_integer:
        node = node.args[0][0]
    if node.dtype.kind == "u" or node.kind in ("iota", "arg"):
        return True
    if node.kind == "constant":
        return bool(np.all(array_of(node) >= 0))
    if node.kind != "map":
        return _is_natural(node)
    if node.param == "remainder":
        return _is_natural(node.args[1][0])
    if node.param == "maximum":
        return any(_is_natural(arg[0]) for arg in node.args)
    # min(max(i, 0), n - 1), as clip writes it: n - 1 is negative only where there is nothing to read.
    return node.param == "minimum" and any(arg[0].kind == "map" and arg[0].param == "maximum" and is_nonnegative(arg[0]) for arg in node.args)


def _is_natural(node: Node) -> bool:
    """Whether a node is a number >= 0, or one times sizes."""
    value = scalar_value(node)
    return value is not None and value.number >= 0


def _selects(labels: Sequence[Label], indices: Sequence[Use], places: Sequence[Label]) -> list[tuple[Use, int]]:
    """The relations that choose the labels by index arrays whose axes are the places."""
    # An axis of size 1 is none in the algebra: its only element is taken.
    chosen = [(label, wrapped(index, label.size)) for label, index in zip(labels, indices) if label.size != 1]
    return [(select(label, index, [place.size for place in places if place not in index.labels]), 1) for label, index in chosen]


def _insert(entries: Sequence[Any], position: int, new: Sequence[Any]) -> tuple[Any, ...]:
    return (*entries[:position], *new, *entries[position:])


# Gather: params (axes, position). The axes are indexed, one index array each; the axes of the index arrays, which broadcast, go to `position`.


def _index_shape(name: str, types: Sequence[TensorType], pairs: Pairs) -> tuple[Size, ...]:
    return broadcast_shapes([t.shape for t in types], name, pairs)


def _gather_infer(types: Sequence[TensorType], params: tuple) -> TensorType | Constrained:
    (x, *indices), (axes, position) = types, params
    pairs: Pairs = []
    rest = [n for axis, n in enumerate(x.shape) if axis not in axes]
    return typed(x.dtype, _insert(rest, position, _index_shape("an index", indices, pairs)), pairs)


def _gather_meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    (x, *indices), (axes, position) = operands, params
    places, uses = align([fresh(index) for index in indices])
    rest = [label for axis, label in enumerate(x.axes) if axis not in axes]
    out = _insert(rest, position, places)
    chosen = [x.axes[axis] for axis in axes]
    pairs = [(label, use) for label, use in zip(chosen, uses) if label in x.use.labels]
    factors = [(x.use, 1), *_selects([label for label, _ in pairs], [use for _, use in pairs], places)]
    return Operand(out, contract(out, factors, summed=[label for label, _ in pairs], dtype=x.dtype))


def _gather_reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    (x, *indices), (axes, position) = arrays, params
    moved = np.moveaxis(x, axes, range(len(axes)))
    count = np.broadcast(*indices).ndim
    return np.moveaxis(moved[tuple(indices)], range(count), range(position, position + count))


# However many there are, index arrays are integers, and integers carry no derivative.
GATHER = Op("gather", _gather_infer, _gather_meaning, _gather_reference, True, ("axes", "position"))


# Scatter: the transpose of gather. params (shape, axes, position)


def _target(shape: Sequence[Size], axes: tuple[int, ...], position: int, updates: Operand, indices: Sequence[Operand]) -> tuple:
    """The labels of the result, the updates at them and at the labels of the index arrays, those labels, and the index values."""
    places, uses = align([fresh(index) for index in indices])
    out = tuple([Label(n) for n in shape])
    rest = [label for axis, label in enumerate(out) if axis not in axes]
    return out, renamed(updates, _insert(rest, position, places)), places, _selects([out[axis] for axis in axes], uses, places)


def _scatter_infer(types: Sequence[TensorType], params: tuple) -> TensorType | Constrained:
    (updates, *indices), (shape, axes, position) = types, params
    pairs: Pairs = []
    rest = [n for axis, n in enumerate(shape) if axis not in axes]
    wanted = _insert(rest, position, _index_shape("an index", indices, pairs))
    if len(wanted) != updates.ndim or not all(equal_sizes(a, b, pairs) for a, b in zip(updates.shape, wanted)):
        raise ShapeError(f"scatter: the updates need shape {show(wanted)}, got {show(updates.shape)}")
    return typed(updates.dtype, shape, pairs)


def _scatter_meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    (updates, *indices), (shape, axes, position) = operands, params
    out, value, places, selects = _target(shape, axes, position, updates, indices)
    return Operand(out, contract(out, [(value, 1), *selects], summed=places, dtype=updates.dtype))


def _moved(array: np.ndarray, position: int, count: int) -> np.ndarray:
    return np.moveaxis(array, range(position, position + count), range(count))


def _scattered(function: np.ufunc, start: Any, arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    (updates, *indices), (shape, axes, position) = arrays, params
    result = np.full(shape, start, updates.dtype)
    view = np.moveaxis(result, axes, range(len(axes)))
    function.at(view, tuple(indices), _moved(updates, position, np.broadcast(*indices).ndim))
    return result


def _scatter_reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return _scattered(np.add, 0, arrays, params)


SCATTER = Op("scatter", _scatter_infer, _scatter_meaning, _scatter_reference, True, ("shape", "axes", "position"))


# Scatter with max, min or prod: where several updates meet they are reduced, where there is none the unit stands.


def _of_equal(function: str, value: Use, selects: list[tuple[Use, int]], places: Sequence[Label], out: Sequence[Label]) -> Use:
    """The reduction of updates that are all the same value: it depends on how many meet, or on whether there is one."""
    dtype = value.dtype
    if function == "prod" and any(label.size != 1 for label in places):
        return scalar("pow", value, contract(out, selects, summed=places, dtype=dtype))
    return scalar("where", contract(out, selects, summed=places), value, algebra_constant(unit(function, dtype), dtype))


def _reduce_record(function: str, ufunc: np.ufunc) -> Op:
    def meaning(operands: Sequence[Operand], params: tuple) -> Operand:
        (updates, *indices), (shape, axes, position) = operands, params
        out, value, places, selects = _target(shape, axes, position, updates, indices)
        if not set(places).intersection(value.labels):
            return Operand(out, _of_equal(function, value, selects, places, out))
        read = {label for use, _ in selects for label in use.labels}
        # a place that nothing depends on may be one of none
        guard = contract(read, selects, summed=[label for label in places if label not in read and label not in value.labels])
        candidates = scalar("where", guard, value, algebra_constant(unit(function, updates.dtype), updates.dtype))
        return Operand(out, reduce(function, candidates, [label for label in places if label.size != 1]))

    def reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
        return _scattered(ufunc, unit(function, dtype_of(arrays[0].dtype)), arrays, params)

    return Op(f"scatter_{function}", _scatter_infer, meaning, reference, True, ("shape", "axes", "position"))


SCATTER_MAX, SCATTER_MIN, SCATTER_PROD = _reduce_record("max", np.maximum), _reduce_record("min", np.minimum), _reduce_record("prod", np.multiply)


# Along an axis: one index for every element of the result. params (axis,)


def _along_infer(types: Sequence[TensorType], params: tuple) -> TensorType | Constrained:
    (x, index), (axis,) = types, params
    pairs: Pairs = []
    if x.ndim != index.ndim:
        raise ShapeError(
            f"take_along_axis: array and indices have as many axes, got shapes {show(x.shape)} and {show(index.shape)}; add axes of size 1"
        )
    others = [shape[:axis] + (1,) + shape[axis + 1 :] for shape in (x.shape, index.shape)]
    shape = broadcast_shapes(others, "take_along_axis", pairs)
    return typed(x.dtype, shape[:axis] + (index.shape[axis],) + shape[axis + 1 :], pairs)


def _along_meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    (x, index), (axis,) = operands, params
    axes = []
    for position, (mine, other) in enumerate(zip(x.axes, index.axes)):
        axes.append(Label(other.size if position == axis or mine.size == 1 else mine.size))
    over = Label(x.axes[axis].size)
    value = renamed(x, (*axes[:axis], over, *axes[axis + 1 :]))
    if over not in value.labels:
        return Operand(tuple(axes), value)
    chosen = renamed(index, axes)
    return Operand(tuple(axes), contract(axes, [(value, 1), *_selects([over], [chosen], axes)], summed=[over], dtype=x.dtype))


def _along_reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return np.take_along_axis(arrays[0], arrays[1].astype(np.int64), params[0])


ALONG = Op("take_along_axis", _along_infer, _along_meaning, _along_reference, (True, False), ("axis",))


# One-hot: params (count, dtype)


def _one_hot_infer(types: Sequence[TensorType], params: tuple) -> TensorType:
    return TensorType(params[1], (*types[0].shape, params[0]))


def _one_hot_meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    (index,), (count, kind) = operands, params
    label = Label(count)
    axes = (*index.axes, label)
    if count == 1:
        return Operand(axes, algebra_constant(1, kind))
    relation = select(label, scalar("cast", index.use, dtype=int64), [axis.size for axis in index.axes if axis not in index.use.labels])
    return Operand(axes, contract(relation.labels, [(relation, 1)], dtype=kind))


def _one_hot_reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    (index,), (count, kind) = arrays, params
    if index.size and (index.min() < 0 or index.max() >= count):
        raise IndexError(f"an index out of range: {index.min()} to {index.max()} where there are {count}")
    return (index[..., None] == np.arange(count)).astype(kind.numpy)


ONE_HOT = Op("one_hot", _one_hot_infer, _one_hot_meaning, _one_hot_reference, False, ("count", "dtype"))
OPERATIONS += [GATHER, SCATTER, SCATTER_MAX, SCATTER_MIN, SCATTER_PROD, ALONG, ONE_HOT]


# What the user calls


def index_of(value: Any, what: str, extent: Size | None = None) -> Expr:
    """An array of indices into an axis of this size. Known values are checked now, and made to count from the front."""
    if not isinstance(value, Expr):
        value = np.asarray(value)
        if value.size == 0 and value.dtype.kind == "f":
            value = value.astype(np.int64)  # NumPy makes an empty list a float array
    index = asarray(value)
    if not index.dtype.is_integer:
        raise DTypeError(f"{what}: indices are integers, got dtype {index.dtype}; convert them with astype('int64')")
    if isinstance(index, Constant) and isinstance(extent, int):
        values = index.value
        outside = values[(values < -extent) | (values >= extent)]
        if outside.size:
            raise OutOfRangeError(f"{what}: index {outside.flat[0]} is out of range for an axis of size {extent}")
        if (values < 0).any():
            values = values.astype(np.int64)
            index = asarray(np.where(values < 0, values + extent, values))
    return index


def in_mode(index: Expr, extent: Size, mode: str, what: str) -> tuple[Expr, Expr | None]:
    """An index that `mode` has dealt with, and for "fill" where it was in range."""
    if mode not in MODES:
        raise ArgumentError(f"{what}: mode is one of {', '.join(map(repr, MODES))}, got {mode!r}")
    if mode == "raise":
        return index, None
    count = size(extent)
    index = astype(index, int64)
    if mode == "clip":
        return clip(index, 0, count - 1), None  # type: ignore[operator]
    if mode == "wrap":
        return remainder(index, count), None
    valid = logical_and(greater_equal(index, -count), less(index, count))  # type: ignore[operator]
    return where(valid, index, 0), valid


def gather(x: Expr, indices: Sequence[Expr], axes: Sequence[int], position: int) -> Expr:
    """x indexed along some axes together by integer arrays, which broadcast; their axes go to `position` among x's others."""
    return apply(GATHER, (x, *indices), (tuple(axes), position))


def scatter(op: Op, updates: Expr, indices: Sequence[Expr], shape: Sequence[Size], axes: Sequence[int], position: int) -> Expr:
    """The updates put where the indices say, into an array of this shape; the transpose of `gather`."""
    return apply(op, (updates, *indices), (tuple(shape), tuple(axes), position))


def filled(value: Expr, valid: Expr | None, position: int, fill_value: Any) -> Expr:
    """A gathered value with `fill_value` where the index, whose axes stand at `position`, was out of range."""
    if valid is None:
        return value
    after = value.ndim - position - valid.ndim
    valid = expand_dims(valid, tuple(range(valid.ndim, valid.ndim + after)))
    return where(valid, value, converted(fill_value, value.dtype))


@along_axes
def take_along_axis(x: Any, indices: Any, axis: int = -1) -> Expr:
    """For every index the entry of x along the axis that it names; the other axes of x and of the indices broadcast together.

    The read of `argmax(..., keepdims=True)` and of `argsort`.
    """
    x = asarray(x)
    axis = axis_of(axis, x.ndim, "take_along_axis")
    return apply(ALONG, (x, index_of(indices, "take_along_axis", x.shape[axis])), (axis,))


@also_named(num_classes="count")
def one_hot(indices: Any, count: Any, dtype: object = None) -> Expr:
    """Vectors that are 1 at the index and 0 elsewhere, along a new last axis of size `count`. An index out of range raises."""
    index = index_of(indices, "one_hot")
    wanted = size_of(count, "one_hot")
    if isinstance(index, Constant) and isinstance(wanted, int):
        outside = index.value[(index.value < 0) | (index.value >= wanted)]
        if outside.size:
            raise OutOfRangeError(
                f"one_hot: index {outside.flat[0]} is out of range for {wanted} classes; negative indices do not count from the end"
            )
    return apply(ONE_HOT, (index,), (wanted, dtype_of(config.float_dtype if dtype is None else dtype)))

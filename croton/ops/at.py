"""Arrays with some elements written: x.at[index].set(value) and its kin, which give a new array.

Slices write by `place`, integer arrays by `scatter`. Where an index names an element more than once, what is added adds up, what is multiplied
multiplies, and of values that are set the last wins, as in NumPy. The last is found by the greatest position that names the element.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from croton.dtypes import bool_, uint8, unit
from croton.expr.expr import Constant, Expr
from croton.expr.types import show
from croton.ops.arguments import axis_of, count_of
from croton.ops.arithmetic import add, divide, maximum, minimum, multiply, subtract
from croton.ops.axes import expand_dims, squeeze
from croton.ops.broadcasting import broadcast_shapes, stretch
from croton.ops.casting import asarray, astype, converted
from croton.ops.comparisons import equal, greater_equal
from croton.ops.creation import arange
from croton.ops.indexing import Plan, place, plan, read_plan
from croton.ops.logic import logical_and, logical_or, where
from croton.ops.masked import MaskedPlace
from croton.ops.selection import SCATTER, SCATTER_MAX, SCATTER_MIN, SCATTER_PROD, gather, in_mode, index_of, scatter
from croton.ops.shape import reshape
from croton.sizes import Size
from croton.util.errors import ArgumentError, DTypeError, KindError, ShapeError

MODES = ("raise", "clip", "wrap", "drop")


class At:
    """x.at: what an index is put to."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = asarray(array)

    def __getitem__(self, index: Any) -> Place | MaskedPlace:
        if isinstance(index, Expr) and index.dtype is bool_ and not isinstance(index, Constant):
            return MaskedPlace(self.array, index, fitting, lambda: Place(self.array, plan(self.array.shape, index)))
        return Place(self.array, plan(self.array.shape, index))


class Place:
    """x.at[index]: the array with these elements read or written.

    Values broadcast to the shape of x[index] and are converted to the dtype of x. Negative indices count from the end; an index out of range in an
    array of indices raises, unless `mode` is "clip" (the nearest element instead), "wrap" (counted around) or "drop" (no element: nothing is written).
    """

    __slots__ = ("array", "plan")

    def __init__(self, array: Expr, plan: Plan) -> None:
        self.array = array
        self.plan = plan

    def get(self, mode: str = "raise", fill_value: Any = 0) -> Expr:
        """x[index]; the modes are those of `take`."""
        return read_plan(self.array, self.plan, mode, fill_value)

    def set(self, value: Any, mode: str = "raise") -> Expr:
        """x with these elements replaced. Where the index names one more than once, the last value wins."""
        write = self._write(value, mode)
        return write.back(write.replaced())

    def add(self, value: Any, mode: str = "raise") -> Expr:
        """x with the value added to these elements, once for each time they are named; of bools it is `or`."""
        write = self._write(value, mode)
        if self.array.dtype is bool_:
            return write.back(logical_or(write.view, write.summed()))
        return add(self.array, write.placed(write.summed()))

    def subtract(self, value: Any, mode: str = "raise") -> Expr:
        """x with the value subtracted from these elements, once for each time they are named."""
        write = self._write(value, mode)
        return subtract(self.array, write.placed(write.summed()))

    def multiply(self, value: Any, mode: str = "raise") -> Expr:
        """x with these elements multiplied by the value, once for each time they are named; of bools it is `and`."""
        if self.array.dtype is bool_:
            return self._combined(logical_and, SCATTER_MIN, value, mode)
        return self._combined(multiply, SCATTER_PROD, value, mode)

    def divide(self, value: Any, mode: str = "raise") -> Expr:
        """x with these elements divided by the value, once for each time they are named."""
        if not self.array.dtype.is_float:
            raise DTypeError(f"at[...].divide takes floating arrays, got dtype {self.array.dtype}; convert with astype('float64')")
        return self._combined(divide, SCATTER_PROD, value, mode)

    mul = multiply

    def max(self, value: Any, mode: str = "raise") -> Expr:
        """x with the greater of these elements and the value."""
        return self._combined(maximum, SCATTER_MAX, value, mode)

    def min(self, value: Any, mode: str = "raise") -> Expr:
        """x with the smaller of these elements and the value."""
        return self._combined(minimum, SCATTER_MIN, value, mode)

    def _combined(self, function: Callable[[Any, Any], Expr], op: Any, value: Any, mode: str) -> Expr:
        write = self._write(value, mode)
        return write.back(function(write.view, write.reduced(op)))

    def _write(self, value: Any, mode: str) -> _Write:
        x, where_ = self.array, self.plan
        view = where_.view(x)
        shape = list(view.shape)
        indices: list[Expr] = []
        valid: Expr | None = None
        if mode not in MODES:
            raise ArgumentError(f"at: mode is one of {', '.join(map(repr, MODES))}, got {mode!r}")
        for index, axis in zip(where_.indices, where_.axes):
            index, inside = in_mode(index, view.shape[axis], "fill" if mode == "drop" else mode, "at")
            indices.append(index)
            if inside is not None:
                valid = inside if valid is None else logical_and(valid, inside)
        among: tuple[Size, ...] = ()
        if indices:
            among = broadcast_shapes([index.shape for index in indices], "an index", [])
            rest = [size for axis, size in enumerate(shape) if axis not in where_.axes]
            shape = [*rest[: where_.position], *among, *rest[where_.position :]]
        return _Write(x, where_, view, tuple(indices), among, valid, _updates(value, x, shape, where_.new))


def _updates(value: Any, x: Expr, shape: Sequence[Size], new: tuple[int, ...]) -> Expr:
    """The value in the dtype of x and the shape of what the index names, without the axes that the index adds."""
    given = fitting(value, x)
    wanted = list(shape)
    for axis in new:
        wanted.insert(axis, 1)
    if given.ndim > len(wanted):
        raise ShapeError(f"a value of shape {show(given.shape)} does not fit x[index], which has shape {show(wanted)}")
    given = stretch(given, wanted)
    return squeeze(given, new) if new else given


def fitting(value: Any, x: Expr) -> Expr:
    """A value in the dtype of the array that it goes into, which must not lose its kind."""
    given = value if isinstance(value, Expr) or type(value) in (bool, int, float) else asarray(value)
    kind = given.dtype.numpy if isinstance(given, Expr) else np.min_scalar_type(given) if isinstance(given, int) else np.dtype(type(given))
    safe = np.can_cast(kind, x.dtype.numpy, "same_kind") or (isinstance(given, int) and x.dtype is not bool_)
    if not safe:
        raise DTypeError(f"a value of dtype {kind} does not go into an array of dtype {x.dtype}; convert one of them with astype")
    return converted(given, x.dtype)


class _Write(NamedTuple):
    """What is written where.

    view     what the slices of the index leave of the array
    indices  integer arrays that index it
    among    the shape that these have together
    valid    where they are in range, if that is not everywhere
    updates  the values, of the shape that the index names
    """

    array: Expr
    plan: Plan
    view: Expr
    indices: tuple[Expr, ...]
    among: tuple[Size, ...]
    valid: Expr | None
    updates: Expr

    def placed(self, view: Expr) -> Expr:
        """A view put where it was taken from, into zeros."""
        return view if self.plan.is_whole else place(view, self.array.shape, self.plan.entries)

    def back(self, view: Expr) -> Expr:
        """The array with a new view."""
        if self.plan.is_whole:
            return view
        return _chosen(self.placed(stretch(asarray(True), view.shape)), self.placed(view), self.array)

    def scattered(self, op: Any, updates: Expr) -> Expr:
        return scatter(op, updates, self.indices, self.view.shape, self.plan.axes, self.plan.position)

    def spread(self, flags: Expr) -> Expr:
        """One value for each index, as an array that meets the updates."""
        return expand_dims(flags, tuple(range(flags.ndim, self.updates.ndim - self.plan.position)))

    def summed(self) -> Expr:
        """The updates summed where they meet, and 0 elsewhere."""
        if not self.indices:
            return self.updates
        updates = self.updates
        if self.valid is not None:
            updates = where(self.spread(self.valid), updates, converted(0, updates.dtype))
        return self.scattered(SCATTER, updates)

    def reduced(self, op: Any) -> Expr:
        """The updates multiplied, or the extreme of them, where they meet, and the unit of that elsewhere."""
        if not self.indices:
            return self.updates
        updates = self.updates
        as_bytes = updates.dtype is bool_
        updates = astype(updates, uint8) if as_bytes else updates
        if self.valid is not None:
            nothing = converted(unit(op.name.removeprefix("scatter_"), updates.dtype), updates.dtype)
            updates = where(self.spread(self.valid), updates, nothing)
        reduced = self.scattered(op, updates)
        return astype(reduced, bool_) if as_bytes else reduced

    def replaced(self) -> Expr:
        """The view with the updates in place of what they name."""
        if not self.indices:
            return self.updates
        winners, covered = self.winners()
        updates = self.updates
        if winners is not None:
            updates = where(self.spread(winners), updates, converted(0, updates.dtype))
        shape = [size if axis in self.plan.axes else 1 for axis, size in enumerate(self.view.shape)]
        return _chosen(reshape(covered, shape), self.scattered(SCATTER, updates), self.view)

    def winners(self) -> tuple[Expr | None, Expr]:
        """For each index whether its value is the one that stays (None: all are), and for each element of the indexed axes whether one does."""
        axes = sorted(self.plan.axes)
        extents = [self.view.shape[axis] for axis in axes]
        indices = [self.indices[self.plan.axes.index(axis)] for axis in axes]
        order = tuple(range(len(axes)))
        known = [index.value for index in indices if isinstance(index, Constant)]
        if len(known) == len(indices) and all(isinstance(n, int) for n in extents):
            return _known_winners(known, extents)
        count = count_of(self.among, range(len(self.among)))
        if count == 1 and self.valid is None:
            return None, scatter(SCATTER, stretch(asarray(True), self.among), indices, extents, order, 0)
        positions = reshape(arange(count), self.among)
        if self.valid is not None:
            positions = where(self.valid, positions, -1)
        last = scatter(SCATTER_MAX, positions, indices, extents, order, 0)
        stays = equal(gather(last, indices, order, 0), positions)
        if self.valid is not None:
            stays = logical_and(self.valid, stays)
        return stays, greater_equal(last, 0)


def _known_winners(indices: Sequence[np.ndarray], extents: Sequence[Any]) -> tuple[Expr | None, Expr]:
    spread = np.broadcast_arrays(*indices)
    positions = np.arange(spread[0].size).reshape(spread[0].shape)
    last = np.full(tuple(extents), -1, np.int64)
    np.maximum.at(last, tuple(spread), positions)
    stays = last[tuple(spread)] == positions
    return None if stays.all() else asarray(stays), asarray(last >= 0)


def _chosen(condition: Expr, value: Expr, otherwise: Expr) -> Expr:
    """where(condition, value, otherwise) for a value that is 0 elsewhere: a sum, so that what is linear stays so."""
    if value.dtype is bool_:
        return where(condition, value, otherwise)
    return add(value, where(condition, converted(0, value.dtype), otherwise))


def put_along_axis(x: Any, indices: Any, values: Any, axis: int) -> Expr:
    """x with values written, for every index, to the entry along the axis that it names: the other way round of `take_along_axis`.

    The axes of the indices but `axis` have the sizes of those of x, or size 1. Where an entry is named more than once the last value wins.
    """
    x = asarray(x)
    along = axis_of(axis, x.ndim, "put_along_axis")
    index = index_of(indices, "put_along_axis", x.shape[along])
    if index.ndim != x.ndim:
        raise ShapeError(f"put_along_axis: array and indices have as many axes, got shapes {show(x.shape)} and {show(index.shape)}; add axes of size 1")
    grid = [index if i == along else _numbered(x.shape[i], i, x.ndim) for i in range(x.ndim)]
    return At(x)[tuple(grid)].set(values)


def _numbered(n: Size, axis: int, ndim: int) -> Expr:
    """0 .. n-1 along one of many axes."""
    return expand_dims(arange(n), tuple([i for i in range(ndim) if i != axis]))


def no_assignment(x: Expr, item: Any, value: Any) -> None:
    """The error that x[item] = value is."""
    raise KindError(
        "expressions do not change: instead of x[index] = value write x = x.at[index].set(value), instead of x[index] += value "
        "x = x.at[index].add(value)"
    )

"""Indexing as in NumPy: slices, integers, new axes and integer arrays, and the slice's transpose that writes.

Basic indexing is the record `slice`, indexing by arrays is `gather`; `x[...]` is read into one of each at most.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from croton.algebra import Label, Operand
from croton.expr.expr import Constant, Expr, apply
from croton.expr.op import Op
from croton.expr.types import Constrained, TensorType, at_least_zero, show
from croton.ops.arguments import axis_of, integer_of
from croton.ops.axes import expand_dims
from croton.ops.bounds import Entry, integer_entry, slice_entry
from croton.ops.broadcasting import Pairs, equal_sizes, stretch, typed
from croton.ops.casting import asarray, converted
from croton.ops.creation import IOTA
from croton.ops.positions import check_mask, held
from croton.ops.reading import Row, read
from croton.ops.selection import filled, gather, in_mode, index_of
from croton.ops.shape import ravel
from croton.sizes import Poly, Size
from croton.util.errors import DTypeError, KindError, NotSupportedError, ShapeError
from croton.util.keywords import along_axes

# Slices: params (entries, one for each axis of x)


def _kept_sizes(shape: Sequence[Size], entries: Sequence[Entry]) -> tuple[Size, ...]:
    return tuple([n if entry is None else entry[2] for n, entry in zip(shape, entries) if entry is None or len(entry) == 3])


def _conditions(shape: Sequence[Size], entries: Sequence[Entry]) -> Pairs:
    """What must hold for the entries to lie in their axes, as far as it is not known."""
    pairs: Pairs = []
    for n, entry in zip(shape, entries):
        if entry is None:
            continue
        if len(entry) == 1:
            needed: list[Size] = [entry[0], n - 1 - entry[0]]
        else:
            start, step, length = entry
            if length == 0:
                continue
            last = start + step * (length - 1)
            first, last = (start, last) if not isinstance(step, int) or step > 0 else (last, start)
            # An empty slice may stand anywhere, so only a known length binds both ends; `slice_entry` says what an unknown one needs.
            needed = [first, n - 1 - last] if isinstance(length, int) else [length]
        for size in needed:
            pair = at_least_zero(size)
            if pair is not None:
                pairs.append(pair)
    return pairs


def _slice_infer(types: Sequence[TensorType], params: tuple) -> TensorType | Constrained:
    (x,), (entries, conditions) = types, params
    pairs = _conditions(x.shape, entries)
    pairs += [pair for pair in map(at_least_zero, conditions) if pair is not None]
    return typed(x.dtype, _kept_sizes(x.shape, entries), list(dict.fromkeys(pairs)))


def _tie(inside: Label, entry: tuple[Size, ...]) -> tuple[list[Label], Row]:
    """The label that an entry leaves of an axis, if any, and the row that ties the two."""
    if len(entry) == 1:
        return [], ({inside: 1}, -entry[0])
    start, step, length = entry
    label = Label(length)
    return [label], ({inside: 1, label: -step}, -start)


def _slice_meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    (x,), (entries, _) = operands, params
    axes: list[Label] = []
    rows: list[Row] = []
    gone = set()
    for label, entry in zip(x.axes, entries):
        if entry is None:
            axes.append(label)
            continue
        left, row = _tie(label, entry)
        axes += left
        if label in x.use.labels:
            rows.append(row)
        else:
            gone.add(label)
    rest = tuple([label for label in x.axes if label not in gone])
    return read(Operand(rest, x.use), axes, rows)


def _python(entry: Entry) -> Any:
    """An entry of known sizes as an index of NumPy."""
    if entry is None:
        return builtins.slice(None)
    if len(entry) == 1:
        return entry[0]
    start, step, length = entry
    assert isinstance(start, int) and isinstance(step, int) and isinstance(length, int)
    if length <= 0:
        return builtins.slice(0, 0)
    stop = start + step * length
    return builtins.slice(start, None if stop < 0 else stop, step)


def _slice_reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return np.asarray(arrays[0][tuple([_python(entry) for entry in params[0]])])


SLICE = Op("slice", _slice_infer, _slice_meaning, _slice_reference, parameters=("entries", "conditions"))


def stretch_of(x: Expr, start: Size, length: Size) -> Expr:
    """So many elements along the first axis from `start` on, which the axis has: nothing is moved into it."""
    if start == 0 and length == x.shape[0]:
        return x
    return apply(SLICE, (x,), (((start, 1, length), *[None] * (x.ndim - 1)), ()))


# Place: the transpose of slice, x put into zeros. params (shape, entries of the result)


def _place_infer(types: Sequence[TensorType], params: tuple) -> TensorType | Constrained:
    (x,), (shape, entries) = types, params
    wanted = _kept_sizes(shape, entries)
    pairs = _conditions(shape, entries)
    if len(wanted) != x.ndim or not all(equal_sizes(a, b, pairs) for a, b in zip(x.shape, wanted)):
        raise ShapeError(f"place: a value of shape {show(wanted)} is wanted, got {show(x.shape)}")
    return typed(x.dtype, shape, pairs)


def _place_meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    (x,), (shape, entries) = operands, params
    axes: list[Label] = []
    rows: list[Row] = []
    given = iter(x.axes)
    for n, entry in zip(shape, entries):
        if entry is None:
            axes.append(next(given))
            continue
        outside = Label(n)
        axes.append(outside)
        if len(entry) == 1:
            rows.append(({outside: 1}, -entry[0]))
        else:
            rows.append(({outside: 1, next(given): -entry[1]}, -entry[0]))
    return read(x, axes, rows)


def _place_reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    (x,), (shape, entries) = arrays, params
    result = np.zeros(shape, x.dtype)
    result[tuple([_python(entry) for entry in entries])] = x
    return result


PLACE = Op("place", _place_infer, _place_meaning, _place_reference, parameters=("shape", "entries"))
OPERATIONS = [SLICE, PLACE]


def place(x: Expr, shape: Sequence[Size], entries: Sequence[Entry]) -> Expr:
    """x at these entries of an array of zeros of this shape."""
    return apply(PLACE, (x,), (tuple(shape), tuple(entries)))


class Plan(NamedTuple):
    """An index on an array of some shape, taken apart.

    entries     what is sliced of each axis of the array
    conditions  sizes that must be at least 0 for that
    indices     integer arrays that index axes of what the slices leave
    axes        these axes
    position    where the axes of the integer arrays go among the others
    new         positions of new axes of size 1 in the result
    """

    entries: tuple[Entry, ...]
    conditions: tuple[Size, ...]
    indices: tuple[Expr, ...]
    axes: tuple[int, ...]
    position: int
    new: tuple[int, ...]

    def view(self, x: Expr) -> Expr:
        """What the slices leave of x."""
        return x if self.is_whole else apply(SLICE, (x,), (self.entries, self.conditions))

    @property
    def is_whole(self) -> bool:
        """Whether the slices take everything, whatever the sizes."""
        return not self.conditions and all(entry is None for entry in self.entries)


def plan(shape: Sequence[Size], index: Any) -> Plan:
    """An index read by NumPy's rules."""
    entries: list[Entry] = []
    conditions: list[Size] = []
    items = _with_progressions(_expanded(index if isinstance(index, tuple) else (index,), shape, conditions), shape)
    indices: list[Expr] = []
    indexed: list[int] = []
    # The result's axes in order: "new" or the axis of the view; and where among the items each index that is no slice stands.
    layout: list[int | str] = []
    places: list[tuple[int, int]] = []
    axis = left = 0
    for position, item in enumerate(items):
        if item is Ellipsis:
            continue
        if item is None:
            layout.append("new")
            continue
        n = shape[axis]
        axis += 1
        if isinstance(item, builtins.slice):
            entry, needed = slice_entry(item, n)
            entries.append(entry)
            conditions += needed
            layout.append(left)
            left += 1
        elif isinstance(item, tuple):
            entries.append(None if item == (0, 1, n) else item)
            layout.append(left)
            left += 1
        elif isinstance(item, Expr):
            places.append((position, len(layout)))
            entries.append(None)
            found = index_of(item, "an index", n)
            steps = _progression(found)
            if steps is not None and (isinstance(n, int) or found.op is IOTA):
                # Of an axis that is sliced first all is taken in turn: which entry meets which entry of the others is known.
                entries[-1] = None if steps == (0, 1, n) else steps
                conditions += [] if isinstance(n, int) else [n - steps[2]]
                found = apply(IOTA, (), (steps[2],))
            elif isinstance(found, Constant) and found.value.size and not isinstance(n, int):
                # known numbers say by themselves how long the axis must be
                low, high = int(found.value.min()), int(found.value.max())
                conditions += [n - 1 - high] + ([n + low] if low < 0 else [])
            indices.append(found)
            indexed.append(left)
            left += 1
        else:
            places.append((position, len(layout)))
            entries.append(integer_entry(item, n))
    count = max([index.ndim for index in indices], default=0)
    adjacent = bool(places) and places[-1][0] - places[0][0] == len(places) - 1
    start = places[0][1] if indices and adjacent else 0
    new = tuple([i if i < start else i + count for i, entry in enumerate(layout) if entry == "new"])
    before = sum(1 for entry in layout[:start] if entry != "new")
    return Plan(tuple(entries), tuple(conditions), tuple(indices), tuple(indexed), before, new)


def _with_progressions(items: list[Any], shape: Sequence[Size]) -> list[Any]:
    """A lone constant index that steps evenly is a slice, which the algebra knows more about."""
    numbers = [position for position, item in enumerate(items) if not (item is None or item is Ellipsis or isinstance(item, builtins.slice))]
    if len(numbers) != 1 or not isinstance(items[numbers[0]], Constant):
        return items
    (position,) = numbers
    axis = sum(1 for item in items[:position] if not (item is None or item is Ellipsis))
    steps = _progression(index_of(items[position], "an index", shape[axis]))
    return items if steps is None else [*items[:position], steps, *items[position + 1 :]]


def _progression(index: Expr) -> tuple[int, int, Size] | None:
    """Start, step and length of a constant index that steps evenly, or of all places in turn; None for others."""
    if index.op is IOTA:
        return 0, 1, index.shape[0]
    if not isinstance(index, Constant) or index.ndim != 1 or index.value.size == 0 or index.value.min() < 0:
        return None
    values = index.value
    first = int(values[0])
    step = int(values[1]) - first if values.size > 1 else 1
    if step == 0 or not np.array_equal(values, first + step * np.arange(values.size)):
        return None
    return first, step, int(values.size)


def _expanded(index: tuple, shape: Sequence[Size], conditions: list[Size]) -> list[Any]:
    """One item for each axis, and None for new ones: masks as integer arrays, numbers as ints or sizes, the ellipsis followed by what it stands for.

    The conditions get sizes that must be at least 0 for that.
    """
    if sum(1 for item in index if item is Ellipsis) > 1:
        raise ShapeError("an index has one ellipsis (...) at most")
    taken = [_axes_taken(item) for item in index]
    missing = len(shape) - sum(taken)
    if missing < 0:
        raise ShapeError(f"too many indices: shape {show(shape)} has {len(shape)} {'axis' if len(shape) == 1 else 'axes'}")
    if not any(item is Ellipsis for item in index):
        index, taken = (*index, Ellipsis), [*taken, 0]
    items: list[Any] = []
    axis = 0
    for item, count in zip(index, taken):
        if item is Ellipsis:
            items += [Ellipsis, *[builtins.slice(None)] * missing]
            axis += missing
        elif item is None or isinstance(item, builtins.slice):
            items.append(item)
        else:
            items += _indices(item, shape, axis, conditions)
        axis += count
    return items


def _axes_taken(item: Any) -> int:
    """How many axes of the array an item of an index speaks of."""
    if item is None or item is Ellipsis:
        return 0
    if isinstance(item, Expr):
        return item.ndim if item.dtype.is_bool else 1
    if isinstance(item, (bool, np.bool_, list, np.ndarray)):
        if isinstance(item, list) and any(isinstance(entry, Expr) for entry in item):
            return 1
        array = np.asarray(item)
        return array.ndim if array.dtype == bool else 1
    return 1


def _indices(item: Any, shape: Sequence[Size], used: int, conditions: list[Size]) -> list[Any]:
    """An integer or size for a number, else integer arrays: one, or one for each axis of a mask."""
    if isinstance(item, Poly):
        return [item]
    if isinstance(item, Expr) and item.op is not None and item.op.name == "size":
        return [item.params[0]]
    if not isinstance(item, (Expr, list, np.ndarray, np.generic, bool)):
        return [integer_of(item, "an index")]
    if isinstance(item, Constant):
        item = item.value
    if isinstance(item, list):
        if any(isinstance(entry, Expr) for entry in item):
            raise KindError("a list that holds expressions is no index; join them with stack")
        item = np.asarray(item) if item else np.empty(0, np.int64)
    if not isinstance(item, Expr):
        item = np.asarray(item)
        if item.dtype == bool:
            return _mask(item, shape, used, conditions)
        if item.dtype.kind not in "iu":
            raise DTypeError(f"an index is made of integers, got dtype {item.dtype}; convert it with astype('int64')")
        return [int(item)] if item.ndim == 0 else [asarray(item)]
    if item.dtype.is_bool:
        return _computed_mask(item, shape, used, conditions)
    if not item.dtype.is_integer:
        raise DTypeError(f"an index is made of integers, got dtype {item.dtype}; convert it with astype('int64')")
    return [item]


def _mask(mask: np.ndarray, shape: Sequence[Size], used: int, conditions: list[Size]) -> list[Any]:
    if mask.ndim == 0:
        raise NotSupportedError("not supported: True or False as an index; use x[None], or where(condition, x, 0)")
    sizes = shape[used : used + mask.ndim]
    if len(sizes) < mask.ndim or any(isinstance(n, int) and n != extent for n, extent in zip(sizes, mask.shape)):
        raise ShapeError(f"a mask of shape {mask.shape} does not fit axes of sizes {show(sizes)}; a mask has the shape of the axes it indexes")
    for n, extent in zip(sizes, mask.shape):
        if not isinstance(n, int):
            conditions += [n - extent, extent - n]
    return [asarray(indices.astype(np.int64)) for indices in np.nonzero(mask)]


def _computed_mask(mask: Expr, shape: Sequence[Size], used: int, conditions: list[Size]) -> list[Any]:
    """A mask as the places where it holds; how many there are is counted in the call."""
    sizes = shape[used : used + mask.ndim]
    if mask.ndim == 0:
        raise NotSupportedError("not supported: a computed bool as an index; use where(condition, x, 0)")
    check_mask(mask, sizes)
    for n, extent in zip(sizes, mask.shape):
        # A mask does not broadcast.
        conditions += [1 - n] if extent == 1 and n != 1 else []
    return list(held(stretch(mask, sizes)))


def index(x: Any, item: Any, mode: str = "raise", fill_value: Any = 0) -> Expr:
    """x[item], with NumPy's meaning of slices, integers, None, Ellipsis and integer arrays.

    `mode` says what happens to an index in an array that is out of range: see `take`.
    """
    x = asarray(x)
    return read_plan(x, plan(x.shape, item), mode, fill_value)


def read_plan(x: Expr, where: Plan, mode: str = "raise", fill_value: Any = 0) -> Expr:
    """x at an index."""
    result = where.view(x)
    if where.indices:
        shape = result.shape
        checked = [in_mode(one, shape[axis], mode, "an index") for one, axis in zip(where.indices, where.axes)]
        result = gather(result, [one for one, _ in checked], where.axes, where.position)
        valid = None
        for _, inside in checked:
            valid = inside if valid is None or inside is None else valid & inside  # type: ignore[operator]
        result = filled(result, valid, where.position, fill_value)
    return expand_dims(result, where.new) if where.new else result


@along_axes
def take(x: Any, indices: Any, axis: int | None = None, mode: str = "raise", fill_value: Any = 0) -> Expr:
    """The entries of x along an axis that the indices name; without an axis, of x flattened. It is `x[:, indices]` for axis 1.

    Negative indices count from the end. An index out of range raises; mode "clip" takes the nearest entry instead (for negative ones the first),
    "wrap" counts around, and "fill" gives `fill_value`.
    """
    x = asarray(x)
    if axis is None:
        x, axis = ravel(x), 0
    axis = axis_of(axis, x.ndim, "take")
    positions = index_of(indices, "take")
    n = x.shape[axis]
    if mode == "fill" and isinstance(n, int) and n == 0:
        return stretch(converted(fill_value, x.dtype), (*x.shape[:axis], *positions.shape, *x.shape[axis + 1 :]))
    if mode == "raise":
        return index(x, (*[builtins.slice(None)] * axis, positions))
    positions, valid = in_mode(positions, n, mode, "take")
    return filled(gather(x, [positions], [axis], axis), valid, axis, fill_value)

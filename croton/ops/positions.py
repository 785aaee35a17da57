"""Where a mask holds, as indices. How many these are is given, or counted in the call."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from croton.algebra import Label, Operand, Use, add, at_least_zero, contract, iota, of_size, relabel, scalar, select
from croton.algebra import constant as algebra_constant
from croton.dtypes import int64
from croton.expr.expr import Expr, apply
from croton.expr.op import Op
from croton.expr.types import TensorType, show
from croton.ops.arguments import size_of
from croton.ops.reading import read
from croton.ops.reductions import count_nonzero
from croton.sizes import Size, product
from croton.util.errors import ShapeError


def _infer(types: Sequence[TensorType], params: tuple) -> TensorType:
    return TensorType(int64, (params[0],))


def _meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    (flags,), (count, axis) = operands, params
    found = Label(count)
    if count == 0:
        return Operand((found,), algebra_constant(0, int64))
    beyond = algebra_constant(of_size(count), int64)
    # What there is no room for, and what is not meant, goes to one place more, which is cut off.
    place = scalar("minimum", _before(flags), beyond)
    room = Label(count + 1)
    target = select(room, scalar("where", flags.use, place, beyond))
    written = contract([room], [(iota(flags.axes[axis]), 1), (target, 1)], summed=flags.axes, dtype=int64)
    places = read(Operand((room,), written), [found], [({room: 1, found: -1}, 0)])
    # Whoever indexes with them is told that none counts from the end.
    return Operand(places.axes, scalar("maximum", places.use, algebra_constant(0, int64)))


def _before(flags: Operand) -> Use:
    """How many are true before each element, row by row: axis by axis, those in rows before its own."""
    terms = []
    for axis, label in enumerate(flags.axes):
        inside = flags.axes[axis + 1 :]
        before = Label(label.size)
        of_rows = contract(flags.axes[: axis + 1], [(flags.use, 1)], summed=inside, dtype=int64)
        earlier = [(relabel(of_rows, {label: before}), 1), (at_least_zero({label: 1, before: -1}, -1), 1)]
        terms.append((contract(flags.axes[: axis + 1], earlier, summed=[before], dtype=int64), 1))
    return add(terms)


def _reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    (flags,), (count, axis) = arrays, params
    result = np.zeros(count, np.int64)
    found = np.nonzero(flags)[axis][:count]
    result[: len(found)] = found
    return result


POSITIONS = Op("positions", _infer, _meaning, _reference, differentiable=False, parameters=("count", "axis"))
"""(flags): where an array of bools is true, row by row: the places along an axis of the first `count` such elements, and 0 after the last."""

OPERATIONS = [POSITIONS]


def check_mask(mask: Expr, sizes: Sequence[Size]) -> None:
    """A mask has the sizes of the axes that it is for. Raises ShapeError where that cannot be."""
    if len(sizes) < mask.ndim or any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in zip(sizes, mask.shape)):
        raise ShapeError(
            f"a mask of shape {show(mask.shape)} does not fit axes of sizes {show(sizes)}; a mask has the shape of the axes it indexes"
        )


def true_count(flags: Expr) -> Size:
    """How many elements of an array of bools are true: a size that is counted in the call."""
    return size_of(count_nonzero(flags), "a mask", product(flags.shape))


def positions(flags: Expr, count: Size) -> list[Expr]:
    """Where an array of bools is true, row by row: for each axis the indices of the first `count` such elements, and 0 after the last."""
    return [apply(POSITIONS, (flags,), (count, axis)) for axis in range(flags.ndim)]


def held(mask: Expr) -> list[Expr]:
    """The indices, a vector for each axis, of the elements of an array of bools that are true."""
    return positions(mask, true_count(mask))

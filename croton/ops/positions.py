"""Where a mask holds, as indices. How many these are is given, or counted in the call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from croton.algebra import Label, Operand, add, at_least_zero, contract, iota, of_size, relabel, scalar, select
from croton.algebra import constant as algebra_constant
from croton.dtypes import int64
from croton.expr.expr import Expr, apply
from croton.expr.op import Op
from croton.expr.types import TensorType
from croton.ops.arguments import size_of
from croton.ops.arithmetic import floor_divide, remainder
from croton.ops.broadcasting import show
from croton.ops.reading import read
from croton.ops.reductions import count_nonzero
from croton.ops.shape import ravel
from croton.sizes import Size
from croton.util.errors import ShapeError


def _infer(types: Sequence[TensorType], params: tuple) -> TensorType:
    return TensorType(int64, (params[0],))


def _meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    (flags,), (count,) = operands, params
    (along,) = flags.axes
    found = Label(count)
    if count == 0:
        return Operand((found,), algebra_constant(0, int64))
    before = Label(along.size)
    held = [(relabel(flags.use, {along: before}), 1), (at_least_zero({along: 1, before: -1}), 1)]
    running = contract([along], held, summed=[before], dtype=int64)
    # What there is no room for, and what is not meant, goes to one place more, which is cut off.
    beyond = algebra_constant(of_size(count), int64)
    place = scalar("minimum", add([(running, 1), (algebra_constant(-1, int64), 1)]), beyond)
    room = Label(count + 1)
    written = contract([room], [(iota(along), 1), (select(room, scalar("where", flags.use, place, beyond)), 1)], summed=[along], dtype=int64)
    places = read(Operand((room,), written), [found], [({room: 1, found: -1}, 0)])
    # Whoever indexes with them is told that none counts from the end.
    return Operand(places.axes, scalar("maximum", places.use, algebra_constant(0, int64)))


def _reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    result = np.zeros(params[0], np.int64)
    found = np.flatnonzero(arrays[0])[: params[0]]
    result[: len(found)] = found
    return result


POSITIONS = Op("positions", _infer, _meaning, _reference, differentiable=False, parameters=("count",))
"""(flags): where a vector of bools is true: the first `count` places, and 0 after the last."""

OPERATIONS = [POSITIONS]


def check_mask(mask: Expr, sizes: Sequence[Size]) -> None:
    """A mask has the sizes of the axes that it is for. Raises ShapeError where that cannot be."""
    if len(sizes) < mask.ndim or any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in zip(sizes, mask.shape)):
        raise ShapeError(
            f"a mask of shape {show(mask.shape)} does not fit axes of sizes {show(sizes)}; a mask has the shape of the axes it indexes"
        )


def true_count(flags: Expr) -> Size:
    """How many elements of a vector of bools are true: a size that is counted in the call."""
    return size_of(count_nonzero(flags), "a mask", flags.shape[0])


def positions(flags: Expr, count: Size) -> Expr:
    """Where a vector of bools is true: the first `count` places, and 0 after the last."""
    return apply(POSITIONS, (flags,), (count,))


def split(flat: Expr, shape: Sequence[Size]) -> list[Expr]:
    """Indices into an array flattened, as indices into each of its axes."""
    found: list[Expr] = []
    for axis, extent in reversed(list(enumerate(shape))):
        found.append(remainder(flat, extent) if axis else flat)
        flat = floor_divide(flat, extent) if axis else flat
    return found[::-1]


def held(mask: Any) -> list[Expr]:
    """The indices, a vector for each axis, of the elements of an array of bools that are true."""
    flags = ravel(mask)
    return split(positions(flags, true_count(flags)), mask.shape)

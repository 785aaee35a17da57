"""Broadcasting: which shapes fit one another. In the algebra it makes no node: an operand has axes that its value does not depend on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from croton.algebra import Label, Operand
from croton.expr.expr import Expr, apply
from croton.expr.op import Op
from croton.expr.types import Constrained, TensorType, show
from croton.sizes import Size
from croton.util.errors import ShapeError

Pairs = list[tuple[Size, Size]]


def typed(dtype: object, shape: tuple[Size, ...], pairs: Pairs) -> TensorType | Constrained:
    """The type, with the pairs of sizes that it needs to be equal."""
    result = TensorType(dtype, shape)  # type: ignore[arg-type]
    return Constrained(result, tuple(pairs)) if pairs else result


def equal_sizes(a: Size, b: Size, pairs: Pairs) -> bool:
    """Whether two sizes can be equal; where that is not known yet, the pair is added to `pairs`."""
    if a is b or a == b:
        return True
    if isinstance(a - b, int):
        return False
    pairs.append((a, b))
    return True


def broadcast_shapes(shapes: Sequence[Sequence[Size]], what: str, pairs: Pairs) -> tuple[Size, ...]:
    """The shape that these shapes have together. Only an axis whose size is the integer 1 stretches.

    Sizes that are not known to be equal go to `pairs`; sizes known to differ raise.
    """
    if not shapes:
        return ()
    first = shapes[0]
    if all(shape == first for shape in shapes):
        return tuple(first)
    ndim = max(map(len, shapes))
    result: list[Size] = [1] * ndim
    for shape in shapes:
        offset = ndim - len(shape)
        for axis, size in enumerate(shape, offset):
            known = result[axis]
            if size is known or (type(size) is int and size == 1):
                continue
            if type(known) is int and known == 1:
                result[axis] = size
                continue
            if not equal_sizes(known, size, pairs):
                given = " and ".join(map(show, shapes))
                raise ShapeError(
                    f"{what}: shapes {given} do not broadcast, axis {axis - ndim} has sizes {known} and {size}. "
                    "Sizes must be equal or the integer 1: check the order of the axes, or add an axis of size 1 with x[:, None]."
                )
            if type(size) is int:
                result[axis] = size
    return tuple(result)


def _infer(types: Sequence[TensorType], params: tuple) -> TensorType | Constrained:
    (x,), (shape,) = types, params
    pairs: Pairs = []
    offset = len(shape) - len(x.shape)
    fits = offset >= 0 and all(
        (type(size) is int and size == 1) or equal_sizes(size, wanted, pairs) for size, wanted in zip(x.shape, shape[offset:])
    )
    if not fits:
        raise ShapeError(
            f"broadcast_to: shape {show(x.shape)} does not stretch to {show(shape)}. Only axes of size 1 stretch; new axes come in front, "
            "expand_dims puts an axis elsewhere."
        )
    return typed(x.dtype, shape, pairs)


def _meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    (x,), (shape,) = operands, params
    offset = len(shape) - len(x.axes)
    axes = [Label(size) for size in shape[:offset]]
    for label, size in zip(x.axes, shape[offset:]):
        axes.append(Label(size) if label.size == 1 and size != 1 else label)
    return Operand(tuple(axes), x.use)


def _reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return np.broadcast_to(arrays[0], params[0])


BROADCAST_TO = Op("broadcast_to", _infer, _meaning, _reference, parameters=("shape",))
OPERATIONS = [BROADCAST_TO]


def stretch(x: Expr, shape: Iterable[Size]) -> Expr:
    """x broadcast to a shape of sizes."""
    shape = tuple(shape)
    return x if x.shape == shape else apply(BROADCAST_TO, (x,), (shape,))

"""What element-wise operations have in common: a record is made of a scalar function of the algebra, or of any way to combine uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from croton.algebra import FUNCTIONS, Operand, Use, align, scalar
from croton.dtypes import DType, bool_, int8
from croton.expr.expr import Expr
from croton.expr.op import Op
from croton.expr.types import Constrained, TensorType
from croton.ops.broadcasting import Pairs, broadcast_shapes, typed
from croton.ops.casting import converted
from croton.util.errors import DTypeError

Combine = Callable[..., Use]


def record(name: str, combine: Combine, reference: Callable[..., Any], result: DType | None = None) -> Op:
    """An element-wise operation on arrays of one dtype; `result` is its dtype where that is not the arguments'."""

    def infer(types: Sequence[TensorType], params: tuple) -> TensorType | Constrained:
        dtype = types[-1].dtype if result is None else result
        if len(types) == 1:
            return TensorType(dtype, types[0].shape)
        pairs: Pairs = []
        return typed(dtype, broadcast_shapes([t.shape for t in types], name, pairs), pairs)

    def meaning(operands: Sequence[Operand], params: tuple) -> Operand:
        if len(operands) == 1:
            return Operand(operands[0].axes, combine(operands[0].use))
        axes, uses = align(operands)
        return Operand(axes, combine(*uses))

    def of_arrays(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.asarray(reference(*arrays))

    return Op(name, infer, meaning, of_arrays, differentiable=result is None)


def mapped(name: str, reference: Callable[..., Any] | None = None, function: str | None = None) -> Op:
    """The record of a scalar function of the algebra."""
    function = function or name
    entry = FUNCTIONS[function]

    def combine(*uses: Use) -> Use:
        return scalar(function, *uses)

    return record(name, combine, reference or entry.numpy, bool_ if entry.result == "bool" else None)


def no_bool(dtype: DType, name: str, advice: str) -> None:
    if dtype is bool_:
        raise DTypeError(f"{name} is not defined for bool; {advice}")


def at_least_int8(x: Expr) -> Expr:
    return converted(x, int8) if x.dtype is bool_ else x

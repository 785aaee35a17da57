"""Truth and bits of elements, and the choice between two."""

from __future__ import annotations

from typing import Any

import numpy as np

from croton.dtypes import bool_
from croton.expr.expr import Expr, apply
from croton.expr.op import Op
from croton.ops.casting import asarray, promoted, truths
from croton.ops.mapping import at_least_int8, mapped
from croton.util.errors import DTypeError

LOGICAL_AND, LOGICAL_OR = mapped("logical_and"), mapped("logical_or")
_LOGICAL_XOR, _LOGICAL_NOT = mapped("logical_xor"), mapped("logical_not", np.logical_not)
_BITWISE_AND, _BITWISE_OR, _BITWISE_XOR = mapped("bitwise_and"), mapped("bitwise_or"), mapped("bitwise_xor")
_BITWISE_INVERT = mapped("bitwise_invert", np.invert, "bitwise_not")
_LEFT_SHIFT, _RIGHT_SHIFT = mapped("bitwise_left_shift", function="shift_left"), mapped("bitwise_right_shift", function="shift_right")
_WHERE = mapped("where", np.where)
OPERATIONS = [
    LOGICAL_AND, LOGICAL_OR, _LOGICAL_XOR, _LOGICAL_NOT, _BITWISE_AND, _BITWISE_OR, _BITWISE_XOR, _BITWISE_INVERT, _LEFT_SHIFT, _RIGHT_SHIFT, _WHERE,
]  # fmt: skip


def logical_and(x: Any, y: Any) -> Expr:
    """Whether both are true; a number is true if it is not 0."""
    return apply(LOGICAL_AND, (truths(x), truths(y)))


def logical_or(x: Any, y: Any) -> Expr:
    """Whether one or both are true; a number is true if it is not 0."""
    return apply(LOGICAL_OR, (truths(x), truths(y)))


def logical_xor(x: Any, y: Any) -> Expr:
    """Whether exactly one is true; a number is true if it is not 0."""
    return apply(_LOGICAL_XOR, (truths(x), truths(y)))


def logical_not(x: Any) -> Expr:
    """Whether elements are false; a number is false if it is 0."""
    return apply(_LOGICAL_NOT, (truths(x),))


def _bits(name: str, op: Op, of_bools: Op | None, x: Any, y: Any) -> Expr:
    inputs, dtype = promoted(x, y)
    if dtype is bool_:
        return apply(op, [at_least_int8(value) for value in inputs]) if of_bools is None else apply(of_bools, inputs)
    if not dtype.is_integer:
        raise DTypeError(f"{name} takes integers, got {inputs[0].dtype}; compare with 0, or use logical functions")
    return apply(op, inputs)


def bitwise_and(x: Any, y: Any) -> Expr:
    """The bits that both have; of bools it is logical_and."""
    return _bits("bitwise_and", _BITWISE_AND, LOGICAL_AND, x, y)


def bitwise_or(x: Any, y: Any) -> Expr:
    """The bits that either has; of bools it is logical_or."""
    return _bits("bitwise_or", _BITWISE_OR, LOGICAL_OR, x, y)


def bitwise_xor(x: Any, y: Any) -> Expr:
    """The bits that exactly one has; of bools it is logical_xor."""
    return _bits("bitwise_xor", _BITWISE_XOR, _LOGICAL_XOR, x, y)


def bitwise_left_shift(x: Any, y: Any) -> Expr:
    """x with its bits moved y places up; bools count as int8."""
    return _bits("bitwise_left_shift", _LEFT_SHIFT, None, x, y)


def bitwise_right_shift(x: Any, y: Any) -> Expr:
    """x with its bits moved y places down; the sign is kept."""
    return _bits("bitwise_right_shift", _RIGHT_SHIFT, None, x, y)


def bitwise_invert(x: Any) -> Expr:
    """Every bit turned; of bools it is logical_not."""
    x = asarray(x)
    if x.dtype.is_float:
        raise DTypeError(f"bitwise_invert takes integers, got {x.dtype}; use logical_not or negative")
    return apply(_LOGICAL_NOT if x.dtype is bool_ else _BITWISE_INVERT, (x,))


def where(condition: Any, x: Any, y: Any) -> Expr:
    """x where the condition holds, y elsewhere. The derivative of what is not chosen is exactly 0."""
    chosen, _ = promoted(x, y)
    return apply(_WHERE, (truths(condition), *chosen))

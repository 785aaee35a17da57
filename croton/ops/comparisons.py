"""Comparisons of elements, and tests of one."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from croton.dtypes import uint64
from croton.expr.expr import Expr, apply
from croton.expr.op import Op
from croton.ops.arithmetic import abs, add, multiply, subtract
from croton.ops.casting import asarray, converted, floats, operands, promoted
from croton.ops.logic import logical_and, logical_or, where
from croton.ops.mapping import mapped

_EQUAL, _NOT_EQUAL = mapped("equal", np.equal, "eq"), mapped("not_equal", np.not_equal, "ne")
_LESS, _LESS_EQUAL = mapped("less", np.less, "lt"), mapped("less_equal", np.less_equal, "le")
_GREATER, _GREATER_EQUAL = mapped("greater", np.greater, "gt"), mapped("greater_equal", np.greater_equal, "ge")
_ISNAN, _ISINF, _ISFINITE = mapped("isnan", np.isnan), mapped("isinf", np.isinf), mapped("isfinite", np.isfinite)
OPERATIONS = [_EQUAL, _NOT_EQUAL, _LESS, _LESS_EQUAL, _GREATER, _GREATER_EQUAL, _ISNAN, _ISINF, _ISFINITE]


def _compared(op: Op, x: Any, y: Any) -> Expr:
    x, y = operands(x, y)
    if type(x) is int and isinstance(y, Expr):
        x = _wide(x, y)
    elif type(y) is int and isinstance(x, Expr):
        y = _wide(y, x)
    if isinstance(x, Expr) and isinstance(y, Expr) and x.dtype.is_integer and y.dtype.is_integer:
        # No integer dtype holds both: what is negative is less than all of the other, the rest is compared as what the other is.
        if x.dtype is uint64 and y.dtype.kind == "i":
            return where(less(y, 0), apply(op, (asarray(1), asarray(0))), apply(op, (x, converted(y, uint64))))
        if y.dtype is uint64 and x.dtype.kind == "i":
            return where(less(x, 0), apply(op, (asarray(0), asarray(1))), apply(op, (converted(x, uint64), y)))
    inputs, _ = promoted(x, y)
    return apply(op, inputs)


def _wide(number: int, other: Expr) -> Any:
    """A number as it is compared: exactly, also where the other's dtype cannot hold it."""
    if not other.dtype.is_integer:
        return number
    limits = np.iinfo(other.dtype.numpy)
    if limits.min <= number <= limits.max:
        return number
    if other.dtype.bits < 64:
        return asarray(np.int64(min(builtins.max(number, -(2**62)), 2**62)))
    # No 64-bit integer equals it, so every comparison with it comes out as with an infinity.
    return asarray(np.float64(math.inf if number > 0 else -math.inf))


def equal(x: Any, y: Any) -> Expr:
    """x == y, element by element."""
    return _compared(_EQUAL, x, y)


def not_equal(x: Any, y: Any) -> Expr:
    """x != y, element by element."""
    return _compared(_NOT_EQUAL, x, y)


def less(x: Any, y: Any) -> Expr:
    """x < y, element by element."""
    return _compared(_LESS, x, y)


def less_equal(x: Any, y: Any) -> Expr:
    """x <= y, element by element."""
    return _compared(_LESS_EQUAL, x, y)


def greater(x: Any, y: Any) -> Expr:
    """x > y, element by element."""
    return _compared(_GREATER, x, y)


def greater_equal(x: Any, y: Any) -> Expr:
    """x >= y, element by element."""
    return _compared(_GREATER_EQUAL, x, y)


def isnan(x: Any) -> Expr:
    """Whether elements are NaN."""
    x = asarray(x)
    return apply(_ISNAN, (x,)) if x.dtype.is_float else not_equal(x, x)


def isinf(x: Any) -> Expr:
    """Whether elements are infinite."""
    x = asarray(x)
    return apply(_ISINF, (x,)) if x.dtype.is_float else not_equal(x, x)


def isfinite(x: Any) -> Expr:
    """Whether elements are neither infinite nor NaN."""
    x = asarray(x)
    return apply(_ISFINITE, (x,)) if x.dtype.is_float else equal(x, x)


def isclose(x: Any, y: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Expr:
    """Whether |x - y| <= atol + rtol * |y|; equal infinities are close."""
    x, y = floats(x, y)
    near = logical_and(less_equal(abs(subtract(x, y)), add(multiply(abs(y), rtol), atol)), isfinite(y))
    near = logical_or(near, equal(x, y))
    return logical_or(near, logical_and(isnan(x), isnan(y))) if equal_nan else near

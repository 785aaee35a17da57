"""Rounding of elements, and what reads or changes their last or first bit."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from croton.expr.expr import Expr, apply
from croton.expr.op import Op
from croton.ops.arithmetic import divide, multiply
from croton.ops.casting import asarray, floats
from croton.ops.comparisons import less
from croton.ops.mapping import mapped
from croton.util.errors import NotSupportedError

_FLOOR, _CEIL, _TRUNC, _ROUND = mapped("floor", np.floor), mapped("ceil", np.ceil), mapped("trunc", np.trunc), mapped("round", np.rint)
_SIGNBIT, _COPYSIGN, _NEXTAFTER = mapped("signbit", np.signbit), mapped("copysign", np.copysign), mapped("nextafter", np.nextafter)
OPERATIONS = [_FLOOR, _CEIL, _TRUNC, _ROUND, _SIGNBIT, _COPYSIGN, _NEXTAFTER]


def signbit(x: Any) -> Expr:
    """Whether elements carry a minus sign, -0.0 included."""
    x = asarray(x)
    return apply(_SIGNBIT, (x,)) if x.dtype.is_float else less(x, 0)


def copysign(x: Any, y: Any) -> Expr:
    """x with the sign of y."""
    return apply(_COPYSIGN, floats(x, y))


def nextafter(x: Any, y: Any) -> Expr:
    """The floating number next to x in the direction of y."""
    return apply(_NEXTAFTER, floats(x, y))


def _rounded(op: Op, x: Any) -> Expr:
    x = asarray(x)
    return apply(op, (x,)) if x.dtype.is_float else x


def floor(x: Any) -> Expr:
    """The greatest integer that is not above x, in x's dtype."""
    return _rounded(_FLOOR, x)


def ceil(x: Any) -> Expr:
    """The smallest integer that is not below x, in x's dtype."""
    return _rounded(_CEIL, x)


def trunc(x: Any) -> Expr:
    """x without its fraction, in x's dtype."""
    return _rounded(_TRUNC, x)


def round(x: Any, decimals: int = 0) -> Expr:
    """x rounded to the nearest number with so many decimals; halves go to the even one."""
    x = asarray(x)
    if decimals and not x.dtype.is_float:
        if decimals > 0:
            return x
        raise NotSupportedError(f"not supported: round to {decimals} decimals of {x.dtype}; convert it with astype('float64') first")
    if not decimals:
        return _rounded(_ROUND, x)
    scale = 10.0 ** builtins.abs(decimals)
    return divide(round(multiply(x, scale)), scale) if decimals > 0 else multiply(round(divide(x, scale)), scale)


def rint(x: Any) -> Expr:
    """x rounded to the nearest integer, as a floating number; halves go to the even one."""
    (x,) = floats(x)
    return _rounded(_ROUND, x)

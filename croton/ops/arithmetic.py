"""Arithmetic of elements: the four operations, powers, remainders, and the greater of two. Of integers it wraps around, as NumPy's does."""

from __future__ import annotations

from typing import Any

import numpy as np

from croton.algebra import Use, constant, contract, scalar
from croton.algebra import add as algebra_add
from croton.dtypes import bool_, float64
from croton.expr.expr import Constant, Expr, apply
from croton.ops.casting import asarray, common_dtype, converted, operands, promoted
from croton.ops.logic import LOGICAL_AND, LOGICAL_OR
from croton.ops.mapping import at_least_int8, mapped, no_bool, record
from croton.util.config import config
from croton.util.errors import ArgumentError, DTypeError
from croton.util.keywords import also_named


def _labels(*uses: Use) -> set:
    return {label for use in uses for label in use.labels}


def _product(x: Use, y: Use) -> Use:
    if config.algebra == "strict" and x.node.dtype.is_float:
        # 0 times what is not finite is NaN
        x, y = (scalar("kept", use) if use == constant(0, use.node.dtype) else use for use in (x, y))
    return contract(_labels(x, y), [(x, 1), (y, 1)])


_ADD = record("add", lambda x, y: algebra_add([(x, 1), (y, 1)]), np.add)
_SUBTRACT = record("subtract", lambda x, y: algebra_add([(x, 1), (y, -1)]), np.subtract)
_NEGATIVE = record("negative", lambda x: algebra_add([(x, -1)]), np.negative)
_MULTIPLY = record("multiply", _product, np.multiply)
_DIVIDE = record("divide", lambda x, y: contract(_labels(x, y), [(x, 1), (y, -1)]), np.true_divide)
_POW = mapped("pow", np.power)
_FLOOR_DIVIDE, _REMAINDER, _FMOD = mapped("floor_divide", np.floor_divide), mapped("remainder", np.remainder), mapped("fmod", np.fmod)
_MAXIMUM, _MINIMUM = mapped("maximum", np.maximum), mapped("minimum", np.minimum)
_ABS, _SIGN = mapped("abs", np.abs), mapped("sign", np.sign)
OPERATIONS = [_ADD, _SUBTRACT, _NEGATIVE, _MULTIPLY, _DIVIDE, _POW, _FLOOR_DIVIDE, _REMAINDER, _FMOD, _MAXIMUM, _MINIMUM, _ABS, _SIGN]


def add(x: Any, y: Any) -> Expr:
    """x + y; of bools it is `or`, as in NumPy."""
    inputs, dtype = promoted(x, y)
    return apply(LOGICAL_OR if dtype is bool_ else _ADD, inputs)


def subtract(x: Any, y: Any) -> Expr:
    """x - y."""
    inputs, dtype = promoted(x, y)
    no_bool(dtype, "subtract", "use logical_xor, or convert one with astype")
    return apply(_SUBTRACT, inputs)


def multiply(x: Any, y: Any) -> Expr:
    """x * y; of bools it is `and`, as in NumPy."""
    inputs, dtype = promoted(x, y)
    return apply(LOGICAL_AND if dtype is bool_ else _MULTIPLY, inputs)


def divide(x: Any, y: Any) -> Expr:
    """x / y, always floating: integers are converted to float64."""
    given = operands(x, y)
    dtype = common_dtype(given)
    wanted = dtype if dtype.is_float else float64
    return apply(_DIVIDE, [converted(value, wanted) for value in given])


def negative(x: Any) -> Expr:
    """-x."""
    x = asarray(x)
    no_bool(x.dtype, "negative", "use logical_not")
    return apply(_NEGATIVE, (x,))


def positive(x: Any) -> Expr:
    """x itself."""
    x = asarray(x)
    no_bool(x.dtype, "positive", "convert it with astype")
    return x


def square(x: Any) -> Expr:
    """x * x."""
    x = at_least_int8(asarray(x))
    return apply(_MULTIPLY, (x, x))


def reciprocal(x: Any) -> Expr:
    """1 / x, of floating arrays."""
    x = asarray(x)
    if not x.dtype.is_float:
        raise DTypeError(f"reciprocal takes a floating array, got {x.dtype}; write 1 / x for the floating quotient")
    return divide(1, x)


def pow(x: Any, y: Any) -> Expr:
    """x to the power y. An integer to a negative integer power is an error, now or in the call; convert the base to a floating dtype."""
    if isinstance(y, int) and y < 0 and not asarray(x).dtype.is_float:
        raise _negative_power(y)
    inputs, dtype = promoted(x, y)
    exponent = inputs[1]
    if dtype.is_integer and isinstance(exponent, Constant) and exponent.value.size and exponent.value.min() < 0:
        raise _negative_power(int(exponent.value.min()))
    return apply(_POW, [at_least_int8(value) for value in inputs])


def _negative_power(exponent: int) -> ArgumentError:
    return ArgumentError(f"pow: an integer array to the power {exponent}; write x.astype('float64') ** {exponent}")


def floor_divide(x: Any, y: Any) -> Expr:
    """The quotient rounded down."""
    inputs, _ = promoted(x, y)
    return apply(_FLOOR_DIVIDE, [at_least_int8(value) for value in inputs])


def remainder(x: Any, y: Any) -> Expr:
    """What floor_divide leaves; it has the sign of y."""
    inputs, _ = promoted(x, y)
    return apply(_REMAINDER, [at_least_int8(value) for value in inputs])


def fmod(x: Any, y: Any) -> Expr:
    """What division rounded towards zero leaves; it has the sign of x."""
    inputs, _ = promoted(x, y)
    return apply(_FMOD, [at_least_int8(value) for value in inputs])


def divmod(x: Any, y: Any) -> tuple[Expr, Expr]:
    """floor_divide and remainder."""
    return floor_divide(x, y), remainder(x, y)


def maximum(x: Any, y: Any) -> Expr:
    """The greater of the two; NaN if either is."""
    inputs, dtype = promoted(x, y)
    return apply(LOGICAL_OR if dtype is bool_ else _MAXIMUM, inputs)


def minimum(x: Any, y: Any) -> Expr:
    """The smaller of the two; NaN if either is."""
    inputs, dtype = promoted(x, y)
    return apply(LOGICAL_AND if dtype is bool_ else _MINIMUM, inputs)


@also_named(a_min="min", a_max="max")
def clip(x: Any, min: Any = None, max: Any = None) -> Expr:
    """x, not below min and not above max; None for no bound."""
    x = asarray(x)
    x = x if min is None else maximum(x, min)
    return x if max is None else minimum(x, max)


def abs(x: Any) -> Expr:
    """The absolute value."""
    x = asarray(x)
    return x if x.dtype.kind in "bu" else apply(_ABS, (x,))


def sign(x: Any) -> Expr:
    """-1, 0 or 1; NaN of NaN."""
    x = asarray(x)
    no_bool(x.dtype, "sign", "convert it with astype")
    return apply(_SIGN, (x,))

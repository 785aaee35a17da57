"""Functions of elements: the array API standard's, NumPy's names.

The records come first; each is a scalar function of the algebra, a sum or a product. Functions that others express are composed.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from croton.algebra import FUNCTIONS, Operand, Use, align, contract, scalar
from croton.algebra import add as algebra_add
from croton.dtypes import DType, bool_, float64, int8
from croton.expr.expr import Expr, apply
from croton.expr.op import Op
from croton.expr.types import Constrained, TensorType
from croton.ops.broadcasting import Pairs, broadcast_shapes, typed
from croton.ops.casting import asarray, common_dtype, converted, floating, floats, operands, promoted, truths
from croton.util.errors import ArgumentError, DTypeError, NotSupportedError

Combine = Callable[..., Use]
OPERATIONS: list[Op] = []


def _record(name: str, combine: Combine, reference: Callable[..., Any], result: DType | None = None) -> Op:
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

    op = Op(name, infer, meaning, of_arrays, differentiable=result is None)
    OPERATIONS.append(op)
    return op


def _map(name: str, reference: Callable[..., Any] | None = None, function: str | None = None) -> Op:
    """The record of a scalar function of the algebra."""
    function = function or name
    entry = FUNCTIONS[function]

    def combine(*uses: Use) -> Use:
        return scalar(function, *uses)

    return _record(name, combine, reference or entry.numpy, bool_ if entry.result == "bool" else None)


def _labels(*uses: Use) -> set:
    return {label for use in uses for label in use.labels}


_ADD = _record("add", lambda x, y: algebra_add([(x, 1), (y, 1)]), np.add)
_SUBTRACT = _record("subtract", lambda x, y: algebra_add([(x, 1), (y, -1)]), np.subtract)
_NEGATIVE = _record("negative", lambda x: algebra_add([(x, -1)]), np.negative)
_MULTIPLY = _record("multiply", lambda x, y: contract(_labels(x, y), [(x, 1), (y, 1)]), np.multiply)
_DIVIDE = _record("divide", lambda x, y: contract(_labels(x, y), [(x, 1), (y, -1)]), np.true_divide)

_ABS, _SIGN = _map("abs", np.abs), _map("sign", np.sign)
_FLOOR, _CEIL, _TRUNC, _ROUND = _map("floor", np.floor), _map("ceil", np.ceil), _map("trunc", np.trunc), _map("round", np.rint)
_FLOATING: dict[str, Op] = {
    name: _map(name, reference)
    for name, reference in {
        "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1,
        "log": np.log, "log1p": np.log1p, "log2": np.log2, "log10": np.log10, "sqrt": np.sqrt,
        "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
        "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
        "erf": None, "erfc": None, "erfinv": None, "sigmoid": None, "softplus": None, "lgamma": None, "digamma": None,
    }.items()
}  # fmt: skip
_ISNAN, _ISINF = _map("isnan", np.isnan), _map("isinf", np.isinf)
_ISFINITE, _SIGNBIT = _map("isfinite", np.isfinite), _map("signbit", np.signbit)
_LOGICAL_NOT, _BITWISE_INVERT = _map("logical_not", np.logical_not), _map("bitwise_invert", np.invert, "bitwise_not")

_POW = _map("pow", np.power)
_ATAN2, _HYPOT, _LOGADDEXP = _map("atan2", np.arctan2), _map("hypot", np.hypot), _map("logaddexp", np.logaddexp)
_MAXIMUM, _MINIMUM = _map("maximum", np.maximum), _map("minimum", np.minimum)
_REMAINDER, _FMOD, _FLOOR_DIVIDE = _map("remainder", np.remainder), _map("fmod", np.fmod), _map("floor_divide", np.floor_divide)
_COPYSIGN, _NEXTAFTER, _XLOGY = _map("copysign", np.copysign), _map("nextafter", np.nextafter), _map("xlogy")
_EQUAL, _NOT_EQUAL = _map("equal", np.equal, "eq"), _map("not_equal", np.not_equal, "ne")
_LESS, _LESS_EQUAL = _map("less", np.less, "lt"), _map("less_equal", np.less_equal, "le")
_GREATER, _GREATER_EQUAL = _map("greater", np.greater, "gt"), _map("greater_equal", np.greater_equal, "ge")
_LOGICAL_AND, _LOGICAL_OR, _LOGICAL_XOR = _map("logical_and"), _map("logical_or"), _map("logical_xor")
_BITWISE_AND, _BITWISE_OR, _BITWISE_XOR = _map("bitwise_and"), _map("bitwise_or"), _map("bitwise_xor")
_LEFT_SHIFT, _RIGHT_SHIFT = _map("bitwise_left_shift", function="shift_left"), _map("bitwise_right_shift", function="shift_right")
_WHERE = _map("where", np.where)


# Arithmetic


def add(x: Any, y: Any) -> Expr:
    """x + y; of bools it is `or`, as in NumPy."""
    inputs, dtype = promoted(x, y)
    return apply(_LOGICAL_OR if dtype is bool_ else _ADD, inputs)


def subtract(x: Any, y: Any) -> Expr:
    """x - y."""
    inputs, dtype = promoted(x, y)
    _no_bool(dtype, "subtract", "use logical_xor, or convert one with astype")
    return apply(_SUBTRACT, inputs)


def multiply(x: Any, y: Any) -> Expr:
    """x * y; of bools it is `and`, as in NumPy."""
    inputs, dtype = promoted(x, y)
    return apply(_LOGICAL_AND if dtype is bool_ else _MULTIPLY, inputs)


def divide(x: Any, y: Any) -> Expr:
    """x / y, always floating: integers are converted to float64."""
    given = operands(x, y)
    dtype = common_dtype(given)
    wanted = dtype if dtype.is_float else float64
    return apply(_DIVIDE, [converted(value, wanted) for value in given])


def negative(x: Any) -> Expr:
    """-x."""
    x = asarray(x)
    _no_bool(x.dtype, "negative", "use logical_not")
    return apply(_NEGATIVE, (x,))


def positive(x: Any) -> Expr:
    """x itself."""
    x = asarray(x)
    _no_bool(x.dtype, "positive", "convert it with astype")
    return x


def square(x: Any) -> Expr:
    """x * x."""
    x = _at_least_int8(asarray(x))
    return apply(_MULTIPLY, (x, x))


def reciprocal(x: Any) -> Expr:
    """1 / x, of floating arrays."""
    x = asarray(x)
    if not x.dtype.is_float:
        raise DTypeError(f"reciprocal takes a floating array, got {x.dtype}; write 1 / x for the floating quotient")
    return divide(1, x)


def pow(x: Any, y: Any) -> Expr:
    """x to the power y. An integer to a negative integer power is an error; convert the base to a floating dtype."""
    if type(y) is int and y < 0 and not asarray(x).dtype.is_float:
        raise ArgumentError(f"pow: an integer array to the power {y}; write x.astype('float64') ** {y}")
    inputs, _ = promoted(x, y)
    return apply(_POW, [_at_least_int8(value) for value in inputs])


def floor_divide(x: Any, y: Any) -> Expr:
    """The quotient rounded down."""
    inputs, _ = promoted(x, y)
    return apply(_FLOOR_DIVIDE, [_at_least_int8(value) for value in inputs])


def remainder(x: Any, y: Any) -> Expr:
    """What floor_divide leaves; it has the sign of y."""
    inputs, _ = promoted(x, y)
    return apply(_REMAINDER, [_at_least_int8(value) for value in inputs])


def fmod(x: Any, y: Any) -> Expr:
    """What division rounded towards zero leaves; it has the sign of x."""
    inputs, _ = promoted(x, y)
    return apply(_FMOD, [_at_least_int8(value) for value in inputs])


def divmod(x: Any, y: Any) -> tuple[Expr, Expr]:
    """floor_divide and remainder."""
    return floor_divide(x, y), remainder(x, y)


def maximum(x: Any, y: Any) -> Expr:
    """The greater of the two; NaN if either is."""
    inputs, dtype = promoted(x, y)
    return apply(_LOGICAL_OR if dtype is bool_ else _MAXIMUM, inputs)


def minimum(x: Any, y: Any) -> Expr:
    """The smaller of the two; NaN if either is."""
    inputs, dtype = promoted(x, y)
    return apply(_LOGICAL_AND if dtype is bool_ else _MINIMUM, inputs)


def clip(x: Any, min: Any = None, max: Any = None) -> Expr:
    """x, not below min and not above max; None for no bound."""
    x = asarray(x)
    x = x if min is None else maximum(x, min)
    return x if max is None else minimum(x, max)


# Sign and rounding


def abs(x: Any) -> Expr:
    """The absolute value."""
    x = asarray(x)
    return x if x.dtype.kind in "bu" else apply(_ABS, (x,))


def sign(x: Any) -> Expr:
    """-1, 0 or 1; NaN of NaN."""
    x = asarray(x)
    _no_bool(x.dtype, "sign", "convert it with astype")
    return apply(_SIGN, (x,))


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


# Functions of real numbers: integers are converted as NumPy converts them


def _floating(name: str, x: Any) -> Expr:
    x = asarray(x)
    return apply(_FLOATING[name], (converted(x, floating(x.dtype)),))


def exp(x: Any) -> Expr:
    """e to the power x."""
    return _floating("exp", x)


def exp2(x: Any) -> Expr:
    """2 to the power x."""
    return _floating("exp2", x)


def expm1(x: Any) -> Expr:
    """exp(x) - 1, accurate near 0."""
    return _floating("expm1", x)


def log(x: Any) -> Expr:
    """The natural logarithm."""
    return _floating("log", x)


def log1p(x: Any) -> Expr:
    """log(1 + x), accurate near 0."""
    return _floating("log1p", x)


def log2(x: Any) -> Expr:
    """The logarithm to base 2."""
    return _floating("log2", x)


def log10(x: Any) -> Expr:
    """The logarithm to base 10."""
    return _floating("log10", x)


def sqrt(x: Any) -> Expr:
    """The square root."""
    return _floating("sqrt", x)


def sin(x: Any) -> Expr:
    """The sine."""
    return _floating("sin", x)


def cos(x: Any) -> Expr:
    """The cosine."""
    return _floating("cos", x)


def tan(x: Any) -> Expr:
    """The tangent."""
    return _floating("tan", x)


def asin(x: Any) -> Expr:
    """The inverse sine, in [-pi/2, pi/2]."""
    return _floating("asin", x)


def acos(x: Any) -> Expr:
    """The inverse cosine, in [0, pi]."""
    return _floating("acos", x)


def atan(x: Any) -> Expr:
    """The inverse tangent, in [-pi/2, pi/2]."""
    return _floating("atan", x)


def sinh(x: Any) -> Expr:
    """The hyperbolic sine."""
    return _floating("sinh", x)


def cosh(x: Any) -> Expr:
    """The hyperbolic cosine."""
    return _floating("cosh", x)


def tanh(x: Any) -> Expr:
    """The hyperbolic tangent."""
    return _floating("tanh", x)


def asinh(x: Any) -> Expr:
    """The inverse hyperbolic sine."""
    return _floating("asinh", x)


def acosh(x: Any) -> Expr:
    """The inverse hyperbolic cosine."""
    return _floating("acosh", x)


def atanh(x: Any) -> Expr:
    """The inverse hyperbolic tangent."""
    return _floating("atanh", x)


def erf(x: Any) -> Expr:
    """The error function."""
    return _floating("erf", x)


def erfc(x: Any) -> Expr:
    """1 - erf(x), accurate where that is small."""
    return _floating("erfc", x)


def erfinv(x: Any) -> Expr:
    """The inverse of erf: infinite at -1 and 1, NaN beyond."""
    return _floating("erfinv", x)


def sigmoid(x: Any) -> Expr:
    """1 / (1 + exp(-x)), which never overflows."""
    return _floating("sigmoid", x)


def softplus(x: Any) -> Expr:
    """log(1 + exp(x)), which never overflows."""
    return _floating("softplus", x)


def lgamma(x: Any) -> Expr:
    """The logarithm of the absolute value of the gamma function."""
    return _floating("lgamma", x)


def digamma(x: Any) -> Expr:
    """The derivative of lgamma."""
    return _floating("digamma", x)


def atan2(y: Any, x: Any) -> Expr:
    """The angle of the point (x, y), in (-pi, pi]."""
    return apply(_ATAN2, floats(y, x))


def hypot(x: Any, y: Any) -> Expr:
    """sqrt(x**2 + y**2), without overflow on the way."""
    return apply(_HYPOT, floats(x, y))


def logaddexp(x: Any, y: Any) -> Expr:
    """log(exp(x) + exp(y)), without overflow on the way."""
    return apply(_LOGADDEXP, floats(x, y))


def copysign(x: Any, y: Any) -> Expr:
    """x with the sign of y."""
    return apply(_COPYSIGN, floats(x, y))


def nextafter(x: Any, y: Any) -> Expr:
    """The floating number next to x in the direction of y."""
    return apply(_NEXTAFTER, floats(x, y))


def xlogy(x: Any, y: Any) -> Expr:
    """x * log(y), and 0 where x is 0 unless y is NaN."""
    return apply(_XLOGY, floats(x, y))


def logit(x: Any) -> Expr:
    """log(x / (1 - x)), the inverse of sigmoid."""
    return subtract(log(x), log1p(negative(x)))


def deg2rad(x: Any) -> Expr:
    """Degrees as radians."""
    (x,) = floats(x)
    return multiply(x, math.pi / 180)


def rad2deg(x: Any) -> Expr:
    """Radians as degrees."""
    (x,) = floats(x)
    return multiply(x, 180 / math.pi)


# Tests of one element


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


def signbit(x: Any) -> Expr:
    """Whether elements carry a minus sign, -0.0 included."""
    x = asarray(x)
    return apply(_SIGNBIT, (x,)) if x.dtype.is_float else less(x, 0)


# Comparisons


def _compared(op: Op, x: Any, y: Any) -> Expr:
    x, y = operands(x, y)
    if type(x) is int and isinstance(y, Expr):
        x = _wide(x, y)
    elif type(y) is int and isinstance(x, Expr):
        y = _wide(y, x)
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


def isclose(x: Any, y: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Expr:
    """Whether |x - y| <= atol + rtol * |y|; equal infinities are close."""
    x, y = floats(x, y)
    near = logical_and(less_equal(abs(subtract(x, y)), add(multiply(abs(y), rtol), atol)), isfinite(y))
    near = logical_or(near, equal(x, y))
    return logical_or(near, logical_and(isnan(x), isnan(y))) if equal_nan else near


# Logic and bits


def logical_and(x: Any, y: Any) -> Expr:
    """Whether both are true; a number is true if it is not 0."""
    return apply(_LOGICAL_AND, (truths(x), truths(y)))


def logical_or(x: Any, y: Any) -> Expr:
    """Whether one or both are true; a number is true if it is not 0."""
    return apply(_LOGICAL_OR, (truths(x), truths(y)))


def logical_xor(x: Any, y: Any) -> Expr:
    """Whether exactly one is true; a number is true if it is not 0."""
    return apply(_LOGICAL_XOR, (truths(x), truths(y)))


def logical_not(x: Any) -> Expr:
    """Whether elements are false; a number is false if it is 0."""
    return apply(_LOGICAL_NOT, (truths(x),))


def _bits(name: str, op: Op, of_bools: Op | None, x: Any, y: Any) -> Expr:
    inputs, dtype = promoted(x, y)
    if dtype is bool_ and of_bools is not None:
        return apply(of_bools, inputs)
    if not dtype.is_integer:
        advice = "compare with 0, or use logical functions" if dtype.is_float else "convert it with astype"
        raise DTypeError(f"{name} takes integers, got {inputs[0].dtype}; {advice}")
    return apply(op, inputs)


def bitwise_and(x: Any, y: Any) -> Expr:
    """The bits that both have; of bools it is logical_and."""
    return _bits("bitwise_and", _BITWISE_AND, _LOGICAL_AND, x, y)


def bitwise_or(x: Any, y: Any) -> Expr:
    """The bits that either has; of bools it is logical_or."""
    return _bits("bitwise_or", _BITWISE_OR, _LOGICAL_OR, x, y)


def bitwise_xor(x: Any, y: Any) -> Expr:
    """The bits that exactly one has; of bools it is logical_xor."""
    return _bits("bitwise_xor", _BITWISE_XOR, _LOGICAL_XOR, x, y)


def bitwise_left_shift(x: Any, y: Any) -> Expr:
    """x with its bits moved y places up."""
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


# Choice


def where(condition: Any, x: Any, y: Any) -> Expr:
    """x where the condition holds, y elsewhere. The derivative of what is not chosen is exactly 0."""
    chosen, _ = promoted(x, y)
    return apply(_WHERE, (truths(condition), *chosen))


def _no_bool(dtype: DType, name: str, advice: str) -> None:
    if dtype is bool_:
        raise DTypeError(f"{name} is not defined for bool; {advice}")


def _at_least_int8(x: Expr) -> Expr:
    return converted(x, int8) if x.dtype is bool_ else x

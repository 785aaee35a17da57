"""The functions of the loop language as instructions, for values of any dtype in any number of lanes.

Arithmetic and logic are here; mathematical functions are in `vecmath`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from croton.codegen.builder import Builder
from croton.codegen.called import mathematics
from croton.codegen.division import floor_divide, remainder
from croton.codegen.vecmath import FUNCTIONS as MATHEMATICS
from croton.codegen.vecmath.remainder import fmod
from croton.dtypes import DType

Emit = Callable[..., str]


class CodegenError(NotImplementedError):
    """Something of the loop language that has no native code."""


def emit_function(name: str, b: Builder, dtype: DType, values: Sequence[str], constants: Sequence[object]) -> str:
    """A function of values of `dtype`, which `b` computes in (of `where`: the dtype of the choices). `constants` has the Python
    value of each literal argument, None for others."""
    if name == "pow":
        return _power(b, dtype, values, constants)
    table = _FLOAT if dtype.is_float else _BOOL if dtype.is_bool else _SIGNED if dtype.kind == "i" else _UNSIGNED
    emit = table.get(name)
    if emit is None and dtype.is_float and name in MATHEMATICS:
        return mathematics(name, b, *values)
    if emit is None:
        raise CodegenError(f"not supported: native code for {name} of {dtype}")
    return emit(b, *values)


def _identity(b: Builder, x: str) -> str:
    return x


def _where(b: Builder, condition: str, x: str, y: str) -> str:
    return b.select(condition, x, y)


def _fcmp(predicate: str) -> Emit:
    return lambda b, x, y: b.fcmp(predicate, x, y)


def _icmp(predicate: str) -> Emit:
    return lambda b, x, y: b.icmp(predicate, x, y)


def _intrinsic(name: str) -> Emit:
    return lambda b, *values: b.intrinsic(name, *values)


# Floating point


def _sign(b: Builder, x: str) -> str:
    zero = b.constant(0.0)
    return b.select(b.fcmp("ogt", x, zero), b.constant(1.0), b.select(b.fcmp("olt", x, zero), b.constant(-1.0), x))


def _is_nan(b: Builder, x: str) -> str:
    return b.fcmp("uno", x, x)


def _is_infinite(b: Builder, x: str) -> str:
    return b.fcmp("oeq", b.fabs(x), b.constant(float("inf")))


def _is_finite(b: Builder, x: str) -> str:
    return b.fcmp("one", b.fabs(x), b.constant(float("inf")))


def _sign_bit(b: Builder, x: str) -> str:
    return b.icmp("slt", b.to_bits(x), b.integer_constant(0))


def _next_after(b: Builder, x: str, y: str) -> str:
    zero = b.constant(0.0)
    bits = b.to_bits(x)
    rising, positive = b.fcmp("olt", x, y), b.fcmp("ogt", x, zero)
    outwards = b.mask_not(b.emit(f"xor {b.mask} {rising}, {positive}"))
    stepped = b.from_bits(b.iadd(bits, b.iselect(outwards, b.integer_constant(1), b.integer_constant(-1))))
    least = b.copysign(b.from_bits(b.integer_constant(1)), y)
    value = b.select(b.fcmp("oeq", x, zero), least, stepped)
    value = b.select(b.fcmp("oeq", x, y), y, value)
    return b.select(b.fcmp("uno", x, y), b.exact().fadd(x, y), value)


def _float_remainder(b: Builder, x: str, y: str) -> str:
    """Python's %: the sign of the divisor; an exact zero takes it too."""
    b = b.exact()
    zero = b.constant(0.0)
    rest = fmod(b, x, y)
    opposite = b.icmp("slt", b.ixor(b.to_bits(rest), b.to_bits(y)), b.integer_constant(0))
    moved = b.select(opposite, b.fadd(rest, y), rest)
    return b.select(b.fcmp("oeq", rest, zero), b.copysign(zero, y), moved)


def _float_floor_divide(b: Builder, x: str, y: str) -> str:
    """Python's // : the quotient that belongs to the remainder, so that a rounded x / y cannot land on the next integer."""
    b = b.exact()
    zero, one = b.constant(0.0), b.constant(1.0)
    rest = fmod(b, x, y)
    quotient = b.fdiv(b.fsub(x, rest), y)
    opposite = b.icmp("slt", b.ixor(b.to_bits(rest), b.to_bits(y)), b.integer_constant(0))
    adjust = b.mask_and(opposite, b.fcmp("une", rest, zero))
    quotient = b.select(adjust, b.fsub(quotient, one), quotient)
    whole = b.intrinsic("floor", quotient)
    whole = b.select(b.fcmp("ogt", b.fsub(quotient, whole), b.constant(0.5)), b.fadd(whole, one), whole)
    plain = b.fdiv(x, y)
    whole = b.select(b.fcmp("oeq", quotient, zero), b.copysign(zero, plain), whole)
    return b.select(b.fcmp("oeq", y, zero), plain, whole)


def _safe_reciprocal(b: Builder, x: str) -> str:
    is_zero = b.fcmp("oeq", x, b.constant(0.0))
    one = b.constant(1.0)
    return b.select(is_zero, b.constant(0.0), b.fdiv(one, b.select(is_zero, one, x)))


def _x_log_x(b: Builder, x: str) -> str:
    return _x_log_y(b, x, x)


def _x_log_y(b: Builder, x: str, y: str) -> str:
    vanishes = b.mask_and(b.fcmp("oeq", x, b.constant(0.0)), b.fcmp("ord", y, y))
    return b.select(vanishes, b.constant(0.0), b.fmul(x, MATHEMATICS["log"](b, y)))


_FLOAT: dict[str, Emit] = {
    "neg": Builder.fneg,
    "add": Builder.fadd,
    "sub": Builder.fsub,
    "mul": Builder.fmul,
    "div": Builder.fdiv,
    "fma": Builder.fmuladd,
    "abs": Builder.fabs,
    "sqrt": Builder.sqrt,
    "copysign": Builder.copysign,
    "maximum": Builder.maximum,
    "minimum": Builder.minimum,
    "floor": _intrinsic("floor"),
    "ceil": _intrinsic("ceil"),
    "trunc": _intrinsic("trunc"),
    "round": _intrinsic("roundeven"),
    "remainder": _float_remainder,
    "floor_divide": _float_floor_divide,
    "nextafter": _next_after,
    "sign": _sign,
    "isnan": _is_nan,
    "isinf": _is_infinite,
    "isfinite": _is_finite,
    "signbit": _sign_bit,
    "safe_reciprocal": _safe_reciprocal,
    "identity": _identity,
    "kept": _identity,
    "stop": _identity,
    "where": _where,
    "eq": _fcmp("oeq"),
    "ne": _fcmp("une"),
    "lt": _fcmp("olt"),
    "le": _fcmp("ole"),
    "gt": _fcmp("ogt"),
    "ge": _fcmp("oge"),
}
if "xlogx" not in MATHEMATICS:
    _FLOAT["xlogx"] = _x_log_x
if "xlogy" not in MATHEMATICS:
    _FLOAT["xlogy"] = _x_log_y


# Integers. A division by zero gives 0; the one quotient that overflows wraps: neither may trap.


def _negative(b: Builder, x: str) -> str:
    return b.isub(b.constant(0), x)


def _absolute(b: Builder, x: str) -> str:
    return b.select(b.icmp("slt", x, b.constant(0)), _negative(b, x), x)


def _signed_sign(b: Builder, x: str) -> str:
    zero = b.constant(0)
    return b.select(b.icmp("sgt", x, zero), b.constant(1), b.select(b.icmp("slt", x, zero), b.constant(-1), zero))


def _unsigned_sign(b: Builder, x: str) -> str:
    return b.select(b.icmp("ne", x, b.constant(0)), b.constant(1), b.constant(0))


def _divisor(b: Builder, x: str, y: str, signed: bool) -> tuple[str, str]:
    """The mask of y == 0, and a divisor that cannot trap."""
    is_zero = b.icmp("eq", y, b.constant(0))
    unsafe = is_zero
    if signed:
        overflow = b.mask_and(b.icmp("eq", x, b.constant(-(1 << (b.bits - 1)))), b.icmp("eq", y, b.constant(-1)))
        unsafe = b.mask_or(is_zero, overflow)
    return is_zero, b.select(unsafe, b.constant(1), y)


def _in_vectors(fast: Callable[..., str], slow: Emit, signed: bool) -> Emit:
    """One value by the processor's division, several in floating point."""

    def emit(b: Builder, x: str, y: str) -> str:
        return slow(b, x, y) if b.lanes == 1 else fast(b, x, y, signed, lambda: slow(b, x, y))

    return emit


def _signed_floor_divide(b: Builder, x: str, y: str) -> str:
    is_zero, divisor = _divisor(b, x, y, True)
    quotient = b.emit(f"sdiv {b.type} {x}, {divisor}")
    rest = b.isub(x, b.imul(quotient, divisor))
    zero = b.constant(0)
    adjust = b.mask_and(b.icmp("ne", rest, zero), b.icmp("slt", b.ixor(rest, divisor), zero))
    return b.select(is_zero, zero, b.select(adjust, b.isub(quotient, b.constant(1)), quotient))


def _signed_remainder(b: Builder, x: str, y: str) -> str:
    is_zero, divisor = _divisor(b, x, y, True)
    rest = b.emit(f"srem {b.type} {x}, {divisor}")
    zero = b.constant(0)
    adjust = b.mask_and(b.icmp("ne", rest, zero), b.icmp("slt", b.ixor(rest, divisor), zero))
    return b.select(is_zero, zero, b.select(adjust, b.iadd(rest, divisor), rest))


def _divide(instruction: str, signed: bool) -> Emit:
    def emit(b: Builder, x: str, y: str) -> str:
        is_zero, divisor = _divisor(b, x, y, signed)
        return b.select(is_zero, b.constant(0), b.emit(f"{instruction} {b.type} {x}, {divisor}"))

    return emit


def _shift_left(b: Builder, x: str, count: str) -> str:
    inside = b.icmp("ult", count, b.constant(b.bits))
    return b.select(inside, b.shl(x, b.select(inside, count, b.constant(0))), b.constant(0))


def _shift_right_signed(b: Builder, x: str, count: str) -> str:
    inside = b.icmp("ult", count, b.constant(b.bits))
    return b.ashr(x, b.select(inside, count, b.constant(b.bits - 1)))


def _shift_right_unsigned(b: Builder, x: str, count: str) -> str:
    inside = b.icmp("ult", count, b.constant(b.bits))
    return b.select(inside, b.lshr(x, b.select(inside, count, b.constant(0))), b.constant(0))


def _invert(b: Builder, x: str) -> str:
    return b.ixor(x, b.constant(-1))


_INTEGER: dict[str, Emit] = {
    "neg": _negative,
    "add": Builder.iadd,
    "sub": Builder.isub,
    "mul": Builder.imul,
    "floor": _identity,
    "ceil": _identity,
    "trunc": _identity,
    "round": _identity,
    "identity": _identity,
    "stop": _identity,
    "where": _where,
    "bitwise_and": Builder.iand,
    "bitwise_or": Builder.ior,
    "bitwise_xor": Builder.ixor,
    "bitwise_not": _invert,
    "shift_left": _shift_left,
    "eq": _icmp("eq"),
    "ne": _icmp("ne"),
}

_SIGNED: dict[str, Emit] = {
    **_INTEGER,
    "abs": _absolute,
    "sign": _signed_sign,
    "maximum": _intrinsic("smax"),
    "minimum": _intrinsic("smin"),
    "floor_divide": _in_vectors(floor_divide, _signed_floor_divide, True),
    "remainder": _in_vectors(remainder, _signed_remainder, True),
    "fmod": _divide("srem", True),
    "shift_right": _shift_right_signed,
    "lt": _icmp("slt"),
    "le": _icmp("sle"),
    "gt": _icmp("sgt"),
    "ge": _icmp("sge"),
}

_UNSIGNED: dict[str, Emit] = {
    **_INTEGER,
    "abs": _identity,
    "sign": _unsigned_sign,
    "maximum": _intrinsic("umax"),
    "minimum": _intrinsic("umin"),
    "floor_divide": _in_vectors(floor_divide, _divide("udiv", False), False),
    "remainder": _in_vectors(remainder, _divide("urem", False), False),
    "fmod": _divide("urem", False),
    "shift_right": _shift_right_unsigned,
    "lt": _icmp("ult"),
    "le": _icmp("ule"),
    "gt": _icmp("ugt"),
    "ge": _icmp("uge"),
}

_BOOL: dict[str, Emit] = {
    "logical_and": Builder.iand,
    "logical_or": Builder.ior,
    "logical_xor": Builder.ixor,
    "logical_not": Builder.mask_not,
    "identity": _identity,
    "stop": _identity,
    "where": _where,
    "eq": _icmp("eq"),
    "ne": _icmp("ne"),
    "lt": _icmp("ult"),
    "le": _icmp("ule"),
    "gt": _icmp("ugt"),
    "ge": _icmp("uge"),
}


# Powers

LONGEST_POWER = 16
"""Up to this exponent a power is multiplied out: at most six multiplications."""
LONGEST_ROOT = 4
"""Below this exponent so is the power of half an odd number, with a root: x**-1.5 takes a third of the time in float32, half in float64."""


def _power(b: Builder, dtype: DType, values: Sequence[str], constants: Sequence[object]) -> str:
    base, exponent = values
    known = constants[1]
    if isinstance(known, int | float) and known == int(known if abs(known) <= LONGEST_POWER else 0) and (known >= 0 or dtype.is_float):
        return _multiplied(b, base, int(known), dtype.is_float)
    if not dtype.is_float:
        return _integer_power(b, base, exponent, b.bits - (dtype.kind == "i"))
    if known == 0.5:
        return b.sqrt(base)
    if isinstance(known, float) and abs(known) < LONGEST_ROOT and 2 * abs(known) % 2 == 1:
        return _multiplied_by_root(b, base, known)
    return mathematics("pow", b, base, exponent)


def _multiplied(b: Builder, base: str, exponent: int, is_float: bool) -> str:
    if is_float:
        b = b.exact()
    multiply = b.fmul if is_float else b.imul
    result = ""
    square, left = base, abs(exponent)
    while left:
        if left & 1:
            result = multiply(result, square) if result else square
        left >>= 1
        if left:
            square = multiply(square, square)
    if exponent == 0:
        return b.constant(1)
    return b.fdiv(b.constant(1.0), result) if exponent < 0 else result


def _multiplied_by_root(b: Builder, base: str, exponent: float) -> str:
    """A power of half an odd number: as far from exact as an integer power, with the values of `pow` at both infinities and both zeros."""
    b = b.exact()
    positive = b.fadd(base, b.constant(0.0))
    result = b.sqrt(positive)
    if abs(exponent) > 1:
        result = b.fmul(_multiplied(b, positive, int(abs(exponent)), True), result)
    result = b.select(b.fcmp("oeq", base, b.constant(float("-inf"))), b.constant(float("inf")), result)
    return b.fdiv(b.constant(1.0), result) if exponent < 0 else result


def _integer_power(b: Builder, base: str, exponent: str, bits: int) -> str:
    result = b.constant(1)
    for bit in range(bits):
        is_set = b.icmp("ne", b.iand(exponent, b.constant(1 << bit)), b.constant(0))
        result = b.select(is_set, b.imul(result, base), result)
        if bit < bits - 1:
            base = b.imul(base, base)
    return result

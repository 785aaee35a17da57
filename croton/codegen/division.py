"""Integer floor division and remainder in vectors.

No processor divides vectors of integers, so LLVM would divide lane by lane. Whole numbers that a floating-point type holds exactly
are divided there instead: the rounded quotient's floor is right or one too large, which the sign of the remainder tells. 64-bit values
beyond 2^51 take the slow way, if a vector has any.
"""

from __future__ import annotations

from collections.abc import Callable

from croton.codegen.builder import Builder
from croton.codegen.vecmath.branch import where_any

EXACT = 51
"""Numbers below two to this are exact in float64, and so are their quotients times divisors."""


def floor_divide(b: Builder, x: str, y: str, signed: bool, slow: Callable[[], str]) -> str:
    """floor(x / y), 0 where y is 0. `slow` emits the same for any values."""
    return _divide(b, x, y, signed, slow, False)


def remainder(b: Builder, x: str, y: str, signed: bool, slow: Callable[[], str]) -> str:
    """x - floor(x / y) * y, 0 where y is 0."""
    return _divide(b, x, y, signed, slow, True)


def _divide(b: Builder, x: str, y: str, signed: bool, slow: Callable[[], str], rest: bool) -> str:
    f = b.at("float" if b.bits <= 16 else "double", flags="")
    to_float = "sitofp" if signed else "uitofp"
    zero = b.constant(0)
    is_zero = b.icmp("eq", y, zero)
    dividend = f.convert(to_float, x, b)
    divisor = f.select(is_zero, f.constant(1.0), f.convert(to_float, y, b))
    quotient = f.intrinsic("floor", f.fdiv(dividend, divisor))
    left = f.fsub(dividend, f.fmul(quotient, divisor))
    opposite = f.fcmp("olt", f.fmul(left, divisor), f.constant(0.0))
    if rest:
        result = f.select(opposite, f.fadd(left, divisor), left)
    else:
        result = f.select(opposite, f.fsub(quotient, f.constant(1.0)), quotient)
    value = b.select(is_zero, zero, _to_integer(b, f, result))
    if b.bits < 64:
        return value
    outside = b.mask_or(_is_large(b, x, signed), _is_large(b, y, signed))
    return where_any(b, outside, lambda: [slow()], [value])[0]


def _to_integer(b: Builder, f: Builder, value: str) -> str:
    """Through a wider integer, since the least value divided by -1 is one too large."""
    if b.bits == 64:
        return b.convert("fptosi", value, f)
    wide = b.at("i32" if b.bits <= 16 else "i64")
    return b.convert("trunc", wide.convert("fptosi", value, f), wide)


def _is_large(b: Builder, x: str, signed: bool) -> str:
    if not signed:
        return b.icmp("ugt", x, b.constant(1 << EXACT))
    return b.icmp("ugt", b.iadd(x, b.constant(1 << EXACT)), b.constant(1 << (EXACT + 1)))

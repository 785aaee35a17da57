"""log, log2, log10, log1p, and the logarithm to extra precision that pow needs.

x = 2**k m with m in [sqrt(1/2), sqrt(2)); f = m - 1, s = f / (2 + f), and log(m) = f - f**2/2 + s (f**2/2 + R(s**2)), the arrangement
of Ng's log in Sun's fdlibm (published 1993): f is exact, and everything after it is small.
"""

from __future__ import annotations

from croton.codegen.builder import Builder
from croton.codegen.vecmath.coefficients import LOG, LOG_TAIL
from croton.codegen.vecmath.common import (
    LN2,
    Pair,
    by_element,
    estrin,
    fast_two_sum,
    float_bits,
    mantissa_bits,
    smallest_normal,
    two_product,
)

SQRT_HALF = 0.7071067811865476
INVERSE_LN2 = {"float": (1.4426950216293335, 1.925963033500011e-08), "double": (1.4426950408889634, 2.0355273740931033e-17)}
INVERSE_LN10 = {"float": (0.4342944920063019, -1.0103049952192578e-08), "double": (0.4342944819032518, 1.098319650216765e-17)}
# The high parts have zeros enough at the end for k * high to be exact.
LN2_SHORT = {"float": (0.693145751953125, 1.428606765330187e-06), "double": (0.6931471803691238, 1.9082149292705877e-10)}
LOG10_2_SHORT = {"float": (0.301025390625, 4.605039066518657e-06), "double": (0.30102999566361177, 3.694239077158931e-13)}


def split(b: Builder, x: str, positive_normal: bool = False) -> Pair:
    """(k, m): x = 2**k m with m in [sqrt(1/2), sqrt(2)), for finite x > 0; k as a floating-point value."""
    lost = None
    if not positive_normal:
        subnormal = b.fcmp("olt", x, b.constant(smallest_normal(b)))
        raised = by_element(b, 25, 54)
        x = b.select(subnormal, b.fmul(x, b.constant(2.0**raised)), x)
        lost = b.select(subnormal, b.constant(float(raised)), b.constant(0.0))
    bits = b.to_bits(x)
    field = mantissa_bits(b)
    offset = b.isub(bits, b.integer_constant(float_bits(b, SQRT_HALF)))
    if b.element == "float":
        k = b.ashr(offset, b.integer_constant(field))
        m = b.isub(bits, b.shl(k, b.integer_constant(field)))
        exponent = b.from_signed(k)
    else:
        # A 64-bit arithmetic shift and conversion exist only on some targets: work on the biased exponent, which is not negative, and
        # convert by putting it into the low bits of 2**52.
        biased = b.lshr(b.iadd(offset, b.integer_constant(1023 << field)), b.integer_constant(field))
        m = b.isub(bits, b.isub(b.shl(biased, b.integer_constant(field)), b.integer_constant(1023 << field)))
        exponent = b.fsub(b.from_bits(b.ior(biased, b.integer_constant(float_bits(b, 2.0**52)))), b.constant(2.0**52 + 1023))
    return (exponent if lost is None else b.fsub(exponent, lost)), b.from_bits(m)


def quotient_terms(b: Builder, f: str) -> Pair:
    """(f**2/2, s (f**2/2 + R)): log(1 + f) = f - (first - second)."""
    s = b.fdiv(f, b.fadd(f, b.constant(2.0)))
    z = b.fmul(s, s)
    half_square = b.fmul(b.fmul(f, b.constant(0.5)), f)
    return half_square, b.fmul(s, b.fma(z, estrin(b, z, LOG), half_square))


def finish(b: Builder, x: str, result: str) -> str:
    """The logarithm's values at 0, infinity, negative numbers and NaN."""
    infinity = b.constant(float("inf"))
    result = b.select(b.fcmp("oeq", x, infinity), infinity, result)
    result = b.select(b.fcmp("oeq", x, b.constant(0.0)), b.constant(float("-inf")), result)
    return b.select(b.fcmp("ult", x, b.constant(0.0)), b.constant(float("nan")), result)


def scaled_log(b: Builder, k: str, f: str, correction: str | None = None) -> str:
    """k log(2) + log(1 + f) + correction."""
    high, low = LN2_SHORT[b.element]
    half_square, rest = quotient_terms(b, f)
    rest = b.fma(k, b.constant(low), rest)
    if correction is not None:
        rest = b.fadd(rest, correction)
    return b.fma(k, b.constant(high), b.fsub(f, b.fsub(half_square, rest)))


def log(b: Builder, x: str) -> str:
    """The natural logarithm. Largest error seen: float32 0.85 ULP, float64 0.83 ULP."""
    b = b.exact()
    k, m = split(b, x)
    return finish(b, x, scaled_log(b, k, b.fsub(m, b.constant(1.0))))


def other_base(b: Builder, x: str, inverse: dict[str, tuple[float, float]], unit: tuple[float, float] | None) -> str:
    """log(x) over the logarithm of a base: `inverse` is 1/log(base), `unit` log(2)/log(base), each as high + low (None: base 2)."""
    k, m = split(b, x)
    f = b.fsub(m, b.constant(1.0))
    half_square, rest = quotient_terms(b, f)
    high = b.fsub(f, half_square)
    low = b.fadd(b.fsub(b.fsub(f, high), half_square), rest)
    factor_high, factor_low = (b.constant(part) for part in inverse[b.element])
    value, error = two_product(b, high, factor_high)
    error = b.fadd(error, b.fma(high, factor_low, b.fmul(low, factor_high)))
    whole = k
    if unit is not None:
        whole = b.fmul(k, b.constant(unit[0]))
        error = b.fma(k, b.constant(unit[1]), error)
    total, lost = fast_two_sum(b, whole, value)
    return finish(b, x, b.fadd(total, b.fadd(lost, error)))


def log2(b: Builder, x: str) -> str:
    """The logarithm to base 2; exact for powers of two. Largest error seen: float32 0.79 ULP, float64 0.77 ULP."""
    return other_base(b.exact(), x, INVERSE_LN2, None)


def log10(b: Builder, x: str) -> str:
    """The logarithm to base 10. Largest error seen: float32 0.65 ULP, float64 0.71 ULP."""
    return other_base(b.exact(), x, INVERSE_LN10, LOG10_2_SHORT[b.element])


def log1p_core(b: Builder, x: str, doublings: str | None = None) -> str:
    """log(1 + x) (plus `doublings` log(2)) for finite x > -1; a zero comes out without its sign."""
    one = b.constant(1.0)
    u = b.fadd(x, one)
    shifted = b.fsub(u, one)
    lost = b.fadd(b.fsub(one, b.fsub(u, shifted)), b.fsub(x, shifted))
    k, m = split(b, u, positive_normal=True)
    near = b.fcmp("oeq", k, b.constant(0.0))
    f = b.select(near, x, b.fsub(m, one))
    # The sum's rounding error, relative to u; 1/(1 + f) to a tenth is enough for it. m/u is the exact power of two.
    inverse = b.fma(b.fma(f, b.constant(0.85), b.constant(-1.0)), f, one)
    power = b.from_bits(b.iadd(b.isub(b.to_bits(m), b.to_bits(u)), b.integer_constant(float_bits(b, 1.0))))
    # Beyond 2**60 what was lost no longer counts, and the power would leave the range of exponents.
    no_loss = b.mask_or(near, b.fcmp("ogt", k, b.constant(60.0)))
    correction = b.select(no_loss, b.constant(0.0), b.fmul(b.fmul(lost, power), inverse))
    return scaled_log(b, k if doublings is None else b.fadd(k, doublings), f, correction)


def log1p(b: Builder, x: str) -> str:
    """log(1 + x) without cancellation; keeps the sign of zero. Largest error seen: float32 0.85 ULP, float64 0.83 ULP."""
    b = b.exact()
    result = log1p_core(b, x)
    infinity = b.constant(float("inf"))
    result = b.select(b.fcmp("oeq", x, infinity), infinity, result)
    result = b.select(b.fcmp("oeq", x, b.constant(-1.0)), b.constant(float("-inf")), result)
    result = b.select(b.fcmp("ult", x, b.constant(-1.0)), b.constant(float("nan")), result)
    return b.select(b.fcmp("olt", b.fabs(x), b.constant(by_element(b, 2.0**-25, 2.0**-54))), x, result)


def log_pair(b: Builder, x: str) -> Pair:
    """log(x) for finite x > 0 as high + low, with a relative error below 2**-33 (float32) or 2**-64 (float64)."""
    k, m = split(b, x)
    one = b.constant(1.0)
    f = b.fsub(m, one)
    divisor = b.fadd(m, one)
    divisor_low = b.fsub(m, b.fsub(divisor, one))
    inverse = b.fdiv(one, divisor)
    s = b.fmul(f, inverse)
    s_low = b.fmul(b.fsub(b.fma(b.fneg(s), divisor, f), b.fmul(s, divisor_low)), inverse)
    z, z_low = two_product(b, s, s)
    z_low = b.fma(b.fadd(s, s), s_low, z_low)
    # c = 1/3 + z * tail; log(m) = 2 s (1 + z c)
    third, third_low = by_element(b, (0.3333333432674408, -9.934107758624577e-09), (0.3333333333333333, 1.850371707708594e-17))
    tail = b.fmul(z, estrin(b, z, LOG_TAIL))
    c, c_low = fast_two_sum(b, b.constant(third), tail)
    c_low = b.fadd(c_low, b.constant(third_low))
    q, q_low = two_product(b, z, c)
    q_low = b.fadd(q_low, b.fma(z, c_low, b.fmul(z_low, c)))
    p, p_low = two_product(b, s, q)
    p_low = b.fadd(p_low, b.fma(s, q_low, b.fmul(s_low, q)))
    total, total_low = fast_two_sum(b, s, p)
    total_low = b.fadd(total_low, b.fadd(p_low, s_low))
    twice, twice_low = b.fadd(total, total), b.fadd(total_low, total_low)
    high, low = LN2[b.element]
    whole, whole_low = two_product(b, k, b.constant(high))
    whole_low = b.fma(k, b.constant(low), whole_low)
    result, lost = fast_two_sum(b, whole, twice)
    return fast_two_sum(b, result, b.fadd(lost, b.fadd(whole_low, twice_low)))

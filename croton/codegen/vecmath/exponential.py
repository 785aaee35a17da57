"""exp, exp2, expm1 and what other families take from them.

x = n log(2) + r with |r| <= log(2)/2. Adding a large constant rounds to n and leaves n in the low bits of the sum; the constant also
holds the exponent bias, so that one shift makes the power of two. It is applied in two halves, so that results reach into the subnormals
with one rounding.
"""

from __future__ import annotations

from croton.codegen.builder import Builder
from croton.codegen.vecmath.coefficients import EXP, EXP_TWICE
from croton.codegen.vecmath.common import LN2, Pair, by_element, clamp, estrin, fast_two_sum, mantissa_bits, round_magic, two_sum

LOG2_E = 1.4426950408889634

def reduce(b: Builder, x: str, bias: int) -> tuple[str, str, str]:
    """(bits, n, r): x = n log(2) + r; the low bits of `bits` are n + bias."""
    magic = b.constant(round_magic(b) + bias)
    shifted = b.fma(x, b.constant(LOG2_E), magic)
    n = b.fsub(shifted, magic)
    high, low = LN2[b.element]
    r = b.fma(n, b.constant(-low), b.fma(n, b.constant(-high), x))
    return b.to_bits(shifted), n, r


def expm1_reduced(b: Builder, r: str) -> str:
    """e**r - 1 for |r| <= log(2)/2, within 0.6 ULP of exact for r itself."""
    square = b.fmul(r, r)
    return b.fma(square, b.fma(estrin(b, r, EXP), r, b.constant(0.5)), r)


def power_of_two(b: Builder, biased: str) -> str:
    """2**(low bits - bias), the biased exponent in the low bits."""
    return b.from_bits(b.shl(biased, b.integer_constant(mantissa_bits(b))))


def exponent_bias(b: Builder) -> int:
    """What is added to an exponent to make its field."""
    return by_element(b, 127, 1023)


def scaled(b: Builder, p: str, bits: str, n: str) -> str:
    """p * 2**n rounded once, where the low bits are n + 2 * bias; for |n| up to nearly twice the range of exponents."""
    if b.can_scale():
        return b.scale(p, n)
    half = b.lshr(bits, b.integer_constant(1))
    return b.fmul(b.fmul(p, power_of_two(b, half)), power_of_two(b, b.isub(bits, half)))


def limits(b: Builder) -> tuple[float, float]:
    """Arguments beyond which exp is 0 or infinite after rounding; n stays small enough for `scaled`."""
    return by_element(b, (-104.0, 89.0), (-746.0, 710.0))


def exp_sum(b: Builder, x: str, low: str, factor: Pair | None = None) -> str:
    """exp(x + low) times a factor given as high + low, for a correction |low| of at most about 1e-4; x already within `limits`."""
    bits, n, r = reduce(b, x, 2 * exponent_bias(b))
    r, low = two_sum(b, r, low)
    # 1 + p, with what the sum loses and e**r * low put back
    high, lost = fast_two_sum(b, b.constant(1.0), expm1_reduced(b, r))
    rest = b.fma(high, low, lost)
    if factor is None:
        value = b.fadd(high, rest)
    else:
        value = b.fma(factor[0], high, b.fma(factor[0], rest, b.fmul(factor[1], high)))
    return scaled(b, value, bits, n)


def exp(b: Builder, x: str) -> str:
    """e**x. Largest error seen: float32 0.98 ULP, float64 0.97 ULP; subnormal results included."""
    b = b.exact()
    bits, n, r = reduce(b, clamp(b, x, *limits(b)), 2 * exponent_bias(b))
    return scaled(b, b.fadd(expm1_reduced(b, r), b.constant(1.0)), bits, n)


def exp_below(b: Builder, x: str) -> str:
    """e**x for x <= 0 (or NaN), for callers that add it to something of size 1: below the smallest normal number it is only about right."""
    low = by_element(b, -87.0, -708.0)
    x = b.select(b.fcmp("olt", x, b.constant(low)), b.constant(low), x)
    bits, _, r = reduce(b, x, exponent_bias(b))
    scale = power_of_two(b, bits)
    return b.fma(scale, expm1_reduced(b, r), scale)


def exp_half(b: Builder, x: str) -> str:
    """e**x / 2 without overflow before the result's own; for cosh."""
    bits, n, r = reduce(b, clamp(b, x, *by_element(b, (-104.0, 90.0), (-746.0, 711.0))), 2 * exponent_bias(b) - 1)
    return scaled(b, b.fadd(expm1_reduced(b, r), b.constant(1.0)), bits, b.fsub(n, b.constant(1.0)))


def exp2(b: Builder, x: str) -> str:
    """2**x; exact for integers. Largest error seen: float32 0.98 ULP, float64 1.02 ULP."""
    b = b.exact()
    x = clamp(b, x, *by_element(b, (-151.0, 129.0), (-1076.0, 1025.0)))
    magic = b.constant(round_magic(b) + 2 * exponent_bias(b))
    shifted = b.fadd(x, magic)
    n = b.fsub(shifted, magic)
    r = b.fmul(b.fsub(x, n), b.constant(LN2[b.element][0]))
    return scaled(b, b.fadd(expm1_reduced(b, r), b.constant(1.0)), b.to_bits(shifted), n)


def expm1_part(b: Builder, x: str, halvings: int) -> str:
    """(e**x - 1) / 2**halvings, overflowing only from (halvings - 1) log(2) beyond where expm1 does; a subnormal x loses its last bits."""
    # Above the argument of overflow, below the one at which n reaches the next power of two.
    x = clamp(b, x, *by_element(b, (-40.0, 88.2 + 0.7 * halvings), (-80.0, 709.2 + 0.7 * halvings)))
    bits, _, r = reduce(b, x, exponent_bias(b) - halvings)
    scale = power_of_two(b, bits)
    return b.fma(scale, expm1_reduced(b, r), b.fsub(scale, b.constant(2.0**-halvings)))


def expm1(b: Builder, x: str) -> str:
    """e**x - 1 without cancellation. Largest error seen: float32 1.43 ULP, float64 1.82 ULP."""
    b = b.exact()
    half = expm1_part(b, x, 1)
    tiny = b.fcmp("olt", b.fabs(x), b.constant(by_element(b, 2.0**-25, 2.0**-54)))
    return b.select(tiny, x, b.fadd(half, half))


def expm1_twice_less(b: Builder, a: str) -> Pair:
    """(t, t + 2) / 2 with t = e**(-2 a) - 1, for a >= 0 (or NaN). Made for a short chain of instructions that wait for one another: in a recurrence nothing
    else is there to be done meanwhile."""
    most = b.constant(by_element(b, 20.0, 40.0))
    a = b.select(b.fcmp("ogt", a, most), most, a)
    # -a = n log(2)/2 + h: half of what is reduced, so that nothing has to be doubled first
    magic = b.constant(round_magic(b) + exponent_bias(b) - 1)
    shifted = b.fma(a, b.constant(-2.0 * LOG2_E), magic)
    n = b.fsub(shifted, magic)
    high, low = LN2[b.element]
    h = b.fma(n, b.constant(-0.5 * low), b.fma(n, b.constant(-0.5 * high), b.fneg(a)))
    half = power_of_two(b, b.to_bits(shifted))
    part = b.fma(b.fmul(h, h), estrin(b, h, EXP_TWICE), b.fadd(h, h))
    return b.fma(half, part, b.fsub(half, b.constant(0.5))), b.fma(half, part, b.fadd(half, b.constant(0.5)))

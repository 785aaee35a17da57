"""pow and hypot."""

from __future__ import annotations

from croton.codegen.builder import Builder
from croton.codegen.vecmath.common import by_element, clamp, two_product
from croton.codegen.vecmath.exponential import exp_sum, limits
from croton.codegen.vecmath.logarithm import log_pair


def pow(b: Builder, x: str, y: str) -> str:
    """x**y with all special cases of IEEE 754. Largest error seen: float32 0.97 ULP, float64 1.03 ULP.

    The logarithm carries nearly twice the precision, so that its product with y is still good to a small part of an ULP of the result.
    """
    b = b.exact()
    zero, one, infinity = b.constant(0.0), b.constant(1.0), b.constant(float("inf"))
    a = b.fabs(x)
    high, low = log_pair(b, a)
    product, error = two_product(b, y, high)
    error = b.fma(y, low, error)
    least, most = limits(b)
    inside = b.fcmp("olt", b.fabs(product), b.constant(max(-least, most)))
    result = exp_sum(b, clamp(b, product, least, most), b.select(inside, error, zero))
    # |x| is 0 or infinite: so is the result, depending on the sign of y
    nothing, everything = b.fcmp("oeq", a, zero), b.fcmp("oeq", a, infinity)
    falling = b.fcmp("olt", y, zero)
    from_zero = b.select(falling, infinity, zero)
    from_infinity = b.select(falling, zero, infinity)
    result = b.select(nothing, from_zero, b.select(everything, from_infinity, result))
    # the sign of negative x: none for even y, NaN for a fraction
    negative = b.icmp("slt", b.to_bits(x), b.integer_constant(0))
    half = b.fmul(y, b.constant(0.5))
    whole = b.fcmp("oeq", b.intrinsic("trunc", y), y)
    odd = b.mask_and(whole, b.fcmp("one", b.intrinsic("trunc", half), half))
    finite_negative = b.mask_and(b.fcmp("olt", x, zero), b.fcmp("one", a, infinity))
    result = b.select(b.mask_and(negative, odd), b.fneg(result), result)
    result = b.select(b.mask_and(finite_negative, b.mask_not(whole)), b.constant(float("nan")), result)
    result = b.select(b.fcmp("uno", x, y), b.fadd(x, y), result)
    # 1**y and x**0 are 1 even for NaN, (-1)**(+-inf) too
    endless = b.fcmp("oeq", b.fabs(y), infinity)
    unit = b.mask_or(b.fcmp("oeq", x, one), b.mask_and(endless, b.fcmp("oeq", a, one)))
    return b.select(b.mask_or(unit, b.fcmp("oeq", y, zero)), one, result)


def hypot(b: Builder, x: str, y: str) -> str:
    """sqrt(x**2 + y**2) without overflow on the way; infinite if either is. Largest error seen: float32 1.16 ULP, float64 1.17 ULP."""
    b = b.exact()
    infinity, one = b.constant(float("inf")), b.constant(1.0)
    along, up = b.fabs(x), b.fabs(y)
    swapped = b.fcmp("olt", along, up)
    longer, shorter = b.select(swapped, up, along), b.select(swapped, along, up)
    up_step, down_step = by_element(b, (2.0**90, 2.0**-66), (2.0**700, 2.0**-540))
    large = b.fcmp("ogt", longer, b.constant(by_element(b, 2.0**60, 2.0**500)))
    small = b.fcmp("olt", longer, b.constant(by_element(b, 2.0**-50, 2.0**-450)))
    factor = b.select(large, b.constant(down_step), b.select(small, b.constant(up_step), one))
    back = b.select(large, b.constant(1 / down_step), b.select(small, b.constant(1 / up_step), one))
    longer, shorter = b.fmul(longer, factor), b.fmul(shorter, factor)
    result = b.fmul(b.sqrt(b.fma(shorter, shorter, b.fmul(longer, longer))), back)
    unbounded = b.mask_or(b.fcmp("oeq", along, infinity), b.fcmp("oeq", up, infinity))
    return b.select(unbounded, infinity, b.select(b.fcmp("uno", x, y), b.fadd(x, y), result))

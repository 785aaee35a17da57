"""erf, erfc and the inverse of erf."""

from __future__ import annotations

from croton.codegen.builder import Builder
from croton.codegen.vecmath.coefficients import ERF, ERF_INVERSE, ERF_INVERSE_TAIL, ERF_TAIL, ERFC
from croton.codegen.vecmath.common import by_element, estrin, fast_two_sum, fma_pair, polynomial, two_product, without_constant
from croton.codegen.vecmath.exponential import exp_below, exp_sum
from croton.codegen.vecmath.logarithm import log


def erfc_far(b: Builder, a: str) -> str:
    """erfc(a) for a >= 1/2 (or NaN): exp(-a**2) ERFC(t) / (1 + 2 a) with t = (a - 3.75)/(a + 3.75), one polynomial for the half line."""
    top = b.constant(by_element(b, 10.2, 27.3))
    a = b.select(b.fcmp("ogt", a, top), top, a)
    centre = b.constant(3.75)
    t = b.fdiv(b.fsub(a, centre), b.fadd(a, centre))
    leading = b.constant(by_element(b, ERFC[0][0], ERFC[1][0]))
    value, value_low = fma_pair(b, t, estrin(b, t, without_constant(ERFC)), leading)
    one = b.constant(1.0)
    double = b.fadd(a, a)
    divisor, divisor_low = fast_two_sum(b, double, one)
    inverse = b.fdiv(one, divisor)
    quotient = b.fmul(value, inverse)
    rest = b.fadd(b.fma(b.fneg(quotient), divisor, value), b.fma(b.fneg(quotient), divisor_low, value_low))
    square, low = two_product(b, a, a)
    return exp_sum(b, b.fneg(square), b.fneg(low), (quotient, b.fmul(rest, inverse)))


def erf_near(b: Builder, x: str) -> str:
    """erf(x) for |x| <= 1."""
    return b.fma(x, estrin(b, b.fmul(x, x), ERF), x)


def erfc(b: Builder, x: str) -> str:
    """1 - erf(x), accurate where it is small. Largest error seen: float32 1.85 ULP, float64 1.85 ULP."""
    b = b.exact()
    a = b.fabs(x)
    far = erfc_far(b, a)
    far = b.select(b.fcmp("olt", x, b.constant(0.0)), b.fsub(b.constant(2.0), far), far)
    return b.select(b.fcmp("olt", a, b.constant(0.5)), b.fsub(b.constant(1.0), erf_near(b, x)), far)


def erf(b: Builder, x: str) -> str:
    """The error function. Largest error seen: float32 1.2 ULP, float64 1.3 ULP."""
    b = b.exact()
    a = b.fabs(x)
    top = b.constant(6.0)
    capped = b.select(b.fcmp("ogt", a, top), top, a)
    far = b.fsub(b.constant(1.0), exp_below(b, b.fmul(capped, estrin(b, capped, ERF_TAIL))))
    return b.copysign(b.select(b.fcmp("olt", a, b.constant(1.0)), erf_near(b, a), far), x)


def erfinv(b: Builder, x: str) -> str:
    """The inverse of erf; infinite at +-1, NaN beyond. Largest error seen: float32 2.0 ULP, float64 2.9 ULP.

    erfinv(x)/x is smooth in w = -log(1 - x**2), and far out in sqrt(w) (after Giles, GPU Computing Gems 2, 2011).
    """
    b = b.exact()
    one = b.constant(1.0)
    w = b.fneg(log(b, b.fma(b.fneg(x), x, one)))
    middle = b.fcmp("olt", w, b.constant(6.0))
    near = polynomial(b, w, ERF_INVERSE)
    tail = estrin(b, b.fsub(b.sqrt(w), b.constant(4.0)), ERF_INVERSE_TAIL)
    result = b.fmul(x, b.select(middle, near, tail))
    edge = b.fcmp("oeq", b.fabs(x), one)
    return b.select(edge, b.copysign(b.constant(float("inf")), x), result)

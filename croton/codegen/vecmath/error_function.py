"""erf and erfc."""

from __future__ import annotations

from croton.codegen.builder import Builder
from croton.codegen.vecmath.coefficients import ERF, ERFC
from croton.codegen.vecmath.common import by_element, estrin, two_product
from croton.codegen.vecmath.exponential import exp_sum


def erfc_far(b: Builder, a: str) -> str:
    """erfc(a) for a >= 1/2 (or NaN): exp(-a**2) ERFC(t) / (1 + 2 a) with t = (a - 3.75)/(a + 3.75), one polynomial for the half line."""
    top = b.constant(by_element(b, 10.2, 27.3))
    a = b.select(b.fcmp("ogt", a, top), top, a)
    centre = b.constant(3.75)
    t = b.fdiv(b.fsub(a, centre), b.fadd(a, centre))
    quotient = b.fdiv(estrin(b, t, ERFC), b.fma(a, b.constant(2.0), b.constant(1.0)))
    square, low = two_product(b, a, a)
    return exp_sum(b, b.fneg(square), b.fneg(low), quotient)


def erf_near(b: Builder, x: str) -> str:
    """erf(x) for |x| <= 1."""
    return b.fma(x, estrin(b, b.fmul(x, x), ERF), x)


def erfc(b: Builder, x: str) -> str:
    """1 - erf(x), accurate where it is small. Largest error seen: float32 2.9 ULP, float64 2.9 ULP."""
    b = b.exact()
    a = b.fabs(x)
    far = erfc_far(b, a)
    far = b.select(b.fcmp("olt", x, b.constant(0.0)), b.fsub(b.constant(2.0), far), far)
    return b.select(b.fcmp("olt", a, b.constant(0.5)), b.fsub(b.constant(1.0), erf_near(b, x)), far)


def erf(b: Builder, x: str) -> str:
    """The error function. Largest error seen: float32 1.0 ULP, float64 1.0 ULP."""
    b = b.exact()
    a = b.fabs(x)
    far = b.fsub(b.constant(1.0), erfc_far(b, a))
    return b.copysign(b.select(b.fcmp("olt", a, b.constant(1.0)), erf_near(b, a), far), x)

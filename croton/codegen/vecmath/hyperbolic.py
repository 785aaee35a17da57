"""sinh, cosh, tanh, their inverses, and the functions of statistics that are made of them: sigmoid, softplus, logaddexp."""

from __future__ import annotations

from croton.codegen.builder import Builder
from croton.codegen.vecmath.common import by_element
from croton.codegen.vecmath.exponential import exp as exponential
from croton.codegen.vecmath.exponential import exp_half, expm1_part, expm1_twice_less
from croton.codegen.vecmath.logarithm import log1p_core, scaled_log

SQRT_2_LESS_1 = 0.41421356237309503


def tanh(b: Builder, x: str) -> str:
    """The hyperbolic tangent, odd, exactly +-1 far out. Largest error seen: float32 2.0 ULP, float64 2.25 ULP."""
    b = b.exact()
    # Near 0 the quotient is x itself: what is halved and doubled there is not added to anything else.
    return b.copysign(b.fdiv(*expm1_twice_less(b, b.fabs(x))), x)


def sinh(b: Builder, x: str) -> str:
    """The hyperbolic sine. Largest error seen: float32 2.15 ULP, float64 2.35 ULP."""
    b = b.exact()
    a = b.fabs(x)
    quarter = expm1_part(b, a, 2)
    half = b.fadd(quarter, quarter)
    whole = b.fadd(half, half)
    # (t + t/(t + 1)) / 2 with t = e**a - 1; the quotient is 1/2 once t is infinite
    far = b.fcmp("ogt", a, b.constant(by_element(b, 20.0, 40.0)))
    result = b.fadd(half, b.select(far, b.constant(0.5), b.fdiv(half, b.fadd(whole, b.constant(1.0)))))
    tiny = b.fcmp("olt", a, b.constant(by_element(b, 2.0**-13, 2.0**-28)))
    return b.select(tiny, x, b.copysign(result, x))


def cosh(b: Builder, x: str) -> str:
    """The hyperbolic cosine. Largest error seen: float32 1.43 ULP, float64 1.40 ULP."""
    b = b.exact()
    half = exp_half(b, b.fabs(x))
    return b.fadd(half, b.fdiv(b.constant(0.25), half))


def log1p_large(b: Builder, a: str, near: str, limit: float) -> str:
    """log(1 + near) where a <= limit, log(2 a) beyond, where 1 + a is a; for a, near >= 0 or NaN."""
    far = b.fcmp("ogt", a, b.constant(limit))
    argument = b.select(far, a, near)
    result = log1p_core(b, argument, b.select(far, b.constant(1.0), b.constant(0.0)))
    infinity = b.constant(float("inf"))
    return b.select(b.fcmp("ult", a, infinity), b.select(b.fcmp("uno", a, a), a, result), infinity)


def asinh(b: Builder, x: str) -> str:
    """The inverse hyperbolic sine. Largest error seen: float32 1.75 ULP, float64 1.75 ULP."""
    b = b.exact()
    a = b.fabs(x)
    one = b.constant(1.0)
    square = b.fmul(a, a)
    near = b.fadd(a, b.fdiv(square, b.fadd(one, b.sqrt(b.fadd(square, one)))))
    result = log1p_large(b, a, near, by_element(b, 2.0**26, 2.0**54))
    tiny = b.fcmp("olt", a, b.constant(by_element(b, 2.0**-13, 2.0**-28)))
    return b.select(tiny, x, b.copysign(result, x))


def acosh(b: Builder, x: str) -> str:
    """The inverse hyperbolic cosine; NaN below 1. Largest error seen: float32 2.25 ULP, float64 2.5 ULP."""
    b = b.exact()
    t = b.fsub(x, b.constant(1.0))
    near = b.fadd(t, b.sqrt(b.fmul(t, b.fadd(t, b.constant(2.0)))))
    result = log1p_large(b, x, near, by_element(b, 2.0**26, 2.0**54))
    return b.select(b.fcmp("ult", x, b.constant(1.0)), b.constant(float("nan")), result)


def atanh(b: Builder, x: str) -> str:
    """The inverse hyperbolic tangent; infinite at +-1, NaN beyond. Largest error seen: float32 1.95 ULP, float64 1.85 ULP."""
    b = b.exact()
    a = b.fabs(x)
    one = b.constant(1.0)
    result = b.fmul(b.constant(0.5), log1p_core(b, b.fdiv(b.fadd(a, a), b.fsub(one, a))))
    result = b.select(b.fcmp("oeq", a, one), b.constant(float("inf")), result)
    result = b.select(b.fcmp("ugt", a, one), b.constant(float("nan")), result)
    tiny = b.fcmp("olt", a, b.constant(by_element(b, 2.0**-13, 2.0**-28)))
    return b.select(tiny, x, b.copysign(result, x))


def sigmoid(b: Builder, x: str) -> str:
    """1 / (1 + e**-x), subnormal results included. Largest error seen: float32 2.4 ULP, float64 2.4 ULP."""
    b = b.exact()
    one = b.constant(1.0)
    e = exponential(b, b.fneg(b.fabs(x)))
    numerator = b.select(b.fcmp("oge", x, b.constant(0.0)), one, e)
    return b.fdiv(numerator, b.fadd(e, one))


def log1p_exp_negative(b: Builder, d: str) -> str:
    """log(1 + e**d) for d <= 0 (or NaN)."""
    e = exponential(b, d)
    # 1 + e is in (1, 2]: the upper part is halved, and (e - 1)/2 is exact where it matters.
    upper = b.fcmp("ogt", e, b.constant(SQRT_2_LESS_1))
    half = b.constant(0.5)
    f = b.select(upper, b.fma(e, half, b.constant(-0.5)), e)
    return scaled_log(b, b.select(upper, b.constant(1.0), b.constant(0.0)), f)


def softplus(b: Builder, x: str) -> str:
    """log(1 + e**x) without overflow or cancellation. Largest error seen: float32 1.65 ULP, float64 1.65 ULP."""
    b = b.exact()
    positive = b.select(b.fcmp("olt", x, b.constant(0.0)), b.constant(0.0), x)
    return b.fadd(positive, log1p_exp_negative(b, b.fneg(b.fabs(x))))


def logaddexp(b: Builder, x: str, y: str) -> str:
    """log(e**x + e**y). Largest error seen: 1.1 ULP of the largest of |x|, |y| and 1; near its zeros the terms cancel."""
    b = b.exact()
    larger = b.select(b.fcmp("olt", x, y), y, x)
    # Equal infinities have no difference.
    difference = b.select(b.fcmp("oeq", x, y), b.constant(0.0), b.fneg(b.fabs(b.fsub(x, y))))
    result = b.fadd(larger, log1p_exp_negative(b, difference))
    return b.select(b.fcmp("uno", x, y), b.fadd(x, y), result)

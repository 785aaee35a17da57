"""lgamma and digamma.

Below 7.5 the recurrence leads to [1.5, 2.5] (lgamma) or above 7 (digamma); above, the asymptotic series of Stirling; negative arguments by
reflection. lgamma keeps its relative accuracy at its zeros 1 and 2, not at those between negative integers; digamma at none of its zeros
(1.4616.. and one between any two negative integers): there the error is absolute.
"""

from __future__ import annotations

from croton.codegen.builder import Builder
from croton.codegen.vecmath.branch import where_any
from croton.codegen.vecmath.coefficients import DIGAMMA, LOG_GAMMA, STIRLING
from croton.codegen.vecmath.common import Pair, by_element, estrin, fast_two_sum, fma_pair, two_product, two_sum
from croton.codegen.vecmath.logarithm import log, log_pair
from croton.codegen.vecmath.trigonometric import cosine_reduced, sine_reduced

PI = {"float": (3.1415927410125732, -8.742277657347586e-08), "double": (3.141592653589793, 1.2246467991473532e-16)}
ONE_LESS_EULER = {"float": (0.42278432846069336, 6.637773886097875e-09), "double": (0.42278433509846713, 4.942915152430645e-18)}
HALF_LOG_2_PI_LESS_HALF = 0.4189385332046727


def sine_and_cosine_of_turns(b: Builder, d: str) -> Pair:
    """(sin(pi d), cos(pi d)) for |d| <= 1/2."""
    a = b.fabs(d)
    steep = b.fcmp("ole", a, b.constant(0.25))
    c = b.select(steep, a, b.fsub(b.constant(0.5), a))
    high, low = PI[b.element]
    r, error = two_product(b, c, b.constant(high))
    error = b.fma(c, b.constant(low), error)
    z = b.fmul(r, r)
    sine, cosine = sine_reduced(b, r, error, z), cosine_reduced(b, r, error, z)
    return b.copysign(b.select(steep, sine, cosine), d), b.select(steep, cosine, sine)


def lgamma_positive(b: Builder, a: str) -> str:
    """log(gamma(a)) for a > 0; infinite at 0 and infinity."""
    zero, one = b.constant(0.0), b.constant(1.0)
    # d = a - n is the distance from the nearest integer; the factors between n and 2 go into one product.
    n = b.intrinsic("roundeven", a)
    d = b.fsub(a, n)
    product = b.select(b.fcmp("olt", n, b.constant(0.5)), b.fmul(a, b.fadd(a, one)), a)
    product = b.select(b.fcmp("oge", n, b.constant(1.5)), one, product)
    for k in range(1, 6):
        product = b.select(b.fcmp("ogt", n, b.constant(k + 1.5)), b.fmul(product, b.fsub(a, b.constant(k))), product)
    far = b.fcmp("oge", a, b.constant(7.5))
    high, low = log_pair(b, b.select(far, a, product))
    upwards = b.fcmp("olt", n, b.constant(1.5))
    signed, signed_low = b.select(upwards, b.fneg(high), high), b.select(upwards, b.fneg(low), low)
    bounded = b.select(far, zero, d)
    slope, slope_low = ONE_LESS_EULER[b.element]
    value, value_low = fma_pair(b, bounded, estrin(b, bounded, LOG_GAMMA), b.constant(slope))
    core, core_low = two_product(b, bounded, value)
    core_low = b.fma(bounded, b.fadd(value_low, b.constant(slope_low)), core_low)
    near, near_low = two_sum(b, signed, core)
    near = b.fadd(near, b.fadd(near_low, b.fadd(core_low, signed_low)))
    # (a - 1/2)(log(a) - 1) + (log(2 pi) - 1)/2 + STIRLING/a
    inverse = b.fdiv(one, b.select(far, a, b.constant(8.0)))
    factor, factor_low = fast_two_sum(b, high, b.constant(-1.0))
    shifted = b.fsub(a, b.constant(0.5))
    main, main_low = two_product(b, shifted, factor)
    main_low = b.fma(shifted, b.fadd(factor_low, low), main_low)
    rest = b.fma(inverse, estrin(b, b.fmul(inverse, inverse), STIRLING), b.constant(HALF_LOG_2_PI_LESS_HALF))
    infinity = b.constant(float("inf"))
    # An infinite main term has a NaN for its low part.
    main_low = b.select(b.fcmp("oeq", main, infinity), zero, main_low)
    result = b.select(far, b.fadd(main, b.fadd(main_low, rest)), near)
    edge = b.mask_or(b.fcmp("oeq", a, zero), b.fcmp("oeq", a, infinity))
    return b.select(edge, infinity, result)


def lgamma(b: Builder, x: str) -> str:
    """log |gamma(x)|; infinite at 0, -1, -2, ... Largest error seen for x > 0: float32 2.1 ULP, float64 1.8 ULP.

    For x < 0, where zeros are not resolved: 4.8 units in the last place of the larger of 1 and the result.
    """
    b = b.exact()
    a = b.fabs(x)
    positive = lgamma_positive(b, a)
    mirrored = b.fcmp("olt", x, b.constant(-by_element(b, 2.0**-30, 2.0**-60)))

    def reflect() -> list[str]:
        d = b.fsub(a, b.intrinsic("roundeven", a))
        sine, _ = sine_and_cosine_of_turns(b, d)
        reflected = b.fsub(log(b, b.fdiv(b.constant(PI[b.element][0]), b.fmul(a, b.fabs(sine)))), positive)
        pole = b.mask_or(b.fcmp("oeq", sine, b.constant(0.0)), b.fcmp("oeq", a, b.constant(float("inf"))))
        return [b.select(mirrored, b.select(pole, b.constant(float("inf")), reflected), positive)]

    (result,) = where_any(b, mirrored, reflect, (positive,))
    return b.select(b.fcmp("uno", x, x), x, result)


def digamma(b: Builder, x: str) -> str:
    """The derivative of log(gamma(x)); NaN at negative integers, infinite at 0.

    Largest error seen, in units in the last place of the larger of 1 and the result (for x < 0, of 1 + log(1 - x) and the
    result): float32 7.4, float64 5.2.
    """
    b = b.exact()
    zero, one = b.constant(0.0), b.constant(1.0)
    mirrored = b.fcmp("olt", x, zero)
    y = b.select(mirrored, b.fsub(one, x), x)
    # Below 7, seven steps up: the sum of 1/(y + k), k = 1 .. 6, as one quotient in p = y (y + 7), whose factors are (y + k)(y + 7 - k).
    below = b.fcmp("olt", y, b.constant(7.0))
    low = b.select(below, y, one)
    p = b.fmul(low, b.fadd(low, b.constant(7.0)))
    numerator = b.fma(b.fma(p, b.constant(3.0), b.constant(56.0)), p, b.constant(252.0))
    numerator = b.fmul(numerator, b.fma(low, b.constant(2.0), b.constant(7.0)))
    denominator = b.fmul(b.fmul(b.fadd(p, b.constant(6.0)), b.fadd(p, b.constant(10.0))), b.fadd(p, b.constant(12.0)))
    first = b.select(below, b.fdiv(one, low), zero)
    steps = b.select(below, b.fdiv(numerator, denominator), zero)
    y = b.select(below, b.fadd(y, b.constant(7.0)), y)
    inverse = b.fdiv(one, y)
    square = b.fmul(inverse, inverse)
    tail = b.fma(b.constant(0.5), inverse, b.fmul(square, estrin(b, square, DIGAMMA)))
    result = b.fsub(b.fsub(log(b, y), b.fadd(tail, steps)), first)

    def reflect() -> list[str]:
        d = b.fsub(x, b.intrinsic("roundeven", x))
        sine, cosine = sine_and_cosine_of_turns(b, d)
        cotangent = b.fmul(b.constant(PI[b.element][0]), b.fdiv(cosine, sine))
        pole = b.fcmp("oeq", d, zero)
        reflected = b.select(pole, b.constant(float("nan")), b.fsub(result, cotangent))
        return [b.select(mirrored, reflected, result)]

    (result,) = where_any(b, mirrored, reflect, (result,))
    at_zero = b.copysign(b.constant(float("inf")), b.fneg(x))
    result = b.select(b.fcmp("oeq", x, zero), at_zero, result)
    result = b.select(b.fcmp("oeq", x, b.constant(float("inf"))), x, result)
    return b.select(b.fcmp("oeq", x, b.constant(float("-inf"))), b.constant(float("nan")), result)

"""lgamma and digamma.

lgamma: below 7.5 the recurrence leads to [1.5, 2.5], above is Stirling's series. digamma: see `digamma_positive`. Both keep their relative accuracy at
their positive zeros; what is left of 0 is rare, and computed in double-doubles lane by lane (`gamma_left`).
"""

from __future__ import annotations

from collections.abc import Callable

from croton.codegen.builder import Builder
from croton.codegen.vecmath import gamma_left
from croton.codegen.vecmath.branch import where_lanes
from croton.codegen.vecmath.coefficients import DIGAMMA, DIGAMMA_NEAR, DIGAMMA_ROOT, LOG_GAMMA, STIRLING
from croton.codegen.vecmath.common import by_element, estrin, fast_two_sum, fma_pair, two_product, two_sum, without_constant
from croton.codegen.vecmath.logarithm import log, log_pair

ONE_LESS_EULER = {"float": (0.42278432846069336, 6.637773886097875e-09), "double": (0.42278433509846713, 4.942915152430645e-18)}
HALF_LOG_2_PI_LESS_HALF = 0.4189385332046727


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
    """log |gamma(x)|; infinite at 0, -1, -2, ... Largest error seen: float32 2.1 ULP, float64 1.8 ULP, near all of its zeros too."""
    b = b.exact()
    positive = lgamma_positive(b, b.fabs(x))
    (result,) = where_lanes(b, b.fcmp("olt", x, b.constant(0.0)), (x,), _in_double(gamma_left.lgamma), (positive,), (True,))
    return b.select(b.fcmp("uno", x, x), x, result)


def _in_double(function: Callable[[Builder, str], str]) -> Callable[[Builder, str], list[str]]:
    """A function of a double as one of a value of either type."""

    def emit(b: Builder, x: str) -> list[str]:
        if b.element == "double":
            return [function(b, x)]
        wide = b.at("double")
        return [b.convert("fptrunc", function(wide, wide.convert("fpext", x, b)), wide)]

    return emit


def digamma_positive(b: Builder, x: str) -> str:
    """digamma(x) for x > 0: below 2 a polynomial beside its zero, and a step up below 1; above, log(x) and a series in 1/x**2."""
    zero, one = b.constant(0.0), b.constant(1.0)
    below, near = b.fcmp("olt", x, one), b.fcmp("olt", x, b.constant(2.0))
    high, low = by_element(b, *DIGAMMA_ROOT)
    # The root less 1 is exact in high.
    distance = b.fsub(x, b.select(below, b.constant(high - 1), b.constant(high)))
    middle = b.select(near, b.fsub(x, b.select(below, b.constant(0.5), b.constant(1.5))), zero)
    inverse = b.fdiv(one, x)
    constant = b.constant(by_element(b, *DIGAMMA_NEAR)[0])
    slope, slope_low = fma_pair(b, middle, estrin(b, middle, without_constant(DIGAMMA_NEAR)), constant)
    value = b.fma(distance, slope, b.fma(distance, slope_low, b.fmul(b.constant(-low), slope)))
    value = b.fsub(value, b.select(below, inverse, zero))
    square = b.fmul(inverse, inverse)
    tail = b.fma(b.constant(0.5), inverse, b.fmul(square, estrin(b, b.select(near, zero, square), DIGAMMA)))
    return b.select(near, value, b.fsub(log(b, x), tail))


def digamma(b: Builder, x: str) -> str:
    """The derivative of log(gamma(x)); NaN at negative integers, infinite at 0. Largest error seen: float32 2.5 ULP, float64 2.5 ULP,

    near its zeros too; for float64 x < 0 as long as the result is above 2**-45 of the terms that cancel there.
    """
    b = b.exact()
    zero, infinity = b.constant(0.0), b.constant(float("inf"))
    positive = digamma_positive(b, b.fabs(x))
    (result,) = where_lanes(b, b.fcmp("olt", x, zero), (x,), _in_double(gamma_left.digamma), (positive,), (True,))
    result = b.select(b.fcmp("oeq", x, zero), b.copysign(infinity, b.fneg(x)), result)
    result = b.select(b.fcmp("oeq", x, infinity), x, result)
    return b.select(b.fcmp("oeq", x, b.constant(float("-inf"))), b.constant(float("nan")), result)

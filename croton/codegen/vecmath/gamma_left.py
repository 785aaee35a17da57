"""lgamma and digamma left of 0, for one double at a time.

There both are differences of large terms that cancel near their zeros, of which there is one (digamma) or two (lgamma) between any two poles.
The terms are double-doubles, so that what is left has full precision: for lgamma everywhere, thanks to a table of its zeros, for digamma
wherever the result is above 2**-45 of the terms.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from croton.codegen.builder import Builder
from croton.codegen.flow import Carried, counted_loop, region
from croton.codegen.vecmath import double_double as dd
from croton.codegen.vecmath.coefficients import LGAMMA_ZEROS
from croton.codegen.vecmath.common import Pair, two_product, two_sum

BERNOULLI = [
    *map(Fraction, ("1/6", "-1/30", "1/42", "-1/30", "5/66", "-691/2730", "7/6", "-3617/510", "43867/798", "-174611/330")),
    *map(Fraction, ("854513/138", "-236364091/2730", "8553103/6", "-23749461029/870")),
]
"""The Bernoulli numbers B2, B4, ... B28."""
FAR = 26.0
"""From here on these many terms of Stirling's series leave less than 2**-106."""
STEEP = 20.5
"""Left of this, negated, lgamma has no zeros that numbers come near, so that its reflection need not be exact."""
PI = (3.141592653589793, 1.2246467991473532e-16)
HALF_LOG_2_PI = (0.9189385332046728, -3.878294158067242e-17)
COTANGENT_TERMS = 15
NEAR_ZERO = 2.0**-38


def _constant(b: Builder, value: Fraction) -> Pair:
    high = float(value)
    return b.constant(high), b.constant(float(value - Fraction(high)))


def _stepped(b: Builder, y: Pair, start: Pair, body: Callable[[Pair, Pair], Pair]) -> tuple[Pair, Pair]:
    """The first of y, y + 1, ... beyond FAR, and what `body(y, value)` made of the value on the way."""
    integers = b.at("i64", flags="")
    missing = b.fsub(b.constant(FAR + 1), y[0])
    steps = integers.convert("fptosi", b.select(b.fcmp("ogt", missing, b.constant(0.0)), missing, b.constant(0.0)), b)

    def step(index: str, values: list[str]) -> list[str]:
        at, value = (values[0], values[1]), (values[2], values[3])
        return [*dd.add(b, at, dd.exactly(b, 1.0)), *body(at, value)]

    values = counted_loop(b.sink, "0", steps, 1, [Carried(b.type, part) for part in (*y, *start)], step)
    return (values[0], values[1]), (values[2], values[3])


def _sine_and_cosine(b: Builder, p: Pair) -> list[Pair]:
    """(sin(p)/p, cos(p)) for |p| <= pi/4 by their series."""
    z = dd.multiply(b, p, p)
    one = dd.exactly(b, 1.0)

    def step(number: str, values: list[Pair]) -> list[Pair]:
        even = b.fma(number, b.constant(2.0), b.constant(2.0))
        below, above = b.fsub(even, b.constant(1.0)), b.fadd(even, b.constant(1.0))
        zero = b.constant(0.0)
        of_sine = dd.divide(b, dd.multiply(b, z, values[0]), (b.fmul(even, above), zero))
        of_cosine = dd.divide(b, dd.multiply(b, z, values[1]), (b.fmul(below, even), zero))
        return [dd.add(b, one, dd.negate(b, of_sine)), dd.add(b, one, dd.negate(b, of_cosine))]

    return dd.series(b, COTANGENT_TERMS, [one, one], step)


def _turns(b: Builder, d: str) -> tuple[Pair, Pair]:
    """(|sin(pi d)|, cos(pi d)) for |d| <= 1/2."""
    a = b.fabs(d)
    steep = b.fcmp("ole", a, b.constant(0.25))
    c = b.select(steep, a, b.fsub(b.constant(0.5), a))
    product, error = two_product(b, c, b.constant(PI[0]))
    p = (product, b.fma(c, b.constant(PI[1]), error))
    sine, cosine = _sine_and_cosine(b, p)
    sine = dd.multiply(b, sine, p)
    return dd.choose(b, steep, sine, cosine), dd.choose(b, steep, cosine, sine)


def _square_of_inverse(b: Builder, y: Pair) -> tuple[Pair, Pair]:
    inverse = dd.divide(b, dd.exactly(b, 1.0), y)
    return inverse, dd.multiply(b, inverse, inverse)


def _short_series(b: Builder, w: Pair, coefficients: list[Fraction]) -> Pair:
    """The polynomial at a small w: its first four terms as double-doubles, the others, which weigh 2**-50 less, as doubles."""
    tail = b.constant(float(coefficients[-1]))
    for coefficient in coefficients[-2:3:-1]:
        tail = b.fma(tail, w[0], b.constant(float(coefficient)))
    return dd.polynomial(b, w, [*[_constant(b, c) for c in coefficients[:4]], (tail, b.constant(0.0))])


def digamma(b: Builder, x: str) -> str:
    """digamma(x) of one double x < 0: digamma(1 - x) - pi cot(pi x). NaN at its poles."""
    one = dd.exactly(b, 1.0)
    y = two_sum(b, b.constant(1.0), b.fneg(x))
    y, steps = _stepped(b, y, dd.exactly(b, 0.0), lambda at, value: dd.add(b, value, dd.divide(b, one, at)))
    inverse, w = _square_of_inverse(b, y)
    tail = _short_series(b, w, [number / (2 * k) for k, number in enumerate(BERNOULLI, 1)])
    tail = dd.add(b, dd.multiply(b, inverse, dd.exactly(b, 0.5)), dd.multiply(b, w, tail))
    right = dd.add(b, dd.log(b, y), dd.negate(b, dd.add(b, tail, steps)))
    d = b.fsub(x, b.intrinsic("roundeven", x))
    sine, cosine = _turns(b, d)
    cotangent = dd.multiply(b, dd.divide(b, cosine, sine), (b.constant(PI[0]), b.constant(PI[1])))
    left = b.fcmp("olt", d, b.constant(0.0))
    cotangent = dd.choose(b, left, cotangent, dd.negate(b, cotangent))
    high, low = dd.add(b, right, cotangent)
    pole = b.fcmp("oeq", d, b.constant(0.0))
    result = b.select(pole, b.constant(float("nan")), b.fadd(high, low))
    # Next to 0 the pole is all that counts, and its parts would leave the range of doubles.
    return b.select(b.fcmp("ogt", x, b.constant(-(2.0**-70))), b.fdiv(b.constant(-1.0), x), result)


def lgamma(b: Builder, x: str) -> str:
    """log |gamma(x)| of one double x < 0, infinite at its poles."""
    zero = b.constant(0.0)
    near = b.fcmp("ogt", x, b.constant(-STEEP))
    # Near 0 gamma(x) is gamma(x + n) over a product; further out a reflection, |gamma(-a)| = pi / (a sin(pi a) gamma(a)).
    a = b.fneg(x)
    start = b.select(near, x, b.constant(FAR + 1))
    y, product = _stepped(b, (start, zero), dd.exactly(b, 1.0), lambda at, value: dd.multiply(b, value, at))
    d = b.fsub(x, b.intrinsic("roundeven", x))
    sine, _ = _turns(b, d)
    reflected = dd.divide(b, dd.multiply(b, (a, zero), sine), (b.constant(PI[0]), b.constant(PI[1])))
    negative = b.fcmp("olt", product[0], zero)
    product = dd.choose(b, negative, dd.negate(b, product), product)
    y, product = dd.choose(b, near, y, (a, zero)), dd.choose(b, near, product, reflected)
    inverse, w = _square_of_inverse(b, y)
    tail = _short_series(b, w, [number / (2 * k * (2 * k - 1)) for k, number in enumerate(BERNOULLI, 1)])
    shifted = dd.add(b, y, dd.exactly(b, -0.5))
    right = dd.add(b, dd.multiply(b, shifted, dd.add(b, dd.log(b, y), dd.exactly(b, -1.0))), dd.multiply(b, inverse, tail))
    right = dd.add(b, right, (b.constant(HALF_LOG_2_PI[0] - 0.5), b.constant(HALF_LOG_2_PI[1])))
    right = dd.choose(b, near, right, dd.negate(b, right))
    high, low = dd.add(b, right, dd.negate(b, dd.log(b, product)))
    result = b.fadd(high, low)
    close = b.fcmp("olt", b.fabs(result), b.constant(NEAR_ZERO))
    (result,) = region(b.sink, close, lambda: [_beside_a_zero(b, x)], [Carried(b.type, result)])
    infinity = b.constant(float("inf"))
    pole = b.mask_or(b.fcmp("oeq", d, zero), b.fcmp("oeq", a, infinity))
    return b.select(pole, infinity, result)


def _beside_a_zero(b: Builder, x: str) -> str:
    """lgamma at x less than 2**-38 or so from one of its zeros: two terms of the series there."""
    width = len(LGAMMA_ZEROS[0])
    numbers = ", ".join(f"double {b.constant(number)}" for row in LGAMMA_ZEROS for number in row)
    size = f"[{len(LGAMMA_ZEROS) * width} x double]"
    b.sink.declare("lgamma_zeros", f"@lgamma_zeros = private unnamed_addr constant {size} [{numbers}]")

    def entry(row: str, column: int) -> str:
        position = b.emit(f"add i64 {b.emit(f'mul i64 {row}, {width}')}, {column}")
        return b.emit(f"load double, ptr {b.emit(f'getelementptr double, ptr @lgamma_zeros, i64 {position}')}")

    def nearer(row: str, values: list[str]) -> list[str]:
        high, low, slope, bend = (entry(row, column) for column in range(width))
        distance = b.fsub(b.fsub(x, high), low)
        value = b.fmul(distance, b.fma(distance, bend, slope))
        better = b.fcmp("olt", b.fabs(distance), b.fabs(values[0]))
        return [b.select(better, distance, values[0]), b.select(better, value, values[1])]

    start = [Carried(b.type, b.constant(1.0)), Carried(b.type, b.constant(0.0))]
    return counted_loop(b.sink, "0", str(len(LGAMMA_ZEROS)), 1, start, nearer)[1]

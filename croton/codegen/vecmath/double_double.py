"""Arithmetic on unevaluated sums of two doubles, about 105 bits: for the few arguments at which large terms cancel.

Every operation loses a few parts in 2**104 of its result (of the larger term, where a sum cancels). Values are to stay far from overflow and from
subnormals. Series run in loops, so that the text stays short.
"""

from __future__ import annotations

from collections.abc import Callable

from croton.codegen.builder import Builder
from croton.codegen.flow import Carried, counted_loop
from croton.codegen.vecmath.common import LN2, Pair, fast_two_sum, float_bits, two_product, two_sum
from croton.codegen.vecmath.logarithm import split

LOG_TERMS = 21
"""z**21 / 43 is below 2**-111 for z = ((sqrt(2) - 1)/(sqrt(2) + 1))**2."""


def exactly(b: Builder, value: float) -> Pair:
    """A constant that a double holds."""
    return b.constant(value), b.constant(0.0)


def add(b: Builder, x: Pair, y: Pair) -> Pair:
    """x + y."""
    high, low = two_sum(b, x[0], y[0])
    next_high, next_low = two_sum(b, x[1], y[1])
    high, low = fast_two_sum(b, high, b.fadd(low, next_high))
    return fast_two_sum(b, high, b.fadd(low, next_low))


def negate(b: Builder, x: Pair) -> Pair:
    """-x."""
    return b.fneg(x[0]), b.fneg(x[1])


def multiply(b: Builder, x: Pair, y: Pair) -> Pair:
    """x * y."""
    product, error = two_product(b, x[0], y[0])
    return fast_two_sum(b, product, b.fma(x[0], y[1], b.fma(x[1], y[0], error)))


def divide(b: Builder, x: Pair, y: Pair) -> Pair:
    """x / y."""
    first = b.fdiv(x[0], y[0])
    rest = add(b, x, negate(b, multiply(b, y, (first, b.constant(0.0)))))
    second = b.fdiv(rest[0], y[0])
    rest = add(b, rest, negate(b, multiply(b, y, (second, b.constant(0.0)))))
    high, low = fast_two_sum(b, first, second)
    return fast_two_sum(b, high, b.fadd(low, b.fdiv(rest[0], y[0])))


def choose(b: Builder, mask: str, x: Pair, y: Pair) -> Pair:
    """x where the mask is set, else y."""
    return b.select(mask, x[0], y[0]), b.select(mask, x[1], y[1])


def polynomial(b: Builder, x: Pair, coefficients: list[Pair]) -> Pair:
    """The polynomial at x, lowest power first."""
    value = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        value = add(b, multiply(b, value, x), coefficient)
    return value


def series(b: Builder, count: int, starts: list[Pair], step: Callable[[str, list[Pair]], list[Pair]]) -> list[Pair]:
    """The values after `count` steps: `step(number, values)` gives the next ones, with the number count - 1, count - 2, ... 0 as a double."""
    integers = b.at("i64", flags="")
    carried = [Carried(b.type, part) for pair in starts for part in pair]

    def body(index: str, values: list[str]) -> list[str]:
        number = b.convert("sitofp", integers.isub(integers.constant(count - 1), index), integers)
        pairs = [(values[2 * k], values[2 * k + 1]) for k in range(len(starts))]
        return [part for pair in step(number, pairs) for part in pair]

    values = counted_loop(b.sink, "0", str(count), 1, carried, body)
    return [(values[2 * k], values[2 * k + 1]) for k in range(len(starts))]


def log(b: Builder, x: Pair) -> Pair:
    """The logarithm of x > 0: k log(2) + 2 atanh((m - 1)/(m + 1)) for x = m 2**k, by its series."""
    k, m = split(b, x[0])
    power = b.from_bits(b.iadd(b.isub(b.to_bits(m), b.to_bits(x[0])), b.integer_constant(float_bits(b, 1.0))))
    mantissa = (m, b.fmul(x[1], power))
    one = exactly(b, 1.0)
    s = divide(b, add(b, mantissa, exactly(b, -1.0)), add(b, mantissa, one))
    z = multiply(b, s, s)

    def step(number: str, values: list[Pair]) -> list[Pair]:
        odd = b.fma(number, b.constant(2.0), b.constant(1.0))
        return [add(b, multiply(b, values[0], z), divide(b, one, (odd, b.constant(0.0))))]

    (value,) = series(b, LOG_TERMS, [exactly(b, 0.0)], step)
    value = multiply(b, s, value)
    high, low = LN2[b.element]
    whole, error = two_product(b, k, b.constant(high))
    return add(b, (whole, b.fma(k, b.constant(low), error)), (b.fadd(value[0], value[0]), b.fadd(value[1], value[1])))

"""The derivatives of digamma, of any order, by Hurwitz's zeta function: polygamma(n, x) = (-1)**(n + 1) n! zeta(n + 1, x).

zeta(s, q) is the sum of (q + k)**-s over k >= 0: its first terms, and the rest by the formula of Euler and Maclaurin (DLMF 25.11.5). One value at a
time, in double.
"""

from __future__ import annotations

from math import factorial

from croton.codegen.builder import Builder
from croton.codegen.flow import Carried, counted_loop
from croton.codegen.vecmath.branch import where_lanes
from croton.codegen.vecmath.common import Pair, two_sum
from croton.codegen.vecmath.double_double import multiply
from croton.codegen.vecmath.gamma_left import BERNOULLI
from croton.codegen.vecmath.power import pow

LARGEST_ORDER = 170
"""No use for greater ones is known, and the work grows with the order."""
TERMS = 13
DISTANCE = 12.0
"""The rest is taken from q + k >= DISTANCE + s on, where the terms of the formula fall to 2**-57 of it."""


def polygamma(b: Builder, order: str, x: str) -> str:
    """The derivative of digamma of an order 1, 2, ... 170; NaN for other orders. Poles are infinite where both sides agree, else NaN.

    Largest error seen: float32 0.5 ULP, float64 2.6 ULP; left of 0 even orders have zeros, which are not resolved: there it is in units of the terms
    that cancel. Results below 1e-200 may be lost for orders beyond 100.
    """
    b = b.exact()
    everywhere = b.fcmp("ueq", x, x)
    return where_lanes(b, everywhere, (order, x), _lane, (x,), (True,))[0]


def _lane(b: Builder, order: str, x: str) -> list[str]:
    if b.element == "double":
        return [_one(b, order, x)]
    wide = b.at("double")
    return [b.convert("fptrunc", _one(wide, wide.convert("fpext", order, b), wide.convert("fpext", x, b)), wide)]


def _one(b: Builder, order: str, x: str) -> str:
    zero, one, infinity, nan = b.constant(0.0), b.constant(1.0), b.constant(float("inf")), b.constant(float("nan"))
    integers = b.at("i64", flags="")
    valid = b.mask_and(b.fcmp("oge", order, one), b.fcmp("ole", order, b.constant(float(LARGEST_ORDER))))
    valid = b.mask_and(valid, b.fcmp("oeq", b.intrinsic("trunc", order), order))
    n = b.select(valid, order, one)
    s = b.fadd(n, one)
    # n! and the powers are both taken in units of about s/e, a power of two, so that neither leaves the range of doubles before their product does.
    unit = b.from_bits(b.iand(b.to_bits(b.fmul(s, b.constant(0.37))), b.integer_constant(0x7FF << 52)))
    half = b.fmul(n, b.constant(0.5))
    is_even = b.fcmp("oeq", b.intrinsic("trunc", half), half)
    # Left of 0: the sum over all integers, which has the period 1, less its terms that are not in this one.
    left = b.fcmp("olt", x, zero)
    d = b.fsub(x, b.intrinsic("roundeven", x))
    positive = b.fcmp("ogt", d, zero)
    up, down = b.select(positive, d, b.fadd(one, d)), b.select(positive, b.fsub(one, d), b.fneg(d))
    reach = b.select(left, x, one)

    def summand(index: str, values: list[str]) -> list[str]:
        (total,) = values
        first, second = integers.icmp("eq", index, "0"), integers.icmp("eq", index, "1")
        q = b.select(left, b.select(first, up, b.select(second, down, b.fsub(one, reach))), x)
        # (-1)**s for what lies on the other side
        other = b.select(is_even, b.constant(-1.0), one)
        factor = b.select(first, one, b.select(second, other, b.fneg(other)))
        return [b.fma(factor, _zeta(b, s, q, unit), total)]

    count = integers.iselect(left, "3", "1")
    (total,) = counted_loop(b.sink, "0", count, 1, [Carried(b.type, zero)], summand)
    high, low = _factorial(b, n, unit)
    value = b.fma(high, total, b.select(b.fcmp("oeq", b.fabs(total), infinity), zero, b.fmul(low, total)))
    value = b.select(is_even, b.fneg(value), value)
    pole = b.mask_and(left, b.fcmp("oeq", d, zero))
    value = b.select(pole, b.select(is_even, nan, infinity), value)
    at_zero = b.select(is_even, b.copysign(infinity, b.fneg(x)), infinity)
    value = b.select(b.fcmp("oeq", x, zero), at_zero, value)
    return b.select(b.mask_and(valid, b.fcmp("ogt", x, b.constant(float("-inf")))), value, nan)


def _factorial(b: Builder, n: str, unit: str) -> Pair:
    """n! / unit**(n + 1)."""
    integers = b.at("i64", flags="")
    inverse = b.fdiv(b.constant(1.0), unit)

    def longer(index: str, values: list[str]) -> list[str]:
        k = b.fadd(b.convert("sitofp", index, integers), b.constant(1.0))
        return [*multiply(b, (values[0], values[1]), (b.fmul(k, inverse), b.constant(0.0)))]

    start = [Carried(b.type, inverse), Carried(b.type, b.constant(0.0))]
    values = counted_loop(b.sink, "0", integers.convert("fptosi", n, b), 1, start, longer)
    return values[0], values[1]


def _zeta(b: Builder, s: str, q: str, unit: str) -> str:
    """The sum of ((q + k)/unit)**-s over k >= 0, for s >= 2 and q >= 0."""
    zero, one, infinity = b.constant(0.0), b.constant(1.0), b.constant(float("inf"))
    integers = b.at("i64", flags="")
    inverse_unit = b.fdiv(one, unit)
    missing = b.fsub(b.fadd(s, b.constant(DISTANCE)), q)
    missing = b.intrinsic("ceil", b.select(b.fcmp("ogt", missing, zero), missing, zero))

    def power(k: str, exponent: str) -> tuple[str, str]:
        """(((q + k)/unit)**-exponent, 1/(q + k)); what the sum lost counts, times the exponent."""
        base, lost = two_sum(b, q, k)
        inverse = b.fdiv(one, base)
        value = pow(b, b.fmul(base, inverse_unit), b.fneg(exponent))
        usual = b.mask_and(b.fcmp("olt", value, infinity), b.fcmp("olt", inverse, infinity))
        correction = b.fmul(b.fmul(exponent, lost), inverse)
        return b.select(usual, b.fma(b.fneg(value), correction, value), value), inverse

    def term(index: str, values: list[str]) -> list[str]:
        # From the least term to the greatest.
        k = b.fsub(b.fsub(missing, one), b.convert("sitofp", index, integers))
        return [b.fadd(values[0], power(k, s)[0])]

    below = b.fsub(s, one)
    start, inverse = power(missing, below)
    w = b.fmul(inverse, inverse)
    rising = b.fmul(s, inverse)
    parts = []
    for j in range(1, TERMS + 1):
        parts.append(b.fmul(b.constant(float(BERNOULLI[j - 1] / factorial(2 * j))), rising))
        growth = b.fmul(b.fadd(s, b.constant(2.0 * j - 1)), b.fadd(s, b.constant(2.0 * j)))
        rising = b.fmul(rising, b.fmul(growth, w))
    tail = parts[-1]
    for part in reversed(parts[:-1]):
        tail = b.fadd(tail, part)
    rest = b.fma(b.fadd(b.constant(0.5), tail), inverse, b.fdiv(one, below))
    rest = b.fmul(b.fmul(start, unit), rest)
    rest = b.select(b.fcmp("oeq", q, infinity), zero, rest)
    (total,) = counted_loop(b.sink, "0", integers.convert("fptosi", missing, b), 1, [Carried(b.type, rest)], term)
    return total

"""What the families share: polynomials, exact sums and products, and choice by element type."""

from __future__ import annotations

import struct
from typing import TypeVar

from croton.codegen.builder import Builder
from croton.codegen.vecmath.coefficients import Table

T = TypeVar("T")

Pair = tuple[str, str]
"""An unevaluated sum high + low of two values, about twice as precise as one."""

LN2 = {"float": (0.6931471824645996, -1.9046542121259336e-09), "double": (0.6931471805599453, 2.3190468138462996e-17)}
"""log(2) as high + low."""


def by_element(b: Builder, single: T, double: T) -> T:
    """The first for float32, the second for float64."""
    return single if b.element == "float" else double


def polynomial(b: Builder, x: str, table: Table) -> str:
    """The table's polynomial of the builder's element type at x, as a chain of fused multiply-adds."""
    coefficients = table[0] if b.element == "float" else table[1]
    value = b.constant(coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value = b.fma(value, x, b.constant(coefficient))
    return value


def estrin(b: Builder, x: str, table: Table) -> str:
    """The same value by Estrin's scheme: more instructions, but a chain of logarithmic length."""
    coefficients = table[0] if b.element == "float" else table[1]
    terms = [b.constant(coefficient) for coefficient in coefficients]
    power = x
    while len(terms) > 1:
        paired = [b.fma(terms[k + 1], power, terms[k]) for k in range(0, len(terms) - 1, 2)]
        terms = paired + terms[len(terms) & ~1 :]
        if len(terms) > 1:
            power = b.fmul(power, power)
    return terms[0]


def without_constant(table: Table) -> Table:
    """The table without its lowest coefficient."""
    return table[0][1:], table[1][1:]


def fma_pair(b: Builder, x: str, y: str, z: str) -> Pair:
    """x * y + z and nearly all that its rounding lost, for |z| >= |x * y|."""
    value = b.fma(x, y, z)
    return value, b.fma(x, y, b.fsub(z, value))


def two_sum(b: Builder, x: str, y: str) -> Pair:
    """x + y exactly (Knuth)."""
    total = b.fadd(x, y)
    shifted = b.fsub(total, x)
    return total, b.fadd(b.fsub(x, b.fsub(total, shifted)), b.fsub(y, shifted))


def fast_two_sum(b: Builder, x: str, y: str) -> Pair:
    """x + y exactly, where |x| >= |y| or x is 0 (Dekker)."""
    total = b.fadd(x, y)
    return total, b.fsub(y, b.fsub(total, x))


def two_product(b: Builder, x: str, y: str) -> Pair:
    """x * y exactly."""
    product = b.fmul(x, y)
    return product, b.fma(x, y, b.fneg(product))


def clamp(b: Builder, x: str, low: float, high: float) -> str:
    """x between two constants; NaN stays NaN."""
    least, most = b.kept(b.constant(low)), b.kept(b.constant(high))
    x = b.emit(f"select nsz {b.mask} {b.fcmp('olt', x, least)}, {b.type} {least}, {b.type} {x}")
    return b.emit(f"select nsz {b.mask} {b.fcmp('ogt', x, most)}, {b.type} {most}, {b.type} {x}")


def float_bits(b: Builder, value: float) -> int:
    """The bit pattern of a constant of the element type."""
    return struct.unpack("<I", struct.pack("<f", value))[0] if b.element == "float" else struct.unpack("<Q", struct.pack("<d", value))[0]


def mantissa_bits(b: Builder) -> int:
    """How many bits of the pattern are fraction."""
    return by_element(b, 23, 52)


def smallest_normal(b: Builder) -> float:
    """The least positive number with full precision."""
    return by_element(b, 2.0**-126, 2.0**-1022)


def round_magic(b: Builder) -> float:
    """1.5 * 2**p: adding it leaves an integer in the low bits of the pattern."""
    return by_element(b, 1.5 * 2.0**23, 1.5 * 2.0**52)

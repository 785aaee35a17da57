"""Arithmetic of coefficients: a number times powers of sizes."""

from __future__ import annotations

import math

from croton.algebra.node import ONE, Coef
from croton.dtypes import DType
from croton.sizes import Poly, Size, order_key


def multiply(a: Coef, b: Coef) -> Coef:
    """a * b."""
    if a == ONE:
        return b
    if b == ONE:
        return a
    number = a.number * b.number
    if not a.sizes or not b.sizes:
        return Coef(_one_nan(number), a.sizes or b.sizes)
    exponents = dict(a.sizes)
    for size, exponent in b.sizes:
        exponents[size] = exponents.get(size, 0) + exponent
    return Coef(_one_nan(number), _sorted(exponents))


def power(a: Coef, exponent: int) -> Coef:
    """a ** exponent; a zero to a negative power is infinite, as in floating point."""
    if exponent == 1 or a == ONE:
        return a
    try:
        number = a.number**exponent
    except ZeroDivisionError:
        number = math.inf
    except OverflowError:
        number = math.inf if a.number > 0 or exponent % 2 == 0 else -math.inf
    return Coef(number, tuple((size, e * exponent) for size, e in a.sizes))


def of_size(size: Size, exponent: int = 1) -> Coef:
    """size ** exponent as a coefficient."""
    if isinstance(size, int):
        return power(Coef(size), exponent)
    if len(size.terms) > 1:
        return Coef(1, ((size, exponent),))
    # A product of unknowns comes apart, so that 1/(b t) and 1/b 1/t are one coefficient.
    ((atoms, number),) = size.terms
    exponents: dict[Size, int] = {}
    for atom in atoms:
        single = Poly((((atom,), 1),))
        exponents[single] = exponents.get(single, 0) + exponent
    return Coef(power(Coef(number), exponent).number, _sorted(exponents))


def of_number(number: bool | int | float | Coef, dtype: DType) -> Coef:
    """The coefficient a value of this dtype is multiplied with: the number kept exact for integers, a float otherwise."""
    if not isinstance(number, Coef):
        number = Coef(number)
    value = number.number
    if dtype.kind == "f":
        return Coef(_one_nan(float(value)), number.sizes) if type(value) is not float or value != value else number
    if int(value) != value:
        raise TypeError(f"a value of dtype {dtype} cannot be multiplied with {value}; convert it to a floating dtype first")
    whole = wrapped(int(value), dtype)
    return Coef(whole, number.sizes) if type(value) is not int or whole != value else number


def wrapped(number: int, dtype: DType) -> int:
    """A whole number as an integer dtype holds it: arithmetic is modulo 2**bits."""
    if dtype.kind not in "iu":
        return number
    half = 1 << (dtype.bits - 1)
    if dtype.kind == "u":
        return number & (2 * half - 1)
    return ((number + half) & (2 * half - 1)) - half


def _one_nan(number: int | float) -> int | float:
    # Interning compares NaN by identity, so there is one.
    return math.nan if number != number else number


def _sorted(exponents: dict[Size, int]) -> tuple[tuple[Size, int], ...]:
    kept = [item for item in exponents.items() if item[1]]
    if len(kept) > 1:
        kept.sort(key=lambda item: order_key(item[0]))
    return tuple(kept)

"""Arithmetic of coefficients: a number times powers of sizes."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable

from croton.algebra.node import ONE, Coef
from croton.dtypes import DType
from croton.sizes import Least, Poly, Size, greatest, order_key

FLOAT_ONE = Coef(1.0)
"""The coefficient of nearly every floating value."""


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
    return Coef(_one_nan(number), _sorted(_met(exponents)))


def among(coef: Coef, sizes: Iterable[Size]) -> Coef:
    """The coefficient of a value that has axes of these sizes: 1/n is 1/max(n, 1) where n is one of them, since without it there is no element.

    So the 1/n stays finite wherever it is taken to: the gradient of a mean over no examples adds up to 0, not to 0 * (1/0). The
    mean itself, which has no axis of size n, is NaN.
    """
    sizes = list(sizes)
    if not math.isfinite(coef.number) and 0 in sizes:
        return Coef(0.0)
    if not any(exponent < 0 for _, exponent in coef.sizes):
        return coef
    present = {part for size in sizes if not isinstance(size, int) for part in (size, *_factors(size))}
    if not any(exponent < 0 and size in present for size, exponent in coef.sizes):
        return coef
    exponents: dict[Size, int] = {}
    for size, exponent in coef.sizes:
        if exponent < 0 and size in present:
            size = greatest(size, 1)
        exponents[size] = exponents.get(size, 0) + exponent
    return Coef(coef.number, _sorted(_met(exponents)))


def unguarded(size: Size) -> Size:
    """n for max(n, 1); any other size is itself."""
    return size if isinstance(size, int) else _at_least_one(size) or size


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
    if exponent < 0 and a.sizes:
        return Coef(number, _sorted(_met({size: e * exponent for size, e in a.sizes})))
    return Coef(number, tuple((size, e * exponent) for size, e in a.sizes))


def of_size(size: Size, exponent: int = 1) -> Coef:
    """size ** exponent as a coefficient."""
    if isinstance(size, int):
        return power(Coef(size), exponent)
    if len(size.terms) > 1:
        return Coef(1, ((size, exponent),))
    # A product of unknowns comes apart, so that 1/(b t) and 1/b 1/t are one coefficient.
    exponents: dict[Size, int] = {}
    for single in _factors(size):
        exponents[single] = exponents.get(single, 0) + exponent
    return Coef(power(Coef(size.terms[0][1]), exponent).number, _sorted(exponents))


def of_number(number: bool | int | float | Coef, dtype: DType) -> Coef:
    """The coefficient a value of this dtype is multiplied with: the number kept exact for integers, a float otherwise."""
    if number is ONE and dtype.kind == "f":
        return FLOAT_ONE
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


def _factors(size: Poly) -> list[Poly]:
    """The unknowns that a size is the product of; none where it is a sum."""
    return [Poly((((atom,), 1),)) for atom in size.terms[0][0]] if len(size.terms) == 1 else []


def _met(exponents: dict[Size, int]) -> dict[Size, int]:
    """n cancels 1/max(n, 1), and 1/n takes it up."""
    for guarded, exponent in list(exponents.items()):
        plain = None if isinstance(guarded, int) else _at_least_one(guarded)
        if plain is None or not exponent:
            continue
        other = exponents.get(plain, 0)
        # A guarded size above the line is the size: what it multiplies has no element where they differ.
        taken = exponent if exponent > 0 or other < 0 else max(exponent, -other)
        exponents[plain] = other + taken
        exponents[guarded] = exponent - taken
    return exponents


@functools.lru_cache(maxsize=1 << 12)
def _at_least_one(size: Poly) -> Size | None:
    """n where a size is max(n, 1), which is n + 1 - min(n, 1)."""
    for atoms, number in size.terms:
        if number == -1 and len(atoms) == 1 and isinstance(atoms[0], Least) and 1 in (atoms[0].left, atoms[0].right):
            plain = atoms[0].right if atoms[0].left == 1 else atoms[0].left
            return plain if greatest(plain, 1) == size else None
    return None


def _one_nan(number: int | float) -> int | float:
    # Interning compares NaN by identity, so there is one.
    return math.nan if number != number else number


def _sorted(exponents: dict[Size, int]) -> tuple[tuple[Size, int], ...]:
    kept = [item for item in exponents.items() if item[1]]
    if len(kept) > 1:
        kept.sort(key=lambda item: order_key(item[0]))
    return tuple(kept)

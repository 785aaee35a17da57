"""The type of an array: its dtype, and a size for each axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from croton.dtypes import DType
from croton.sizes import Poly, Quotient, Size, nonnegative, quotient, undivided


class TensorType(NamedTuple):
    """What is known of an array before it has a value. A size is an int or a symbolic polynomial."""

    dtype: DType
    shape: tuple[Size, ...]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


class Constrained(NamedTuple):
    """A type that holds only if each pair of sizes turns out to be equal."""

    type: TensorType
    constraints: tuple[tuple[Size, Size], ...]


_BEYOND = 1 << 40
"""More than any axis has elements. Times the denominators of quotients of sizes, which may multiply it, it is still an int64."""


def at_least_zero(size: Size) -> tuple[Size, Size] | None:
    """The constraint that says size >= 0, None where it always holds.

    Constraints are equations; the floor quotient by more than any size is 0 exactly for what is not negative.
    """
    return None if nonnegative(size) else (quotient(size, _BEYOND), 0)


def not_negative(shape: Sequence[Size], inputs: Sequence[TensorType], constraints: tuple[tuple[Size, Size], ...]) -> tuple[tuple[Size, Size], ...]:
    """Constraints that say of each size of a shape that it is not negative, unless this follows from the sizes of the inputs or other constraints."""
    symbolic = [size for size in shape if not isinstance(size, int)]
    if not symbolic:
        return ()
    own = {size for x in inputs for size in x.shape}
    new = [size for size in symbolic if size not in own and not nonnegative(size)]
    if not new:
        return ()
    facts = [*own, *[size for left, right in constraints if right == 0 and (size := bounded(left)) is not None]]
    return tuple([pair for size in dict.fromkeys(new) if not nonnegative(size, facts) and (pair := at_least_zero(size)) is not None])


def describe(left: Size, right: Size, a: int, b: int) -> str:
    """What a constraint wants and does not get, its sides having the values a and b."""
    size = bounded(left) if right == 0 else None
    if size is None and undivided(left) == undivided(right):
        return f"size {undivided(left)} must divide without a remainder, but it is {max(a, b)}, of which {min(a, b)} fit"
    if size is None:
        return f"sizes {left} and {right} must be equal, but they are {a} and {b}"
    made = "a slice, an index, a window, a mask, an extreme, a shape"
    return f"an axis is too short, or too long, for what is taken or made of it ({made}): {size} must be at least 0"


def bounded(left: Size) -> Size | None:
    """The size that `at_least_zero` made a constraint of, of which this is the left side; None if it is another constraint."""
    for monomial, coefficient in left.terms if isinstance(left, Poly) else ():
        atom = monomial[0] if len(monomial) == 1 and coefficient == 1 else None
        if isinstance(atom, Quotient) and isinstance(atom.denominator, int) and atom.denominator > _BEYOND >> 16:
            rest = left - Poly(((monomial, 1),))  # type: ignore[operator]
            # What numerator and denominator had in common is gone.
            times = _BEYOND // math.gcd(atom.denominator, _BEYOND)
            return quotient(atom.numerator * times, atom.denominator * times // _BEYOND) + rest * _BEYOND
    return None


def show(shape: Sequence[Size]) -> str:
    """A shape as the user writes it."""
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"

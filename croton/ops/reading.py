"""Arrays read through relations between labels: what slicing, reshaping, padding and windows have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from croton.algebra import Label, Operand, Use, affine, contract, relabel
from croton.sizes import Size

Row = tuple[Mapping[Label, Size], Size]
"""Coefficients of labels and a constant: [sum of coefficient * label + constant == 0]."""

def read(x: Operand, axes: Sequence[Label], rows: Sequence[Row]) -> Operand:
    """The array at `axes` whose elements are those of x that the rows tie to them, 0 where there is none."""
    kept = set(axes)
    factors: list[tuple[Use, int]] = [(x.use, 1)]
    factors += [(affine(coefficients, constant), 1) for coefficients, constant in rows]
    summed = [label for label in x.axes if label not in kept]
    return Operand(tuple(axes), contract(kept, factors, summed=summed, dtype=x.dtype))


def renamed(x: Operand, axes: Sequence[Label]) -> Use:
    """The value of x at other labels for its axes. Two operands may share labels; who combines them by other axes renames them first."""
    return relabel(x.use, dict(zip(x.axes, axes)))


def fresh(x: Operand) -> Operand:
    """The same array at labels that no other operand has."""
    axes = tuple([Label(axis.size) for axis in x.axes])
    return Operand(axes, renamed(x, axes))

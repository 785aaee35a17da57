"""How sizes are written, and the order that they are sorted in: that of their text, with the numbers in it by value."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import ClassVar, Protocol, TypeVar

DIGITS = 12
"""More digits than any number in a name has that is counted up."""

_NUMBER = re.compile(r"\d+")


class Written(Protocol):
    """What an atom says of itself: its text, and whether that is a division."""

    divided: ClassVar[bool]

    @property
    def key(self) -> str: ...


A = TypeVar("A", bound=Written)


def natural(text: str) -> str:
    """The text as it is sorted: `n9` before `n10`, as `n10` is before `n11`, so that the order does not depend on how many names there were before."""
    return _NUMBER.sub(lambda found: found[0].zfill(DIGITS), text)


def written(terms: Sequence[tuple[tuple[A, ...], int]]) -> str:
    """The text of a sum of products of atoms with coefficients: `2*n**2 - n*m + 1`."""
    pieces = []
    for position, (monomial, coefficient) in enumerate(terms):
        sign = "-" if coefficient < 0 else "+"
        factors = [] if abs(coefficient) == 1 and monomial else [str(abs(coefficient))]
        factors += [f"{_factor(atom, len(monomial) == 1 and not factors)}{_exponent(power)}" for atom, power in _powers(monomial)]
        text = "*".join(factors)
        pieces.append(("-" if sign == "-" else "") + text if position == 0 else f" {sign} {text}")
    return "".join(pieces)


def bracketed(text: str) -> str:
    """The text as one side of a division."""
    return f"({text})" if " " in text or "*" in text else text


def _powers(monomial: Sequence[A]) -> list[tuple[A, int]]:
    return [(atom, len(list(group))) for atom, group in itertools.groupby(monomial)]


def _exponent(power: int) -> str:
    return "" if power == 1 else f"**{power}"


def _factor(atom: Written, alone: bool) -> str:
    return f"({atom.key})" if atom.divided and not alone else atom.key

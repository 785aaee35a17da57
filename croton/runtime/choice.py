"""Which of a few programs a call runs: the one that costs least at its sizes.

A choice is plain data. It reads sizes off the arguments and evaluates, for each program but the first, how much more than the first it costs there: a
sum of monomials of the sizes, in floating point, because it is of no use to be exact and such products are large.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import NamedTuple

Terms = tuple[tuple[float, tuple[int, ...]], ...]
"""The sum of weight * product of the atoms with these numbers."""


FUNCTIONS = ("quotient", "minimum")
"""What is made of two sums; the position of one is its code."""


class Choice(NamedTuple):
    """How to choose.

    arguments    how many arguments a call has
    reads        the first atoms: an argument, and the axis whose size it is
    derived      the next atoms, of two sums over the atoms before them: "quotient" divides as Python does, by 1 at least, "minimum" is the smaller
    differences  for each program but the first, what it costs more than the first
    """

    arguments: int
    reads: tuple[tuple[int, int], ...]
    derived: tuple[tuple[str, Terms, Terms], ...]
    differences: tuple[Terms, ...]

    def pick(self, shapes: Sequence[tuple[int, ...]]) -> int:
        """The number of the program that runs for arguments of these shapes; the first where they are not what it wants."""
        if len(shapes) != self.arguments or any(axis >= len(shapes[place]) for place, axis in self.reads):
            return 0
        atoms = [float(shapes[place][axis]) for place, axis in self.reads]
        for function, first, second in self.derived:
            left, right = _sum(first, atoms), _sum(second, atoms)
            atoms.append(min(left, right) if function == "minimum" else float(math.floor(left / max(1.0, right))))
        found, least = 0, 0.0
        for number, terms in enumerate(self.differences, 1):
            more = _sum(terms, atoms)
            if more < least:
                found, least = number, more
        return found

    def words(self) -> list[int]:
        """What the native `select` reads, without the functions that come behind it."""
        words = [self.arguments, len(self.reads) + len(self.derived), len(self.reads)]
        words += [word for read in self.reads for word in read]
        words += [len(self.derived)]
        for function, left, right in self.derived:
            words += [FUNCTIONS.index(function), *_words(left), *_words(right)]
        words += [len(self.differences)]
        words += [word for terms in self.differences for word in _words(terms)]
        return words


def _sum(terms: Terms, atoms: Sequence[float]) -> float:
    total = 0.0
    for weight, numbers in terms:
        for number in numbers:
            weight *= atoms[number]
        total += weight
    return total


def _words(terms: Terms) -> list[int]:
    words = [len(terms)]
    for weight, numbers in terms:
        words += [struct.unpack("<q", struct.pack("<d", weight))[0], len(numbers), *numbers]
    return words

"""Sizes as entries of the runtime's table `S`: constants, what arguments bind, and what is computed of those."""

from __future__ import annotations

from collections.abc import Sequence

from croton.runtime.program import SizeOperation
from croton.sizes import Least, Poly, Size, Symbol, determined, symbols
from croton.util.errors import ShapeError


class SizeTable:
    """Sizes as indices of the runtime's table, in the order in which they are asked for."""

    def __init__(self) -> None:
        self.constants: dict[int, int] = {}
        self.count = 0
        self.known: dict[Size, int] = {}
        self.operations: list[SizeOperation] = []
        self.made: dict[tuple[str, int, int], int] = {}

    def fresh(self) -> int:
        self.count += 1
        return self.count - 1

    def bind(self, size: Size) -> int:
        """The entry that an array's extent is bound to, or compared with."""
        if isinstance(size, int) or size in self.known:
            return self.index(size)
        if _alone(size) is not None:
            self.known[size] = self.fresh()
            return self.known[size]
        return self.fresh()

    def solve(self, bound: Sequence[tuple[int, Size]]) -> None:
        """Symbols that no extent is by itself, from those that are made of them: entries with the sizes that they hold."""
        known = {name for size in self.known for name in symbols(size)}
        pending = list(bound)
        while pending:
            left = []
            for place, size in pending:
                found = determined(size, known)
                if found is None:
                    left.append((place, size))
                    continue
                rest = place if found.rest == 0 else self.operate("subtract", place, self.index(found.rest))
                self.known[found.symbol.size] = rest if found.coefficient == 1 else self.operate("floor_divide", rest, self.index(found.coefficient))
                known.add(found.symbol)
            if len(left) == len(pending):
                return
            pending = left

    def index(self, size: Size) -> int:
        """The entry that holds a size, computed if it has to be."""
        if isinstance(size, int):
            place = self.constants.get(size)
            if place is None:
                place = self.constants[size] = self.fresh()
            return place
        found = self.known.get(size)
        if found is None:
            if _alone(size) is not None:
                raise ShapeError(f"the size {size} is not determined by any argument; give an input that has it, or a number")
            found = self.known[size] = self._compute(size)
        return found

    def _compute(self, size: Poly) -> int:
        total = -1
        for monomial, coefficient in size.terms:
            term = -1
            for atom in monomial:
                if isinstance(atom, Symbol):
                    factor = self.index(atom.size)
                elif isinstance(atom, Least):
                    factor = self.operate("minimum", self.index(atom.left), self.index(atom.right))
                else:
                    factor = self.operate("floor_divide", self.index(atom.numerator), self.index(atom.denominator))
                term = factor if term < 0 else self.operate("multiply", term, factor)
            if term < 0:
                term = self.index(coefficient)
            elif coefficient == -1 and total >= 0:
                total = self.operate("subtract", total, term)
                continue
            elif coefficient != 1:
                term = self.operate("multiply", term, self.index(coefficient))
            total = term if total < 0 else self.operate("add", total, term)
        return total

    def shared(self, function: str, left: int, right: int) -> int:
        """The entry of an operation that is made once."""
        key = (function, left, right)
        if key not in self.made:
            self.made[key] = self.operate(function, left, right)
        return self.made[key]

    def operate(self, function: str, left: int, right: int) -> int:
        target = self.fresh()
        self.operations.append(SizeOperation(function, target, left, right))
        return target


def _alone(size: Poly) -> Symbol | None:
    names = symbols(size)
    return names[0] if len(names) == 1 and size == names[0].size else None

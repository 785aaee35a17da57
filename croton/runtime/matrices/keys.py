"""The elements of a row as keys to sort by: unsigned integers in the same order."""

from __future__ import annotations

from croton.dtypes import dtype
from croton.runtime.matrices.member import Matrix, Member


class Keys:
    """A row whose indices are sorted, and where these go.

    NaN has the greatest key, whatever its bits are, and zeros of either sign have one. From the greatest down all bits are the other way round.
    """

    def __init__(self, m: Member, row: Matrix, out: Matrix, descending: str) -> None:
        self.m = m
        self.count, self.wanted = row.rows, out.rows
        self.dtype = dtype(m.dtype)
        self.type = f"i{self.dtype.bits}"
        self._row, self._out = row, out
        self._turned = m.a.choose(descending, -1, 0, self.type)

    def place(self, index: str) -> str:
        """The address of an element."""
        return self.m.place(self._row, index, 0)

    def at(self, index: str) -> str:
        """The key of an element, as an i64."""
        a, type_, bits = self.m.a, self.type, self.dtype.bits
        sign = -(1 << bits - 1)
        key = a.get(self.place(index), type_)
        if self.dtype.is_float:
            number = a.value(f"bitcast {type_} {key} to {self.m.real}")
            key = a.choose(a.compare("eq", key, sign, type_), 0, key, type_)
            negative = a.value(f"ashr {type_} {key}, {bits - 1}")
            key = a.value(f"xor {type_} {key}, {a.value(f'or {type_} {negative}, {sign}')}")
            key = a.choose(self.m.less("uno", number, number), -1, key, type_)
        elif self.dtype.kind == "i":
            key = a.value(f"xor {type_} {key}, {sign}")
        key = a.value(f"xor {type_} {key}, {self._turned}")
        return key if bits == 64 else a.value(f"zext {type_} {key} to i64")

    def put(self, rank: str, index: str) -> None:
        """Write the index of an element that has this rank."""
        self.m.a.store(index, self._out.pointer, self.m.a.multiply(rank, self._out.row))

    def result(self, rank: str) -> str:
        """What has been written for a rank."""
        return self.m.a.load(self._out.pointer, self.m.a.multiply(rank, self._out.row))

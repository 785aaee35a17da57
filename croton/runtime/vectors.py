"""Vectors of a type in a function that is being written as LLVM IR: loads and stores of some of their elements, and blocks that are transposed."""

from __future__ import annotations

from collections.abc import Sequence

from croton.runtime.assembler import Assembler
from croton.util.transposition import exchanges, numbers

TYPES = ("float", "double")
SHORT = {"float": "f32", "double": "f64"}
"""What LLVM calls the types in names of intrinsics."""
ITEM = {"float": 4, "double": 8}
"""Bytes of an element."""
PIECE = 4
"""Elements of a line that are loaded at a time where lines are transposed."""


class Vectors:
    """Vectors of `lanes` elements. A mask says which of them an operation is for."""

    def __init__(self, a: Assembler, kind: str, lanes: int) -> None:
        self.a = a
        self.kind = kind
        self.lanes = lanes
        self.type, self.mask = f"<{lanes} x {kind}>", f"<{lanes} x i1>"

    def of(self, element: str, kind: str) -> str:
        """A vector of one element, again and again."""
        type_ = f"<{self.lanes} x {kind}>"
        first = self.a.value(f"insertelement {type_} poison, {kind} {element}, i64 0")
        return self.a.value(f"shufflevector {type_} {first}, {type_} poison, <{self.lanes} x i32> zeroinitializer")

    def before(self, count: str, first: int = 0) -> str:
        """The mask of lanes whose number, counted from `first`, is less than a count."""
        places = ", ".join(f"i64 {first + lane}" for lane in range(self.lanes))
        return self.a.value(f"icmp slt <{self.lanes} x i64> <{places}>, {self.of(count, 'i64')}")

    def both(self, one: str, other: str) -> str:
        """The mask of lanes that two masks have."""
        return self.a.value(f"and {self.mask} {one}, {other}")

    def load(self, pointer: str, mask: str) -> str:
        """The elements whose mask is set, else 0."""
        arguments = f"ptr {pointer}, i32 {ITEM[self.kind]}, {self.mask} {mask}, {self.type} zeroinitializer"
        return self.a.value(f"call {self.type} @llvm.masked.load.v{self.lanes}{SHORT[self.kind]}.p0({arguments})")

    def store(self, value: str, pointer: str, mask: str) -> None:
        """The elements whose mask is set."""
        arguments = f"{self.type} {value}, ptr {pointer}, i32 {ITEM[self.kind]}, {self.mask} {mask}"
        self.a.do(f"call void @llvm.masked.store.v{self.lanes}{SHORT[self.kind]}.p0({arguments})")

    def multiply_add(self, one: str, other: str, added: str) -> str:
        """one * other + added, rounded once."""
        arguments = ", ".join(f"{self.type} {value}" for value in (one, other, added))
        return self.a.value(f"call {self.type} @llvm.fma.v{self.lanes}{SHORT[self.kind]}({arguments})")


def columns(a: Assembler, kind: str, pieces: Sequence[str], width: int = PIECE) -> list[str]:
    """The columns of a matrix that has a piece in each row: as many vectors as a piece has elements, of as many elements as there are rows.

    Rows that lie as far apart as a piece has elements become one vector, and in all of its pieces the same is exchanged: a quarter of the text, and of LLVM's
    time, that it takes to transpose whole vectors."""
    blocks = len(pieces) // width
    vectors = []
    for row in range(width):
        joined = [pieces[row + block * width] for block in range(blocks)]
        lanes = width
        while len(joined) > 1:
            in_order = numbers(list(range(2 * lanes)))
            pairs = [f"<{lanes} x {kind}> {one}, <{lanes} x {kind}> {other}" for one, other in zip(joined[::2], joined[1::2])]
            joined = [a.value(f"shufflevector {pair}, <{2 * lanes} x i32> <{in_order}>") for pair in pairs]
            lanes *= 2
        vectors += joined
    total = len(pieces)
    for line, other, *orders in exchanges(width):
        pair = f"<{total} x {kind}> {vectors[line]}, <{total} x {kind}> {vectors[other]}"
        for place, order in zip((line, other), orders):
            # A lane of the other line is `total` on, of the same piece.
            everywhere = [block * width + lane % width + lane // width * total for block in range(blocks) for lane in order]
            vectors[place] = a.value(f"shufflevector {pair}, <{total} x i32> <{numbers(everywhere)}>")
    return vectors


def declarations(kind: str, *lanes: int) -> str:
    """What vectors of so many lanes call."""
    lines = ["declare void @llvm.prefetch.p0(ptr, i32, i32, i32)"]
    for count in dict.fromkeys(lanes):
        vector, mask, name = f"<{count} x {kind}>", f"<{count} x i1>", f"v{count}{SHORT[kind]}"
        lines += [
            f"declare {vector} @llvm.fma.{name}({vector}, {vector}, {vector})",
            f"declare {vector} @llvm.masked.load.{name}.p0(ptr, i32, {mask}, {vector})",
            f"declare void @llvm.masked.store.{name}.p0({vector}, ptr, i32, {mask})",
        ]
    return "\n".join(lines)

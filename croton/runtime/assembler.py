"""Structured LLVM IR text for one function: variables, loops, branches. It is made for the few functions of the runtime; kernels have
their own generator.

Variables live in stack slots; LLVM's passes move them to registers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager


class Assembler:
    """Collects the lines of one function. Values are texts: names or constants."""

    def __init__(self, signature: str) -> None:
        self._signature = signature
        self._count = 0
        self._slots: list[str] = []
        self._lines: list[str] = []

    def text(self) -> str:
        """The whole function; its last block must have been ended."""
        return "\n".join([f"define {self._signature} {{", "entry:", *self._slots, *self._lines, "}"])

    # Instructions

    def value(self, instruction: str) -> str:
        """Append an instruction with a result and return the result's name."""
        self._count += 1
        name = f"%v{self._count}"
        self._lines.append(f"  {name} = {instruction}")
        return name

    def do(self, instruction: str) -> None:
        """Append an instruction without a result."""
        self._lines.append("  " + instruction)

    def add(self, left: str | int, right: str | int) -> str:
        return self.value(f"add i64 {left}, {right}")

    def subtract(self, left: str | int, right: str | int) -> str:
        return self.value(f"sub i64 {left}, {right}")

    def multiply(self, left: str | int, right: str | int) -> str:
        return self.value(f"mul i64 {left}, {right}")

    def smaller(self, left: str | int, right: str | int) -> str:
        return self.value(f"call i64 @llvm.smin.i64(i64 {left}, i64 {right})")

    def larger(self, left: str | int, right: str | int) -> str:
        return self.value(f"call i64 @llvm.smax.i64(i64 {left}, i64 {right})")

    def compare(self, relation: str, left: str | int, right: str | int, kind: str = "i64") -> str:
        """A truth value; the relation is LLVM's: eq, ne, slt, sle, sgt, sge."""
        return self.value(f"icmp {relation} {kind} {left}, {right}")

    def both(self, one: str, other: str) -> str:
        return self.value(f"and i1 {one}, {other}")

    def either(self, one: str, other: str) -> str:
        return self.value(f"or i1 {one}, {other}")

    def negated(self, condition: str) -> str:
        return self.value(f"xor i1 {condition}, true")

    def choose(self, condition: str, yes: str | int, no: str | int, kind: str = "i64") -> str:
        return self.value(f"select i1 {condition}, {kind} {yes}, {kind} {no}")

    def round_up(self, value: str, multiple: int) -> str:
        """To a multiple that is a power of two."""
        return self.value(f"and i64 {self.add(value, multiple - 1)}, {-multiple}")

    def blocks(self, count: str, size: int) -> str:
        """How many blocks of a size hold so many."""
        return self.value(f"sdiv i64 {self.add(count, size - 1)}, {size}")

    def integer(self, pointer: str) -> str:
        return self.value(f"ptrtoint ptr {pointer} to i64")

    def pointer(self, integer: str) -> str:
        return self.value(f"inttoptr i64 {integer} to ptr")

    def double(self, bits: str) -> str:
        return self.value(f"bitcast i64 {bits} to double")

    # Memory

    def variable(self, kind: str, start: str | int | None = None, align: int = 16) -> str:
        """A stack slot of the function, set to `start` here."""
        self._count += 1
        name = f"%m{self._count}"
        self._slots.append(f"  {name} = alloca {kind}, align {align}")
        if start is not None:
            self.set(name, start, kind)
        return name

    def get(self, address: str, kind: str = "i64") -> str:
        return self.value(f"load {kind}, ptr {address}")

    def set(self, address: str, value: str | int, kind: str = "i64") -> None:
        self.do(f"store {kind} {value}, ptr {address}")

    def at(self, base: str, index: str | int, kind: str = "i64") -> str:
        """The address of an element of an array."""
        return self.value(f"getelementptr {kind}, ptr {base}, i64 {index}")

    def load(self, base: str, index: str | int, kind: str = "i64") -> str:
        return self.get(self.at(base, index, kind), kind)

    def store(self, value: str | int, base: str, index: str | int, kind: str = "i64") -> None:
        self.set(self.at(base, index, kind), value, kind)

    def prefetch(self, address: str) -> None:
        """Ask for memory that will be read."""
        self.do(f"call void @llvm.prefetch.p0(ptr {address}, i32 0, i32 3, i32 1)")

    # Control

    def label(self) -> str:
        self._count += 1
        return f"L{self._count}"

    def begin(self, label: str) -> None:
        self._lines.append(f"{label}:")

    def jump(self, label: str) -> None:
        self.do(f"br label %{label}")

    def fork(self, condition: str, yes: str, no: str) -> None:
        self.do(f"br i1 {condition}, label %{yes}, label %{no}")

    def leave(self, label: str) -> None:
        """Jump away for good; what follows in the text cannot be reached."""
        self.jump(label)
        self.begin(self.label())

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        yes, after = self.label(), self.label()
        self.fork(condition, yes, after)
        self.begin(yes)
        yield
        self.jump(after)
        self.begin(after)

    @contextmanager
    def loop(self, count: str | int) -> Iterator[str]:
        """For index in range(count)."""
        index = self.variable("i64", 0)
        head, body, after = self.label(), self.label(), self.label()
        self.jump(head)
        self.begin(head)
        current = self.get(index)
        self.fork(self.compare("slt", current, count), body, after)
        self.begin(body)
        yield current
        self.set(index, self.add(current, 1))
        self.jump(head)
        self.begin(after)

    def switch(self, value: str, cases: Sequence[Callable[[], None]]) -> None:
        """Run the emitter of the case that an integer names; none of them for another integer."""
        labels = [self.label() for _ in cases]
        after = self.label()
        rows = " ".join(f"i64 {number}, label %{label}" for number, label in enumerate(labels))
        self.do(f"switch i64 {value}, label %{after} [ {rows} ]")
        for label, emit in zip(labels, cases):
            self.begin(label)
            emit()
            self.jump(after)
        self.begin(after)

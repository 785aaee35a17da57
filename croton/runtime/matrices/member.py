"""One member of a stack while the machine code of a routine is emitted: its matrices, copies of them, and calls of the library.

The code is a function `i64 croton_member(ptr matrices, ptr work, i64 options)` that gives 0, or another number where the matrix has no answer. `matrices` has a
few words for each argument and result: where it lies, how many rows and columns it has, and how far apart these are in elements. A vector has one column.
Results lie in rows, or in columns where the routine's record says so, without gaps.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from croton.runtime.assembler import Assembler

MATRIX_WORDS = ("pointer", "rows", "columns", "row", "column", "width")
"""What is known of a matrix; a result that nobody wants has the pointer 0. `width` is the bytes of an element."""

TYPES = {"float32": "float", "float64": "double", "bool": "i8", **{f"{sign}int{bits}": f"i{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}}
"""What LLVM calls the dtypes in memory."""
WIDTH = {"float": 4, "double": 8}
FEW = 8
"""Up to so many elements a loop takes less time than a call that copies."""
LETTER = {"float": "s", "double": "d"}
ROW_MAJOR, PLAIN, TRANSPOSED, UPPER, LOWER, LEFT, NOT_UNIT, UNIT = 101, 111, 112, 121, 122, 141, 131, 132
"""The numbers of the library's row-major interface."""


class Matrix(NamedTuple):
    """A matrix of the member: values of its words."""

    pointer: str
    rows: str
    columns: str
    row: str
    column: str

    @property
    def turned(self) -> Matrix:
        """Its transpose."""
        return Matrix(self.pointer, self.columns, self.rows, self.column, self.row)


class Member:
    """What routines are written with: an assembler, numbers of one type, matrices."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.real = TYPES[dtype]
        self.a = Assembler("internal i64 @croton_member(ptr %matrices, ptr %work, i64 %options)")
        self.declared: dict[str, str] = {}

    def matrix(self, number: int) -> Matrix:
        """An argument or result; results come behind arguments."""
        pointer, *words = (self.a.load("%matrices", number * len(MATRIX_WORDS) + word) for word in range(len(Matrix._fields)))
        return Matrix(self.a.pointer(pointer), *words)

    def option(self, bit: int) -> str:
        """Whether an option is set."""
        return self.a.compare("ne", self.a.value(f"and i64 %options, {1 << bit}"), 0)

    def wanted(self, matrix: Matrix) -> str:
        """Whether somebody wants a result."""
        return self.a.compare("ne", matrix.pointer, "null", "ptr")

    def place(self, matrix: Matrix, row: str | int, column: str | int) -> str:
        """The address of an element."""
        a = self.a
        return a.at(matrix.pointer, a.add(a.multiply(row, matrix.row), a.multiply(column, matrix.column)), self.real)

    def get(self, matrix: Matrix, row: str | int, column: str | int) -> str:
        return self.a.get(self.place(matrix, row, column), self.real)

    def set(self, matrix: Matrix, row: str | int, column: str | int, value: str) -> None:
        self.a.set(self.place(matrix, row, column), value, self.real)

    def working(self, elements: str | int) -> str:
        """The address of what comes behind so many elements of the working memory."""
        return self.a.at("%work", elements, self.real)

    # Arithmetic

    def number(self, operation: str, left: str, right: str) -> str:
        """fadd, fsub, fmul or fdiv; a product that is added is rounded once where the processor can."""
        return self.a.value(f"{operation} contract {self.real} {left}, {right}")

    def less(self, relation: str, left: str, right: str) -> str:
        """A truth value; the relation is LLVM's: oeq, ole, ogt."""
        return self.a.value(f"fcmp {relation} {self.real} {left}, {right}")

    def call(self, function: str, *arguments: str) -> str:
        """A number that an intrinsic of LLVM gives of numbers: sqrt, fabs."""
        name = f"llvm.{function}.{'f32' if self.real == 'float' else 'f64'}"
        types = ", ".join([self.real] * len(arguments))
        self.declared[name] = f"declare {self.real} @{name}({types})"
        return self.a.value(f"call {self.real} @{name}({', '.join(f'{self.real} {argument}' for argument in arguments)})")

    # Control

    @contextmanager
    def steps(self, low: str | int, high: str | int) -> Iterator[str]:
        """For index from low to high - 1."""
        a = self.a
        with a.loop(a.subtract(high, low)) as step:
            yield a.add(low, step)

    @contextmanager
    def steps_down(self, low: str | int, high: str | int) -> Iterator[str]:
        """For index from high - 1 down to low."""
        a = self.a
        last = a.subtract(high, 1)
        with a.loop(a.subtract(high, low)) as step:
            yield a.subtract(last, step)

    def done(self, status: str | int = 0) -> None:
        """Give this number; what follows cannot be reached."""
        self.a.do(f"ret i64 {status}")
        self.a.begin(self.a.label())

    def done_if_empty(self, *sizes: str) -> None:
        """Nothing is to be done where one of these is 0."""
        for size in sizes:
            with self.a.when(self.a.compare("eq", size, 0)):
                self.done()

    # Copies

    def copy(self, source: Matrix, target: Matrix) -> None:
        """All elements, a row of the target after the other."""
        with self.a.loop(target.rows) as row:
            self._copy_row(source, target, row, target.columns)

    def copy_lower(self, source: Matrix, target: Matrix) -> None:
        """The lower triangle, and zeros above it."""
        with self.a.loop(target.rows) as row:
            behind = self.a.add(row, 1)
            self._copy_row(source, target, row, behind)
            with self.steps(behind, target.columns) as column:
                self.set(target, row, column, "0.0")

    def _copy_row(self, source: Matrix, target: Matrix, row: str, count: str) -> None:
        """So many elements of a row: as memory if they lie next to each other, and there are some."""
        a = self.a
        together = a.both(a.compare("eq", source.column, 1), a.compare("eq", target.column, 1))
        long = a.both(together, a.compare('sgt', count, FEW))
        memory, elements, after = a.label(), a.label(), a.label()
        a.fork(long, memory, elements)
        a.begin(memory)
        size = a.multiply(count, WIDTH[self.real])
        a.value(f"call ptr @memcpy(ptr {self.place(target, row, 0)}, ptr {self.place(source, row, 0)}, i64 {size})")
        a.jump(after)
        a.begin(elements)
        with a.loop(count) as column:
            self.set(target, row, column, self.get(source, row, column))
        a.jump(after)
        a.begin(after)

    # The library

    def lapack(self, name: str, *arguments: str | int | tuple[str, str]) -> str:
        """Call a routine of LAPACK, and give its `info`. Arguments are addresses, integers (an i64 value or a number), or ("char", letter)."""
        a = self.a
        texts = []
        for argument in (*arguments, 0):
            if isinstance(argument, tuple):
                slot = a.variable("i8")
                a.set(slot, ord(argument[1]), "i8")
                texts.append(slot)
            elif isinstance(argument, int) or not argument.startswith("ptr "):
                slot = a.variable("i32")
                a.set(slot, argument if isinstance(argument, int) else a.value(f"trunc i64 {argument} to i32"), "i32")
                texts.append(slot)
            else:
                texts.append(argument.removeprefix("ptr "))
        symbol = f"{LETTER[self.real]}{name}_"
        self.declared[symbol] = f"declare void @croton_{symbol}({', '.join(['ptr'] * len(texts))})"
        a.do(f"call void @croton_{symbol}({', '.join(f'ptr {text}' for text in texts)})")
        return a.value(f"sext i32 {a.get(texts[-1], 'i32')} to i64")

    def cblas(self, name: str, *arguments: str | int) -> None:
        """Call a routine of the row-major interface. Arguments are addresses, numbers of the type, or integers (an i64 value or a number)."""
        a = self.a
        texts = []
        for argument in (ROW_MAJOR, *arguments):
            if isinstance(argument, int):
                texts.append(f"i32 {argument}")
            elif argument.startswith(("ptr ", f"{self.real} ")):
                texts.append(argument)
            else:
                texts.append(f"i32 {a.value(f'trunc i64 {argument} to i32')}")
        symbol = f"cblas_{LETTER[self.real]}{name}"
        types = ", ".join(text.split(" ")[0] for text in texts)
        self.declared[symbol] = f"declare void @croton_{symbol}({types})"
        a.do(f"call void @croton_{symbol}({', '.join(texts)})")

    def text(self) -> str:
        """The function, and what it calls."""
        self.done()
        self.a.do("unreachable")
        return "\n".join([*self.declared.values(), self.a.text()])

    @property
    def symbols(self) -> list[str]:
        """The routines of the library that it calls."""
        return [name for name in self.declared if not name.startswith("llvm.")]

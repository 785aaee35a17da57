"""The names of a kernel that is being written: buffers, sizes, variables, and the coefficients at its head."""

from __future__ import annotations

from croton.algebra.node import Coef
from croton.dtypes import DType, float64, int64
from croton.kernel.language import Atom, Buffer, Const, Extent, Let, Stmt, Var
from croton.schedule.step import Value
from croton.sizes import Size

LITERAL = 8
"""Sizes up to this are written into the kernel; greater ones are parameters, so that layers of different widths share a kernel."""


class Scope:
    """Statements of one loop body, and what is already computed there."""

    __slots__ = ("known", "parent", "statements")

    def __init__(self, parent: Scope | None = None) -> None:
        self.parent = parent
        self.statements: list[Stmt] = []
        self.known: dict[tuple, Atom] = {}

    def find(self, key: tuple) -> Atom | None:
        """The variable that holds this already."""
        scope: Scope | None = self
        while scope is not None:
            found = scope.known.get(key)
            if found is not None:
                return found
            scope = scope.parent
        return None


class Names:
    """Canonical names of a kernel's buffers, sizes and variables."""

    __slots__ = ("_buffers", "_coefs", "_sizes", "_variables", "buffers", "head", "shapes", "values")

    def __init__(self) -> None:
        self.buffers: list[Buffer] = []
        self.values: list[Value] = []
        self.shapes: list[tuple[Size, ...]] = []
        self.head = Scope()
        self._buffers: dict[tuple, str] = {}
        self._sizes: dict[Size, str] = {}
        self._variables = 0
        self._coefs: dict[tuple, Atom] = {}

    def variable(self) -> str:
        self._variables += 1
        return f"v{self._variables - 1}"

    def extent(self, size: Size) -> Extent:
        """The size as an extent."""
        if type(size) is int and size <= LITERAL:
            return size
        return self.size(size)

    def size(self, size: Size) -> str:
        name = self._sizes.get(size)
        if name is None:
            name = self._sizes[size] = f"n{len(self._sizes)}"
        return name

    def integer(self, size: Size) -> Extent:
        """A size where an integer is a coefficient: numbers stay numbers."""
        return size if type(size) is int else self.size(size)

    def buffer(self, value: Value, shape: tuple[Size, ...]) -> str:
        """The parameter for a value seen as an array of this shape."""
        key = (value, shape)
        name = self._buffers.get(key)
        if name is None:
            name = self._buffers[key] = f"b{len(self.buffers)}"
            self.buffers.append(Buffer(name, value.dtype, tuple([self.extent(size) for size in shape])))
            self.values.append(value)
            self.shapes.append(shape)
        return name

    def coef(self, dtype: DType, coef: Coef) -> Atom:
        """A coefficient as a variable at the head of the kernel."""
        found = self._coefs.get((dtype, coef))
        if found is None:
            found = self._coefs[dtype, coef] = self._compute(dtype, coef)
        return found

    def _compute(self, dtype: DType, coef: Coef) -> Atom:
        # the powers are multiplied in float64, so that 1/n is rounded once
        wide = float64 if dtype.is_float else int64
        over: Atom = Const(coef.number)
        under: Atom | None = None
        for size, exponent in coef.sizes:
            factor: Atom = self._size_value(size)
            if wide is float64:
                factor = self._let(float64, "cast", factor)
            for _ in range(abs(exponent)):
                if exponent > 0:
                    over = factor if over == Const(1) else self._let(wide, "mul", over, factor)
                else:
                    under = factor if under is None else self._let(wide, "mul", under, factor)
        if under is not None:
            over = self._let(wide, "div" if wide is float64 else "floor_divide", over, under)
        return over if dtype is wide or type(over) is Const else self._let(dtype, "cast", over)

    def _size_value(self, size: Size) -> Atom:
        if type(size) is int:
            return Const(size)
        return self._let(int64, "size", Var(self.size(size)))

    def _let(self, dtype: DType, function: str, *arguments: Atom) -> Atom:
        key = (function, dtype, arguments)
        found = self.head.known.get(key)
        if found is None:
            name = self.variable()
            self.head.statements.append(Let(name, dtype, function, arguments))
            found = self.head.known[key] = Var(name)
        return found

    def sizes(self) -> tuple[tuple[str, ...], tuple[Size, ...]]:
        """Names of the sizes, and the sizes."""
        return tuple(self._sizes.values()), tuple(self._sizes)

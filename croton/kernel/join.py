"""Kernels that run one after the other as one."""

from __future__ import annotations

from collections.abc import Sequence

from croton.kernel.language import Acc, Atom, Block, Buffer, Extent, For, Index, Kernel, Lanes, Let, Load, Stmt, Store, Update, Var


def joined(kernels: Sequence[Kernel]) -> Kernel:
    """One kernel with the buffers, the sizes and the statements of all of them, each with names of its own. Loops are no longer parallel."""
    names = _Names()
    buffers: list[Buffer] = []
    sizes: list[str] = []
    body: list[Stmt] = []
    for kernel in kernels:
        names.known = {}
        names.known.update((size, names.fresh("n")) for size in kernel.sizes)
        names.known.update((buffer.name, names.fresh("b")) for buffer in kernel.buffers)
        sizes += [names.known[size] for size in kernel.sizes]
        buffers += [Buffer(names.known[buffer.name], buffer.dtype, tuple(map(names.extent, buffer.shape))) for buffer in kernel.buffers]
        body += names.block(kernel.body)
    return Kernel(tuple(buffers), tuple(sizes), tuple(body))


class _Names:
    """New names: of the kernel at hand by its own, and how many there are of each letter."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def fresh(self, letter: str) -> str:
        count = self._counts.get(letter, 0)
        self._counts[letter] = count + 1
        return f"{letter}{count}"

    def define(self, name: str) -> str:
        """A new name for what is defined here; of what is defined side by side under one name, each its own."""
        self.known[name] = self.fresh(name[0])
        return self.known[name]

    def extent(self, extent: Extent) -> Extent:
        return self.known[extent] if isinstance(extent, str) else extent

    def atom(self, atom: Atom) -> Atom:
        return Var(self.known[atom.name]) if isinstance(atom, Var) else atom

    def index(self, index: Index) -> Index:
        return Index(tuple([(self.known[name], self.extent(coef)) for name, coef in index.terms]), self.extent(index.const))

    def guard(self, guard: str | None) -> str | None:
        return None if guard is None else self.known[guard]

    def block(self, body: Sequence[Stmt]) -> tuple[Stmt, ...]:
        """Loops nest as deep as arrays have axes, so recursion is bounded."""
        return tuple([self.statement(statement) for statement in body])

    def statement(self, statement: Stmt) -> Stmt:
        if isinstance(statement, Let):
            arguments = tuple(map(self.atom, statement.args))
            return Let(self.define(statement.name), statement.dtype, statement.function, arguments)
        if isinstance(statement, Load):
            buffer, index, guard = self.known[statement.buffer], tuple(map(self.index, statement.index)), self.guard(statement.guard)
            return Load(self.define(statement.name), statement.dtype, buffer, index, guard)
        if isinstance(statement, Store):
            index, value = tuple(map(self.index, statement.index)), self.atom(statement.value)
            return Store(self.known[statement.buffer], index, value, statement.op, self.guard(statement.guard))
        if isinstance(statement, Acc):
            return Acc(self.define(statement.name), statement.dtype, statement.op)
        if isinstance(statement, Update):
            return Update(self.known[statement.name], self.atom(statement.value), self.guard(statement.guard))
        extent = self.extent(statement.extent)
        block = None if statement.block is None else Block(self.known[statement.block.number], self.extent(statement.block.size))
        label = self.define(statement.label)
        loop: type[For] | type[Lanes] = For if isinstance(statement, For) else Lanes
        return loop(label, extent, self.block(statement.body), False, block)

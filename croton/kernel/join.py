"""Kernels that run one after the other as one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from croton.dtypes import DType
from croton.kernel.language import Acc, Atom, Block, Buffer, Extent, For, Index, Kernel, Lanes, Let, Load, Stmt, Store, Update, Var


class Joined(NamedTuple):
    """Kernels as one, and what its buffers and sizes are of what was given."""

    kernel: Kernel
    buffers: tuple[Hashable, ...]
    sizes: tuple[Hashable, ...]


def joined(kernels: Sequence[Kernel]) -> Kernel:
    """One kernel with the buffers, the sizes and the statements of all of them, each with names of its own. Loops are no longer parallel."""
    return _joined(kernels, [range(len(kernel.buffers)) for kernel in kernels], [range(len(kernel.sizes)) for kernel in kernels], apart=True).kernel


def swept(kernels: Sequence[Kernel], buffers: Sequence[Sequence[Hashable]], sizes: Sequence[Sequence[Hashable]]) -> Joined:
    """One kernel with a sweep for each parallel loop of theirs. What they are given for their buffers and sizes says which of these are the same."""
    return _joined(kernels, buffers, sizes, apart=False)


def _joined(kernels: Sequence[Kernel], buffers: Sequence[Sequence[Hashable]], sizes: Sequence[Sequence[Hashable]], apart: bool) -> Joined:
    names = _Names(parallel=not apart)
    same_sizes: dict[tuple[int, Hashable], str] = {}
    same_buffers: dict[tuple[int, Hashable, DType, tuple[Extent, ...]], Buffer] = {}
    body: list[Stmt] = []
    for number, (kernel, memory, extents) in enumerate(zip(kernels, buffers, sizes)):
        names.known = {}
        which = number if apart else 0
        for size, extent in zip(kernel.sizes, extents):
            if (which, extent) not in same_sizes:
                same_sizes[which, extent] = names.fresh("n")
            names.known[size] = same_sizes[which, extent]
        for buffer, place in zip(kernel.buffers, memory):
            shape = tuple(map(names.extent, buffer.shape))
            key = which, place, buffer.dtype, shape
            if key not in same_buffers:
                same_buffers[key] = Buffer(names.fresh("b"), buffer.dtype, shape)
            names.known[buffer.name] = same_buffers[key].name
        body += names.block(kernel.body)
    kernel = Kernel(tuple(same_buffers.values()), tuple(same_sizes.values()), tuple(body))
    return Joined(kernel, tuple([key[1] for key in same_buffers]), tuple([key[1] for key in same_sizes]))


class _Names:
    """New names: of the kernel at hand by its own, and how many there are of each letter."""

    def __init__(self, parallel: bool) -> None:
        self.parallel = parallel
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
        return loop(label, extent, self.block(statement.body), self.parallel and statement.parallel, block)

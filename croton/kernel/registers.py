"""Values that stay in registers: what a kernel stores and reads again by itself.

Kernels that were joined hand on what they make through memory. Where one writes elements of a tiny array one by one and the next reads them as a vector, the
processor waits until all have arrived in its cache, which takes longer than what is done with them. So loops over so few elements are written out where they
meet single elements; what is read is the variable that was stored, if that is known; and what nobody reads any more is not stored.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

from croton.dtypes import DType
from croton.kernel.functions import evaluate
from croton.kernel.language import Acc, Atom, Buffer, Const, Extent, For, Index, Kernel, Lanes, Let, Load, Stmt, Store, Update, Var
from croton.kernel.parallelise import every_statement

FEW = 4
"""Elements of a loop that may be written out,"""
SHORT = 100
"""and the statements that it becomes at most."""

TESTS = ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_not")
OF_NUMBERS = {name: name for name in (*TESTS, "add", "sub", "mul", "neg")} | {"index": "identity"}
"""Functions that are worked out of numbers, as a place among few is."""

NEVER = "never"
"""A guard that is false."""


class Memory(NamedTuple):
    """Where the buffers of a kernel lie: those with one name are one memory. What is `private` is touched under no other name, and
    nobody reads it before the kernel writes it or after the kernel."""

    names: Mapping[str, Hashable]
    private: Collection[Hashable]


def in_registers(kernel: Kernel, memory: Memory, long: Collection[str] = ()) -> Kernel:
    """The kernel with variables for what it stores and reads again. Loops with functions that take `long` stay vectors."""
    body = _needed(_Known(kernel, memory).block(_written_out(kernel.body, memory, long)), memory)
    used = {statement.buffer for statement in every_statement(body) if isinstance(statement, Load | Store)}
    return kernel._replace(buffers=tuple([buffer for buffer in kernel.buffers if buffer.name in used]), body=tuple(body))


def with_numbers(kernel: Kernel, sizes: Mapping[str, int]) -> Kernel:
    """The kernel with numbers for some of its sizes, wherever it does not compute with them."""

    def extent(size: Extent) -> Extent:
        return sizes.get(size, size) if isinstance(size, str) else size

    def positions(index: tuple[Index, ...]) -> tuple[Index, ...]:
        return tuple([Index(tuple([(name, extent(coef)) for name, coef in entry.terms]), extent(entry.const)) for entry in index])

    def statement(old: Stmt) -> Stmt:
        """Loops nest as deep as arrays have axes, so recursion is bounded."""
        if isinstance(old, Load | Store):
            return old._replace(index=positions(old.index))
        if not isinstance(old, For | Lanes):
            return old
        block = None if old.block is None else old.block._replace(size=extent(old.block.size))
        return old._replace(extent=extent(old.extent), body=tuple(map(statement, old.body)), block=block)

    buffers = tuple([buffer._replace(shape=tuple(map(extent, buffer.shape))) for buffer in kernel.buffers])
    return kernel._replace(buffers=buffers, body=tuple(map(statement, kernel.body)))


# ---- loops over few elements ---------------------------------------------------------------------------------------------


def _written_out(body: Sequence[Stmt], memory: Memory, long: Collection[str]) -> list[Stmt]:
    """The statements with loops over few elements written out where they read or write what single elements are written to or read from."""
    loops = {place: loop for place, loop in enumerate(body) if isinstance(loop, Lanes) and _is_short(loop, long)}
    stored, read = _touched([statement for statement in body if not isinstance(statement, For | Lanes)], memory)
    chosen: set[int] = set()
    while True:
        more = []
        for place, loop in loops.items():
            writes, reads = _touched(loop.body, memory)
            if place not in chosen and (reads & stored or writes & (read | stored)):
                more.append(place)
                stored, read = stored | writes, read | reads
        if not more:
            break
        chosen.update(more)
    count = sum(isinstance(statement, Let | Load | Acc) for statement in every_statement(body))
    result: list[Stmt] = []
    for place, statement in enumerate(body):
        if place not in chosen:
            result.append(statement)
            continue
        loop = loops[place]
        assert isinstance(loop.extent, int)
        for number in range(loop.extent):
            names: dict[str, Atom] = {loop.label: Const(number)}
            for inner in loop.body:
                inner = _renamed(inner, names)
                if isinstance(inner, Let | Load):
                    value = _number(inner)
                    names[inner.name] = Var(f"v{count}") if value is None else value
                    if value is not None:
                        continue
                    inner = inner._replace(name=f"v{count}")
                    count += 1
                elif isinstance(inner, Store | Update) and inner.guard == NEVER:
                    continue
                result.append(inner)
    return result


def _number(statement: Let | Load) -> Atom | None:
    """What a variable is, if it is a number or another variable."""
    if isinstance(statement, Load):
        return Const(0) if statement.guard == NEVER else None
    if statement.function == "where" and isinstance(statement.args[0], Const):
        return statement.args[1 if statement.args[0].value else 2]
    values = [atom.value for atom in statement.args if isinstance(atom, Const)]
    if len(values) < len(statement.args) or statement.function not in OF_NUMBERS:
        return None
    return Const(evaluate(OF_NUMBERS[statement.function], statement.dtype, *values).item())


def _is_short(loop: Lanes, long: Collection[str]) -> bool:
    if not isinstance(loop.extent, int) or loop.extent > FEW or loop.block is not None or loop.extent * len(loop.body) > SHORT:
        return False
    for statement in loop.body:
        if isinstance(statement, Let) and statement.function in long:
            return False
        if isinstance(statement, Load | Store) and any(_is_open(index) for index in statement.index):
            return False
    return True


def _touched(body: Sequence[Stmt], memory: Memory) -> tuple[set[Hashable], set[Hashable]]:
    """The memory that statements write, and what they read."""
    stored = {memory.names[statement.buffer] for statement in body if isinstance(statement, Store)}
    return stored, {memory.names[statement.buffer] for statement in body if isinstance(statement, Load)}


def _is_open(index: Index) -> bool:
    """Whether it takes a size to say where something is."""
    return any(isinstance(number, str) for number in (index.const, *[coef for _, coef in index.terms]))


# ---- what is known of memory ---------------------------------------------------------------------------------------------


class _Known:
    """The variables that elements of memory are known to be, as statements go by."""

    def __init__(self, kernel: Kernel, memory: Memory) -> None:
        self.memory = memory
        self.buffers: dict[str, Buffer] = {buffer.name: buffer for buffer in kernel.buffers}
        self.accumulators = {statement.name for statement in every_statement(kernel.body) if isinstance(statement, Acc)}
        self.values: dict[tuple[Hashable, DType, int], str] = {}
        self.names: dict[str, Atom] = {}

    def block(self, body: Sequence[Stmt]) -> list[Stmt]:
        """The statements, one after the other."""
        result: list[Stmt] = []
        for statement in body:
            if isinstance(statement, For | Lanes):
                for inner in every_statement(statement.body):
                    if isinstance(inner, Store):
                        self._forget(inner, None)
                result.append(statement._replace(body=self._inside(statement.body)))
                continue
            statement = _renamed(statement, self.names)
            place = self._place(statement) if isinstance(statement, Load | Store) else None
            if isinstance(statement, Load) and place is not None:
                if place in self.values:
                    self.names[statement.name] = Var(self.values[place])
                    continue
                self.values[place] = statement.name
            elif isinstance(statement, Store):
                self._forget(statement, place)
                if place is not None and isinstance(statement.value, Var) and statement.value.name not in self.accumulators:
                    self.values[place] = statement.value.name
            result.append(statement)
        return result

    def _inside(self, body: Sequence[Stmt]) -> tuple[Stmt, ...]:
        """The statements of a loop, which reads what is known before it. Loops nest as deep as arrays have axes, so recursion is bounded."""
        result: list[Stmt] = []
        for statement in body:
            statement = _renamed(statement, self.names)
            if isinstance(statement, For | Lanes):
                statement = statement._replace(body=self._inside(statement.body))
            elif isinstance(statement, Load):
                place = self._place(statement)
                if place in self.values:
                    self.names[statement.name] = Var(self.values[place])
                    continue
            result.append(statement)
        return tuple(result)

    def _place(self, access: Load | Store) -> tuple[Hashable, DType, int] | None:
        """The element of memory, if that is known and all that happens to it is that it is read or written."""
        buffer = self.buffers[access.buffer]
        offset = 0
        for index, extent in zip(access.index, buffer.shape):
            if index.terms or isinstance(index.const, str) or isinstance(extent, str):
                return None
            offset = offset * extent + index.const
        if access.guard is not None or (isinstance(access, Store) and access.op is not None):
            return None
        return self.memory.names[access.buffer], buffer.dtype, offset

    def _forget(self, store: Store, place: tuple[Hashable, DType, int] | None) -> None:
        """What a store may have changed is no longer known."""
        name, dtype = self.memory.names[store.buffer], self.buffers[store.buffer].dtype
        if name not in self.memory.private:
            self.values = {known: value for known, value in self.values.items() if known[0] in self.memory.private}
            return
        self.values = {
            known: value for known, value in self.values.items() if known[0] != name or (place is not None and known[1] is dtype and known != place)
        }


def _needed(body: Sequence[Stmt], memory: Memory) -> list[Stmt]:
    """The statements without those that nobody needs after them: stores into memory that is not read, and variables that are not."""
    names: set[str] = set()
    read: set[Hashable] = set()
    result = []
    for statement in reversed(body):
        if isinstance(statement, Let | Load) and statement.name not in names:
            continue
        if isinstance(statement, Store) and memory.names[statement.buffer] in memory.private and memory.names[statement.buffer] not in read:
            continue
        for inner in every_statement([statement]):
            names.update(_read(inner))
            if isinstance(inner, Load):
                read.add(memory.names[inner.buffer])
        result.append(statement)
    return result[::-1]


# ---- names ---------------------------------------------------------------------------------------------------------------


def _renamed(statement: Stmt, names: Mapping[str, Atom]) -> Stmt:
    """The statement with what its names stand for; of a loop, what stands in it is left."""

    def atom(old: Atom) -> Atom:
        return names.get(old.name, old) if isinstance(old, Var) else old

    def position(index: Index) -> Index:
        terms, const = [], index.const
        for name, coef in index.terms:
            found = names.get(name, Var(name))
            if isinstance(found, Var):
                terms.append((found.name, coef))
            else:
                assert isinstance(coef, int) and isinstance(const, int), "a place that is known"
                const += coef * int(found.value)
        return Index(tuple(terms), const)

    if isinstance(statement, Let):
        return statement._replace(args=tuple(map(atom, statement.args)))
    if isinstance(statement, For | Lanes | Acc):
        return statement
    guard = statement.guard
    if guard is not None:
        found = names.get(guard, Var(guard))
        guard = found.name if isinstance(found, Var) else None if found.value else NEVER
    if isinstance(statement, Load):
        return statement._replace(index=tuple(map(position, statement.index)), guard=guard)
    if isinstance(statement, Store):
        return statement._replace(index=tuple(map(position, statement.index)), value=atom(statement.value), guard=guard)
    assert isinstance(statement, Update)
    return statement._replace(value=atom(statement.value), guard=guard)


def _read(statement: Stmt) -> Iterator[str]:
    """The variables that a statement which is no loop reads."""
    if isinstance(statement, Let):
        yield from [atom.name for atom in statement.args if isinstance(atom, Var)]
    elif isinstance(statement, Load | Store | Update):
        if not isinstance(statement, Update):
            yield from [name for index in statement.index for name, _ in index.terms]
        if not isinstance(statement, Load) and isinstance(statement.value, Var):
            yield statement.value.name
        if statement.guard is not None:
            yield statement.guard

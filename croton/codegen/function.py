"""One kernel as one LLVM function: parameters, scalar statements and `for` loops. Vector loops are in `lanes.py`.

    void NAME(ptr P, ptr S, ptr rec, i64 lo, i64 hi, i64 sweep)

P is a table of data pointers, S a table of sizes, `rec` the kernel's record: for each buffer its place in P, then for each size its
place in S. A sweep with a parallel loop runs [lo, hi) of it, or what follows it where hi < 0; a kernel with steps runs as many as there are in
[lo, hi), and leaves the pointers in P as the step after them wants them; others ignore lo and hi.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from croton.codegen.builder import Builder, Sink, element
from croton.codegen.cast import cast
from croton.codegen.flow import Carried, counted_loop, region
from croton.codegen.reduction import combine, state_element, unit_text
from croton.codegen.scalar import emit_function
from croton.codegen.target import Target
from croton.dtypes import DType, bool_, float64, int64
from croton.kernel.language import Acc, Atom, Buffer, Const, Extent, For, Index, Kernel, Lanes, Let, Load, Steps, Stmt, Store, Update
from croton.kernel.parallelise import Sweep, sweeps

LanesEmitter = Callable[["Function", Lanes, str, str], None]
RowsEmitter = Callable[["Function", For, str, str], bool]

SMALL = 1 << 14
"""Bytes of an array that is small: half of the nearest cache of most processors."""


class Function:
    """The state of emitting one kernel: what names stand for at this point, and the accumulators' running values. What comes after a parallel loop
    is `finishing`: little work on what the loop has left."""

    def __init__(self, kernel: Kernel, target: Target, emit_lanes: LanesEmitter, emit_rows: RowsEmitter) -> None:
        self.kernel = kernel
        self.target = target
        self.emit_lanes = emit_lanes
        self.emit_rows = emit_rows
        self.sink = Sink(target.scales)
        self.builder = Builder(self.sink, "i64")
        self.buffers: dict[str, Buffer] = {buffer.name: buffer for buffer in kernel.buffers}
        self.values: dict[str, str] = {}
        self.types: dict[str, DType] = {}
        self.accumulators: dict[str, Acc] = {}
        self.states: dict[str, str] = {}
        self.scratch: dict[str, tuple[DType, int]] = {}
        self.finishing = False

    def text(self, name: str) -> str:
        """The definition of the function."""
        if self.kernel.steps is not None:
            self.parameters()
            self.steps(self.kernel.steps)
            return self._definition(name)
        parts = sweeps(self.kernel)
        for number, part in enumerate(parts):
            if len(parts) == 1:
                self.sweep(part)
            else:
                region(self.sink, self.sink.emit(f"icmp eq i64 %sweep, {number}"), functools.partial(self.sweep, part))
        return self._definition(name)

    def parameters(self) -> None:
        """Read the addresses and sizes that the kernel is given. What nobody uses LLVM leaves out."""
        for place, buffer in enumerate(self.kernel.buffers):
            self.values[buffer.name] = self._parameter(place, "ptr", "%P")
        for place, size in enumerate(self.kernel.sizes, len(self.kernel.buffers)):
            self.values[size] = self._parameter(place, "i64", "%S")

    def sweep(self, sweep: Sweep) -> list[str]:
        """The part of the loop of a sweep that is asked for, or what follows it."""
        self.finishing = False
        self.parameters()
        self.statements(sweep.before)
        if sweep.loop is None:
            return self.statements(sweep.after)
        self.loop(sweep.loop, "%lo", "%hi")
        self.finishing = True
        if sweep.after:
            region(self.sink, self.sink.emit("icmp slt i64 %hi, 0"), lambda: self.statements(sweep.after))
        return []

    def _definition(self, name: str) -> str:
        scratch = [f"  %scratch.{name} = alloca [{count} x {memory_element(dtype)}], align 64" for name, (dtype, count) in self.scratch.items()]
        body = "\n".join([*scratch, *self.sink.lines])
        head = f"define void @{name}(ptr noalias %P, ptr noalias %S, ptr noalias %rec, i64 %lo, i64 %hi, i64 %sweep) #0"
        return f"{head} {{\nentry:\n{body}\n  ret void\n}}\n"

    def steps(self, steps: Steps) -> None:
        """The statements for each step, with pointers that stay in registers from one to the next."""
        places = {buffer.name: place for place, buffer in enumerate(self.kernel.buffers)}
        changing = [*[buffer for buffer, _ in (*steps.moves, *steps.follows)], *[buffer for pair in steps.exchanges for buffers in pair for buffer in buffers]]
        carried = [Carried("ptr", self.values[buffer]) for buffer in changing]

        def step(_: str, pointers: list[str]) -> list[str]:
            self.values.update(zip(changing, pointers))
            self.statements(self.kernel.body)
            following = dict(zip(changing, pointers))
            for buffer, by in steps.moves:
                following[buffer] = self.offset_pointer(self.buffers[buffer], self.extent(by))
            following.update((buffer, self.values[other]) for buffer, other in steps.follows)
            for some, others in steps.exchanges:
                one, other = following[some[0]], following[others[0]]
                following.update([(buffer, other) for buffer in some] + [(buffer, one) for buffer in others])
            return [following[buffer] for buffer in changing]

        for buffer, pointer in zip(changing, counted_loop(self.sink, "%lo", "%hi", 1, carried, step)):
            where = self.sink.emit(f"load i64, ptr {self.sink.emit(f'getelementptr i64, ptr %rec, i64 {places[buffer]}')}")
            self.sink.line(f"store ptr {pointer}, ptr {self.sink.emit(f'getelementptr ptr, ptr %P, i64 {where}')}")

    def scratch_buffer(self, name: str, dtype: DType, count: int) -> None:
        """A buffer of this function's own, on the stack, that statements may use under this name. Sweeps that ask for one name share the memory."""
        wanted, most = self.scratch.get(name, (dtype, 0))
        assert wanted is dtype, f"{name} has one dtype"
        self.scratch[name] = dtype, max(count, most)
        self.buffers[name] = Buffer(name, dtype, (count,))
        self.values[name] = f"%scratch.{name}"

    def is_small(self, name: str) -> bool:
        """Whether a buffer is known to be so small that it stays in the nearest cache."""
        count = 1
        for extent in self.buffers[name].shape:
            if isinstance(extent, str):
                return False
            count *= extent
        return count * self.buffers[name].dtype.itemsize <= SMALL

    def _parameter(self, place: int, type: str, table: str) -> str:
        emit = self.sink.emit
        where = emit(f"load i64, ptr {emit(f'getelementptr i64, ptr %rec, i64 {place}')}")
        return emit(f"load {type}, ptr {emit(f'getelementptr {type}, ptr {table}, i64 {where}')}")

    # Statements

    def statements(self, body: Sequence[Stmt]) -> list[str]:
        for statement in body:
            self.statement(statement)
        return []

    def statement(self, statement: Stmt) -> None:
        """Emit a statement outside of vector loops."""
        kind = type(statement)
        if kind is Let:
            self.let(statement)  # type: ignore[arg-type]
        elif kind is Load:
            self.load(statement)  # type: ignore[arg-type]
        elif kind is Store:
            self.store(statement)  # type: ignore[arg-type]
        elif kind is Acc:
            self.accumulator(statement)  # type: ignore[arg-type]
        elif kind is Update:
            self.update(statement)  # type: ignore[arg-type]
        else:
            self.loop(statement, *self.bounds(statement))  # type: ignore[arg-type]

    def loop(self, loop: For | Lanes, low: str, high: str) -> None:
        """A loop of the language over [low, high); one over nothing is left out, since places in arrays without elements are all the same."""
        if loop.extent == 0:
            return
        if isinstance(loop, Lanes):
            self.emit_lanes(self, loop, low, high)
        elif not self.emit_rows(self, loop, low, high):
            self.scalar_loop(loop.label, loop.body, low, high)

    def bounds(self, loop: For | Lanes) -> tuple[str, str]:
        """Where the label of a loop begins and ends."""
        extent = self.extent(loop.extent)
        if loop.block is None:
            return "0", extent
        size = self.extent(loop.block.size)
        low = self.smaller(self.multiply(self.values[loop.block.number], size), extent)
        return low, self.smaller(self.add(low, size), extent)

    @contextmanager
    def instance(self, values: dict[str, str], own: dict[str, str]) -> Iterator[None]:
        """Inside, names stand for these values, and accumulators of its own for theirs."""
        outer_values, outer_states = self.values, self.states
        self.values, self.states = values, {**outer_states, **own}
        yield
        for name, state in self.states.items():
            if name in outer_states:
                outer_states[name] = state
            else:
                own[name] = state
        self.values, self.states = outer_values, outer_states

    def scalar_loop(self, label: str, body: Sequence[Stmt], low: str, high: str) -> None:
        """The statements once for each value of the label, in order."""

        def iteration(index: str) -> None:
            self.values[label] = index
            self.statements(body)

        self.counted(low, high, 1, updates(body), iteration)

    def counted(self, low: str, high: str, step: int | str, updated: Sequence[str], body: Callable[[str], None]) -> None:
        """`body(index)` for every `step`th index of [low, high), where it updates these accumulators."""

        def iteration(index: str, states: list[str]) -> list[str]:
            self.states.update(zip(kept, states))
            body(index)
            return [self.states[name] for name in kept]

        outer = dict(self.states)
        kept, carried = self._carried(updated)
        results = counted_loop(self.sink, low, high, step, carried, iteration)
        self.states = {**outer, **dict(zip(kept, results))}

    def where(self, condition: str, updated: Sequence[str], body: Callable[[], None]) -> None:
        """`body()` only where the i1 is true, where it updates these accumulators."""

        def inside() -> list[str]:
            body()
            return [self.states[name] for name in kept]

        outer = dict(self.states)
        kept, carried = self._carried(updated)
        results = region(self.sink, condition, inside, carried)
        self.states = {**outer, **dict(zip(kept, results))}

    def _carried(self, updated: Sequence[str]) -> tuple[list[str], list[Carried]]:
        """Those of the accumulators that are there already, and their values as they are now."""
        kept = [name for name in updated if name in self.states]
        return kept, [Carried(self.state_builder(self.accumulators[name]).type, self.states[name]) for name in kept]

    def let(self, let: Let) -> None:
        self.types[let.name] = let.dtype
        if let.function in ("index", "size"):
            self.values[let.name] = cast(self.builder, self.values[let.args[0].name], int64, let.dtype)  # type: ignore[union-attr]
        elif let.function == "bits":
            wide = self.builder.at("double", 1)
            self.values[let.name] = cast(wide, wide.from_bits(self.values[let.args[0].name]), float64, let.dtype)  # type: ignore[union-attr]
        else:
            self.values[let.name] = emit_let(let, self.builder, self.types, self.atom)

    def load(self, load: Load) -> None:
        self.types[load.name] = load.dtype
        if load.guard is None:
            self.values[load.name] = self.read(load)
            return
        b = self.at(load.dtype)
        carried = [Carried(b.type, b.constant(0))]
        self.values[load.name] = region(self.sink, self.scalar(load.guard), lambda: [self.read(load)], carried)[0]

    def read(self, access: Load | Store) -> str:
        """The element at an access, in the type it is computed in."""
        dtype = self.buffers[access.buffer].dtype
        pointer = self.pointer(access)
        if dtype.is_bool:
            return self.sink.emit(f"icmp ne i8 {self.sink.emit(f'load i8, ptr {pointer}, align 1')}, 0")
        return self.sink.emit(f"load {element(dtype)}, ptr {pointer}, align {dtype.itemsize}")

    def store(self, store: Store) -> None:
        if store.guard is None:
            self.write(store)
        else:
            region(self.sink, self.scalar(store.guard), lambda: self.write(store))

    def write(self, store: Store) -> list[str]:
        dtype = self.buffers[store.buffer].dtype
        value = self.atom(store.value, dtype)
        if store.op is not None:
            value = combine(self.at(dtype), store.op, dtype, self.read(store), value)
        self.write_value(store, value)
        return []

    def write_value(self, store: Store, value: str) -> None:
        dtype = self.buffers[store.buffer].dtype
        pointer = self.pointer(store)
        if dtype.is_bool:
            self.sink.line(f"store i8 {self.sink.emit(f'zext i1 {value} to i8')}, ptr {pointer}, align 1")
        else:
            self.sink.line(f"store {element(dtype)} {value}, ptr {pointer}, align {dtype.itemsize}")

    def declare(self, statement: Acc | Let | Load) -> None:
        """Make the type of what a statement names known."""
        self.types[statement.name] = statement.dtype
        if isinstance(statement, Acc):
            self.accumulators[statement.name] = statement

    def accumulator(self, acc: Acc) -> None:
        self.declare(acc)
        self.states[acc.name] = unit_text(self.state_builder(acc), acc.op, acc.dtype)

    def update(self, update: Update) -> None:
        acc = self.accumulators[update.name]
        b = self.state_builder(acc)
        value = self.atom(update.value, acc.dtype)
        if b.element != element(acc.dtype):
            value = b.convert("fpext", value, self.at(acc.dtype))
        if update.guard is not None:
            value = b.select(self.scalar(update.guard), value, unit_text(b, acc.op, acc.dtype))
        self.states[acc.name] = combine(b, acc.op, acc.dtype, self.states[acc.name], value)

    # Values

    def at(self, dtype: DType, lanes: int = 1) -> Builder:
        """The builder for values of a dtype."""
        return self.builder.at(element(dtype), lanes)

    def state_builder(self, acc: Acc) -> Builder:
        return self.builder.at(state_element(acc.op, acc.dtype), 1)

    def atom(self, atom: Atom, dtype: DType) -> str:
        """The scalar value of an atom of the given dtype."""
        if isinstance(atom, Const):
            return self.at(dtype).constant(atom.value)
        if atom.name not in self.states:
            return self.values[atom.name]
        state = self.states[atom.name]
        b = self.state_builder(self.accumulators[atom.name])
        return state if b.element == element(dtype) else self.at(dtype).convert("fptrunc", state, b)

    def scalar(self, name: str) -> str:
        """A label, or a variable or accumulator of int64 or bool (which are kept in the type they are read in)."""
        state = self.states.get(name)
        return self.values[name] if state is None else state

    def extent(self, extent: Extent) -> str:
        return self.values[extent] if isinstance(extent, str) else str(extent)

    # Addresses

    def add(self, x: str, y: str) -> str:
        """x + y for i64 texts; known numbers are folded, since no LLVM pass will."""
        if x == "0" or y == "0":
            return y if x == "0" else x
        if is_number(x) and is_number(y):
            return str(int(x) + int(y))
        return self.sink.emit(f"add i64 {x}, {y}")

    def multiply(self, x: str, y: str) -> str:
        """x * y for i64 texts."""
        if x == "0" or y == "0":
            return "0"
        if x == "1" or y == "1":
            return y if x == "1" else x
        if is_number(x) and is_number(y):
            return str(int(x) * int(y))
        return self.sink.emit(f"mul i64 {x}, {y}")

    def smaller(self, x: str, y: str) -> str:
        """min(x, y) for i64 texts."""
        if is_number(x) and is_number(y):
            return str(min(int(x), int(y)))
        return self.sink.emit(f"select i1 {self.sink.emit(f'icmp slt i64 {x}, {y}')}, i64 {x}, i64 {y}")

    def larger(self, x: str, y: str) -> str:
        """max(x, y) for i64 texts."""
        if is_number(x) and is_number(y):
            return str(max(int(x), int(y)))
        return self.sink.emit(f"select i1 {self.sink.emit(f'icmp sgt i64 {x}, {y}')}, i64 {x}, i64 {y}")

    def position(self, index: Index) -> str:
        """The scalar value of an index expression."""
        total = self.extent(index.const)
        for name, coef in index.terms:
            total = self.add(total, self.multiply(self.extent(coef), self.scalar(name)))
        return total

    def pointer(self, access: Load | Store) -> str:
        """The address of a scalar access."""
        buffer = self.buffers[access.buffer]
        offset = "0"
        for index, extent in zip(access.index, buffer.shape, strict=True):
            offset = self.add(self.multiply(offset, self.extent(extent)), self.position(index))
        return self.offset_pointer(buffer, offset)

    def offset_pointer(self, buffer: Buffer, offset: str) -> str:
        if offset == "0":
            return self.values[buffer.name]
        return self.sink.emit(f"getelementptr {memory_element(buffer.dtype)}, ptr {self.values[buffer.name]}, i64 {offset}")


def emit_let(let: Let, b: Builder, types: dict[str, DType], atom: Callable[[Atom, DType], str]) -> str:
    """The value of a function in as many lanes as `b` has; `atom` gives the values of its arguments."""
    if let.function == "cast":
        argument = let.args[0]
        if isinstance(argument, Const):
            return b.at(element(let.dtype)).constant(argument.value)
        source = types[argument.name]
        return cast(b, atom(argument, source), source, let.dtype)
    operand = operand_dtype(let, types)
    own = b.at(element(operand))
    wanted = [bool_, operand, operand] if let.function == "where" else [operand] * len(let.args)
    values = [atom(argument, dtype) for argument, dtype in zip(let.args, wanted)]
    constants = [argument.value if isinstance(argument, Const) else None for argument in let.args]
    return emit_function(let.function, own, operand, values, constants)


def operand_dtype(let: Let, types: dict[str, DType]) -> DType:
    """The dtype a function computes in: its result's, but of comparisons and tests that of the arguments."""
    if not let.dtype.is_bool or let.function == "where":
        return let.dtype
    for argument in let.args:
        if not isinstance(argument, Const):
            return types[argument.name]
    return let.dtype


def memory_element(dtype: DType) -> str:
    """The LLVM type of an element in memory."""
    return "i8" if dtype.is_bool else element(dtype)


def is_number(text: str) -> bool:
    return text.lstrip("-").isdecimal()


def names_read(statement: Stmt) -> Iterator[str]:
    """The names that a statement which is no loop mentions, with repetition, but for an accumulator that it updates."""
    if isinstance(statement, Let):
        yield from [atom.name for atom in statement.args if not isinstance(atom, Const)]
    elif isinstance(statement, Load | Store | Update):
        if not isinstance(statement, Update):
            yield from [name for index in statement.index for name, _ in index.terms]
        if not isinstance(statement, Load) and not isinstance(statement.value, Const):
            yield statement.value.name
        if statement.guard is not None:
            yield statement.guard


def updates(body: Sequence[Stmt]) -> list[str]:
    """The accumulators that the statements update, each once. Loops nest as deep as arrays have axes, so recursion is bounded."""
    found: dict[str, None] = {}
    for statement in body:
        if isinstance(statement, Update):
            found[statement.name] = None
        elif isinstance(statement, For | Lanes):
            found.update(dict.fromkeys(updates(statement.body)))
    return list(found)

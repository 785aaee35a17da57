"""The meaning of a kernel in NumPy: slow, obvious, with every index checked. Compiled kernels are tested against it.

`lanes` runs as arrays, statement by statement, `for` in Python. A float32 or float64 sum is accumulated in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from croton.dtypes import DType, bool_, float32, unit
from croton.kernel.functions import evaluate
from croton.kernel.language import Acc, Atom, Const, Extent, For, Index, Kernel, Lanes, Let, Load, Stmt, Store, Update
from croton.kernel.parallelise import AFTER, sweeps
from croton.kernel.print import statement_text

_UFUNC = {"sum": np.add, "max": np.maximum, "min": np.minimum, "prod": np.multiply, "any": np.logical_or, "all": np.logical_and}


def interpret(kernel: Kernel, arrays: Sequence[np.ndarray], sizes: Sequence[int], span: tuple[int, int] | None = None, sweep: int = 0) -> None:
    """Run the kernel on contiguous arrays, one a buffer, changed in place. With a `span` only that part of the parallel loop of a sweep is run, or
    with `AFTER` what follows it.

    Raises IndexError, with the statement, for an access outside of a buffer.
    """
    env: dict[str, Any] = dict(zip(kernel.sizes, sizes, strict=True))
    memory = {}
    for buffer, array in zip(kernel.buffers, arrays, strict=True):
        shape = tuple(env[extent] if isinstance(extent, str) else extent for extent in buffer.shape)
        if array.dtype != buffer.dtype.numpy or not array.flags.c_contiguous:
            raise ValueError(f"buffer {buffer.name} wants a contiguous array of {buffer.dtype}, got {array.dtype}")
        memory[buffer.name] = array.reshape(shape)
    body = kernel.body
    if span is not None:
        part = sweeps(kernel)[sweep]
        body = part.body if part.loop is None else (*part.before, *part.after) if span == AFTER else (*part.before, part.loop)
    _Interpreter(memory, env).block(body, span)


class _Interpreter:
    def __init__(self, memory: dict[str, np.ndarray], env: dict[str, Any]) -> None:
        self.memory = memory
        self.env = env
        self.accumulators: dict[str, Acc] = {}
        self.lanes = 1
        self.in_lanes = False

    def block(self, body: tuple[Stmt, ...], span: tuple[int, int] | None = None) -> None:
        for statement in body:
            if isinstance(statement, Let):
                self.env[statement.name] = self.let(statement)
            elif isinstance(statement, Load):
                self.env[statement.name] = self.load(statement)
            elif isinstance(statement, Store):
                self.store(statement)
            elif isinstance(statement, Acc):
                self.accumulators[statement.name] = statement
                wide = np.dtype(np.float64) if statement.dtype.is_float and statement.op == "sum" else statement.dtype.numpy
                self.env[statement.name] = wide.type(unit(statement.op, statement.dtype))
            elif isinstance(statement, Update):
                self.update(statement)
            elif isinstance(statement, For):
                low, high = self.range(statement, span)
                for value in range(low, high):
                    self.env[statement.label] = value
                    self.block(statement.body)
            else:
                low, high = self.range(statement, span)
                if low < high:
                    self.env[statement.label] = np.arange(low, high)
                    self.lanes, self.in_lanes = high - low, True
                    self.block(statement.body)
                    self.in_lanes = False

    def range(self, loop: For | Lanes, span: tuple[int, int] | None) -> tuple[int, int]:
        """The values that a loop's label takes."""
        if span is not None and loop.parallel:
            return span
        extent = self.extent(loop.extent)
        if loop.block is None:
            return 0, extent
        size = self.extent(loop.block.size)
        low = min(self.env[loop.block.number] * size, extent)
        return low, min(low + size, extent)

    def extent(self, extent: Extent) -> int:
        return self.env[extent] if isinstance(extent, str) else extent

    def atom(self, atom: Atom, dtype: DType | None) -> Any:
        if isinstance(atom, Const):
            return np.asarray(atom.value).astype(dtype.numpy) if dtype is not None else np.asarray(atom.value)
        value = self.env[atom.name]
        acc = self.accumulators.get(atom.name)
        return value.astype(np.float32) if acc is not None and acc.dtype is float32 else value

    def let(self, let: Let) -> Any:
        if let.function in ("index", "size"):
            return np.asarray(self.env[let.args[0].name]).astype(let.dtype.numpy)  # type: ignore[union-attr]
        if let.function == "bits":
            return np.int64(self.env[let.args[0].name]).view(np.float64).astype(let.dtype.numpy)  # type: ignore[union-attr]
        shared: DType | None = let.dtype
        if let.function in ("eq", "ne", "lt", "le", "gt", "ge", "cast", "isnan", "isinf", "isfinite", "signbit"):
            values = [self.atom(atom, None) for atom in let.args]
            known = [value.dtype for value, atom in zip(values, let.args) if not isinstance(atom, Const)]
            if known:
                values = [value.astype(known[0]) for value in values]
        elif let.function == "where":
            values = [self.atom(let.args[0], bool_), *(self.atom(atom, shared) for atom in let.args[1:])]
        else:
            values = [self.atom(atom, shared) for atom in let.args]
        return evaluate(let.function, let.dtype, *values)

    def position(self, statement: Load | Store) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
        """The index arrays, one entry a lane, and which lanes have their guard set."""
        active = np.ones(self.lanes if self.in_lanes else 1, bool)
        if statement.guard is not None:
            active = active & self.env[statement.guard]
        shape = self.memory[statement.buffer].shape
        result = []
        for index, extent in zip(statement.index, shape, strict=True):
            part = np.broadcast_to(self.offset(index), active.shape)
            if np.any(active & ((part < 0) | (part >= extent))):
                raise IndexError(f"`{statement_text(statement)}`: an index is outside of 0..{extent - 1}")
            result.append(np.where(active, part, 0))
        return tuple(result), active

    def offset(self, index: Index) -> Any:
        total: Any = self.extent(index.const)
        for name, coef in index.terms:
            total = total + self.extent(coef) * np.asarray(self.env[name])
        return total

    def load(self, load: Load) -> Any:
        index, active = self.position(load)
        memory = self.memory[load.buffer]
        value = np.zeros(active.shape, load.dtype.numpy)
        value[active] = memory[tuple(part[active] for part in index)]
        return value if self.in_lanes else value[0]

    def store(self, store: Store) -> None:
        index, active = self.position(store)
        memory = self.memory[store.buffer]
        value = np.broadcast_to(np.asarray(self.atom(store.value, None)).astype(memory.dtype), active.shape)[active]
        index = tuple(part[active] for part in index)
        if not index:
            memory, index = memory.reshape(1), (np.zeros(value.shape, np.int64),)
        if store.op is None:
            memory[index] = value
            return
        with np.errstate(all="ignore"):
            _UFUNC[store.op].at(memory, index, value)

    def update(self, update: Update) -> None:
        acc = self.accumulators[update.name]
        state = self.env[update.name]
        value = np.broadcast_to(self.atom(update.value, acc.dtype), (self.lanes if self.in_lanes else 1,)).astype(state.dtype)
        if update.guard is not None:
            value = value[np.broadcast_to(self.env[update.guard], value.shape)]
        ufunc: Any = _UFUNC[acc.op]  # NumPy 2.5 declares no reduction to a dtype that is not known when types are checked
        with np.errstate(all="ignore"):
            self.env[update.name] = state.dtype.type(ufunc(state, ufunc.reduce(value, dtype=state.dtype, initial=unit(acc.op, acc.dtype))))

"""The interpreter of a Program in Python: for interpreters and platforms that `layout` refuses, and the meaning that `entry`
is tested against.

Kernels are the same machine code, called through ctypes; library products are NumPy's.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from croton.dtypes import dtype
from croton.runtime.choice import Choice
from croton.runtime.program import (
    Array,
    Call,
    Check,
    Copy,
    Gemm,
    Gemv,
    Ger,
    Kernel,
    Loop,
    Program,
    Routine,
    Shared,
    SizeOperation,
    Zero,
)
from croton.runtime.status import ARGUMENT_DETAILS, REASONS, Refused, Status

_KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
_LARGEST, _SMALLEST = 2**63 - 1, -(2**63)
_LIBRARY_LIMIT = 2**31
ALIGNMENT = 64
"""The offsets of slots are multiples of it."""


def _refused(reason: str, place: int = 0, detail: int = 0, value: int = 0) -> Refused:
    return Refused(Status(REASONS.index(reason), place, detail, value))


class _Memory:
    """What lets NumPy make an array over an address."""

    __slots__ = ("__array_interface__",)

    def __init__(self, address: int, name: str, shape: Sequence[int], strides: Sequence[int] | None) -> None:
        element = dtype(name).numpy
        self.__array_interface__ = {
            "data": (address, False),
            "shape": tuple(shape),
            "strides": None if strides is None else tuple(stride * element.itemsize for stride in strides),
            "typestr": element.str,
            "version": 3,
        }


def _view(address: int, name: str, shape: Sequence[int], strides: Sequence[int] | None = None) -> np.ndarray:
    """An array over memory; strides are in elements."""
    if 0 in shape:
        return np.empty(shape, dtype(name).numpy)
    return np.asarray(_Memory(address, name, shape, strides))


def _calculate(number: int, operation: SizeOperation, S: list[int]) -> int:
    left, right = S[operation.left], S[operation.right]
    function = operation.function
    if function in ("floor_divide", "modulo") and right == 0:
        raise _refused("division", number)
    if function == "add":
        value = left + right
    elif function == "subtract":
        value = left - right
    elif function == "multiply":
        value = left * right
    elif function == "floor_divide":
        value = left // right
    elif function == "modulo":
        value = left % right
    else:
        value = max(left, right) if function == "maximum" else min(left, right)
    if not _SMALLEST <= value <= _LARGEST:
        raise _refused("overflow", number)
    return value


class _Run:
    """One call: the tables S and P, and what keeps the memory behind P alive."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.S = [0] * program.sizes
        self.P: list[int] = []
        self.held: list[np.ndarray] = []

    def own(self, array: np.ndarray) -> None:
        self.held.append(array)
        self.P.append(array.ctypes.data)

    def shape(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(self.S[size] for size in sizes)

    def check_array(self, array: object, wanted: Array | Shared, position: int, known: set[int]) -> None:
        if type(array) is not np.ndarray:
            raise _refused("argument", position, ARGUMENT_DETAILS.index("type"))
        if array.dtype is not dtype(wanted.dtype).numpy:
            raise _refused("argument", position, ARGUMENT_DETAILS.index("dtype"))
        flags = array.flags
        writeable = flags.writeable or not (isinstance(wanted, Shared) and wanted.written)
        if not (flags.c_contiguous and flags.aligned and writeable):
            raise _refused("argument", position, ARGUMENT_DETAILS.index("layout"))
        if array.ndim != len(wanted.sizes):
            raise _refused("argument", position, ARGUMENT_DETAILS.index("rank"))
        for axis, (size, index) in enumerate(zip(array.shape, wanted.sizes)):
            if index not in known:
                known.add(index)
                self.S[index] = size
            elif self.S[index] != size:
                raise _refused("size", position, axis, size)
        self.own(array)

    def prepare(self, arguments: Sequence[Any], shared: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Everything before the calls. Returns the outputs and the arrays of the updates."""
        program, S = self.program, self.S
        S[: len(program.constants)] = program.constants
        known = set(range(len(program.constants)))
        described: list[Array | Shared] = [*program.inputs, *program.shared]
        for position, (array, wanted) in enumerate(zip((*arguments, *shared), described)):
            self.check_array(array, wanted, position, known)
        for number, operation in enumerate(program.size_operations):
            S[operation.target] = _calculate(number, operation, S)
        for relation, left, right, error in program.size_checks:
            if not (S[left] == S[right] if relation == "equal" else S[left] >= S[right]):
                raise _refused("relation", error, S[left], S[right])
        if program.slots:
            self.arena(S[program.arena])
            self.P += [self.base + S[offset] for offset in program.slots]
        outputs = []
        for output in program.outputs:
            if output.kind == "new":
                outputs.append(np.empty(self.shape(output.sizes), dtype(output.dtype).numpy))
            else:
                outputs.append(arguments[output.source] if output.kind == "input" else shared[output.source])
        updates = [np.empty(self.shape(update.sizes), dtype(update.dtype).numpy) for update in program.updates]
        for array in (*outputs, *updates):
            self.own(array)
        for base, offset in program.views:
            self.P.append(self.P[base] + S[offset])
        return outputs, updates

    def arena(self, count: int) -> None:
        """Memory for the slots, aligned as theirs is."""
        self.held.append(np.empty(count + ALIGNMENT, np.uint8))
        address = self.held[-1].ctypes.data
        self.base = address + -address % ALIGNMENT

    def calls(self, kernels: Sequence[int], routines: Sequence[Callable[..., object]]) -> None:
        P = (ctypes.c_void_p * len(self.P))(*self.P)
        S = (ctypes.c_int64 * len(self.S))(*self.S)
        self.run_calls(self.program.calls, P, S, kernels, routines)

    def run_calls(
        self, calls: Sequence[Call], P: Any, S: Any, kernels: Sequence[int], routines: Sequence[Callable[..., object]]
    ) -> None:
        for call in calls:
            match call:
                case Kernel():
                    record = (ctypes.c_int64 * (len(call.pointers) + len(call.sizes)))(*call.pointers, *call.sizes)
                    high = self.S[call.range] if call.range >= 0 else 0
                    _KERNEL(kernels[call.kernel])(P, S, record, 0, high)
                    if call.finishes:
                        _KERNEL(kernels[call.kernel])(P, S, record, -1, -1)
                case Loop():
                    self.loop(call, P, S, kernels, routines)
                case Check():
                    self.check_indices(call)
                case Copy():
                    ctypes.memmove(self.P[call.target], self.P[call.source], self.S[call.size])
                case Zero():
                    ctypes.memset(self.P[call.target], 0, self.S[call.size])
                case Routine():
                    routines[call.routine](*(_view(self.P[pointer], name, self.shape(sizes)) for pointer, name, sizes in call.arrays))
                case _:
                    self.product(call)

    def loop(self, call: Loop, P: Any, S: Any, kernels: Sequence[int], routines: Sequence[Callable[..., object]]) -> None:
        """Addresses are kept in both tables: that of kernels and that of library calls."""
        length = count = self.S[call.length]
        if call.limit >= 0:
            count = min(length, max(0, ctypes.c_int64.from_address(self.P[call.limit]).value))
            self.S[call.bound] = S[call.bound] = count
        skipped = length - count

        def point(entry: int, address: int) -> None:
            self.P[entry] = P[entry] = address

        def goes_on() -> bool:
            return call.going < 0 or any(ctypes.string_at(self.P[call.going], self.S[call.going_size]))

        for entry, base, offset, _, _ in call.advances:
            point(entry, self.P[base] + self.S[offset])
        for before, after, first, last, scratch, _ in call.rotates:
            point(before, self.P[first])
            point(after, self.P[last if count % 2 else scratch])
        for entry, source, size in call.begins:
            ctypes.memmove(self.P[entry], self.P[source], self.S[size])

        def pass_over(entry: int, stride: int, fill: int, steps: int) -> None:
            for _ in range(steps):
                ctypes.memmove(self.P[entry], self.P[entry] - self.S[stride], self.S[fill])
                point(entry, self.P[entry] + self.S[stride])

        for entry, _, _, stride, fill in call.advances if call.late else ():
            if fill >= 0:
                pass_over(entry, stride, fill, skipped)
            else:
                point(entry, self.P[entry] + skipped * self.S[stride])
        done = 0
        while done < count and goes_on():
            self.S[call.counter] = S[call.counter] = done
            self.run_calls(call.calls, P, S, kernels, routines)
            for entry, _, _, stride, _ in call.advances:
                point(entry, self.P[entry] + self.S[stride])
            for before, after, _, last, scratch, _ in call.rotates:
                point(before, self.P[after])
                point(after, self.P[last] + self.P[scratch] - self.P[after])
            done += 1
        if call.going >= 0 and goes_on():
            raise _refused("steps", call.error, 0, count)
        if call.steps >= 0:
            ctypes.c_int64.from_address(self.P[call.steps]).value = done
        for entry, _, _, stride, fill in call.advances:
            if fill >= 0:
                pass_over(entry, stride, fill, (count if call.late else length) - done)
        for before, _, _, last, _, size in call.rotates:
            if self.P[before] != self.P[last]:
                ctypes.memmove(self.P[last], self.P[before], self.S[size])

    def check_indices(self, call: Check) -> None:
        values = _view(self.P[call.pointer], call.dtype, (self.S[call.length],))
        outside = np.flatnonzero((values < self.S[call.low]) | (values >= self.S[call.high]))
        if len(outside):
            raise _refused("index", call.error, int(outside[0]), int(values[outside[0]]))

    def matrix(self, call: Gemm | Gemv | Ger, name: str, rows: int, columns: int, transposed: bool) -> np.ndarray:
        """An operand with its batch axes, as the product reads it."""
        S, leading = self.S, max(1, self.S[getattr(call, "ld" + name)])
        axes = call.batch if isinstance(call, Gemm) else ()
        shape = [*(S[axis[0]] for axis in axes), rows, columns]
        strides = [*(S[axis[1 + "abc".index(name)]] for axis in axes), *((1, leading) if transposed else (leading, 1))]
        return _view(self.P[getattr(call, name)], call.dtype, shape, strides)

    def product(self, call: Gemm | Gemv | Ger) -> None:
        S, one = self.S, dtype(call.dtype).numpy.type
        sizes = [S[getattr(call, name)] for name in ("m", "n", "k", "lda", "ldb", "ldc", "incx", "incy") if hasattr(call, name)]
        if max(sizes) >= _LIBRARY_LIMIT:
            raise _refused("too_large", 0, 0, max(sizes))
        scale = call.alpha
        for size, exponent in call.powers:
            scale *= np.float64(S[size]) ** exponent
        if isinstance(call, Ger):
            x = _view(self.P[call.x], call.dtype, (S[call.m], 1), (S[call.incx], 1))
            y = _view(self.P[call.y], call.dtype, (1, S[call.n]), (1, S[call.incy]))
            target = self.matrix(call, "a", S[call.m], S[call.n], False)
            target += one(scale) * (x * y)
            return
        if isinstance(call, Gemm):
            left = self.matrix(call, "a", S[call.m], S[call.k], call.a_transposed)
            right = self.matrix(call, "b", S[call.k], S[call.n], call.b_transposed)
            target = self.matrix(call, "c", S[call.m], S[call.n], False)
        else:
            rows, columns = (S[call.n], S[call.m]) if call.transposed else (S[call.m], S[call.n])
            left = self.matrix(call, "a", rows, columns, call.transposed)
            right = _view(self.P[call.x], call.dtype, (columns,), (S[call.incx],))
            target = _view(self.P[call.y], call.dtype, (rows,), (S[call.incy],))
        fresh = one(scale) * np.matmul(left, right)
        if isinstance(call, Gemm) and call.symmetric:
            fresh = np.where(np.tri(*fresh.shape[-2:]) > 0, fresh.swapaxes(-1, -2), fresh)
        target[...] = fresh if call.beta == 0 else fresh + one(call.beta) * target


class PortableFunction:
    """A function object with the behaviour of the native one, for a thousand times its overhead."""

    def __init__(
        self,
        program: Program,
        kernels: Sequence[int],
        cells: Sequence[list[np.ndarray]],
        routines: Sequence[Callable[..., object]],
        fallback: Callable[..., Any] | None,
        keep: Sequence[object],
    ) -> None:
        if program.flush_subnormals:
            raise ValueError("not supported: flushing subnormal numbers without the native entry; leave config.flush_subnormals off")
        self._program = program
        self._kernels, self._cells, self._routines = tuple(kernels), tuple(cells), tuple(routines)
        self._fallback = fallback
        self._keep = tuple(keep)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        refused: Refused | None = None
        try:
            if keywords or len(arguments) != len(self._program.inputs):
                raise _refused("arity", 0, 0, len(arguments))
            return self._direct(*arguments)
        except Refused as error:
            refused = error
        if self._fallback is None:
            raise refused
        return self._fallback(tuple(refused.status), *arguments, **keywords)

    def _direct(self, *arguments: Any) -> Any:
        if len(arguments) != len(self._program.inputs):
            raise _refused("arity", 0, 0, len(arguments))
        program, run = self._program, _Run(self._program)
        outputs, updates = run.prepare(arguments, [cell[0] for cell in self._cells])
        with np.errstate(all="ignore"):
            run.calls(self._kernels, self._routines)
        for update, array in zip(program.updates, updates):
            self._cells[update.shared][0] = array
        match program.structure:
            case "one":
                return outputs[0]
            case "tuple":
                return tuple(outputs)
            case "list":
                return outputs
        return None

    @property
    def _loaded(self) -> PortableFunction:
        return self

    def release_arena(self) -> None:
        """Nothing is kept between calls."""

    def arena_bytes(self) -> int:
        return 0

class PortableChoice:
    """A function object that picks one of several `PortableFunction`s at each call."""

    def __init__(self, functions: Sequence[PortableFunction], choice: Choice) -> None:
        self._functions = tuple(functions)
        self._choice = choice

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self._picked(arguments, keywords)(*arguments, **keywords)

    def _direct(self, *arguments: Any) -> Any:
        return self._picked(arguments, {})._direct(*arguments)

    def _picked(self, arguments: tuple, keywords: dict[str, Any]) -> PortableFunction:
        arrays = not keywords and all(type(array) is np.ndarray for array in arguments)
        return self._functions[self._choice.pick([array.shape for array in arguments]) if arrays else 0]

    @property
    def _loaded(self) -> PortableChoice:
        return self

    def release_arena(self) -> None:
        """Nothing is kept between calls."""

    def arena_bytes(self) -> int:
        return 0

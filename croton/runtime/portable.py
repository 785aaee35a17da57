"""The interpreter of a Program in Python: for interpreters and platforms that `layout` refuses, and the meaning that `entry`
is tested against.

Kernels are the same machine code, called through ctypes; library products are NumPy's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from croton.dtypes import dtype
from croton.runtime.calls import kinds
from croton.runtime.calls.run import ALIGNMENT, Run, refused
from croton.runtime.choice import Choice
from croton.runtime.program import Array, Program, Shared, SizeOperation
from croton.runtime.status import ARGUMENT_DETAILS, Refused

_LARGEST, _SMALLEST = 2**63 - 1, -(2**63)


def _calculate(number: int, operation: SizeOperation, S: Any) -> int:
    left, right = S[operation.left], S[operation.right]
    function = operation.function
    if function in ("floor_divide", "modulo") and right == 0:
        raise refused("division", number)
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
        raise refused("overflow", number)
    return value


def _check_array(run: Run, array: object, wanted: Array | Shared, position: int, known: set[int]) -> None:
    if type(array) is not np.ndarray:
        raise refused("argument", position, ARGUMENT_DETAILS.index("type"))
    if array.dtype is not dtype(wanted.dtype).numpy:
        raise refused("argument", position, ARGUMENT_DETAILS.index("dtype"))
    flags = array.flags
    writeable = flags.writeable or not wanted.written
    if not (flags.c_contiguous and flags.aligned and writeable):
        raise refused("argument", position, ARGUMENT_DETAILS.index("layout"))
    if array.ndim != len(wanted.sizes):
        raise refused("argument", position, ARGUMENT_DETAILS.index("rank"))
    for axis, (size, index) in enumerate(zip(array.shape, wanted.sizes)):
        if index not in known:
            known.add(index)
            run.S[index] = size
        elif run.S[index] != size:
            raise refused("size", position, axis, size)
    run.own(array)


def _prepare(run: Run, program: Program, arguments: Sequence[Any], shared: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Everything before the calls. Returns the outputs and the arrays of the updates."""
    S = run.S
    for place, value in program.constants:
        S[place] = value
    known = {constant.place for constant in program.constants}
    described: list[Array | Shared] = [*program.inputs, *program.shared]
    for position, (array, wanted) in enumerate(zip((*arguments, *shared), described)):
        _check_array(run, array, wanted, position, known)
    for number, operation in enumerate(program.size_operations):
        S[operation.target] = _calculate(number, operation, S)
    for relation, left, right, error in program.size_checks:
        if not (S[left] == S[right] if relation == "equal" else S[left] >= S[right]):
            raise refused("relation", error, S[left], S[right])
    ends = [run.P[place] + S[extent] for place, extent in enumerate(program.extents)]
    for place in program.donated:
        for other, end in enumerate(ends):
            if other != place and run.P[other] < ends[place] and run.P[place] < end:
                raise refused("argument", place, ARGUMENT_DETAILS.index("memory"))
    if program.slots:
        arena = np.empty(S[program.arena] + ALIGNMENT, np.uint8)
        run.held.append(arena)
        base = arena.ctypes.data + -arena.ctypes.data % ALIGNMENT
        for offset in program.slots:
            run.point_next(base + S[offset])
    outputs = []
    for output in program.outputs:
        if output.kind == "new":
            outputs.append(np.empty(run.shape(output.sizes), dtype(output.dtype).numpy))
        else:
            outputs.append(arguments[output.source] if output.kind == "input" else shared[output.source])
    updates = [np.empty(run.shape(update.sizes), dtype(update.dtype).numpy) for update in program.updates]
    for array in (*outputs, *updates):
        run.own(array)
    for base, offset in program.views:
        run.point_next(run.P[base] + S[offset])
    return outputs, updates


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
        why: Refused | None = None
        try:
            if keywords or len(arguments) != len(self._program.inputs):
                raise refused("arity", 0, 0, len(arguments))
            return self._direct(*arguments)
        except Refused as error:
            why = error
        if self._fallback is None:
            raise why
        return self._fallback(tuple(why.status), *arguments, **keywords)

    def _direct(self, *arguments: Any) -> Any:
        if len(arguments) != len(self._program.inputs):
            raise refused("arity", 0, 0, len(arguments))
        program = self._program
        run = Run(program.sizes, program.pointer("view", len(program.views)), self._kernels, self._routines, kinds.run)
        outputs, updates = _prepare(run, program, arguments, [cell[0] for cell in self._cells])
        with np.errstate(all="ignore"):
            run.calls(program.calls)
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

"""Calls of a plan as calls of the runtime."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

from croton.algebra.loop import Slot
from croton.compile.loop_moves import Moves
from croton.compile.routines import Placement
from croton.compile.tables import Tables
from croton.kernel.language import Lanes
from croton.kernel.parallelise import Sweep, sweeps
from croton.runtime import few_columns
from croton.runtime.calls.bounds import Check
from croton.runtime.calls.gemm import Axis, Gemm, Power
from croton.runtime.calls.kernel import Kernel
from croton.runtime.calls.kernel import Sweep as SweepCall
from croton.runtime.calls.loop import End, Loop
from croton.runtime.calls.matrices import Matrices, Stack
from croton.runtime.calls.routine import Lent, Routine
from croton.runtime.narrow import FEWEST, MOST, NARROW
from croton.schedule.plan import BoundsCheck, Call, Home, KernelCall, LoopCall, MatrixCall, Pass, Plan, ProductCall, RoutineCall
from croton.schedule.product import Matrix
from croton.schedule.work import work
from croton.sizes import Size, least, product

GRAIN = 64
"""Threads share a loop in multiples of this many elements: a cache line of bytes at least, whatever the dtype."""


def program_calls(plan: Plan, tables: Tables) -> list[tuple]:
    """The calls of a program. A check has the number of its call, those inside of loops have numbers of their own behind."""
    calls = _Calls(plan, tables, tables.pointer)
    return [calls.call(call, itertools.repeat(number)) for number, call in enumerate(plan.calls)]


class _Calls:
    """The calls of a plan: of the whole program, or of the step of a loop.

    `pointer` gives the entry of `P` for a place in memory as the plan names it. In a loop `counter` is the entry of `S` that counts its steps, and `batch`
    the one that says how many of them a kernel does in one go.
    """

    def __init__(self, plan: Plan, tables: Tables, pointer: Callable[[Home], int], counter: int = -1, batch: int = -1) -> None:
        self.plan = plan
        self.tables = tables
        self.sizes = tables.sizes
        self.pointer_to = pointer
        self.counter = counter
        self.batch = batch

    def pointer(self, value: int) -> int:
        """The entry of `P` for a value of the plan."""
        return self.pointer_to(self.plan.values[value].home)

    def bytes(self, value: int) -> int:
        """The entry of `S` that says how large a value of the plan is."""
        return self.sizes.index(self.plan.values[value].bytes)

    def call(self, call: Call, checks: Iterator[int]) -> tuple:
        """A call; what may be refused takes a number of `checks`."""
        if isinstance(call, KernelCall):
            return self._kernel(call)
        if isinstance(call, ProductCall):
            return self._product(call)
        if isinstance(call, LoopCall):
            return self._loop(call, next(checks) if call.stop >= 0 else -1)
        if isinstance(call, MatrixCall):
            return self._matrices(call, next(checks) if call.record.failure else -1)
        if isinstance(call, BoundsCheck):
            return self._check(call, next(checks))
        return self._routine(call)

    def _kernel(self, call: KernelCall) -> Kernel:
        kernel = self.tables.kernels[call.kernel]
        pointers = tuple(map(self.pointer, call.values))
        sizes = tuple(map(self.sizes.index, call.sizes))
        if kernel.steps is not None:
            return Kernel(call.kernel, pointers, sizes, (SweepCall(self.batch, self.sizes.index(0)),))
        extents = dict(zip(kernel.sizes, sizes))
        found = [self._sweep(sweep, [each for each in call.passes if each.sweep == number], extents) for number, sweep in enumerate(sweeps(kernel))]
        return Kernel(call.kernel, pointers, sizes, tuple(found))

    def _sweep(self, sweep: Sweep, passes: Sequence[Pass], extents: Mapping[str, int]) -> SweepCall:
        loop = sweep.loop
        if loop is None:
            return SweepCall()
        operations = work(sum([each.flops for each in passes]), sum([each.bytes for each in passes]))
        extent = self.sizes.index(loop.extent) if isinstance(loop.extent, int) else extents[loop.extent]
        return SweepCall(extent, self.sizes.index(operations), GRAIN if isinstance(loop, Lanes) else 1, bool(sweep.after))

    def _product(self, call: ProductCall) -> Gemm:
        index, shape = self.sizes.index, call.shape
        left, left_transposed = _leading(shape.left)
        right, right_transposed = _leading(shape.right)
        out, out_transposed = _leading(shape.out)
        batch = list(zip(shape.batch, shape.left.batch_strides, shape.right.batch_strides, shape.out.batch_strides))
        m, n = shape.m, shape.n
        a, b = call.left, call.right
        if out_transposed:
            # out.T = right.T @ left.T
            a, b, left, right, m, n = b, a, right, left, n, m
            left_transposed, right_transposed = not right_transposed, not left_transposed
            batch = [(count, second, first, third) for count, first, second, third in batch]
        dtype = self.plan.values[call.out].dtype.name
        packed = call.packed >= 0
        return Gemm(
            dtype,
            left_transposed,
            right_transposed,
            m=index(m),
            n=index(n),
            k=index(shape.k),
            a=self.pointer(a),
            lda=index(left),
            b=self.pointer(b),
            ldb=index(right),
            c=self.pointer(call.out),
            ldc=index(out),
            alpha=float(call.alpha.number),
            powers=tuple([Power(index(size), exponent) for size, exponent in call.alpha.sizes]),
            beta=float(call.beta),
            batch=tuple([Axis(*map(index, axis)) for axis in batch]),
            own=self.tables.own_routine(f"packed {dtype}" if packed else "symmetric" if shape.symmetric else _own_routine(dtype, m, n, left_transposed)),
            packed=self.pointer_to(("slot", call.packed)) if packed else -1,
            counter=self.counter if packed else -1,
        )

    def _check(self, call: BoundsCheck, error: int) -> Check:
        index, value = self.sizes.index, self.plan.values[call.value]
        bound = -1 if call.bound is None else index(call.bound)
        count = product([*value.shape, *[least(size, 1) for size in call.among]])
        return Check(value.dtype.name, self.pointer(call.value), index(count), index(call.low), bound, error)

    def _matrices(self, call: MatrixCall, error: int) -> Matrices:
        index = self.sizes.index
        values = (*call.inputs, *call.outputs)
        names = [self.plan.values[value].dtype.name if value >= 0 else "float64" for value in values]
        matrices = [
            Stack(name, -1 if value < 0 else self.pointer(value), *map(index, (matrix.rows, matrix.columns, matrix.row, matrix.column)))
            for name, value, matrix in zip(names, values, call.matrices)
        ]
        strides = [index(matrix.stack[axis]) for axis in range(len(call.stack)) for matrix in call.matrices]
        return Matrices(
            self.tables.own_routine(f"{call.record.name} {names[0]}"),
            tuple(matrices),
            sum([bit << number for number, bit in enumerate(call.options)]),
            tuple(map(index, call.stack)),
            tuple(strides),
            index(call.flops),
            error,
            *(() if call.work < 0 else (self.pointer_to(("slot", call.work)), index(call.work_bytes), index(call.parts))),
        )

    def _routine(self, call: RoutineCall) -> Routine:
        routines = self.tables.routines
        routines.append((call.routine, self._placement(call)))
        arrays = []
        for place in (*call.inputs, *call.outputs):
            value = self.plan.values[place]
            arrays.append(Lent(self.pointer(place), value.dtype.name, tuple(map(self.sizes.index, value.shape))))
        return Routine(len(routines) - 1, tuple(arrays))

    def _placement(self, call: RoutineCall) -> Placement:
        """How memory is seen by the routine: values are kept in an order of their own, and without axes of size 1."""
        place, shapes = call.params
        inputs = []
        for number, shape in zip(call.inputs, shapes):
            ones = tuple([axis for axis, size in enumerate(shape) if isinstance(size, int) and size == 1])
            inputs.append((_inverse(self.plan.values[number].order), ones))
        return Placement(place, tuple(inputs), tuple(self.plan.values[call.outputs[0]].order))

    def _loop(self, call: LoopCall, error: int) -> Loop:
        moves = Moves(call, self.plan, self.tables, self.pointer_to)
        counter = self.sizes.fresh()
        batch = self.sizes.fresh() if self._goes_on(call.body) else -1
        body = _Calls(call.body, self.tables, moves.inside, counter, batch)
        calls = tuple([body.call(inner, self.tables.checks) for inner in call.body.calls])
        going = going_size = -1
        if call.stop >= 0:
            going = moves.entries["input", Slot("carry", call.stop)]
            going_size = self.bytes(call.carried.firsts[call.stop])
        limit = bound = -1
        if call.limit >= 0:
            limit, bound = self.pointer(call.limit), self.sizes.fresh()
        steps = -1 if call.steps < 0 else self.pointer(call.steps)
        ends = tuple([End(self.pointer(last), moves.entries["input", Slot("carry", place)], self.bytes(last)) for place, last in call.carried.copied.items()])
        pause, _ = self.sizes.fresh(), self.sizes.fresh()
        return Loop(
            weight=self.sizes.index(call.body.flops),
            length=self.sizes.index(call.length),
            counter=counter,
            pause=pause,
            advances=tuple(moves.advances),
            begins=tuple(moves.begins),
            rotates=tuple(moves.rotates),
            follows=tuple(moves.follows),
            ends=ends,
            calls=calls,
            going=going,
            going_size=going_size,
            error=error,
            limit=limit,
            bound=bound,
            late=call.late,
            steps=steps,
            batch=batch,
        )

    def _goes_on(self, body: Plan) -> bool:
        """Whether the step of a loop is one kernel that goes on to the next step by itself."""
        return any(isinstance(call, KernelCall) and self.tables.kernels[call.kernel].steps is not None for call in body.calls)


def _own_routine(dtype: str, rows: Size, columns: Size, left_transposed: bool) -> str:
    """The routine of our own for a product that has few columns, or may have few rows or not many columns; it looks again when it is called."""
    slim = isinstance(columns, int) and few_columns.FEWEST <= columns <= few_columns.MOST[dtype] and not left_transposed
    if slim and not (isinstance(rows, int) and rows < few_columns.LEAST_ROWS):
        return f"columns {dtype}"
    few = not isinstance(rows, int) or FEWEST <= rows <= MOST
    narrow = few or (not left_transposed and (not isinstance(columns, int) or columns <= NARROW))
    return f"narrow {dtype}" if narrow and not (isinstance(rows, int) and rows < FEWEST) else ""


def _leading(matrix: Matrix) -> tuple[Size, bool]:
    """The distance of rows as the library sees them, and whether the matrix is stored transposed."""
    if matrix.column_stride == 1:
        return matrix.row_stride, False
    return matrix.column_stride, True


def _inverse(order: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(range(len(order)), key=order.__getitem__))

"""From the scheduler's plan to the runtime's program: sizes become entries of one table, values become pointers.

The result is plain data, which is what the disk cache keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from croton.algebra.loop import Slot
from croton.algebra.node import Coef
from croton.compile.routines import Placement
from croton.dtypes import DType
from croton.kernel.parallelise import after_parallel, parallel_loop
from croton.runtime.calls.bounds import Check
from croton.runtime.calls.copy import Copy
from croton.runtime.calls.gemm import Axis, Gemm, Power
from croton.runtime.calls.kernel import Kernel
from croton.runtime.calls.loop import Advance, Begin, End, Follow, Loop, Rotate
from croton.runtime.calls.routine import Lent, Routine
from croton.runtime.few import FEWEST, MOST
from croton.runtime.program import Array, Output, Program, Shared, SizeCheck, SizeOperation, Update, View
from croton.schedule.plan import BoundsCheck, KernelCall, LoopCall, Plan, ProductCall, RoutineCall, every_body
from croton.schedule.product import Matrix
from croton.sizes import Least, Poly, Size, Symbol, product, symbols
from croton.util.errors import ShapeError

GRAIN = 64
"""Threads share a loop in multiples of this many elements: a cache line of bytes at least, whatever the dtype."""


class Leaf(NamedTuple):
    """An array that comes in: its key in the plan, dtype and shape."""

    key: Hashable
    dtype: DType
    shape: tuple[Size, ...]
    label: str
    name: str | None = None


class Result(NamedTuple):
    """An array that goes out: its dtype and shape; an update names the shared variable it replaces, by position.

    `donor` is the input whose memory it may be, by position; -1 for none.
    """

    dtype: DType
    shape: tuple[Size, ...]
    shared: int = -1
    donor: int = -1


class Interface(NamedTuple):
    """What a program is called with and what it gives: results that are no updates first. `budget` is what a call may take, 0 for anything."""

    inputs: tuple[Leaf, ...]
    shared: tuple[Leaf, ...]
    results: tuple[Result, ...]
    size_checks: tuple[tuple[Size, Size], ...]
    structure: str
    budget: int = 0

    def returned(self, plan: Plan) -> list[Size]:
        """The bytes of each array that a call makes for its results and updates."""
        return [
            product(result.shape) * result.dtype.itemsize
            for number, result in enumerate(self.results)
            if plan.values[plan.outputs[number]].home[0] == "output" or (result.shared < 0 and not self.in_donor(plan, number))
        ]

    def in_donor(self, plan: Plan, number: int) -> bool:
        """Whether a plan puts a result into the memory of the input that was donated to it."""
        donor = self.results[number].donor
        return donor >= 0 and plan.values[plan.outputs[number]].home == ("input", self.inputs[donor].key)


class Assembled(NamedTuple):
    """A program, the constant arrays that it reads as shared variables after the real ones, the routines that it calls, and the
    results that its last calls copy."""

    program: Program
    constants: tuple[np.ndarray, ...]
    routines: tuple[tuple[Any, Placement], ...]
    copied: tuple[int, ...]


def assemble(plan: Plan, interface: Interface, release_work: Size = -1, flush_subnormals: bool = False) -> Assembled:
    """The program of a plan. Raises ShapeError for a size that no argument determines."""
    # The table of sizes begins with its constants, which are known once everything has been asked for: so everything is asked for twice.
    first = _Assembly(plan, interface, SizeTable(()))
    first.assemble(release_work, flush_subnormals)
    second = _Assembly(plan, interface, SizeTable(tuple(first.sizes.constants)))
    return second.assemble(release_work, flush_subnormals)


class SizeTable:
    """Sizes as indices of the runtime's table: constants, then what arguments bind, then what is computed."""

    def __init__(self, constants: Sequence[int]) -> None:
        self.constants: dict[int, int] = {value: i for i, value in enumerate(constants)}
        self.base = len(constants)
        self.count = 0
        self.known: dict[Size, int] = {}
        self.operations: list[SizeOperation] = []
        self.made: dict[tuple[str, int, int], int] = {}

    def fresh(self) -> int:
        self.count += 1
        return self.base + self.count - 1

    def bind(self, size: Size) -> int:
        """The entry that an array's extent is bound to, or compared with."""
        if isinstance(size, int) or size in self.known:
            return self.index(size)
        if _alone(size) is not None:
            self.known[size] = self.fresh()
            return self.known[size]
        return self.fresh()

    def index(self, size: Size) -> int:
        """The entry that holds a size, computed if it has to be."""
        if isinstance(size, int):
            return self.constants.setdefault(size, len(self.constants))
        found = self.known.get(size)
        if found is None:
            if _alone(size) is not None:
                raise ShapeError(f"the size {size} is not determined by any argument; give an input that has it, or a number")
            found = self.known[size] = self._compute(size)
        return found

    def _compute(self, size: Poly) -> int:
        total = -1
        for monomial, coefficient in size.terms:
            term = -1
            for atom in monomial:
                if isinstance(atom, Symbol):
                    factor = self.index(atom.size)
                elif isinstance(atom, Least):
                    factor = self.operate("minimum", self.index(atom.left), self.index(atom.right))
                else:
                    factor = self.operate("floor_divide", self.index(atom.numerator), self.index(atom.denominator))
                term = factor if term < 0 else self.operate("multiply", term, factor)
            if term < 0:
                term = self.index(coefficient)
            elif coefficient == -1 and total >= 0:
                total = self.operate("subtract", total, term)
                continue
            elif coefficient != 1:
                term = self.operate("multiply", term, self.index(coefficient))
            total = term if total < 0 else self.operate("add", total, term)
        return total

    def shared(self, function: str, left: int, right: int) -> int:
        """The entry of an operation that is made once."""
        key = (function, left, right)
        if key not in self.made:
            self.made[key] = self.operate(function, left, right)
        return self.made[key]

    def operate(self, function: str, left: int, right: int) -> int:
        target = self.fresh()
        self.operations.append(SizeOperation(function, target, left, right))
        return target


def _alone(size: Poly) -> Symbol | None:
    names = symbols(size)
    return names[0] if len(names) == 1 and size == names[0].size else None


class _Assembly:
    """One pass over the plan with one table of sizes."""

    def __init__(self, plan: Plan, interface: Interface, sizes: SizeTable) -> None:
        self.plan = plan
        self.interface = interface
        self.sizes = sizes
        self.constants: list[np.ndarray] = []
        self.constant_index: dict[int, int] = {}
        self.routines: list[tuple[Any, Placement]] = []
        self.input_index = {leaf.key: i for i, leaf in enumerate(interface.inputs)}
        self.shared_index = {leaf.key: i for i, leaf in enumerate(interface.shared)}
        self.returned = sum(result.shared < 0 for result in interface.results)

    def assemble(self, release_work: Size, flush_subnormals: bool) -> Assembled:
        index = self.sizes.index
        composite: list[tuple[int, Size]] = []
        given_away = {result.donor for number, result in enumerate(self.interface.results) if self.interface.in_donor(self.plan, number)}
        inputs = [Array(leaf.dtype.name, self._bound(leaf, composite), i in given_away) for i, leaf in enumerate(self.interface.inputs)]
        shared_sizes = [self._bound(leaf, composite) for leaf in self.interface.shared]
        for plan in every_body(self.plan):
            for value in plan.values:
                if value.home[0] == "constant":
                    self._constant(value.home[1])
        pairs = [(place, index(size)) for place, size in composite]
        pairs += [(index(left), index(right)) for left, right in self.interface.size_checks]
        checks = [SizeCheck("equal", left, right, error) for error, (left, right) in enumerate(pairs)]
        written, copied = self._replaced()
        shared = [Shared(leaf.dtype.name, sizes, i in written) for i, (leaf, sizes) in enumerate(zip(self.interface.shared, shared_sizes))]
        shared += [Shared(array.dtype.name, tuple(map(index, array.shape))) for array in self.constants]
        arguments = [(leaf.shape, leaf.dtype.itemsize) for leaf in (*self.interface.inputs, *self.interface.shared)]
        arguments += [(array.shape, array.itemsize) for array in self.constants]
        extents = tuple([index(product(shape) * itemsize) for shape, itemsize in arguments]) if given_away else ()
        slots, arena = self.plan.arena.starts(index, self._add, self._most)
        if self.interface.budget:
            total = arena
            for size in self.interface.returned(self.plan):
                total = self.sizes.shared("add", total, index(size))
            checks.append(SizeCheck("at_least", index(self.interface.budget), total, len(pairs)))
        outputs: list[Output] = []
        updates: list[Update] = []
        self.update_index: dict[int, int] = {}
        for number, result in enumerate(self.interface.results):
            places = tuple(map(index, result.shape))
            if self.interface.in_donor(self.plan, number):
                outputs.append(Output("input", result.dtype.name, places, result.donor))
            elif result.shared < 0:
                outputs.append(Output("new", result.dtype.name, places))
            elif result.shared not in written:
                self.update_index[number] = len(updates)
                updates.append(Update(result.shared, result.dtype.name, places))
        # The layout of the pointer table is known from here on.
        empty = Program(tuple(inputs), tuple(outputs), (), shared=tuple(shared), slots=tuple(slots), arena=arena, updates=tuple(updates))
        self.pointer_of = empty.pointer
        self.first_view = empty.pointer("view", 0)
        self.views: list[View] = []
        self.errors = len(self.plan.calls) + len(copied)
        own = _Calls(self, self.plan, self.pointer)
        calls: list[tuple] = [own.call(call, lambda number=number: number) for number, call in enumerate(self.plan.calls)]  # type: ignore[misc]
        calls += [self._copy(number) for number in copied]
        work = index(release_work)
        program = empty._replace(
            calls=tuple(calls),
            views=tuple(self.views),
            extents=extents,
            constants=tuple(self.sizes.constants),
            sizes=max(len(self.sizes.constants), self.sizes.base) + self.sizes.count,
            size_operations=tuple(self.sizes.operations),
            size_checks=tuple(checks),
            structure=self.interface.structure,
            work=work if release_work != -1 else -1,
            flush_subnormals=flush_subnormals,
        )
        return Assembled(program, tuple(self.constants), tuple(self.routines), tuple(copied))

    def _add(self, left: int, right: int) -> int:
        return self.sizes.shared("add", left, right)

    def _most(self, left: int, right: int) -> int:
        return left if left == right else self.sizes.shared("maximum", left, right)

    def _bound(self, leaf: Leaf, composite: list[tuple[int, Size]]) -> tuple[int, ...]:
        """Entries for an argument's extents; a size that is an expression is compared once everything is bound."""
        places = []
        for size in leaf.shape:
            known = isinstance(size, int) or size in self.sizes.known
            place = self.sizes.bind(size)
            if not known and size not in self.sizes.known:
                composite.append((place, size))
            places.append(place)
        return tuple(places)

    def _constant(self, array: np.ndarray) -> int:
        found = self.constant_index.get(id(array))
        if found is None:
            found = self.constant_index[id(array)] = len(self.constants)
            self.constants.append(array)
        return found

    def _replaced(self) -> tuple[set[int], list[int]]:
        """The shared variables that are written in place, and the results that have to be copied from where they are."""
        written: set[int] = set()
        copied: list[int] = []
        for number, result in enumerate(self.interface.results):
            kind, key = self.plan.values[self.plan.outputs[number]].home
            if result.shared >= 0 and kind == "input" and self.shared_index.get(key) == result.shared:
                written.add(result.shared)
            elif self.interface.in_donor(self.plan, number):
                continue
            elif (kind, key) != ("output", number):
                copied.append(number)
        return written, copied

    def pointer(self, home: tuple[str, Any]) -> int:
        """The entry of the pointer table for a place in memory."""
        kind, key = home
        if kind == "input":
            if key in self.input_index:
                return self.pointer_of("input", self.input_index[key])
            return self.pointer_of("shared", self.shared_index[key])
        if kind == "constant":
            return self.constant_pointer(key)
        if kind == "slot":
            return self.pointer_of("slot", key)
        return self._result(key)

    def constant_pointer(self, array: np.ndarray) -> int:
        """The entry of a constant array."""
        return self.pointer_of("shared", len(self.interface.shared) + self._constant(array))

    def view(self, base: int) -> int:
        """An entry that a loop moves along memory which another entry points to."""
        self.views.append(View(base, self.sizes.index(0)))
        return self.first_view + len(self.views) - 1

    def error(self) -> int:
        """A number for a check inside of a loop, in the order in which the account lists them."""
        self.errors += 1
        return self.errors - 1

    def _result(self, number: int) -> int:
        if number in self.update_index:
            return self.pointer_of("update", self.update_index[number])
        return self.pointer_of("output", number)

    def _copy(self, number: int) -> Copy:
        value = self.plan.values[self.plan.outputs[number]]
        return Copy(self._result(number), self.pointer(value.home), self.sizes.index(value.bytes))


class _Calls:
    """The calls of a plan: of the whole program, or of a step of a loop."""

    def __init__(self, assembly: _Assembly, plan: Plan, pointer: Callable[[tuple[str, Any]], int], counter: int = -1, batch: int = -1) -> None:
        self.assembly = assembly
        self.sizes = assembly.sizes
        self.kernels = assembly.plan.kernels
        self.plan = plan
        self.pointer_to = pointer
        self.counter = counter
        self.batch = batch

    def pointer(self, value: int) -> int:
        """The entry of the pointer table for a value of the plan."""
        return self.pointer_to(self.plan.values[value].home)

    def call(self, call: Any, error: Callable[[], int]) -> tuple:
        """A call; `error` gives the number of a check."""
        if isinstance(call, KernelCall):
            return self._kernel(call)
        if isinstance(call, ProductCall):
            return self._product(call)
        if isinstance(call, LoopCall):
            return self._loop(call, error() if call.stop >= 0 else -1)
        index = self.sizes.index
        if isinstance(call, BoundsCheck):
            value = self.plan.values[call.value]
            bound = -1 if call.bound is None else index(call.bound)
            return Check(value.dtype.name, self.pointer(call.value), index(product(value.shape)), index(call.low), bound, error())
        assert isinstance(call, RoutineCall)
        routines = self.assembly.routines
        routines.append((call.routine, self._placement(call)))
        arrays = []
        for place in (*call.inputs, *call.outputs):
            value = self.plan.values[place]
            arrays.append(Lent(self.pointer(place), value.dtype.name, tuple(map(index, value.shape))))
        return Routine(len(routines) - 1, tuple(arrays))

    def _loop(self, call: LoopCall, error: int) -> Loop:
        index, length = self.sizes.index, call.length
        places: dict[tuple[str, Any], int] = {}
        advances: list[Advance] = []
        begins: list[Begin] = []
        rotates: list[Rotate] = []
        follows: list[Follow] = []

        def advance(value: int, first: Size, last: Size, fill: bool = False) -> int:
            """An entry that goes through the rows of a value, from one to another; rows that no step has reached are filled if `fill` says so."""
            found = self.plan.values[value]
            row = replace(found, shape=found.shape[1:]).bytes
            base = self.pointer(value)
            entry = self.assembly.view(base)
            offset, stride = (last * row, -row) if call.reverse else (first * row, row)
            advances.append(Advance(entry, base, index(offset), index(stride), index(row) if fill else -1))
            return entry

        for place, first, rows in call.stacked:
            places["input", Slot("carry", place)] = before = advance(rows, 0, length)
            places["output", place] = advance(rows, 1, length - 1, call.stop >= 0 or call.limit >= 0)
            begins.append(Begin(before, self.pointer(first), index(self.plan.values[first].bytes)))
        for place, first, rows in call.trailing:
            places["input", Slot("carry", place)] = before = self.assembly.view(self.pointer(first))
            places["output", place] = after = advance(rows, 0, length - 1)
            follows.append(Follow(before, after, self.pointer(first)))
        for place, first, last, other in call.rotating:
            found = [self.pointer(value) for value in (first, last, other)]
            before, after = self.assembly.view(found[0]), self.assembly.view(found[1])
            places["input", Slot("carry", place)], places["output", place] = before, after
            begin, end, scratch = found
            rotates.append(Rotate(before, after, begin, end, scratch, index(self.plan.values[first].bytes)))
        for root, first, _, arrays in call.rings:
            places["output", root], places["input", Slot("carry", root)] = [self.assembly.view(self.pointer(array)) for array in arrays[:2]]
            begins.append(Begin(places["input", Slot("carry", root)], self.pointer(first), index(self.plan.values[first].bytes)))
        follows[:0] = self._delayed(call, places, begins)
        for number, value in call.elements:
            places["input", Slot("element", number)] = advance(value, 0, length - 1)
        for number, value in call.taps:
            places["output", number] = advance(value, 0, length - 1)
        for number, value in call.fixed:
            places["input", Slot("fixed", number)] = self.pointer(value)
        for inner, outer in enumerate(call.slots):
            places["slot", inner] = self.pointer_to(("slot", outer))

        def inside(home: tuple[str, Any]) -> int:
            return self.assembly.constant_pointer(home[1]) if home[0] == "constant" else places[home]

        counter = self.sizes.fresh()
        goes_on = any(isinstance(inner, KernelCall) and self.kernels[inner.kernel].steps is not None for inner in call.body.calls)
        batch = self.sizes.fresh() if goes_on else -1
        body = _Calls(self.assembly, call.body, inside, counter, batch)
        calls = tuple([body.call(inner, self.assembly.error) for inner in call.body.calls])
        going = size = -1
        if call.stop >= 0:
            going = places["input", Slot("carry", call.stop)]
            (first,) = [entry[1] for entry in (*call.stacked, *call.rotating) if entry[0] == call.stop]
            size = index(self.plan.values[first].bytes)
        limit = bound = -1
        if call.limit >= 0:
            limit, bound = self.pointer(call.limit), self.sizes.fresh()
        steps = -1 if call.steps < 0 else self.pointer(call.steps)
        moves = tuple(advances), tuple(begins), tuple(rotates)
        ends = tuple([End(self.pointer(last), places["input", Slot("carry", place)], index(self.plan.values[last].bytes)) for place, last in call.ends])
        pause, _ = self.sizes.fresh(), self.sizes.fresh()
        weight = index(call.body.flops)
        return Loop(index(length), counter, pause, weight, *moves, calls, going, size, error, limit, bound, call.late, steps, batch, tuple(follows), ends)

    def _delayed(self, call: LoopCall, places: dict[tuple[str, Any], int], begins: list[Begin]) -> list[Follow]:
        """What becomes of addresses of carries that lie where others lay; these, and what is copied for them before the first step, are noted."""
        followers = {source: (place, first) for place, source, first, _ in call.delayed}
        rings = {ring[0]: [self.pointer(array) for array in ring[3]] for ring in call.rings}
        found: list[Follow] = []
        roots = [place for place, _, _ in (*call.stacked, *call.trailing)] + [place for place, _, _, _ in call.rings]
        for root in roots:
            chain, links, member = rings.get(root), [], root
            entry = places["input", Slot("carry", root)]
            if chain is not None:
                links.append(Follow(entry, places["output", root], chain[1]))
            while member in followers:
                source = entry
                member, first = followers[member]
                begun = self.pointer(first) if chain is None else chain[len(links) + 1]
                entry = places["input", Slot("carry", member)] = self.assembly.view(begun)
                links.append(Follow(entry, source, begun))
                if chain is not None:
                    begins.append(Begin(entry, self.pointer(first), self.sizes.index(self.plan.values[first].bytes)))
            if chain is not None:
                # What is behind all others is free again.
                spare = self.assembly.view(chain[0])
                links = [Follow(places["output", root], spare, chain[0]), *links, Follow(spare, entry, chain[0])]
            # Who is furthest behind goes first, so that each follows one that has not gone on yet.
            found += links[::-1]
        return found

    def _placement(self, call: RoutineCall) -> Placement:
        """How memory is seen by the routine: values are kept in an order of their own, and without axes of size 1."""
        place, shapes = call.params
        inputs = []
        for number, shape in zip(call.inputs, shapes):
            ones = tuple([axis for axis, size in enumerate(shape) if isinstance(size, int) and size == 1])
            inputs.append((_inverse(self.plan.values[number].order), ones))
        return Placement(place, tuple(inputs), tuple(self.plan.values[call.outputs[0]].order))

    def _kernel(self, call: KernelCall) -> Kernel:
        kernel = self.kernels[call.kernel]
        if kernel.steps is not None:
            return Kernel(call.kernel, tuple(map(self.pointer, call.values)), tuple(map(self.sizes.index, call.sizes)), self.batch, self.sizes.index(0))
        sizes = tuple(map(self.sizes.index, call.sizes))
        pointers = tuple(map(self.pointer, call.values))
        loop = parallel_loop(kernel)
        if loop is None:
            return Kernel(call.kernel, pointers, sizes)
        extent = self.sizes.index(loop.extent) if isinstance(loop.extent, int) else sizes[kernel.sizes.index(loop.extent)]
        grain = GRAIN if type(loop).__name__ == "Lanes" else 1
        return Kernel(call.kernel, pointers, sizes, extent, self.sizes.index(call.flops), grain, bool(after_parallel(kernel)))

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
        number, powers = _scale(call.alpha)
        dtype = self.plan.values[call.out].dtype.name
        return Gemm(
            dtype,
            left_transposed,
            right_transposed,
            index(m),
            index(n),
            index(shape.k),
            self.pointer(a),
            index(left),
            self.pointer(b),
            index(right),
            self.pointer(call.out),
            index(out),
            number,
            tuple([Power(index(size), exponent) for size, exponent in powers]),
            float(call.beta),
            tuple([Axis(*map(index, axis)) for axis in batch]),
            "packed" if call.packed >= 0 else "symmetric" if shape.symmetric else f"few {dtype}" if _may_be_few(m) else "",
            self.pointer_to(("slot", call.packed)) if call.packed >= 0 else -1,
            self.counter if call.packed >= 0 else -1,
        )


def _may_be_few(rows: Size) -> bool:
    """Whether a product may have so few rows that our own routine does it; it looks again when it is called."""
    return not isinstance(rows, int) or FEWEST <= rows <= MOST


def _leading(matrix: Matrix) -> tuple[Size, bool]:
    """The distance of rows as the library sees them, and whether the matrix is stored transposed."""
    if matrix.column_stride == 1:
        return matrix.row_stride, False
    return matrix.column_stride, True


def _scale(alpha: Coef) -> tuple[float, tuple[tuple[Size, int], ...]]:
    return float(alpha.number), alpha.sizes


def _inverse(order: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(range(len(order)), key=order.__getitem__))

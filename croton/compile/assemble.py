"""From the scheduler's plan to the runtime's program: sizes become entries of one table, places in memory entries of another.

The result is plain data, which is what the disk cache keeps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from croton.compile.calls import program_calls
from croton.compile.interface import Interface, Leaf
from croton.compile.routines import Placement
from croton.compile.size_table import SizeTable
from croton.compile.tables import Tables
from croton.runtime.calls.copy import Copy
from croton.runtime.program import Array, Constant, Output, Program, Shared, SizeCheck, Update
from croton.schedule.plan import Plan, every_body
from croton.sizes import Size, product


class Assembled(NamedTuple):
    """A program, the constant arrays that it reads as shared variables after the real ones, the routines that it calls, the results that its last
    calls copy, and the names of the runtime's routines among what it calls."""

    program: Program
    constants: tuple[np.ndarray, ...]
    routines: tuple[tuple[Any, Placement], ...]
    copied: tuple[int, ...]
    own: frozenset[str]


def assemble(plan: Plan, interface: Interface, release_work: Size = -1, flush_subnormals: bool = False) -> Assembled:
    """The program of a plan. Raises ShapeError for a size that no argument determines."""
    return _Assembly(plan, interface).assemble(release_work, flush_subnormals)


class _Assembly:
    """One pass over the plan with one table of sizes."""

    def __init__(self, plan: Plan, interface: Interface) -> None:
        self.plan = plan
        self.interface = interface
        self.sizes = SizeTable()
        self.composite: list[tuple[int, Size]] = []
        self.written, self.copied = self._replaced()
        self.given_away = {result.donor for number, result in enumerate(interface.results) if interface.in_donor(plan, number)}
        # Checks of the calls in order, then of what is copied, then those inside of loops.
        self.tables = Tables(interface, self.sizes, plan.kernels, len(plan.calls) + len(self.copied))

    def assemble(self, release_work: Size, flush_subnormals: bool) -> Assembled:
        index, tables = self.sizes.index, self.tables
        inputs = [Array(leaf.dtype.name, self._bound(leaf), i in self.given_away) for i, leaf in enumerate(self.interface.inputs)]
        shared_sizes = [self._bound(leaf) for leaf in self.interface.shared]
        for plan in every_body(self.plan):
            for value in plan.values:
                if value.home[0] == "constant":
                    tables.constant(value.home[1])
        checks = self._equal_sizes()
        shared = [Shared(leaf.dtype.name, sizes, i in self.written) for i, (leaf, sizes) in enumerate(zip(self.interface.shared, shared_sizes))]
        shared += [Shared(array.dtype.name, tuple(map(index, array.shape))) for array in tables.constants]
        extents = self._extents()
        slots, arena = self.plan.arena.starts(index, self._add, self._most)
        if self.interface.budget:
            checks.append(self._within_budget(arena, len(checks)))
        outputs, updates, stored = self._results()
        program = Program(tuple(inputs), outputs, (), shared=tuple(shared), slots=tuple(slots), arena=arena, updates=updates)
        tables.lay_out(program, stored)
        calls = [*program_calls(self.plan, tables), *[self._copy(number) for number in self.copied]]
        work = index(release_work) if release_work != -1 else -1
        program = program._replace(
            calls=tuple(calls),
            views=tuple(tables.views),
            extents=extents,
            constants=tuple([Constant(place, value) for value, place in self.sizes.constants.items()]),
            sizes=self.sizes.count,
            size_operations=tuple(self.sizes.operations),
            size_checks=tuple(checks),
            structure=self.interface.structure,
            work=work,
            flush_subnormals=flush_subnormals,
        )
        return Assembled(program, tuple(tables.constants), tuple(tables.routines), tuple(self.copied), frozenset(tables.own))

    def _replaced(self) -> tuple[set[int], list[int]]:
        """The shared variables that are written in place, and the results that have to be copied from where they are."""
        position = {leaf.key: i for i, leaf in enumerate(self.interface.shared)}
        written: set[int] = set()
        copied: list[int] = []
        for number, result in enumerate(self.interface.results):
            kind, key = self.plan.values[self.plan.outputs[number]].home
            if result.shared >= 0 and kind == "input" and position.get(key) == result.shared:
                written.add(result.shared)
            elif self.interface.in_donor(self.plan, number):
                continue
            elif (kind, key) != ("output", number):
                copied.append(number)
        return written, copied

    def _bound(self, leaf: Leaf) -> tuple[int, ...]:
        """Entries for an argument's extents; a size that is an expression is compared once everything is bound."""
        places = []
        for size in leaf.shape:
            known = isinstance(size, int) or size in self.sizes.known
            place = self.sizes.bind(size)
            if not known and size not in self.sizes.known:
                self.composite.append((place, size))
            places.append(place)
        return tuple(places)

    def _equal_sizes(self) -> list[SizeCheck]:
        """What has to hold of the sizes of arguments."""
        index = self.sizes.index
        self.sizes.solve(self.composite)
        pairs = [(place, index(size)) for place, size in self.composite]
        pairs += [(index(left), index(right)) for left, right in self.interface.size_checks]
        return [SizeCheck("equal", left, right, error) for error, (left, right) in enumerate(pairs)]

    def _within_budget(self, arena: int, error: int) -> SizeCheck:
        """That the arena and what a call returns take no more than they may."""
        total = arena
        for size in self.interface.returned(self.plan):
            total = self._add(total, self.sizes.index(size))
        return SizeCheck("at_least", self.sizes.index(self.interface.budget), total, error)

    def _extents(self) -> tuple[int, ...]:
        """The bytes of each argument, where some are given away: these may share memory with no other."""
        if not self.given_away:
            return ()
        arguments = [(leaf.shape, leaf.dtype.itemsize) for leaf in (*self.interface.inputs, *self.interface.shared)]
        arguments += [(array.shape, array.itemsize) for array in self.tables.constants]
        return tuple([self.sizes.index(product(shape) * itemsize) for shape, itemsize in arguments])

    def _results(self) -> tuple[tuple[Output, ...], tuple[Update, ...], dict[int, int]]:
        """What a call returns, what it stores into shared variables, and which result each of the latter is."""
        outputs: list[Output] = []
        updates: list[Update] = []
        stored: dict[int, int] = {}
        for number, result in enumerate(self.interface.results):
            places = tuple(map(self.sizes.index, result.shape))
            if self.interface.in_donor(self.plan, number):
                outputs.append(Output("input", result.dtype.name, places, result.donor))
            elif result.shared < 0:
                outputs.append(Output("new", result.dtype.name, places))
            elif result.shared not in self.written:
                stored[number] = len(updates)
                updates.append(Update(result.shared, result.dtype.name, places))
        return tuple(outputs), tuple(updates), stored

    def _copy(self, number: int) -> Copy:
        value = self.plan.values[self.plan.outputs[number]]
        return Copy(self.tables.result(number), self.tables.pointer(value.home), self.sizes.index(value.bytes))

    def _add(self, left: int, right: int) -> int:
        return self.sizes.shared("add", left, right)

    def _most(self, left: int, right: int) -> int:
        return left if left == right else self.sizes.shared("maximum", left, right)

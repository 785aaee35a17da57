"""What the calls of a program name by number, while it is written: sizes, places in memory, kernels, routines, checks."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from croton.compile.interface import Interface
from croton.compile.routines import Placement
from croton.compile.size_table import SizeTable
from croton.kernel.language import Kernel
from croton.runtime.program import POINTER_KINDS, Program, View
from croton.schedule.plan import Home


class Tables:
    """The tables of one program.

    sizes      entries of `S`
    kernels    those of the plan
    constants  arrays of the plan, which lie behind the shared variables
    routines   what is called, with how memory is seen by it
    views      entries at the end of `P` that loops move
    own        names of the runtime's routines that calls are done by
    checks     numbers for the checks inside of loops, in the order in which the account lists them
    """

    def __init__(self, interface: Interface, sizes: SizeTable, kernels: Sequence[Kernel], first_check: int) -> None:
        self.sizes = sizes
        self.kernels = kernels
        self.constants: list[np.ndarray] = []
        self.routines: list[tuple[Any, Placement]] = []
        self.views: list[View] = []
        self.own: set[str] = set()
        self.checks = itertools.count(first_check)
        self._constant_numbers: dict[int, int] = {}
        self._shared = len(interface.shared)
        self._leaves: dict[Hashable, tuple[str, int]] = {leaf.key: ("shared", i) for i, leaf in enumerate(interface.shared)}
        self._leaves |= {leaf.key: ("input", i) for i, leaf in enumerate(interface.inputs)}

    def constant(self, array: np.ndarray) -> int:
        """The number of a constant array."""
        found = self._constant_numbers.get(id(array))
        if found is None:
            found = self._constant_numbers[id(array)] = len(self.constants)
            self.constants.append(array)
        return found

    def lay_out(self, program: Program, updates: dict[int, int]) -> None:
        """Give addresses their entries: those of a program that is complete but for calls and views. `updates` are results that it stores, by their number."""
        self._first = {kind: program.pointer(kind, 0) for kind in POINTER_KINDS}
        self._updates = updates

    def pointer(self, home: Home) -> int:
        """The entry of `P` for a place in memory."""
        kind, key = home
        if kind == "slot":
            return self._first["slot"] + key
        if kind == "input":
            kind, number = self._leaves[key]
            return self._first[kind] + number
        if kind == "constant":
            return self._first["shared"] + self._shared + self.constant(key)
        return self.result(key)

    def own_routine(self, name: str) -> str:
        """The name of a routine of the runtime's, which the program calls; "" is none."""
        if name:
            self.own.add(name)
        return name

    def result(self, number: int) -> int:
        """The entry of `P` for a result: an array that a call returns, or stores into a shared variable."""
        if number in self._updates:
            return self._first["update"] + self._updates[number]
        return self._first["output"] + number

    def view(self, base: int) -> int:
        """An entry of `P` that a loop moves along the memory of another one."""
        self.views.append(View(base, self.sizes.index(0)))
        return self._first["view"] + len(self.views) - 1

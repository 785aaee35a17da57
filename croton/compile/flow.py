"""What each call of a program reads and writes, by names: arguments by theirs, results and temporaries by number."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from croton.algebra.loop import Slot
from croton.compile.gist import gist, mentioned, named, results_of, without_parts
from croton.compile.interface import Interface
from croton.kernel.parallelise import sweeps
from croton.schedule.memory import accesses
from croton.schedule.plan import BoundsCheck, Call, KernelCall, LoopCall, MatrixCall, Plan, ProductCall, RoutineCall

MOST_NAMES = 4
"""Names that are listed on one side of an arrow."""

MOST_IN_A_STEP = 3
"""Calls of a step whose formulas are shown with the loop."""


class Flow:
    """The names of a plan's values."""

    def __init__(self, plan: Plan, interface: Interface) -> None:
        self.plan = plan
        self.keys = {leaf.key: leaf.name or f"arg{i}" for i, leaf in enumerate(interface.inputs)}
        self.keys.update({leaf.key: leaf.name or f"shared{i}" for i, leaf in enumerate(interface.shared)})
        returned = sum(result.shared < 0 for result in interface.results)
        self.results = [
            (f"result {i}" if returned > 1 else "result") if result.shared < 0 else f"new {interface.shared[result.shared].name or f'shared{result.shared}'}"
            for i, result in enumerate(interface.results)
        ]
        self.temporaries: dict[int, str] = {}
        # Kernels are few, and calls are many.
        touched = [accesses(kernel) for kernel in plan.kernels]
        self.stores = [
            [any(access.write for access in found.get(buffer.name, ())) for buffer in kernel.buffers] for kernel, found in zip(plan.kernels, touched)
        ]
        self.loads = [
            [any(not access.write for access in found.get(buffer.name, ())) for buffer in kernel.buffers] for kernel, found in zip(plan.kernels, touched)
        ]
        self.formulas = [[results_of(kernel._replace(body=sweep.body)) for sweep in sweeps(kernel)] for kernel in plan.kernels]
        self.private = self._private()
        self.replaced = set(self._replaced())

    def _replaced(self) -> Iterator[int]:
        """What lies in a result's memory until a kernel makes the result of it."""
        for call in self.plan.calls:
            if not isinstance(call, KernelCall):
                continue
            homes = [self.plan.values[value].home for value in call.values]
            stores = self.stores[call.kernel]
            made = {home for home, stored in zip(homes, stores) if stored and home[0] == "output"}
            if made:
                yield from [value for value, home, stored in zip(call.values, homes, stores) if not stored and home[0] == "output" and home in made]

    def _private(self) -> set[int]:
        """What one kernel call alone touches."""
        calls = Counter([value for call in self.plan.calls for value in set(_touched(call))])
        kernels = [value for call in self.plan.calls if isinstance(call, KernelCall) for value in call.values]
        return {value for value in kernels if calls[value] == 1 and self.plan.values[value].home[0] == "slot"}

    def text(self, call: Call) -> str:
        """x, W -> t1: the values of a call."""
        if isinstance(call, BoundsCheck):
            return self._names([call.value])
        if isinstance(call, LoopCall):
            return ""
        if isinstance(call, KernelCall):
            read = list(itertools.compress(call.values, self.loads[call.kernel]))
            written = list(itertools.compress(call.values, self.stores[call.kernel]))
            # What is written and read again in one pass is a result of it.
            read = [value for value in read if value not in written or self.plan.values[value].home[0] == "input"]
            written = [value for value in written if value not in self.private]
        elif isinstance(call, ProductCall):
            read, written = [call.left, call.right], [call.out]
        else:
            read, written = list(call.inputs), call.made if isinstance(call, MatrixCall) else list(call.outputs)
        return f"{self._names(read)} -> {self._names(written)}" if read else f"-> {self._names(written)}"

    def does(self, call: Call) -> str:
        """What a kernel computes, in these names; what the calls in a step of a loop do, where there are few."""
        if isinstance(call, KernelCall):
            return "\n".join(self._gists(call, self._name, self.private))
        return self._of_step(call) if isinstance(call, LoopCall) and len(call.body.calls) <= MOST_IN_A_STEP else ""

    def _gists(self, call: KernelCall, name: Callable[[int], str], private: set[int]) -> list[str]:
        """What each sweep of a kernel computes. Only what is mentioned gets a name."""
        values = named(self.plan.kernels[call.kernel], call.values)
        own = {buffer for buffer, value in values.items() if value in private}
        results = [without_parts(found, own) for found in self.formulas[call.kernel]]
        wanted = {buffer for found in results for buffer in mentioned(found)}
        return [gist(found, {buffer: name(value) for buffer, value in values.items() if buffer in wanted}) for found in results]

    def _of_step(self, loop: LoopCall) -> str:
        """A step of a loop: its carries by number, what it reads and stacks by the names of the arrays."""
        names: dict[tuple, str] = {("output", place): f"next c{place}" for place in range(len(loop.body.outputs))}
        names |= {("output", place): self._name(value) for place, value in loop.taps}
        names |= {("input", Slot("element", number)): self._name(value) for number, value in loop.elements}
        names |= {("input", Slot("fixed", number)): self._name(value) for number, value in loop.fixed}
        own: dict[int, str] = {}

        def name(value: int) -> str:
            kind, key = home = loop.body.values[value].home
            if home in names:
                return names[home]
            if isinstance(key, Slot):
                return f"c{key.number}"
            return "a constant" if kind == "constant" else own.setdefault(value, f"s{len(own)}")

        done = []
        for call in loop.body.calls:
            if isinstance(call, KernelCall):
                done += self._gists(call, name, set())
            elif isinstance(call, ProductCall):
                done.append(f"{name(call.out)} = {name(call.left)} @ {name(call.right)}")
            else:
                return ""
        return f"a step: {'; '.join(done)}"

    def _names(self, values: Iterable[int]) -> str:
        names = list(dict.fromkeys([self._name(value) for value in values]))
        if len(names) > MOST_NAMES + 1:
            names = [*names[:MOST_NAMES], f"{len(names) - MOST_NAMES} more"]
        return ", ".join(names)

    def _name(self, value: int) -> str:
        kind, key = self.plan.values[value].home
        if kind == "input":
            return self.keys.get(key, "?")
        if kind == "output" and value not in self.replaced:
            return self.results[key]
        if kind == "constant":
            return "a constant"
        return self.temporaries.setdefault(value, f"t{len(self.temporaries)}")


def _touched(call: Call) -> Sequence[int]:
    """The values that a call reads or writes."""
    if isinstance(call, KernelCall):
        return call.values
    if isinstance(call, ProductCall):
        return call.left, call.right, call.out
    if isinstance(call, BoundsCheck):
        return (call.value,)
    if isinstance(call, RoutineCall | MatrixCall):
        return *call.inputs, *call.outputs
    around = [*call.carried.firsts.values(), *call.made, *[value for _, value in (*call.elements, *call.fixed)]]
    return around if call.limit < 0 else [*around, call.limit]

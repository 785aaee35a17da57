"""Kernels that go over the same array one after the other, as one kernel that sweeps over it several times.

A pass that needs what another one has summed over all rows, as the passes of a batch normalisation do, has to wait for it. It need not be a kernel of
its own: the threads that share the rows wait for one another between sweeps. A report then says in one place what an expert would have written as one function.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from croton.kernel.join import swept
from croton.kernel.language import Kernel, Load, Store
from croton.kernel.parallelise import every_statement, sweeps
from croton.schedule.plan import Call, KernelCall, LoopCall, Pass, Plan, PlanValue, every_body, with_kernels
from croton.sizes import hint, product

LONGEST = 300
"""The greatest number of statements of a kernel with several sweeps: what a function takes to compile grows faster than its length."""


def in_sweeps(plan: Plan) -> Plan:
    """The plan with one kernel in the place of those that are sweeps over one array, in its loops too."""
    work = _Sweeps(plan.kernels)
    calls = work.calls(plan)
    if len(work.kernels) == len(plan.kernels):
        return plan
    plan = plan._replace(kernels=tuple(work.kernels), calls=calls)
    used = list(dict.fromkeys([call.kernel for body in every_body(plan) for call in body.calls if isinstance(call, KernelCall)]))
    number = {kernel: place for place, kernel in enumerate(used)}
    renumbered = with_kernels(plan, [(number.get(kernel, -1), ()) for kernel in range(len(plan.kernels))])
    return renumbered._replace(kernels=tuple([plan.kernels[kernel] for kernel in used]))


class _Sweeps:
    """The kernels so far: those of the plan, and behind them those that are several of these."""

    def __init__(self, kernels: Sequence[Kernel]) -> None:
        self.kernels = list(kernels)
        self.lengths = [sum(1 for _ in every_statement(kernel.body)) for kernel in kernels]
        self.stored = [_places(kernel, Store) for kernel in kernels]
        self.loaded = [_places(kernel, Load) for kernel in kernels]
        self.parallel = [sweeps(kernel)[-1].loop is not None for kernel in kernels]
        self.known: dict[Hashable, tuple[int, tuple[Any, ...], tuple[Any, ...]]] = {}

    def calls(self, plan: Plan) -> tuple[Call, ...]:
        """The calls of a plan, with kernels that are sweeps over one array as one. Loops nest as deep as the user's, so recursion is bounded."""
        found: list[Call | list[KernelCall]] = []
        for call in plan.calls:
            if isinstance(call, KernelCall) and self.kernels[call.kernel].steps is None:
                last = found[-1] if found else None
                if isinstance(last, list) and self.fits(plan.values, last, call):
                    last.append(call)
                else:
                    found.append([call])
            elif isinstance(call, LoopCall):
                found.append(call._replace(body=call.body._replace(calls=self.calls(call.body))))
            else:
                found.append(call)
        return tuple([self.joined(each) if isinstance(each, list) else each for each in found])

    def fits(self, values: Sequence[PlanValue], before: Sequence[KernelCall], after: KernelCall) -> bool:
        """Whether a call may be one more sweep of others before it."""
        length = sum([self.lengths[call.kernel] for call in (*before, after)])
        return length <= LONGEST and self.go_over_one(values, before, after)

    def go_over_one(self, values: Sequence[PlanValue], before: Sequence[KernelCall], after: KernelCall) -> bool:
        """Whether a call waits for what others before it make, and the largest array that it and the last of these touch is one that both touch."""
        made = {_memory(values[call.values[place]]) for call in before for place in self.stored[call.kernel]}
        if all(_memory(values[after.values[place]]) not in made for place in self.loaded[after.kernel]):
            return False
        touched = [values[value] for value in before[-1].values]
        shared = {_memory(value) for value in touched}.intersection([_memory(values[value]) for value in after.values])
        both = [*touched, *[values[value] for value in after.values]]
        most = max(map(_elements, both))
        return most > 1 and any(_elements(value) == most and _memory(value) in shared for value in both)

    def joined(self, calls: list[KernelCall]) -> KernelCall:
        """Calls as one call."""
        if len(calls) == 1:
            return calls[0]
        values = list(dict.fromkeys([value for call in calls for value in call.values]))
        sizes = list(dict.fromkeys([size for call in calls for size in call.sizes]))
        place = {value: number for number, value in enumerate(values)}
        where = {size: number for number, size in enumerate(sizes)}
        # Layers that are alike give equal kernels, whatever their values are.
        memory = tuple([tuple([place[value] for value in call.values]) for call in calls])
        extents = tuple([tuple([where[size] for size in call.sizes]) for call in calls])
        key = tuple([call.kernel for call in calls]), memory, extents
        if key not in self.known:
            joined = swept([self.kernels[call.kernel] for call in calls], memory, extents)
            self.known[key] = len(self.kernels), joined.buffers, joined.sizes
            self.kernels.append(joined.kernel)
        kernel, buffers, parameters = self.known[key]
        passes: list[Pass] = []
        for call in calls:
            # A pass without a loop to share out is done with what follows the sweep before it.
            sweep = passes[-1].sweep + self.parallel[call.kernel] if passes else 0
            passes.append(call.passes[0]._replace(sweep=sweep))
        origins = tuple(dict.fromkeys([line for call in calls for line in call.origins]))
        return KernelCall(kernel, tuple([values[number] for number in buffers]), tuple([sizes[number] for number in parameters]), origins, tuple(passes))


def _places(kernel: Kernel, kind: type[Store] | type[Load]) -> list[int]:
    """The numbers of the buffers that a kernel stores to, or loads from."""
    names = {statement.buffer for statement in every_statement(kernel.body) if isinstance(statement, kind)}
    return [place for place, buffer in enumerate(kernel.buffers) if buffer.name in names]


def _memory(value: PlanValue) -> Hashable:
    kind, where = value.home
    return kind, id(where) if kind == "constant" else where


def _elements(value: PlanValue) -> int:
    return hint(product(value.shape))

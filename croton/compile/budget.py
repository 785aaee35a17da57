"""Memory budgets: a plan that takes no more than it may, or an error that says what it needs.

A plan that takes too much is made again with an axis in chunks (`algebra.chunk`): the axis whose largest values are never needed whole, in smaller and smaller
chunks until it fits; then a second one, if need be. Sizes that are not known yet are taken to be what their hints say; each call checks what it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from croton.algebra.chunk import Region, chunked, regions
from croton.algebra.node import Operand
from croton.compile.words import amount
from croton.schedule.plan import KernelCall, LoopCall, Plan, ProductCall, RoutineCall
from croton.sizes import Size, hint, product, symbols
from croton.util.errors import MemoryBudgetError
from croton.util.provenance import Line

MOST_REGIONS = 4
"""So many axes are tried in chunks."""

MOST_VALUES = 8
"""Around so many of the largest values."""

MOST_ROUNDS = 3
"""So many axes are cut into chunks at most."""

MOST_LINES = 3
"""So many of the lines that make the largest values are named."""

Planner = Callable[[Sequence[Operand]], Plan]
Returned = Callable[[Plan], Sequence[Size]]


class Chunks(NamedTuple):
    """What was done to stay within a budget: an axis of a size is gone through in chunks; the bytes that are not all there at once, and the user's line."""

    size: Size
    each: int
    bytes: int
    line: Line | None


class Fitted(NamedTuple):
    """A plan, of which values, and what was done to it."""

    plan: Plan
    operands: list[Operand]
    chunks: tuple[Chunks, ...]


def likely_peak(plan: Plan, returned: Sequence[Size]) -> int:
    """What a call takes beyond its arguments at the likely sizes."""
    return plan.arena.starts(hint, lambda a, b: a + b, max)[1] + sum(map(hint, returned))


def fitted(operands: Sequence[Operand], planner: Planner, returned: Returned, budget: int) -> Fitted:
    """A plan within the budget. Raises MemoryBudgetError where none is found."""
    tried: list[tuple[int, Fitted]] = []

    def attempt(current: Sequence[Operand], chunks: tuple[Chunks, ...]) -> int:
        plan = planner(current)
        peak = likely_peak(plan, returned(plan))
        tried.append((peak, Fitted(plan, list(current), chunks)))
        return peak

    attempt(operands, ())
    for _ in range(MOST_ROUNDS):
        least, best = min(tried, key=lambda pair: pair[0])
        if least <= budget:
            return next(found for peak, found in tried if peak <= budget)
        for region in regions([operand.use for operand in best.operands], MOST_VALUES)[:MOST_REGIONS]:
            if region.inside and _in_chunks(best, region, attempt, budget):
                return tried[-1][1]
        if min(tried, key=lambda pair: pair[0])[0] >= least:
            break
    least, best = min(tried, key=lambda pair: pair[0])
    raise _error(best.plan, least, returned(best.plan), budget)


def _in_chunks(base: Fitted, region: Region, attempt: Callable[[Sequence[Operand], tuple[Chunks, ...]], int], budget: int) -> bool:
    """Try a region in smaller and smaller chunks until one fits. The memory falls with the chunk, by and large, so that two attempts foretell the next."""
    line = max(region.order, key=lambda node: hint(product(node.dims))).origin
    tried: list[tuple[int, int]] = []
    each = hint(region.size)
    while each > 2:
        each = max(2, each // 2)
        if len(tried) > 1:
            (before, more), (last, less) = tried[-2:]
            if more > less:
                each = max(2, min(each, int(last - (less - budget) * (before - last) / (more - less))))
        each = _without_one_left(region.size, each)
        chunks = (*base.chunks, Chunks(region.size, each, region.inside, line))
        uses = chunked([operand.use for operand in base.operands], region, each)
        found = attempt([Operand(operand.axes, use) for operand, use in zip(base.operands, uses)], chunks)
        if found <= budget:
            return True
        if tried and each >= tried[-1][0]:
            break
        tried.append((each, found))
    return False


def _without_one_left(size: Size, each: int) -> int:
    """A chunk near this one that does not leave a single element over, which would be no axis."""
    while isinstance(size, int) and each > 2 and size % each == 1:
        each -= 1
    return each + 1 if isinstance(size, int) and size % each == 1 else each


def _error(plan: Plan, least: int, returned: Sequence[Size], budget: int) -> MemoryBudgetError:
    slots: dict[int, tuple[Line, ...]] = {}
    for call in plan.calls:
        for slot in _slots(plan, call):
            slots.setdefault(slot, tuple([line for line in call.origins if line is not None]))
    largest = sorted(slots, key=lambda slot: -hint(plan.slots[slot].size))
    rows: dict[str, None] = {}
    first: Line | None = None
    for slot in largest:
        for line in slots[slot][-1:]:
            first = first or line
            rows.setdefault(f"\n  {amount(hint(plan.slots[slot].size))}B at {line}\n      {line.text}")
        if len(rows) == MOST_LINES:
            break
    results = sum(map(hint, returned))
    open_sizes = any(symbols(slot.size) for slot in plan.slots) or any(symbols(size) for size in returned)
    where = "; the largest of the values between are made here:" + "".join(rows) if rows else ""
    return MemoryBudgetError(
        f"memory_budget: a call{' at the likely sizes' if open_sizes else ''} takes at least {least} bytes beyond its arguments, "
        f"{results} of them for results, and may take {budget}; allow more, checkpoint what makes large values, or work on less at once{where}",
        first,
    )


def _slots(plan: Plan, call: object) -> list[int]:
    """The slots that a call names."""
    if isinstance(call, KernelCall):
        values = list(call.values)
    elif isinstance(call, ProductCall):
        values = [call.out]
    elif isinstance(call, RoutineCall):
        values = list(call.outputs)
    elif isinstance(call, LoopCall):
        values = [entry[-1] for entry in (*call.stacked, *call.taps)] + [value for entry in call.rotating for value in entry[2:]]
        return [*[plan.values[value].home[1] for value in values if plan.values[value].home[0] == "slot"], *call.slots]
    else:
        values = []
    return [plan.values[value].home[1] for value in values if plan.values[value].home[0] == "slot"]

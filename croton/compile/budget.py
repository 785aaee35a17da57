"""Memory budgets: a plan that takes no more than it may, or an error that says what it needs.

A plan that takes too much is made again with an axis in chunks (`rewriting/chunk.py`): the axis whose largest values are never needed whole, in smaller and
smaller chunks until it fits. Where that does not help, values that wait for a derivative are computed a second time (`rewriting/remake.py`), in more and more
pieces; then both once more on top of what took least. Sizes that are not known yet are taken to be what their hints say, and then many times that; each
call checks what it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from croton.algebra.node import Operand
from croton.compile.words import amount
from croton.rewriting.chunk import Region, chunked, regions
from croton.rewriting.remake import remade
from croton.schedule.lives import Lives
from croton.schedule.plan import KernelCall, LoopCall, MatrixCall, Plan, ProductCall, RoutineCall
from croton.sizes import Size, Symbol, hint, product, symbols
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

MANY = 64
"""For calls with so many times the likely number of elements a plan in chunks is made."""

MOST_VAIN = 3
"""After so many attempts in turn that take no less than another one no more pieces are tried."""

PIECES = (0, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Into so many pieces a program is cut of which the values are computed again; 0 where only element-wise work is."""

Planner = Callable[[Sequence[Operand]], tuple[Plan, Lives]]
Returned = Callable[[Plan], Sequence[Size]]


class Chunks(NamedTuple):
    """What was done to stay within a budget: an axis of a size is gone through in chunks; the bytes that are not all there at once, and the user's line."""

    size: Size
    each: int
    bytes: int
    line: Line | None


class Fitted(NamedTuple):
    """A plan, of which values, what was done to it, and when what is in memory. `remade` are the bytes of values that are computed a second time."""

    plan: Plan
    operands: list[Operand]
    chunks: tuple[Chunks, ...]
    remade: int
    lives: Lives


def fitted(forms: Iterable[Sequence[Operand]], planner: Planner, returned: Returned, budget: int) -> Fitted:
    """A plan within the budget at the likely sizes, of the first of some forms of a program that has one. Raises MemoryBudgetError where none is found.

    Where sizes are open, a plan in chunks is made for calls with many more elements too, if there is one: it takes the elements of a likely call at once.
    """
    tried: list[tuple[int, Fitted]] = []
    for operands in forms:
        search = _Search(planner, returned, budget, {})
        found = search.found(search.planned(operands, (), 0))
        if found is not None:
            break
        tried += search.tried
    else:
        least, best = min(tried, key=lambda pair: pair[0])
        raise _error(best.plan, least, returned(best.plan), budget)
    for region in regions([operand.use for operand in found.operands], MOST_VALUES)[:MOST_REGIONS]:
        longer = {name: MANY * hint(name.size) for name in symbols(region.size)}
        if longer and region.inside:
            search = _Search(planner, returned, budget, longer)
            if search.peak(found.plan) > budget and search.in_chunks(found, region):
                found = search.tried[-1][1]
    return found


class _Search:
    """Plans that have been tried, with what they take at sizes that are what their hints say but for some that are given."""

    def __init__(self, planner: Planner, returned: Returned, budget: int, sizes: Mapping[Symbol, int]) -> None:
        self.planner, self.returned, self.budget, self.sizes = planner, returned, budget, sizes
        self.tried: list[tuple[int, Fitted]] = []

    def likely(self, size: Size) -> int:
        return hint(size, self.sizes)

    def peak(self, plan: Plan) -> int:
        """What a call takes beyond its arguments."""
        return plan.arena.starts(self.likely, lambda a, b: a + b, max)[1] + sum(map(self.likely, self.returned(plan)))

    def attempt(self, found: Fitted) -> int:
        peak = self.peak(found.plan)
        for chunks in found.chunks:
            # With as much as can be left over after the last chunk.
            names = symbols(chunks.size)
            if len(names) == 1 and chunks.size == names[0].size:
                whole = self.likely(chunks.size)
                fuller = _Search(self.planner, self.returned, self.budget, {**self.sizes, names[0]: whole - whole % chunks.each + chunks.each - 1})
                peak = max(peak, fuller.peak(found.plan))
        self.tried.append((peak, found))
        return peak

    def planned(self, operands: Sequence[Operand], chunks: tuple[Chunks, ...], remade: int) -> Fitted:
        plan, lives = self.planner(operands)
        return Fitted(plan, list(operands), chunks, remade, lives)

    def found(self, begin: Fitted) -> Fitted | None:
        """A plan within the budget."""
        if self.attempt(begin) <= self.budget:
            return begin
        for _ in range(MOST_ROUNDS):
            least, best = min(self.tried, key=lambda pair: pair[0])
            for region in regions([operand.use for operand in best.operands], MOST_VALUES)[:MOST_REGIONS]:
                if region.inside and self.in_chunks(best, region):
                    return self.tried[-1][1]
            if self.again(best):
                return self.tried[-1][1]
            if min(self.tried, key=lambda pair: pair[0])[0] >= least:
                break
        return None

    def again(self, base: Fitted) -> bool:
        """Try to compute values again, in more and more pieces until it fits or they do not help."""
        least, since = min(self.tried, key=lambda pair: pair[0])[0], 0
        for pieces in PIECES:
            found = remade([operand.use for operand in base.lives.operands], base.lives.of, base.lives.busiest, pieces)
            if found is None:
                continue
            operands = [Operand(operand.axes, use) for operand, use in zip(base.operands, found[0])]
            taken = self.attempt(self.planned(operands, base.chunks, base.remade + found[1]))
            if taken <= self.budget:
                return True
            since = 0 if taken < least else since + 1
            least = min(least, taken)
            if since == MOST_VAIN:
                break
        return False

    def in_chunks(self, base: Fitted, region: Region) -> bool:
        """Try a region in smaller and smaller chunks until one fits. The memory falls with the chunk, by and large, so that two attempts foretell the next."""
        line = max(region.order, key=lambda node: hint(product(node.dims))).origin
        points: list[tuple[int, int]] = []
        each = self.likely(region.size)
        while each > 2:
            each = max(2, each // 2)
            if len(points) > 1:
                (before, more), (last, less) = points[-2:]
                if more > less:
                    each = max(2, min(each, int(last - (less - self.budget) * (before - last) / (more - less))))
            each = without_one_left(region.size, each)
            if not each or (points and each >= points[-1][0]):
                break
            uses = chunked([operand.use for operand in base.operands], region, each)
            operands = [Operand(operand.axes, use) for operand, use in zip(base.operands, uses)]
            chunks = (*base.chunks, Chunks(region.size, each, region.inside, line))
            taken = self.attempt(self.planned(operands, chunks, base.remade))
            if taken <= self.budget:
                return True
            if points and taken >= points[-1][1]:
                break
            points.append((each, taken))
        return False


def without_one_left(size: Size, each: int) -> int:
    """A chunk near this one that does not leave a single element over, which would be no axis, and is not most of the axis; 0 if there is none."""
    if not isinstance(size, int):
        return each
    return next((near for near in (*range(each, 1, -1), *range(each + 1, size // 2 + 1)) if size % near != 1), 0)


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
        f"{results} of them for results, and may take {budget}; allow more, checkpoint what makes large values (a loop with checkpoint=\"sqrt\"), "
        f"or work on less at once{where}",
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
    elif isinstance(call, MatrixCall):
        values = call.made
        return [*[plan.values[value].home[1] for value in values if plan.values[value].home[0] == "slot"], *([] if call.work < 0 else [call.work])]
    elif isinstance(call, LoopCall):
        values = call.made
        return [*[plan.values[value].home[1] for value in values if plan.values[value].home[0] == "slot"], *call.slots]
    else:
        values = []
    return [plan.values[value].home[1] for value in values if plan.values[value].home[0] == "slot"]

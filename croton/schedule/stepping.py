"""Tiny steps: a loop whose step is a few small kernels runs many steps in one call of one kernel.

Going from call to call takes longer than the work of such a step. So the kernel itself goes on to the next one: what the loop moves along, or
exchanges, are addresses that stay in registers.
"""

from __future__ import annotations

from collections.abc import Sequence

from croton.algebra.loop import Slot
from croton.kernel.join import joined
from croton.kernel.language import Extent, Kernel, Steps
from croton.kernel.parallelise import every_statement
from croton.kernel.registers import Memory, in_registers, with_numbers
from croton.schedule.loop_detail import LoopDetail
from croton.schedule.plan import KernelCall, Pass, Plan
from croton.schedule.step import COSTS, HEAVY
from croton.sizes import Size, product

MOST_WORK = 1 << 14
"""Operations, or bytes, of a kernel from which on a call of its own costs nothing beside it. Far below what threads share out."""

MOST_KERNELS = 8
"""Kernels of a step that become one. More make a long function, which takes long to compile."""

MOST_STATEMENTS = 400
"""Statements of a step that become one kernel however many kernels they are."""

LONG = frozenset([name for name, cost in COSTS.items() if cost >= HEAVY])
"""Functions that take as long for one element as for a vector."""


def with_steps(body: Plan, detail: LoopDetail) -> Plan:
    """The program of a step as one kernel that runs many steps, if it should be one."""
    core = detail.core
    calls = [call for call in body.calls if isinstance(call, KernelCall)]
    if core.stop is not None or len(calls) < len(body.calls) or not calls or (len(calls) > MOST_KERNELS and _length(body, calls) > MOST_STATEMENTS):
        return body
    if not all(isinstance(size, int) and size <= MOST_WORK for call in calls for size in (call.flops, call.bytes)):
        return body
    passed = {carry.place for carry in detail.carried.delayed}
    if any(body.values[number].home != ("output", place) for place, number in enumerate(body.outputs) if place not in passed):
        return body
    kernel = joined([body.kernels[call.kernel] for call in calls]) if len(calls) > 1 else body.kernels[calls[0].kernel]
    values = [number for call in calls for number in call.values]
    sizes = dict(zip(kernel.sizes, [size for call in calls for size in call.sizes]))
    if len(calls) > 1:
        kernel, values = _in_registers(kernel, values, sizes, body)
    homes: dict[tuple, list[tuple[str, int]]] = {}
    for number, buffer in zip(values, kernel.buffers):
        homes.setdefault(body.values[number].home, []).append((buffer.name, number))
    links = _links(detail)
    whole = _with_all(kernel, body, links, homes, values)
    if whole is None:
        return body
    kernel, body = whole
    moves: list[tuple[str, Extent]] = []
    for home in _moving(detail):
        # What is read as a part of a row moves by whole rows.
        row = product(_row(home, detail, body))
        moves += [(name, _named(-row if core.reverse else row, sizes)) for name, _ in homes.get(home, ())]
    follows = []
    for place, *_ in detail.carried.trailing:
        rows = homes.get(("output", place))
        if rows is None:
            return body
        follows += [(name, rows[0][0]) for name, _ in homes.get(("input", Slot("carry", place)), ())]
    for one, other in links:
        follows += [(name, homes[other][0][0]) for name, _ in homes[one]]
    exchanges = []
    for carry in detail.carried.rotating:
        before, after = (tuple([name for name, _ in homes.get(home, ())]) for home in (("input", Slot("carry", carry.place)), ("output", carry.place)))
        if not before or not after:
            return body
        exchanges.append((before, after))
    stepping = kernel._replace(sizes=tuple(sizes), steps=Steps(tuple(moves), tuple(follows), tuple(exchanges)))
    origins = tuple(dict.fromkeys([line for call in calls for line in call.origins]))
    flops, traffic = (sum(column) for column in zip(*[(call.flops, call.bytes) for call in calls]))
    return body._replace(kernels=(stepping,), calls=(KernelCall(0, tuple(values), tuple(sizes.values()), origins, (Pass(flops, traffic),)),))


def _length(body: Plan, calls: Sequence[KernelCall]) -> int:
    """The statements of some calls."""
    return sum([sum(1 for _ in every_statement(body.kernels[call.kernel].body)) for call in calls])


def _in_registers(kernel: Kernel, values: list[int], sizes: dict[str, Size], body: Plan) -> tuple[Kernel, list[int]]:
    """The kernel with variables for what one of its parts hands on to another, and the values that are left for its buffers."""
    number_of = {buffer.name: number for buffer, number in zip(kernel.buffers, values)}
    homes = {name: body.values[number].home for name, number in number_of.items()}
    memory = Memory(homes, {home for home in homes.values() if home[0] == "slot"})
    found = in_registers(with_numbers(kernel, {name: size for name, size in sizes.items() if isinstance(size, int)}), memory, LONG)
    return joined([found]), [number_of[buffer.name] for buffer in found.buffers]


def _links(detail: LoopDetail) -> list[tuple[tuple, tuple]]:
    """Where the values live that lie where others lay, and these."""
    followers = {carry.source: carry.place for carry in detail.carried.delayed}
    found: list[tuple[tuple, tuple]] = [(("input", Slot("carry", carry.place)), ("input", Slot("carry", carry.source))) for carry in detail.carried.delayed]
    for place, *_ in detail.carried.rings:
        furthest = place
        while furthest in followers:
            furthest = followers[furthest]
        after = ("output", place)
        found += [(("input", Slot("carry", place)), after), (after, ("input", Slot("carry", furthest)))]
    return found


def _with_all(
    kernel: Kernel, body: Plan, links: list[tuple[tuple, tuple]], homes: dict[tuple, list[tuple[str, int]]], values: list[int]
) -> tuple[Kernel, Plan] | None:
    """The kernel with parameters for what it does not touch but hands on, too: what is longer ago and is wanted later. None if it touches nothing like it."""
    pending = dict.fromkeys([home for link in links for home in link if home not in homes])
    buffers, known = list(kernel.buffers), list(body.values)
    shapes = {buffer.name: buffer for buffer in buffers}
    while pending:
        # One that is known is next to each chain of those that are not.
        found = next(((one, other) for link in links for one, other in (link, link[::-1]) if one in pending and other in homes), None)
        if found is None:
            return None
        home, like = found
        del pending[home]
        name, number = homes[like][0]
        buffer = shapes[name]._replace(name=f"b{len(buffers)}")
        shapes[buffer.name] = buffer
        buffers.append(buffer)
        known.append(known[number]._replace(home=home))
        values.append(len(known) - 1)
        homes[home] = [(buffer.name, len(known) - 1)]
    return kernel._replace(buffers=tuple(buffers)), body._replace(values=tuple(known))


def _moving(detail: LoopDetail) -> list[tuple]:
    """Where the values live that are rows of arrays."""
    stacked = [home for carry in detail.carried.stacked for home in (("input", Slot("carry", carry.place)), ("output", carry.place))]
    elements = [("input", Slot("element", place)) for place, _ in detail.elements]
    trailing = [("output", carry.place) for carry in detail.carried.trailing]
    return [*stacked, *trailing, *elements, *[("output", place) for place, _ in detail.taps]]


def _row(home: tuple, detail: LoopDetail, body: Plan) -> tuple[Size, ...]:
    """The sizes of what lives there."""
    kind, where = home
    if kind == "output":
        return body.values[body.outputs[where]].shape
    return (detail.core.carries if where.role == "carry" else detail.core.elements)[where.number].dims


def _named(size: Size, sizes: dict[str, Size]) -> Extent:
    """The size as a kernel writes it, which may need a name more."""
    if isinstance(size, int):
        return size
    for name, known in sizes.items():
        if known == size:
            return name
    name = f"n{len(sizes)}"
    sizes[name] = size
    return name

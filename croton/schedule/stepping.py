"""Tiny steps: a loop whose step is a few small kernels runs many steps in one call of one kernel.

Going from call to call takes longer than the work of such a step. So the kernel itself goes on to the next one: what the loop moves along, or
exchanges, are addresses that stay in registers.
"""

from __future__ import annotations

from dataclasses import replace

from croton.algebra.loop import Slot
from croton.kernel.join import joined
from croton.kernel.language import Extent, Steps
from croton.schedule.loop import LoopDetail
from croton.schedule.plan import KernelCall, Plan
from croton.sizes import Size, product

MOST_WORK = 1 << 14
"""Operations, or bytes, of a kernel from which on a call of its own costs nothing beside it. Far below what threads share out."""

MOST_KERNELS = 8
"""Kernels of a step that become one. More make a long function, which takes long to compile."""


def with_steps(body: Plan, detail: LoopDetail) -> Plan:
    """The program of a step as one kernel that runs many steps, if it should be one."""
    core = detail.core
    calls = [call for call in body.calls if isinstance(call, KernelCall)]
    if core.stop is not None or len(calls) < len(body.calls) or not 0 < len(calls) <= MOST_KERNELS:
        return body
    if not all(isinstance(size, int) and size <= MOST_WORK for call in calls for size in (call.flops, call.bytes)):
        return body
    if any(body.values[number].home != ("output", place) for place, number in enumerate(body.outputs)):
        return body
    kernel = joined([body.kernels[call.kernel] for call in calls]) if len(calls) > 1 else body.kernels[calls[0].kernel]
    values = tuple([number for call in calls for number in call.values])
    sizes = dict(zip(kernel.sizes, [size for call in calls for size in call.sizes]))
    homes: dict[tuple, list[tuple[str, int]]] = {}
    for number, buffer in zip(values, kernel.buffers):
        homes.setdefault(body.values[number].home, []).append((buffer.name, number))
    moves: list[tuple[str, Extent]] = []
    for home in _moving(detail):
        for name, number in homes.get(home, ()):
            row = product(body.values[number].shape)
            moves.append((name, _named(-row if core.reverse else row, sizes)))
    follows = []
    for place, *_ in detail.trailing:
        after = homes.get(("output", place))
        if after is None:
            return body
        follows += [(name, after[0][0]) for name, _ in homes.get(("input", Slot("carry", place)), ())]
    exchanges = []
    for carry in detail.rotating:
        one, other = (tuple([name for name, _ in homes.get(home, ())]) for home in (("input", Slot("carry", carry.place)), ("output", carry.place)))
        if not one or not other:
            return body
        exchanges.append((one, other))
    stepping = kernel._replace(sizes=tuple(sizes), steps=Steps(tuple(moves), tuple(follows), tuple(exchanges)))
    origins = tuple(dict.fromkeys([line for call in calls for line in call.origins]))
    flops, traffic = (sum(column) for column in zip(*[(call.flops, call.bytes) for call in calls]))
    return replace(body, kernels=(stepping,), calls=(KernelCall(0, values, tuple(sizes.values()), origins, flops, traffic),))


def _moving(detail: LoopDetail) -> list[tuple]:
    """Where the values live that are rows of arrays."""
    stacked = [home for carry in detail.stacked for home in (("input", Slot("carry", carry.place)), ("output", carry.place))]
    elements = [("input", Slot("element", place)) for place, _ in detail.elements]
    trailing = [("output", carry.place) for carry in detail.trailing]
    return [*stacked, *trailing, *elements, *[("output", place) for place, _ in detail.taps]]


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

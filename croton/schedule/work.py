"""What a call does: its operations, and the bytes that it moves between memory and the processor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from croton.schedule.fuse import Group, Member
from croton.schedule.pieces import located
from croton.schedule.step import COSTS, Instruction, Operands, Position, Step, Value, memory_of
from croton.sizes import Size, least, nonnegative, product, quotient

MOVED = 16
"""Bytes that take about as long to move as an operation takes."""


def work(flops: Size, moved: Size) -> Size:
    """As many operations as take about as long as so many of them and so many bytes moved: a copy computes nothing, and takes its time."""
    return flops if nonnegative(MOVED * flops - moved) else flops + quotient(moved, MOVED)


def flops_of_kernel(group: Group) -> Size:
    """Predicted operations of a kernel; a transcendental function counts as twenty.

    An instruction counts for each value of the labels that it depends on: what does not change inside a loop is computed before it.
    """
    total: Size = 0
    for member in group.members:
        step = member.step
        cost: dict[int, int] = {} if step.op is None else {(1 << len(step.dims)) - 1: 1}
        for instruction, labels in zip(step.body, _dependences(step)):
            if COSTS[instruction[0]]:
                cost[labels] = cost.get(labels, 0) + COSTS[instruction[0]]
        for labels, count in cost.items():
            total = total + _extent(step, labels) * count
    return total


def traffic_of_kernel(group: Group, values: Iterable[Value]) -> Size:
    """Predicted memory traffic of a kernel: the elements of these arrays that it reads or writes, each once.

    Of what is read or written at places that are computed, such as rows of a table, there are as many as places, but not more than the array has.
    """
    touched: dict[Value, dict[tuple, Size]] = {}
    for member in group.members:
        step = member.step
        dependences = _dependences(step)
        for instruction in step.body:
            if instruction[0] == "load":
                _note(touched, instruction[2], instruction[3], member, dependences)
        if step.kind == "map":
            _note(touched, step.out, tuple(range(len(step.out.dims))), member, dependences)
        elif step.kind == "scatter" and step.detail.fill is None:
            _note(touched, step.out, step.detail.at, member, dependences)
    total: Size = 0
    for value in dict.fromkeys(map(memory_of, values)):
        count = whole = product(value.dims)
        if value in touched:
            count = sum(touched[value].values(), start=_NOTHING)
            count = whole if count == whole else least(count, whole)
        total = total + count * value.dtype.itemsize
    return total


def traffic_of_product(step: Step) -> Size:
    """The bytes that a matrix product reads and writes: of an operand the rows and columns that are multiplied."""
    detail: Operands = step.detail
    sides = {detail.left: detail.left_labels, detail.right: detail.right_labels}
    total: Size = product(step.out.dims) * (1 if detail.accumulate is None else 2)
    for labels in sides.values():
        total = total + product([step.dims[label] for label in labels])
    return total * step.out.dtype.itemsize


def traffic_of_arrays(values: Iterable[Value]) -> Size:
    """The bytes of arrays that are read or written whole."""
    return sum([product(value.dims) * value.dtype.itemsize for value in dict.fromkeys(map(memory_of, values))], start=_NOTHING)


_NOTHING: Size = 0


def _note(touched: dict[Value, dict[tuple, Size]], value: Value, index: tuple, member: Member, dependences: Sequence[int]) -> None:
    """Count the elements of an array that a step touches at an index. Steps that touch it at equal places touch the same ones."""
    value, index = located(value, index)
    computed = any(term < 0 for entry in index if type(entry) is not int for term, _ in entry.terms)
    places = tuple([entry if type(entry) is not int and computed else _in_space(entry, member) for entry in index])
    labels = 0
    for entry in index:
        labels |= _labels_of(entry, dependences)
    touched.setdefault(memory_of(value), {})[(id(member.step) if computed else id(value), *places)] = _extent(member.step, labels)


def _in_space(entry: int | Position, member: Member) -> int | Position:
    """An entry of an index with places of the space of the kernel for labels of the step."""
    if isinstance(entry, int):
        return member.labels[entry]
    return Position(tuple([(member.labels[term], weight) for term, weight in entry.terms]), entry.const)


def _extent(step: Step, labels: int) -> Size:
    """How many values labels of a step have, together."""
    return product([extent for label, extent in enumerate(step.dims) if labels >> label & 1])


def _dependences(step: Step) -> list[int]:
    """The labels that each instruction of a step depends on, as bits."""
    found: list[int] = []
    for instruction in step.body:
        found.append(_dependence(instruction, found))
    return found


def _dependence(instruction: Instruction, before: Sequence[int]) -> int:
    kind = instruction[0]
    labels = 0
    if kind == "load":
        for entry in instruction[3]:
            labels |= _labels_of(entry, before)
        if instruction[4] >= 0:
            labels |= before[instruction[4]]
    elif kind == "index":
        labels = 1 << instruction[2]
    elif kind not in ("const", "coef"):
        for argument in instruction[2]:
            labels |= before[argument]
    return labels


def _labels_of(entry: int | Position, before: Sequence[int]) -> int:
    """The labels that an entry of an index depends on."""
    labels = 0
    for term in (entry,) if isinstance(entry, int) else [term for term, _ in entry.terms]:
        labels |= before[~term] if term < 0 else 1 << term
    return labels

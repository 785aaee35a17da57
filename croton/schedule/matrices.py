"""Calls of routines on matrices that are machine code: what they read and write, as stacks of matrices in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from croton.algebra.call import first_result, results_of
from croton.algebra.matrix_routine import MatrixRoutine
from croton.algebra.node import Label, Node
from croton.schedule.draft import Draft
from croton.schedule.step import BodyBuilder, Source, Step, Value
from croton.sizes import Size, least, product

MOST_PARTS = 8
"""Parts of a stack that work side by side in memory of their own."""

Labels = tuple[int | None, ...]
"""A label for each axis, None for one of size 1."""


class Operand(NamedTuple):
    """An argument or result: its value, with a label for each axis of that, and the axes of one matrix. A result that nobody reads has no value."""

    value: Value | None
    labels: tuple[int, ...]
    own: Labels


class Routine(NamedTuple):
    """What a step does: arguments and results, labels of the stack's axes, and the sizes of all labels."""

    record: MatrixRoutine
    options: tuple[bool, ...]
    arguments: tuple[Operand, ...]
    results: tuple[Operand, ...]
    stack: tuple[int, ...]
    sizes: tuple[Size, ...]

    def reads(self) -> list[Value]:
        """The values of the arguments."""
        return [operand.value for operand in self.arguments if operand.value is not None]

    def makes(self) -> list[Value]:
        """The values of the results."""
        return [operand.value for operand in self.results if operand.value is not None]

    def shapes(self) -> list[tuple[Size, ...]]:
        """The shape of one matrix of each argument and result."""
        return [tuple([1 if label is None else self.sizes[label] for label in operand.own]) for operand in (*self.arguments, *self.results)]


class Matrix(NamedTuple):
    """A stack of matrices in memory: rows and columns, and the distances of these and of the members along each axis of the stack, in elements."""

    rows: Size
    columns: Size
    row: Size
    column: Size
    stack: tuple[Size, ...]


def lower_matrices(draft: Draft, node: Node) -> Source:
    """One step makes all results that are wanted, whichever of them comes first."""
    first = first_result(node)
    key = ("matrices", first, node.param[1])
    if key not in draft.known:
        _add_step(draft, first)
    return draft.known[key]


def _add_step(draft: Draft, first: Node) -> None:
    routine, _, inputs, outputs = first.param
    record, sizes = routine.machine, first.dims + first.sums
    around = routine.around
    results = []
    wanted = _wanted(draft, first, record)
    for place, (layout, dtype) in enumerate(outputs):
        labels = tuple([label for label in layout if label is not None])
        value = None
        if wanted[place]:
            value = Value(tuple([sizes[label] for label in labels]), dtype)
            value.order = _order(len(labels), place in record.turned and None not in layout[around:])
            draft.known["matrices", first, place] = value
        results.append(Operand(value, labels, layout[around:]))
    arguments = []
    ranks = record.meaning.arguments
    for place, (layout, (child, positions)) in enumerate(zip(inputs, first.args)):
        source, own = draft.source(child), layout[len(layout) - ranks[place] :]
        # Whatever an element of is at one place is read where it lies; what is the same along an axis too, if it is copied anyway.
        missing = any(label is not None and label not in positions for label in own)
        if not isinstance(source, Value) or (place in record.in_place and (missing or len(set(positions)) < len(positions))):
            source, positions = _array(draft, source, positions, layout, sizes)
        arguments.append(Operand(source, tuple(positions), own))
    stack = tuple([label for label in outputs[0][0][:around] if label is not None])
    detail = Routine(record, routine.identity[1].options, tuple(arguments), tuple(results), stack, sizes)
    out = detail.makes()[0]
    draft.add(Step(out, "matrices", out.dims, None, (), detail, draft.origin))
    for value in detail.makes():
        value.step = out.step


def _wanted(draft: Draft, first: Node, record: MatrixRoutine) -> list[bool]:
    """Which results are made: those that somebody reads, and those that cannot be left out."""
    read = [operand.use.node in draft.uses for operand in results_of(first, [Label(size) for size in first.dims + first.sums])]
    groups = {place: group for group in record.optional for place in group}
    return [place not in groups or any(read[other] for other in groups[place]) for place in range(len(read))]


def _order(rank: int, turned: bool) -> tuple[int, ...]:
    """The axes as they are stored: the last two exchanged if the matrices lie in columns."""
    axes = list(range(rank))
    return (*axes[:-2], axes[-1], axes[-2]) if turned else tuple(axes)


def _array(draft: Draft, source: Source, positions: Sequence[int], layout: Labels, sizes: tuple[Size, ...]) -> tuple[Value, tuple[int, ...]]:
    """A source as an array of its own, with the labels of an argument for its axes."""
    labels = tuple([label for label in layout if label is not None])
    places = {label: number for number, label in enumerate(labels)}
    body = BodyBuilder()
    result = draft.read(body, source, tuple([places[label] for label in positions]))
    return draft.emit(tuple([sizes[label] for label in labels]), len(labels), None, body.finish(result)), labels


def with_copies(step: Step, copies: dict[tuple, Value]) -> list[Step]:
    """The step, behind those that copy what it reads in place and cannot take as it lies."""
    found: list[Step] = []
    detail: Routine = step.detail
    arguments = list(detail.arguments)
    for place in detail.record.in_place:
        operand = arguments[place]
        assert operand.value is not None
        matrix = matrix_of(operand, detail)
        if None in operand.own or 1 in (matrix.row, matrix.column):
            continue
        key = (operand.value, operand.labels)
        copy = copies.get(key)
        if copy is None:
            copy = copies[key] = Value(operand.value.dims, operand.value.dtype)
            copy.order = _with_own_inside(operand)
            body = BodyBuilder()
            body.load(operand.value, tuple(range(len(copy.dims))))
            copy.step = Step(copy, "map", copy.dims, None, tuple(body.instructions), None, None)
            copy.step.origin = step.origin
            found.append(copy.step)
        arguments[place] = operand._replace(value=copy)
    step.detail = detail._replace(arguments=tuple(arguments))
    return [*found, step]


def _with_own_inside(operand: Operand) -> tuple[int, ...]:
    """The order of an argument with the axes of one matrix last."""
    own = [operand.labels.index(label) for label in operand.own if label is not None]
    return (*[axis for axis in range(len(operand.labels)) if axis not in own], *own)


def matrix_of(operand: Operand, detail: Routine) -> Matrix:
    """Where the matrices of an argument or result lie. A vector has one column."""
    strides: dict[int | None, Size] = {}
    if operand.value is not None:
        stride: Size = 1
        for axis in reversed(operand.value.order):
            label = operand.labels[axis]
            # What is read along a diagonal goes on along both axes.
            strides[label] = strides.get(label, 0) + stride
            stride = stride * operand.value.dims[axis]
    sizes = [1 if label is None else detail.sizes[label] for label in (*operand.own, None)]
    row, column = [strides.get(label, 0) for label in (*operand.own, None)][:2]
    return Matrix(sizes[0], sizes[1], row, column, tuple([strides.get(label, 0) for label in detail.stack]))


def with_one_axis(stack: Sequence[Size], matrices: Sequence[Matrix]) -> tuple[tuple[Size, ...], tuple[Matrix, ...]]:
    """The axes of a stack, neighbours being one where every matrix goes through them as if they were, and the matrices with so many distances."""
    kept: list[Size] = []
    distances: list[list[Size]] = [[] for _ in matrices]
    for axis, size in enumerate(stack):
        if kept and all(found[-1] == matrix.stack[axis] * size for found, matrix in zip(distances, matrices)):
            kept[-1] = kept[-1] * size
            for found, matrix in zip(distances, matrices):
                found[-1] = matrix.stack[axis]
            continue
        kept.append(size)
        for found, matrix in zip(distances, matrices):
            found.append(matrix.stack[axis])
    return tuple(kept), tuple([matrix._replace(stack=tuple(found)) for matrix, found in zip(matrices, distances)])


def flops_of(detail: Routine) -> Size:
    """Predicted operations."""
    return detail.record.flops(detail.shapes(), detail.options) * product([detail.sizes[label] for label in detail.stack])


def memory_of_parts(detail: Routine) -> tuple[Size, Size]:
    """The bytes of working memory for a part of the stack, and how many parts there are at most."""
    elements = detail.record.memory(detail.shapes(), [result.value is not None for result in detail.results])
    each = (elements * (detail.record.item or detail.reads()[0].dtype.itemsize) + 63) // 64 * 64
    return each, least(product([detail.sizes[label] for label in detail.stack]), MOST_PARTS)

"""Calls of routines, whose arguments and results are arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from croton.algebra.call import AGAIN, Routine
from croton.algebra.node import Node
from croton.schedule.step import BodyBuilder, Source, Step, Value
from croton.sizes import Size

if TYPE_CHECKING:
    from croton.schedule.lower import Lowering


def lower_call(lowering: Lowering, node: Node) -> Source:
    """A routine of a library or of the user, whose arguments are arrays."""
    if node.param[0] is AGAIN:
        return _again(lowering, node)
    routine, place, layouts, _ = node.param
    sizes = node.dims + node.sums
    values, shapes = [], []
    for layout, (child, positions) in zip(layouts, node.args):
        labels = tuple([position for position in layout if position is not None])
        shapes.append(tuple([1 if position is None else sizes[position] for position in layout]))
        values.append(_array(lowering, lowering.source(child), positions, labels, sizes))
    return _routine(lowering, node, routine, values, (place, tuple(shapes)))


def _array(lowering: Lowering, source: Source, positions: tuple[int, ...], labels: tuple[int, ...], sizes: tuple[Size, ...]) -> Value:
    """A source that is read at some labels as an array with others for its axes."""
    if type(source) is Value and positions == labels:
        return source
    body = BodyBuilder()
    places = {label: number for number, label in enumerate(labels)}
    result = lowering.read(body, source, tuple([places[label] for label in positions]))
    return lowering.emit(tuple([sizes[label] for label in labels]), len(labels), None, body.finish(result))


def _again(lowering: Lowering, node: Node) -> Source:
    """The same memory, which is read once other values are there."""
    (child, positions), *others = node.args
    source = _array(lowering, lowering.source(child), positions, tuple(range(len(node.dims))), node.dims)
    after = [found for found in [lowering.source(other) for other, _ in others] if isinstance(found, Value)]
    value = Value(source.dims, source.dtype)
    lowering.add(Step(value, "again", source.dims, None, (), (source, after), lowering.origin))
    return value


def lower_argsort(lowering: Lowering, node: Node) -> Source:
    """The ranks of elements along an axis."""
    child, labels = node.args[0][:2]
    # the rank is the last axis of the result, what is sorted the summed label
    rank = len(node.dims)
    value = lowering.materialised(lowering.source(child), child.dims)
    axes = (*[labels.index(label) for label in range(rank - 1)], labels.index(rank))
    return _routine(lowering, node, argsort_routine(axes), [value], (0, (child.dims,)))


def _routine(lowering: Lowering, node: Node, routine: Any, values: list[Value], params: Any) -> Value:
    key = ("routine", routine, tuple(values), params)
    value = lowering.known.get(key)
    if value is None:
        value = lowering.known[key] = Value(node.dims, node.dtype)
        lowering.add(Step(value, "routine", node.dims, None, (), (routine, values, params), lowering.origin))
    return value


def argsort_routine(axes: tuple[int, ...]) -> Routine:
    """Stable sorting along the last of these axes, in whose order the axes of the result are."""

    def argsort(array: np.ndarray) -> np.ndarray:
        return np.argsort(array.transpose(axes), axis=-1, kind="stable")

    return Routine("argsort", argsort, identity=axes)

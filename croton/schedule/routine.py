"""Calls of routines, whose arguments and results are arrays."""

from __future__ import annotations

from croton.algebra.call import AGAIN
from croton.algebra.node import Node
from croton.schedule.draft import Draft
from croton.schedule.matrices import lower_matrices
from croton.schedule.step import BodyBuilder, Source, Step, Value
from croton.sizes import Size


def lower_call(draft: Draft, node: Node) -> Source:
    """A routine, whose arguments are arrays: machine code, or code of the user's own."""
    if node.param[0] is AGAIN:
        return _again(draft, node)
    if node.param[0].machine is not None:
        return lower_matrices(draft, node)
    routine, place, layouts, _ = node.param
    sizes = node.dims + node.sums
    values, shapes = [], []
    for layout, (child, positions) in zip(layouts, node.args):
        labels = tuple([position for position in layout if position is not None])
        shapes.append(tuple([1 if position is None else sizes[position] for position in layout]))
        values.append(_array(draft, draft.source(child), positions, labels, sizes))
    params = (place, tuple(shapes))
    key = ("routine", routine, tuple(values), params)
    value = draft.known.get(key)
    if value is None:
        value = draft.known[key] = Value(node.dims, node.dtype)
        draft.add(Step(value, "routine", node.dims, None, (), (routine, values, params), draft.origin))
    return value


def _array(draft: Draft, source: Source, positions: tuple[int, ...], labels: tuple[int, ...], sizes: tuple[Size, ...]) -> Value:
    """A source that is read at some labels as an array with others for its axes."""
    if type(source) is Value and positions == labels:
        return source
    body = BodyBuilder()
    places = {label: number for number, label in enumerate(labels)}
    result = draft.read(body, source, tuple([places[label] for label in positions]))
    return draft.emit(tuple([sizes[label] for label in labels]), len(labels), None, body.finish(result))


def _again(draft: Draft, node: Node) -> Source:
    """The same memory, which is read once other values are there."""
    (child, positions), *others = node.args
    source = _array(draft, draft.source(child), positions, tuple(range(len(node.dims))), node.dims)
    after = [found for found in [draft.source(other) for other, _ in others] if isinstance(found, Value)]
    value = Value(source.dims, source.dtype)
    draft.add(Step(value, "again", source.dims, None, (), (source, after), draft.origin))
    return value

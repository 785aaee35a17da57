"""Nodes of the algebra to steps: one walk over the graph, arguments first.

Each kind of node has a handler; those of more than a few lines have files of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any

from croton.algebra.loop import Slot
from croton.algebra.node import Node, Operand, walk
from croton.algebra.sign import never_negative
from croton.schedule.addition import lower_add
from croton.schedule.contract import lower_contract
from croton.schedule.cumulative import lower_cumulate
from croton.schedule.draft import Draft, Rules
from croton.schedule.loop import loop_parts, lower_loop
from croton.schedule.reduction import lower_arg, lower_reduce
from croton.schedule.routine import lower_call
from croton.schedule.shared_sums import shared_sums
from croton.schedule.step import SHARING, UNDECIDED, BodyBuilder, Source, Value
from croton.sizes import product


def lower(outputs: Sequence[Operand], donated: Mapping[Hashable, int]) -> Draft:
    """The steps of a graph. Inputs and outputs are stored in C order."""
    return _lower(outputs, donated, {}, True, ())


def _lower_inner(outputs: Sequence[Operand], orders: Mapping[Hashable, tuple[int, ...]], passed: Collection[int]) -> Draft:
    """The steps of a step of a loop.

    Inputs are stored as `orders` says, which may leave it open, and outputs as their readers like it: carries are stored after a step as they were before it.
    The outputs with the numbers `passed` are inputs, and no copies of them.
    """
    return _lower(outputs, {}, orders, False, passed)


def _lower(
    outputs: Sequence[Operand], donated: Mapping[Hashable, int], orders: Mapping[Hashable, tuple[int, ...]], placed: bool, passed: Collection[int]
) -> Draft:
    roots = [operand.use.node for operand in outputs]
    order = list(walk(roots))
    sums = shared_sums(order, {roots[number] for number in donated.values()})
    uses: dict[Node, int] = dict.fromkeys(order, 0)
    for node in order:
        for argument in sums.get(node, node.args):
            uses[argument[0]] += 1
    for root in roots:
        uses[root] += 1
    draft = Draft(RULES, outputs, uses, donated, sums)
    loops = loop_parts(order)
    for node in order:
        draft.origin = node.origin
        if node.kind == "input":
            _input(draft, node, orders.get(node.param))
        elif node.kind == "loop":
            if node not in draft.sources:
                draft.sources.update(lower_loop(draft, node, loops[node]))
        else:
            draft.sources[node] = HANDLERS[node.kind](draft, node)
    taken: set[Value] = set()
    for number, operand in enumerate(outputs):
        draft.origin = operand.use.node.origin
        draft.outputs.append(_passed(draft, operand) if number in passed else _output(draft, placed, number, operand, taken))
    _drop_dead(draft)
    return draft


def _input(draft: Draft, node: Node, order: tuple[int, ...] | None) -> None:
    value = draft.sources[node] = draft.inputs[node.param] = Value(node.dims, node.dtype, ("input", node.param))
    if order is not None:
        value.order = order


def _constant(draft: Draft, node: Node) -> Source:
    return Value(node.dims, node.dtype, ("constant", node))


def _inline(draft: Draft, node: Node) -> Source:
    return node


def _map(draft: Draft, node: Node) -> Source:
    if node.param in ("identity", "kept", "stop") and node.args[0][1] == tuple(range(len(node.dims))):
        # marks for derivatives; a product or a scatter stays apart, since others may add to it
        source = draft.sources[node.args[0][0]]
        if type(source) is not Value or source.step is None or source.step.kind == "map":
            return source
    if node.param == "pow" and node.dtype.kind == "i":
        exponent = node.args[1][0]
        # Exponents that are known have been looked at in the graph.
        if exponent.kind != "constant" and not never_negative(exponent):
            draft.check_exponents(exponent)
    body = BodyBuilder()
    arguments = [draft.read(body, draft.sources[a[0]], a[1]) for a in node.args]
    result = body.call(node.param, node.dtype, *arguments)
    return draft.emit(node.dims, len(node.dims), None, body.finish(result))


def _passed(draft: Draft, operand: Operand) -> Value:
    """The input that an output is, at axes in the same order."""
    value = draft.sources[operand.use.node]
    assert isinstance(value, Value)
    draft.output_axes.append(tuple(range(len(value.dims))))
    return value


def _output(draft: Draft, placed: bool, number: int, operand: Operand, taken: set[Value]) -> Value:
    """The array of an output: the value itself where it can live there, else a copy."""
    node, labels = operand.use
    axes = [axis for axis in operand.axes if not (type(axis.size) is int and axis.size == 1)]
    source = draft.sources[node]
    rank = len(axes)
    value = source if isinstance(source, Value) and source.step is not None else None
    # The value itself, and not what its step makes: a loop makes many.
    memory = None if value is None else _memory(value, placed and node not in draft.replaced)
    if memory is None or memory in taken:
        value = None
    carried = None if placed else draft.inputs.get(Slot("carry", number))
    order = tuple(range(rank)) if placed else UNDECIDED if carried is None else carried.order
    if value is None or len(labels) != rank or set(labels) != set(axes) or not _stored(value, tuple([labels.index(axis) for axis in axes]), order):
        body = BodyBuilder()
        places = {axis: place for place, axis in enumerate(axes)}
        result = draft.read(body, source, tuple([places[label] for label in labels]))
        value = draft.emit(tuple([axis.size for axis in axes]), rank, None, body.finish(result), own=True)
        value.order = order
        labels = tuple(axes)
    draft.output_axes.append(tuple([axes.index(label) for label in labels]))
    if carried is not None and value.order is not UNDECIDED:
        carried.order = tuple([draft.output_axes[-1][axis] for axis in value.order])
    value.output = number
    taken.add(value if memory is None else memory)
    return value


def _memory(value: Value, views: bool) -> Value | None:
    """The value that an output would be the memory of: it, or where that is allowed what it is all of, with other axes. None if others have that memory."""
    memory = value
    while memory.step is not None and memory.step.kind in SHARING:
        memory = memory.step.detail[0]
    if memory is value:
        return value
    whole = value.step is not None and value.step.kind == "view" and product(memory.dims) == product(value.dims)
    return memory if views and memory.step is not None and whole else None


def _drop_dead(draft: Draft) -> None:
    live = set(draft.outputs)
    live.update([check[0] for check in draft.checks])
    kept, dead = [], []
    for step in reversed(draft.steps):
        if live.isdisjoint(step.makes()):
            dead += step.makes()
            continue
        kept.append(step)
        live.update(step.reads())
    draft.steps = kept[::-1]
    lines: dict[Any, None] = {}
    for step in draft.steps:
        if step.kind == "again" and step.detail[1]:
            source, after = step.detail
            step.detail = (source, _needed(after, live))
            lines.update(dict.fromkeys(step.origin))
    draft.again = tuple(lines)
    for value in dead:
        value.step = None


def _needed(values: Sequence[Value], live: set[Value]) -> tuple[Value, ...]:
    """The values, or in place of those that nothing reads what they would be computed from."""
    found: dict[Value, None] = {}
    stack, seen = list(values), set(values)
    while stack:
        value = stack.pop()
        if value in live or value.step is None:
            found[value] = None
            continue
        for other in value.step.reads():
            if other not in seen:
                seen.add(other)
                stack.append(other)
    return tuple(found)


def _stored(value: Value, axes: tuple[int, ...], order: tuple[int, ...]) -> bool:
    """Whether the value with its axes in another order is stored in an order of those, if one is wanted; one that is free to be is so from now on."""
    if order is UNDECIDED:
        if value.order is UNDECIDED and value.step is not None and not value.step.is_free:
            value.order = axes
        return True
    wanted = tuple([axes[axis] for axis in order])
    if value.order is UNDECIDED:
        value.order = wanted
    return value.order == wanted


HANDLERS: dict[str, Callable[[Draft, Node], Source]] = {
    "constant": _constant,
    "iota": _inline,
    "contract": lower_contract,
    "add": lower_add,
    "map": _map,
    "reduce": lower_reduce,
    "arg": lower_arg,
    "cumulate": lower_cumulate,
    "call": lower_call,
    "affine": _inline,
    "range": _inline,
    "select": _inline,
}

RULES = Rules(HANDLERS, _lower_inner)

"""Loops of the user's graph in the algebra: what the operations of `scan` become."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from croton import algebra
from croton.algebra.node import Label, Operand
from croton.algebra.stand_in import Mark, open_nodes
from croton.expr.expr import Expr
from croton.loops.course import Steps
from croton.loops.recurrence import Carry, Element, Recurrence
from croton.rewriting.loops_of_one import loops_of_one, reads_places
from croton.sizes import substitute
from croton.transforms.loop_nodes import CARRY, ELEMENT, FINAL, STACKED, Shape
from croton.util.order import children_first


class Loops:
    """The loops of one lowering: each is taken apart once, for all its results."""

    def __init__(self, operands: dict[Expr, Operand], sizes: dict, order: Iterable[Expr]) -> None:
        self.operands = operands
        self.sizes = sizes
        self.known: dict[tuple, tuple[Recurrence, Label]] = {}
        self.order = order
        self.stages: dict[tuple, dict[Expr, int]] | None = None

    def lower(self, node: Expr, lower_all: Callable[[Iterable[Expr]], None]) -> Operand:
        """The value of an operation of a loop; `lower_all` lowers what all results of a loop are made of, inputs first."""
        if node.op is CARRY:
            shape = tuple([substitute(size, self.sizes) for size in node.shape])
            axes = tuple([Label(size) for size in shape])
            return Operand(axes, algebra.input_(Mark("graph", node.id), axes, node.dtype))
        if node.op is ELEMENT:
            return self._element(node)
        recurrence, step = self._recurrence(node, lower_all)
        shape_of = Shape(*node.params)
        if node.op is STACKED:
            operand = self.operands[node.inputs[-1]]
            along = Label(step.size)
            return Operand((along, *operand.axes), algebra.relabel(recurrence.lift(operand.use), {step: along}))
        carry = self.operands[node.inputs[shape_of.carries + shape_of.place]]
        return Operand(carry.axes, recurrence.final(shape_of.place))

    def _element(self, node: Expr) -> Operand:
        operand = self.operands[node.inputs[0]]
        first = operand.axes[0]
        axes = tuple([Label(axis.size) for axis in operand.axes[1:]])
        place = dict(zip(operand.axes[1:], axes))
        if first not in operand.use.labels:
            return Operand(axes, algebra.relabel(operand.use, place))
        own = [place.get(label, label) for label in dict.fromkeys(operand.use.labels) if label is not first]
        return Operand(axes, algebra.input_(Mark("graph", node.id), own, node.dtype))

    def _recurrence(self, node: Expr, lower_all: Callable[[Iterable[Expr]], None]) -> tuple[Recurrence, Label]:
        shape = Shape(*node.params)
        count, also = shape.carries, shape.sequences
        inputs = node.inputs[: 3 * count + 2 * also]
        stages = self._stages(key_of_loop(node))
        stage = stages[node]
        key = key_of_loop(node), stage
        found = self.known.get(key)
        if found is not None:
            return found
        ys = [other.inputs[-1] for other, own in stages.items() if own == stage and other.op is STACKED]
        lower_all(children_first(ys, lambda x: () if x in self.operands else x.inputs))
        self._read_in_loops([*inputs[2 * count : 3 * count], *ys])
        length = substitute(shape.length, self.sizes)
        step = Label(length, ambient=True)
        carries = []
        for first, carry, new in zip(inputs[:count], inputs[count : 2 * count], inputs[2 * count : 3 * count]):
            stand_in = self.operands[carry]
            init, following = [_at(self.operands[x], stand_in.axes) for x in (first, new)]
            # A value that stands for itself may be anchored.
            node_of, labels = _input_below(stand_in.use)
            carries.append(Carry(node_of, labels, init, following))
        elements = []
        for sequence, element in zip(inputs[3 * count : 3 * count + also], inputs[3 * count + also :]):
            whole, part = self.operands[sequence], self.operands[element]
            if whole.axes[0] in whole.use.labels:
                node_of, labels = _input_below(part.use)
                elements.append(Element(node_of, labels, algebra.relabel(whole.use, {whole.axes[0]: step, **dict(zip(whole.axes[1:], part.axes))})))
        wanted = [self.operands[y].use for y in ys]
        steps = Steps(step, shape.reverse, None if shape.stop < 0 else shape.stop)
        found = self.known[key] = (Recurrence(steps, carries, elements, wanted=wanted), step)
        return found

    def _read_in_loops(self, results: list[Expr]) -> None:
        """What a step reads of loops in it at its own place is all that they compute. Behind the step it would be what they have in common with all steps."""
        operands = [self.operands[x] for x in results]
        if not reads_places(open_nodes([operand.use.node for operand in operands])):
            return  # without a look at what is around many loops
        uses, _ = loops_of_one([operand.use for operand in operands])
        self.operands.update({x: Operand(operand.axes, use) for x, operand, use in zip(results, operands, uses)})

    def _stages(self, key: tuple) -> dict[Expr, int]:
        """The results of a loop. One that gives what is made of a result of an equal loop is of a later stage: it goes through the steps once more."""
        if self.stages is None:
            self.stages = {}
            for node in self.order:
                if node.op is STACKED or node.op is FINAL:
                    self.stages.setdefault(key_of_loop(node), {})[node] = 0
            for results in self.stages.values():
                _put_in_stages(results)
        return self.stages[key]


def _put_in_stages(results: dict[Expr, int]) -> None:
    """Find the stages of the results of a loop, which come in the order of a walk."""
    first = min([node.id for node in results])
    for node in results:
        if node.op is STACKED and node.inputs[-1].id > first:
            # What is older than the first result is not made of any.
            below = children_first([node.inputs[-1]], lambda x: [child for child in x.inputs if child.id >= first])
            results[node] = max([results[x] + 1 for x in below if x in results], default=0)


def key_of_loop(node: Expr) -> tuple:
    """What the results of one loop have in common."""
    shape = Shape(*node.params)
    return tuple([x.id for x in node.inputs[: 3 * shape.carries + 2 * shape.sequences]]), shape[2:5]


def _input_below(use: Any) -> Any:
    while use.node.kind == "map" and use.node.param == "identity":
        child, positions = use.node.args[0]
        use = type(use)(child, tuple([use.labels[i] for i in positions]))
    return use


def _at(operand: Operand, axes: tuple[Label, ...]) -> Any:
    return algebra.relabel(operand.use, dict(zip(operand.axes, axes)))

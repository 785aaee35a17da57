"""Nodes of the algebra to steps: one walk over the graph, arguments first.

Each kind of node has a handler; those of more than a few lines have files of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from croton.algebra.coefficient import multiply, of_size
from croton.algebra.constant import scalar_value
from croton.algebra.direction import index_is_safe
from croton.algebra.loop import Slot
from croton.algebra.node import Coef, Node, Operand, walk
from croton.dtypes import DType, bool_, int64
from croton.schedule.addition import lower_add
from croton.schedule.contract import lower_contract
from croton.schedule.loop import loop_parts, lower_loop
from croton.schedule.reduction import lower_arg, lower_reduce
from croton.schedule.routine import lower_call
from croton.schedule.running import lower_cumulate
from croton.schedule.step import FREE, SHARING, UNDECIDED, Body, BodyBuilder, Inline, Operands, Source, Step, Value
from croton.sizes import Size


def _counted_from_end(node: Node, bound: Size) -> Node | None:
    """The index that a user gave, of where(index < 0, index + bound, index)."""
    if node.kind != "map" or node.param != "where":
        return None
    (condition, _), (from_end, _), (index, _) = node.args
    if condition.kind != "map" or condition.param != "lt" or condition.args[0][0] is not index or from_end.kind != "add" or index.dims != node.dims:
        return None
    terms = [arg for arg in from_end.args if arg[0] is not index]
    sizes = [scalar_value(arg[0]) for arg in terms]
    if len(from_end.args) != 2 or len(terms) != 1 or sizes[0] is None:
        return None
    if multiply(sizes[0], terms[0][2]) != of_size(bound):
        return None
    # Programs check int32 and int64.
    while index.kind == "map" and index.param == "cast" and index.args[0][0].dtype.name in ("int32", "int64") and index.args[0][0].dims == index.dims:
        index = index.args[0][0]
    return index


class Lowering:
    """The steps of a graph in topological order, and the value of each node.

    Outputs are stored in C order, or, if they are not `placed`, as their readers like it: those of a step of a loop, whose carries are stored after a step
    as they were before it. Inputs are stored in C order or as `orders` says, which may leave it open.
    """

    def __init__(
        self,
        outputs: Sequence[Operand],
        donated: Mapping[Hashable, int] | None = None,
        orders: Mapping[Hashable, tuple[int, ...]] | None = None,
        placed: bool = True,
    ) -> None:
        self._orders = orders or {}
        self._placed = placed
        self.output_axes: list[tuple[int, ...]] = []
        donated = donated or {}
        self.outputs: list[Value] = []
        self.inputs: dict[Hashable, Value] = {}
        self.steps: list[Step] = []
        self.checks: list[tuple[Value, Size, tuple, Size]] = []
        self.donated = frozenset(donated)
        self.replaced = {outputs[number].use.node: (key, outputs[number]) for key, number in donated.items()}
        self.added = {arg[0] for node in self.replaced if node.kind == "add" for arg in node.args}
        self._sources: dict[Node, Source] = {}
        self.known: dict[tuple, Value] = {}
        self.claims: dict[Value, int] = {}
        self._checked: set[tuple[Value, Size]] = set()
        self.origin: Any = None
        self.again: tuple[Any, ...] = ()
        roots = [operand.use.node for operand in outputs]
        order = list(walk(roots))
        self.uses: dict[Node, int] = dict.fromkeys(order, 0)
        for node in order:
            for argument in node.args:
                self.uses[argument[0]] += 1
        for root in roots:
            self.uses[root] += 1
        self._loops = loop_parts(order)
        for node in order:
            self.origin = node.origin
            self._sources[node] = HANDLERS[node.kind](self, node)
        taken: set[Value] = set()
        for number, operand in enumerate(outputs):
            self.origin = operand.use.node.origin
            self.outputs.append(self._output(number, operand, taken))
        self._drop_dead()

    # ---- making steps -------------------------------------------------------------------------------------------

    def emit(self, dims: tuple[Size, ...], rank: int, op: str | None, body: Body, own: bool = False) -> Value:
        """The value of a map or a reduction over the labels from `rank` on; its own, never shared, when it will be written again."""
        key = (dims, rank, op, body)
        value = None if own else self.known.get(key)
        if value is None:
            value = Value(dims[:rank], body[-1][1])
            if not own:
                self.known[key] = value
            self.add(Step(value, "map", dims, op, body, None, self.origin))
        return value

    def add(self, step: Step) -> None:
        """Append a step that makes its value."""
        step.out.step = step
        self.steps.append(step)

    def product(self, dims: tuple[Size, ...], rank: int, dtype: DType, operands: Operands, own: bool = False) -> Value:
        """The value of a matrix product; its own, never shared, when it is accumulated into."""
        key = (dims, rank, operands)
        value = None if own else self.known.get(key)
        if value is None:
            value = Value(dims[:rank], dtype)
            if not own:
                self.known[key] = value
            self.add(Step(value, "product", dims, None, (), operands, self.origin))
        self.claims[value] = self.claims.get(value, 0) + 1
        return value

    def materialised(self, source: Source, dims: tuple[Size, ...] | None = None) -> Value:
        """A source as an array in memory."""
        if isinstance(source, Value):
            return source
        if dims is None:
            assert isinstance(source, Node), "the axes of what is written into its readers are theirs"
            dims = source.dims
        body = BodyBuilder()
        result = self.read(body, source, tuple(range(len(dims))))
        return self.emit(dims, len(dims), None, body.finish(result))

    def view(self, source: Value, copy: Value, order: tuple[int, ...] | None = None) -> Value:
        """The value that a step copies as a view of its source, which the copy becomes again if storage orders are in the way.

        `order` says which axes of the value follow one another in the memory of the source, where it is not all in turn.
        """
        key = ("view", source, copy)
        value = self.known.get(key)
        if value is None:
            value = self.known[key] = Value(copy.dims, copy.dtype)
            if order is not None:
                value.order = order
            order = order or tuple(range(len(copy.dims)))
            self.add(Step(value, "view", copy.dims, None, (), (source, copy.step, order), self.origin))
        return value

    def check_bounds(self, node: Node, bound: Size) -> None:
        """Ask for a check that the elements of an index are in 0 .. bound - 1; of one that may count from the end, before it does."""
        low: Size = 0
        given = _counted_from_end(node, bound)
        if given is not None:
            node, low = given, -bound
        value = self.materialised(self._sources[node], node.dims)
        check = (value, bound)
        if check not in self._checked:
            self._checked.add(check)
            self.checks.append((value, bound, () if self.origin is None else (self.origin,), low))

    def source(self, node: Node) -> Source:
        """The value of a node, or the node itself where readers write it out."""
        return self._sources[node]

    def lowered(self, node: Node) -> Source:
        """The value of a node that perhaps is not of the graph, but of which all arguments are."""
        if node not in self._sources:
            self.uses[node] = 1
            self._sources[node] = HANDLERS[node.kind](self, node)
        return self._sources[node]

    def stand_in(self, node: Node, source: Source) -> None:
        """Lower a node that is not of the graph as a source that is."""
        self._sources[node] = source

    def read(self, body: BodyBuilder, source: Source, labels: Sequence[int]) -> int:
        """The instruction that reads a source at labels."""
        if isinstance(source, Value):
            return body.load(source, tuple(labels))
        if isinstance(source, Inline):
            return body.splice(source.body, tuple(labels))
        kind = source.kind
        if kind == "iota":
            return body.index(labels[0])
        if kind == "contract":
            return body.coef(source.dtype, source.param)
        if kind == "constant":
            return self.read(body, self._sources[source], labels)
        if kind == "select":
            index, places = source.args[0][:2]
            if not index_is_safe(source):
                self.check_bounds(index, source.dims[0])
            found = self.read(body, self._sources[index], [labels[place] for place in places])
            if index.dtype is not int64:
                found = body.call("cast", int64, found)
            return body.call("eq", bool_, body.index(labels[0]), found)
        coefficients, constant = source.param
        total = -1
        for label, coefficient in zip(labels, coefficients):
            term = body.index(label)
            if coefficient != 1:
                term = body.call("mul", int64, term, self.size(body, coefficient))
            total = term if total < 0 else body.call("add", int64, total, term)
        if total < 0:
            total = self.size(body, constant)
        elif constant != 0:
            total = body.call("add", int64, total, self.size(body, constant))
        return body.call("eq" if kind == "affine" else "ge", bool_, total, body.const(int64, 0))

    def size(self, body: BodyBuilder, size: Size) -> int:
        """A size as an int64."""
        return body.const(int64, size) if isinstance(size, int) else body.coef(int64, Coef(1, ((size, 1),)))

    # ---- leaves -------------------------------------------------------------------------------------------------

    def _input(self, node: Node) -> Source:
        value = Value(node.dims, node.dtype, ("input", node.param))
        value.order = self._orders.get(node.param, value.order)
        self.inputs[node.param] = value
        return value

    def _constant(self, node: Node) -> Source:
        return Value(node.dims, node.dtype, ("constant", node))

    def _inline(self, node: Node) -> Source:
        return node

    # ---- functions and loops ----------------------------------------------------------------------------------------

    def _map(self, node: Node) -> Source:
        if node.param in ("identity", "kept", "stop") and node.args[0][1] == tuple(range(len(node.dims))):
            # marks for derivatives; a product or a scatter stays apart, since others may add to it
            source = self._sources[node.args[0][0]]
            if type(source) is not Value or source.step is None or source.step.kind == "map":
                return source
        body = BodyBuilder()
        arguments = [self.read(body, self._sources[a[0]], a[1]) for a in node.args]
        result = body.call(node.param, node.dtype, *arguments)
        return self.emit(node.dims, len(node.dims), None, body.finish(result))

    def _loop(self, node: Node) -> Source:
        if node not in self._sources:
            self._sources.update(lower_loop(self, node, self._loops[node]))
        return self._sources[node]

    # ---- outputs ------------------------------------------------------------------------------------------------

    def _output(self, number: int, operand: Operand, taken: set[Value]) -> Value:
        """The array of an output: the value itself where it can live there, else a copy."""
        node, labels = operand.use
        axes = [axis for axis in operand.axes if not (type(axis.size) is int and axis.size == 1)]
        source = self._sources[node]
        rank = len(axes)
        # The value itself, and not what its step makes: a loop makes many.
        value = source if isinstance(source, Value) and source not in taken and source.step is not None and source.step.kind not in SHARING else None
        carried = None if self._placed else self.inputs.get(Slot("carry", number))
        order = tuple(range(rank)) if self._placed else UNDECIDED if carried is None else carried.order
        if value is None or len(labels) != rank or set(labels) != set(axes) or not _stored(value, tuple([labels.index(axis) for axis in axes]), order):
            body = BodyBuilder()
            places = {axis: place for place, axis in enumerate(axes)}
            result = self.read(body, source, tuple([places[label] for label in labels]))
            value = self.emit(tuple([axis.size for axis in axes]), rank, None, body.finish(result), own=True)
            value.order = order
            labels = tuple(axes)
        self.output_axes.append(tuple([axes.index(label) for label in labels]))
        if carried is not None and value.order is not UNDECIDED:
            carried.order = tuple([self.output_axes[-1][axis] for axis in value.order])
        value.output = number
        taken.add(value)
        return value

    def kept(self) -> list[Value]:
        """The values that are stored whoever reads them."""
        return [*self.outputs, *[check[0] for check in self.checks]]

    def _drop_dead(self) -> None:
        live = set(self.outputs)
        live.update([check[0] for check in self.checks])
        kept, dead = [], []
        for step in reversed(self.steps):
            if live.isdisjoint(step.makes()):
                dead += step.makes()
                continue
            kept.append(step)
            live.update(step.reads())
        self.steps = kept[::-1]
        lines: dict[Any, None] = {}
        for step in self.steps:
            if step.kind == "again" and step.detail[1]:
                source, after = step.detail
                step.detail = (source, _needed(after, live))
                lines.update(dict.fromkeys(step.origin))
        self.again = tuple(lines)
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
        if value.order is UNDECIDED and value.step is not None and value.step.kind not in FREE:
            value.order = axes
        return True
    wanted = tuple([axes[axis] for axis in order])
    if value.order is UNDECIDED:
        value.order = wanted
    return value.order == wanted


HANDLERS: dict[str, Callable[[Lowering, Node], Source]] = {
    "input": Lowering._input,
    "constant": Lowering._constant,
    "iota": Lowering._inline,
    "contract": lower_contract,
    "add": lower_add,
    "map": Lowering._map,
    "reduce": lower_reduce,
    "arg": lower_arg,
    "cumulate": lower_cumulate,
    "call": lower_call,
    "loop": Lowering._loop,
    "affine": Lowering._inline,
    "range": Lowering._inline,
    "select": Lowering._inline,
}

"""What has been made of a graph so far: steps, and where each node's value is. All files that lower a kind of node write into it, and read from it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from croton.algebra.coefficient import multiply, of_size
from croton.algebra.constant import scalar_value
from croton.algebra.direction import index_is_safe
from croton.algebra.node import Coef, Node, Operand
from croton.dtypes import DType, bool_, int32, int64
from croton.schedule.shared_sums import Argument
from croton.schedule.step import Body, BodyBuilder, Inline, Operands, Order, Source, Step, Value
from croton.sizes import Size


class Rules(NamedTuple):
    """How nodes become steps: what lowers a kind of node, and what lowers a graph of its own, as the step of a loop, into another draft."""

    nodes: Mapping[str, Callable[[Draft, Node], Source]]
    graph: Callable[[Sequence[Operand], Mapping[Hashable, tuple[int, ...]], Collection[int]], Draft]


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


class Draft:
    """The steps so far in topological order, and the value of each node.

    rules     how nodes become steps
    uses      how often each node is read
    sums      the terms of sums that are read as other sums and some terms more
    donated   the inputs whose memory outputs may take; `replaced` has the node of such an output, with its input, `added` the terms of those that are sums
    origin    the line of the node that is being lowered
    checks    values that have to be below a bound, if there is one, with lines, from what on they may be, and sizes that say by a 0 that it does not matter
    claims    how often a product has been asked for
    relied_on values that a loop reads in the order in which they are stored, with that order: nobody may choose another one later
    again     the lines that are computed again
    """

    def __init__(
        self, rules: Rules, outputs: Sequence[Operand], uses: dict[Node, int], donated: Mapping[Hashable, int], sums: Mapping[Node, tuple[Argument, ...]]
    ) -> None:
        self.rules = rules
        self.uses = uses
        self.sums = sums
        self.inputs: dict[Hashable, Value] = {}
        self.outputs: list[Value] = []
        self.output_axes: list[tuple[int, ...]] = []
        self.steps: list[Step] = []
        self.checks: list[tuple[Value, Size | None, tuple, Size, tuple[Size, ...]]] = []
        self.donated = frozenset(donated)
        self.replaced = {outputs[number].use.node: (key, outputs[number]) for key, number in donated.items()}
        self.added = {arg[0] for node in self.replaced if node.kind == "add" for arg in node.args}
        self.sources: dict[Node, Source] = {}
        self.known: dict[tuple, Value] = {}
        self.claims: dict[Value, int] = {}
        self.origin: Any = None
        self.again: tuple[Any, ...] = ()
        self.relied_on: list[tuple[Value, Order]] = []
        self._checked: set[tuple[Value, Size | None, tuple[Size, ...]]] = set()

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

    def check_bounds(self, node: Node, bound: Size, among: tuple[Size, ...]) -> None:
        """Ask for a check that the elements of an index are in 0 .. bound - 1; of one that may count from the end, before it does.

        Where one of the sizes `among` is 0 nothing is read with it, and nothing is checked.
        """
        low: Size = 0
        given = _counted_from_end(node, bound)
        if given is not None:
            node, low = given, -bound
        self._check(self.materialised(self.sources[node], node.dims), low, bound, among)

    def check_exponents(self, node: Node) -> None:
        """Ask for a check that no element of an integer array is negative."""
        source = self.sources[node]
        if node.dtype not in (int32, int64):
            body = BodyBuilder()
            rank = len(node.dims)
            whole = body.call("cast", int64, self.read(body, source, tuple(range(rank))))
            source = self.emit(node.dims, rank, None, body.finish(whole))
        self._check(self.materialised(source, node.dims), 0, None, ())

    def _check(self, value: Value, low: Size, bound: Size | None, among: tuple[Size, ...]) -> None:
        check = (value, bound, among)
        if check not in self._checked:
            self._checked.add(check)
            self.checks.append((value, bound, () if self.origin is None else (self.origin,), low, among))

    def source(self, node: Node) -> Source:
        """The value of a node, or the node itself where readers write it out."""
        return self.sources[node]

    def lowered(self, node: Node) -> Source:
        """The value of a node that perhaps is not of the graph, but of which all arguments are."""
        if node not in self.sources:
            self.uses[node] = 1
            self.sources[node] = self.rules.nodes[node.kind](self, node)
        return self.sources[node]

    def stand_in(self, node: Node, source: Source) -> None:
        """Lower a node that is not of the graph as a source that is."""
        self.sources[node] = source

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
            return self.read(body, self.sources[source], labels)
        if kind == "select":
            index, places = source.args[0][:2]
            if not index_is_safe(source):
                self.check_bounds(index, source.dims[0], source.param)
            found = self.read(body, self.sources[index], [labels[place] for place in places])
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

    def kept(self) -> list[Value]:
        """The values that are stored whoever reads them."""
        return [*self.outputs, *[check[0] for check in self.checks]]

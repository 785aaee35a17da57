"""Nodes of the algebra to steps: one walk over the graph, arguments first.

A pair of a planned contraction without a sum is no step: its factors go on, unmultiplied, to the next sum (a lazy product). A pair
with a sum is a matrix product where it is one and large enough, else a reduction. A bool factor selects; it never multiplies.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from croton.algebra.call import Routine
from croton.algebra.coefficient import multiply, of_size
from croton.algebra.constant import scalar_value
from croton.algebra.cost import Tree, extent, search
from croton.algebra.direction import index_is_safe
from croton.algebra.node import ONE, RELATIONS, Coef, Node, Operand, walk
from croton.dtypes import DType, bool_, float32, float64, int64
from croton.schedule.loop import loop_parts, lower_loop
from croton.schedule.relation import lower_relations, lower_scattered_reduction, pairs_of, prefers_mask
from croton.schedule.step import (
    UNDECIDED,
    Body,
    BodyBuilder,
    Inline,
    Operands,
    Position,
    Scan,
    Scatter,
    Step,
    Value,
    arguments_of,
    moved,
    plain_labels,
    renumbered,
)
from croton.sizes import Size

Source = Value | Node | Inline
"""A value, or what is written into its readers: a label's value, a number, a relation, a read at computed positions."""

Factor = tuple[Source, tuple[int, ...], int]

INLINE = frozenset({"iota", "affine", "range", "select"})
LEAST_PRODUCT = 16
LEAST_SIDE = 2


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
    """The steps of a graph in topological order, and the value of each node."""

    def __init__(
        self,
        outputs: Sequence[Operand],
        donated: Mapping[Hashable, int] | None = None,
        orders: Mapping[Hashable, tuple[int, ...]] | None = None,
    ) -> None:
        self._orders = orders or {}
        donated = donated or {}
        self.outputs: list[Value] = []
        self.inputs: dict[Hashable, Value] = {}
        self.steps: list[Step] = []
        self.checks: list[tuple[Value, Size, tuple, Size]] = []
        self._donated = frozenset(donated)
        self._replaced = {outputs[number].use.node: (key, outputs[number]) for key, number in donated.items()}
        self.added = {arg[0] for node in self._replaced if node.kind == "add" for arg in node.args}
        self._sources: dict[Node, Source] = {}
        self._known: dict[tuple, Value] = {}
        self._claims: dict[Value, int] = {}
        self._checked: set[tuple[Value, Size]] = set()
        self.origin: Any = None
        roots = [operand.use.node for operand in outputs]
        order = list(walk(roots))
        self._uses: dict[Node, int] = dict.fromkeys(order, 0)
        for node in order:
            for argument in node.args:
                self._uses[argument[0]] += 1
        for root in roots:
            self._uses[root] += 1
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
        value = None if own else self._known.get(key)
        if value is None:
            value = Value(dims[:rank], body[-1][1])
            if not own:
                self._known[key] = value
            self.add(Step(value, "map", dims, op, body, None, self.origin))
        return value

    def add(self, step: Step) -> None:
        """Append a step that makes its value."""
        step.out.step = step
        self.steps.append(step)

    def product(self, dims: tuple[Size, ...], rank: int, dtype: DType, operands: Operands, own: bool = False) -> Value:
        """The value of a matrix product; its own, never shared, when it is accumulated into."""
        key = (dims, rank, operands)
        value = None if own else self._known.get(key)
        if value is None:
            value = Value(dims[:rank], dtype)
            if not own:
                self._known[key] = value
            self.add(Step(value, "product", dims, None, (), operands, self.origin))
        self._claims[value] = self._claims.get(value, 0) + 1
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

    def view(self, source: Value, copy: Value) -> Value:
        """The value that a step copies as a view of its source, which the copy becomes again if storage orders are in the way."""
        key = ("view", source, copy)
        value = self._known.get(key)
        if value is None:
            value = self._known[key] = Value(copy.dims, copy.dtype)
            self.add(Step(value, "view", copy.dims, None, (), (source, copy.step), self.origin))
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

    # ---- products and sums --------------------------------------------------------------------------------------

    def multiplied(self, body: BodyBuilder, factors: Sequence[Factor], coef: Coef, dtype: DType) -> int:
        """The product of the factors at their labels."""
        over: list[int] = []
        under: list[int] = []
        guards: list[int] = []
        above: set[int] = set()
        below: set[int] = set()
        composite = False
        for source, labels, power in factors:
            read = self.read(body, source, labels)
            if source.dtype is bool_:
                guards.append(read)
            else:
                last = body.instructions[read]
                if len(factors) > 1 and last[0] == "load" and last[4] >= 0:
                    guards.append(last[4])
                (over if power > 0 else under).append(self._power(body, read, abs(power), dtype))
                (above if power > 0 else below).update(labels)
                composite = composite or power < -1
        if dtype is bool_:
            if coef != ONE and not coef.number:
                return body.const(bool_, False)
            result = guards[0] if guards else body.const(bool_, True)
            for guard in guards[1:]:
                result = body.call("logical_and", bool_, result, guard)
            return result
        result = -1
        for factor in over:
            result = factor if result < 0 else body.call("mul", dtype, result, factor)
        divisor = -1
        for factor in under:
            divisor = factor if divisor < 0 else body.call("mul", dtype, divisor, factor)
        if over and (composite or len(under) > 1) and below < above:
            # Nobody wrote such a quotient, so that nobody expects its rounding: divide where there are fewer elements.
            result = body.call("mul", dtype, result, body.call("div", dtype, body.coef(dtype, coef), divisor))
            coef, divisor = ONE, -1
        if result < 0:
            result = body.coef(dtype, coef)
        elif coef == (-1, ()):
            result = body.call("neg", dtype, result)
        elif coef != ONE:
            result = body.call("mul", dtype, result, body.coef(dtype, coef))
        if divisor >= 0:
            result = body.call("div", dtype, result, divisor)
        if guards:
            guard = guards[0]
            for other in guards[1:]:
                guard = body.call("logical_and", bool_, guard, other)
            result = body.call("where", dtype, guard, result, body.const(dtype, 0))
        return result

    def _power(self, body: BodyBuilder, base: int, power: int, dtype: DType) -> int:
        result = -1
        while power:
            if power & 1:
                result = base if result < 0 else body.call("mul", dtype, result, base)
            power >>= 1
            if power:
                base = body.call("mul", dtype, base, base)
        return result

    def _contract(self, node: Node) -> Source:
        if not node.args:
            return node
        if any(arg[0].kind in RELATIONS for arg in node.args):
            running = self._prefix_sum(node, [(self._sources[a[0]], a[1], a[2]) for a in node.args])
            if running is not None:
                return running
            if not prefers_mask(self, node):
                return lower_relations(self, node)
        rank = len(node.dims)
        dims = node.dims + node.sums
        factors: list[Factor] = [(self._sources[a[0]], a[1], a[2]) for a in node.args]
        if not node.sums:
            return self._pointwise(node, factors)
        return self.summed(dims, rank, factors, node.param, node.dtype)

    def _pointwise(self, node: Node, factors: list[Factor]) -> Source:
        rank = len(node.dims)
        step = self._sole_product(node.args[0][0]) if len(factors) == 1 and factors[0][1:] == (tuple(range(rank)), 1) else None
        if step is not None:
            detail = step.detail._replace(alpha=multiply(step.detail.alpha, node.param))
            return self.product(step.dims, rank, node.dtype, detail)
        body = BodyBuilder()
        return self.emit(node.dims, rank, None, body.finish(self.multiplied(body, factors, node.param, node.dtype)))

    def _sole_product(self, node: Node) -> Step | None:
        """The matrix product that a node is, if nothing else uses it and nothing is accumulated into it."""
        value = self._sources[node]
        step = value.step if isinstance(value, Value) else None
        if step is None or step.kind != "product" or step.detail.accumulate is not None:
            return None
        return step if self._uses[node] == 1 and self._claims[step.out] == 1 else None

    def summed(
        self, dims: tuple[Size, ...], rank: int, factors: list[Factor], coef: Coef, dtype: DType, tree: Tree | None = None
    ) -> Value:
        """coef * the sum over the labels from `rank` on of the product of the factors, in the order of a tree over them if one is given."""
        items: list[list[Factor]] = [[factor] for factor in factors]
        labels: list[set[int]] = [set(factor[1]) for factor in factors]
        count: dict[int, int] = {}
        for found in labels:
            for label in found:
                count[label] = count.get(label, 0) + 1
        if tree is None and len(factors) > 2:
            extents = {label: extent(size) for label, size in enumerate(dims)}
            tree = search([frozenset(found) for found in labels], frozenset(range(rank)), extents).tree
        pairs = [(0, 1)] if len(factors) == 2 else pairs_of(tree, len(factors)) if len(factors) > 1 else []
        applied = False
        if len(factors) > 1:
            for number in range(len(items)):
                gone = sorted([label for label in labels[number] if label >= rank and count[label] == 1])
                if gone:
                    items[number] = [self._reduction(dims, items[number], None, gone, ONE, dtype)]
                    labels[number] = set(items[number][0][1])
        last = len(pairs) - 1
        for number, (left, right) in enumerate(pairs):
            for label in labels[left] & labels[right]:
                count[label] -= 1
            together = labels[left] | labels[right]
            gone = sorted([label for label in together if label >= rank and count[label] == 1])
            if not gone:
                items.append(items[left] + items[right])
                labels.append(together)
                continue
            scale = coef if number == last else ONE
            applied = number == last
            items.append([self._reduction(dims, items[left], items[right], gone, scale, dtype)])
            labels.append(set(items[-1][0][1]))
        result = items[-1]
        if len(factors) == 1:
            result, applied = [self._reduction(dims, result, None, list(range(rank, len(dims))), coef, dtype)], True
        if (applied or coef == ONE) and len(result) == 1 and result[0][1:] == (tuple(range(rank)), 1) and type(result[0][0]) is Value:
            return result[0][0]
        body = BodyBuilder()
        return self.emit(dims[:rank], rank, None, body.finish(self.multiplied(body, result, ONE if applied else coef, dtype)))

    def _reduction(
        self, dims: tuple[Size, ...], left: list[Factor], right: list[Factor] | None, gone: list[int], coef: Coef, dtype: DType
    ) -> Factor:
        """The factor that a sum of products leaves."""
        mine = {label for factor in left for label in factor[1]}
        others = set() if right is None else {label for factor in right for label in factor[1]}
        kept = sorted((mine | others).difference(gone))
        places = {label: place for place, label in enumerate([*kept, *gone])}
        own = tuple([dims[label] for label in places])
        rank = len(kept)
        if right is not None and dtype in (float32, float64) and self._is_product(dims, mine, others, gone):
            first, first_labels = self._operand(dims, left, sorted(mine), dtype)
            second, second_labels = self._operand(dims, right, sorted(others), dtype)
            first_labels = tuple([places[label] for label in first_labels])
            second_labels = tuple([places[label] for label in second_labels])
            value = self.product(own, rank, dtype, Operands(first, first_labels, second, second_labels, coef, None))
            return (value, tuple(kept), 1)
        body = BodyBuilder()
        factors = left if right is None else left + right
        moved = [(source, tuple([places[label] for label in labels]), power) for source, labels, power in factors]
        value = self.emit(own, rank, "any" if dtype is bool_ else "sum", body.finish(self.multiplied(body, moved, ONE, dtype)))
        if coef != ONE:
            body = BodyBuilder()
            scaled = self.multiplied(body, [(value, tuple(range(rank)), 1)], coef, dtype)
            value = self.emit(own[:rank], rank, None, body.finish(scaled))
        return (value, tuple(kept), 1)

    def _is_product(self, dims: tuple[Size, ...], mine: set[int], others: set[int], gone: list[int]) -> bool:
        inner = mine & others
        if not inner.issuperset(gone):
            return False
        rows, columns = mine - others, others - mine
        if not rows or not columns:
            return False
        sides = []
        for group in (rows, columns, gone):
            side = 1
            for label in group:
                side *= extent(dims[label])
            sides.append(side)
        least = min(sides)
        return least >= LEAST_PRODUCT or (least >= LEAST_SIDE and max(sides) > 4 * LEAST_PRODUCT and len(inner) == len(gone))

    def _operand(self, dims: tuple[Size, ...], factors: list[Factor], labels: list[int], dtype: DType) -> tuple[Value, tuple[int, ...]]:
        """An array for a side of a matrix product."""
        if len(factors) == 1:
            source, at, power = factors[0]
            if power == 1 and type(source) is Value and source.dtype is dtype and plain_labels(at):
                return source, at
        places = {label: place for place, label in enumerate(labels)}
        body = BodyBuilder()
        moved = [(source, tuple([places[label] for label in at]), power) for source, at, power in factors]
        result = self.multiplied(body, moved, ONE, dtype)
        return self.emit(tuple([dims[label] for label in labels]), len(labels), None, body.finish(result)), tuple(labels)

    def _add(self, node: Node) -> Source:
        rank, dtype = len(node.dims), node.dtype
        if node in self._replaced and self._uses[node] == 1:
            updated = self._updated(node)
            if updated is not None:
                return updated
        same = tuple(range(rank))
        products: list[tuple[Step, Coef]] = []
        rest = []
        for child, labels, coef in node.args:
            sole = self._sole_product(child) if labels == same and len(node.args) > 1 else None
            if sole is None:
                rest.append((child, labels, coef))
            else:
                products.append((sole, coef))
        if products and rest and (rest == [(rest[0][0], same, ONE)] or not any(len(labels) == rank for _, labels, _ in rest)):
            # a lone shared value would only be copied, and a bias is added after the product, with what follows it
            products, rest = [], list(node.args)
        total: Value | None = None
        if rest:
            body = BodyBuilder()
            total = self.emit(node.dims, rank, None, body.finish(self._sum(body, rest, dtype)), own=bool(products))
        for step, coef in products:
            detail = step.detail._replace(alpha=multiply(step.detail.alpha, coef), accumulate=total)
            total = self.product(step.dims, rank, dtype, detail, own=True)
        assert total is not None, "a sum has terms"
        return total

    def _updated(self, node: Node) -> Value | None:
        """A donated input plus scatters or products that are used once: they are added into its memory, after all that reads it."""
        key, operand = self._replaced[node]
        base: Value | None = None
        others = []
        for child, labels, coef in node.args:
            if child.kind == "input" and child.param == key and coef == ONE and base is None:
                axes = [axis for axis in operand.axes if axis.size != 1]
                if [operand.use.labels[label] for label in labels] != axes:
                    return None
                base = self.inputs[key]
            else:
                others.append((child, labels, coef))
        if base is None or len(others) != 1:
            return None
        child, labels, coef = others[0]
        value = self._sources[child]
        if type(value) is not Value or value.step is None or self._uses[child] != 1 or len(labels) != len(node.dims):
            return None
        if value.step.kind == "scatter" and value.step.detail.op in (None, "sum") and self._claims.get(value, 1) == 1:
            return self._scattered_into(base, value.step, labels, coef, node)
        step = self._sole_product(child)
        if step is not None and labels == tuple(range(len(labels))):
            detail = step.detail
            if not (self._is_donated(detail.left) or self._is_donated(detail.right)):
                detail = detail._replace(alpha=multiply(detail.alpha, coef), accumulate=base)
                found = self.product(step.dims, len(node.dims), node.dtype, detail, own=True)
                self.steps[-1].last = True
                return found
        return None

    def _is_donated(self, value: Value) -> bool:
        return value.home is not None and value.home[0] == "input" and value.home[1] in self._donated

    def _scattered_into(self, base: Value, step: Step, labels: tuple[int, ...], coef: Coef, node: Node) -> Value | None:
        detail = step.detail
        body = BodyBuilder()
        numbers: list[int] = []
        for instruction in step.body:
            numbers.append(body.add(renumbered(instruction, numbers, None)))
        result = numbers[detail.result]
        if any(i[0] == "load" and self._is_donated(i[2]) for i in step.body):
            # what is added must be known before any donated memory is written
            apart = BodyBuilder()
            same = apart.splice(step.body[: detail.result + 1], range(len(step.dims)))
            value = self.emit(step.dims, len(step.dims), None, apart.finish(same), own=True)
            result = body.load(value, tuple(range(len(step.dims))))
            kept = {argument for entry in detail.at if type(entry) is not int for term, _ in entry.terms if term < 0 for argument in (~term,)}
            if detail.guard >= 0:
                kept.add(detail.guard)
            needed = set(kept)
            for number in range(len(step.body) - 1, -1, -1):
                if number in needed:
                    needed.update(arguments_of(step.body[number]))
            if any(step.body[number][0] == "load" and self._is_donated(step.body[number][2]) for number in needed):
                return None
            body = BodyBuilder()
            numbers = [-1] * len(step.body)
            for number in sorted(needed):
                numbers[number] = body.add(renumbered(step.body[number], numbers, None))
            result = body.load(value, tuple(range(len(step.dims))))
        guard = numbers[detail.guard] if detail.guard >= 0 else -1
        summand = body.instructions[result]
        if summand[0] == "where" and body.instructions[summand[2][2]][0] == "const" and body.instructions[summand[2][2]][2] == 0:
            # where nothing is added nothing is written
            condition, result, _ = summand[2]
            guard = condition if guard < 0 else body.call("logical_and", bool_, guard, condition)
        if coef != ONE:
            result = body.call("mul", node.dtype, result, body.coef(node.dtype, coef))
        index: list = [0] * len(labels)
        for axis, label in enumerate(labels):
            index[label] = moved(detail.at[axis], numbers, None)
        found = Value(node.dims, node.dtype)
        into = Scatter(result, tuple(index), guard, "sum", base, None)
        self.add(Step(found, "scatter", step.dims, "sum", tuple(body.instructions), into, self.origin))
        self.steps[-1].last = True
        return found

    def _sum(self, body: BodyBuilder, terms: Sequence[tuple], dtype: DType) -> int:
        # numbers last and wide terms first, so that equal sums of different graphs are equal text
        ordered = sorted(terms, key=lambda term: (self._is_number(term[0]), -len(term[1])))
        result = -1
        for child, labels, coef in ordered:
            function = "add"
            if self._is_number(child):
                read = body.coef(dtype, multiply(child.param, coef))
            else:
                read = self.read(body, self._sources[child], labels)
                if child.dtype is bool_:
                    read = body.call("where", dtype, read, body.coef(dtype, coef), body.const(dtype, 0))
                elif coef == (-1, ()):
                    function = "sub"
                elif coef != ONE:
                    read = body.call("mul", dtype, read, body.coef(dtype, coef))
            if result < 0:
                result = read if function == "add" else body.call("neg", dtype, read)
            else:
                result = body.call(function, dtype, result, read)
        return result

    def _is_number(self, node: Node) -> bool:
        return node.kind == "contract" and not node.args and node.dtype is not bool_

    # ---- functions and reductions -------------------------------------------------------------------------------

    def _map(self, node: Node) -> Source:
        if node.param in ("identity", "stop") and node.args[0][1] == tuple(range(len(node.dims))):
            # marks for derivatives; a product or a scatter stays apart, since others may add to it
            source = self._sources[node.args[0][0]]
            if type(source) is not Value or source.step is None or source.step.kind == "map":
                return source
        body = BodyBuilder()
        arguments = [self.read(body, self._sources[a[0]], a[1]) for a in node.args]
        result = body.call(node.param, node.dtype, *arguments)
        return self.emit(node.dims, len(node.dims), None, body.finish(result))

    def _reduce(self, node: Node) -> Source:
        scattered = lower_scattered_reduction(self, node)
        if scattered is not None:
            return scattered
        child, labels = node.args[0][:2]
        rank, dims = len(node.dims), node.dims + node.sums
        function, dtype = node.param, node.dtype
        body = BodyBuilder()
        read = self.read(body, self._sources[child], labels)
        if function != "lse":
            return self.emit(dims, rank, function, body.finish(read))
        largest = self.emit(dims, rank, "max", body.finish(read))
        same = tuple(range(rank))
        body = BodyBuilder()
        peak = body.load(largest, same)
        finite = body.call("isfinite", bool_, peak)
        # shifting by an infinite maximum would make inf - inf
        shift = self.emit(node.dims, rank, None, body.finish(body.call("where", dtype, finite, peak, body.const(dtype, 0))))
        body = BodyBuilder()
        read = self.read(body, self._sources[child], labels)
        shifted = body.call("sub", dtype, read, body.load(shift, same))
        total = self.emit(dims, rank, "sum", body.finish(body.call("exp", dtype, shifted)))
        body = BodyBuilder()
        logarithm = body.call("log", dtype, body.load(total, same))
        return self.emit(node.dims, rank, None, body.finish(body.call("add", dtype, logarithm, body.load(shift, same))))

    def _arg(self, node: Node) -> Source:
        child, labels = node.args[0][:2]
        source, rank = self._sources[child], len(node.dims)
        if node.param == "argsort":
            return self._argsort(node, child, labels)
        dims, along = node.dims + node.sums, rank
        body = BodyBuilder()
        extreme = self.emit(dims, rank, node.param[3:], body.finish(self.read(body, source, labels)))
        body = BodyBuilder()
        read = self.read(body, source, labels)
        found = body.call("eq", bool_, read, body.load(extreme, tuple(range(rank))))
        if child.dtype.is_float:
            # the first NaN is the extreme, as in NumPy
            found = body.call("logical_or", bool_, found, body.call("isnan", bool_, read))
        place = body.call("where", int64, found, body.index(along), self.size(body, dims[along]))
        return self.emit(dims, rank, "min", body.finish(place))

    def _argsort(self, node: Node, child: Node, labels: Sequence[int]) -> Source:
        # the rank is the last axis of the result, what is sorted the summed label
        rank = len(node.dims)
        value = self.materialised(self._sources[child], child.dims)
        axes = (*[labels.index(label) for label in range(rank - 1)], labels.index(rank))
        return self._routine(node, argsort_routine(axes), [value], (0, (child.dims,)))

    def _routine(self, node: Node, routine: Any, values: list[Value], params: Any) -> Value:
        key = ("routine", routine, tuple(values), params)
        value = self._known.get(key)
        if value is None:
            value = self._known[key] = Value(node.dims, node.dtype)
            self.add(Step(value, "routine", node.dims, None, (), (routine, values, params), self.origin))
        return value

    def _call(self, node: Node) -> Source:
        routine, place, layouts, _ = node.param
        sizes = node.dims + node.sums
        values, shapes = [], []
        for layout, (child, positions) in zip(layouts, node.args):
            labels = tuple([position for position in layout if position is not None])
            shapes.append(tuple([1 if position is None else sizes[position] for position in layout]))
            source = self._sources[child]
            if type(source) is not Value or positions != labels:
                body = BodyBuilder()
                places = {label: number for number, label in enumerate(labels)}
                result = self.read(body, source, tuple([places[label] for label in positions]))
                source = self.emit(tuple([sizes[label] for label in labels]), len(labels), None, body.finish(result))
            values.append(source)
        return self._routine(node, routine, values, (place, tuple(shapes)))

    def _loop(self, node: Node) -> Source:
        if node not in self._sources:
            self._sources.update(lower_loop(self, node, self._loops[node]))
        return self._sources[node]

    def _cumulate(self, node: Node) -> Source:
        function, along, reverse, exclusive = node.param
        child, labels = node.args[0][:2]
        body = BodyBuilder()
        summand = body.finish(self.read(body, self._sources[child], labels))
        return self.scan(node.dims, summand, function, along, reverse, exclusive)

    def scan(self, dims: tuple[Size, ...], summand: Body, op: str, along: int, reverse: bool, exclusive: bool) -> Value:
        """The running reduction of a body along one of its labels."""
        key = ("scan", dims, summand, op, along, reverse, exclusive)
        found = self._known.get(key)
        if found is not None:
            return found
        index: list[int | Position] = list(range(len(dims)))
        if reverse:
            index[along] = Position(((along, -1),), dims[along] - 1)
            if any(i[0] == "index" or (i[0] == "load" and not plain_labels(i[3])) for i in summand):
                body = BodyBuilder()
                body.load(self.emit(dims, len(dims), None, summand), tuple(range(len(dims))))
                summand = tuple(body.instructions)
            body = BodyBuilder()
            body.splice(summand, index)
            summand = tuple(body.instructions)
        found = self._known[key] = Value(dims, summand[-1][1])
        self.add(Step(found, "scan", dims, op, summand, Scan(op, along, tuple(index), exclusive), self.origin))
        return found

    def _prefix_sum(self, node: Node, factors: list[Factor]) -> Value | None:
        """A sum under [s <= t] with nothing else that depends on t is a running sum, None otherwise."""
        if len(node.sums) != 1:
            return None
        related = [arg for arg in node.args if arg[0].kind in RELATIONS]
        if len(related) != 1 or related[0][0].kind != "range" or node.dtype is bool_:
            return None
        rank = len(node.dims)
        relation, labels = related[0][:2]
        coefficients, constant = relation.param
        if len(labels) != 2 or rank not in labels or sorted(coefficients, key=str) != [-1, 1] or constant not in (0, -1):
            return None
        along = labels[0] + labels[1] - rank
        data = [factor for factor, arg in zip(factors, node.args) if arg[0].kind not in RELATIONS]
        if along >= rank or node.dims[along] != node.sums[0] or any(along in factor[1] for factor in data):
            return None
        places = {label: label for label in range(rank)}
        places[rank] = along
        body = BodyBuilder()
        moved = [(source, tuple([places[label] for label in at]), power) for source, at, power in data]
        summand = body.finish(self.multiplied(body, moved, node.param, node.dtype))
        # t - s >= 0 runs forward
        reverse = coefficients[labels.index(along)] == -1
        return self.scan(node.dims, summand, "sum", along, reverse, constant == -1)

    # ---- outputs ------------------------------------------------------------------------------------------------

    def _output(self, number: int, operand: Operand, taken: set[Value]) -> Value:
        """The array of an output: the value itself where it can live there, else a copy."""
        node, labels = operand.use
        axes = [axis for axis in operand.axes if not (type(axis.size) is int and axis.size == 1)]
        source = self._sources[node]
        whole = len(labels) == len(axes) and set(labels) == set(axes)
        wanted = tuple([labels.index(axis) for axis in axes]) if whole else ()
        # The value itself, and not what its step makes: a loop makes many.
        value = source if isinstance(source, Value) and source not in taken and source.step is not None and source.step.kind != "view" else None
        if whole and value is not None and value.order in (UNDECIDED, wanted):
            value.order = wanted
        else:
            body = BodyBuilder()
            places = {axis: place for place, axis in enumerate(axes)}
            result = self.read(body, source, tuple([places[label] for label in labels]))
            value = self.emit(tuple([axis.size for axis in axes]), len(axes), None, body.finish(result), own=True)
            value.order = tuple(range(len(axes)))
        value.output = number
        taken.add(value)
        return value

    def _drop_dead(self) -> None:
        live = set(self.outputs)
        live.update([check[0] for check in self.checks])
        kept = []
        for step in reversed(self.steps):
            if not live.isdisjoint(step.makes()):
                kept.append(step)
                live.update(step.reads())
        self.steps = kept[::-1]


def argsort_routine(axes: tuple[int, ...]) -> Routine:
    """Stable sorting along the last of these axes, in whose order the axes of the result are."""

    def argsort(array: np.ndarray) -> np.ndarray:
        return np.argsort(array.transpose(axes), axis=-1, kind="stable")

    return Routine("argsort", argsort, identity=axes)


HANDLERS: dict[str, Callable[[Lowering, Node], Source]] = {
    "input": Lowering._input,
    "constant": Lowering._constant,
    "iota": Lowering._inline,
    "contract": Lowering._contract,
    "add": Lowering._add,
    "map": Lowering._map,
    "reduce": Lowering._reduce,
    "arg": Lowering._arg,
    "cumulate": Lowering._cumulate,
    "call": Lowering._call,
    "loop": Lowering._loop,
    "affine": Lowering._inline,
    "range": Lowering._inline,
    "select": Lowering._inline,
}

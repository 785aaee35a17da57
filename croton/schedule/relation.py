"""Products with relations to steps: strided and gathered reads with guards, and scatters.

`croton.algebra.solve` says which labels are looped over and where the others come from. Here each factor becomes the body of a read
over loop labels; what remains is a product as any other, and a scatter where the result is not met element by element.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from croton.algebra.coefficient import multiply, of_size
from croton.algebra.constant import number_of
from croton.algebra.masked import held_by
from croton.algebra.node import ONE, Coef, Node, intern
from croton.algebra.rows import Row, plus
from croton.algebra.solve import Digit, Gather, Predicate, Solved, solve
from croton.dtypes import DType, bool_, unit
from croton.schedule.draft import Draft
from croton.schedule.factors import multiplied
from croton.schedule.relation_body import RelationBody, label_of, labels_of
from croton.schedule.step import BodyBuilder, Inline, Scatter, Step, Value
from croton.schedule.summation import summed
from croton.sizes import Size, product


def prefers_mask(draft: Draft, node: Node) -> bool:
    """Whether a read at an index is better a comparison inside a pass: what is read is made anyway for every label, by a kernel.

    That is so where a value that a kernel makes is picked from along one label and shares the index's labels, as in x[b, y[b]].
    """
    if any(arg[0].kind in ("affine", "range") for arg in node.args):
        return False
    selects = [arg for arg in node.args if arg[0].kind == "select"]
    if len(selects) != 1 or len(selects[0][1]) != len(set(selects[0][1])):
        return False
    label, others = selects[0][1][0], set(selects[0][1][1:])
    if label < len(node.dims):
        return False
    for arg in node.args:
        if arg[0].kind == "select" or label not in arg[1]:
            continue
        source = draft.source(arg[0])
        if type(source) is not Value or source.step is None or source.step.kind != "map" or not others.issubset(arg[1]):
            return False
    return True


def lower_relations(draft: Draft, node: Node) -> Value:
    """The value of a Contract that has relations."""
    solved = solve(node)
    return _Relation(draft, node, solved).value()


def lower_scattered_reduction(draft: Draft, node: Node) -> Value | None:
    """The value of a max, min or prod of where(selects, x, unit): x reduced into where the indices say. None where it is nothing of the kind.

    Element by element it would compare every index with every position.
    """
    child, labels = node.args[0][:2]
    if node.param not in REDUCED_INTO or child.kind != "map" or child.param != "where":
        return None
    (condition, among), (value, at), (other, _) = [arg[:2] for arg in child.args]
    if number_of(other) != unit(node.param, node.dtype):
        return None
    if condition.kind == "select":
        selects = [(condition, among)]
    elif condition.kind == "contract" and not condition.sums and all(arg[0].kind == "select" for arg in condition.args):
        selects = [(arg[0], tuple([among[i] for i in arg[1]])) for arg in condition.args]
    else:
        return None
    # `identity` keeps what x is made of from being taken for a part of the product.
    whole = intern("map", value.dims, value.dtype, ((value, tuple(range(len(value.dims)))),), "identity")
    draft.stand_in(whole, draft.source(value))
    factors = [(select, tuple([labels[i] for i in positions]), 1) for select, positions in selects]
    product = intern("contract", node.dims, node.dtype, (*factors, (whole, tuple([labels[i] for i in at]), 1)), ONE, node.sums)
    solved = solve(product)
    if solved.plain or solved.predicates or solved.repeat or set(solved.loop) != set(solved.kept):
        return None
    return _Relation(draft, product, solved, node.param).copied()


REDUCED_INTO = ("max", "min", "prod")


class _Relation:
    def __init__(self, draft: Draft, node: Node, solved: Solved, function: str | None = None) -> None:
        self.function = function or ("any" if node.dtype is bool_ else "sum")
        self.draft = draft
        self.node = node
        self.solved = solved
        self.coef: Coef = node.param
        for size in solved.repeat:
            self.coef = multiply(self.coef, of_size(size))
        self.definitions = {definition.label: definition for definition in solved.definitions}
        for check in solved.checks:
            select = node.args[check.argument][0]
            draft.check_bounds(select.args[0][0], check.extent, select.param)

    def value(self) -> Value:
        copied = self.copied()
        source = self._same_memory()
        if source is not None:
            return self.draft.view(source, copied)
        walked = self._walked()
        return copied if walked is None else self.draft.view(walked[0], copied, walked[1])

    def _walked(self) -> tuple[Value, tuple[int, ...]] | None:
        """A value whose memory the node goes through from the beginning, and its axes from the slowest one; None if it does not, or computes something."""
        solved = self.solved
        if len(solved.factors) != 1 or solved.factors[0].power != 1 or self.coef != ONE or solved.repeat or solved.predicates:
            return None
        if not (solved.plain or solved.covers):
            return None  # there are zeros beside it
        source = self.draft.source(self.node.args[solved.factors[0].argument][0])
        axes = labels_of(solved.output)
        if type(source) is not Value or source.dtype is not self.node.dtype or axes is None or set(axes) != set(solved.loop) or len(set(axes)) < len(axes):
            return None
        order = self._axes_of_view(source, solved.factors[0].at)
        return None if order is None or len(order) != len(axes) else (source, tuple([axes.index(label) for label in order]))

    def _same_memory(self) -> Value | None:
        """The value that the node is, element for element in C order, with other axes; None if it computes something."""
        solved = self.solved
        if len(solved.factors) != 1 or solved.factors[0].power != 1 or self.coef != ONE or solved.repeat:
            return None
        if solved.predicates or set(solved.kept) != set(solved.loop) or any(isinstance(d, Gather) for d in solved.definitions):
            return None
        source = self.draft.source(self.node.args[solved.factors[0].argument][0])
        if type(source) is not Value or source.dtype is not self.node.dtype or not (solved.plain or (solved.covers and solved.injective)):
            return None
        if product(source.dims) != product(self.node.dims):
            return None
        read, written = self._address(solved.factors[0].at, source.dims), self._address(solved.output, self.node.dims)
        return source if read == written else None

    def _address(self, at: Sequence[Row], dims: Sequence[Size]) -> Row:
        """The position in memory of an element in C order, with the digits of a number put together."""
        total: Row = ({}, 0)
        stride: Size = 1
        for row, size in zip(reversed(at), reversed(dims)):
            total = plus(total, row, stride)
            stride = stride * size
        by_number: dict[str, list[Digit]] = {}
        for label in list(total[0]):
            definition = self.definitions.get(label)
            if isinstance(definition, Digit):
                by_number.setdefault(repr(definition.row), []).append(definition)
        for digits in by_number.values():
            lowest = [digit for digit in digits if digit.divisor == 1]
            whole: Size = 1
            unit = total[0][lowest[0].label] if lowest else 0
            remaining = list(digits)
            while remaining:
                found = [d for d in remaining if d.divisor == whole and total[0][d.label] == unit * whole]
                if not found:
                    return total
                remaining.remove(found[0])
                if found[0].modulus is None:
                    break
                whole = whole * found[0].modulus
            else:
                return total
            if remaining:
                return total
            number = digits[0].row
            total = ({label: c for label, c in total[0].items() if all(label != d.label for d in digits)}, total[1])
            total = plus(total, number, unit)
        return total

    def copied(self) -> Value:
        """The value as new memory."""
        solved, dtype = self.solved, self.node.dtype
        kept = list(solved.kept)
        if solved.plain:
            # element by element: the loop labels in the order of the axes
            kept = [next(iter(row[0])) for row in solved.output]
        inner = [label for label in solved.loop if label not in set(kept)]
        order = [*kept, *inner]
        rank = len(kept)
        dims = tuple([solved.sizes[label] for label in order])
        place = {label: number for number, label in enumerate(order)}
        factors = []
        for number, factor in enumerate(solved.factors):
            guards = [predicate for predicate in solved.predicates if number in predicate.hosts]
            factors.append(self._factor(factor.argument, factor.at, factor.power, guards, place, bool(inner) or not solved.plain))
        for predicate in solved.predicates:
            if predicate.term:
                factors.append(self._term(predicate, place))
        if solved.plain:
            if inner:
                return self._summed(dims, rank, factors)
            body = BodyBuilder()
            return self.draft.emit(dims, rank, None, body.finish(multiplied(self.draft, body, factors, self.coef, dtype)))
        coef = self.coef
        if inner:
            core = self._summed(dims, rank, factors)
            factors, coef = [(core, tuple(range(rank)), 1)], Coef(1)
        place = {label: place[label] for label in kept}
        if self.function not in ("sum", "any") or self.node in self.draft.added:
            return self._scatter(dims[:rank], factors, coef, dtype, place)
        if self._meets_single_rows():
            return self._masked(factors, coef, dtype, place)
        return self._scaled_scatter(dims[:rank], factors, coef, dtype, place)

    def _summed(self, dims: tuple[Size, ...], rank: int, factors: list[tuple]) -> Value:
        """The sum over what is not kept of the product of the factors, those of the node first."""
        solved = self.solved
        own = [(self.node.args[factor.argument][0], found[1], factor.power) for factor, found in zip(solved.factors, factors)]
        return summed(self.draft, dims, rank, factors, self.coef, self.node.dtype, solved.order.tree, held_by(own, range(rank, len(dims))))

    # ---- reads --------------------------------------------------------------------------------------------------

    def _factor(self, argument: int, at: Sequence[Row], power: int, guards: Sequence[Predicate], place: dict[int, int], summed: bool) -> tuple:
        """A data factor as a source over loop labels. What is summed may go to a library, which reads no parts of axes but through a view."""
        source = self.draft.source(self.node.args[argument][0])
        plain = labels_of(at)
        if not guards and plain is not None and all(label in place for label in plain):
            return (source, tuple([place[label] for label in plain]), power)
        if not guards and type(source) is Value and (summed or any(label in self.definitions for row in at for label in row[0])):
            order = self._axes_of_view(source, at)
            if order is not None:
                return (self._view(source, at, order), tuple([place[label] for label in order]), power)
        if type(source) is Inline and (plain is None or any(label in self.definitions for label in plain)):
            source = self.draft.materialised(source, self.node.args[argument][0].dims)
        own = self._body()
        guard = own.all(guards)
        read = own.read(source, at, guard)
        if guard >= 0 and power < 0:
            read = own.body.call("where", source.dtype, guard, read, own.body.const(source.dtype, 1))
        return (Inline(source.dtype, own.body.finish(read)), tuple([place[label] for label in own.labels]), power)

    def _axes_of_view(self, source: Value, at: Sequence[Row]) -> list[int] | None:
        """The loop labels, outermost first, that walk through a value in the order of its memory; None if they do not."""
        if 0 in source.dims:
            return None  # no label moves through it
        row, constant = self._address(at, source.dims)
        if not isinstance(constant, int) or constant != 0:
            return None
        order: list[int] = []
        stride: Size = 1
        while len(order) < len(row):
            found = [label for label, c in row.items() if c == stride and label not in order and label not in self.definitions]
            if len(found) != 1:
                return None
            order.append(found[0])
            stride = stride * self.solved.sizes[found[0]]
        # It may end before the value does.
        return order[::-1] if order else None

    def _view(self, source: Value, at: Sequence[Row], order: list[int]) -> Value:
        own = self._body({label: number for number, label in enumerate(order)})
        read = own.read(source, at, -1)
        dims = tuple([self.solved.sizes[label] for label in order])
        return self.draft.view(source, self.draft.emit(dims, len(dims), None, own.body.finish(read)))

    def _term(self, predicate: Predicate, place: dict[int, int]) -> tuple:
        """A predicate as a factor of its own."""
        own = self._body()
        held = own.holds(predicate)
        return (Inline(bool_, own.body.finish(held)), tuple([place[label] for label in own.labels]), 1)

    def _body(self, labels: Mapping[int, int] | None = None) -> RelationBody:
        """A new body, in which loop labels have these numbers."""
        return RelationBody(self.draft, self.node, self.solved, dict(labels or {}))

    # ---- writes -------------------------------------------------------------------------------------------------

    def _meets_single_rows(self) -> bool:
        """Whether the value lies in one row (column, element, ...) of the result and fills it."""
        seen: set[int] = set()
        for row, size in zip(self.solved.output, self.node.dims):
            if not row[0]:
                continue
            label = label_of(row)
            if label is None or label in seen or label in self.definitions or self.solved.sizes[label] != size:
                return False
            seen.add(label)
        return True

    def _masked(self, factors: Sequence[tuple], coef: Coef, dtype: DType, place: dict[int, int]) -> Value:
        """A value in one row of the result, as what every element compares its place with: its readers take it in."""
        axes = {label_of(row): axis for axis, row in enumerate(self.solved.output) if row[0]}
        moved = {place[label]: axes[label] for label in place}
        own = self._body({label: axes[label] for label in place})
        body = own.body
        inside = [(source, tuple([moved[label] for label in labels]), power) for source, labels, power in factors]
        result = multiplied(self.draft, body, inside, coef, dtype)
        condition = -1
        for axis, row in enumerate(self.solved.output):
            if not row[0]:
                here = body.call("eq", bool_, body.index(axis), self.draft.size(body, row[1]))
                condition = here if condition < 0 else body.call("logical_and", bool_, condition, here)
        guard = own.all(self._own_predicates(place))
        if guard >= 0:
            condition = guard if condition < 0 else body.call("logical_and", bool_, condition, guard)
        if condition >= 0 and dtype is bool_:
            result = body.call("logical_and", bool_, condition, result)
        elif condition >= 0:
            result = body.call("where", dtype, condition, result, body.const(dtype, 0))
        return self.draft.emit(self.node.dims, len(self.node.dims), None, body.finish(result))

    def _own_predicates(self, place: dict[int, int]) -> list[Predicate]:
        """The predicates that say which elements are written."""
        known = set(place).union(self.definitions)
        return [p for p in self.solved.predicates if known.issuperset(p.row[0]) and self._reach(p).issubset(place)]

    def _scaled_scatter(self, dims: tuple[Size, ...], factors: list[tuple], coef: Coef, dtype: DType, place: dict[int, int]) -> Value:
        """The scatter of what differs, times what does not, which is then not multiplied in for every element."""
        same = [factor for factor in factors if not factor[1] and factor[0].dtype is not bool_]
        if not same or len(same) == len(factors):
            return self._scatter(dims, factors, coef, dtype, place)
        value = self._scatter(dims, [factor for factor in factors if factor not in same], Coef(1), dtype, place)
        body = BodyBuilder()
        rank = len(self.node.dims)
        scaled = multiplied(self.draft, body, [(value, tuple(range(rank)), 1), *same], coef, dtype)
        return self.draft.emit(self.node.dims, rank, None, body.finish(scaled))

    def _scatter(self, dims: tuple[Size, ...], factors: Sequence[tuple], coef: Coef, dtype: DType, place: dict[int, int]) -> Value:
        """The value of a product that is written at computed positions."""
        solved = self.solved
        own = self._body(place)
        result = multiplied(self.draft, own.body, factors, coef, dtype)
        guard = own.all(self._own_predicates(place))
        index = tuple([own.position(row) for row in solved.output])
        if len(own.labels) != len(place):
            raise AssertionError("a scatter whose position depends on a summed label")
        value = Value(self.node.dims, dtype)
        op = None if solved.injective else self.function
        detail = Scatter(result, index, guard, op, None, None if solved.covers else self.function)
        self.draft.add(Step(value, "scatter", dims, op, tuple(own.body.instructions), detail, self.draft.origin))
        return value

    def _reach(self, predicate: Predicate) -> set[int]:
        """The loop labels that a predicate depends on."""
        found: set[int] = set()
        stack = list(predicate.row[0])
        while stack:
            label = stack.pop()
            definition = self.definitions.get(label)
            if definition is None:
                found.add(label)
            elif isinstance(definition, Gather):
                stack += [other for row in definition.at for other in row[0]]
            else:
                stack += definition.row[0]
        return found

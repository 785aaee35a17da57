"""Parts of what nobody needs whole: where all that is read of a value lies in a part of an axis, only this part is computed.

    tanh(h @ W)[:, -1]  =  tanh(h[:, -1] @ W)

The constructors keep a slice of a function as a read of that function, since others may want all of it. Once a graph is complete it is known who does. What
is needed of each value follows from its readers, readers first: along each axis from the first element that one of them reads to the last. Then every value of
which at most `SHARE` is needed is built again, arguments first, with an axis of that many elements; so are those that it is made of, up to what is summed,
put in order or counted along the axis. What is known to be 0 elsewhere, as what comes back from a part in a derivative, is needed only where it is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from croton.algebra.contract import contract
from croton.algebra.node import ONE, Label, Node, Use, origin, walk
from croton.algebra.plan import cost
from croton.algebra.rebuild import construct
from croton.algebra.reduce import SORTS
from croton.algebra.relation import affine, at_least_zero, row_of, select
from croton.rewriting.optimise import Decision
from croton.sizes import Poly, Size, hint, nonnegative

SHARE = 0.5
"""Of a value so much is needed at most where the rest is left out, at likely sizes: an axis that is a little shorter saves little, and its rows lie apart."""

COMPUTED = frozenset({"contract", "add", "map", "reduce", "arg", "cumulate"})
"""Kinds whose value at a part of an axis follows from their arguments at the part, but for what `_part` names."""


class Span(NamedTuple):
    """Some elements of an axis, one behind the other."""

    start: Size
    length: Size

    @property
    def stop(self) -> Size:
        return self.start + self.length


Spans = tuple[Span | None, ...]
"""For each axis what is needed of it, None where that is all."""


def only_needed(uses: Sequence[Use], facts: Sequence[Size] = ()) -> tuple[list[Use], list[Decision]]:
    """The same values, from parts of what is read in parts only, where each of the facts, sizes, is at least 0; and what was decided."""
    order = list(walk([use.node for use in uses]))
    if not any(_reads_a_part(node) for node in order):
        return list(uses), []
    work = _Parts(order, {use.node for use in uses}, facts)
    short = [node for node in reversed(order) if any(work.spans(node))]
    if not short:
        return list(uses), []
    previous = origin.current
    for node in order:
        work.build(node)
    origin.current = previous
    before, after = sum(map(cost, short)), sum([cost(work.made[node][1].node) for node in short])
    return [work.whole(use) for use in uses], [Decision("read in parts", short[0], before, after)]


def _reads_a_part(node: Node) -> bool:
    kinds = {arg[0].kind for arg in node.args} if node.kind == "contract" else set()
    return not kinds.isdisjoint(("affine", "range")) and not kinds.isdisjoint((*COMPUTED, "select"))


def _is_work(node: Node) -> bool:
    """Whether there is more to a node than where its one argument lies."""
    return node.kind != "contract" or sum(child.kind not in ("affine", "range", "select") for child, *_ in node.args) > 1


def _part(node: Node, axis: int, span: Span | None) -> Span | None:
    """A span of an axis, None where all of the axis is computed: it is not much longer, or a part of the value is not made of a part of the arguments."""
    size = node.dims[axis]
    if span is None or not ((isinstance(span.length, int) and not isinstance(size, int)) or hint(span.length) <= SHARE * hint(size)):
        return None
    if any(child.kind == "select" and positions[0] == axis for child, positions, *_ in node.args):
        return None  # it is put where an index says, which may be anywhere
    if node.kind == "cumulate":
        return None if node.param[1] == axis else span
    if node.kind == "arg" and node.param in SORTS and axis == len(node.dims) - 1:
        # The first few in order are had without putting the others in order.
        return span if span.start == 0 else None
    return span


def _strongest(facts: Sequence[Size]) -> list[Size]:
    """Of facts that differ by a number the one that says most: n >= 5 of n >= 3, n >= 4 and n >= 5."""
    least: dict[Size, int] = {}
    for fact in facts:
        if isinstance(fact, Poly):
            number = dict(fact.terms).get((), 0)
            rest = fact - number
            least[rest] = min(number, least.get(rest, number))
    return [rest + number for rest, number in least.items()]


def _moved(span: Span, factor: Size, constant: Size) -> Span | None:
    """Where factor * element + constant lies."""
    if not isinstance(factor, int) or (abs(factor) > 1 and not (isinstance(span.length, int) and span.length > 0)):
        return None
    reach = abs(factor) * (span.length - 1)
    return Span(factor * span.start + constant - (reach if factor < 0 else 0), reach + 1)


class _Parts:
    """What is needed of each node, and the nodes built again for that, arguments first."""

    def __init__(self, order: Sequence[Node], whole: set[Node], facts: Sequence[Size]) -> None:
        self.facts = _strongest(facts)
        self.proved: dict[Size, bool] = {}
        self.made: dict[Node, tuple[tuple[Label, ...], Use]] = {}
        self._filled: dict[Node, Spans] = {}
        for node in order:
            self._filled[node] = self._support(node)
        self._needed: dict[Node, Spans] = {}
        read: dict[Node, Spans] = {}
        for node in reversed(order):
            if node.kind in COMPUTED and node not in whole:
                spans = [self._both(*both) for both in zip(read[node], self._filled[node])] if _is_work(node) else read[node]
                self._needed[node] = tuple([_part(node, axis, span) for axis, span in enumerate(spans)])
            if node.kind == "select":
                continue
            every = self._labels(node, self.spans(node))
            for child, positions, *_ in node.args:
                if child.kind == "select":
                    # Which rows an index picks is needed where the rows are.
                    child, inner = child.args[0]
                    positions = tuple([positions[place] for place in inner])
                found = tuple([every[position] if child.kind in COMPUTED else None for position in positions])
                read[child] = self._all(read[child], found) if child in read else found

    def _support(self, node: Node) -> Spans:
        """Along each axis where a node is not 0, None where that may be anywhere."""
        if node.kind == "contract":
            return self._labels(node, (None,) * len(node.dims))[: len(node.dims)]
        filled: Spans = (None,) * len(node.dims)
        for number, (child, positions, *_) in enumerate(node.args if node.kind == "add" else ()):
            at = dict(zip(positions, self._filled[child]))
            term = tuple([at.get(axis) for axis in range(len(node.dims))])
            filled = self._all(filled, term) if number else term
        return filled

    def _labels(self, node: Node, axes: Spans) -> Spans:
        """For each label that a node mentions what is left of it by that of its axes, by relations to others, and by where factors are 0."""
        spans: list[Span | None] = [*axes, *[None] * len(node.sums)]
        if node.kind != "contract":
            return tuple(spans)
        sizes = node.dims + node.sums
        for child, positions, exponent in node.args:
            if exponent > 0:  # one by 0 is no 0
                for position, filled in zip(positions, self._filled[child]):
                    spans[position] = self._both(spans[position], filled)
        for child, positions, *_ in node.args:
            if child.kind not in ("affine", "range") or len(set(positions)) < len(positions) or len(positions) > 2:
                continue
            coefficients, constant = child.param
            for position, sign in zip(positions, coefficients):
                if sign not in (1, -1):
                    continue
                # sign * label + others + constant is 0, or is not negative: the label is an affine function of the others, or lies on one side of that.
                span: Span | None = Span(-sign * constant, 1)
                for other, coefficient in zip(positions, coefficients):
                    if other != position:
                        span = _moved(spans[other] or Span(0, sizes[other]), -sign * coefficient, -sign * constant)
                if span is not None and child.kind == "range":
                    span = Span(span.start, sizes[position] - span.start) if sign > 0 else Span(0, span.stop)
                spans[position] = self._both(spans[position], span and self._both(Span(0, sizes[position]), span))
        return tuple(spans)

    def spans(self, node: Node) -> Spans:
        """What is needed of a node."""
        return self._needed.get(node) or (None,) * len(node.dims)

    def whole(self, use: Use) -> Use:
        """What has become of a value of which everything is needed."""
        axes, made = self.made[use.node]
        place = dict(zip(axes, use.labels))
        return Use(made.node, tuple([place[label] for label in made.labels]))

    def build(self, node: Node) -> None:
        """Make a node of what its arguments have become, for the part of it that is needed."""
        origin.current = node.origin
        every = list(self._labels(node, self.spans(node)))
        every[: len(node.dims)] = self.spans(node)
        rank = len(node.dims)
        # A summed label keeps all of its elements unless what is read at it has fewer. An index picks from all of them.
        short = {position for child, positions, *_ in node.args for position, span in zip(positions, self.spans(child)) if span is not None}
        picked = {positions[0] for child, positions, *_ in node.args if child.kind == "select"}
        every[rank:] = [span if position in short - picked else None for position, span in enumerate(every[rank:], rank)]
        labels = tuple([Label(size if span is None else span.length) for span, size in zip(every, node.dims + node.sums)])
        starts = {label: span.start for label, span in zip(labels, every) if span is not None}
        reads = [(child, tuple([labels[position] for position in positions])) for child, positions, *_ in node.args]
        uses = [self._read(child, at, starts) for child, at in reads]
        same = not starts and all(use.node is child and use.labels == at for use, (child, at) in zip(uses, reads))
        self.made[node] = labels[:rank], Use(node, labels[:rank]) if same else construct(node, labels, uses)

    def _holds(self, size: Size) -> bool:
        """Whether a size is known not to be negative. The same few sizes are asked about again and again."""
        if isinstance(size, int):
            return size >= 0
        found = self.proved.get(size)
        if found is None:
            found = self.proved[size] = nonnegative(size, self.facts)
        return found

    def _all(self, one: Spans, other: Spans) -> Spans:
        """From the first element of two spans to the last, axis by axis; None where it is not known which these are."""
        return tuple([self._together(*both) for both in zip(one, other)])

    def _together(self, one: Span | None, other: Span | None) -> Span | None:
        if one is None or other is None:
            return None
        start, stop = self._least(one.start, other.start), self._least(-one.stop, -other.stop)
        return None if start is None or stop is None else Span(start, -stop - start)

    def _both(self, one: Span | None, other: Span | None) -> Span | None:
        """What two spans have in common; the first where that is not known."""
        if one is None or other is None:
            return other if one is None else one
        start, stop = self._least(-one.start, -other.start), self._least(one.stop, other.stop)
        return one if start is None or stop is None or not self._holds(stop + start) else Span(-start, stop + start)

    def _least(self, one: Size, other: Size) -> Size | None:
        if one == other or self._holds(other - one):
            return one
        return other if self._holds(one - other) else None

    def _read(self, child: Node, at: tuple[Label, ...], starts: dict[Label, Size]) -> Use:
        """A child at labels of which some count from where a part starts."""
        if child.kind in ("affine", "range"):
            if starts.keys().isdisjoint(at):
                return Use(child, at)
            row, constant = row_of(Use(child, at))
            for label, coefficient in row.items():
                constant = constant + coefficient * starts.get(label, 0)
            return (affine if child.kind == "affine" else at_least_zero)(row, constant)
        if child.kind == "select":
            index, positions = child.args[0]
            return select(at[0], self._read(index, tuple([at[position] for position in positions]), starts))
        own, made = self.made[child]
        names: dict[Label, Label] = {}
        relations = []
        for axis, span, label in zip(own, self.spans(child), at):
            offset = starts.get(label, 0) - (0 if span is None else span.start)
            if offset == 0 and axis.size == label.size:
                names[axis] = label
            else:
                # An axis of one element is none: what there is of it is at that element.
                names[axis] = inner = Label(axis.size)
                relations.append((inner, affine({inner: 1, label: -1}, -offset)))
        read = Use(made.node, tuple([names[label] for label in made.labels]))
        if not relations:
            return read
        factors = [(read, 1), *[(relation, 1) for _, relation in relations]]
        inners = [inner for inner, relation in relations if inner in read.labels or inner in relation.labels]
        free = {label for use, _ in factors for label in use.labels}.difference(inners)
        return contract(free, factors, ONE, inners, made.node.dtype)

"""An axis in pieces: what is computed for all of an axis at once becomes a loop over chunks of it, in which sums and other reductions over it are kept running.

A region is what can be computed for a chunk alone: values that have the axis, up to what reduces it. Whatever it reads of others it reads at the
chunk. What others read of it is put together again; so a region is worth cutting up where its large values are read by nobody but itself.
"""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from croton.algebra.add import add
from croton.algebra.coefficient import of_size
from croton.algebra.constant import constant as constant_of
from croton.algebra.constant import iota, zero
from croton.algebra.contract import contract
from croton.algebra.loop import Core, Loop, slot
from croton.algebra.node import ONE, RELATIONS, Label, Node, Use, origin, walk
from croton.algebra.pointwise import scalar
from croton.algebra.rebuild import Memo, construct, read, rebuild
from croton.algebra.reduce import SORTS
from croton.algebra.relation import affine, at_least_zero
from croton.dtypes import bool_, int64, unit
from croton.loops.history import read_at
from croton.sizes import Size, hint, product

SLICED = frozenset({"contract", "add", "map", "reduce", "arg", "cumulate", "select"})
"""Kinds whose value at a chunk follows from their arguments at the chunk, along the axes where `_is_apart` holds."""


class Region(NamedTuple):
    """What is computed a chunk at a time.

    size     of the axis
    order    the nodes, arguments first; totals are among them
    axes     for each of them its axis; of a total the label that it goes over
    totals   the sums over the axis, and other reductions
    wanted   the others that something outside reads
    """

    size: Size
    order: tuple[Node, ...]
    axes: dict[Node, int]
    totals: tuple[Node, ...]
    wanted: tuple[Node, ...]

    @property
    def inside(self) -> int:
        """The bytes of what is computed a chunk at a time and never all at once, at likely sizes."""
        outside = {*self.totals, *self.wanted}
        return sum([hint(product(node.dims)) * node.dtype.itemsize for node in self.order if node not in outside])


def regions(uses: Sequence[Use], most: int) -> list[Region]:
    """Regions around the largest values, those first of which the most is never whole."""
    roots = [use.node for use in uses]
    order = list(walk(roots))
    readers = _readers(order)
    large = sorted([node for node in order if node.kind in SLICED and node.dims], key=lambda node: -hint(product(node.dims)) * node.dtype.itemsize)
    found: dict[frozenset, Region] = {}
    for node in large[:most]:
        for axis in range(len(node.dims)):
            region = _Growth(order, readers, set(roots), node, axis).region()
            if region is not None:
                found.setdefault(frozenset(region.axes.items()), region)
    return sorted(found.values(), key=lambda region: -region.inside)


def region_around(uses: Sequence[Use], node: Node, axis: int) -> Region | None:
    """The region that grows from an axis of a node, None where there is none."""
    roots = [use.node for use in uses]
    order = list(walk(roots))
    return _Growth(order, _readers(order), set(roots), node, axis).region()


def _readers(order: Sequence[Node]) -> dict[Node, list[Node]]:
    readers: dict[Node, list[Node]] = {}
    for node in order:
        for argument in dict.fromkeys([argument[0] for argument in node.args]):
            readers.setdefault(argument, []).append(node)
    return readers


def _is_apart(node: Node, axis: int) -> bool:
    """Whether a node is at a part of an axis what it is there for all of the axis: not where something runs along it, is put in order or counts places."""
    if node.kind == "cumulate":
        return bool(node.param[1] != axis)
    if node.kind == "arg":
        return node.param not in SORTS or axis < len(node.args[0][1]) - 1
    return node.kind != "select" or axis > 0


def _is_known_of_chunk(node: Node, relation: Node, positions: Sequence[int], place: int) -> bool:
    """Whether a relation that a node reads at the axis may be read at a chunk of it: rows of an index, and a mask of elements, such as a triangle,
    which is a value with all of its labels. Where there is no other with these, as in a running sum, it is cheaper as a relation."""
    if relation.kind == "select":
        return place > 0
    if all(position < len(node.dims) for position in positions):
        return True
    others = [argument[1] for argument in node.args if argument[0].kind not in RELATIONS]
    return relation.kind == "range" and any(set(positions) <= set(other) for other in others)


class _Growth:
    """A region that grows from an axis of a node."""

    def __init__(self, order: Sequence[Node], readers: dict[Node, list[Node]], roots: set[Node], seed: Node, axis: int) -> None:
        self.order, self.readers, self.roots = order, readers, roots
        self.seed = seed
        self.size = seed.dims[axis]
        self.axes: dict[Node, int] = {seed: axis}
        self.totals: dict[Node, None] = {}
        self.whole: set[Node] = set()
        self.pending = [seed]
        self.possible = True

    def region(self) -> Region | None:
        """The region, None where there is none."""
        self.possible = _is_apart(self.seed, self.axes[self.seed])
        if not isinstance(self.size, int) or self.size > 1:
            while self.pending and self.possible:
                node = self.pending.pop()
                if node in self.axes:
                    self._arguments(node, self.axes[node])
                    if node not in self.totals:
                        self._readers(node, self.axes[node])
        if not self.possible or self.seed not in self.axes:
            return None
        kept = self._of_one_stage()
        if self.seed not in kept:
            return None
        order = tuple([node for node in self.order if node in kept])
        others = [node for node in order if node not in self.totals]
        wanted = [node for node in others if node in self.roots or any(reader not in kept for reader in self.readers.get(node, ()))]
        totals = tuple([node for node in order if node in self.totals])
        return Region(self.size, order, {node: self.axes[node] for node in order}, totals, tuple(wanted))

    def _take(self, node: Node, axis: int) -> bool:
        if node in self.whole:
            return False
        if self.axes.get(node, axis) != axis or not _is_apart(node, axis):
            # What is needed along two of its axes at once, or where elements along one meet, has to be there.
            self._keep_whole(node)
            return False
        if node not in self.axes:
            self.axes[node] = axis
            self.pending.append(node)
        return True

    def _keep_whole(self, node: Node) -> None:
        self.whole.add(node)
        self.axes.pop(node, None)
        if self.totals.pop(node, self) is None or node is self.seed:
            self.possible = False

    def _arguments(self, node: Node, label: int) -> None:
        for argument in node.args:
            child, positions = argument[:2]
            places = [place for place, position in enumerate(positions) if position == label]
            if not places:
                continue
            if len(places) > 1 or (child.kind in RELATIONS and not _is_known_of_chunk(node, child, positions, places[0])):
                self.possible = False
            elif child.kind in SLICED:
                self._take(child, places[0])

    def _readers(self, node: Node, axis: int) -> None:
        for reader in self.readers.get(node, ()):
            labels = {argument[1][axis] for argument in reader.args if argument[0] is node}
            if len(labels) != 1 or reader.kind not in SLICED:
                continue
            (label,) = labels
            if label < len(reader.dims):
                if _is_apart(reader, label):
                    self._take(reader, label)
            elif (reader.kind == "reduce" or (reader.kind == "contract" and reader.dtype is not bool_)) and self._take(reader, label):
                self.totals[reader] = None

    def _of_one_stage(self) -> set[Node]:
        """The nodes that the seed can be computed with in one loop: not those that wait for a sum over the whole axis, or for what they read at elements
        besides those of the chunk, nor those that these are made of and the seed is not."""
        stage: dict[Node, int] = {}
        for node in self.order:
            inside = node in self.axes
            level = 0
            for argument in node.args:
                child = argument[0]
                after = child in self.axes and not (inside and child not in self.totals and argument[1][self.axes[child]] == self.axes[node])
                level = max(level, stage[child] + after)
            stage[node] = level
        return {node for node in self.axes if stage[node] == stage[self.seed]}


def _begun(node: Node) -> Use:
    """What a total is before the first chunk."""
    if node.kind == "contract":
        return zero(node.dtype)
    return constant_of(float("-inf") if node.param == "lse" else unit(node.param, node.dtype), node.dtype)


def _combined(node: Node, one: Use, other: Use) -> Use:
    """A total of two parts of the axis."""
    if node.kind == "contract":
        return add([(one, ONE), (other, ONE)], node.dtype)
    if node.param == "prod":
        return contract({*one.labels, *other.labels}, [(one, 1), (other, 1)], ONE, (), node.dtype)
    return scalar(_OF_TWO[node.param], one, other)


def chunked(uses: Sequence[Use], region: Region, each: int) -> list[Use]:
    """The uses with a region computed for `each` elements of the axis at a time."""
    count = region.size // each
    rest = region.size - count * each
    previous = origin.current
    origin.current = max(region.order, key=lambda node: hint(product(node.dims))).origin
    try:
        found = _Chunks(region, each, count).values()
        if rest != 0:
            found = [_together(region, *pair) for pair in zip(found, _left_over(region, count * each, rest))]
    finally:
        origin.current = previous
    memo: Memo = {node: (axes, use) for node, axes, use in found}
    return rebuild(uses, lambda *_: None, memo)


Found = tuple[Node, tuple[Label, ...], Use]


def _together(region: Region, one: Found, other: Found) -> Found:
    node, axes, use = one
    _, others, more = other
    place = dict(zip(others, axes))
    more = Use(more.node, tuple([place.get(label, label) for label in more.labels]))
    if node in region.totals:
        return node, axes, _combined(node, use, more)
    return node, axes, scalar("logical_or", use, more) if node.dtype is bool_ else add([(use, ONE), (more, ONE)], node.dtype)


def _placed(use: Use, whole: Label, inner: dict[Label, Size], begin: Size) -> Use:
    """Values at labels of a chunk, at the place begin + sum of coefficient * label of the whole axis; 0 elsewhere."""
    where = affine({whole: 1, **{label: -coefficient for label, coefficient in inner.items()}}, -begin)
    return contract({*use.labels, whole}.difference(inner), [(use, 1), (where, 1)], ONE, list(inner), use.node.dtype)


def _instances(region: Region, size: Size, outside: _Source) -> Iterator[tuple[Node, tuple[Label, ...], Use]]:
    """The nodes of a region with an axis of another size, and labels for their axes."""
    memo: Memo = {}
    for node in region.order:
        origin.current = node.origin
        rank, at = len(node.dims), region.axes[node]
        labels = tuple([Label(size if number == at else extent) for number, extent in enumerate(node.dims + node.sums)])
        uses = []
        for argument in node.args:
            child, own = argument[0], tuple([labels[position] for position in argument[1]])
            uses.append(read(memo, child, own) if child in memo else outside.read(child, own, labels[at]))
        memo[node] = (labels[:rank], construct(node, labels, uses))
        yield node, labels[:rank], memo[node][1]


class _Source(abc.ABC):
    """What a region reads of others at labels for its axes, one of which may be that of a chunk. What is read does not mention the label of a chunk of
    one element, which is no axis."""

    @abc.abstractmethod
    def read(self, child: Node, labels: tuple[Label, ...], inner: Label) -> Use: ...


def _left_over(region: Region, begin: Size, rest: Size) -> list[Found]:
    """What the region gives for the elements from `begin` on."""
    source = _Rest(begin)
    found: list[Found] = []
    results = {node: (axes, use) for node, axes, use in _instances(region, rest, source)}
    for node in (*region.totals, *region.wanted):
        axes, use = results[node]
        if node in region.wanted:
            at = region.axes[node]
            whole = Label(region.size)
            use = _placed(use, whole, {axes[at]: 1}, begin)
            axes = tuple([whole if number == at else label for number, label in enumerate(axes)])
        found.append((node, axes, use))
    return found


class _Rest(_Source):
    def __init__(self, begin: Size) -> None:
        self.begin = begin

    def read(self, child: Node, labels: tuple[Label, ...], inner: Label) -> Use:
        if inner not in labels:
            return Use(child, labels)
        if child.kind in _ROWS:
            coefficients, constant = child.param
            at = {label: coefficient for label, coefficient in zip(labels, coefficients) if label.size != 1}
            return _ROWS[child.kind](at, constant + coefficients[labels.index(inner)] * self.begin)
        whole = tuple([Label(size) if label is inner else label for label, size in zip(labels, child.dims)])
        return read_at(Use(child, whole), whole[labels.index(inner)], {} if inner.size == 1 else {inner: 1}, self.begin)


class _Chunks(_Source):
    """The loop over chunks."""

    def __init__(self, region: Region, each: int, count: Size) -> None:
        self.region, self.each, self.count = region, each, count
        self.step = Label(count)
        self.given: dict[tuple[Node, int], Node] = {}
        self.elements: list[tuple[Node, tuple[Label, ...], Use]] = []
        self.fixed: list[tuple[Node, tuple[Label, ...], Use]] = []
        self.number: Node | None = None

    def values(self) -> list[Found]:
        """What the region gives."""
        region, each, step = self.region, self.each, self.step
        results = {node: (axes, use) for node, axes, use in _instances(region, each, self)}
        carries, nexts, carry_axes = [], [], []
        for number, node in enumerate(region.totals):
            axes, use = results[node]
            carry = slot("carry", number, node.dims, node.dtype)
            total = _combined(node, Use(carry, axes), use)
            position = {label: place for place, label in enumerate(axes)}
            carries.append(carry)
            nexts.append((total.node, tuple([position[label] for label in total.labels])))
            carry_axes.append(tuple([Label(size) for size in node.dims]))
        core = Core(
            self.count,
            False,
            tuple(carries),
            tuple([node for node, _, _ in self.elements]),
            tuple([node for node, _, _ in self.fixed]),
            tuple(nexts),
        )
        loop = Loop(
            core,
            step,
            tuple(carry_axes),
            tuple([axes for _, axes, _ in self.elements]),
            tuple([axes for _, axes, _ in self.fixed]),
            (*[_begun(node) for node in region.totals], *[use for _, _, use in self.elements], *[use for _, _, use in self.fixed]),
        )
        found: list[Found] = [(node, carry_axes[number], loop.final(number)) for number, node in enumerate(region.totals)]
        for node in region.wanted:
            axes, use = results[node]
            at, whole = region.axes[node], Label(region.size)
            placed = _placed(loop.tap(use), whole, {axes[at]: 1, step: each}, 0)
            found.append((node, tuple([whole if number == at else label for number, label in enumerate(axes)]), placed))
        return found

    def read(self, child: Node, labels: tuple[Label, ...], inner: Label) -> Use:
        at = labels.index(inner) if inner in labels else -1
        if at >= 0 and child.kind in _ROWS:
            return self._mask(child, labels, at)
        if at < 0 and not child.args and (child.kind not in ("input", "constant") or (not child.dims and child.kind == "constant")):
            return Use(child, labels)
        found = self.given.get((child, at))
        if found is None:
            sizes = tuple([self.each if place == at else size for place, size in enumerate(child.dims)])
            group, role = (self.fixed, "fixed") if at < 0 else (self.elements, "element")
            found = self.given[child, at] = slot(role, len(group), sizes, child.dtype)
            own = tuple([Label(size) for size in child.dims])
            if at < 0:
                group.append((found, own, Use(child, own)))
            else:
                axes = tuple([Label(size) for size in sizes])
                moved = tuple([own[at] if place == at else axis for place, axis in enumerate(axes)])
                inside = {axes[at]: 1} if self.each > 1 else {}
                whole = read_at(Use(child, moved), own[at], {self.step: self.each, **inside}, 0)
                group.append((found, tuple([axis for axis in axes if axis.size != 1]), whole))
        return Use(found, tuple([label for label in labels if label.size != 1]))

    def _mask(self, relation: Node, labels: tuple[Label, ...], at: int) -> Use:
        """A relation as a value: which elements are in it depends on the step."""
        coefficients, constant = relation.param
        terms = [(iota(label), of_size(coefficient)) for label, coefficient in zip(labels, coefficients) if label.size != 1]
        terms.append((self._number(), of_size(coefficients[at] * self.each)))
        total = add([*terms, (constant_of(of_size(constant), int64), ONE)], int64)
        return scalar("eq" if relation.kind == "affine" else "ge", total, zero(int64))

    def _number(self) -> Use:
        """The number of the step."""
        if self.number is None:
            self.number = slot("element", len(self.elements), (), int64)
            self.elements.append((self.number, (), iota(self.step)))
        return Use(self.number, ())


_OF_TWO = {"max": "maximum", "min": "minimum", "any": "logical_or", "all": "logical_and", "lse": "logaddexp"}
"""The scalar functions that reductions apply again and again; that of products is a product."""

_ROWS = {"affine": affine, "range": at_least_zero}
"""How relations of these kinds are made of their coefficients and their constant."""

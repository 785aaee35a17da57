"""Large batches of matrix products of which little is left: one member at a time.

    sum over a, c of (sum over t of x[b, t, a] d[b, t, c])^2        the squared norm of each example's gradient

needs a matrix for each member b of the batch, and all of them at once only if they are computed by one call. In a loop over the members
the matrix is there once, and what reads it finds it in a cache. That is done with everything between a large batch of products and what is small again,
where all of it keeps the axis of the batch. Nothing is computed otherwise than before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from croton.algebra.cost import elements
from croton.algebra.loop import Core, Loop, slot
from croton.algebra.node import RELATIONS, Label, Node, Use, origin, walk
from croton.algebra.rebuild import Memo, construct, read, rebuild
from croton.loops.course import keep
from croton.sizes import Size

LARGE = 1 << 23
"""Bytes that do not stay in a cache."""

LEAST_MEMBER = 1 << 16
"""Elements of a member, so that a step of the loop is work enough."""

SMALL = 4
"""What is left is so many times smaller."""

MOST = 32
"""So many batches are looked for."""

KEEPING = frozenset({"contract", "add", "map", "reduce"})
"""Kinds whose value at one member follows from their arguments at that member."""


class Taken(NamedTuple):
    """A batch that is gone through one by one: its size, what it is the products of, and how many bytes that would be."""

    size: Size
    node: Node
    bytes: int


class _Region(NamedTuple):
    """What is computed for one member at a time: its nodes, arguments first, each with the axis of the batch, and those of them that others read."""

    size: Size
    axes: dict[Node, int]
    wanted: list[Node]


def one_at_a_time(uses: Sequence[Use]) -> tuple[list[Use], list[Taken]]:
    """The same values with large batches in loops over their members, and which these are."""
    order = list(walk([use.node for use in uses]))
    batches = [node for node in order if _is_batch(node)][:MOST]
    if not batches:
        return list(uses), []
    readers: dict[Node, set[Node]] = {}
    for node in order:
        for argument in node.args:
            readers.setdefault(argument[0], set()).add(node)
    roots = {use.node for use in uses}
    found: list[tuple[Node, _Region]] = []
    used: set[Node] = set()
    for seed in batches:
        region = _region(seed, order, readers, roots)
        if region is not None and used.isdisjoint(region.axes):
            used.update(region.axes)
            found.append((seed, region))
    # A region that reads what another gives comes behind it.
    position = {node: place for place, node in enumerate(order)}
    found.sort(key=lambda pair: max([position[node] for node in pair[1].axes]))
    memo: Memo = {}
    previous = origin.current
    for _, region in found:
        memo.update(_loop(region, memo))
    origin.current = previous
    taken = [Taken(region.size, seed, elements(seed.dims) * seed.dtype.itemsize) for seed, region in found]
    return rebuild(uses, keep, memo), taken


def _is_batch(node: Node) -> bool:
    """Whether a node is a large batch of matrix products."""
    if node.kind != "contract" or not node.sums or len(node.args) < 2 or not node.dtype.is_float:
        return False
    count = elements(node.dims)
    axis = _axis(node)
    return axis >= 0 and count * node.dtype.itemsize >= LARGE and count >= LEAST_MEMBER * elements([node.dims[axis]])


def _axis(node: Node) -> int:
    """The first axis that all factors have, or -1."""
    if any(arg[0].kind in RELATIONS for arg in node.args):
        return -1
    return next((axis for axis in range(len(node.dims)) if all(arg[1].count(axis) == 1 for arg in node.args)), -1)


def _region(seed: Node, order: Sequence[Node], readers: dict[Node, set[Node]], roots: set[Node]) -> _Region | None:
    """What has to be computed along with a batch, if all of it can be, one member at a time."""
    least = elements(seed.dims) // SMALL

    def large(node: Node) -> bool:
        return elements(node.dims) > least

    axes = {seed: _axis(seed)}
    later = order[order.index(seed) + 1 :]
    for node in later:
        if any(arg[0] in axes and large(arg[0]) for arg in node.args):
            axis = _kept(node, axes)
            if axis < 0:
                return None
            axes[node] = axis
    # What is made of small results and needed for large ones is inside as well.
    reached, needed = set(axes), set()
    for node in later:
        if any(arg[0] in reached for arg in node.args):
            reached.add(node)
    stack = list(axes)
    while stack:
        for arg in stack.pop().args:
            if arg[0] in reached and arg[0] not in needed:
                needed.add(arg[0])
                stack.append(arg[0])
    for node in later:
        if node in needed and node not in axes:
            axis = -1 if large(node) else _kept(node, axes)
            if axis < 0:
                return None
            axes[node] = axis
    wanted = [node for node in axes if node in roots or not readers.get(node, set()) <= axes.keys()]
    if any(large(node) for node in wanted) or not all(_can_be_given(node, axes) for node in axes):
        return None
    ordered = {node: axes[node] for node in order if node in axes}
    return _Region(seed.dims[axes[seed]], ordered, wanted)


def _kept(node: Node, axes: dict[Node, int]) -> int:
    """The axis of a node that is that of the batch in what it reads, or -1."""
    labels = {arg[1][axes[arg[0]]] for arg in node.args if arg[0] in axes}
    if node.kind not in KEEPING or len(labels) != 1:
        return -1
    (label,) = labels
    return label if label < len(node.dims) and all(arg[1].count(label) <= 1 for arg in node.args) else -1


def _can_be_given(node: Node, axes: dict[Node, int]) -> bool:
    """Whether what a node reads of others can be read at a member; a relation that knows the member cannot."""
    return not any(arg[0].kind == "select" or (arg[0].kind in RELATIONS and axes[node] in arg[1]) for arg in node.args)


def _loop(region: _Region, known: Memo) -> Memo:
    """The values that others read, from a loop over the members. `known` is what other regions have become."""
    step = Label(region.size)
    given: dict[tuple[Node, int], Node] = {}
    elements_: list[tuple[Node, tuple[Label, ...], Use]] = []
    fixed: list[tuple[Node, tuple[Label, ...], Use]] = []
    inside: Memo = {}

    def outside(child: Node, labels: tuple[Label, ...], at: int) -> Use:
        """A value that is not in the region, at a member where it has the axis."""
        if child.kind in RELATIONS or child.kind == "iota" or (not child.args and not child.dims and child.kind != "input"):
            return Use(child, labels)
        found = given.get((child, at))
        own = tuple([Label(size) for size in child.dims])
        rest = own if at < 0 else (*own[:at], *own[at + 1 :])
        if found is None:
            group, role = (fixed, "fixed") if at < 0 else (elements_, "element")
            found = given[child, at] = slot(role, len(group), [label.size for label in rest], child.dtype)
            whole = Use(child, tuple([step if place == at else label for place, label in enumerate(own)]))
            group.append((found, rest, rebuild([whole], keep, known)[0]))
        return Use(found, labels if at < 0 else (*labels[:at], *labels[at + 1 :]))

    for node, axis in region.axes.items():
        origin.current = node.origin
        labels = tuple([Label(1 if place == axis else size) for place, size in enumerate(node.dims + node.sums)])
        uses = []
        for child, positions, *_ in node.args:
            own = tuple([labels[place] for place in positions])
            at = positions.index(axis) if axis in positions else -1
            if child in inside:
                uses.append(read(inside, child, (*own[:at], *own[at + 1 :])))
            else:
                uses.append(outside(child, own, at))
        result = construct(node, labels, uses)
        rank = len(node.dims)
        inside[node] = ((*labels[:axis], *labels[axis + 1 : rank]), result)
    loop = Loop(
        Core(region.size, False, (), tuple([node for node, *_ in elements_]), tuple([node for node, *_ in fixed]), ()),
        step,
        (),
        tuple([axes for _, axes, _ in elements_]),
        tuple([axes for _, axes, _ in fixed]),
        (*[use for *_, use in elements_], *[use for *_, use in fixed]),
    )
    memo: Memo = {}
    for node in region.wanted:
        axes, use = inside[node]
        at = region.axes[node]
        memo[node] = ((*axes[:at], step, *axes[at:]), loop.tap(use))
    return memo

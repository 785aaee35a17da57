"""Loops that are many loops side by side: axes along which the elements of a linear loop do not meet.

A derivative of a loop carries the axes of its seeds through all steps, and each step does the same to every element of them: it multiplies by what is no
carry, sums over other axes, adds. Such an axis is a strand. What the loop makes of a strand is linear in what goes into it, its first values and elements;
so what is done along a strand behind the loop can be done before it, and a loop of which only a product with something is wanted can be turned round.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from croton.algebra.loop import Core, Loop, open_loop, part_of, results_of, slot
from croton.algebra.node import Label, Node, Use
from croton.algebra.rebuild import Memo, rebuild
from croton.algebra.stand_in import open_nodes
from croton.loops.recurrence import part_again

LINEAR_MAPS = ("identity", "cast")

Places = dict[Node, int]
"""For each value of a step that has a strand, which of its axes that is."""

Below = tuple[Node, int | None]
"""An argument, and which of its axes an axis of the node is; None if it does not depend on it."""


class Strands(NamedTuple):
    """The strands of a part of a loop.

    axes    for each axis of the part that is a strand, where that is in the values of a step
    moving  the carries, and those elements and fixed values that come in along the strands: the part is linear in them
    """

    axes: dict[int, Places]
    moving: frozenset[Node]


NONE = Strands({}, frozenset())


def strands(node: Node) -> Strands:
    """The strands of a part of a loop; remembered."""
    memo = node.memo
    if memo is None:
        memo = node.memo = {}
    found = memo.get("strands")
    if found is None:
        found = memo["strands"] = _strands(node)
    return found


def _strands(node: Node) -> Strands:
    core, part = node.param
    if core.stop is not None or core.limit is not None or part.kind == "steps" or core.length == 1 or not node.dtype.is_float:
        return NONE
    first = 0 if part.kind == "final" else 1
    groups: dict[frozenset[Node], dict[int, Places]] = {}
    for axis in range(first, len(node.dims)):
        start = (part.node, axis - 1) if part.node is not None else (core.carries[part.place], axis - first)
        places = _followed(core, *start)
        if places is not None:
            groups.setdefault(frozenset([value for value in places if value.kind == "input"]), {})[axis] = places
    if not groups:
        return NONE
    moving, axes = max(groups.items(), key=lambda group: len(group[1]))
    return Strands(axes, moving)


def _followed(core: Core, node: Node, axis: int) -> Places | None:
    """Where a strand that is an axis of a node of a step is in other values of the step; None if it is none."""
    carried = {carry: place for place, carry in enumerate(core.carries)}
    places: Places = {}
    stack: list[Below] = [(node, axis)]
    while stack:
        node, at = stack.pop()
        if at is None or places.get(node, at) != at:
            return None
        if node in places:
            continue
        places[node] = at
        if node in carried:
            result, axes = core.results[carried[node]]
            # Of a diagonal both axes are the strand, and neither alone.
            stack.append((result, axes.index(at) if axes.count(at) == 1 else None))
        elif node.kind != "input":
            below = handed_on(node, at)
            if below is None:
                return None
            stack += below
    return places if all(carry in places for carry in carried) and _is_linear(core, places) else None


def handed_on(node: Node, axis: int) -> list[Below] | None:
    """The arguments of a node that an axis comes from, each element from the same element, and the node is linear in; None if it is not so."""
    if node.kind == "contract":
        having = [arg for arg in node.args if axis in arg[1]]
        if len(having) != 1 or having[0][2] != 1 or having[0][0].dtype is not node.dtype or having[0][1].count(axis) > 1:
            return None
        return [(having[0][0], having[0][1].index(axis))]
    if node.kind == "add" or (node.kind == "map" and node.param in LINEAR_MAPS):
        if any(arg[1].count(axis) > 1 or not arg[0].dtype.is_float for arg in node.args):
            return None
        return [(arg[0], arg[1].index(axis) if axis in arg[1] else None) for arg in node.args]
    if node.kind == "loop":
        found = strands(node)
        if axis not in found.axes:
            return None
        loop = open_loop(node, [Label(size) for size in node.dims + node.sums])
        below: list[Below] = []
        for slot_node, axes, use in _inputs(loop):
            if slot_node in found.moving:
                label = axes[found.axes[axis][slot_node]]
                below.append((use.node, use.labels.index(label) if label in use.labels else None))
        return below
    return None


def _inputs(loop: Loop) -> list[tuple[Node, tuple[Label, ...], Use]]:
    """What comes into a loop: what stands for it in a step, its axes there, and its value."""
    core = loop.core
    axes = (*loop.carry_axes, *loop.element_axes, *loop.fixed_axes)
    return list(zip((*core.carries, *core.elements, *core.fixed), axes, loop.arguments))


def _is_linear(core: Core, places: Places) -> bool:
    """Whether of each product along a strand one factor only depends on what comes in along it."""
    moving = {node for node in places if node.kind == "input"}
    for node in open_nodes([*[result for result, _ in core.results], *places]):
        if any(arg[0] in moving for arg in node.args):
            moving.add(node)
            if node.kind == "contract" and sum(arg[0] in moving for arg in node.args) != 1:
                return False
            if node.kind == "loop" and not _takes_only_along(node, moving):
                return False
    return all(node in places for node in moving)


def _takes_only_along(node: Node, moving: Collection[Node]) -> bool:
    """Whether a loop depends on what moves by nothing but what comes in along its strands."""
    loop = open_loop(node, [Label(size) for size in node.dims + node.sums])
    return all(slot_node in strands(node).moving or use.node not in moving for slot_node, _, use in _inputs(loop))


def narrowed(node: Node, labels: Sequence[Label], uses: Sequence[Use], dropped: Collection[int]) -> Use:
    """One of the loops side by side: a part of a loop without some axes that are strands, on arguments that do not have them."""
    loop, part, found = open_loop(node, labels, uses), part_of(node), strands(node)
    core = loop.core
    memo: Memo = {}

    def without(role: str, slots: Sequence[Node], group: Sequence[tuple[Label, ...]]) -> tuple[tuple[Node, ...], tuple[tuple[Label, ...], ...]]:
        nodes, axes_of = [], []
        for number, (old, axes) in enumerate(zip(slots, group)):
            gone = {found.axes[axis][old] for axis in dropped} if old in found.moving else set()
            left = tuple([label for place, label in enumerate(axes) if place not in gone])
            new = slot(role, number, [label.size for label in left], old.dtype) if gone else old
            memo[old] = (axes, Use(new, left))
            nodes.append(new)
            axes_of.append(left)
        return tuple(nodes), tuple(axes_of)

    carries, carry_axes = without("carry", core.carries, loop.carry_axes)
    elements, element_axes = without("element", core.elements, loop.element_axes)
    fixed, fixed_axes = without("fixed", core.fixed, loop.fixed_axes)
    rank = len(node.dims)
    roots = results_of(loop)
    if part.node is not None:
        roots.append(Use(part.node, tuple(labels[1:rank])))

    def visit(inner: Node, axes: tuple[Label, ...], given: list[Use]) -> Use | None:
        if inner.kind != "loop" or any(inner not in found.axes[axis] for axis in dropped):
            return None
        return narrowed(inner, axes, given, {found.axes[axis][inner] for axis in dropped})

    made = rebuild(roots, visit, memo)
    results = tuple([(use.node, tuple([axes.index(label) for label in use.labels])) for use, axes in zip(made, carry_axes)])
    core = core._replace(carries=carries, elements=elements, fixed=fixed, results=results)
    one = Loop(core, loop.step, carry_axes, element_axes, fixed_axes, loop.arguments)
    if part.node is not None:
        return part_again(one, part._replace(node=made[-1].node), (loop.step, *made[-1].labels))
    return part_again(one, part, [label for axis, label in enumerate(labels[:rank]) if axis not in dropped])

"""What lies between a value and the seeds of a linear loop: a part of the graph that is linear in what goes into it, along axes that nothing in it mixes.

A Jacobian obtained by reverse mode has the axes of its seeds, deltas that go into loops; sums and products with what does not depend on them follow.
All of that is a matrix for each seed's element, and the seeds are a unit matrix that it is multiplied with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from croton.algebra.loop import open_loop
from croton.algebra.node import Label, Node, Use
from croton.algebra.rebuild import Memo, rebuild
from croton.rewriting.strand import handed_on, narrowed, strands

Axes = tuple[int | None, ...]
"""Where the axes of a region are in a node; None where it does not depend on one."""


class Region(NamedTuple):
    """A part of a graph that is linear in its leaves.

    root    the value it makes
    inside  its nodes with the places of the axes along which nothing meets, readers first
    leaves  what goes in, likewise
    """

    root: Node
    inside: dict[Node, Axes]
    leaves: dict[Node, Axes]


def strand_axes(order: Iterable[Node]) -> dict[Node, set[int]]:
    """For nodes, arguments first, the axes that lead to strands of a loop."""
    found: dict[Node, set[int]] = {}
    for node in order:
        if node.kind == "loop":
            axes = set(strands(node).axes)
        elif any(arg[0] in found for arg in node.args) and node.kind in ("contract", "add", "map"):
            axes = set()
            for axis in range(len(node.dims)):
                below = handed_on(node, axis)
                if below is not None and any(place in found.get(child, ()) for child, place in below):
                    axes.add(axis)
        else:
            continue
        if axes:
            found[node] = axes
    return found


def region_of(root: Node, axes: Sequence[int], strand_axes: Mapping[Node, set[int]]) -> Region | None:
    """The region below a node along some of its axes, as far as loops; None where it has no loop, or something that it is not linear in."""
    found: dict[Node, Axes] = {}
    leaves: dict[Node, Axes] = {}
    given: set[Node] = set()
    stack: list[tuple[Node, Axes]] = [(root, tuple(axes))]
    loops = 0
    while stack:
        node, at = stack.pop()
        known = found.get(node, leaves.get(node))
        if known is not None:
            if known != at:
                return None
            continue
        below = _all_handed_on(node, at) if all(place is not None and place in strand_axes.get(node, ()) for place in at) else None
        if below is None:
            leaves[node] = at
            continue
        found[node] = at
        loops += node.kind == "loop"
        given.update(_given(node, at[0]))
        stack += below
    if not loops or any(node in given for node in (*found, *leaves)):
        return None
    return Region(root, found, leaves)


def _all_handed_on(node: Node, axes: Axes) -> list[tuple[Node, Axes]] | None:
    """The arguments that several axes come from together."""
    every: list[list[tuple[Node, int | None]]] = []
    for axis in axes:
        below = None if axis is None else handed_on(node, axis)
        if below is None or (every and [child for child, _ in below] != [child for child, _ in every[0]]):
            return None
        every.append(below)
    return [(entries[0][0], tuple([place for _, place in entries])) for entries in zip(*every)]


def _given(node: Node, axis: int | None) -> list[Node]:
    """The arguments of a node that an axis does not come from."""
    if node.kind == "contract":
        return [arg[0] for arg in node.args if axis not in arg[1]]
    if node.kind == "loop":
        loop = open_loop(node, [Label(size) for size in node.dims + node.sums])
        slots = (*loop.core.carries, *loop.core.elements, *loop.core.fixed)
        return [use.node for slot, use in zip(slots, loop.arguments) if slot not in strands(node).moving]
    return []


def rebuilt(region: Region, values: Memo) -> tuple[Use, tuple[Label, ...]]:
    """What a region makes of other values in place of its leaves, that do not have its axes; and the labels for the axes of the root that it is read at.

    Where these values are read at other labels than for axes of the leaves, so is what is made of them.
    """

    def visit(node: Node, labels: tuple[Label, ...], uses: list[Use]) -> Use | None:
        if node.kind != "loop":
            return None
        return narrowed(node, labels, uses, {axis for axis in region.inside[node] if axis is not None})

    axes = tuple([Label(size) for size in region.root.dims])
    (made,) = rebuild([Use(region.root, axes)], visit, dict(values), lambda node: node not in region.inside)
    return made, axes

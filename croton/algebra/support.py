"""Where the values of a loop are zero: a step that makes nothing of nothing, and is given something from some time on, or up to it.

A derivative of a loop carries the axes of what is differentiated through all steps, and each element is zero but for one step, which a relation names.
Before that step nothing has come in, so that all states are zero: states of step r for what came in at step s are zero unless s < r, as in a triangular matrix.
So is the row of the states that a loop begins with, if it begins with zero.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from croton.algebra.constant import number_of
from croton.algebra.loop import Loop, Part, open_loop, part_of
from croton.algebra.node import Label, Node, Use, walk
from croton.algebra.relation import row_of
from croton.sizes import Size

Row = tuple[dict[Label, Size], Size]

MOST_GUESSES = 64
"""Ways in which axes of carries may belong together that are tried."""


def never_before(use: Use) -> list[Row]:
    """Rows [row >= 0] that hold wherever a part of a loop is not zero."""
    node, at = use
    part = part_of(node)
    if part.kind not in ("states", "tap"):
        return []
    labels = [*at, *[Label(size) for size in node.sums]]
    loop = open_loop(node, labels)
    if loop.core.stop is not None or loop.core.length == 1:
        return []
    rows = [row for came in _entries(loop) if (row := _row(loop, part, at, came)) is not None]
    if part.kind == "states" and number_of(loop.inits[part.place].node) == 0:
        # What a loop begins with is the first row, or the last one.
        rows.append(({at[0]: -1}, loop.core.length - 1) if loop.core.reverse else ({at[0]: 1}, -1))
    return rows


def _entries(loop: Loop) -> Iterable[tuple[dict[int, int], int, Size]]:
    """Which axis of each element says when it comes in, and when: step = sign * axis + shift."""
    found: dict[tuple[int, Size], dict[int, int]] = {}
    for place, (use, axes) in enumerate(zip(loop.sequences, loop.element_axes)):
        for row, constant in _ties(use):
            if set(row) - set(axes) != {loop.step} or len(row) != 2:
                continue
            (axis,) = set(row) - {loop.step}
            sign, weight = row[loop.step], row[axis]
            if isinstance(sign, int) and isinstance(weight, int) and abs(sign) == abs(weight) == 1:
                found.setdefault((-weight * sign, constant * -sign), {}).setdefault(place, axes.index(axis))
    return [(places, sign, shift) for (sign, shift), places in found.items()]


def _ties(use: Use) -> list[Row]:
    """The linear equations without which a product is zero."""
    node, labels = use
    if node.kind != "contract":
        return []
    names = [*labels, *[Label(size) for size in node.sums]]
    return [row_of(Use(child, tuple([names[i] for i in positions]))) for child, positions, _ in node.args if child.kind == "affine"]


def _row(loop: Loop, part: Part, at: Sequence[Label], came: tuple[dict[int, int], int, Size]) -> Row | None:
    """Nothing but what came in by then: the axis of the part that says when, and the condition."""
    elements, sign, shift = came
    core = loop.core
    choices = [range(len(carry.dims)) for carry in core.carries]
    for axes in itertools.islice(itertools.product(*choices), MOST_GUESSES):
        known: dict[Node, int] = {core.elements[place]: axis for place, axis in elements.items()}
        known.update(zip(core.carries, axes))
        wanted = [node for node, _ in core.results] + ([part.node] if part.node is not None else [])
        kept = _kept(wanted, known)
        if any({places[i] for i in kept.get(node, ())} != {axis} for (node, places), axis in zip(core.results, axes)):
            continue
        if not all(_begins(use, labels[axis], loop, sign, shift) for use, labels, axis in zip(loop.inits, loop.carry_axes, axes)):
            continue
        if part.kind == "tap":
            assert part.node is not None
            if len(kept.get(part.node, ())) != 1:
                continue
            (axis,) = kept[part.node]
        else:
            axis = axes[part.place]
        # Forward, what is known in row r of the states came in at a step before r; backward, at step r or after it.
        early = 1 if part.kind == "states" and not core.reverse else 0
        weight = -1 if core.reverse else 1
        # The first axis is the row or the step; what came in at sign * axis + shift is there from that step on.
        return {at[0]: weight, at[axis + 1]: -weight * sign}, -weight * shift - early
    return None


def _kept(wanted: Sequence[Node], known: Mapping[Node, int]) -> dict[Node, set[int]]:
    """For nodes of a step the axes that come from nothing but the same places of those axes of what is known: zero there, zero here."""
    found = {node: {axis} for node, axis in known.items()}
    for node in walk(wanted):
        if node in found:
            continue
        if node.kind == "contract":
            for child, positions, power in node.args:
                axes = {positions[axis] for axis in found.get(child, ())}
                if power > 0 and axes and max(axes) < len(node.dims):
                    found[node] = axes
                    break
        elif node.kind == "add" and all(arg[0] in found for arg in node.args):
            found[node] = {positions[axis] for child, positions, _ in node.args for axis in found[child]}
        elif node.kind == "map" and node.param in ("identity", "cast") and node.args[0][0] in found:
            found[node] = {node.args[0][1][axis] for axis in found[node.args[0][0]]}
    return found


def _begins(use: Use, axis: Label, loop: Loop, sign: int, shift: Size) -> bool:
    """Whether what a carry begins with came in just before the first step, or is zero."""
    if number_of(use.node) == 0:
        return True
    first: Size = loop.core.length if loop.core.reverse else -1
    for row, constant in _ties(use):
        if set(row) == {axis} and row[axis] in (1, -1):
            return bool(sign * (constant * -row[axis]) + shift == first)
    return False

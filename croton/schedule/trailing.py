"""Carries of which all values after a step are wanted, and none before: they are tapped, so that what a step writes is where it is wanted.

All values of a carry are an array with a row more than there are steps. What reads it one row late only, as whoever stacks what a loop gives, would copy it.
"""

from __future__ import annotations

from collections.abc import Sequence

from croton.algebra.contract import contract
from croton.algebra.loop import Core, core_of, loop_key, open_loop, part_of
from croton.algebra.node import Label, Node, Operand, Use, walk
from croton.algebra.rebuild import rebuild
from croton.algebra.relation import affine
from croton.sizes import Size


def only_after(outputs: Sequence[Operand]) -> Sequence[Operand]:
    """The outputs with taps in place of carries' values, where these are read after the steps only."""
    order = list(walk([output.use.node for output in outputs]))
    loops = [node for node in order if node.kind == "loop"]
    if not loops:
        return outputs
    lasts = {(loop_key(node), part_of(node).place) for node in loops if part_of(node).kind == "final"}
    chosen = {
        node
        for node in loops
        if part_of(node).kind == "states" and may_trail(core_of(node), part_of(node).place, (loop_key(node), part_of(node).place) in lasts)
    }
    chosen.difference_update([output.use.node for output in outputs])
    for node in order if chosen else ():
        for place, arg in enumerate(node.args):
            if arg[0] in chosen and _late(node, place) is None:
                chosen.remove(arg[0])
    if not chosen:
        return outputs

    def visit(node: Node, labels: tuple[Label, ...], uses: list[Use]) -> Use | None:
        if not any(arg[0] in chosen for arg in node.args):
            return None
        rank = len(node.dims)
        items: list[Use | None] = list(uses)
        more: list[Use] = []
        sums = list(labels[rank:])
        for place, arg in enumerate(node.args):
            if arg[0] in chosen:
                found = _late(node, place)
                assert found is not None
                relation, other, shift = found
                row, *axes = uses[place].labels
                items[place] = items[relation] = None
                sums.remove(row)
                step = labels[other]
                if shift:
                    step = Label(core_of(arg[0]).length)
                    sums.append(step)
                    more.append(affine({step: 1, labels[other]: -1}, -shift))
                more.append(_tapped(uses[place].node, step, axes))
        factors = [(item, arg[2]) for item, arg in zip(items, node.args) if item is not None]
        return contract(labels[:rank], [*factors, *[(use, 1) for use in more]], node.param, sums, node.dtype)

    uses = rebuild([output.use for output in outputs], visit)
    return [Operand(output.axes, use) for output, use in zip(outputs, uses)]


def may_trail(core: Core, place: int, last_wanted: bool) -> bool:
    """Whether the values of a carry after the steps may be all that is kept of it: rows that every step makes."""
    node, positions = core.results[place]
    whole = len(positions) == len(core.carries[place].dims) and node.kind != "input"
    # Of no step, the last value is the first one.
    counted = not last_wanted or (isinstance(core.length, int) and core.length > 0)
    return whole and counted and core.stop is None and core.limit is None and core.length != 1


def _late(node: Node, place: int) -> tuple[int, int, int] | None:
    """Where in a product the relation is that reads the states which are its factor at a place late, the label that it reads them by, and how much later
    than the first row after a step; None if they are read in any other way."""
    if node.kind != "contract" or node.args[place][2] != 1:
        return None
    states, positions, _ = node.args[place]
    row, core = positions[0], core_of(states)
    mentions = [number for number, arg in enumerate(node.args) if row in arg[1]]
    if row < len(node.dims) or len(mentions) != 2 or positions.count(row) != 1:
        return None
    relation = mentions[0] if mentions[1] == place else mentions[1]
    tie, pair, _ = node.args[relation]
    if tie.kind != "affine" or len(pair) != 2 or len(set(pair)) != 2:
        return None
    coefficients, constant = tie.param
    other = pair[1] if pair[0] == row else pair[0]
    sign = coefficients[pair.index(row)]
    if sign not in (1, -1) or coefficients[pair.index(other)] != -sign or not isinstance(constant, int):
        return None
    shift = -sign * constant - (0 if core.reverse else 1)
    room: Size = core.length - shift - (*node.dims, *node.sums)[other]
    return (relation, other, shift) if shift >= 0 and isinstance(room, int) and room >= 0 else None


def _tapped(states: Node, step: Label, axes: Sequence[Label]) -> Use:
    """What the next value of a carry is made of in every step, at the step and the axes of the carry."""
    loop = open_loop(states, [Label(size) for size in states.dims + states.sums])
    node, positions = loop.core.results[part_of(states).place]
    found = loop.tap(Use(node, tuple([axes[i] for i in positions])))
    return Use(found.node, (step, *found.labels[1:]))

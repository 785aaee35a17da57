"""Strands of a linear loop that are zero for many steps: blocks of them, each a loop that begins when something comes in along the first of the block.

    L[t + 1, k] = A[t] L[t, k] + [k == t] e[t]        zero while t <= k

The Jacobian of a recurrence is such a loop. In each step it multiplies all of its strands, of which half are zero on the average. Cut into B blocks of strands,
each with a loop of its own that does the steps from the first of them on, it takes (1 + 1 / B) / 2 of the operations. What these loops give lies side by side.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from croton.algebra.constant import zero
from croton.algebra.contract import contract
from croton.algebra.loop import Core, core_of, loop_key, open_loop, part_of
from croton.algebra.node import ONE, Label, Node, Use, walk
from croton.algebra.plan import cost
from croton.algebra.rebuild import Memo, rebuild
from croton.algebra.relation import affine
from croton.loops.history import read_at
from croton.rewriting.conditions import Conditions, came_in, conditions
from croton.rewriting.pieced import Pieced, Pieces
from croton.rewriting.replaced import Replaced
from croton.rewriting.strand import Places, narrowed, strands
from croton.sizes import Size

BLOCKS = (2, 4, 8)
"""Numbers of blocks that are tried. Of what they could save at most, a half, these save a half, three quarters and seven eighths."""

STEP = 1500.0
"""What a step of a loop takes besides its operations: so much is paid for each step of each block."""

LEAST_GAIN = 1.2
"""Blocks must save this factor."""

FURTHER_GAIN = 1.06
"""More blocks, which take longer to compile, must save this factor of what fewer blocks take."""

LEAST_LENGTH = 2
"""Steps of a block's loop: of one step there is no loop, and it may as well begin earlier."""


class _Block(NamedTuple):
    """Some strands, one behind the other, and how many steps there are before something comes in along the first of them that anything does."""

    start: int
    width: int
    begin: int


def begin_strands_late(uses: Sequence[Use]) -> tuple[list[Use], list[Replaced]]:
    """The same values, with loops whose strands are zero for many steps in blocks that begin later, where that saves enough; and what was chosen."""
    order = list(walk([use.node for use in uses]))
    loops: dict[tuple, list[Node]] = {}
    for node in order:
        if node.kind == "loop":
            loops.setdefault(loop_key(node), []).append(node)
    candidates = [parts for parts in loops.values() if _may_gain(parts[0])]
    if not candidates:
        return list(uses), []
    found = conditions(order)
    pieces = Pieces()
    memo: Memo = {}
    chosen: list[Replaced] = []
    for parts in candidates:
        replaced = [_replaced(part, axis, blocks, pieces) for part, axis, blocks in _in_blocks(parts, found)]
        memo |= {one.node: (one.axes, one.use) for one in replaced}
        chosen += replaced[:1]  # the parts of a loop are computed together
    return rebuild(uses, pieces.visit, memo), chosen


def _may_gain(node: Node) -> bool:
    """Whether a loop has strands, known sizes, and enough to do for two blocks to save something."""
    core = core_of(node)
    if not strands(node).axes or not all(isinstance(size, int) for size in node.dims + node.sums) or not isinstance(core.length, int):
        return False
    return core.length > LEAST_LENGTH and cost(node) > BLOCKS[0] * STEP * core.length


def _in_blocks(parts: Sequence[Node], found: Conditions) -> list[tuple[Node, int, list[_Block]]]:
    """The parts of a loop, with the axis and the blocks of the strand of which that saves most; none where it saves too little."""
    first = parts[0]
    core, whole = core_of(first), cost(first)
    loop = open_loop(first, [Label(size) for size in first.dims + first.sums])
    best: tuple[float, list[_Block], Places] | None = None
    for axis, places in strands(first).axes.items():
        row, strand = came_in(loop, places, found), first.dims[axis]
        if row is None or not (isinstance(core.length, int) and isinstance(strand, int)):
            continue
        before = [_steps_before(core.length, core.reverse, row, number) for number in range(strand)]
        chosen = _blocks(core.length, before, whole)
        if chosen is not None and (best is None or chosen[0] < best[0]):
            best = *chosen, places
    if best is None:
        return []
    _, blocks, places = best
    axes = [_axis_of(part, core, places) for part in parts]
    if any(axis is None for axis in axes):
        return []
    return [(part, axis, blocks) for part, axis in zip(parts, axes) if axis is not None]


def _axis_of(part: Node, core: Core, places: Places) -> int | None:
    """The axis of a part of a loop that is the same strand as one of another part."""
    inputs = (*core.carries, *core.elements)
    wanted = {slot: places.get(slot) for slot in inputs}
    return next((axis for axis, own in strands(part).axes.items() if {slot: own.get(slot) for slot in inputs} == wanted), None)


def _steps_before(length: int, reverse: bool, row: tuple[Size, Size], strand: int) -> int:
    """How many steps a loop does before anything comes in along a strand, at least."""
    weight, number = row
    since = weight * strand + number
    # Forward the first step with step + since >= 0, in reverse the first from the last one on with since - step >= 0.
    before = length - 1 - since if reverse else -since
    return max(0, min(length - LEAST_LENGTH, before)) if isinstance(before, int) else 0


def _blocks(length: int, before: Sequence[int], whole: float) -> tuple[float, list[_Block]] | None:
    """What blocks of a strand take together, and these, if they save enough; by the steps before anything comes in along each, and what all of it takes."""
    strand = len(before)
    least = whole + STEP * length
    best: tuple[float, list[_Block]] | None = None
    for count in BLOCKS:
        if count > strand:
            break
        cuts = itertools.pairwise([strand * block // count for block in range(count + 1)])
        blocks = [_Block(start, stop - start, min(before[start:stop])) for start, stop in cuts]
        taken = sum([(length - block.begin) * (whole / length * block.width / strand + STEP) for block in blocks])
        if taken * LEAST_GAIN <= least and (best is None or taken * FURTHER_GAIN <= best[0]):
            best = taken, blocks
    return best


def _replaced(part: Node, axis: int, blocks: Sequence[_Block], pieces: Pieces) -> Replaced:
    axes = tuple([Label(size) for size in part.dims])
    made = [_piece(part, axis, block) for block in blocks]
    placed = tuple([_placed(part, axes, axis, block, piece) for block, piece in zip(blocks, made)])
    use = pieces.joined(Pieced(axes, axes[axis], tuple(blocks), placed))
    return Replaced("begin strands late", part, use, axes, cost(part), sum([cost(piece.node) for piece, _ in made]))


def _piece(part: Node, axis: int, block: _Block) -> tuple[Use, list[Label]]:
    """A part of the loop of a block, and its labels for the axes of the part."""
    later = _later(part, block.begin)
    labels = [Label(size, ambient=True) for size in (*later.dims, *later.sums)]
    loop, own = open_loop(later, labels), strands(later).axes[axis]
    strand = Label(block.width, ambient=True)
    inputs = [*zip(loop.core.carries, loop.carry_axes), *zip(loop.core.elements, loop.element_axes), *zip(loop.core.fixed, loop.fixed_axes)]
    arguments = []
    for (slot, axes), use in zip(inputs, loop.arguments):
        if slot in own and axes[own[slot]] in use.labels:
            use = read_at(use, axes[own[slot]], {strand: 1}, block.start)
        arguments.append(use)
    made = narrowed(later, labels, arguments, {axis})
    return made, [strand if place == axis else label for place, label in enumerate(labels[: len(later.dims)])]


def _later(part: Node, begin: int) -> Node:
    """The part of a loop without its first steps, before which its carries are zero."""
    if not begin:
        return part
    loop = open_loop(part, [Label(size) for size in part.dims + part.sums])
    core = loop.core._replace(length=loop.core.length - begin)
    step = Label(core.length)
    inits = [zero(carry.dtype) for carry in core.carries]
    sequences = [read_at(use, loop.step, {step: 1}, _offset(core, begin)) if loop.step in use.labels else use for use in loop.sequences]
    shorter = loop._replace(core=core, step=step, arguments=(*inits, *sequences, *loop.fixed))
    own = part_of(part)
    if own.kind == "states":
        return shorter.states(own.place, Label(core.length + 1)).node
    if own.kind == "final":
        return shorter.final(own.place).node
    assert own.node is not None
    return shorter.tap(Use(own.node, tuple([Label(size) for size in own.node.dims]))).node


def _offset(core: Core, begin: int) -> int:
    """Where the first step that is done is: those that are left out are the last ones of a loop that runs in reverse."""
    return 0 if core.reverse else begin


def _placed(part: Node, axes: Sequence[Label], axis: int, block: _Block, piece: tuple[Use, list[Label]]) -> Use:
    """What a block gives, where it lies in the part."""
    use, own = piece
    at = {axis: block.start}
    if part_of(part).kind != "final":
        at[0] = _offset(core_of(part), block.begin)
    name: dict[Label, Label] = {}
    factors, sums = [], []
    for place, (label, outer) in enumerate(zip(own, axes)):
        if label.size == outer.size:
            name[label] = outer
        else:
            factors.append((affine({outer: 1, label: -1}, -at[place]), 1))
            sums.append(label)
    read = Use(use.node, tuple([name.get(label, label) for label in use.labels]))
    return contract(axes, [(read, 1), *factors], ONE, sums, part.dtype)

"""Terms of a sum that are zero outside of a box: which boxes these are, and whether they lie side by side.

A relation says where a term has its elements along an axis of the sum: at start + the place in the box. The place may be put together from
several labels, as that of a head and of a feature in it, and the box may be in every block of a length, as the features of one part of each head.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from croton.algebra.coefficient import multiply
from croton.algebra.direction import exact_digits
from croton.algebra.node import ONE, RELATIONS, Coef, Node, intern
from croton.algebra.rows import Row, plus
from croton.schedule.step import Position
from croton.sizes import Size, nonnegative, product

MOST_OPEN = 16
"""So many boxes are put in order by proofs, each beside each other one."""

Inside = tuple[int | Position, ...]


class Box(NamedTuple):
    """Where the elements of a term are along an axis: in every block of a length, `extent` of them from `start` on. `weights` are those of its labels, the
    outermost one first."""

    start: Size
    extent: Size
    block: Size
    blocks: Size
    weights: tuple[tuple[int, Size], ...]


class Placed(NamedTuple):
    """Where a term is in a sum that is longer than it along one axis.

    axis     that axis of the sum
    box      where the term is along it
    dims     the sizes of the axes of what is written, and `inside` where it is: for each axis of the sum a place in these axes
    labels   the axis of what is written for each label of the term
    apart    the axes of what is written are not those of the sum: to read it at places of the sum takes divisions
    """

    axis: int
    box: Box
    dims: tuple[Size, ...]
    inside: Inside
    labels: Mapping[int, int]
    apart: bool


class Product(NamedTuple):
    """A term that is a product, of nodes, each with the axes of what is written for its own, and a power."""

    placed: Placed
    factors: tuple[tuple[Node, tuple[int, ...], int], ...]
    coef: Coef


class Gap(NamedTuple):
    """A box in which a sum has no term."""

    start: Size
    extent: Size


def product_of(child: Node, axes: Sequence[int], coef: Coef, dims: Sequence[Size], along: int | None = None) -> Product | None:
    """A term of a sum of these sizes as a box of it; None if it is nothing of the kind. `axes` are those of the sum for the axes of the term.

    Where it is shorter along several axes it is a box along one of them only if that is said: then it is zero in a part of the box.
    """
    if child.kind != "contract" or all(arg[0].kind != "affine" for arg in child.args):
        return None
    boxes, relations = _boxes(child, [label for label, axis in enumerate(axes) if along is None or axis == along])
    if any(axes.count(axes[label]) > 1 for label in boxes):
        return None  # a diagonal of which one label has a box
    sizes = child.dims + child.sums
    own = {axis: label for label, axis in enumerate(axes)}
    placed = placed_in({axes[label]: box for label, box in boxes.items()}, own, sizes, dims)
    if placed is None:
        return None
    # Of a diagonal several labels are one axis.
    at = {**placed.labels, **{label: placed.labels[own[axis]] for label, axis in enumerate(axes) if own[axis] in placed.labels}}
    rest = [arg for number, arg in enumerate(child.args) if number not in relations]
    inner = [label for label in range(len(child.dims), len(sizes)) if label not in at]
    if inner or any(node.kind in RELATIONS for node, _, _ in rest):
        # Of the same arguments, which have been lowered; a constructor would put others in their place.
        mentioned = {label for _, positions, _ in rest for label in positions}
        seen = [label for label in at if label in mentioned]
        number = {label: place for place, label in enumerate([*seen, *inner])}
        arguments = tuple([(node, tuple([number[i] for i in positions]), power) for node, positions, power in rest])
        kept, sums = (tuple([sizes[label] for label in labels]) for labels in (seen, inner))
        rest = [(intern("contract", kept, child.dtype, arguments, ONE, sums), tuple(seen), 1)]
    factors = tuple([(node, tuple([at[i] for i in positions]), power) for node, positions, power in rest])
    return Product(placed, factors, multiply(child.param, coef))


def placed_in(boxes: Mapping[int, Box], own: Mapping[int, int], sizes: Sequence[Size], dims: Sequence[Size]) -> Placed | None:
    """Where a term is in a sum of these sizes, by its boxes along axes of the sum, and its labels for the others; None if it is not shorter along one axis."""
    shorter = [axis for axis, box in boxes.items() if box.start != 0 or box.extent * box.blocks != dims[axis]]
    if len(shorter) != 1:
        return None
    written: list[Size] = []
    inside: list[int | Position] = []
    labels: dict[int, int] = {}
    for axis, size in enumerate(dims):
        box = boxes.get(axis)
        if box is None:
            if axis in own:
                labels[own[axis]] = len(written)
            inside.append(len(written))
            written.append(size)
            continue
        terms = []
        for label, weight in box.weights:
            labels[label] = len(written)
            terms.append((len(written), weight))
            written.append(sizes[label])
        plain = box.start == 0 and len(terms) == 1 and terms[0][1] == 1
        inside.append(terms[0][0] if plain else Position(tuple(terms), box.start))
    apart = any(len(box.weights) > 1 for box in boxes.values())
    return Placed(shorter[0], boxes[shorter[0]], tuple(written), tuple(inside), labels, apart)


def _boxes(child: Node, wanted: Collection[int]) -> tuple[dict[int, Box], set[int]]:
    """Those axes of a product of which a relation says where in them it is not zero, and nothing else says anything; and these relations."""
    sizes = dict(enumerate(child.dims + child.sums))
    rank = len(child.dims)
    mentions: dict[int, list[int]] = {}
    for number, (_, positions, _) in enumerate(child.args):
        for label in set(positions):
            mentions.setdefault(label, []).append(number)
    boxes: dict[int, Box] = {}
    relations: set[int] = set()
    walked: set[int] = set()
    for number, (relation, positions, _) in enumerate(child.args):
        if relation.kind != "affine":
            continue
        row = _row(relation, positions)
        axes = [label for label in row[0] if label < rank]
        if len(axes) != 1 or axes[0] not in wanted or row[0][axes[0]] not in (1, -1) or not walked.isdisjoint(row[0]):
            continue
        axis = axes[0]
        sign = row[0][axis]
        others = {label: c * -sign for label, c in row[0].items() if label != axis}
        box = box_of(others, row[1] * -sign, sizes, sizes[axis])
        known = [other for other in mentions[axis] if other != number]
        if box is not None and all(implied(child.args[other][0], child.args[other][1], box) for other in known):
            boxes[axis] = box
            relations.update((number, *known))
            walked.update(others)
    return boxes, relations


def implied(relation: Node, positions: Sequence[int], box: Box) -> bool:
    """Whether a range holds of all places of a box in the only axis that it speaks of."""
    if relation.kind != "range":
        return False
    coefficients, constant = _row(relation, positions)
    if len(coefficients) != 1:
        return False
    ((_, coefficient),) = coefficients.items()
    last = box.start + box.extent - 1 + box.block * (box.blocks - 1)
    return all(nonnegative(coefficient * place + constant) for place in (box.start, last))


def _row(relation: Node, positions: Sequence[int]) -> Row:
    row: Row = ({}, relation.param[1])
    for label, coefficient in zip(positions, relation.param[0]):
        row = plus(row, ({label: coefficient}, 0))
    return row


def box_of(weights: Mapping[int, Size], start: Size, sizes: Mapping[int, Size], length: Size) -> Box | None:
    """The places start + sum of weight * label in an axis of a length, as a box; None if they do not fill one."""
    remaining = dict(weights)
    upper: list[int] = []
    block = length
    lower = _from_the_lowest(remaining, sizes)
    while lower is None:
        # The labels that count blocks, from that of which there are fewest.
        found = [label for label, weight in remaining.items() if weight * sizes[label] == block]
        if len(found) != 1:
            return None
        block = remaining.pop(found[0])
        upper.append(found[0])
        lower = _from_the_lowest(remaining, sizes)
    order = [*upper, *reversed(lower)]
    extent, blocks = (product([sizes[label] for label in labels]) for labels in (lower, upper))
    return Box(start, extent, block, blocks, tuple([(label, weights[label]) for label in order]))


def _from_the_lowest(weights: Mapping[int, Size], sizes: Mapping[int, Size]) -> tuple[int, ...] | None:
    """The labels from the one of weight 1 on, if each weighs as much as all below it reach; None if there is none such order."""
    if not weights:
        return ()
    found = exact_digits((dict(weights), 0), list(weights), sizes)
    # Those that all count down are digits too.
    return found if found is not None and weights[found[0]] == 1 else None


def side_by_side(terms: Sequence[Placed]) -> list[int | Gap] | None:
    """The numbers of the terms in the order of their boxes, with the gaps between them; None if some meet, or may."""
    first = terms[0]
    block = first.box.block
    if any(term.axis != first.axis or term.box.block != block for term in terms):
        return None
    ordered = _in_order([term.box for term in terms])
    if ordered is None:
        return None
    found: list[int | Gap] = []
    position: Size = 0
    for number in ordered:
        box = terms[number].box
        if not _followed(found, position, box.start):
            return None
        found.append(number)
        position = box.start + box.extent
    return found if _followed(found, position, block) else None


def _followed(found: list[int | Gap], position: Size, start: Size) -> bool:
    """Whether what begins at `start` is not before `position`. What is between them is a gap."""
    if start != position:
        if not nonnegative(start - position):
            return False
        found.append(Gap(position, start - position))
    return True


def _in_order(boxes: Sequence[Box]) -> list[int] | None:
    """The numbers of boxes in order, None if it is not known. Where one ends where another begins nothing has to be proved."""
    if all(isinstance(box.start, int) for box in boxes):
        return sorted(range(len(boxes)), key=lambda number: boxes[number].start)
    at = {box.start: number for number, box in enumerate(boxes)}
    if len(at) < len(boxes):
        return None
    ordered: list[int] = []
    position: Size = 0
    while at:
        number = at.get(position)
        if number is None and len(at) <= MOST_OPEN:
            number = next((one for one in at.values() if all(other == one or _before(boxes[one], boxes[other]) for other in at.values())), None)
        if number is None:
            return None
        ordered.append(at.pop(boxes[number].start))
        position = boxes[number].start + boxes[number].extent
    return ordered


def _before(one: Box, other: Box) -> bool:
    return nonnegative(other.start - one.start - one.extent)

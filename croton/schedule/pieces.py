"""Terms of a sum that lie next to each other, as in a concatenation and the derivative of a split: each is written where it belongs, nothing is added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from croton.algebra.coefficient import multiply
from croton.algebra.node import ONE, Coef, Node, intern
from croton.dtypes import DType, bool_
from croton.schedule.draft import Draft
from croton.schedule.factors import multiplied
from croton.schedule.shared_sums import Argument
from croton.schedule.side_by_side import Box, Gap, Inside, Placed, Product, box_of, implied, placed_in, product_of, side_by_side
from croton.schedule.step import BodyBuilder, Position, Step, Value
from croton.sizes import Size


class Scattered(NamedTuple):
    """A term that a step writes at places which fill a box, and what it is multiplied by."""

    placed: Placed
    step: Step
    coef: Coef


def with_pieces(draft: Draft, node: Node) -> Sequence[Argument]:
    """The terms of a sum, with one in place of those that lie side by side where these are better written than read where they lie."""
    arguments = draft.sums.get(node, node.args)
    if len(arguments) < 2 or node.dtype is bool_ or node in draft.replaced:
        return arguments
    along = next((term.placed.axis for argument in arguments if (term := _term(draft, node, argument, None)) is not None), None)
    if along is None:
        return arguments
    terms: list[Product | Scattered] = []
    beside: list[Argument] = []
    rest: list[Argument] = []
    for argument in arguments:
        term = _term(draft, node, argument, along)
        if term is None:
            rest.append(argument)
        else:
            terms.append(term)
            beside.append(argument)
    if len(terms) < 2 or not any(term.placed.apart or (not rest and _is_work(draft, term)) for term in terms):
        return arguments
    boxes: dict[tuple[tuple[Size, ...], Inside], list[Product | Scattered]] = {}
    for term in terms:
        boxes.setdefault((term.placed.dims, term.placed.inside), []).append(term)
    pieces = list(boxes.values())
    ordered = side_by_side([piece[0].placed for piece in pieces])
    if ordered is None:
        return arguments
    part = intern("add", node.dims, node.dtype, tuple(beside), None)
    draft.stand_in(part, _joined(draft, node, [entry if isinstance(entry, Gap) else pieces[entry] for entry in ordered], terms[0].placed))
    return (*rest, (part, tuple(range(len(node.dims))), ONE))


def _term(draft: Draft, node: Node, argument: Argument, along: int | None) -> Product | Scattered | None:
    """A term that is shorter than the sum along one axis only, which is the one that is asked for; or along that and others, of which it is 0 in a part."""
    child, labels, coef = argument
    if draft.uses[child] != 1:
        return None
    term = _scattered(draft, child, labels, coef, node.dims) or product_of(child, labels, coef, node.dims)
    if term is None and along is not None:
        term = product_of(child, labels, coef, node.dims, along)
    return term if term is not None and (along is None or term.placed.axis == along) else None


def _scattered(draft: Draft, child: Node, axes: Sequence[int], coef: Coef, dims: Sequence[Size]) -> Scattered | None:
    """A term that has been lowered as a scatter of its own, perhaps with its bounds said again."""
    ranges: list[tuple[Node, tuple[int, ...]]] = []
    if child.kind == "contract" and not child.sums:
        ranges = [(arg[0], arg[1]) for arg in child.args if arg[0].kind == "range"]
        others = [arg for arg in child.args if arg[0].kind != "range"]
        if len(others) == 1 and others[0][2] == 1 and draft.uses[others[0][0]] == 1 and len(others[0][1]) == len(child.dims):
            coef = multiply(child.param, coef)
            child, positions, _ = others[0]
            ranges = [(relation, tuple([positions.index(label) for label in labels])) for relation, labels in ranges]
            axes = [axes[label] for label in positions]
        elif ranges:
            return None
    source = draft.source(child)
    step = source.step if type(source) is Value else None
    if step is None or step.kind != "scatter" or step.detail.op is not None or step.detail.base is not None or step.detail.guard >= 0:
        return None
    walked = [term for entry in step.detail.at for term in ([entry] if isinstance(entry, int) else [term for term, _ in entry.terms])]
    if len(set(walked)) < len(walked) or min(walked, default=0) < 0:
        return None  # a diagonal, or places that are computed
    boxes: dict[int, Box] = {}
    own: dict[int, int] = {}
    for place, (axis, entry) in enumerate(zip(axes, step.detail.at)):
        terms, start = (((entry, 1),), 0) if isinstance(entry, int) else (entry.terms, entry.const)
        box = box_of(dict(terms), start, dict(enumerate(step.dims)), dims[axis])
        if box is None or any(place in labels and not implied(relation, labels, box) for relation, labels in ranges):
            return None
        if isinstance(entry, int) and box.extent == dims[axis]:
            own[axis] = entry
        else:
            boxes[axis] = box
    placed = placed_in(boxes, own, step.dims, dims)
    return None if placed is None else Scattered(placed, step, coef)


def _joined(draft: Draft, node: Node, pieces: Sequence[Sequence[Product | Scattered] | Gap], beside: Placed) -> Value:
    """An array that is written piece by piece: each is the sum of terms that fill one box, or 0 where there is none."""
    whole = Value(node.dims, node.dtype)
    made = []
    for piece in pieces:
        body = BodyBuilder()
        if isinstance(piece, Gap):
            dims, inside = _between(beside, node.dims, piece)
            result = body.const(node.dtype, 0)
        else:
            dims, inside = piece[0].placed.dims, piece[0].placed.inside
            result = _written(draft, body, piece[0], node.dtype)
            for term in piece[1:]:
                result = body.call("add", node.dtype, result, _written(draft, body, term, node.dtype))
        value = draft.emit(dims, len(dims), None, body.finish(result), own=True)
        value.view, value.inside = whole, inside
        made.append(value)
    draft.add(Step(whole, "joined", node.dims, None, (), tuple(made), draft.origin))
    return whole


def _written(draft: Draft, body: BodyBuilder, term: Product | Scattered, dtype: DType) -> int:
    """The elements of a term, at the axes of its piece."""
    if isinstance(term, Product):
        factors = [(draft.lowered(factor), labels, power) for factor, labels, power in term.factors]
        return multiplied(draft, body, factors, term.coef, dtype)
    step = term.step
    value = body.splice(step.body[: step.detail.result + 1], term.placed.labels)
    return value if term.coef == ONE else body.call("mul", dtype, value, body.coef(dtype, term.coef))


def _between(term: Placed, sizes: Sequence[Size], gap: Gap) -> tuple[tuple[Size, ...], Inside]:
    """The sizes of the axes of a gap beside a term in a sum of these sizes, and where it is."""
    axis, box = term.axis, term.box
    own = [(size, weight) for size, weight in ((box.blocks, box.block), (gap.extent, 1)) if size != 1]
    dims = (*sizes[:axis], *[size for size, _ in own], *sizes[axis + 1 :])
    here = Position(tuple([(axis + number, weight) for number, (_, weight) in enumerate(own)]), gap.start)
    return dims, (*range(axis), here, *[number + len(own) - 1 for number in range(axis + 1, len(sizes))])


def _is_work(draft: Draft, term: Product | Scattered) -> bool:
    """Whether a term is more than an array that lies somewhere else, which its readers may as well read there."""
    if isinstance(term, Scattered) or len(term.factors) != 1:
        return True
    ((factor, _, power),) = term.factors
    source = draft.lowered(factor)
    step = source.step if type(source) is Value else None
    return power != 1 or (step is not None and step.kind == "map" and draft.uses.get(factor, 1) == 1)


def located(value: Value, index: tuple) -> tuple[Value, tuple]:
    """The array that holds a value, and the index there."""
    while value.inside is not None:
        assert value.view is not None, "a piece has a whole"
        index = tuple([index[entry] if isinstance(entry, int) else _moved(entry, index) for entry in value.inside])
        value = value.view
    return value, index


def _moved(entry: Position, index: tuple) -> Position:
    """A place in the axes of a piece, at an index of the piece."""
    terms: list[tuple[int, Size]] = []
    const = entry.const
    for axis, weight in entry.terms:
        at = index[axis]
        if type(at) is int:
            terms.append((at, weight))
        else:
            terms += [(term, weight * coefficient) for term, coefficient in at.terms]
            const = const + weight * at.const
    return Position(tuple(terms), const)

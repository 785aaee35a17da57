"""Sums whose terms lie next to each other, as a concatenation and the derivative of a split are: each term is written where it belongs, nothing is added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from croton.algebra.coefficient import multiply
from croton.algebra.contract import contract
from croton.algebra.node import RELATIONS, Coef, Label, Node, Use
from croton.dtypes import bool_
from croton.schedule.draft import Draft
from croton.schedule.factors import multiplied
from croton.schedule.step import BodyBuilder, Position, Step, Value
from croton.sizes import Size


class Term(NamedTuple):
    """A product that is zero outside of a box, which begins at `start` along an axis of the sum and has an extent there.

    factors    what is multiplied: a node, and an axis of the sum for each of its own; along `axis` they begin with the box
    """

    axis: int
    start: Size
    extent: Size
    factors: tuple[tuple[Node, tuple[int, ...], int], ...]
    coef: Coef


def lower_pieces(draft: Draft, node: Node) -> Value | None:
    """The value of a sum whose terms fill it side by side along one axis; None if they do not, or if they are better read where they lie."""
    if len(node.args) < 2 or node.dtype is bool_ or node in draft.replaced:
        return None
    terms: list[Term] = []
    for child, labels, coef in node.args:
        term = _term(child, labels, coef) if child.kind == "contract" and draft.uses[child] == 1 else None
        if term is None or (terms and term.axis != terms[0].axis):
            return None
        terms.append(term)
    axis = terms[0].axis
    ordered = _side_by_side(terms, node.dims[axis])
    if ordered is None or not any(_is_work(draft, term) for term in ordered):
        return None
    whole = Value(node.dims, node.dtype)
    pieces = []
    for term in ordered:
        body = BodyBuilder()
        factors = [(draft.lowered(factor), labels, power) for factor, labels, power in term.factors]
        result = multiplied(draft, body, factors, term.coef, node.dtype)
        dims = (*node.dims[:axis], term.extent, *node.dims[axis + 1 :])
        piece = draft.emit(dims, len(dims), None, body.finish(result), own=True)
        piece.view, piece.inside = whole, (axis, term.start)
        pieces.append(piece)
    draft.add(Step(whole, "joined", node.dims, None, (), tuple(pieces), draft.origin))
    return whole


def _term(child: Node, labels: tuple[int, ...], coef: Coef) -> Term | None:
    """A product with a relation that says that an axis of the result is one of the factors' plus a number."""
    inner = len(child.dims)
    if len(labels) != inner:
        return None
    for place, (relation, positions, _) in enumerate(child.args):
        if relation.kind != "affine" or len(positions) != 2:
            continue
        coefficients, constant = relation.param
        outer = 0 if positions[0] < inner else 1
        one, other = positions[outer], positions[1 - outer]
        sign = coefficients[outer]
        rest = [arg for number, arg in enumerate(child.args) if number != place]
        if one >= inner or other < inner or sign not in (1, -1) or coefficients[1 - outer] != -sign or any(one in arg[1] for arg in rest):
            continue
        axes = {position: labels[position] for position in range(inner)} | {other: labels[one]}
        factors = tuple([(node, tuple([axes.get(position, -1) for position in at]), power) for node, at, power in rest])
        # one = other - constant / sign
        start, extent, total = constant * -sign, child.sums[other - inner], multiply(child.param, coef)
        if len(child.sums) == 1 and not any(node.kind in RELATIONS for node, _, _ in rest):
            return Term(labels[one], start, extent, factors, total)
        names = [Label(size) for size in child.dims + child.sums]
        kept = [label for position, label in enumerate(names) if (position < inner and position != one) or position == other]
        summed = [label for label in names[inner:] if label not in kept]
        use = contract(kept, [(Use(node, tuple([names[i] for i in at])), power) for node, at, power in rest], summed=summed, dtype=child.dtype)
        return Term(labels[one], start, extent, ((use.node, tuple([axes[names.index(label)] for label in use.labels]), 1),), total)
    return None


def _side_by_side(terms: Sequence[Term], extent: Size) -> list[Term] | None:
    """The terms in order, None if they leave something out or meet."""
    at = {term.start: term for term in terms}
    ordered: list[Term] = []
    position: Size = 0
    while position in at:
        ordered.append(at.pop(position))
        position = position + ordered[-1].extent
    return ordered if len(ordered) == len(terms) and position == extent else None


def _is_work(draft: Draft, term: Term) -> bool:
    """Whether a term is more than an array that lies somewhere else, which its readers may as well read there."""
    if len(term.factors) != 1:
        return True
    ((factor, _, power),) = term.factors
    source = draft.lowered(factor)
    step = source.step if type(source) is Value else None
    return power != 1 or (step is not None and step.kind == "map" and draft.uses.get(factor, 1) == 1)


def located(value: Value, index: tuple) -> tuple[Value, tuple]:
    """The array that holds a value, and the index there."""
    while value.inside is not None:
        assert value.view is not None, "a piece has a whole"
        axis, start = value.inside
        entry = index[axis]
        moved = Position(((entry, 1),), start) if type(entry) is int else Position(entry.terms, entry.const + start)
        index = (*index[:axis], moved, *index[axis + 1 :])
        value = value.view
    return value, index

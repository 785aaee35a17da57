"""Contracts to steps: each by the way that suits it."""

from __future__ import annotations

from collections.abc import Sequence

from croton.algebra.coefficient import multiply
from croton.algebra.masked import held_by
from croton.algebra.node import RELATIONS, Node
from croton.algebra.plan import plan
from croton.schedule.cumulative import prefix_sum
from croton.schedule.draft import Draft
from croton.schedule.factors import Factor, multiplied
from croton.schedule.relation import lower_relations, prefers_mask
from croton.schedule.step import BodyBuilder, Operands, Source, Value
from croton.schedule.summation import summed
from croton.sizes import Size


def lower_contract(draft: Draft, node: Node) -> Source:
    """A product of factors, summed or not, related or not."""
    if not node.args:
        return node
    related = any(arg[0].kind in RELATIONS for arg in node.args)
    if related:
        running = prefix_sum(draft, node, [(draft.source(a[0]), a[1], a[2]) for a in node.args])
        if running is not None:
            return running
        if not prefers_mask(draft, node):
            return lower_relations(draft, node)
    rank = len(node.dims)
    dims = node.dims + node.sums
    factors: list[Factor] = [(draft.source(a[0]), a[1], a[2]) for a in node.args]
    if not node.sums:
        return _pointwise(draft, node, factors)
    held = held_by(node.args, range(rank, len(dims)))
    return summed(draft, dims, rank, factors, node.param, node.dtype, None if related else plan(node).tree, held)


def _pointwise(draft: Draft, node: Node, factors: list[Factor]) -> Source:
    rank = len(node.dims)
    sole = sole_product(draft, node.args[0][0], node.args[0][1]) if len(factors) == 1 and factors[0][2] == 1 else None
    if sole is not None:
        dims, operands = sole
        return draft.product(dims, rank, node.dtype, operands._replace(alpha=multiply(operands.alpha, node.param)))
    body = BodyBuilder()
    return draft.emit(node.dims, rank, None, body.finish(multiplied(draft, body, factors, node.param, node.dtype)))


def sole_product(draft: Draft, node: Node, labels: Sequence[int]) -> tuple[tuple[Size, ...], Operands] | None:
    """The matrix product that a node is, read at all labels of its reader: its sizes and operands by those.

    None if something else uses it too, or it accumulates.
    """
    value = draft.source(node)
    step = value.step if isinstance(value, Value) else None
    if step is None or step.kind != "product" or step.detail.accumulate is not None:
        return None
    if draft.uses[node] != 1 or draft.claims[step.out] != 1 or sorted(labels) != list(range(step.rank)):
        return None
    place = [*labels, *range(step.rank, len(step.dims))]
    dims = list(step.dims)
    for label, size in zip(place, step.dims):
        dims[label] = size
    operands: Operands = step.detail
    left, right = (tuple([place[label] for label in found]) for found in (operands.left_labels, operands.right_labels))
    twins = tuple([(place[one], place[two]) for one, two in operands.twins])
    return tuple(dims), operands._replace(left_labels=left, right_labels=right, twins=twins)

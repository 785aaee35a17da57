"""Contracts to steps: each by the way that suits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from croton.algebra.coefficient import multiply
from croton.algebra.node import RELATIONS, Node
from croton.schedule.factors import Factor, multiplied
from croton.schedule.relation import lower_relations, prefers_mask
from croton.schedule.running import prefix_sum
from croton.schedule.step import BodyBuilder, Source, Step, Value
from croton.schedule.summation import summed

if TYPE_CHECKING:
    from croton.schedule.lower import Lowering


def lower_contract(lowering: Lowering, node: Node) -> Source:
    """A product of factors, summed or not, related or not."""
    if not node.args:
        return node
    if any(arg[0].kind in RELATIONS for arg in node.args):
        running = prefix_sum(lowering, node, [(lowering.source(a[0]), a[1], a[2]) for a in node.args])
        if running is not None:
            return running
        if not prefers_mask(lowering, node):
            return lower_relations(lowering, node)
    rank = len(node.dims)
    dims = node.dims + node.sums
    factors: list[Factor] = [(lowering.source(a[0]), a[1], a[2]) for a in node.args]
    if not node.sums:
        return _pointwise(lowering, node, factors)
    return summed(lowering, dims, rank, factors, node.param, node.dtype)


def _pointwise(lowering: Lowering, node: Node, factors: list[Factor]) -> Source:
    rank = len(node.dims)
    step = sole_product(lowering, node.args[0][0]) if len(factors) == 1 and factors[0][1:] == (tuple(range(rank)), 1) else None
    if step is not None:
        detail = step.detail._replace(alpha=multiply(step.detail.alpha, node.param))
        return lowering.product(step.dims, rank, node.dtype, detail)
    body = BodyBuilder()
    return lowering.emit(node.dims, rank, None, body.finish(multiplied(lowering, body, factors, node.param, node.dtype)))


def sole_product(lowering: Lowering, node: Node) -> Step | None:
    """The matrix product that a node is, if nothing else uses it and nothing is accumulated into it."""
    value = lowering.source(node)
    step = value.step if isinstance(value, Value) else None
    if step is None or step.kind != "product" or step.detail.accumulate is not None:
        return None
    return step if lowering.uses[node] == 1 and lowering.claims[step.out] == 1 else None

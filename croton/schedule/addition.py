"""Sums of terms to steps."""

from __future__ import annotations

from collections.abc import Sequence

from croton.algebra.coefficient import multiply
from croton.algebra.node import ONE, Coef, Node
from croton.dtypes import DType, bool_
from croton.schedule.contract import sole_product
from croton.schedule.draft import Draft
from croton.schedule.pieces import with_pieces
from croton.schedule.step import BodyBuilder, Operands, Source
from croton.schedule.update import updated
from croton.sizes import Size

MOST_TERMS = 32
"""So many terms are added up in one kernel: what a kernel takes to compile grows faster than its length."""


def lower_add(draft: Draft, node: Node) -> Source:
    """A sum of terms: products are accumulated onto what the others add up to."""
    terms = with_pieces(draft, node)
    if len(terms) == 1 and terms[0][1:] == (tuple(range(len(node.dims))), ONE):
        return draft.source(terms[0][0])
    rank, dtype = len(node.dims), node.dtype
    if node in draft.replaced and draft.uses[node] == 1:
        total = updated(draft, node)
        if total is not None:
            return total
    products: list[tuple[tuple[Size, ...], Operands, Coef]] = []
    rest = []
    for child, labels, coef in terms:
        sole = sole_product(draft, child, labels) if len(labels) == rank and len(terms) > 1 else None
        if sole is None:
            rest.append((child, labels, coef))
        else:
            products.append((*sole, coef))
    wide = [coef for _, labels, coef in rest if len(labels) == rank]
    if products and rest and (not wide or wide == [ONE]):
        # a lone shared value would only be copied, and a bias is added after the product, with what follows it
        products, rest = [], list(terms)
    total = None
    for first in range(0, len(rest), MOST_TERMS):
        body = BodyBuilder()
        result = _sum(draft, body, rest[first : first + MOST_TERMS], dtype)
        if total is not None:
            result = body.call("add", dtype, body.load(total, tuple(range(rank))), result)
        total = draft.emit(node.dims, rank, None, body.finish(result), own=bool(products))
    for dims, operands, coef in products:
        operands = operands._replace(alpha=multiply(operands.alpha, coef), accumulate=total)
        total = draft.product(dims, rank, dtype, operands, own=True)
    assert total is not None, "a sum has terms"
    return total


def _sum(draft: Draft, body: BodyBuilder, terms: Sequence[tuple], dtype: DType) -> int:
    if len(terms) > 1 and all(coef.number < 0 for _, _, coef in terms):
        # the opposite of a sum: what the two have in common is computed once
        opposite = [(child, labels, multiply(coef, Coef(-1))) for child, labels, coef in terms]
        return body.call("neg", dtype, _sum(draft, body, opposite, dtype))
    # numbers last and wide terms first, so that equal sums of different graphs are equal text
    ordered = sorted(terms, key=lambda term: (_is_number(term[0]), -len(term[1])))
    result = -1
    for child, labels, coef in ordered:
        function = "add"
        if _is_number(child):
            read = body.coef(dtype, multiply(child.param, coef))
        else:
            read = draft.read(body, draft.source(child), labels)
            if child.dtype is bool_:
                read = body.call("where", dtype, read, body.coef(dtype, coef), body.const(dtype, 0))
            elif coef == (-1, ()):
                function = "sub"
            elif coef != ONE:
                read = body.call("mul", dtype, read, body.coef(dtype, coef))
        if result < 0:
            result = read if function == "add" else body.call("neg", dtype, read)
        else:
            result = body.call(function, dtype, result, read)
    return result


def _is_number(node: Node) -> bool:
    return node.kind == "contract" and not node.args and node.dtype is not bool_

"""Reductions other than sums, and the places of extremes."""

from __future__ import annotations

from croton.algebra.node import Node
from croton.algebra.reduce import SORTS
from croton.dtypes import bool_, int64
from croton.schedule.draft import Draft
from croton.schedule.relation import lower_scattered_reduction
from croton.schedule.sorting import lower_sort
from croton.schedule.step import BodyBuilder, Source


def lower_reduce(draft: Draft, node: Node) -> Source:
    """A reduction other than a sum."""
    scattered = lower_scattered_reduction(draft, node)
    if scattered is not None:
        return scattered
    child, labels = node.args[0][:2]
    rank, dims = len(node.dims), node.dims + node.sums
    function, dtype = node.param, node.dtype
    body = BodyBuilder()
    read = draft.read(body, draft.source(child), labels)
    if function != "lse":
        return draft.emit(dims, rank, function, body.finish(read))
    largest = draft.emit(dims, rank, "max", body.finish(read))
    same = tuple(range(rank))
    body = BodyBuilder()
    peak = body.load(largest, same)
    finite = body.call("isfinite", bool_, peak)
    # shifting by an infinite maximum would make inf - inf
    shift = draft.emit(node.dims, rank, None, body.finish(body.call("where", dtype, finite, peak, body.const(dtype, 0))))
    body = BodyBuilder()
    read = draft.read(body, draft.source(child), labels)
    shifted = body.call("sub", dtype, read, body.load(shift, same))
    total = draft.emit(dims, rank, "sum", body.finish(body.call("exp", dtype, shifted)))
    body = BodyBuilder()
    logarithm = body.call("log", dtype, body.load(total, same))
    return draft.emit(node.dims, rank, None, body.finish(body.call("add", dtype, logarithm, body.load(shift, same))))


def lower_arg(draft: Draft, node: Node) -> Source:
    """The place of an extreme, or a ranking."""
    child, labels = node.args[0][:2]
    if node.param in SORTS:
        return lower_sort(draft, node)
    source, rank = draft.source(child), len(node.dims)
    dims, along = node.dims + node.sums, rank
    body = BodyBuilder()
    extreme = draft.emit(dims, rank, node.param[3:], body.finish(draft.read(body, source, labels)))
    body = BodyBuilder()
    read = draft.read(body, source, labels)
    found = body.call("eq", bool_, read, body.load(extreme, tuple(range(rank))))
    if child.dtype.is_float:
        # the first NaN is the extreme, as in NumPy
        found = body.call("logical_or", bool_, found, body.call("isnan", bool_, read))
    place = body.call("where", int64, found, body.index(along), draft.size(body, dims[along]))
    return draft.emit(dims, rank, "min", body.finish(place))

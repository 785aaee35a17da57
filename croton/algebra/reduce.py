"""Reductions other than +: the constructors of Reduce, Arg and Cumulate."""

from __future__ import annotations

from collections.abc import Collection

from croton.algebra.add import add
from croton.algebra.coefficient import of_size
from croton.algebra.constant import constant, iota, zero
from croton.algebra.contract import contract
from croton.algebra.node import Label, Node, Use, intern
from croton.algebra.pointwise import scalar
from croton.algebra.seal import seal
from croton.dtypes import DType, bool_, int64
from croton.sizes import Size

REDUCTIONS = ("max", "min", "prod", "any", "all", "lse")
SORTS = ("argsort", "argsort_descending")
ARGS = ("argmax", "argmin", *SORTS)
CUMULATIONS = ("prod", "max", "min")


def reduce(function: str, use: Use, over: Collection[Label]) -> Use:
    """max, min, prod, any, all or lse (the logarithm of the sum of exponentials) over labels."""
    if function not in REDUCTIONS:
        raise ValueError(f"no reduction {function!r}; the reductions are {', '.join(REDUCTIONS)}, and contract sums")
    node, labels = use
    _check(function, node.dtype)
    inside = {label for label in over if label in labels}
    for label in over:
        if label not in inside and label.size != 1:
            use = _repeated(function, use, label)
    if not inside:
        return use
    if use != (node, labels):
        return reduce(function, use, inside)
    if node.kind == "reduce" and node.param == function and len(set(labels)) == len(labels):
        # max over one label of max over another is one reduction
        child, positions = node.args[0]
        inner = tuple(Label(size) for size in node.sums)
        every = labels + inner
        return seal("reduce", node.dtype, [(child, tuple([every[i] for i in positions]))], function, inside | set(inner))
    return seal("reduce", node.dtype, [use], function, inside)


def arg(function: str, use: Use, over: Label, rank: Label | None = None) -> Use:
    """argmax or argmin over a label: the index of the first extreme value; argsort, also descending: at label `rank` the index of the rank-th, stable.

    There may be fewer ranks than elements, and must not be more: what comes after those is left out.
    """
    if function not in ARGS:
        raise ValueError(f"no function {function!r}; the functions are {', '.join(ARGS)}")
    if (function in SORTS) != (rank is not None):
        raise ValueError(f"{function} needs a label for the rank" if rank is None else f"{function} has no label for a rank")
    node, labels = use
    if over not in labels:
        # Nothing to choose from: the first, or all in order.
        if rank is None or rank.size == 1:
            return zero(int64)
        return Use(intern("iota", (rank.size,), int64), (rank,))
    if rank is None:
        return seal("arg", int64, [use], function, {over})
    if len(set(labels)) < len(labels):
        # a routine sorts whole arrays
        use = _diagonal(use)
        node = use.node
    sealed = seal("arg", int64, [use], function, {over})
    if rank.size == 1:
        return sealed
    shifted = tuple([i if i < len(sealed.labels) else i + 1 for i in sealed.node.args[0][1]])
    found = intern("arg", (*sealed.node.dims, rank.size), int64, ((node, shifted),), function, sealed.node.sums)
    return Use(found, (*sealed.labels, rank))


def ranks_of(node: Node) -> Size:
    """How many ranks a node that sorts gives: the size of its last axis, which is not there if it is 1."""
    return node.dims[-1] if len(node.dims) == len(node.args[0][1]) else 1


def cumulate(function: str, use: Use, label: Label, reverse: bool = False, exclusive: bool = False) -> Use:
    """The running product, maximum or minimum along a label.

    `exclusive` leaves the element itself out, and starts with the unit (prod only); `reverse` runs from the end. The param of the
    node is (function, position of the label among its axes, reverse, exclusive).
    """
    if function not in CUMULATIONS:
        raise ValueError(f"no running {function!r}; the functions are {', '.join(CUMULATIONS)}, and contract with a range sums")
    if exclusive and function != "prod":
        raise ValueError(f"a running {function} that leaves out the element has no unit to start with")
    node, labels = use
    _check(function, node.dtype)
    if label not in labels:
        if function != "prod":
            return use
        if label.size == 1:
            return constant(1, node.dtype) if exclusive else use
        # The same factor again and again: a power that grows along the label.
        count = add([(iota(label), -1 if reverse else 1), (constant(of_size(label.size), int64), 1 if reverse else 0)])
        shift = int(not reverse and not exclusive) - int(reverse and exclusive)
        count = add([(count, 1), (constant(shift, int64), 1)])
        return scalar("pow", use, scalar("cast", count, dtype=node.dtype))
    if labels.count(label) > 1 or len(set(labels)) < len(labels):
        use = _diagonal(use)
        node, labels = use
    param = (function, labels.index(label), reverse, exclusive)
    return Use(intern("cumulate", node.dims, node.dtype, ((node, tuple(range(len(labels)))),), param), labels)


def _diagonal(use: Use) -> Use:
    """A node of its own for a read with repeated labels."""
    return seal("map", use[0].dtype, [use], "identity")


def _check(function: str, dtype: DType) -> None:
    if function in ("any", "all"):
        if dtype is not bool_:
            raise TypeError(f"{function} needs bool values, got {dtype}; compare with 0 first")
    elif function == "lse" and dtype.kind != "f":
        raise TypeError(f"lse needs floating values, got {dtype}; convert them first")
    elif dtype is bool_:
        raise TypeError(f"{function} of bool values is not defined here; use any or all, or convert them first")


def _repeated(function: str, use: Use, label: Label) -> Use:
    """The reduction over a label the value does not depend on, of unknown or greater size."""
    dtype = use[0].dtype
    if function == "lse":
        return add([(use, 1), (scalar("log", constant(of_size(label.size), dtype)), 1)])
    if function == "prod":
        if isinstance(label.size, int):
            return contract(use[1], [(use, label.size)])
        return scalar("pow", use, constant(of_size(label.size), dtype))
    if function in ("any", "all") and label.size != 0 and not isinstance(label.size, int):
        count = constant(of_size(label.size), int64)
        if function == "any":
            return scalar("logical_and", use, scalar("gt", count, constant(0, int64)))
        return scalar("logical_or", use, scalar("eq", count, constant(0, int64)))
    if function in ("any", "all") and label.size == 0:
        return constant(function == "all", bool_)
    return use  # max or min; whoever asks has made sure that there is an element

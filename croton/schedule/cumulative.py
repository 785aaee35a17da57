"""Running reductions along an axis, and sums that are one."""

from __future__ import annotations

from croton.algebra.node import RELATIONS, Node
from croton.dtypes import bool_
from croton.schedule.draft import Draft
from croton.schedule.factors import Factor, multiplied
from croton.schedule.step import Body, BodyBuilder, Position, Scan, Source, Step, Value, plain_labels
from croton.sizes import Size


def lower_cumulate(draft: Draft, node: Node) -> Source:
    """A running prod, max or min."""
    function, along, reverse, exclusive = node.param
    child, labels = node.args[0][:2]
    body = BodyBuilder()
    summand = body.finish(draft.read(body, draft.source(child), labels))
    return scan(draft, node.dims, summand, function, along, reverse, exclusive)


def scan(draft: Draft, dims: tuple[Size, ...], summand: Body, op: str, along: int, reverse: bool, exclusive: bool) -> Value:
    """The running reduction of a body along one of its labels."""
    key = ("scan", dims, summand, op, along, reverse, exclusive)
    found = draft.known.get(key)
    if found is not None:
        return found
    index: list[int | Position] = list(range(len(dims)))
    if reverse:
        index[along] = Position(((along, -1),), dims[along] - 1)
        if any(i[0] == "index" or (i[0] == "load" and not plain_labels(i[3])) for i in summand):
            body = BodyBuilder()
            body.load(draft.emit(dims, len(dims), None, summand), tuple(range(len(dims))))
            summand = tuple(body.instructions)
        body = BodyBuilder()
        body.splice(summand, index)
        summand = tuple(body.instructions)
    found = draft.known[key] = Value(dims, summand[-1][1])
    draft.add(Step(found, "scan", dims, op, summand, Scan(op, along, tuple(index), exclusive), draft.origin))
    return found


def prefix_sum(draft: Draft, node: Node, factors: list[Factor]) -> Value | None:
    """A sum under [s <= t] with nothing else that depends on t is a running sum, None otherwise."""
    if len(node.sums) != 1:
        return None
    related = [arg for arg in node.args if arg[0].kind in RELATIONS]
    if len(related) != 1 or related[0][0].kind != "range" or node.dtype is bool_:
        return None
    rank = len(node.dims)
    relation, labels = related[0][:2]
    coefficients, constant = relation.param
    if len(labels) != 2 or rank not in labels or sorted(coefficients, key=str) != [-1, 1] or constant not in (0, -1):
        return None
    along = labels[0] + labels[1] - rank
    data = [factor for factor, arg in zip(factors, node.args) if arg[0].kind not in RELATIONS]
    if along >= rank or node.dims[along] != node.sums[0] or any(along in factor[1] for factor in data):
        return None
    places = {label: label for label in range(rank)}
    places[rank] = along
    body = BodyBuilder()
    moved = [(source, tuple([places[label] for label in at]), power) for source, at, power in data]
    summand = body.finish(multiplied(draft, body, moved, node.param, node.dtype))
    # t - s >= 0 runs forward
    reverse = coefficients[labels.index(along)] == -1
    return scan(draft, node.dims, summand, "sum", along, reverse, constant == -1)

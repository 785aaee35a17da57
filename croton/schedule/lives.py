"""How long values are kept: for each node of the algebra that has memory of its own, from which call of a plan to which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from croton.algebra.node import Node, Operand
from croton.schedule.draft import Draft
from croton.schedule.memory import CallUse
from croton.schedule.step import Value, memory_of
from croton.sizes import hint, product


class Lives(NamedTuple):
    """What is in memory when.

    operands  what the plan computes, of whose nodes this speaks
    of        for each node with memory of its own the first and the last call that touch it
    busiest   the call during which the most is needed, at likely sizes
    """

    operands: tuple[Operand, ...]
    of: Mapping[Node, tuple[int, int]]
    busiest: int


def lives(operands: Sequence[Operand], draft: Draft, calls: Sequence[CallUse]) -> Lives:
    """The lives of values in a program of these calls."""
    span: dict[Value, tuple[int, int]] = {}
    for position, call in enumerate(calls):
        for value in call.values:
            memory = memory_of(value)
            span[memory] = (span.get(memory, (position, position))[0], position)
    # Views of others have no memory of their own, and what is written piece by piece is there once the last piece is.
    whole = {value.view for call in calls for value in call.values if value.inside is not None}
    made = [(node, source) for node, source in draft.sources.items() if isinstance(source, Value)]
    made += [(operand.use.node, value) for operand, value in zip(operands, draft.outputs)]
    found: dict[Node, tuple[int, int]] = {}
    for node, value in made:
        if value in span and value not in whole and node.kind not in ("input", "constant"):
            found.setdefault(node, span[value])
    return Lives(tuple(operands), found, _busiest(span))


def _busiest(span: Mapping[Value, tuple[int, int]]) -> int:
    changes = [0] * (2 + max([last for _, last in span.values()], default=0))
    for value, (first, last) in span.items():
        if value.home is None and value.output < 0:
            size = hint(product(value.dims)) * value.dtype.itemsize
            changes[first] += size
            changes[last + 1] -= size
    return _greatest(accumulate(changes))


def _greatest(numbers: Iterable[int]) -> int:
    return max(enumerate(numbers), key=lambda pair: pair[1])[0]

"""The nodes of loops: what stands for carries and elements in a body, and the results.

A loop is written by calling the body once, on what stands for a carry (`CARRY`) and for an element of a sequence (`ELEMENT`). Its results are nodes that
name everything: the carries with their first and next values, the sequences with their elements (`FINAL`, `STACKED`). So equal loops are equal nodes, and
what the body computes from neither carry nor element is outside of the loop from the beginning. `recurrence` lowers them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from croton.expr.expr import Expr
from croton.expr.op import Op
from croton.expr.types import Constrained, TensorType, at_least_zero
from croton.sizes import Size
from croton.transforms.vmap import COLLECT, MAPPED
from croton.util.errors import KindError, ShapeError


class Shape(NamedTuple):
    """What the inputs of a result of a loop are: so many carries (first values, what stands for them, next values), so many sequences (arrays, elements).

    The carry `stop`, a bool, ends the loop once it is false; -1 where nothing does. `place` is the carry that is asked for.
    """

    carries: int
    sequences: int
    length: Size
    reverse: bool
    stop: int
    place: int


def _unreachable(*_: Any) -> Any:
    raise AssertionError("a loop has no meaning by itself: the whole graph is lowered by croton.transforms.lower")


def _reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return _unreachable()


def _equal(pairs: Sequence[tuple[Size, Size]], kind: TensorType, what: str) -> TensorType | Constrained:
    different = [(a, b) for a, b in pairs if a != b]
    for a, b in different:
        if isinstance(a, int) and isinstance(b, int):
            raise ShapeError(f"{what}, got {a} and {b}")
    return Constrained(kind, tuple(different)) if different else kind


def _carry_type(types: Sequence[TensorType], params: tuple) -> TensorType:
    return types[0]


def _element_type(types: Sequence[TensorType], params: tuple) -> TensorType | Constrained:
    (x,) = types
    return _equal([(x.shape[0], params[1])], TensorType(x.dtype, x.shape[1:]), "scan: sequences of one length are wanted")


def _final_type(types: Sequence[TensorType], params: tuple) -> TensorType | Constrained:
    shape = Shape(*params)
    pairs = [pair for i in range(shape.carries) for pair in zip(types[i].shape, types[2 * shape.carries + i].shape)]
    steps = at_least_zero(shape.length)
    return _equal(pairs if steps is None else [*pairs, steps], types[shape.place], "scan: a carry keeps its shape")


def _stacked_type(types: Sequence[TensorType], params: tuple) -> TensorType | Constrained:
    shape = Shape(*params)
    y = types[-1]
    pairs = [pair for i in range(shape.carries) for pair in zip(types[i].shape, types[2 * shape.carries + i].shape)]
    return _equal(pairs, TensorType(y.dtype, (shape.length, *y.shape)), "scan: a carry keeps its shape")


CARRY = Op("carry", _carry_type, _unreachable, _reference, parameters=("depth", "place"))
"""(first value): what stands for a carry in the body of a loop at this depth."""

ELEMENT = Op("element", _element_type, _unreachable, _reference, parameters=("depth", "length"))
"""(x): the element of x along its first axis that a loop at this depth is at."""

FINAL = Op("final", _final_type, _unreachable, _reference, parameters=Shape._fields)
"""(first values..., carries..., next values..., sequences..., elements...): the carry at `place` after the last step."""

STACKED = Op("stacked", _stacked_type, _unreachable, _reference, parameters=Shape._fields)
"""(as FINAL..., y): the values of y in all steps."""

LOOPS = frozenset({CARRY, ELEMENT, FINAL, STACKED})
RESULTS = frozenset({FINAL, STACKED, COLLECT})
"""What has a value outside of a loop or a vectorised function again."""


def surroundings(order: Iterable[Expr]) -> dict[Expr, frozenset]:
    """For what has a value for each step of a loop or each element of a mapped axis only: which loops and axes. `order` has inputs first."""
    found: dict[Expr, frozenset] = {}
    for node in order:
        around = frozenset().union(*[found[x] for x in node.inputs if x in found])
        if node.op is CARRY or node.op is ELEMENT:
            around |= {node.id}
        elif node.op is MAPPED:
            around |= {node.params[1:]}
        elif node.op is COLLECT:
            around -= {node.params[1:]}
        elif node.op is FINAL or node.op is STACKED:
            shape = Shape(*node.params)
            first = 3 * shape.carries + shape.sequences
            own = (*node.inputs[shape.carries : 2 * shape.carries], *node.inputs[first : first + shape.sequences])
            around -= {x.id for x in own}
        if around:
            found[node] = around
    return found


def inner_values(roots: Sequence[Expr], order: Sequence[Expr]) -> set[Expr]:
    """What has a value only inside of loops and mapped functions that the roots are outside of. `order` is the walk of the roots."""
    around = surroundings(order)
    outer = frozenset().union(*[around[root] for root in roots if root in around])
    return {node for node, own in around.items() if not own <= outer}


def check_closed(roots: Sequence[Expr], order: Sequence[Expr]) -> None:
    """Raise KindError where a root is a value of the inside of a loop or of a vectorised function."""
    if not any(node.op in LOOPS or node.op is MAPPED for node in order):
        return
    around = surroundings(order)
    for root in roots:
        if root in around:
            leaked = next(node for node in order if node in around)
            raise KindError(
                f"{root!r} depends on {leaked!r}, which has a value only inside of the function that was looped or mapped over; "
                "return what you want to use outside from that function",
                root.line,
            )

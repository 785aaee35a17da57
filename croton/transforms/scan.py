"""Loops over sequences: `scan`, and `fori` over numbers.

A loop is written by calling the body once, on what stands for a carry (`CARRY`) and for an element of a sequence (`ELEMENT`). Its results are nodes that
name everything: the carries with their first and next values, the sequences with their elements (`FINAL`, `STACKED`). So equal loops are equal nodes, and
what the body computes from neither carry nor element is outside of the loop from the beginning. `recurrence` lowers them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from croton.expr.expr import Expr, apply
from croton.expr.op import Op
from croton.expr.types import Constrained, TensorType
from croton.ops.arguments import size_of
from croton.ops.casting import asarray, converted
from croton.ops.creation import arange
from croton.sizes import Size
from croton.transforms.vmap import COLLECT, LANE, deeper
from croton.util.errors import ArgumentError, DTypeError, KindError, ShapeError
from croton.util.structure import Structure, flatten, map_structure, unflatten


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
    return _equal(pairs, types[shape.place], "scan: a carry keeps its shape")


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
        elif node.op is LANE:
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


def check_closed(roots: Sequence[Expr], order: Sequence[Expr]) -> None:
    """Raise KindError where a root is a value of the inside of a loop or of a vectorised function."""
    if not any(node.op in LOOPS or node.op is LANE for node in order):
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


def scan(function: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any = None, length: Any = None, reverse: bool = False) -> tuple[Any, Any]:
    """A loop over the first axis of `xs`: `carry, y = function(carry, x)` for each element in turn. Returns the last carry and all y, stacked.

    `init`, `xs` and what the function returns are expressions or nested structures of them; the carry keeps its structure, shapes and dtypes. Without `xs`,
    `length` says how many steps there are and x is None. `reverse` goes from the last element to the first; y stay beside their elements. The function is
    called once, with expressions. Whatever in it does not feed the next step is computed outside of the loop, for all steps at once.
    """
    return _scan(function, init, xs, length, reverse, "scan")


def fori(lower: Any, upper: Any, body: Callable[[Any, Any], Any], init: Any) -> Any:
    """`carry = body(i, carry)` for i from `lower` to `upper` - 1, beginning with `init`. The bounds are integers or sizes."""
    first, last = size_of(lower, "fori"), size_of(upper, "fori")
    if isinstance(first, int) and isinstance(last, int):
        last = max(first, last)
    return _scan(lambda carry, i: (body(i, carry), None), init, arange(first, last), None, False, "fori")[0]


def _scan(function: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any, length: Any, reverse: bool, name: str) -> tuple[Any, Any]:
    plain, structure = flatten(init)
    first = [asarray(value) for value in plain]
    sequences, shape_of_xs = flatten(map_structure(asarray, xs))
    steps = _length(sequences, length, name)
    with deeper() as depth:
        elements = [apply(ELEMENT, (x,), (depth, steps)) for x in sequences]
        element = unflatten(shape_of_xs, elements)
        carries, news, ys = traced(function, structure, first, element, depth, name)
        adopted = [adopted_value(value, given, new) for value, given, new in zip(first, plain, news)]
        if any(a is not b for a, b in zip(adopted, first)):
            first = adopted
            carries, news, ys = traced(function, structure, first, element, depth, name)
    for position, (carry, new) in enumerate(zip(first, news)):
        check_carry(carry, new, position, len(first), name)
    inputs = (*first, *carries, *news, *sequences, *elements)
    shape = (len(first), len(sequences), steps, bool(reverse), -1)
    final = [apply(FINAL, inputs, (*shape, place)) for place in range(len(first))]
    leaves, structure_of_ys = flatten(ys)
    stacked = [apply(STACKED, (*inputs, asarray(y)), (*shape, 0)) for y in leaves]
    return unflatten(structure, final), unflatten(structure_of_ys, stacked)


def _length(sequences: Sequence[Expr], length: Any, name: str) -> Size:
    for x in sequences:
        if x.ndim == 0:
            raise ShapeError(f"{name} goes along the first axis of each sequence, got a scalar: {x!r}; what all steps share is used in the body as it is")
    sizes = [x.shape[0] for x in sequences]
    if length is not None:
        sizes.insert(0, size_of(length, name))
    if not sizes:
        raise ArgumentError(f"{name} needs sequences, or length=, to know how many steps there are")
    known = [size for size in sizes if isinstance(size, int)]
    if len(set(known)) > 1:
        found = ", ".join(f"{x!r} has {x.shape[0]}" for x in sequences) + (f", and length is {length}" if length is not None else "")
        raise ShapeError(f"{name}: sequences of one length are wanted; {found}")
    return known[0] if known else sizes[0]


def traced(
    function: Callable[[Any, Any], tuple[Any, Any]], structure: Structure, first: Sequence[Expr], element: Any, depth: int, name: str
) -> tuple[list[Expr], list[Expr], Any]:
    """What stands for the carries, their next values, and what the body gives besides."""
    carries: list[Expr] = [apply(CARRY, (value,), (depth, place)) for place, value in enumerate(first)]
    result = function(unflatten(structure, carries), element)
    if not isinstance(result, tuple) or len(result) != 2:
        raise KindError(f"{name}: the body returns a pair (carry, y), got {type(result).__name__}; return (carry, None) where there is no y")
    carry, ys = result
    leaves, found = flatten(carry)
    if found != structure:
        raise KindError(f"{name}: the body returns the carry in the structure it came in, wanted {_shown(structure)}, got {_shown(found)}")
    return carries, [asarray(leaf) for leaf in leaves], ys


def _shown(structure: Structure) -> str:
    count = 0

    def named() -> str:
        nonlocal count
        count += 1
        return f"c{count}"

    return repr(map_structure(lambda _: _Name(named()), unflatten(structure, iter(lambda: None, 0)))) if structure is not None else "None"


class _Name(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def adopted_value(value: Expr, given: Any, new: Expr) -> Expr:
    """A first value that is a Python number takes the dtype of what follows it."""
    if isinstance(given, bool | int | float) and value.dtype is not new.dtype and value.ndim == new.ndim:
        return converted(given, new.dtype)
    return value


def check_carry(carry: Expr, new: Expr, position: int, count: int, name: str) -> None:
    which = "the carry" if count == 1 else f"carry {position}"
    if new.dtype is not carry.dtype:
        raise DTypeError(
            f"{name}: {which} begins with dtype {carry.dtype}, and the body makes it {new.dtype}; convert one of them with astype", new.line
        )
    fits = new.ndim == carry.ndim and all(a == b or not (isinstance(a, int) and isinstance(b, int)) for a, b in zip(carry.shape, new.shape))
    if not fits:
        raise ShapeError(
            f"{name}: {which} begins with shape {carry.type}, and the body makes it {new.type}; a carry keeps its shape", new.line
        )

"""What an associative function makes of the first so many elements of a sequence: `associative_scan`.

It is a loop that goes from element to element. An associative function may as well combine neighbours, then pairs of neighbours, and so on: a few wide
steps in place of many narrow ones, which is what machines with thousands of lanes do. Here that is no gain. Counted for h = a * h + b over 16,384
elements, the wide steps take 4 times the operations of the loop and 3 times its memory, 8 times for a gradient; measured, they take as long as the loop
for single numbers, and 20 times as long for 64 of them side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from croton.expr.expr import Expr
from croton.ops.arguments import axis_of, check_function
from croton.ops.axes import expand_dims, moveaxis, squeeze
from croton.ops.casting import asarray
from croton.ops.comparisons import equal
from croton.ops.creation import arange, zeros
from croton.ops.logic import where
from croton.transforms.scan import looped
from croton.util.errors import ArgumentError, DTypeError, KindError, ShapeError
from croton.util.structure import flatten, text, unflatten


def associative_scan(function: Callable[[Any, Any], Any], xs: Any, axis: int = 0, reverse: bool = False) -> Any:
    """The elements of `xs` along an axis, each combined with all before it: x[0], f(x[0], x[1]), f(f(x[0], x[1]), x[2]) and so on, stacked.

    `xs` is an array or a nested structure of arrays of one length along `axis`. `function` takes two elements in that structure, as arrays with an axis of
    size 1 in that place, and gives one; `(a, b) -> (a[0] * b[0], b[0] * a[1] + b[1])` makes the linear recurrence h = a * h + b of pairs. It should
    be associative: the order in which elements are combined is not promised. `reverse` goes from the last element to the first.
    """
    check_function(function, "associative_scan", "associative_scan(function, xs)")
    leaves, structure = flatten(xs)
    given = [asarray(x) for x in leaves]
    if not given:
        raise ArgumentError("associative_scan needs an array, or a structure of arrays, to go along")
    if isinstance(axis, bool):
        raise KindError(f"associative_scan: an axis is an integer, got {axis}; write reverse={axis} for the direction")
    for x in given:
        if x.ndim == 0:
            raise ShapeError(f"associative_scan goes along an axis of each array, got a scalar: {x!r}", x.line)
    place = axis_of(axis, given[0].ndim, "associative_scan")
    sequences = [moveaxis(x, axis_of(place, x.ndim, "associative_scan"), 0) for x in given]
    steps = sequences[0].shape[0]

    def body(carry: Any, element: Any) -> tuple[Any, Any]:
        values, first = element
        before, now = [unflatten(structure, [expand_dims(x, place) for x in group]) for group in (carry, values)]
        found, shape = flatten(function(before, now))
        if shape != structure:
            raise KindError(f"associative_scan: the function gives what it takes two of, in the same structure: wanted {text(structure)}, got {text(shape)}")
        results = [_like(asarray(result), x, place) for result, x in zip(found, flatten(now)[0])]
        # Before the first element there is nothing to combine it with.
        new = [where(first, x, squeeze(result, place)) for x, result in zip(values, results)]
        return new, new

    begin = [zeros(x.shape[1:], dtype=x.dtype) for x in sequences]
    first = equal(arange(steps), steps - 1 if reverse else 0)
    ys = looped(body, begin, (sequences, first), None, reverse, "associative_scan")[1]
    return unflatten(structure, [moveaxis(y, 0, place) for y in ys])


def _like(result: Expr, element: Expr, place: int) -> Expr:
    """The result, which is to be of the type of an element."""
    if result.dtype is not element.dtype:
        raise DTypeError(f"associative_scan: the function makes {result.dtype} of elements of dtype {element.dtype}; convert with astype", result.line)
    fits = result.ndim == element.ndim and all(a == b or not (isinstance(a, int) and isinstance(b, int)) for a, b in zip(result.shape, element.shape))
    if not fits:
        raise ShapeError(
            f"associative_scan: the function makes {result.type} of elements {element.type}; they keep their shape, with an axis of size 1 at {place}",
            result.line,
        )
    return result

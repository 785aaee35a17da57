"""Loops over sequences: `scan`, and `fori` over numbers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from croton.expr.expr import Expr, apply
from croton.ops.arguments import check_function, size_of
from croton.ops.arithmetic import add, remainder, subtract
from croton.ops.casting import asarray, size
from croton.ops.comparisons import equal, greater, not_equal
from croton.ops.creation import arange, zeros
from croton.ops.logic import logical_and, logical_not, where
from croton.sizes import Size
from croton.transforms.body import Body
from croton.transforms.loop_nodes import CARRY, ELEMENT, FINAL, STACKED
from croton.transforms.segments import check_segments, in_segments
from croton.transforms.taps import without_taps
from croton.transforms.truncate import cut_off
from croton.transforms.vmap import deeper
from croton.util.errors import ArgumentError, ShapeError
from croton.util.structure import flatten, map_structure, unflatten


def scan(
    function: Callable[[Any, Any], tuple[Any, ...]],
    init: Any,
    xs: Any = None,
    length: Any = None,
    reverse: bool = False,
    *,
    truncate: int | None = None,
    checkpoint: int | str | None = None,
) -> tuple[Any, ...]:
    """A loop over the first axis of `xs`: `carry, y = function(carry, x)` for each element in turn. Returns the last carry and all y, stacked.

    `init`, `xs` and what the function returns are expressions or nested structures of them; the carry keeps its structure, shapes and dtypes. Without `xs`,
    `length` says how many steps there are and x is None. `reverse` goes from the last element to the first; y stay beside their elements. The function is
    called once, with expressions. Whatever in it does not feed the next step is computed outside of the loop, for all steps at once.

    `taps` in place of an array of `xs` or `init` gives the function the elements around, or the values of several steps ago.

    A function that returns `carry, y, until(condition)` ends the loop with the first step where the condition holds. Then the result is `carry, ys, steps`,
    with the number of steps that were done; ys have a row for every element all the same, which is 0 for steps that were not.

    `truncate=k` cuts the steps into stretches of k, counted from the last: derivatives do not pass from one stretch to the one before it.

    `checkpoint` saves memory: of n steps derivatives keep n values of the carry, and others that they need; with a number of segments only those between
    segments and those of one segment, the others are computed again. "sqrt" makes about as many segments as they have steps, and keeps about 2 sqrt(n). It
    goes with all of the above; of a carry with `taps` every value that is handed on is kept between segments.
    """
    check_function(function, "scan", "scan(function, init, xs)")
    if truncate is not None and (isinstance(truncate, bool) or not isinstance(truncate, int) or truncate <= 0):
        raise ArgumentError(f"scan: truncate is how many steps a derivative goes back, an integer > 0 or None, got {truncate!r}")
    return looped(function, init, xs, length, reverse, "scan", truncate, checkpoint)


def looped(
    function: Callable[[Any, Any], tuple[Any, ...]],
    init: Any,
    xs: Any,
    length: Any,
    reverse: bool,
    name: str,
    truncate: int | None = None,
    checkpoint: int | str | None = None,
) -> tuple[Any, ...]:
    """`scan` under another name, by a plain loop: taps are more carries and sequences, the ends of stretches a sequence too, segments a loop of loops."""
    if checkpoint is not None:
        check_segments(checkpoint, name)
    plain = without_taps(function, init, xs, name)
    given = map_structure(asarray, plain.xs)
    steps = _length(flatten(given)[0], length, name)
    body = plain.function
    if truncate is not None:
        left = _left(steps, reverse)
        given = given, logical_and(equal(remainder(left, truncate), 0), not_equal(left, size(steps)))
        body = cut_off(body)
    loop = functools.partial(plain_scan, name=name)
    if checkpoint is None:
        found = loop(body, plain.init, given, steps, reverse)
    else:
        found = in_segments(loop, body, plain.init, given, steps, reverse, checkpoint, name)
    return plain.restored(found[0]), *found[1:]


def _left(steps: Size, reverse: bool) -> Expr:
    """For each element the steps that are left with its own."""
    return add(arange(steps), 1) if reverse else subtract(size(steps), arange(steps))


def fori(lower: Any, upper: Any, body: Callable[[Any, Any], Any], init: Any, *, checkpoint: int | str | None = None) -> Any:
    """`carry = body(i, carry)` for i from `lower` to `upper` - 1, beginning with `init`. The bounds are integers or sizes; `checkpoint` is that of `scan`."""
    check_function(body, "fori", "fori(lower, upper, body, init)")
    first, last = size_of(lower, "fori"), size_of(upper, "fori")
    if isinstance(first, int) and isinstance(last, int):
        last = max(first, last)
    return looped(lambda carry, i: (body(i, carry), None), init, arange(first, last), None, False, "fori", None, checkpoint)[0]


def plain_scan(
    function: Callable[[Any, Any], tuple[Any, ...]], init: Any, xs: Any, steps: Size, reverse: bool, begins: Expr | None = None, *, name: str
) -> tuple[Any, ...]:
    """The loop over sequences. One that may end early does not begin where `begins` is false."""
    plain, structure = flatten(init)
    leaves_of_xs, structure_of_xs = flatten(xs)
    sequences = [asarray(x) for x in leaves_of_xs]
    with deeper() as depth:
        elements = [apply(ELEMENT, (x,), (depth, steps)) for x in sequences]
        first, traced = Body(function, structure, unflatten(structure_of_xs, elements), name).begun(plain, depth)
        carries, news = traced.carries, traced.news
        leaves, structure_of_ys = flatten(traced.ys)
        ys = [asarray(y) for y in leaves]
        stop = -1
        if traced.until is not None:
            sequences.append(greater(_left(steps, reverse), 1))
            elements.append(apply(ELEMENT, (sequences[-1],), (depth, steps)))
            goes_on = logical_and(logical_not(traced.until.condition), elements[-1])
            some = greater(size(steps), 0)
            ending = _Ending(first, carries, news, ys, some if begins is None else logical_and(some, begins), goes_on, depth)
            first, carries, news, ys, stop = ending.begins, ending.carries, ending.news, ending.rows, ending.stop
    inputs = (*first, *carries, *news, *sequences, *elements)
    shape = (len(first), len(sequences), steps, bool(reverse), stop)
    finals = [apply(FINAL, inputs, (*shape, place)) for place in range(len(first))]
    final = unflatten(structure, finals[: len(plain)])
    stacked = unflatten(structure_of_ys, [apply(STACKED, (*inputs, y), (*shape, 0)) for y in ys])
    return (final, stacked) if traced.until is None else (final, stacked, finals[-1])


class _Ending:
    """A loop that ends early. Whether it goes on, what each step gives, and the number of steps are carries, so that a step that is left out does nothing.

    rows    what the steps give, 0 for those that are left out
    stop    the place of the carry that says whether it goes on
    """

    def __init__(
        self, begins: Sequence[Expr], carries: Sequence[Expr], news: Sequence[Expr], ys: Sequence[Expr], some: Expr, goes_on: Expr, depth: int
    ) -> None:
        self.stop = len(begins)
        more = [some, *[zeros(y.shape, dtype=y.dtype) for y in ys], asarray(0)]
        stand_ins = [apply(CARRY, (value,), (depth, self.stop + place)) for place, value in enumerate(more)]
        going, count = stand_ins[0], stand_ins[-1]
        self.begins = [*begins, *more]
        self.carries = [*carries, *stand_ins]
        kept = [new if new is carry else where(going, new, carry) for carry, new in zip(carries, news)]
        given = [where(going, y, old) for y, old in zip(ys, stand_ins[1:-1])]
        self.news = [*kept, logical_and(going, goes_on), *given, where(going, add(count, 1), count)]
        self.rows = [where(going, y, zeros((), dtype=y.dtype)) for y in given]


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
        raise ShapeError(f"{name}: sequences of one length are wanted; {found}; cut them to one, as x[:{min(known)}]")
    return known[0] if known else sizes[0]

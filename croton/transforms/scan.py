"""Loops over sequences: `scan`, and `fori` over numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from croton.expr.expr import Expr, apply
from croton.ops.arguments import size_of
from croton.ops.arithmetic import add, remainder, subtract
from croton.ops.casting import asarray, size
from croton.ops.comparisons import equal, greater, not_equal
from croton.ops.creation import arange, zeros
from croton.ops.logic import logical_and, logical_not, where
from croton.sizes import Size
from croton.transforms.body import Body, adopted_value, check_carry
from croton.transforms.loop_nodes import CARRY, ELEMENT, FINAL, STACKED
from croton.transforms.segments import check_segments, in_segments
from croton.transforms.taps import Taps
from croton.transforms.vmap import deeper
from croton.util.errors import ArgumentError, NotSupportedError, ShapeError
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
    segments and those of one segment, the others are computed again. "sqrt" makes about as many segments as they have steps, and keeps about 2 sqrt(n).
    """
    if truncate is not None and (isinstance(truncate, bool) or not isinstance(truncate, int) or truncate <= 0):
        raise ArgumentError(f"scan: truncate is how many steps a derivative goes back, an integer > 0 or None, got {truncate!r}")
    if checkpoint is not None:
        return _segmented(function, init, xs, length, reverse, "scan", truncate, checkpoint)
    return _scan(function, init, xs, length, reverse, "scan", truncate)


def _segmented(
    function: Callable[[Any, Any], tuple[Any, ...]],
    init: Any,
    xs: Any,
    length: Any,
    reverse: bool,
    name: str,
    truncate: int | None,
    checkpoint: int | str,
) -> tuple[Any, ...]:
    check_segments(checkpoint, name)
    if truncate is not None or any(isinstance(leaf, Taps) for leaf in (*flatten(init)[0], *flatten(xs)[0])):
        raise NotSupportedError(f"not supported: {name} with checkpoint and {'taps' if truncate is None else 'truncate'}; leave one of the two away")
    given = map_structure(asarray, xs)
    steps = _length(flatten(given)[0], length, name)

    def loop(body: Callable[[Any, Any], Any], carry: Any, x: Any, count: Size, reverse: bool) -> tuple[Any, Any]:
        final, ys = _scan(body, carry, x, count, reverse, name, None)
        return final, ys

    return in_segments(loop, function, init, given, steps, reverse, checkpoint)


def fori(lower: Any, upper: Any, body: Callable[[Any, Any], Any], init: Any, *, checkpoint: int | str | None = None) -> Any:
    """`carry = body(i, carry)` for i from `lower` to `upper` - 1, beginning with `init`. The bounds are integers or sizes; `checkpoint` is that of `scan`."""
    first, last = size_of(lower, "fori"), size_of(upper, "fori")
    if isinstance(first, int) and isinstance(last, int):
        last = max(first, last)
    if checkpoint is not None:
        return _segmented(lambda carry, i: (body(i, carry), None), init, arange(first, last), None, False, "fori", None, checkpoint)[0]
    return _scan(lambda carry, i: (body(i, carry), None), init, arange(first, last), None, False, "fori", None)[0]


def _scan(
    function: Callable[[Any, Any], tuple[Any, ...]], init: Any, xs: Any, length: Any, reverse: bool, name: str, truncate: int | None
) -> tuple[Any, ...]:
    plain, structure = flatten(init)
    tapped = [leaf if isinstance(leaf, Taps) else None for leaf in plain]
    first = [leaf.past() if isinstance(leaf, Taps) else [asarray(leaf)] for leaf in plain]
    given, shape_of_xs = flatten(xs)
    groups = [x.sequences() if isinstance(x, Taps) else [asarray(x)] for x in given]
    steps = _length([group[0] for group in groups], length, name)
    sequences = [x for group in groups for x in group]
    with deeper() as depth:
        elements = [apply(ELEMENT, (x,), (depth, steps)) for x in sequences]
        rest = iter(elements)
        shown = [[next(rest) for _ in group] for group in groups]
        element = unflatten(shape_of_xs, [x.shown(each) if isinstance(x, Taps) else each[0] for x, each in zip(given, shown)])

        def also(x: Expr) -> Expr:
            sequences.append(x)
            elements.append(apply(ELEMENT, (x,), (depth, steps)))
            return elements[-1]

        left = subtract(size(steps), arange(steps)) if not reverse else add(arange(steps), 1)  # steps that are left, with this one
        cut = None
        if truncate is not None:
            cut = also(logical_and(equal(remainder(left, truncate), 0), not_equal(left, size(steps))))
        body = Body(function, structure, tapped, element, cut, name)
        traced = body.traced(first, depth)
        adopted = [[adopted_value(values[0], leaf, new[0]), *values[1:]] for values, leaf, new in zip(first, plain, traced.news)]
        if any(a[0] is not b[0] for a, b in zip(adopted, first)):
            first = adopted
            traced = body.traced(first, depth)
        for position, (values, new) in enumerate(zip(first, traced.news)):
            check_carry(values[0], new[0], position, len(first), name)
        begins, carries, news = [[x for group in groups for x in group] for groups in (first, traced.carries, traced.news)]
        leaves, structure_of_ys = flatten(traced.ys)
        ys = [asarray(y) for y in leaves]
        stop = -1
        if traced.until is not None:
            goes_on = logical_and(logical_not(traced.until.condition), also(greater(left, 1)))
            ending = _Ending(begins, carries, news, ys, greater(size(steps), 0), goes_on, depth)
            begins, carries, news, ys, stop = ending.begins, ending.carries, ending.news, ending.rows, ending.stop
    inputs = (*begins, *carries, *news, *sequences, *elements)
    shape = (len(begins), len(sequences), steps, bool(reverse), stop)
    finals = iter([apply(FINAL, inputs, (*shape, place)) for place in range(len(begins))])
    last = [[next(finals) for _ in values] for values in first]
    final = unflatten(structure, [leaf.rows(values) if leaf is not None else values[0] for leaf, values in zip(tapped, last)])
    stacked = unflatten(structure_of_ys, [apply(STACKED, (*inputs, y), (*shape, 0)) for y in ys])
    return (final, stacked) if traced.until is None else (final, stacked, list(finals)[-1])


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
        raise ShapeError(f"{name}: sequences of one length are wanted; {found}")
    return known[0] if known else sizes[0]

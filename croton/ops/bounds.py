"""What stands between brackets, a slice or an integer, as what it takes of an axis."""

from __future__ import annotations

import builtins
from typing import Any

from croton.dtypes import int64
from croton.expr.counted import counted
from croton.expr.expr import Expr
from croton.ops.arguments import integer_of, is_computed
from croton.ops.arithmetic import add, floor_divide, maximum, minimum, subtract
from croton.ops.casting import astype, size
from croton.ops.comparisons import less
from croton.ops.logic import where
from croton.sizes import Poly, Size, greatest, least, nonnegative
from croton.util.errors import NotSupportedError, OutOfRangeError, ShapeError

Entry = tuple[Size, ...] | None
"""What is taken of one axis: all of it (None), one element (position,), or elements (start, step, length). Counted from the front."""


def _from_front(bound: Size, n: Size) -> Size:
    """A bound counted from the front. An unknown one counts from the end only where it cannot be positive."""
    if isinstance(bound, int):
        return bound if bound >= 0 else n + bound
    return n + bound if not nonnegative(bound) and nonnegative(-bound) else bound


def slice_entry(item: builtins.slice, n: Size) -> tuple[Entry, list[Size]]:
    """What a slice takes of an axis of size n, and sizes that must be at least 0 for it.

    Where all is known, and where a bound is symbolic, this is NumPy's rule: bounds are moved into the axis. Known bounds of an unknown axis are not, so
    that what is known of the length stays known and `x[:1]` broadcasts: `x[:5]` needs 5 elements and is an error at the call that has fewer.
    """
    step = 1 if item.step is None else integer_of(item.step, "the step of a slice", "take(x, start + step * arange(n), axis) takes any")
    if not isinstance(step, int):
        raise NotSupportedError(f"not supported: a slice whose step {step} is a symbolic size; take(x, start + step * arange(n), axis) does it")
    if step == 0:
        raise ShapeError("the step of a slice cannot be 0")
    if is_computed(item.start) or is_computed(item.stop):
        return _computed_entry(item.start, item.stop, step, n), []
    start = None if item.start is None else integer_of(item.start, "the start of a slice")
    stop = None if item.stop is None else integer_of(item.stop, "the end of a slice")
    symbolic = isinstance(start, Poly) or isinstance(stop, Poly)
    if isinstance(n, int) and not symbolic:
        known = range(*builtins.slice(start, stop, step).indices(n))
        if step == 1 and len(known) == n:
            return None, []
        return (known.start if len(known) else 0, step, len(known)), []
    # The last element there is, and the place where a slice ends that takes everything: forwards or backwards.
    forwards = step > 0
    first: Size = (0 if forwards else n - 1) if start is None else _from_front(start, n)
    end: Size = (n if forwards else -1) if stop is None else _from_front(stop, n)
    span = end - first if forwards else first - end
    pace = step if forwards else -step
    if isinstance(span, int):
        # A known length says by itself how far it reaches.
        return ((0, 1, 0) if span <= 0 else (first, step, (span + (pace - 1)) // pace)), []
    needed = [bound for bound, given in ((first, start), (end, stop)) if given is not None and _counts_from_front(given)]
    if not symbolic:
        needed = [first, n - end] if forwards else [end + 1, n - 1 - first]
    elif forwards:
        first, end = _within(first, 0, n), _within(end, 0, n)
        span = greatest(end - first, 0)
    else:
        first, end = _within(first, -1, n - 1), _within(end, -1, n - 1)
        span = greatest(first - end, 0)
    length = (span + (pace - 1)) // pace
    if step == 1 and first == 0 and length == n:
        return None, []
    return (first, step, length), [size for size in needed if not nonnegative(size)]


def _computed_entry(start: Any, stop: Any, step: int, n: Size) -> Entry:
    """What a slice takes of an axis whose bounds are computed: by NumPy's rule, its first element and its length are counted in the call.

    Both are written so that it is plain to see that they are in the axis.
    """
    forwards, pace = step > 0, builtins.abs(step)
    low, high = (0, n) if forwards else (-1, n - 1)
    first: Size
    if is_computed(start):
        begin = _moved(start, n, low, high)
        first = least(counted(subtract(begin, low), n), n) + low
    else:
        known = None if start is None else integer_of(start, "the start of a slice")
        first = (low if forwards else high) if known is None else _within(_from_front(known, n), low, high)
        begin = size(first)
    if is_computed(stop):
        end = _moved(stop, n, low, high)
    else:
        known = None if stop is None else integer_of(stop, "the end of a slice")
        end = size((high if forwards else low) if known is None else _within(_from_front(known, n), low, high))
    span = subtract(end, begin) if forwards else subtract(begin, end)
    length = maximum(floor_divide(add(span, pace - 1), pace), 0)
    most = ((n - first if forwards else first + 1) + (pace - 1)) // pace
    return first, step, least(counted(length, n), most)


def _moved(bound: Expr, n: Size, low: Size, high: Size) -> Expr:
    """A computed bound counted from the front and moved into the axis."""
    bound = astype(bound, int64)
    return minimum(maximum(where(less(bound, 0), add(bound, n), bound), low), high)


def _counts_from_front(bound: Size) -> bool:
    """Whether a bound is taken to count from the front although it could be negative."""
    return isinstance(bound, Poly) and (nonnegative(bound) or not nonnegative(-bound))


def _within(bound: Size, low: Size, high: Size) -> Size:
    return least(bound, high) if nonnegative(bound - low) else greatest(least(bound, high), low)


def integer_entry(index: Size, n: Size) -> Entry:
    """What an integer takes of an axis of size n."""
    if isinstance(index, int) and isinstance(n, int) and not -n <= index < n:
        raise OutOfRangeError(f"index {index} is out of range for an axis of size {n}")
    return (_from_front(index, n),)

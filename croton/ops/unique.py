"""The different elements of an array, in order. How many there are is counted in the call."""

from __future__ import annotations

from typing import Any, NamedTuple

from croton.dtypes import int64
from croton.expr.expr import Expr
from croton.ops.arithmetic import maximum, subtract
from croton.ops.at import At
from croton.ops.casting import asarray
from croton.ops.comparisons import equal, not_equal
from croton.ops.creation import arange, zeros
from croton.ops.cumulative import cumsum
from croton.ops.indexing import take
from croton.ops.logic import logical_and, logical_or
from croton.ops.positions import positions, true_count
from croton.ops.shape import ravel, reshape
from croton.ops.sorting import argsort


class UniqueCounts(NamedTuple):
    """The different elements, and how often each occurs."""

    values: Expr
    counts: Expr


class UniqueInverse(NamedTuple):
    """The different elements, and for each element of the array, in its shape, which of them it is."""

    values: Expr
    inverse_indices: Expr


class UniqueAll(NamedTuple):
    """The different elements, where in the flattened array each occurs first, which of them each element is, and how often each occurs."""

    values: Expr
    indices: Expr
    inverse_indices: Expr
    counts: Expr


def unique(x: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False, equal_nan: bool = True) -> Any:
    """The different elements of x in order, as a vector; with a flag set, a tuple with what it asks for behind them.

    That is where in x flattened each occurs first, which of them each element of x is, and how often each occurs. NaN is equal to itself, unless not
    `equal_nan`. How many different elements there are is counted in the call.
    """
    found = _all(x, equal_nan)
    more = [part for part, wanted in zip(found[1:], (return_index, return_inverse, return_counts)) if wanted]
    return (found.values, *more) if more else found.values


def unique_values(x: Any) -> Expr:
    """The different elements of x in order; each NaN is another one, as in the array API standard."""
    return _all(x, False).values


def unique_counts(x: Any) -> UniqueCounts:
    """The different elements of x in order, and how often each occurs; each NaN is another one."""
    found = _all(x, False)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: Any) -> UniqueInverse:
    """The different elements of x in order, and which of them each element is; each NaN is another one."""
    found = _all(x, False)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_all(x: Any) -> UniqueAll:
    """The different elements of x in order, where each occurs first, which of them each element is, and how often each occurs; each NaN is another one."""
    return _all(x, False)


def _all(x: Any, equal_nan: bool) -> UniqueAll:
    x = asarray(x)
    flat = ravel(x)
    n = flat.shape[0]
    order = argsort(flat)
    ordered = take(flat, order)
    before = take(ordered, maximum(subtract(arange(n), 1), 0), mode="clip")
    differs = not_equal(ordered, before)
    if equal_nan and x.dtype.is_float:
        differs = logical_and(differs, logical_or(equal(ordered, ordered), equal(before, before)))
    begins = logical_or(differs, equal(arange(n), 0))
    count = true_count(begins)
    (first,) = positions(begins, count)
    which = subtract(cumsum(begins), 1)
    return UniqueAll(
        take(ordered, first),
        take(order, first),
        reshape(At(zeros(n, int64))[order].add(which), x.shape),
        At(zeros(count, int64))[which].add(1),
    )

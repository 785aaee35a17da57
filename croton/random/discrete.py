"""Discrete distributions, choices and orders."""

from __future__ import annotations

from typing import Any

from croton.dtypes import DType, dtype, float64, int64, uint64
from croton.expr.expr import Expr
from croton.ops.axes import broadcast_to, expand_dims, moveaxis
from croton.ops.casting import asarray, astype, converted
from croton.ops.creation import arange
from croton.ops.cumulative import cumsum
from croton.ops.extremes import argmax
from croton.ops.indexing import take
from croton.ops.selection import one_hot
from croton.ops.sorting import argsort
from croton.ops.transcendental import exp, log
from croton.random.continuous import gumbel, kind_of, parameters, uniform
from croton.random.key import bits, sizes
from croton.util.errors import ArgumentError, DTypeError, KindError, NotSupportedError, ShapeError


def bernoulli(key: Any, p: Any = 0.5, shape: Any = ()) -> Expr:
    """True with probability p."""
    (chance,), where_to = parameters(float64, shape, p)
    return uniform(key, where_to, dtype=float64) < chance


def randint(key: Any, low: Any, high: Any, shape: Any = (), dtype: object = int64) -> Expr:
    """Integers in [low, high), each equally likely up to one part in 2**64 / (high - low)."""
    kind = integer(dtype)
    if isinstance(low, (tuple, list)):
        raise KindError(f"randint(key, low, high, shape): the bounds come before the shape, got low={low!r}")
    if isinstance(low, int) and isinstance(high, int) and high <= low:
        raise ArgumentError(f"randint wants low < high, got {low} and {high}")
    from_, to = astype(asarray(low), int64), astype(asarray(high), int64)
    where_to = sizes(shape)
    span = astype(to - from_, uint64)
    return astype(from_ + astype(bits(key, where_to, uint64) % span, int64), kind)


def categorical(key: Any, logits: Any, axis: int = -1, shape: Any = ()) -> Expr:
    """Indices along an axis with probabilities softmax(logits): the greatest of the logits plus Gumbel noise. `shape` comes in front."""
    scores = converted(logits, kind_of(asarray(logits).dtype if asarray(logits).dtype.is_float else None))
    scores = moveaxis(scores, axis, -1)
    noise = gumbel(key, (*sizes(shape), *scores.shape), dtype=scores.dtype)
    return argmax(scores + noise, axis=-1)


def permutation(key: Any, x: Any) -> Expr:
    """A random order of 0..n-1 for a number or size n, or an array in random order along its first axis."""
    if isinstance(x, int) or (not isinstance(x, Expr) and not hasattr(x, "shape")):
        return argsort(bits(key, (x,), uint64))
    return shuffle(key, x)


def shuffle(key: Any, x: Any) -> Expr:
    """An array in random order along its first axis."""
    given = asarray(x)
    if not given.ndim:
        raise ShapeError("shuffle wants an array with at least one axis")
    return take(given, argsort(bits(key, (given.shape[0],), uint64)), axis=0)


def choice(key: Any, x: Any, shape: Any = (), replace: bool = True, p: Any = None) -> Expr:
    """Elements of an array along its first axis, or of 0..n-1: with replacement, or without; with probabilities p, or equally likely."""
    values = arange(x) if isinstance(x, int) else asarray(x)
    n = values.shape[0]
    where_to = sizes(shape)
    if not replace:
        count: Any = 1
        for extent in where_to:
            count = count * extent
        if isinstance(n, int) and isinstance(count, int) and count > n:
            raise ArgumentError(f"choice without replacement takes at most {n} of {n} elements, got {count}")
        scores = bits(key, (n,), uint64) if p is None else -(gumbel(key, (n,)) + log(converted(p, float64)))
        return take(values, argsort(scores)[:count].reshape(where_to), axis=0)  # type: ignore[index]
    if p is None:
        return take(values, randint(key, 0, asarray_size(n), where_to), axis=0)
    bounds = cumsum(converted(p, float64))
    u = uniform(key, where_to, dtype=float64) * bounds[-1]  # type: ignore[index]
    place = (expand_dims(u, -1) >= bounds).sum(axis=-1)  # type: ignore[union-attr]
    return take(values, place, axis=0, mode="clip")


def multinomial(key: Any, n: int, p: Any, shape: Any = ()) -> Expr:
    """How often each of the outcomes with probabilities p (along the last axis) comes in n draws."""
    chances = converted(p, float64)
    draws = categorical(key, log(chances), shape=(*sizes(shape), n)) if chances.ndim == 1 else None
    if draws is None:
        raise ShapeError(f"multinomial wants probabilities of shape (k,), got {chances.shape}; use vmap for several")
    return one_hot(draws, chances.shape[-1], dtype=int64).sum(axis=-2)  # type: ignore[attr-defined]


def binomial(key: Any, n: int, p: Any, shape: Any = ()) -> Expr:
    """Successes in n trials with probability p."""
    (chance,), where_to = parameters(float64, shape, p)
    return (uniform(key, (*where_to, n), dtype=float64) < expand_dims(broadcast_to(chance, where_to), -1)).sum(axis=-1)  # type: ignore[union-attr]


MOST_EVENTS = 200
"""Terms of the Poisson distribution function that are added up."""


def poisson(key: Any, rate: Any, shape: Any = ()) -> Expr:
    """Poisson with a rate up to about 100, by inversion of the distribution function: exact up to its 200th term."""
    if isinstance(rate, int | float) and not 0 <= rate <= MOST_EVENTS / 2:
        raise NotSupportedError(f"not supported: Poisson numbers with a rate of {rate}; the rate is at least 0 and at most {MOST_EVENTS // 2}")
    (mean,), where_to = parameters(float64, shape, rate)
    u = uniform(key, where_to, dtype=float64)
    mean = broadcast_to(mean, where_to)
    term, total = exp(-mean), exp(-mean)
    count = astype(u >= total, int64)
    for k in range(1, MOST_EVENTS):
        term = term * mean / k
        total = total + term
        count = count + astype(u >= total, int64)
    return count


def integer(name: object) -> DType:
    """An integer dtype."""
    kind = dtype(name)
    if not kind.is_integer:
        raise DTypeError(f"random integers need an integer dtype, got {kind}")
    return kind


def asarray_size(n: Any) -> Expr:
    """A size as an expression."""
    return asarray(n)



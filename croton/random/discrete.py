"""Discrete distributions, choices and orders."""

from __future__ import annotations

from typing import Any

import numpy as np

from croton.dtypes import DType, dtype, float64, int64, uint64
from croton.expr.expr import Constant, Expr
from croton.ops.axes import broadcast_to, expand_dims, moveaxis
from croton.ops.casting import asarray, astype, converted
from croton.ops.creation import arange
from croton.ops.cumulative import cumsum
from croton.ops.extremes import argmax
from croton.ops.indexing import take
from croton.ops.logic import where
from croton.ops.selection import one_hot
from croton.ops.sorting import argsort, top_k
from croton.ops.transcendental import log
from croton.random.continuous import drawn_shape, gumbel, kind_of, parameters, uniform
from croton.random.key import bits, sizes, split
from croton.random.rejection import few_events, poisson_of
from croton.sizes import Poly
from croton.util.errors import ArgumentError, DTypeError, KindError, ShapeError
from croton.util.keywords import not_taken


def bernoulli(key: Any, p: Any = 0.5, shape: Any = ()) -> Expr:
    """True with probability p."""
    (chance,), where_to = parameters(float64, shape, p)
    return uniform(key, where_to, dtype=float64) < chance


@not_taken(minval="write randint(key, low, high, shape)", maxval="write randint(key, low, high, shape)")
def randint(key: Any, low: Any, high: Any, shape: Any = (), dtype: object = int64) -> Expr:
    """Integers in [low, high), each equally likely up to one part in 2**64 / (high - low); low where there is none between."""
    kind = integer(dtype)
    if isinstance(low, (tuple, list)):
        raise KindError(f"randint(key, low, high, shape): the bounds come before the shape, got low={low!r}")
    if isinstance(low, int) and isinstance(high, int):
        least, most = np.iinfo(kind.numpy).min, np.iinfo(kind.numpy).max
        if high <= low:
            raise ArgumentError(f"randint wants low < high, got {low} and {high}")
        if low < least or high - 1 > most:
            raise ArgumentError(f"randint: {kind} has the numbers from {least} to {most}, got low={low} and high={high}; use another dtype")
    bounds = [asarray(low), asarray(high)]
    for name, bound in zip(("low", "high"), bounds):
        if not bound.dtype.is_integer:
            raise DTypeError(f"randint: {name} is an integer, got dtype {bound.dtype} of {bound!r}; round it and convert it with astype")
    where_to = drawn_shape(shape, bounds)
    from_, to = [astype(bound, int64) for bound in bounds]
    span = astype(where(bounds[1] > bounds[0], to - from_, 1), uint64)
    return astype(from_ + astype(bits(key, where_to, uint64) % span, int64), kind)


def categorical(key: Any, logits: Any, axis: int = -1, shape: Any = ()) -> Expr:
    """Indices along an axis with probabilities softmax(logits): the greatest of the logits plus Gumbel noise. `shape` comes in front."""
    scores = converted(logits, kind_of(asarray(logits).dtype if asarray(logits).dtype.is_float else None))
    scores = moveaxis(scores, axis, -1)
    noise = gumbel(key, (*sizes(shape), *scores.shape), dtype=scores.dtype)
    return argmax(scores + noise, axis=-1)


def permutation(key: Any, x: Any) -> Expr:
    """A random order of 0..n-1 for a number or size n, or an array in random order along its first axis."""
    return argsort(bits(key, (x,), uint64)) if _is_count(x) else shuffle(key, x)


def shuffle(key: Any, x: Any) -> Expr:
    """An array in random order along its first axis."""
    given = asarray(x)
    if not given.ndim:
        raise ShapeError("shuffle wants an array with at least one axis")
    return take(given, argsort(bits(key, (given.shape[0],), uint64)), axis=0)


def choice(key: Any, x: Any, shape: Any = (), replace: bool = True, p: Any = None) -> Expr:
    """Elements of an array along its first axis, or of 0..n-1: with replacement, or without; with probabilities p, or equally likely."""
    values = arange(x) if _is_count(x) else asarray(x)
    if not values.ndim:
        raise ShapeError(f"choice wants a number of choices, or an array with at least one axis, got {values!r}")
    n = values.shape[0]
    chances = None if p is None else converted(p, float64)
    if chances is not None and (chances.ndim != 1 or (isinstance(n, int) and isinstance(chances.shape[0], int) and chances.shape[0] != n)):
        raise ShapeError(f"choice: p has a probability for each of the {n} choices, got {chances.type}")
    where_to = sizes(shape)
    if not replace:
        count: Any = 1
        for extent in where_to:
            count = count * extent
        if isinstance(n, int) and isinstance(count, int) and count > n:
            raise ArgumentError(f"choice without replacement takes at most {n} of {n} elements, got {count}")
        scores = bits(key, (n,), uint64) if chances is None else -(gumbel(key, (n,), dtype=float64) + log(chances))
        return take(values, top_k(scores, count, largest=False).indices.reshape(where_to), axis=0)  # type: ignore[index]
    if chances is None:
        return take(values, randint(key, 0, asarray(n), where_to), axis=0)
    bounds = cumsum(chances)
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


FEW_EVENTS = 10
"""Up to this rate Poisson numbers are made by inversion."""

FEW_EVENTS_TERMS = 50
"""Terms of the distribution function that are added up then: of such a rate more than that has a chance of 1e-18."""


def poisson(key: Any, rate: Any, shape: Any = ()) -> Expr:
    """Poisson with a rate of up to 1e12 or so, above which rounding shows. A rate that is negative, infinite or NaN gives -1."""
    (mean,), where_to = parameters(float64, shape, rate)
    known = mean.value if isinstance(mean, Constant) else None
    if known is not None and not ((known >= 0) & (known < np.inf)).all():
        raise ArgumentError(f"a Poisson rate is at least 0 and finite, got {rate!r}")
    first, second = split(key)
    mean = broadcast_to(mean, where_to)
    few, many = (mean >= 0) & (mean < FEW_EVENTS), (mean >= FEW_EVENTS) & (mean < np.inf)
    count = asarray(-1.0)
    if known is None or not (known < FEW_EVENTS).all():
        count = where(many, poisson_of(first, where(many, mean, float(FEW_EVENTS)), where_to), count)
    if known is None or (known < FEW_EVENTS).any():
        u = uniform(second, where_to, dtype=float64)
        count = where(few, few_events(u, where(few, mean, 0.0), FEW_EVENTS_TERMS), count)
    return astype(count, int64)


def integer(name: object) -> DType:
    """An integer dtype."""
    kind = dtype(name)
    if not kind.is_integer:
        raise DTypeError(f"random integers need an integer dtype, got {kind}")
    return kind


def _is_count(x: Any) -> bool:
    """Whether it is a number of things, and not the things."""
    return isinstance(x, int | np.integer | Poly)

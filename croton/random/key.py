"""Keys, and the raw bits that everything else is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from croton.dtypes import dtype, int64, uint32, uint64
from croton.expr.expr import Expr
from croton.ops.arguments import size_of
from croton.ops.casting import asarray, astype
from croton.ops.creation import arange, zeros
from croton.ops.indexing import index
from croton.ops.joining import stack
from croton.ops.logic import bitwise_or
from croton.ops.shape import reshape
from croton.random.threefry import threefry
from croton.sizes import Size
from croton.util.errors import ArgumentError, DTypeError, ShapeError


def key(seed: Any) -> Expr:
    """The key of a seed: a Python integer of up to 64 bits, or an integer expression."""
    if isinstance(seed, int | np.integer):
        if not -(2**63) <= int(seed) < 2**64:
            raise ArgumentError(f"a seed has up to 64 bits, got {seed}")
        value = int(seed) % 2**64
        return asarray(np.array([value >> 32, value & 0xFFFFFFFF], np.uint32))
    given = asarray(seed)
    if given.ndim or not given.dtype.is_integer:
        raise DTypeError(f"a seed is one integer, got {given!r}")
    wide = astype(given, uint64)
    return stack([astype(wide >> asarray(32, dtype=uint64), uint32), astype(wide, uint32)])


def split(parent: Any, count: Any = 2) -> Expr:
    """`count` keys that share nothing with each other or with the parent, which is not used again: the rows of an array (count, 2).

    `first, second = split(key)` takes them apart; the array goes into `scan`, `vmap` and `map` as it is, one key a step. The count may be a symbolic size.
    """
    x, y = threefry(words(parent), _counter((size_of(count, "split"),)))
    return stack([x, y], axis=1)


def fold_in(parent: Any, data: Any) -> Expr:
    """A key made of a key and an integer: of a step, a layer, an example. Other integers give other keys."""
    value = asarray(data)
    if not value.dtype.is_integer:
        raise DTypeError(f"fold_in takes an integer, got dtype {value.dtype}")
    wide = astype(value, uint64)
    x, y = threefry(words(parent), (astype(wide >> asarray(32, dtype=uint64), uint32), astype(wide, uint32)))
    return stack([x, y], axis=-1)


def bits(parent: Any, shape: Any = (), dtype_name: object = uint32) -> Expr:
    """Uniform random bits as uint32 or uint64. The number at a position depends on the key and the position alone."""
    kind = dtype(dtype_name)
    x, y = threefry(words(parent), _counter(sizes(shape)))
    if kind is uint32:
        return x ^ y
    if kind is not uint64:
        raise DTypeError(f"random bits come as uint32 or uint64, got {kind}")
    return bitwise_or(astype(x, uint64) << asarray(32, dtype=uint64), astype(y, uint64))


def words(parent: Any) -> tuple[Expr, Expr]:
    """The two words of a key."""
    given = asarray(parent)
    if given.dtype is not uint32 or given.ndim != 1 or (given.shape[0] not in (2,) and isinstance(given.shape[0], int)):
        raise ShapeError(f"a key is a uint32 array of 2 words, from key(seed) or split; got {given!r}")
    return index(given, 0), index(given, 1)


def sizes(shape: Any) -> tuple[Size, ...]:
    """A shape given as one size or several."""
    return tuple(shape) if isinstance(shape, Sequence) else (shape,)


def _counter(shape: tuple[Size, ...]) -> tuple[Expr, Expr]:
    """The linear position of each element as two words, the high one first. It is a sum of what each axis adds, which is known of a part of an axis too."""
    position: Expr = zeros((), dtype=int64)
    stride: Size = 1
    for number, extent in reversed(list(enumerate(shape))):
        places = arange(extent, dtype=int64) * stride
        position = position + reshape(places, (extent, *[1] * (len(shape) - 1 - number)))
        stride = stride * extent
    return astype(position >> asarray(32, dtype=int64), uint32), astype(position, uint32)

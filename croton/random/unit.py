"""Uniform numbers between 0 and 1, with and without the ends, and the standard normal made of them."""

from __future__ import annotations

import math
from typing import Any

from croton.dtypes import DType, float32, float64, uint32, uint64
from croton.expr.expr import Expr
from croton.ops.casting import asarray, astype
from croton.ops.transcendental import erfinv
from croton.random.key import bits
from croton.sizes import Size


def half_open_unit(key: Any, shape: tuple[Size, ...], kind: DType) -> Expr:
    """Uniform in [0, 1): the highest bits as a fraction."""
    if kind is float32:
        return astype(bits(key, shape) >> asarray(8, dtype=uint32), float32) * 2.0**-24
    return astype(bits(key, shape, uint64) >> asarray(11, dtype=uint64), float64) * 2.0**-53


def open_unit(key: Any, shape: tuple[Size, ...], kind: DType, symmetric: bool = False) -> Expr:
    """Uniform in (0, 1), or in (-1, 1), without the ends: the middle of each of 2**23 (2**52) cells."""
    if kind is float32:
        cell = astype(bits(key, shape) >> asarray(9, dtype=uint32), float32)
        width = 2.0**-23
    else:
        cell = astype(bits(key, shape, uint64) >> asarray(12, dtype=uint64), float64)
        width = 2.0**-52
    unit = (cell + 0.5) * width
    return 2 * unit - 1 if symmetric else unit


def unit_pair(key: Any, shape: tuple[Size, ...]) -> tuple[Expr, Expr]:
    """Two float64 in (0, 1), of 32 bits each: where that is fine enough it takes half of the work."""
    both = bits(key, shape, uint64)
    words = both >> asarray(32, dtype=uint64), both & asarray(0xFFFFFFFF, dtype=uint64)
    first, second = [(astype(word, float64) + 0.5) * 2.0**-32 for word in words]
    return first, second


def standard_normal(key: Any, shape: tuple[Size, ...], kind: DType) -> Expr:
    """Normal with mean 0 and standard deviation 1, by inversion of the distribution function."""
    return math.sqrt(2) * erfinv(open_unit(key, shape, kind, symmetric=True))

"""Dropout."""

from __future__ import annotations

from typing import Any

from croton.expr.expr import Expr
from croton.ops.casting import asarray
from croton.ops.logic import where
from croton.random.discrete import bernoulli
from croton.util.errors import ArgumentError


def dropout(key: Any, x: Any, rate: Any) -> Expr:
    """x with each element set to 0 with probability `rate`, and the others divided by 1 - rate, so that the mean stays."""
    if isinstance(rate, int | float) and not 0 <= rate < 1:
        raise ArgumentError(f"a dropout rate is at least 0 and less than 1, got {rate}")
    given = asarray(x)
    kept = bernoulli(key, 1 - rate, given.shape)
    return where(kept, given / (1 - rate), 0)

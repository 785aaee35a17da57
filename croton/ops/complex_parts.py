"""Parts of complex numbers, for code that is written for these too: here all numbers are real."""

from __future__ import annotations

from typing import Any

from croton.expr.expr import Expr
from croton.ops.casting import asarray
from croton.ops.creation import zeros_like


def conj(x: Any) -> Expr:
    """The complex conjugate, which is x."""
    return asarray(x)


def real(x: Any) -> Expr:
    """The real part, which is x."""
    return asarray(x)


def imag(x: Any) -> Expr:
    """The imaginary part: zeros, in the shape and dtype of x."""
    return zeros_like(asarray(x))

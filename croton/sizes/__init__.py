"""Sizes of axes: one integer algebra, closed under + - * //, and a prover of `size >= 0`."""

from croton.sizes.poly import (
    Poly,
    Quotient,
    Size,
    Symbol,
    evaluate,
    fresh_symbol,
    hint,
    order_key,
    product,
    quotient,
    substitute,
    symbol,
    symbols,
    unused_symbol,
)
from croton.sizes.prove import nonnegative, positive, within
from croton.sizes.weighted import Weighted, never_more, value, weighted

__all__ = [
    "Poly",
    "Quotient",
    "Size",
    "Symbol",
    "Weighted",
    "evaluate",
    "fresh_symbol",
    "hint",
    "never_more",
    "nonnegative",
    "order_key",
    "positive",
    "product",
    "quotient",
    "substitute",
    "symbol",
    "symbols",
    "unused_symbol",
    "value",
    "weighted",
    "within",
]

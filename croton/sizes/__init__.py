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

__all__ = [
    "Poly",
    "Quotient",
    "Size",
    "Symbol",
    "evaluate",
    "fresh_symbol",
    "hint",
    "nonnegative",
    "order_key",
    "positive",
    "product",
    "quotient",
    "substitute",
    "symbol",
    "symbols",
    "unused_symbol",
    "within",
]

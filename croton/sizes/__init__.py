"""Sizes of axes: one integer algebra, closed under + - * // and min, and a prover of `size >= 0`."""

from croton.sizes.asked import listening
from croton.sizes.bind import Determined, bind, determined
from croton.sizes.poly import (
    Least,
    Poly,
    Quotient,
    Size,
    Symbol,
    fresh_symbol,
    order_key,
    product,
    quotient,
    symbol,
    undivided,
    unused_symbol,
)
from croton.sizes.prove import greatest, least, nonnegative, positive, within
from croton.sizes.values import evaluate, hint, substitute, symbols
from croton.sizes.weighted import Weighted, never_more, value, weighted

__all__ = [
    "Determined",
    "Least",
    "Poly",
    "Quotient",
    "Size",
    "Symbol",
    "Weighted",
    "bind",
    "determined",
    "evaluate",
    "fresh_symbol",
    "greatest",
    "hint",
    "least",
    "listening",
    "never_more",
    "nonnegative",
    "order_key",
    "positive",
    "product",
    "quotient",
    "substitute",
    "symbol",
    "symbols",
    "undivided",
    "unused_symbol",
    "value",
    "weighted",
    "within",
]

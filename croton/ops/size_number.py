"""Numbers computed from sizes that need not be integers: `1 / n`, `n**0.5`."""

from __future__ import annotations

from typing import Any

from croton.expr.expr import Expr
from croton.util.errors import KindError


class SizeNumber:
    """A real number made of symbolic sizes, as `1 / x.shape[0]`. Like a Python float it adapts to the dtype of the arrays it meets.

    `expr` is its value, a float64 scalar. The operators are installed with those of expressions.
    """

    __slots__ = ("expr",)

    # NumPy arrays and numbers leave `array * number` to our reflected operators.
    __array_ufunc__ = None

    def __init__(self, expr: Expr) -> None:
        self.expr = expr

    def _no_number(self, *_: Any) -> Any:
        raise KindError(
            "a number made of symbolic sizes has no value while the graph is built; use it in expressions, as x / n**0.5, "
            "or make it one with asarray, for functions such as cr.sqrt"
        )

    __float__ = __int__ = __bool__ = _no_number

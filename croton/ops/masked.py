"""x.at[mask]: writing where a mask holds that is known only when the function is called. It keeps the shape, so that it is a choice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from croton.dtypes import bool_
from croton.expr.expr import Expr
from croton.ops.arithmetic import add, divide, maximum, minimum, multiply, subtract
from croton.ops.axes import expand_dims
from croton.ops.broadcasting import show, stretch
from croton.ops.logic import logical_and, logical_or, where
from croton.util.errors import DTypeError, NotSupportedError, ShapeError


class MaskedPlace:
    """x.at[mask] for a mask over the first axes of x: the array with the elements written where the mask is true.

    The value broadcasts to the axes of x that the mask leaves.
    """

    __slots__ = ("array", "fitted", "free", "mask")

    def __init__(self, array: Expr, mask: Expr, fitted: Callable[[Any, Expr], Expr]) -> None:
        if mask.ndim > array.ndim:
            raise ShapeError(f"a mask of shape {show(mask.shape)} does not fit an array of shape {show(array.shape)}")
        self.array = array
        self.mask = expand_dims(stretch(mask, array.shape[: mask.ndim]), tuple(range(mask.ndim, array.ndim)))
        self.free = array.ndim - mask.ndim
        self.fitted = fitted

    def get(self, mode: str = "raise", fill_value: Any = 0) -> Expr:
        """Not supported: the shape of x[mask] depends on values."""
        raise NotSupportedError(
            "not supported: x[mask] of a computed mask, since the shape would depend on its values; where(mask, x, 0) keeps the shape, "
            "compress(mask, x, size=n) has room for n"
        )

    def set(self, value: Any, mode: str = "raise") -> Expr:
        """x with the value where the mask is true."""
        return self._written(lambda x, y: y, value)

    def add(self, value: Any, mode: str = "raise") -> Expr:
        """x with the value added where the mask is true; of bools it is `or`."""
        return self._written(logical_or if self.array.dtype is bool_ else add, value)

    def subtract(self, value: Any, mode: str = "raise") -> Expr:
        """x with the value subtracted where the mask is true."""
        return self._written(subtract, value)

    def multiply(self, value: Any, mode: str = "raise") -> Expr:
        """x multiplied by the value where the mask is true; of bools it is `and`."""
        return self._written(logical_and if self.array.dtype is bool_ else multiply, value)

    def divide(self, value: Any, mode: str = "raise") -> Expr:
        """x divided by the value where the mask is true."""
        if not self.array.dtype.is_float:
            raise DTypeError(f"at[...].divide takes floating arrays, got dtype {self.array.dtype}; convert with astype('float64')")
        return self._written(divide, value)

    def max(self, value: Any, mode: str = "raise") -> Expr:
        """The greater of x and the value where the mask is true."""
        return self._written(maximum, value)

    def min(self, value: Any, mode: str = "raise") -> Expr:
        """The smaller of x and the value where the mask is true."""
        return self._written(minimum, value)

    def _written(self, function: Callable[[Any, Any], Expr], value: Any) -> Expr:
        given = self.fitted(value, self.array)
        if given.ndim > self.free:
            raise NotSupportedError(
                f"not supported: a value of shape {show(given.shape)} for the elements of a computed mask, whose number depends on values; "
                "where(mask, values, x) takes one for each element of x"
            )
        return where(self.mask, function(self.array, given), self.array)

"""x.at[mask]: writing where a mask holds that is known only when the function is called.

A value for all elements that the mask names is a choice, and needs no count of them; a value for each of them is put where they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from croton.dtypes import bool_
from croton.expr.expr import Expr
from croton.ops.arithmetic import add, divide, maximum, minimum, multiply, subtract
from croton.ops.axes import expand_dims
from croton.ops.broadcasting import stretch
from croton.ops.logic import logical_and, logical_or, where
from croton.ops.positions import check_mask
from croton.util.errors import DTypeError


class MaskedPlace:
    """x.at[mask] for a mask over the first axes of x: the array with the elements written where the mask is true.

    The value broadcasts to the axes of x that the mask leaves, or has one axis more: an entry for each element for which the mask is true. `places`
    gives the place of these by their indices.
    """

    __slots__ = ("array", "fitted", "free", "mask", "places")

    def __init__(self, array: Expr, mask: Expr, fitted: Callable[[Any, Expr], Expr], places: Callable[[], Any]) -> None:
        check_mask(mask, array.shape[: mask.ndim])
        self.array = array
        self.mask = expand_dims(stretch(mask, array.shape[: mask.ndim]), tuple(range(mask.ndim, array.ndim)))
        self.free = array.ndim - mask.ndim
        self.fitted = fitted
        self.places = places

    def get(self, mode: str = "raise", fill_value: Any = 0) -> Expr:
        """x[mask]."""
        return self.places().get()

    def set(self, value: Any, mode: str = "raise") -> Expr:
        """x with the value where the mask is true."""
        return self._written("set", lambda x, y: y, value)

    def add(self, value: Any, mode: str = "raise") -> Expr:
        """x with the value added where the mask is true; of bools it is `or`."""
        return self._written("add", logical_or if self.array.dtype is bool_ else add, value)

    def subtract(self, value: Any, mode: str = "raise") -> Expr:
        """x with the value subtracted where the mask is true."""
        return self._written("subtract", subtract, value)

    def multiply(self, value: Any, mode: str = "raise") -> Expr:
        """x multiplied by the value where the mask is true; of bools it is `and`."""
        return self._written("multiply", logical_and if self.array.dtype is bool_ else multiply, value)

    mul = multiply

    def divide(self, value: Any, mode: str = "raise") -> Expr:
        """x divided by the value where the mask is true."""
        if not self.array.dtype.is_float:
            raise DTypeError(f"at[...].divide takes floating arrays, got dtype {self.array.dtype}; convert with astype('float64')")
        return self._written("divide", divide, value)

    def max(self, value: Any, mode: str = "raise") -> Expr:
        """The greater of x and the value where the mask is true."""
        return self._written("max", maximum, value)

    def min(self, value: Any, mode: str = "raise") -> Expr:
        """The smaller of x and the value where the mask is true."""
        return self._written("min", minimum, value)

    def _written(self, name: str, function: Callable[[Any, Any], Any], value: Any) -> Expr:
        given = self.fitted(value, self.array)
        if given.ndim > self.free:
            return getattr(self.places(), name)(given)
        return where(self.mask, function(self.array, given), self.array)

"""Operators and methods on expressions. Calling `install_operators` once, at import of the public package, makes `x + y` work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from croton.expr.expr import Expr, install
from croton.expr.print import describe
from croton.expr.types import show
from croton.ops import (
    arithmetic,
    arranging,
    at,
    axes,
    casting,
    comparisons,
    complex_parts,
    cumulative,
    extremes,
    indexing,
    linalg,
    logic,
    reductions,
    rounding,
    shape,
    sorting,
    transcendental,
)
from croton.ops.indexing import index
from croton.ops.numpy_protocol import array_function, array_ufunc
from croton.ops.size_number import SizeNumber
from croton.sizes import Poly, Size, product
from croton.util.errors import KindError, NotSupportedError

_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": arithmetic.add,
    "sub": arithmetic.subtract,
    "mul": arithmetic.multiply,
    "truediv": arithmetic.divide,
    "floordiv": arithmetic.floor_divide,
    "mod": arithmetic.remainder,
    "divmod": arithmetic.divmod,
    "matmul": linalg.matmul,
    "and": logic.bitwise_and,
    "or": logic.bitwise_or,
    "xor": logic.bitwise_xor,
    "lshift": logic.bitwise_left_shift,
    "rshift": logic.bitwise_right_shift,
}
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": comparisons.equal,
    "ne": comparisons.not_equal,
    "lt": comparisons.less,
    "le": comparisons.less_equal,
    "gt": comparisons.greater,
    "ge": comparisons.greater_equal,
}
_UNARY: dict[str, Callable[[Any], Any]] = {
    "neg": arithmetic.negative,
    "pos": arithmetic.positive,
    "abs": arithmetic.abs,
    "invert": logic.bitwise_invert,
    "floor": rounding.floor,
    "ceil": rounding.ceil,
    "trunc": rounding.trunc,
}


def _power(x: Any, y: Any) -> Expr:
    # As NumPy's operator, which differs from power: a root of -inf is NaN, and the square of a bool an int8.
    if type(y) is float and y == 0.5 and isinstance(x, Expr) and x.dtype.is_float:
        return transcendental.sqrt(x)
    if type(y) is int and y == 2:
        return arithmetic.square(x)
    return arithmetic.pow(x, y)


def _reflected(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda x, y: function(y, x)


def _size_number(size: Poly | SizeNumber | float) -> SizeNumber:
    return size if isinstance(size, SizeNumber) else SizeNumber(casting.asarray(size, "float64"))


def _of_size_numbers(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    # Numbers of Python and sizes stay numbers that adapt to arrays; arrays of any kind make it an expression.
    def operator(x: SizeNumber, y: Any) -> Any:
        if isinstance(y, np.generic) or not isinstance(y, (int, float, Poly, SizeNumber)):
            return NotImplemented if isinstance(y, Expr) else function(x, y)
        found = function(x.expr, _size_number(y).expr)
        return SizeNumber(found) if found.dtype.is_float else found

    return operator


def _install_size_numbers() -> None:
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod"):
        setattr(SizeNumber, f"__{name}__", _of_size_numbers(_BINARY[name]))
        setattr(SizeNumber, f"__r{name}__", _of_size_numbers(_reflected(_BINARY[name])))
    for name, comparison in _COMPARISONS.items():
        setattr(SizeNumber, f"__{name}__", _of_size_numbers(comparison))
    others: dict[str, Callable[..., Any]] = {
        "pow": _of_size_numbers(_power),
        "rpow": _of_size_numbers(_reflected(_power)),
        "neg": lambda x: SizeNumber(arithmetic.negative(x.expr)),
        "abs": lambda x: SizeNumber(arithmetic.abs(x.expr)),
        "repr": lambda x: f"<a number made of sizes: {describe(x.expr)}>",
    }
    for name, method in others.items():
        setattr(SizeNumber, f"__{name}__", method)
    Poly.number = staticmethod(_size_number)


def _length(x: Expr) -> int:
    if not x.shape:
        raise KindError("an array without axes has no length")
    if not isinstance(x.shape[0], int):
        raise KindError(f"the length of axis 0 of shape {show(x.shape)} is not known yet; x.shape[0] is its symbolic size")
    return x.shape[0]


def _iterate(x: Expr) -> Iterator[Expr]:
    return (index(x, i) for i in range(_length(x)))


def _transpose(x: Expr, *order: Any) -> Expr:
    """x with its axes in another order, reversed by default; the order as one sequence or as arguments."""
    given = order[0] if len(order) == 1 and (order[0] is None or isinstance(order[0], (tuple, list))) else order
    return axes.transpose(x, given or None)


def _reshape(x: Expr, *sizes: Any, copy: bool | None = None) -> Expr:
    """The elements of x, row by row, in another shape, given as one sequence or as arguments."""
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        return shape.reshape(x, sizes[0])
    return shape.reshape(x, sizes)


def _size(x: Expr) -> Size:
    """How many elements there are, a number or a symbolic size."""
    return product(x.shape)


def _copy(x: Expr) -> Expr:
    """x itself: expressions do not change."""
    return x


def _item(x: Expr) -> Any:
    """The value of an expression of one element that depends on no inputs, as a Python number."""
    return np.asarray(x).item()


def _tolist(x: Expr) -> Any:
    """The values of an expression that depends on no inputs, as nested lists."""
    return np.asarray(x).tolist()


def _to_device(x: Expr, device: Any, stream: Any = None) -> Expr:
    """x itself: the only device is "cpu"."""
    if device != "cpu":
        raise NotSupportedError(f'not supported: device {device!r}; the only device is "cpu"')
    return x


def install_operators(namespace: Any = None) -> None:
    """Give expressions their operators and methods, and the namespace that the array API standard asks them for."""
    if namespace is not None:
        install("__array_namespace__", lambda x, api_version=None: namespace)
    install("size", property(_size))
    install("device", property(lambda x: "cpu"))
    for name, method in {"copy": _copy, "item": _item, "tolist": _tolist, "to_device": _to_device}.items():
        install(name, method)
    _install_size_numbers()
    for name, function in _BINARY.items():
        install(f"__{name}__", lambda x, y, f=function: f(x, y))
        install(f"__r{name}__", _reflected(function))
    for name, function in _COMPARISONS.items():
        install(f"__{name}__", lambda x, y, f=function: f(x, y))
    for name, unary in _UNARY.items():
        install(f"__{name}__", lambda x, f=unary: f(x))
    install("__pow__", _power)
    install("__rpow__", _reflected(arithmetic.pow))
    install("__round__", lambda x, decimals=0: rounding.round(x, decimals))
    install("__len__", _length)
    install("__iter__", _iterate)
    install("__str__", describe)
    install("__array_ufunc__", array_ufunc)
    install("__array_function__", array_function)
    install("T", property(axes.transpose))
    install("mT", property(axes.matrix_transpose))
    for name in ("sum", "prod", "mean", "var", "std", "max", "min", "any", "all"):
        install(name, getattr(reductions, name))
    for name in ("argmax", "argmin"):
        install(name, getattr(extremes, name))
    install("conj", complex_parts.conj)
    install("real", property(complex_parts.real))
    install("imag", property(complex_parts.imag))
    install("dot", linalg.dot)
    install("trace", linalg.trace)
    install("diagonal", linalg.diagonal)
    install("transpose", _transpose)
    install("swapaxes", axes.swapaxes)
    install("squeeze", axes.squeeze)
    install("clip", arithmetic.clip)
    install("round", rounding.round)
    install("astype", casting.astype)
    install("__getitem__", indexing.index)
    install("__setitem__", at.no_assignment)
    install("at", property(at.At))
    install("reshape", _reshape)
    install("take", indexing.take)
    install("repeat", arranging.repeat)
    for name in ("ravel", "flatten"):
        install(name, getattr(shape, name))
    for name in ("cumsum", "cumprod"):
        install(name, getattr(cumulative, name))
    for name in ("sort", "argsort"):
        install(name, getattr(sorting, name))

"""The functions that `x: dtype = function(atom, ...)` may apply: what they take and give, and their NumPy meaning.

same      arguments and result have one dtype
test      one argument, the result is bool
compare   two arguments of one dtype, the result is bool
where     a bool and two values of the result's dtype
cast      one argument of any dtype
label     the value of a loop label (`index`); size: the value of a size (`size`); the result is any number
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from croton.dtypes import DType, bool_
from croton.util.special import inverse_erf


class Function(NamedTuple):
    """One row: `takes` are the kinds (NumPy's letters) of the dtype that the arguments share."""

    name: str
    arity: int
    form: str
    takes: str
    meaning: Callable[..., Any] | None


def _array(function: Callable[[float], float]) -> Callable[[Any], Any]:
    def apply(x: Any) -> Any:
        return np.vectorize(function, otypes=[np.float64])(x).astype(np.asarray(x).dtype)

    return apply


def _lgamma(x: float) -> float:
    if x != x:
        return x
    if math.isinf(x) or (x <= 0 and x == math.floor(x)):
        return math.inf
    return math.lgamma(x)


def _digamma(x: Any) -> Any:
    """Reflection to the right half-line, recurrence up to 10, then the asymptotic series (DLMF 5.5.2, 5.5.4, 5.11.2)."""
    given = np.asarray(x)
    z = given.astype(np.float64)
    y = np.where(z < 0.5, 1 - z, z)
    shift = np.zeros_like(y)
    for _ in range(10):
        shift = np.where(y < 10, shift - 1 / y, shift)
        y = np.where(y < 10, y + 1, y)
    w = 1 / (y * y)
    tail = w * (1 / 12 - w * (1 / 120 - w * (1 / 252 - w * (1 / 240 - w * (1 / 132 - w * (691 / 32760 - w / 12))))))
    value = shift + np.log(y) - 0.5 / y - tail
    value = np.where(z < 0.5, value - np.pi / np.tan(np.pi * z), value)
    return np.where((z <= 0) & (z == np.floor(z)), np.nan, value).astype(given.dtype)


def _sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def _xlogy(x: Any, y: Any) -> Any:
    return np.where((x == 0) & ~np.isnan(y), 0, x * np.log(np.where(x == 0, 1, y)))


def _of_floats(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: function(x) if np.asarray(x).dtype.kind == "f" else x


def _shift(function: Callable[[Any, Any], Any], arithmetic: bool) -> Callable[[Any, Any], Any]:
    def apply(x: Any, count: Any) -> Any:
        x = np.asarray(x)
        inside = (count >= 0) & (count < 8 * x.dtype.itemsize)
        outside = np.where(x < 0, -1, 0) if arithmetic and x.dtype.kind == "i" else 0
        return np.where(inside, function(x, np.where(inside, count, 0).astype(x.dtype)), outside)

    return apply


def _rows() -> list[Function]:
    tables: tuple[tuple[str, dict[str, Callable[..., Any]]], ...]
    number, real, whole, truth, anything = "fiu", "f", "iu", "b", "bfiu"
    tables = (
        (
                real,
                {
                    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "log2": np.log2,
                    "log10": np.log10, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin,
                    "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh,
                    "acosh": np.arccosh, "atanh": np.arctanh, "erf": _array(math.erf), "erfc": _array(math.erfc), "erfinv": _array(inverse_erf), "sigmoid": _sigmoid,
                    "softplus": lambda x: np.logaddexp(np.zeros_like(x), x), "lgamma": _array(_lgamma), "digamma": _digamma,
                    "xlogx": lambda x: _xlogy(x, x), "safe_reciprocal": lambda x: np.where(x == 0, 0, 1 / np.where(x == 0, 1, x)),
                },
            ),
            (
                number,
                {
                    "neg": np.negative, "abs": np.abs, "sign": np.sign, "floor": _of_floats(np.floor), "ceil": _of_floats(np.ceil),
                    "trunc": _of_floats(np.trunc), "round": _of_floats(np.rint),
                },
            ),
            (whole, {"bitwise_not": np.invert}),
            (anything, {"identity": lambda x: x, "stop": lambda x: x}),
    )  # fmt: skip
    rows = [Function(name, 1, "same", takes, meaning) for takes, table in tables for name, meaning in table.items()]
    tables = (
        (
                number,
                {
                    "add": np.add, "sub": np.subtract, "mul": np.multiply, "maximum": np.maximum, "minimum": np.minimum, "pow": np.power,
                    "remainder": np.remainder, "fmod": np.fmod, "floor_divide": np.floor_divide,
                },
            ),
            (
                real,
                {
                    "div": np.divide, "atan2": np.arctan2, "hypot": np.hypot, "logaddexp": np.logaddexp, "copysign": np.copysign,
                    "nextafter": np.nextafter, "xlogy": _xlogy,
                },
            ),
            (
                whole,
                {
                    "bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or, "bitwise_xor": np.bitwise_xor,
                    "shift_left": _shift(np.left_shift, False), "shift_right": _shift(np.right_shift, True),
                },
            ),
            (truth, {"logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor}),
    )  # fmt: skip
    rows += [Function(name, 2, "same", takes, meaning) for takes, table in tables for name, meaning in table.items()]
    compare = {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal}
    rows += [Function(name, 2, "compare", anything, meaning) for name, meaning in compare.items()]
    tests = {"isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite, "signbit": np.signbit}
    rows += [Function(name, 1, "test", real, meaning) for name, meaning in tests.items()]
    rows.append(Function("logical_not", 1, "same", truth, np.logical_not))
    rows.append(Function("where", 3, "where", anything, np.where))
    rows.append(Function("cast", 1, "cast", anything, None))
    rows.append(Function("index", 1, "label", number, None))
    rows.append(Function("size", 1, "size", number, None))
    return rows


FUNCTIONS: dict[str, Function] = {function.name: function for function in _rows()}


def unit(op: str, dtype: DType) -> bool | int | float:
    """The value that leaves every other unchanged under the reduction."""
    if op in ("max", "min"):
        if dtype.is_float:
            return float("-inf") if op == "max" else float("inf")
        limits = np.iinfo(dtype.numpy)
        return int(limits.min) if op == "max" else int(limits.max)
    return {"sum": 0, "prod": 1, "any": False, "all": True}[op]


def evaluate(name: str, dtype: DType, *values: Any) -> Any:
    """NumPy's value of a function on arrays or scalars of the right dtypes; infinities and NaN are values, not warnings."""
    with np.errstate(all="ignore"):
        if name == "cast":
            return np.asarray(values[0]) != 0 if dtype is bool_ else np.asarray(values[0]).astype(dtype.numpy)
        meaning = FUNCTIONS[name].meaning
        assert meaning is not None
        return np.asarray(meaning(*values)).astype(dtype.numpy, copy=False)

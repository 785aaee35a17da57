"""The functions that `x: dtype = function(atom, ...)` may apply: what they take and give, and their NumPy meaning.

same      arguments and result have one dtype
test      one argument, the result is bool
compare   two arguments of one dtype, the result is bool
where     a bool and two values of the result's dtype
cast      one argument of any dtype
label     the value of a loop label (`index`), any number
size      the value of a size: any number (`size`), or the float whose bits, as those of a float64, it is (`bits`)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from croton.dtypes import DType, bool_
from croton.util import special


class Function(NamedTuple):
    """One row: `takes` are the kinds (NumPy's letters) of the dtype that the arguments share."""

    name: str
    arity: int
    form: str
    takes: str
    meaning: Callable[..., Any] | None


_NUMBERS: dict[str, Callable[..., Any]] = {
    "neg": np.negative, "abs": np.abs, "sign": np.sign, "floor": special.integers_kept(np.floor), "ceil": special.integers_kept(np.ceil),
    "trunc": special.integers_kept(np.trunc), "round": special.integers_kept(np.rint),
}  # fmt: skip
_REALS: dict[str, Callable[..., Any]] = {
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "log2": np.log2, "log10": np.log10, "sqrt": np.sqrt,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "erf": special.erf, "erfc": special.erfc, "erfinv": special.erfinv, "lgamma": special.lgamma, "digamma": special.digamma,
    "sigmoid": special.sigmoid, "softplus": special.softplus, "xlogx": special.xlogx, "safe_reciprocal": special.safe_reciprocal,
}  # fmt: skip
_PAIRS_OF_NUMBERS: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "maximum": np.maximum, "minimum": np.minimum, "pow": special.power,
    "remainder": np.remainder, "fmod": np.fmod, "floor_divide": np.floor_divide,
}  # fmt: skip
_PAIRS_OF_REALS: dict[str, Callable[..., Any]] = {
    "div": np.divide, "atan2": np.arctan2, "hypot": np.hypot, "logaddexp": np.logaddexp, "copysign": np.copysign, "nextafter": np.nextafter,
    "xlogy": special.xlogy, "polygamma": special.polygamma,
}  # fmt: skip
_PAIRS_OF_INTEGERS: dict[str, Callable[..., Any]] = {
    "bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or, "bitwise_xor": np.bitwise_xor,
    "shift_left": special.shift_left, "shift_right": special.shift_right,
}  # fmt: skip
_PAIRS_OF_TRUTHS: dict[str, Callable[..., Any]] = {
    "logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor,
}  # fmt: skip
_TRIPLES_OF_REALS: dict[str, Callable[..., Any]] = {"fma": special.fused_multiply_add}
_COMPARISONS: dict[str, Callable[..., Any]] = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
}  # fmt: skip
_TESTS: dict[str, Callable[..., Any]] = {"isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite, "signbit": np.signbit}


def _itself(x: Any) -> Any:
    return x


def _rows(arity: int, form: str, takes: str, meanings: dict[str, Callable[..., Any]]) -> list[Function]:
    return [Function(name, arity, form, takes, meaning) for name, meaning in meanings.items()]


FUNCTIONS: dict[str, Function] = {
    function.name: function
    for function in (
        *_rows(1, "same", "f", {**_REALS, "kept": _itself}),
        *_rows(1, "same", "fiu", _NUMBERS),
        *_rows(1, "same", "iu", {"bitwise_not": np.invert}),
        *_rows(1, "same", "bfiu", {"identity": _itself, "stop": _itself}),
        *_rows(2, "same", "fiu", _PAIRS_OF_NUMBERS),
        *_rows(2, "same", "f", _PAIRS_OF_REALS),
        *_rows(3, "same", "f", _TRIPLES_OF_REALS),
        *_rows(2, "same", "iu", _PAIRS_OF_INTEGERS),
        *_rows(2, "same", "b", _PAIRS_OF_TRUTHS),
        *_rows(2, "compare", "bfiu", _COMPARISONS),
        *_rows(1, "test", "f", _TESTS),
        *_rows(1, "same", "b", {"logical_not": np.logical_not}),
        *_rows(3, "where", "bfiu", {"where": np.where}),
        Function("cast", 1, "cast", "bfiu", None),
        Function("index", 1, "label", "fiu", None),
        Function("size", 1, "size", "fiu", None),
        Function("bits", 1, "size", "f", None),
    )
}


def evaluate(name: str, dtype: DType, *values: Any) -> Any:
    """NumPy's value of a function on arrays or scalars of the right dtypes; infinities and NaN are values, not warnings."""
    with np.errstate(all="ignore"):
        if name == "cast":
            return np.asarray(values[0]) != 0 if dtype is bool_ else np.asarray(values[0]).astype(dtype.numpy)
        meaning = FUNCTIONS[name].meaning
        assert meaning is not None
        return np.asarray(meaning(*values)).astype(dtype.numpy, copy=False)

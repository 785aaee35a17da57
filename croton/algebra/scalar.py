"""The table of scalar functions: what a Map may apply, with its NumPy meaning and its derivatives.

Derivatives are written as algebra on terms (see `term.py`): for a function of n arguments one function an argument, called
with the arguments and the value. `FLAT` says that the derivative is 0 wherever it exists; `None` that there is none here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from croton.dtypes import DType, bool_
from croton.util import special

FLAT = "flat"
Derivative = Callable[..., Any] | str | None


class Function(NamedTuple):
    """A scalar function.

    result       "same": the dtype of the (last) argument; "bool"; or "given", as for casts
    numpy        the function on arrays of the right dtypes
    derivatives  one for each argument: a function of (arguments..., value), FLAT or None
    cost         "cheap" (an instruction or two), "moderate" (division, square root), "transcendental"
    commutative  whether the two arguments may change places
    takes        kinds of dtype it accepts, as NumPy's letters
    """

    name: str
    arity: int
    result: str
    numpy: Callable[..., Any]
    derivatives: tuple[Derivative, ...]
    cost: str = "cheap"
    commutative: bool = False
    takes: str = "fiu"


def apply(name: str, *terms: Any) -> Any:
    """The scalar function on terms; at least one argument is a term, the others may be numbers."""
    leader = next(term for term in terms if hasattr(term, "apply"))
    return leader.apply(name, *terms)


def _identity(x: np.ndarray) -> np.ndarray:
    return x


def _where(condition: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where(condition, x, y)


LN2, LN10 = math.log(2), math.log(10)
DEAR = "transcendental"
MODERATE = "moderate"


def _unary(name: str, numpy: Callable, derivative: Derivative, cost: str = "cheap", takes: str = "f", result: str = "same") -> Function:
    return Function(name, 1, result, numpy, (derivative,), cost, False, takes)


def _binary(
    name: str,
    numpy: Callable,
    derivatives: tuple[Derivative, Derivative],
    cost: str = "cheap",
    takes: str = "fiu",
    result: str = "same",
    commutative: bool = False,
) -> Function:
    return Function(name, 2, result, numpy, derivatives, cost, commutative, takes)


_FLAT2 = (FLAT, FLAT)

FUNCTIONS: dict[str, Function] = {
    function.name: function
    for function in (
        # sign and rounding
        _unary("abs", np.abs, lambda x, y: apply("sign", x), takes="fiu"),
        _unary("sign", np.sign, FLAT, takes="fiu"),
        _unary("floor", special.integers_kept(np.floor), FLAT, takes="fiu"),
        _unary("ceil", special.integers_kept(np.ceil), FLAT, takes="fiu"),
        _unary("trunc", special.integers_kept(np.trunc), FLAT, takes="fiu"),
        _unary("round", special.integers_kept(np.rint), FLAT, takes="fiu"),
        # exponentials and logarithms
        _unary("exp", np.exp, lambda x, y: y, DEAR),
        _unary("exp2", np.exp2, lambda x, y: y * LN2, DEAR),
        _unary("expm1", np.expm1, lambda x, y: y + 1, DEAR),
        _unary("log", np.log, lambda x, y: x**-1, DEAR),
        _unary("log1p", np.log1p, lambda x, y: (x + 1) ** -1, DEAR),
        _unary("log2", np.log2, lambda x, y: x**-1 * (1 / LN2), DEAR),
        _unary("log10", np.log10, lambda x, y: x**-1 * (1 / LN10), DEAR),
        _unary("sqrt", np.sqrt, lambda x, y: y**-1 * 0.5, MODERATE),
        _unary("xlogx", special.xlogx, lambda x, y: apply("log", x) + 1, DEAR),
        # trigonometry
        _unary("sin", np.sin, lambda x, y: apply("cos", x), DEAR),
        _unary("cos", np.cos, lambda x, y: -apply("sin", x), DEAR),
        _unary("tan", np.tan, lambda x, y: y**2 + 1, DEAR),
        _unary("asin", np.arcsin, lambda x, y: apply("sqrt", 1 - x**2) ** -1, DEAR),
        _unary("acos", np.arccos, lambda x, y: -(apply("sqrt", 1 - x**2) ** -1), DEAR),
        _unary("atan", np.arctan, lambda x, y: (x**2 + 1) ** -1, DEAR),
        _unary("sinh", np.sinh, lambda x, y: apply("cosh", x), DEAR),
        _unary("cosh", np.cosh, lambda x, y: apply("sinh", x), DEAR),
        _unary("tanh", np.tanh, lambda x, y: 1 - y**2, DEAR),
        _unary("asinh", np.arcsinh, lambda x, y: apply("sqrt", x**2 + 1) ** -1, DEAR),
        _unary("acosh", np.arccosh, lambda x, y: apply("sqrt", x - 1) ** -1 * apply("sqrt", x + 1) ** -1, DEAR),
        _unary("atanh", np.arctanh, lambda x, y: (1 - x**2) ** -1, DEAR),
        # special functions
        _unary("erf", special.erf, lambda x, y: apply("exp", -(x**2)) * (2 / math.sqrt(math.pi)), DEAR),
        _unary("erfc", special.erfc, lambda x, y: apply("exp", -(x**2)) * (-2 / math.sqrt(math.pi)), DEAR),
        _unary("erfinv", special.erfinv, lambda x, y: apply("exp", y**2) * (math.sqrt(math.pi) / 2), DEAR),
        _unary("sigmoid", special.sigmoid, lambda x, y: y - y**2, DEAR),
        _unary("softplus", special.softplus, lambda x, y: apply("sigmoid", x), DEAR),
        _unary("lgamma", special.lgamma, lambda x, y: apply("digamma", x), DEAR),
        _unary("digamma", special.digamma, lambda x, y: apply("polygamma", 1, x), DEAR),
        _unary("safe_reciprocal", special.safe_reciprocal, lambda x, y: -(y**2), MODERATE),
        # tests of one value
        _unary("logical_not", np.logical_not, FLAT, takes="b", result="bool"),
        _unary("isnan", np.isnan, FLAT, takes="f", result="bool"),
        _unary("isinf", np.isinf, FLAT, takes="f", result="bool"),
        _unary("isfinite", np.isfinite, FLAT, takes="f", result="bool"),
        _unary("signbit", np.signbit, FLAT, takes="f", result="bool"),
        _unary("bitwise_not", np.invert, FLAT, takes="iu"),
        # the value itself: a cast to the node's dtype, a barrier to rewriting for a while, one that stays, a barrier to derivatives
        Function("cast", 1, "given", _identity, (lambda x, y: 1,), takes="bfiu"),
        Function("identity", 1, "same", _identity, (lambda x, y: 1,), takes="bfiu"),
        Function("kept", 1, "same", _identity, (lambda x, y: 1,), takes="f"),
        Function("stop", 1, "same", _identity, (FLAT,), takes="bfiu"),
        # two values
        _binary(
            "pow",
            special.power,
            (
                lambda a, b, y: apply("ne", b, 0).guard(b * apply("pow", a, b - 1)),
                lambda a, b, y: apply("ne", a, 0).guard(y * apply("log", a)),
            ),
            DEAR,
        ),
        _binary("atan2", np.arctan2, (lambda a, b, y: b * (a**2 + b**2) ** -1, lambda a, b, y: -(a * (a**2 + b**2) ** -1)), DEAR, "f"),
        _binary(
            "hypot",
            np.hypot,
            (lambda a, b, y: a * apply("safe_reciprocal", y), lambda a, b, y: b * apply("safe_reciprocal", y)),
            MODERATE,
            "f",
            commutative=True,
        ),
        _binary(
            "logaddexp",
            np.logaddexp,
            (lambda a, b, y: apply("sigmoid", a - b), lambda a, b, y: apply("sigmoid", b - a)),
            DEAR,
            "f",
            commutative=True,
        ),
        _binary(
            "maximum",
            np.maximum,
            (
                lambda a, b, y: apply("gt", a, b).like(a) + apply("eq", a, b).like(a) * 0.5,
                lambda a, b, y: apply("lt", a, b).like(a) + apply("eq", a, b).like(a) * 0.5,
            ),
            commutative=True,
        ),
        _binary(
            "minimum",
            np.minimum,
            (
                lambda a, b, y: apply("lt", a, b).like(a) + apply("eq", a, b).like(a) * 0.5,
                lambda a, b, y: apply("gt", a, b).like(a) + apply("eq", a, b).like(a) * 0.5,
            ),
            commutative=True,
        ),
        _binary("polygamma", special.polygamma, (None, lambda n, x, y: apply("polygamma", n + 1, x)), DEAR, "f"),
        _binary("remainder", np.remainder, (lambda a, b, y: 1, lambda a, b, y: -apply("floor_divide", a, b)), MODERATE),
        _binary("fmod", np.fmod, (lambda a, b, y: 1, lambda a, b, y: -apply("trunc", a * b**-1)), MODERATE),
        _binary("floor_divide", np.floor_divide, _FLAT2, MODERATE),
        _binary("copysign", np.copysign, (lambda a, b, y: apply("sign", a) * apply("copysign", 1, b), FLAT), takes="f"),
        _binary("nextafter", np.nextafter, (lambda a, b, y: 1, FLAT), takes="f"),
        _binary(
            "xlogy",
            special.xlogy,
            (lambda a, b, y: apply("log", b), lambda a, b, y: apply("ne", a, 0).guard(a * b**-1)),
            DEAR,
            "f",
        ),
        # comparisons and logic
        _binary("eq", np.equal, _FLAT2, takes="bfiu", result="bool", commutative=True),
        _binary("ne", np.not_equal, _FLAT2, takes="bfiu", result="bool", commutative=True),
        _binary("lt", np.less, _FLAT2, takes="bfiu", result="bool"),
        _binary("le", np.less_equal, _FLAT2, takes="bfiu", result="bool"),
        _binary("gt", np.greater, _FLAT2, takes="bfiu", result="bool"),
        _binary("ge", np.greater_equal, _FLAT2, takes="bfiu", result="bool"),
        _binary("logical_and", np.logical_and, _FLAT2, takes="b", result="bool", commutative=True),
        _binary("logical_or", np.logical_or, _FLAT2, takes="b", result="bool", commutative=True),
        _binary("logical_xor", np.logical_xor, _FLAT2, takes="b", result="bool", commutative=True),
        # bits
        _binary("bitwise_and", np.bitwise_and, _FLAT2, takes="iu", commutative=True),
        _binary("bitwise_or", np.bitwise_or, _FLAT2, takes="iu", commutative=True),
        _binary("bitwise_xor", np.bitwise_xor, _FLAT2, takes="iu", commutative=True),
        _binary("shift_left", special.shift_left, _FLAT2, takes="iu"),
        _binary("shift_right", special.shift_right, _FLAT2, takes="iu"),
        # choice
        Function("where", 3, "same", _where, (FLAT, lambda c, x, y, z: c, lambda c, x, y, z: apply("logical_not", c)), takes="bfiu"),
    )
}


def evaluate(name: str, dtype: DType, *arrays: np.ndarray) -> np.ndarray:
    """NumPy's value of the function, of the node's dtype. Warnings are off: infinities and NaN are values."""
    with np.errstate(all="ignore"):
        if name == "cast" and dtype is bool_:
            return arrays[0] != 0
        return np.asarray(FUNCTIONS[name].numpy(*arrays)).astype(dtype.numpy, copy=False)

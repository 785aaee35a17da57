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
from croton.util.special import inverse_erf

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

    @property
    def is_predicate(self) -> bool:
        return self.result == "bool"

    @property
    def is_flat(self) -> bool:
        return all(derivative == FLAT for derivative in self.derivatives)


def apply(name: str, *terms: Any) -> Any:
    """The scalar function on terms; at least one argument is a term, the others may be numbers."""
    leader = next(term for term in terms if hasattr(term, "apply"))
    return leader.apply(name, *terms)


def _erf(x: np.ndarray) -> np.ndarray:
    return np.vectorize(math.erf, otypes=[np.float64])(x).astype(x.dtype)


def _erfc(x: np.ndarray) -> np.ndarray:
    return np.vectorize(math.erfc, otypes=[np.float64])(x).astype(x.dtype)


def _erfinv(x: np.ndarray) -> np.ndarray:
    return np.vectorize(inverse_erf, otypes=[np.float64])(x).astype(x.dtype)


def _lgamma_one(x: float) -> float:
    if x != x:
        return x
    if math.isinf(x) or (x <= 0 and x == math.floor(x)):
        return math.inf
    return math.lgamma(x)


def _lgamma(x: np.ndarray) -> np.ndarray:
    return np.vectorize(_lgamma_one, otypes=[np.float64])(x).astype(x.dtype)


def _digamma(x: np.ndarray) -> np.ndarray:
    """Reflection to the right half, recurrence up to 10, then the asymptotic series (DLMF 5.5.2, 5.5.4, 5.11.2)."""
    z = np.asarray(x, np.float64)
    left = z < 0.5
    y = np.where(left, 1 - z, z)
    shift = np.zeros_like(y)
    for _ in range(10):
        low = y < 10
        shift = shift - np.where(low, 1 / np.where(low, y, 1), 0)
        y = np.where(low, y + 1, y)
    w = 1 / (y * y)
    series = w * (1 / 12 - w * (1 / 120 - w * (1 / 252 - w * (1 / 240 - w * (1 / 132 - w * (691 / 32760 - w / 12))))))
    value = shift + np.log(y) - 0.5 / y - series
    value = np.where(left, value - np.pi / np.tan(np.pi * z), value)
    return np.where((z <= 0) & (z == np.floor(z)), np.nan, value).astype(x.dtype)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e)).astype(x.dtype)


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(np.zeros((), x.dtype), x)


def _xlogx(x: np.ndarray) -> np.ndarray:
    return np.where(x == 0, x.dtype.type(0), x * np.log(np.where(x == 0, x.dtype.type(1), x)))


def _xlogy(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where((x == 0) & ~np.isnan(y), x.dtype.type(0), x * np.log(y))


def _safe_reciprocal(x: np.ndarray) -> np.ndarray:
    return np.where(x == 0, x.dtype.type(0), 1 / np.where(x == 0, x.dtype.type(1), x))


def _identity(x: np.ndarray) -> np.ndarray:
    return x


def _sign(x: np.ndarray) -> np.ndarray:
    return np.sign(x)


def _rounding(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    def rounded(x: np.ndarray) -> np.ndarray:
        return function(x) if x.dtype.kind == "f" else x

    return rounded


def _pow(x: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """Integers to a negative power are their reciprocal towards zero: 0, but for 1 and -1."""
    if x.dtype.kind != "i" or not (exponent < 0).any():
        return np.power(x, exponent)
    inverse = np.where(np.abs(x) == 1, np.where(exponent % 2 == 0, x * x, x), 0)
    return np.where(exponent < 0, inverse, np.power(x, np.maximum(exponent, 0))).astype(x.dtype)


def _shift(function: Callable[..., np.ndarray], fill: Callable[[np.ndarray], Any]) -> Callable[..., np.ndarray]:
    def shifted(x: np.ndarray, count: np.ndarray) -> np.ndarray:
        bits = 8 * x.dtype.itemsize
        inside = (count >= 0) & (count < bits)
        return np.where(inside, function(x, np.where(inside, count, count.dtype.type(0))), fill(x)).astype(x.dtype)

    return shifted


def _nothing_left(x: np.ndarray) -> Any:
    return x.dtype.type(0)


def _sign_bits(x: np.ndarray) -> Any:
    return np.where(x < 0, x.dtype.type(-1), x.dtype.type(0)) if x.dtype.kind == "i" else x.dtype.type(0)


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
        _unary("sign", _sign, FLAT, takes="fiu"),
        _unary("floor", _rounding(np.floor), FLAT, takes="fiu"),
        _unary("ceil", _rounding(np.ceil), FLAT, takes="fiu"),
        _unary("trunc", _rounding(np.trunc), FLAT, takes="fiu"),
        _unary("round", _rounding(np.rint), FLAT, takes="fiu"),
        # exponentials and logarithms
        _unary("exp", np.exp, lambda x, y: y, DEAR),
        _unary("exp2", np.exp2, lambda x, y: y * LN2, DEAR),
        _unary("expm1", np.expm1, lambda x, y: y + 1, DEAR),
        _unary("log", np.log, lambda x, y: x**-1, DEAR),
        _unary("log1p", np.log1p, lambda x, y: (x + 1) ** -1, DEAR),
        _unary("log2", np.log2, lambda x, y: x**-1 * (1 / LN2), DEAR),
        _unary("log10", np.log10, lambda x, y: x**-1 * (1 / LN10), DEAR),
        _unary("sqrt", np.sqrt, lambda x, y: y**-1 * 0.5, MODERATE),
        _unary("xlogx", _xlogx, lambda x, y: apply("log", x) + 1, DEAR),
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
        _unary("erf", _erf, lambda x, y: apply("exp", -(x**2)) * (2 / math.sqrt(math.pi)), DEAR),
        _unary("erfc", _erfc, lambda x, y: apply("exp", -(x**2)) * (-2 / math.sqrt(math.pi)), DEAR),
        _unary("erfinv", _erfinv, lambda x, y: apply("exp", y**2) * (math.sqrt(math.pi) / 2), DEAR),
        _unary("sigmoid", _sigmoid, lambda x, y: y - y**2, DEAR),
        _unary("softplus", _softplus, lambda x, y: apply("sigmoid", x), DEAR),
        _unary("lgamma", _lgamma, lambda x, y: apply("digamma", x), DEAR),
        _unary("digamma", _digamma, None, DEAR),
        _unary("safe_reciprocal", _safe_reciprocal, lambda x, y: -(y**2), MODERATE),
        # tests of one value
        _unary("logical_not", np.logical_not, FLAT, takes="b", result="bool"),
        _unary("isnan", np.isnan, FLAT, takes="f", result="bool"),
        _unary("isinf", np.isinf, FLAT, takes="f", result="bool"),
        _unary("isfinite", np.isfinite, FLAT, takes="f", result="bool"),
        _unary("signbit", np.signbit, FLAT, takes="f", result="bool"),
        _unary("bitwise_not", np.invert, FLAT, takes="iu"),
        # the value itself: a cast to the node's dtype, a barrier to rewriting, a barrier to derivatives
        Function("cast", 1, "given", _identity, (lambda x, y: 1,), takes="bfiu"),
        Function("identity", 1, "same", _identity, (lambda x, y: 1,), takes="bfiu"),
        Function("stop", 1, "same", _identity, (FLAT,), takes="bfiu"),
        # two values
        _binary(
            "pow",
            _pow,
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
        _binary("remainder", np.remainder, (lambda a, b, y: 1, lambda a, b, y: -apply("floor_divide", a, b)), MODERATE),
        _binary("fmod", np.fmod, (lambda a, b, y: 1, lambda a, b, y: -apply("trunc", a * b**-1)), MODERATE),
        _binary("floor_divide", np.floor_divide, _FLAT2, MODERATE),
        _binary("copysign", np.copysign, (lambda a, b, y: apply("sign", a) * apply("copysign", 1, b), FLAT), takes="f"),
        _binary("nextafter", np.nextafter, (lambda a, b, y: 1, FLAT), takes="f"),
        _binary(
            "xlogy",
            _xlogy,
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
        _binary("shift_left", _shift(np.left_shift, _nothing_left), _FLAT2, takes="iu"),
        _binary("shift_right", _shift(np.right_shift, _sign_bits), _FLAT2, takes="iu"),
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

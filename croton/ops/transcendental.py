"""Exponentials, logarithms, trigonometry and special functions of elements. Integers are converted as NumPy converts them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from croton.expr.expr import Expr, apply
from croton.expr.op import Op
from croton.ops.arguments import integer_of
from croton.ops.arithmetic import multiply, negative, subtract
from croton.ops.casting import asarray, converted, floating, floats
from croton.ops.comparisons import equal
from croton.ops.logic import where
from croton.ops.mapping import mapped
from croton.util.errors import ArgumentError

_REFERENCES: dict[str, Callable[..., Any] | None] = {
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1,
    "log": np.log, "log1p": np.log1p, "log2": np.log2, "log10": np.log10, "sqrt": np.sqrt,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "erf": None, "erfc": None, "erfinv": None, "sigmoid": None, "softplus": None, "lgamma": None, "digamma": None,
}  # fmt: skip
_FLOATING: dict[str, Op] = {name: mapped(name, reference) for name, reference in _REFERENCES.items()}
_POLYGAMMA = mapped("polygamma")
_ATAN2, _HYPOT, _LOGADDEXP, _XLOGY = mapped("atan2", np.arctan2), mapped("hypot", np.hypot), mapped("logaddexp", np.logaddexp), mapped("xlogy")
OPERATIONS = [*_FLOATING.values(), _ATAN2, _HYPOT, _LOGADDEXP, _XLOGY, _POLYGAMMA]


def _floating(name: str, x: Any) -> Expr:
    x = asarray(x)
    return apply(_FLOATING[name], (converted(x, floating(x.dtype)),))


def exp(x: Any) -> Expr:
    """e to the power x."""
    return _floating("exp", x)


def exp2(x: Any) -> Expr:
    """2 to the power x."""
    return _floating("exp2", x)


def expm1(x: Any) -> Expr:
    """exp(x) - 1, accurate near 0."""
    return _floating("expm1", x)


def log(x: Any) -> Expr:
    """The natural logarithm."""
    return _floating("log", x)


def log1p(x: Any) -> Expr:
    """log(1 + x), accurate near 0."""
    return _floating("log1p", x)


def log2(x: Any) -> Expr:
    """The logarithm to base 2."""
    return _floating("log2", x)


def log10(x: Any) -> Expr:
    """The logarithm to base 10."""
    return _floating("log10", x)


def sqrt(x: Any) -> Expr:
    """The square root."""
    return _floating("sqrt", x)


def sin(x: Any) -> Expr:
    """The sine."""
    return _floating("sin", x)


def cos(x: Any) -> Expr:
    """The cosine."""
    return _floating("cos", x)


def tan(x: Any) -> Expr:
    """The tangent."""
    return _floating("tan", x)


def asin(x: Any) -> Expr:
    """The inverse sine, in [-pi/2, pi/2]."""
    return _floating("asin", x)


def acos(x: Any) -> Expr:
    """The inverse cosine, in [0, pi]."""
    return _floating("acos", x)


def atan(x: Any) -> Expr:
    """The inverse tangent, in [-pi/2, pi/2]."""
    return _floating("atan", x)


def sinh(x: Any) -> Expr:
    """The hyperbolic sine."""
    return _floating("sinh", x)


def cosh(x: Any) -> Expr:
    """The hyperbolic cosine."""
    return _floating("cosh", x)


def tanh(x: Any) -> Expr:
    """The hyperbolic tangent."""
    return _floating("tanh", x)


def asinh(x: Any) -> Expr:
    """The inverse hyperbolic sine."""
    return _floating("asinh", x)


def acosh(x: Any) -> Expr:
    """The inverse hyperbolic cosine."""
    return _floating("acosh", x)


def atanh(x: Any) -> Expr:
    """The inverse hyperbolic tangent."""
    return _floating("atanh", x)


def erf(x: Any) -> Expr:
    """The error function."""
    return _floating("erf", x)


def erfc(x: Any) -> Expr:
    """1 - erf(x), accurate where that is small."""
    return _floating("erfc", x)


def erfinv(x: Any) -> Expr:
    """The inverse of erf: infinite at -1 and 1, NaN beyond."""
    return _floating("erfinv", x)


def sigmoid(x: Any) -> Expr:
    """1 / (1 + exp(-x)), which never overflows."""
    return _floating("sigmoid", x)


def softplus(x: Any) -> Expr:
    """log(1 + exp(x)), which never overflows."""
    return _floating("softplus", x)


def lgamma(x: Any) -> Expr:
    """The logarithm of the absolute value of the gamma function."""
    return _floating("lgamma", x)


def digamma(x: Any) -> Expr:
    """The derivative of lgamma."""
    return _floating("digamma", x)


def polygamma(n: Any, x: Any) -> Expr:
    """The n-th derivative of digamma, for n = 0, 1, ... 170; NaN for an n that is none of these."""
    if isinstance(n, Expr):
        orders, values = floats(n, x)
        return where(equal(orders, 0), digamma(values), apply(_POLYGAMMA, (where(equal(orders, 0), 1, orders), values)))
    order = integer_of(n, "polygamma: the order")
    if order == 0:
        return digamma(x)
    if not isinstance(order, int) or not 0 < order <= 170:
        raise ArgumentError(f"polygamma: the order is an integer from 0 to 170, got {order}")
    (x,) = floats(x)
    return apply(_POLYGAMMA, (converted(order, x.dtype), x))


def atan2(y: Any, x: Any) -> Expr:
    """The angle of the point (x, y), in (-pi, pi]."""
    return apply(_ATAN2, floats(y, x))


def hypot(x: Any, y: Any) -> Expr:
    """sqrt(x**2 + y**2), without overflow on the way."""
    return apply(_HYPOT, floats(x, y))


def logaddexp(x: Any, y: Any) -> Expr:
    """log(exp(x) + exp(y)), without overflow on the way."""
    return apply(_LOGADDEXP, floats(x, y))


def xlogy(x: Any, y: Any) -> Expr:
    """x * log(y), and 0 where x is 0 unless y is NaN."""
    return apply(_XLOGY, floats(x, y))


def logit(x: Any) -> Expr:
    """log(x / (1 - x)), the inverse of sigmoid."""
    return subtract(log(x), log1p(negative(x)))


def deg2rad(x: Any) -> Expr:
    """Degrees as radians."""
    (x,) = floats(x)
    return multiply(x, math.pi / 180)


def rad2deg(x: Any) -> Expr:
    """Radians as degrees."""
    (x,) = floats(x)
    return multiply(x, 180 / math.pi)

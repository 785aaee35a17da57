"""Functions of neural networks, composed of the others."""

from __future__ import annotations

import math
from typing import Any

from croton.expr.expr import Expr
from croton.ops.arguments import Axes
from croton.ops.arithmetic import add, divide, minimum, multiply, negative, subtract
from croton.ops.casting import asarray, converted, floats, stop_gradient
from croton.ops.comparisons import less_equal
from croton.ops.logic import where
from croton.ops.reductions import greatest, sum
from croton.ops.transcendental import erf, exp, expm1, log, sigmoid, softplus, tanh
from croton.util.errors import ArgumentError


def relu(x: Any) -> Expr:
    """x where it is positive, 0 elsewhere. The derivative at 0 is 0."""
    x = asarray(x)
    # Said so that NaN is kept, and that the derivative is a choice and not a product.
    return where(less_equal(x, 0), converted(0, x.dtype), x)


def leaky_relu(x: Any, slope: Any = 0.01) -> Expr:
    """x where it is positive, slope * x elsewhere."""
    (x,) = floats(x)
    return where(less_equal(x, 0), multiply(x, slope), x)


def elu(x: Any, alpha: Any = 1.0) -> Expr:
    """x where it is positive, alpha * (exp(x) - 1) elsewhere."""
    (x,) = floats(x)
    return where(less_equal(x, 0), multiply(expm1(minimum(x, 0)), alpha), x)


def silu(x: Any) -> Expr:
    """x * sigmoid(x)."""
    (x,) = floats(x)
    return multiply(x, sigmoid(x))


def gelu(x: Any, approximate: str = "none") -> Expr:
    """x times the probability that a standard normal number is below it; "tanh" approximates that."""
    (x,) = floats(x)
    half = multiply(x, 0.5)
    if approximate == "none":
        return multiply(half, add(erf(multiply(x, math.sqrt(0.5))), 1))
    if approximate == "tanh":
        cubic = add(x, multiply(multiply(multiply(x, x), x), 0.044715))
        return multiply(half, add(tanh(multiply(cubic, math.sqrt(2 / math.pi))), 1))
    raise ArgumentError(f'gelu: approximate is "none" or "tanh", got {approximate!r}')


def log_sigmoid(x: Any) -> Expr:
    """log(sigmoid(x)), which never overflows."""
    return negative(softplus(negative(x)))


def softmax(x: Any, axis: Axes = -1) -> Expr:
    """exp(x), scaled to the sum 1 along the axes."""
    e = exp(_below_zero(x, axis))
    return divide(e, sum(e, axis, None, True))


def log_softmax(x: Any, axis: Axes = -1) -> Expr:
    """The logarithm of softmax, which never underflows."""
    shifted = _below_zero(x, axis)
    return subtract(shifted, log(sum(exp(shifted), axis, None, True)))


def _below_zero(x: Any, axis: Axes) -> Expr:
    # Softmax does not change when x is shifted, so the greatest element counts as a constant.
    (x,) = floats(x)
    return subtract(x, stop_gradient(greatest(x, axis)))

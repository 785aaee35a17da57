"""Functions of neural networks, composed of the others."""

from __future__ import annotations

import math
from typing import Any

from croton.expr.expr import Expr
from croton.ops.arguments import Axes, axes_of, axis_of
from croton.ops.arithmetic import abs as absolute
from croton.ops.arithmetic import add, divide, multiply, negative, subtract
from croton.ops.axes import expand_dims, matrix_transpose
from croton.ops.casting import asarray, converted, floats, stop_gradient
from croton.ops.comparisons import equal, greater_equal, less, less_equal
from croton.ops.creation import arange
from croton.ops.joining import split
from croton.ops.linalg import matmul
from croton.ops.logic import logical_and, where
from croton.ops.reductions import greatest, mean, sum, var
from croton.ops.transcendental import erf, exp, expm1, log, sigmoid, softplus, sqrt, tanh
from croton.util.errors import ArgumentError
from croton.util.keywords import along_axes, also_named


def relu(x: Any) -> Expr:
    """x where it is positive, 0 elsewhere. The derivative at 0 is 0."""
    x = asarray(x)
    # Said so that NaN is kept, and that the derivative is a choice and not a product.
    return where(less_equal(x, 0), converted(0, x.dtype), x)


@also_named(negative_slope="slope")
def leaky_relu(x: Any, slope: Any = 0.01) -> Expr:
    """x where it is positive, slope * x elsewhere."""
    (x,) = floats(x)
    return where(less_equal(x, 0), multiply(x, slope), x)


def elu(x: Any, alpha: Any = 1.0) -> Expr:
    """x where it is positive, alpha * (exp(x) - 1) elsewhere."""
    (x,) = floats(x)
    return where(less_equal(x, 0), multiply(expm1(where(less_equal(x, 0), x, converted(0, x.dtype))), alpha), x)


def silu(x: Any) -> Expr:
    """x * sigmoid(x)."""
    (x,) = floats(x)
    return multiply(x, sigmoid(x))


def gelu(x: Any, approximate: str | bool = "none") -> Expr:
    """x times the probability that a standard normal number is below it; "tanh", or True, approximates that."""
    (x,) = floats(x)
    half = multiply(x, 0.5)
    if approximate in ("none", False):
        return multiply(half, add(erf(multiply(x, math.sqrt(0.5))), 1))
    if approximate in ("tanh", True):
        cubic = add(x, multiply(multiply(multiply(x, x), x), 0.044715))
        return multiply(half, add(tanh(multiply(cubic, math.sqrt(2 / math.pi))), 1))
    raise ArgumentError(f'gelu: approximate is "none" or "tanh", or a bool, got {approximate!r}')


def log_sigmoid(x: Any) -> Expr:
    """log(sigmoid(x)), which never overflows."""
    return negative(softplus(negative(x)))


@along_axes
def softmax(x: Any, axis: Axes = -1) -> Expr:
    """exp(x), scaled to the sum 1 along the axes."""
    shifted, axes = _below_zero(x, axis, "softmax")
    e = exp(shifted)
    return divide(e, sum(e, axes, None, True))


@along_axes
def log_softmax(x: Any, axis: Axes = -1) -> Expr:
    """The logarithm of softmax, which never underflows."""
    shifted, axes = _below_zero(x, axis, "log_softmax")
    return subtract(shifted, log(sum(exp(shifted), axes, None, True)))


def _below_zero(x: Any, axis: Axes, what: str) -> tuple[Expr, tuple[int, ...]]:
    # Softmax does not change when x is shifted, so the greatest element counts as a constant.
    (x,) = floats(x)
    axes = axes_of(axis, x.ndim, what)
    return subtract(x, stop_gradient(greatest(x, axes))), axes


def celu(x: Any, alpha: Any = 1.0) -> Expr:
    """x where it is positive, alpha * (exp(x / alpha) - 1) elsewhere."""
    (x,) = floats(x)
    below = where(less_equal(x, 0), x, converted(0, x.dtype))
    return where(less_equal(x, 0), multiply(expm1(divide(below, alpha)), alpha), x)


def selu(x: Any) -> Expr:
    """The scaled elu that keeps mean 0 and variance 1 through layers (Klambauer et al., 2017)."""
    return multiply(elu(x, 1.6732632423543772), 1.0507009873554805)


def relu6(x: Any) -> Expr:
    """x, not below 0 and not above 6. The derivative at both is 0."""
    x = asarray(x)
    return where(less_equal(6, x), converted(6, x.dtype), relu(x))


def hard_tanh(x: Any) -> Expr:
    """x, not below -1 and not above 1. The derivative at both is 1."""
    x = asarray(x)
    return where(less(x, -1), converted(-1, x.dtype), where(less(1, x), converted(1, x.dtype), x))


def hard_sigmoid(x: Any) -> Expr:
    """relu6(x + 3) / 6: straight lines near sigmoid."""
    (x,) = floats(x)
    return divide(relu6(add(x, 3)), 6)


def hard_silu(x: Any) -> Expr:
    """x * hard_sigmoid(x)."""
    (x,) = floats(x)
    return multiply(x, hard_sigmoid(x))


def soft_sign(x: Any) -> Expr:
    """x / (1 + |x|)."""
    (x,) = floats(x)
    return divide(x, add(absolute(x), 1))


def squareplus(x: Any, b: Any = 4.0) -> Expr:
    """(x + sqrt(x**2 + b)) / 2, a smooth relu without an exponential."""
    (x,) = floats(x)
    return multiply(add(x, sqrt(add(multiply(x, x), b))), 0.5)


def mish(x: Any) -> Expr:
    """x * tanh(softplus(x))."""
    (x,) = floats(x)
    return multiply(x, tanh(softplus(x)))


@along_axes
def glu(x: Any, axis: int = -1) -> Expr:
    """The first half along an axis times the sigmoid of the second."""
    (x,) = floats(x)
    first, second = split(x, 2, axis_of(axis, x.ndim, "glu"))
    return multiply(first, sigmoid(second))


def standardize(x: Any, axis: Axes = -1, epsilon: Any = 1e-5) -> Expr:
    """x less its mean along the axes, divided by the square root of its variance plus epsilon."""
    (x,) = floats(x)
    axes = axes_of(axis, x.ndim, "standardize")
    return divide(subtract(x, mean(x, axes, None, True)), sqrt(add(var(x, axes, 0, True), epsilon)))


def attention(query: Any, key: Any, value: Any, mask: Any = None, bias: Any = None, scale: Any = None, causal: bool = False) -> Expr:
    """softmax(scale * query @ key^T + bias) @ value over the last two axes, (..., positions, width); the axes before broadcast.

    The scale is 1 / sqrt(width) by default. Where the bool `mask` (..., queries, keys) is False a query does not see a key; with `causal` it sees those up
    to its own position. A query that sees no key gets 0.
    """
    query, key, value = floats(query, key, value)
    if scale is None:
        scale = query.shape[-1] ** -0.5
    scores = multiply(matmul(query, matrix_transpose(key)), scale)
    if bias is not None:
        scores = add(scores, bias)
    if causal:
        seen = greater_equal(expand_dims(arange(scores.shape[-2]), 1), arange(scores.shape[-1]))
        mask = seen if mask is None else logical_and(seen, mask)
    if mask is None:
        return matmul(softmax(scores), value)
    shares = exp(subtract(scores, stop_gradient(greatest(where(mask, scores, -math.inf), (scores.ndim - 1,)))))
    shares = where(mask, shares, converted(0, scores.dtype))
    total = sum(shares, -1, None, True)
    return matmul(divide(shares, where(equal(total, 0), converted(1, scores.dtype), total)), value)

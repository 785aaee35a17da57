"""The functions of the operations that random programs are made of: bounded where they grow fast, away from where they have poles or jump."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import croton as cr

UNARY: dict[str, Callable[[Any], Any]] = {
    "tanh": cr.tanh,
    "sigmoid": cr.sigmoid,
    "sin": cr.sin,
    "cos": cr.cos,
    "bounded exp": lambda x: cr.exp(cr.clip(x, -3, 2)),
    "abs": cr.abs,
    "negative": cr.negative,
    "square": lambda x: cr.square(cr.tanh(x)),
    "relu": cr.relu,
    "softplus": cr.softplus,
    "safe log": lambda x: cr.log(x * x + 0.5),
    "safe sqrt": lambda x: cr.sqrt(cr.abs(x) + 0.1),
    "reciprocal": lambda x: 1 / (x * x + 0.7),
    "erf": cr.erf,
    "gelu": cr.gelu,
    "expm1": lambda x: cr.expm1(cr.tanh(x)),
    "log1p": lambda x: cr.log1p(x * x),
    "cube": lambda x: cr.tanh(x) ** 3,
    "half": lambda x: x * 0.5,
    "offset": lambda x: 1 - x,
    "floor": cr.floor,
    "sign": cr.sign,
    "round": cr.round,
    "atan": cr.atan,
    "silu": cr.silu,
    "log_sigmoid": cr.log_sigmoid,
    "arcsinh": cr.asinh,
    "acos": lambda x: cr.acos(0.9 * cr.tanh(x)),
    "asin": lambda x: cr.asin(0.9 * cr.tanh(x)),
    "atanh": lambda x: cr.atanh(0.9 * cr.tanh(x)),
    "acosh": lambda x: cr.acosh(x * x + 1.2),
    "sinh": lambda x: cr.sinh(cr.clip(x, -2, 2)),
    "cosh": lambda x: cr.cosh(cr.clip(x, -2, 2)),
    "tan": lambda x: cr.tan(cr.tanh(x)),
    "exp2": lambda x: cr.exp2(cr.clip(x, -3, 2)),
    "log2": lambda x: cr.log2(x * x + 0.5),
    "log10": lambda x: cr.log10(x * x + 0.5),
    "erfc": cr.erfc,
    "erfinv": lambda x: cr.erfinv(0.9 * cr.tanh(x)),
    "lgamma": lambda x: cr.lgamma(x * x + 0.5),
    "digamma": lambda x: cr.digamma(x * x + 0.5),
    "trigamma": lambda x: cr.polygamma(1, x * x + 0.5),
    "ceil": cr.ceil,
    "trunc": cr.trunc,
}
"""Of floats."""
TESTS: dict[str, Callable[[Any], Any]] = {
    "isfinite": cr.isfinite,
    "isinf": lambda x: cr.isinf(1 / (x - 0.5)) if x.dtype.is_float else cr.isinf(x),
    "isnan": lambda x: cr.isnan(cr.log(x - 0.25)) if x.dtype.is_float else cr.isnan(x),
    "signbit": lambda x: cr.signbit(x + 0.125),
    "positive": lambda x: x > 0.375,
}
"""Whether a number is something; 0 and the like are not close to the values that inputs have, since that would be a matter of rounding."""
BITS: dict[str, Callable[[Any, Any], Any]] = {
    "and": cr.bitwise_and,
    "or": cr.bitwise_or,
    "xor": cr.bitwise_xor,
    "inverted": lambda x, y: cr.bitwise_invert(x) + y if x.dtype != "bool" else cr.bitwise_invert(x),
    "left": lambda x, y: cr.bitwise_left_shift(x, cr.bitwise_and(y, cr.astype(3, y.dtype))) if x.dtype != "bool" else cr.logical_xor(x, y),
    "right": lambda x, y: cr.bitwise_right_shift(x, cr.bitwise_and(y, cr.astype(3, y.dtype))) if x.dtype != "bool" else cr.logical_not(x),
}
"""Of two integers or two bools of one dtype."""
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": cr.add,
    "subtract": cr.subtract,
    "multiply": cr.multiply,
    "divide": lambda x, y: x / (cr.abs(y) + 0.5),
    "maximum": cr.maximum,
    "minimum": cr.minimum,
    "less": cr.less,
    "greater_equal": cr.greater_equal,
    "equal": cr.equal,
    "atan2": lambda x, y: cr.atan2(x, y * y + 0.3),
    "power": lambda x, y: (cr.abs(x) + 0.2) ** cr.tanh(y),
    "logaddexp": lambda x, y: cr.logaddexp(cr.astype(x, "float64"), cr.astype(y, "float64")),
    "hypot": cr.hypot,
    "squared difference": lambda x, y: (x - y) ** 2,
    "logical_and": cr.logical_and,
    "logical_or": cr.logical_or,
    "remainder": lambda x, y: cr.remainder(x, cr.abs(y) + 1),
    "floor_divide": lambda x, y: cr.floor_divide(x, cr.abs(y) + 1),
    "fmod": lambda x, y: cr.fmod(x, cr.abs(y) + 1),
    "copysign": lambda x, y: cr.copysign(x, y + 0.125),
    "nextafter": lambda x, y: cr.nextafter(cr.astype(x, "float64"), cr.astype(y, "float64")),
    "not_equal": cr.not_equal,
    "xlogy": lambda x, y: cr.xlogy(x, y * y + 0.3),
    "logical_xor": cr.logical_xor,
}
REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": cr.sum,
    "mean": cr.mean,
    "max": cr.max,
    "min": cr.min,
    "prod": lambda x, axis, keepdims: cr.prod(cr.tanh(x), axis=axis, keepdims=keepdims),
    "logsumexp": cr.logsumexp,
    "var": cr.var,
    "std": lambda x, axis, keepdims: cr.sqrt(cr.var(x, axis=axis, keepdims=keepdims) + 0.1),
    "any": cr.any,
    "all": cr.all,
    "count_nonzero": cr.count_nonzero,
    "norm": lambda x, axis, keepdims: cr.sqrt((x * x).sum(axis=axis, keepdims=keepdims) + 0.2),
}
ALONG: dict[str, Callable[..., Any]] = {
    "softmax": cr.softmax,
    "log_softmax": cr.log_softmax,
    "cumsum": cr.cumsum,
    "cumprod": lambda x, axis: cr.cumprod(cr.tanh(x), axis=axis),
    "cummax": cr.cummax,
    "cummin": cr.cummin,
    "windows": lambda x, axis: cr.sliding_window_view(cr.pad(x, 1), 2, axis=axis),
    "sort": cr.sort,
    "argsort": cr.argsort,
    "argmax": cr.argmax,
    "argmin": cr.argmin,
    "flip": cr.flip,
    "diff": lambda x, axis: cr.diff(x, axis=axis),
    "top": lambda x, axis: cr.max(cr.flip(x, axis=axis), axis=axis, keepdims=True) - x,
}
ON_FLOATS = {"softmax", "log_softmax", "logsumexp", "var", "std", "norm", "prod", "cumprod"}


def _definite(x: Any) -> Any:
    """A matrix that is far from singular."""
    y = cr.tanh(x)
    return y @ cr.swapaxes(y, -1, -2) + cr.eye(x.shape[-2], dtype=x.dtype)


MATRICES: dict[str, Callable[[Any], Any]] = {
    "tril": cr.tril,
    "triu": lambda x: cr.triu(x, 1),
    "diagonal": cr.diagonal,
    "trace": cr.trace,
    "swap": lambda x: cr.swapaxes(x, -1, -2),
    "gram": lambda x: x @ cr.swapaxes(x, -1, -2),
    "outer rows": lambda x: x[..., :, None, :] * x[..., None, :, :],
    "centred": lambda x: x - x.mean(axis=-1, keepdims=True),
    "distances": lambda x: ((x[..., :, None, :] - x[..., None, :, :]) ** 2).sum(axis=-1),
    "diag": lambda x: cr.diag(x[0]) if x.ndim == 2 else cr.tril(x, -1),
    "eye": lambda x: x * cr.eye(x.shape[-2], x.shape[-1], dtype=x.dtype),
    "roll": lambda x: cr.roll(x, 1, axis=-1),
    "tile": lambda x: cr.tile(x, (2, 1)),
    "repeat": lambda x: cr.repeat(x, 2, axis=-1),
    "one_hot": lambda x: cr.one_hot(cr.argmax(x, axis=-1), x.shape[-1], dtype=x.dtype) * x,
    "attention": lambda x: cr.softmax(x @ cr.swapaxes(x, -1, -2), axis=-1) @ x,
    "standardised": lambda x: (x - x.mean(axis=0)) / cr.sqrt(x.var(axis=0) + 1e-2),
    "positions": lambda x: x * cr.arange(x.shape[-1]),
    "causal": lambda x: cr.tril(x @ cr.swapaxes(x, -1, -2)) @ x,
    "inverse": lambda x: cr.linalg.inv(_definite(x)),
    "solution": lambda x: cr.linalg.solve(_definite(x), x),
    "factor": lambda x: cr.linalg.cholesky(_definite(x)),
    "logdet": lambda x: cr.linalg.slogdet(_definite(x))[1],
    "window sums": lambda x: cr.sliding_window_view(x, 1, axis=-1).sum(axis=-1) + x,
    "entropy": lambda x: -cr.take_along_axis(cr.log_softmax(x, axis=-1), cr.argmin(x, axis=-1, keepdims=True), axis=-1).sum(),
}
COSTS: dict[str, Callable[[Any], Any]] = {
    "sum": lambda y: y.sum(),
    "squares": lambda y: (y * y).sum(),
    "mean cube": lambda y: (y**3).mean(),
    "tanh": lambda y: cr.tanh(y).sum(),
    "weighted": lambda y: (y * cr.cos(cr.arange(y.shape[-1]) if y.ndim else 1.0)).sum(),
    "logsumexp": lambda y: cr.logsumexp(y),
    "greatest": lambda y: y.max() if y.ndim else y * y,
}
MAPPED: dict[str, Callable[..., Any]] = {
    "softmax": lambda r, s: cr.softmax(r) if r.ndim else cr.tanh(r),
    "grad": lambda r, s: cr.grad(cr.tanh(r * s.sum()).sum(), r),
    "grad of shared": lambda r, s: cr.grad((cr.tanh(r.sum() * s) ** 2).sum(), s),
    "product": lambda r, s: r.sum() * s,
    "squares": lambda r, s: cr.grad((r.sum() * s**2).sum(), s) ** 2,
    "nested": lambda r, s: cr.vmap(lambda e: cr.sin(e).sum() * r.sum())(s) if s.ndim else r,
    "cumsum": lambda r, s: cr.cumsum(r, axis=0) if r.ndim else r,
    "jacobian": lambda r, s: cr.jacobian(cr.tanh(r) * r.sum(), r),
    "sorted": lambda r, s: cr.sort(r) if r.ndim else r,
    "constant": lambda r, s: s,
    "where": lambda r, s: cr.where(r > 0, r, s.sum()),
    "max": lambda r, s: r.max() if r.ndim else r,
    "slice": lambda r, s: r[::-1] if r.ndim else r,
}

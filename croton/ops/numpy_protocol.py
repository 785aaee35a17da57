"""NumPy's functions on expressions: `np.exp(x)` is `exp(x)`, so that code written for arrays also builds graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from croton.ops import elementwise, linalg
from croton.util.errors import NotSupportedError

_SAME_NAME = (
    "exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "sqrt", "square", "sin", "cos", "tan", "sinh", "cosh", "tanh", "negative", "positive",
    "reciprocal", "sign", "floor", "ceil", "trunc", "isnan", "isinf", "isfinite", "signbit", "logical_not", "add", "subtract", "multiply", "divide",
    "floor_divide", "remainder", "fmod", "divmod", "maximum", "minimum", "hypot", "logaddexp", "copysign", "nextafter", "equal", "not_equal", "less",
    "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor", "deg2rad", "rad2deg",
)  # fmt: skip
_OTHER_NAME = {
    np.absolute: elementwise.abs,
    np.rint: elementwise.round,
    np.arcsin: elementwise.asin,
    np.arccos: elementwise.acos,
    np.arctan: elementwise.atan,
    np.arctan2: elementwise.atan2,
    np.arcsinh: elementwise.asinh,
    np.arccosh: elementwise.acosh,
    np.arctanh: elementwise.atanh,
    np.power: elementwise.pow,
    np.invert: elementwise.bitwise_invert,
    np.left_shift: elementwise.bitwise_left_shift,
    np.right_shift: elementwise.bitwise_right_shift,
    np.matmul: linalg.matmul,
    np.vecdot: linalg.vecdot,
}
FUNCTIONS: dict[Any, Callable[..., Any]] = {getattr(np, name): getattr(elementwise, name) for name in _SAME_NAME} | _OTHER_NAME


def array_ufunc(expr: Any, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
    """What NumPy calls when one of its functions meets an expression."""
    function = FUNCTIONS.get(ufunc)
    if function is None or method != "__call__" or options:
        how = "" if method == "__call__" else f".{method}"
        extra = f" with {', '.join(options)}" if options else ""
        raise NotSupportedError(f"not supported: np.{ufunc.__name__}{how}{extra} of an expression; use the function of croton that says the same")
    return function(*inputs)

"""NumPy's functions on expressions: `np.exp(x)` is `exp(x)`, so that code written for arrays also builds graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from croton.ops import arithmetic, comparisons, linalg, logic, rounding, transcendental
from croton.util.errors import NotSupportedError

_SAME_NAME: dict[Any, tuple[str, ...]] = {
    arithmetic: (
        "square", "negative", "positive", "reciprocal", "sign", "add", "subtract", "multiply", "divide", "floor_divide", "remainder",
        "fmod", "divmod", "maximum", "minimum",
    ),
    comparisons: (
        "isnan", "isinf", "isfinite", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal",
    ),
    logic: (
        "logical_not", "logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor",
    ),
    rounding: (
        "floor", "ceil", "trunc", "signbit", "copysign", "nextafter",
    ),
    transcendental: (
        "exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "hypot",
        "logaddexp", "deg2rad", "rad2deg",
    ),
}  # fmt: skip
_OTHER_NAME: dict[Any, Callable[..., Any]] = {
    np.absolute: arithmetic.abs,
    np.rint: rounding.round,
    np.arcsin: transcendental.asin,
    np.arccos: transcendental.acos,
    np.arctan: transcendental.atan,
    np.arctan2: transcendental.atan2,
    np.arcsinh: transcendental.asinh,
    np.arccosh: transcendental.acosh,
    np.arctanh: transcendental.atanh,
    np.power: arithmetic.pow,
    np.invert: logic.bitwise_invert,
    np.left_shift: logic.bitwise_left_shift,
    np.right_shift: logic.bitwise_right_shift,
    np.matmul: linalg.matmul,
    np.vecdot: linalg.vecdot,
}
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    **{getattr(np, name): getattr(module, name) for module, names in _SAME_NAME.items() for name in names},
    **_OTHER_NAME,
}


def array_ufunc(expr: Any, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
    """What NumPy calls when one of its functions meets an expression."""
    function = FUNCTIONS.get(ufunc)
    if function is None or method != "__call__" or options:
        how = "" if method == "__call__" else f".{method}"
        extra = f" with {', '.join(options)}" if options else ""
        raise NotSupportedError(f"not supported: np.{ufunc.__name__}{how}{extra} of an expression; use the function of croton that says the same")
    return function(*inputs)

"""NumPy's functions on expressions: `np.exp(x)` is `exp(x)` and `np.sum(x)` is `sum(x)`, so that code written for arrays also builds graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from croton.expr.expr import Expr
from croton.ops import (
    arithmetic,
    arranging,
    at,
    axes,
    casting,
    comparisons,
    complex_parts,
    creation,
    cumulative,
    extremes,
    indexing,
    joining,
    linalg,
    logic,
    reductions,
    rounding,
    selection,
    shape,
    sorting,
    transcendental,
)
from croton.util.errors import KindError, NotSupportedError
from croton.util.structure import map_structure

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
    np.conjugate: complex_parts.conj,
    np.rint: rounding.rint,
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


def _of_numpy() -> dict[Any, Callable[..., Any]]:
    """NumPy's functions that are not element-wise, and ours of the same name."""
    found: dict[Any, Callable[..., Any]] = {}
    for module in _MODULES:
        for name, function in vars(module).items():
            theirs = getattr(np, name, None)
            ours = callable(function) and getattr(function, "__module__", "") == module.__name__ and not name.startswith("_")
            if ours and hasattr(theirs, "__wrapped__") and theirs not in _OTHER_MEANING:
                found[theirs] = function
    return {**found, np.ndim: lambda x: x.ndim, np.shape: lambda x: x.shape, np.size: lambda x: x.size}


_OTHER_MEANING = (np.size, np.place, np.put_along_axis)
"""Of a name that means something else here: a size as an expression, and functions that write into their argument."""


_MODULES = (
    arithmetic, arranging, at, axes, casting, comparisons, complex_parts, creation, cumulative, extremes, indexing, joining, linalg, logic, reductions,
    rounding, selection, shape, sorting,
)  # fmt: skip
_ARRAY_FUNCTIONS = _of_numpy()


def array_function(expr: Any, function: Any, types: Any, args: tuple, options: dict) -> Any:
    """What NumPy calls when one of its functions of whole arrays meets an expression."""
    ours = _ARRAY_FUNCTIONS.get(function)
    if ours is not None:
        return ours(*args, **options)
    # What depends on no inputs has values, and is read as an array by functions that have no namesake here.
    try:
        values, named = map_structure(_value, (args, options))
    except KindError:
        name = f"{function.__module__}.{function.__name__}".replace("numpy", "np", 1)
        raise NotSupportedError(f"not supported: {name} of an expression; write it in functions of croton, or call it on values, x.eval(...)") from None
    return function(*values, **named)


def _value(leaf: Any) -> Any:
    return np.asarray(leaf) if isinstance(leaf, Expr) else leaf

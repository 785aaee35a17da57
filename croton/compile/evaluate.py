"""Looking at values while a graph is built: `expr.eval({x: value})`, and `np.asarray(expr)` of a graph without free inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from croton.compile.function import function
from croton.expr.expr import Expr, Input, install
from croton.expr.walk import leaves, walk
from croton.sizes import Poly, Symbol, symbols
from croton.util.errors import ArgumentError, KindError


def evaluate(expr: Expr, values: Mapping[Expr, Any] | None = None) -> np.ndarray:
    """The value of an expression, given values for the inputs it depends on: compiled, called once and forgotten.

    For many calls, make a `function` once.
    """
    inputs = [leaf for leaf in leaves([expr]) if isinstance(leaf, Input)]
    given = dict(values or {})
    # Of some inputs only the sizes are read.
    unknown = _symbols(expr) - {symbol for leaf in inputs for size in leaf.shape for symbol in symbols(size)}
    inputs += [leaf for leaf in given if isinstance(leaf, Input) and any(symbol in unknown for size in leaf.shape for symbol in symbols(size))]
    missing = [leaf for leaf in inputs if leaf not in given]
    if missing:
        names = ", ".join(map(repr, missing))
        raise ArgumentError(f"the value depends on inputs that are not given: {names}; pass eval({{input: value, ...}})")
    return function(inputs, expr, name="eval")(*[given[leaf] for leaf in inputs])


def _symbols(expr: Expr) -> set[Symbol]:
    """The unknown sizes that a graph mentions."""
    found: set[Symbol] = set()
    for node in walk([expr]):
        for size in (*node.shape, *node.params):
            if isinstance(size, Poly):
                found.update(symbols(size))
    return found


def _as_array(expr: Expr, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    if any(isinstance(leaf, Input) for leaf in leaves([expr])):
        raise KindError(
            f"NumPy wants the values of {expr!r}, which depends on inputs and has none while the graph is built; use the function of croton "
            "that says the same (stack, concatenate, where), cr.asarray(array)[index] to look up entries of an array, or eval({input: value}) for the value"
        )
    try:
        value = evaluate(expr)
    except KindError as error:  # an element or a carry, outside of its loop
        raise KindError(f"NumPy wants the values of {expr!r}, which it has only in a call; to look up entries of an array, cr.asarray(array)[index]") from error
    return value if dtype is None else value.astype(dtype)


def install_evaluation() -> None:
    """Give expressions `eval` and the array protocol."""
    install("eval", evaluate)
    install("__array__", _as_array)

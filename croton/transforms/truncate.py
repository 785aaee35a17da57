"""Derivatives that go some steps back only: in some steps they end at what comes from the step before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from croton.expr.expr import Expr
from croton.ops.casting import stop_gradient
from croton.ops.logic import where
from croton.util.structure import map_structure


def cut_off(function: Callable[[Any, Any], tuple[Any, ...]]) -> Callable[[Any, Any], tuple[Any, ...]]:
    """The body of a loop whose elements have a bool beside them: where it holds, no derivative passes from the step to the carry."""

    def body(carry: Any, element: tuple[Any, Expr]) -> tuple[Any, ...]:
        x, cut = element
        return function(map_structure(lambda leaf: where(cut, stop_gradient(leaf), leaf) if leaf.dtype.is_float else leaf, carry), x)

    return body

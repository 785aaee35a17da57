"""Functions of expressions whose derivative is a rule of ours, written down when a derivative is asked for.

What `custom_vjp` marks is traced with its pullback at once, since that is the user's and may say anything. Rules of ours read nothing from outside, so that
whoever wants no derivative does not pay for one, and a rule may call the function that it belongs to: derivatives of every order come by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from croton.algebra.node import Operand, origin
from croton.expr.expr import Expr, apply
from croton.expr.expr import input as new_input
from croton.expr.op import Op
from croton.expr.types import TensorType
from croton.transforms.custom import Rule, marked_value
from croton.util.provenance import on_behalf_of
from croton.util.structure import flatten


class _Unwritten:
    """A rule that is not written down yet. Compared by identity."""

    __slots__ = ("pullback", "results")

    def __init__(self, pullback: Callable[..., Any], results: int) -> None:
        self.pullback = pullback
        self.results = results

    def written(self, types: Sequence[TensorType]) -> Rule:
        """The rule for results and arguments of these types."""
        leaves = [new_input(type_) for type_ in types]
        ys, xs = leaves[: self.results], leaves[self.results :]
        _, structure = flatten(ys[0] if self.results == 1 else tuple(ys))
        with on_behalf_of(origin.current):
            return Rule(self.pullback, tuple(xs), ys, structure)


class Derived(NamedTuple):
    """A function with a rule: the operation that its results are, and what makes them."""

    op: Op
    function: Callable[..., Any]

    def __call__(self, *xs: Expr) -> Any:
        return self.function(*xs)


def derived(name: str, function: Callable[..., Any], pullback: Callable[..., Any], arguments: int = 1, results: int = 1) -> Derived:
    """The function of so many arrays, which gives so many, with `pullback(args, y, cotangent)` for its derivative, as `custom_vjp` takes it."""
    rule = _Unwritten(pullback, results)

    def meaning(operands: Sequence[Operand], params: tuple) -> Operand:
        return marked_value(operands, rule, params[0])

    op = Op(name, _infer, meaning, _reference, (*[False] * results, *[True] * arguments), ("place",))

    def marked(*xs: Expr) -> Any:
        found = function(*xs)
        ys = (found,) if results == 1 else found
        values = tuple([apply(op, (*ys, *xs), (place,)) for place in range(results)])
        return values[0] if results == 1 else values

    return Derived(op, marked)


def _infer(types: Sequence[TensorType], params: tuple) -> TensorType:
    return types[params[0]]


def _reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return arrays[params[0]]

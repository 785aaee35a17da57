"""Derivatives of functions: the function is called on arguments of its own, and its result differentiated with respect to them.

`grad(cost, x)` differentiates by whatever way the cost depends on x. `grad(function)(x)` means the argument only: what the function reads from outside is
constant, also where it is x itself or what another call has made of x. So each argument gets a node that nothing outside of the call can hold.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from croton.algebra import Operand
from croton.expr.expr import Expr, apply
from croton.expr.op import Op
from croton.expr.types import TensorType
from croton.ops.casting import asarray
from croton.util.errors import ArgumentError, KindError
from croton.util.structure import flatten, paths, unflatten


def _infer(types: Sequence[TensorType], params: tuple) -> TensorType:
    return types[0]


def _meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    return operands[0]


def _reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return arrays[0]


ARGUMENT = Op("argument", _infer, _meaning, _reference, parameters=("call", "place"))
"""(x): x, as the argument of a function that is differentiated."""


class Call:
    """A call of a function that is differentiated. Compared by identity: what two calls are given differs, though it is the same."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "call"


def is_function(value: Any) -> bool:
    """Whether a derivative was asked of a function and not of an expression."""
    return callable(value) and not isinstance(value, Expr)


def of_function(function: Callable[..., Any], places: Any, has_aux: bool, derivative: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """The function of the same arguments that gives `derivative(value, arguments at the places)`, and beside it what else the function returned."""
    one = not isinstance(places, (tuple, list))
    wanted = [places] if one else list(places)
    if any(isinstance(place, bool) or not isinstance(place, int) for place in wanted):
        raise KindError(
            "of a function, wrt says which arguments by their positions, an integer or a tuple of integers; "
            f"got {places!r}. With respect to an expression differentiate one: grad(f(x), x)"
        )

    @functools.wraps(function)
    def differentiated(*args: Any, **options: Any) -> Any:
        given = list(args)
        if any(not -len(given) <= place < len(given) for place in wanted):
            raise ArgumentError(f"the derivative is with respect to argument {places}, and there are {len(given)} (keyword arguments do not count)")
        call = Call()
        for place in wanted:
            given[place] = argument(given[place], call, place % len(given), _name(function, place % len(given)))
        value, beside = with_aux(function(*given, **options), has_aux)
        variables = given[places] if one else tuple([given[place] for place in wanted])
        result = derivative(value, variables)
        return (result, beside) if has_aux else result

    return differentiated


def with_aux(found: Any, has_aux: bool) -> tuple[Any, Any]:
    """What a function returned: the value, and what is beside it if it has said that there is something."""
    if has_aux and not (isinstance(found, tuple) and len(found) == 2):
        raise KindError(f"with has_aux the function returns a pair, (cost, anything), got {type(found).__name__}")
    return found if has_aux else (found, None)


def argument(value: Any, call: Call, place: int, name: str) -> Any:
    """What stands for an argument, or a structure of them, while its function is differentiated."""
    leaves, structure = flatten(value)
    held = []
    for number, (leaf, path) in enumerate(zip(leaves, paths(structure, name))):
        node = apply(ARGUMENT, (asarray(leaf),), (call, (place, number)))
        node.name = node.name or path
        held.append(node)
    return unflatten(structure, held)


def _name(function: Callable[..., Any], place: int) -> str:
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    return names[place] if place < len(names) else f"argument {place}"

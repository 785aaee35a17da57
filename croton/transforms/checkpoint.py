"""Values that are computed again for a derivative instead of being kept for it.

`checkpoint` marks the results of a function. Their pullback is that of the same function, written down on arguments that have a name of their own (`AGAIN`) and
are there once the cotangents are: so what the function computes is computed a second time on the way back, and the first time nothing of it outlives the
function. In the derivative of a loop that second time is inside of the loop. Where no derivative is taken the marks cost nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from croton.algebra.call import again
from croton.algebra.node import Operand
from croton.expr.counted import count_of, counted, counted_sizes
from croton.expr.expr import Constant, Expr, apply
from croton.expr.expr import input as new_input
from croton.expr.op import Op
from croton.expr.walk import replaced, substitute, walk, walk_with_counts
from croton.ops.arguments import check_function
from croton.ops.casting import asarray
from croton.transforms.custom import HOLD, Rule
from croton.transforms.grad import vjp
from croton.transforms.loop_nodes import inner_values
from croton.transforms.requests import GRADIENT, JACOBIAN, PUSHFORWARD
from croton.util.errors import NotSupportedError
from croton.util.structure import flatten, map_structure, unflatten


def checkpoint(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with what it computes not kept for derivatives but computed again when they need it.

    Of a call only the arguments, what the function reads from outside and the results are kept until the way back. Values and derivatives are the same; the
    memory between is saved, for the time of one more evaluation. Divide a deep computation into pieces and checkpoint each: `h = checkpoint(layer)(h)`. The
    function takes and returns expressions, or nested structures of them, and is called once. It may use shared variables and other expressions, be used under
    `vmap` and in loops, and call checkpointed functions itself: those are computed again for each time that this one is. Also `@checkpoint`.
    """
    check_function(function, "checkpoint", "checkpoint(function)(arguments)")

    @functools.wraps(function)
    def recomputed(*args: Any) -> Any:
        xs, structure = flatten(map_structure(asarray, args))
        # Whatever the function makes comes after this.
        begin = new_input(asarray(0).type).id
        placeholders = [_held(x) for x in xs]
        ys, structure_of_ys = flatten(map_structure(asarray, function(*unflatten(structure, placeholders))))
        outside = _outside(ys, placeholders, begin)
        # What is counted is counted once, for the values. Nothing is counted again on the way back.
        sizes = list(dict.fromkeys([symbol for node in walk_with_counts(ys) for symbol in counted_sizes(node)]))
        found = substitute([*ys, *[count_of(symbol).value for symbol in sizes]], dict(zip(placeholders, xs)))
        values, counts = found[: len(ys)], {symbol: counted(count, symbol.size) for symbol, count in zip(sizes, found[len(ys) :])}
        xs = [*xs, *outside]
        stand_ins = [*placeholders, *[_held(x) for x in outside]]
        bodies = _in_place(ys, outside, stand_ins[len(placeholders) :])

        def pullback(given: Sequence[Expr], _: Any, cotangents: Sequence[Expr | None]) -> tuple[Expr | None, ...]:
            seeds = [cotangent for cotangent in cotangents if cotangent is not None]
            inside = [apply(AGAIN, (x, *seeds)) for x in given]
            results = [y for y in _in_place(bodies, stand_ins, inside) if y.dtype.is_float]
            found = iter(vjp(results, [x for x in inside if x.dtype.is_float], seeds, disconnected="zero"))
            return tuple([next(found) if x.dtype.is_float else None for x in inside])

        if not any(x.dtype.is_float for x in xs):
            return unflatten(structure_of_ys, values)
        _, flat = flatten(list(ys))
        return unflatten(structure_of_ys, Rule(pullback, tuple(xs), ys, flat, counts).marked("checkpoint", values, xs))

    return recomputed


def _in_place(ys: Sequence[Expr], old: Sequence[Expr], new: Sequence[Expr]) -> list[Expr]:
    found = replaced(walk(ys), dict(zip(old, new)))
    return [found[y] for y in ys]


def _held(value: Expr) -> Expr:
    return apply(HOLD, (new_input(value.type, value.name),))


def _outside(ys: Sequence[Expr], placeholders: Sequence[Expr], begin: int) -> list[Expr]:
    """What a function reads from outside: what is older than the call, and computed from none of its arguments."""
    order = list(walk(ys))
    given = set(placeholders)
    inside = given | inner_values(ys, order)
    found: dict[Expr, None] = {}
    for node in order:
        if node in given or isinstance(node, Constant):
            continue
        if node.op is not None and (node.id > begin or node in inside or any(x in inside for x in node.inputs)):
            inside.add(node)
            found.update(dict.fromkeys([x for x in node.inputs if x not in inside and not isinstance(x, Constant)]))
            if node.op in (GRADIENT, JACOBIAN, PUSHFORWARD) and node.inputs[-1] not in inside:
                raise NotSupportedError(
                    f"not supported: a checkpointed function that differentiates with respect to {node.inputs[-1]!r}, which comes from outside; "
                    "pass it as an argument, or checkpoint what is differentiated",
                    node.line,
                )
    found.update(dict.fromkeys([y for y in ys if y not in inside and not isinstance(y, Constant)]))
    return list(found)


def _meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    value, *after = operands
    return Operand(value.axes, again(value.use, [operand.use for operand in after]))


def _reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return arrays[0]


AGAIN = Op("again", lambda types, params: types[0], _meaning, _reference)
"""(x, cotangents...): x, for what is computed again from it once the cotangents are there."""

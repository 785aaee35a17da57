"""Gradients, Jacobians, Hessians and products with them, of expressions with respect to expressions, and of functions.

Each result is a node of the graph that asks for a derivative; it is worked out when the graph is compiled. Asking for one gradient at a time and
asking for all of them at once makes the same nodes.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from croton.expr.expr import Expr, apply
from croton.expr.walk import walk
from croton.ops.casting import asarray
from croton.ops.creation import ones_like, zeros, zeros_like
from croton.transforms.functions import Call, argument, is_function, of_function, with_aux
from croton.transforms.requests import GRADIENT, JACOBIAN, PUSHFORWARD
from croton.util.errors import DTypeError, GradientError, KindError, ShapeError
from croton.util.keywords import also_named
from croton.util.structure import flatten, unflatten

DISCONNECTED = ("raise", "warn", "zero")


@also_named(argnums="wrt")
def grad(
    cost: Any,
    wrt: Any = 0,
    *,
    known_grads: Mapping[Expr, Any] | None = None,
    disconnected: str = "raise",
    has_aux: bool = False,
) -> Any:
    """The gradient of a scalar cost with respect to one expression or to a list, tuple or dict of them, in the same structure.

        gradients = cr.grad(cost, [W, b])               # of an expression
        gradients = cr.grad(loss)(params, x, y)         # of a function, with respect to its first argument

    Each gradient has the shape and dtype of its variable. `wrt` may hold inputs, shared variables and intermediate values of the cost.
    `known_grads` maps expressions to gradients that are already known for them: with `cost=None` the result is their pullback, with a cost the two are
    added. `disconnected` says what happens to a variable that the cost does not depend on: "raise" a GradientError (the default), "warn", or give "zero".
    Where two elements tie in a maximum, each gets an equal share; the gradient of a norm at 0 is 0.

    Of a function, `wrt` is the position of the argument, or a tuple of positions for a tuple of gradients, and the result is a function of the same
    arguments, which may be nested structures. What the function reads from outside counts as constant. With `has_aux` the function returns a pair
    (cost, anything), and the result is (gradient, anything).
    """
    if is_function(cost):
        return of_function(cost, wrt, has_aux, lambda value, variables: grad(value, variables, known_grads=known_grads, disconnected=disconnected))
    if known_grads is not None and not isinstance(known_grads, Mapping):
        raise KindError(f"known_grads is a dict, {{expression: its gradient}}, got {known_grads!r}")
    outputs, cotangents = [], []
    if cost is not None:
        cost = _output(cost, "cost")
        if cost.ndim:
            raise ShapeError(
                f"the gradient of a cost needs a scalar, got shape {_text(cost)}; reduce it (cost.sum(), cost.mean()), "
                "or use jacobian(cost, wrt) for the derivative of every element"
            )
        outputs, cotangents = [cost], [ones_like(cost)]
    for output, known in (known_grads or {}).items():
        outputs.append(_output(output, "known_grads"))
        cotangents.append(_cotangent(known, output))
    if not outputs:
        raise GradientError("nothing to differentiate: give a cost, or known_grads")
    return _pull(outputs, cotangents, wrt, disconnected)


@also_named(argnums="wrt")
def value_and_grad(cost: Any, wrt: Any = 0, *, disconnected: str = "raise", has_aux: bool = False) -> Any:
    """The cost and its gradient: `(cost, grad(cost, wrt))`.

    Of a function, a function that returns them: `cost, gradients = cr.value_and_grad(loss)(params, x, y)`; with `has_aux`, for a function that returns
    (cost, anything), it returns ((cost, anything), gradients). See `grad`.
    """
    if is_function(cost):
        both = of_function(cost, wrt, has_aux, lambda value, variables: value_and_grad(value, variables, disconnected=disconnected))
        return _aux_beside_cost(both) if has_aux else both
    return cost, grad(cost, wrt, disconnected=disconnected)


def _aux_beside_cost(function: Any) -> Any:
    @functools.wraps(function)
    def reordered(*args: Any, **options: Any) -> Any:
        (value, gradients), beside = function(*args, **options)
        return (value, beside), gradients

    return reordered


def vjp(y: Any, wrt: Any, *cotangents: Any, disconnected: str = "raise", has_aux: bool = False) -> Any:
    """The pullback: sum over outputs of cotangent times Jacobian, in the structure of `wrt`.

        dx, dw = cr.vjp(y, (x, w), cotangent)           # of expressions
        y, pullback = cr.vjp(f, x, w)                   # of a function and its arguments
        dx, dw = pullback(cotangent)

    `y` and the cotangent are an expression or the same structure of them, each cotangent of its output's shape. Of a function, the result is its value
    and a function that takes a cotangent and returns a tuple with an entry for each argument; with `has_aux` the function returns a pair
    (value, anything), and the result is (value, pullback, anything). See `grad` for `disconnected`.
    """
    if is_function(y):
        call = Call()
        arguments = tuple([argument(value, call, place, f"argument {place}") for place, value in enumerate((wrt, *cotangents))])
        value, beside = with_aux(y(*arguments), has_aux)

        def pullback(cotangent: Any) -> Any:
            return vjp(value, arguments, cotangent, disconnected=disconnected)

        return (value, pullback, beside) if has_aux else (value, pullback)
    if len(cotangents) != 1:
        raise KindError(f"of an expression, vjp(y, wrt, cotangent) takes one cotangent, or one structure of them, got {len(cotangents)}")
    outputs, structure = flatten(y)
    given, other = flatten(cotangents[0])
    if structure != other:
        raise KindError("vjp wants cotangents in the structure of the outputs, one for each")
    outputs = [_output(output, "output") for output in outputs]
    return _pull(outputs, [_cotangent(g, output) for g, output in zip(given, outputs)], wrt, disconnected)


def jvp(y: Any, wrt: Any, tangents: Any, *, disconnected: str = "raise") -> Any:
    """The pushforward: the derivative of `y` as the variables move along the tangents, in the structure of `y`.

    Of a function, `wrt` are its arguments, a tuple: `y, dy = cr.jvp(f, (x, w), (dx, dw))` gives its value there and the derivative.
    """
    if is_function(y):
        call = Call()
        arguments = [argument(value, call, place, f"argument {place}") for place, value in enumerate(_arguments(wrt, tangents))]
        result = y(*arguments)
        return result, jvp(result, arguments, list(tangents), disconnected=disconnected)
    variables, structure = flatten(wrt)
    given, other = flatten(tangents)
    if structure != other:
        raise KindError("jvp wants tangents in the structure of wrt, one for each variable")
    variables = [_variable(w) for w in variables]
    directions = [_cotangent(t, w, "tangent") for t, w in zip(given, variables)]
    outputs, shape_of_y = flatten(y)
    results = []
    for output in outputs:
        output = _output(output, "output")
        kept = _connected([output], variables, disconnected)
        terms = [apply(PUSHFORWARD, (output, t, w)) for t, w, k in zip(directions, variables, kept) if k]
        total: Any = terms[0] if terms else zeros_like(output)
        for term in terms[1:]:
            total = total + term
        results.append(total)
    return unflatten(shape_of_y, results)


@also_named(argnums="wrt")
def jacobian(y: Any, wrt: Any = 0, *, disconnected: str = "raise", has_aux: bool = False) -> Any:
    """Every element of `y` differentiated: the axes of `y`, then those of the variable, for each variable of `wrt`.

    The Jacobian is kept in factored form while it is used: `(J**2).sum()`, `J @ v` or a diagonal never build it. Of a structure of outputs it is that
    structure, with one of `wrt` in each place. Of a function, `cr.jacobian(f)(x)`; see `grad`.
    """
    if is_function(y):
        return of_function(y, wrt, has_aux, lambda value, variables: jacobian(value, variables, disconnected=disconnected))
    outputs, outer = flatten(y)
    variables, structure = flatten(wrt)
    variables = [_variable(w) for w in variables]
    rows = []
    for output in [_output(output, "output") for output in outputs]:
        kept = _connected([output], variables, disconnected)
        found = [apply(JACOBIAN, (output, w)) if k else zeros(output.shape + w.shape, dtype=w.dtype) for w, k in zip(variables, kept)]
        rows.append(unflatten(structure, found))
    return unflatten(outer, rows)


@also_named(argnums="wrt")
def hessian(cost: Any, wrt: Any = 0, *, disconnected: str = "raise", has_aux: bool = False) -> Any:
    """The second derivatives of a scalar cost: for one variable an expression of its axes twice; for a structure, a structure of structures.

    Of a function, `cr.hessian(f)(x)`; see `grad`.
    """
    if is_function(cost):
        return of_function(cost, wrt, has_aux, lambda value, variables: hessian(value, variables, disconnected=disconnected))
    variables, structure = flatten(wrt)
    gradients, _ = flatten(grad(cost, variables, disconnected=disconnected))
    # A cost that is linear in a variable has a Hessian of zeros, whatever is wanted of variables that it does not depend on.
    rows = [jacobian(g, wrt, disconnected="zero") for g in gradients]
    return unflatten(structure, rows)


def _pull(outputs: Sequence[Expr], cotangents: Sequence[Expr], wrt: Any, disconnected: str) -> Any:
    variables, structure = flatten(wrt)
    variables = [_variable(w) for w in variables]
    kept = _connected(outputs, variables, disconnected)
    found = [apply(GRADIENT, (*outputs, *cotangents, w)) if k else zeros_like(w) for w, k in zip(variables, kept)]
    return unflatten(structure, found)


def _arguments(wrt: Any, tangents: Any) -> Sequence[Any]:
    if not isinstance(wrt, (tuple, list)) or not isinstance(tangents, (tuple, list)) or len(wrt) != len(tangents):
        raise KindError("jvp of a function wants a tuple of arguments and one of tangents, an entry each: jvp(f, (x,), (dx,))")
    return wrt


def _connected(outputs: Sequence[Expr], variables: Sequence[Expr], disconnected: str) -> list[bool]:
    if disconnected not in DISCONNECTED:
        raise GradientError(f"disconnected is one of {', '.join(map(repr, DISCONNECTED))}, got {disconnected!r}")
    below = [_differentiable_below(output) for output in outputs]
    kept = [any(w.id in reach for reach in below) for w in variables]
    lost = [w for w, k in zip(variables, kept) if not k]
    if lost and disconnected != "zero":
        message = (
            f"the output does not depend on {', '.join(map(repr, lost))} through anything with a derivative; "
            'drop it from wrt, or pass disconnected="zero" to get zeros'
        )
        if disconnected == "raise":
            raise GradientError(message)
        warnings.warn(message, stacklevel=4)
    return kept


def _differentiable_below(output: Expr) -> frozenset[int]:
    """What a derivative of the output can reach, by id: kept, since gradients of one cost are often asked for one by one."""
    memo = output.memo
    if memo is None:
        memo = output.memo = {}
    found = memo.get("differentiable_below")
    if found is None:
        reached = {output.id}
        for node in reversed(list(walk([output]))):
            if node.id in reached and node.op is not None:
                reached.update(x.id for i, x in enumerate(node.inputs) if node.op.carries(i) and x.dtype.is_float)
        found = memo["differentiable_below"] = frozenset(reached)
    return found


def _output(value: Any, role: str) -> Expr:
    if not isinstance(value, Expr):
        raise KindError(f"{role}: an expression is wanted, got {type(value).__name__}")
    if not value.dtype.is_float:
        raise DTypeError(f"{role}: only floating values have a derivative, got dtype {value.dtype} of {value!r}; convert it with astype")
    return value


def _variable(value: Any) -> Expr:
    if not isinstance(value, Expr):
        raise KindError(
            f"wrt: an expression is wanted (an input, a shared variable, an intermediate value), got {type(value).__name__}; "
            "say what to differentiate with respect to, grad(cost, x), or give a function, grad(f)(x)"
        )
    if not value.dtype.is_float:
        raise DTypeError(f"wrt: only floating values can be differentiated with respect to, got dtype {value.dtype} of {value!r}")
    return value


def _cotangent(value: Any, output: Expr, role: str = "cotangent") -> Expr:
    given = asarray(value) if isinstance(value, Expr) else asarray(value, dtype=output.dtype)
    if given.ndim != output.ndim or any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in zip(given.shape, output.shape)):
        raise ShapeError(f"a {role} has the shape of what it belongs to, {_text(output)}, got {_text(given)}")
    if given.dtype is not output.dtype:
        raise DTypeError(f"a {role} has the dtype of what it belongs to, {output.dtype}, got {given.dtype}; convert it with astype")
    return given


def _text(x: Expr) -> str:
    return "(" + ", ".join(map(str, x.shape)) + ("," if x.ndim == 1 else "") + ")"



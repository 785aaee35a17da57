"""A choice between two computations, of which one runs.

A branch is a loop that is gone through once or not at all: its only step computes the results from the operands, and its condition is the
choice. So a branch is native code that is called or not, its derivative is that of the loop, and under vmap each element makes its own choice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from croton.expr.expr import Expr, apply
from croton.ops.casting import asarray
from croton.ops.creation import zeros
from croton.ops.logic import logical_not, where
from croton.transforms.body import bool_scalar, line_of
from croton.transforms.loop_nodes import CARRY, FINAL
from croton.transforms.vmap import deeper
from croton.util.errors import DTypeError, KindError, ShapeError
from croton.util.structure import flatten, map_structure, unflatten


def cond(pred: Any, then: Callable[..., Any], otherwise: Callable[..., Any], *operands: Any) -> Any:
    """`then(*operands)` where the bool scalar `pred` holds, else `otherwise(*operands)`. Only one of them is run.

    Both functions are called once, with expressions, and give results of one structure, shapes and dtypes. What a function computes from
    its operands runs only if the function is chosen; what it computes from other expressions alone is computed in any case, so pass as an operand
    what is expensive to go on from. To choose element by element, use `where`.
    """
    if not callable(then) or not callable(otherwise):
        raise KindError("cond(pred, then, otherwise, *operands) takes two functions, as cond(p, lambda: x, lambda: y); where(p, x, y) chooses between values")
    chosen = bool_scalar(pred, "cond: the choice", "use where to choose element by element, or vmap")
    given = [map_structure(asarray, operand) for operand in operands]
    leaves, structure = flatten(given)
    with deeper() as depth:
        inside = [apply(CARRY, (leaf,), (depth, place)) for place, leaf in enumerate(leaves)]
        arguments = unflatten(structure, inside)
        found, shape_of_results = flatten(then(*arguments))
        others, other_shape = flatten(otherwise(*arguments))
        if shape_of_results != other_shape:
            raise KindError("cond: both functions give results of one structure; the first gives other ones than the second")
        results, others = [asarray(value) for value in found], [asarray(value) for value in others]
        for position, (one, other) in enumerate(zip(results, others)):
            _check_result(one, other, position)
        values: list[Expr] = [zeros(result.shape, dtype=result.dtype) for result in results]
        for choice, branch in ((chosen, results), (logical_not(chosen), others)):
            values = _branch(choice, leaves, inside, values, branch, depth)
    return unflatten(shape_of_results, values)


def _branch(choice: Expr, operands: Sequence[Expr], inside: Sequence[Expr], before: Sequence[Expr], results: Sequence[Expr], depth: int) -> list[Expr]:
    """The results where the choice holds, else what was there before."""
    count = len(operands)
    first = (*operands, *before, choice)
    stand_ins = [apply(CARRY, (value,), (depth, count + place)) for place, value in enumerate((*before, choice))]
    news = [where(stand_ins[-1], result, old) for result, old in zip(results, stand_ins)]
    inputs = (*first, *inside, *stand_ins, *inside, *news, asarray(False))
    shape = (len(first), 0, 1, False, len(first) - 1)
    return [apply(FINAL, inputs, (*shape, count + place)) for place in range(len(before))]


def _check_result(one: Expr, other: Expr, position: int) -> None:
    if one.dtype is not other.dtype:
        message = f"cond: result {position} has dtype {one.dtype} in one function and {other.dtype} in the other; convert one with astype"
        raise DTypeError(message, line_of(other))
    fits = one.ndim == other.ndim and all(a == b or not (isinstance(a, int) and isinstance(b, int)) for a, b in zip(one.shape, other.shape))
    if not fits:
        raise ShapeError(f"cond: result {position} is {one.type} in one function and {other.type} in the other; both give the same shape", line_of(other))

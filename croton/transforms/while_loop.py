"""Loops that end when a condition says so.

The condition is one more carry: whether the loop goes on. A step keeps the others where it does not, so that steps that are left out and steps that are not
mean the same and under vmap each element ends by itself. A derivative goes back over the steps that were done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from croton.algebra.loop import UNLIMITED
from croton.expr.expr import apply
from croton.ops.arguments import check_function
from croton.ops.logic import logical_and, where
from croton.transforms.body import Body, bool_scalar
from croton.transforms.loop_nodes import CARRY, FINAL
from croton.transforms.taps import untapped
from croton.transforms.vmap import deeper
from croton.util.errors import ArgumentError
from croton.util.structure import flatten, unflatten


def while_loop(cond: Callable[[Any], Any], body: Callable[[Any], Any], init: Any, max_steps: int | None = None) -> Any:
    """`while cond(carry): carry = body(carry)`, beginning with `init`. Returns the last carry.

    The carry is an expression or a nested structure of them that keeps its structure, shapes and dtypes; `cond` gives a bool scalar. Both are called once,
    with expressions. There may be any number of steps; a derivative goes back over those that were done, which a call counts first (it goes through the loop
    once more for that) to keep the states of so many. With `max_steps` there is room for so many states, nothing is counted, and a call in which the condition
    still holds after them is an error; a loop inside of another loop has a derivative only so. To keep fewer states, write it as
    `scan(body, init, length=max_steps, checkpoint="sqrt")` whose body returns `until`.
    """
    for function in (cond, body):
        check_function(function, "while_loop", "while_loop(cond, body, init)")
    if max_steps is not None and (isinstance(max_steps, bool) or not isinstance(max_steps, int) or not 0 < max_steps < UNLIMITED):
        raise ArgumentError(f"while_loop: max_steps is an integer > 0, or None for any number of steps, got {max_steps!r}")
    plain, structure = flatten(init)
    plain = [untapped(value, "while_loop") for value in plain]
    if not plain:
        raise ArgumentError("while_loop needs a carry: something that changes until the condition no longer holds")
    with deeper() as depth:
        first, (carries, news, _, _) = Body(lambda carry, _: (body(carry), None), structure, None, "while_loop").begun(plain, depth)
        begins = bool_scalar(cond(unflatten(structure, first)), "while_loop: the condition")
        going = apply(CARRY, (begins,), (depth, len(first)))
        news = [new if new is carry else where(going, new, carry) for new, carry in zip(news, carries)]
        goes_on = logical_and(going, bool_scalar(cond(unflatten(structure, news)), "while_loop: the condition"))
    inputs = (*first, begins, *carries, going, *news, goes_on)
    count = len(first)
    shape = (count + 1, 0, UNLIMITED if max_steps is None else max_steps, False, count)
    return unflatten(structure, [apply(FINAL, inputs, (*shape, place)) for place in range(count)])

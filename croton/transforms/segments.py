"""Loops in segments: a loop over stretches of steps, each of them a loop that is checkpointed.

Of the states of the outer loop, those between segments, all are kept for a derivative. Those within a segment are computed again on the way back, a segment
at a time. So n steps in pieces of k keep n / k + k states.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from croton.expr.expr import Expr, apply
from croton.expr.expr import input as new_input
from croton.expr.types import TensorType
from croton.expr.walk import substitute
from croton.ops.arithmetic import add
from croton.ops.axes import broadcast_to
from croton.ops.casting import asarray
from croton.ops.indexing import stretch_of
from croton.ops.joining import concatenate
from croton.ops.logic import logical_not
from croton.ops.shape import reshape
from croton.sizes import Size, hint
from croton.transforms.body import Until, given_by
from croton.transforms.checkpoint import AGAIN, checkpoint
from croton.transforms.custom import HOLD
from croton.transforms.vmap import deeper
from croton.util.errors import ArgumentError
from croton.util.structure import Structure, flatten, map_structure, unflatten

Loop = Callable[..., tuple[Any, ...]]
"""(body, init, sequences, steps, reverse), and whether it begins for a loop that may end early: what `scan` returns."""


def check_segments(segments: Any, name: str) -> None:
    """Raise ArgumentError unless something says into how many segments a loop is cut."""
    number = isinstance(segments, int) and not isinstance(segments, bool) and segments > 0
    if segments != "sqrt" and not number:
        raise ArgumentError(f'{name}: checkpoint is "sqrt", a number of segments > 0, or None to keep all states for derivatives, got {segments!r}')


def in_segments(
    loop: Loop, function: Callable[[Any, Any], Any], init: Any, xs: Any, steps: Size, reverse: bool, segments: int | str, name: str
) -> tuple[Any, ...]:
    """What `loop(function, init, xs, steps, reverse)` gives, with the states of one segment and those between segments kept for derivatives.

    Where the number of steps is not known yet, "sqrt" goes by its hint.
    """
    each = steps_of_a_segment(steps, segments)
    count = steps // each
    rest = steps - count * each
    # Of one length also where that is only checked in the call: what lies behind the segments is cut off by it.
    xs = map_structure(lambda x: x if x.shape[0] == steps else broadcast_to(x, (steps, *x.shape[1:])), xs)
    body = _Once(function, name)
    if isinstance(count, int) and count <= 1 and (count == 0 or rest == 0):
        return loop(body, init, xs, steps, reverse)
    if body.may_end(init, xs):
        stretches = _Stretches(_ending(loop), _counted(body), each, reverse)
        (carry, _, done), ys = stretches.all((init, False, 0), xs, count, rest)
        return carry, ys, done
    return _Stretches(loop, body, each, reverse).all(init, xs, count, rest)


def steps_of_a_segment(steps: Size, segments: int | str) -> Size:
    """How many steps each of so many segments of a loop has; the last one may have fewer."""
    if segments == "sqrt":
        return max(1, math.isqrt(max(0, hint(steps) - 1)) + 1)
    assert isinstance(segments, int)
    if isinstance(steps, int):
        return max(1, -(-steps // segments))
    # At least one, whatever the number of steps will be.
    return steps // segments + 1


class _Stretches:
    """A loop of loops: segments of `each` step, and what is left over of the steps."""

    def __init__(self, loop: Loop, body: Callable[[Any, Any], Any], each: Size, reverse: bool) -> None:
        self.loop = loop
        self.body = body
        self.each = each
        self.reverse = reverse

    def all(self, init: Any, xs: Any, count: Size, rest: Size) -> tuple[Any, Any]:
        """The last carry and what the steps of so many segments and the rest give."""
        if isinstance(rest, int) and rest == 0:
            return self._segments(init, xs, count)
        if self.reverse:
            carry, more = self._left_over(init, xs, count, rest)
            carry, ys = self._segments(carry, xs, count)
        else:
            carry, ys = self._segments(init, xs, count)
            carry, more = self._left_over(carry, xs, count, rest)
        leaves, structure = flatten(ys)
        return carry, unflatten(structure, [concatenate((a, b), axis=0) for a, b in zip(leaves, flatten(more)[0])])

    def _segments(self, carry: Any, xs: Any, count: Size) -> tuple[Any, Any]:
        # Where the sequences lie: the segments are the first elements, so that nothing is copied.
        pieces = map_structure(lambda x: reshape(stretch_of(x, 0, count * self.each), (count, self.each, *x.shape[1:])), xs)
        carry, ys = self.loop(checkpoint(self._segment), carry, pieces, count, self.reverse)
        return carry, map_structure(lambda y: reshape(y, (count * self.each, *y.shape[2:])), ys)

    def _segment(self, carry: Any, x: Any) -> tuple[Any, Any]:
        # So that what is computed from the elements is computed a segment at a time.
        states = flatten(carry)[0]
        given = map_structure(lambda leaf: apply(AGAIN, (leaf, *states)), x)
        return self.loop(self.body, carry, given, self.each, self.reverse)

    def _left_over(self, carry: Any, xs: Any, count: Size, rest: Size) -> tuple[Any, Any]:
        sequences = map_structure(lambda x: stretch_of(x, count * self.each, rest), xs)
        return checkpoint(lambda carry, x: self.loop(self.body, carry, x, rest, self.reverse))(carry, sequences)


def _ending(loop: Loop) -> Loop:
    """The loop over states (carry, whether it has ended, steps done), of which it does no more once it has ended."""

    def run(body: Callable[[Any, Any], Any], state: Any, xs: Any, steps: Size, reverse: bool) -> tuple[Any, ...]:
        def step(state: Any, x: Any) -> tuple[Any, ...]:
            state, y = body(state, x)
            return state, y, Until(state[1])

        return loop(step, state, xs, steps, reverse, logical_not(state[1]))[:2]

    return run


def _counted(body: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The body of a loop that may end early, from state to state."""

    def step(state: Any, x: Any) -> tuple[Any, Any]:
        carry, _, done = state
        carry, y, ends = body(carry, x)
        return (carry, ends.condition, add(done, 1)), y

    return step


class _Once:
    """The body of a loop, called once for each types of carry and element, on placeholders which others take the place of."""

    def __init__(self, function: Callable[[Any, Any], Any], name: str) -> None:
        self.function = function
        self.name = name
        self.known: dict[tuple, tuple[list[Expr], list[Expr], Structure, bool]] = {}

    def __call__(self, carry: Any, x: Any) -> Any:
        given = flatten((carry, x))[0]
        held, leaves, shape, ends = self._traced(carry, x)
        found = unflatten(shape, substitute(leaves, dict(zip(held, given))))
        return (*found[:2], Until(found[2])) if ends else found

    def may_end(self, carry: Any, xs: Any) -> bool:
        """Whether it may end a loop over these sequences early."""
        stand_ins = map_structure(lambda x: new_input(TensorType(x.dtype, x.shape[1:]), x.name), xs)
        return self._traced(map_structure(asarray, carry), stand_ins)[-1]

    def _traced(self, carry: Any, x: Any) -> tuple[list[Expr], list[Expr], Structure, bool]:
        given, structure = flatten((carry, x))
        key = tuple([leaf.type for leaf in given])
        if key not in self.known:
            held: list[Expr] = [apply(HOLD, (new_input(leaf.type, leaf.name),)) for leaf in given]
            # Deeper than both of the loops around.
            with deeper(), deeper():
                result = self.function(*unflatten(structure, held))
            found = given_by(result, flatten(carry)[1], self.name)
            parts = (*result[:2], *([] if found.until is None else [found.until.condition]))
            self.known[key] = (held, *flatten(map_structure(asarray, parts)), found.until is not None)
        return self.known[key]

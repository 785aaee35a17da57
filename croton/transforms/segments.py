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
from croton.expr.walk import substitute
from croton.ops.casting import asarray
from croton.ops.joining import concatenate
from croton.ops.shape import reshape
from croton.sizes import Size, hint
from croton.transforms.body import Until
from croton.transforms.checkpoint import AGAIN, checkpoint
from croton.transforms.custom import HOLD
from croton.transforms.vmap import deeper
from croton.util.errors import ArgumentError, NotSupportedError
from croton.util.structure import Structure, flatten, map_structure, unflatten

Loop = Callable[..., tuple[Any, Any]]


def check_segments(segments: Any, name: str) -> None:
    """Raise ArgumentError unless something says into how many segments a loop is cut."""
    number = isinstance(segments, int) and not isinstance(segments, bool) and segments > 0
    if segments != "sqrt" and not number:
        raise ArgumentError(f'{name}: checkpoint is "sqrt", a number of segments > 0, or None to keep all states for derivatives, got {segments!r}')


def in_segments(loop: Loop, function: Callable[[Any, Any], Any], init: Any, xs: Any, steps: Size, reverse: bool, segments: int | str) -> tuple[Any, Any]:
    """What `loop(function, init, xs, length, reverse)` gives, with the states of one segment and those between segments kept for derivatives.

    Where the number of steps is not known yet, "sqrt" goes by its hint.
    """
    each = _steps_of_a_segment(steps, segments)
    count = steps // each
    rest = steps - count * each
    body = _Once(function)
    if isinstance(count, int) and count <= 1 and (count == 0 or rest == 0):
        return loop(body, init, xs, steps, reverse)

    def segment(carry: Any, x: Any) -> tuple[Any, Any]:
        # So that what is computed from the elements is computed a segment at a time.
        states = flatten(carry)[0]
        given = map_structure(lambda leaf: apply(AGAIN, (leaf, *states)), x)
        return loop(body, carry, given, each, reverse)

    def segments_of(carry: Any) -> tuple[Any, Any]:
        # Where the sequences lie: the segments are the first elements, so that nothing is copied.
        pieces = map_structure(lambda x: reshape(x[: count * each], (count, each, *x.shape[1:])), xs)
        carry, ys = loop(checkpoint(segment), carry, pieces, count, reverse)
        return carry, map_structure(lambda y: reshape(y, (count * each, *y.shape[2:])), ys)

    if isinstance(rest, int) and rest == 0:
        return segments_of(init)

    def left_over(carry: Any) -> tuple[Any, Any]:
        sequences = map_structure(lambda x: x[count * each :], xs)
        return checkpoint(lambda carry, x: loop(body, carry, x, rest, reverse))(carry, sequences)

    if reverse:
        carry, more = left_over(init)
        carry, ys = segments_of(carry)
    else:
        carry, ys = segments_of(init)
        carry, more = left_over(carry)
    leaves, structure = flatten(ys)
    return carry, unflatten(structure, [concatenate((a, b), axis=0) for a, b in zip(leaves, flatten(more)[0])])


def _steps_of_a_segment(steps: Size, segments: int | str) -> Size:
    if segments == "sqrt":
        return max(1, math.isqrt(max(0, hint(steps) - 1)) + 1)
    assert isinstance(segments, int)
    if isinstance(steps, int):
        return max(1, -(-steps // segments))
    # At least one, whatever the number of steps will be.
    return steps // segments + 1


class _Once:
    """A function of a carry and an element that is called once for each types of them, on placeholders which others take the place of."""

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self.function = function
        self.known: dict[tuple, tuple[list[Expr], list[Expr], Structure]] = {}

    def __call__(self, carry: Any, x: Any) -> Any:
        given, structure = flatten((carry, x))
        key = tuple([leaf.type for leaf in given])
        if key not in self.known:
            held: list[Expr] = [apply(HOLD, (new_input(leaf.type, leaf.name),)) for leaf in given]
            # Deeper than both of the loops around.
            with deeper(), deeper():
                result = self.function(*unflatten(structure, held))
            if isinstance(result, tuple) and any(isinstance(part, Until) for part in result):
                raise NotSupportedError("not supported: until in a loop with checkpoint; give the number of steps, or leave one of the two away")
            self.known[key] = (held, *flatten(map_structure(asarray, result)))
        held, leaves, shape = self.known[key]
        return unflatten(shape, substitute(leaves, dict(zip(held, given))))

"""Loops that keep little for derivatives, whether or not their user asked for it: what `scan(checkpoint="sqrt")` would have made of them.

A loop of a graph that is there already is taken apart into first values, sequences and a body, which are what a loop in segments is made of. This is done
before derivatives are worked out, so that they are those of the loop in segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

from croton.expr.expr import Expr
from croton.expr.walk import substitute, walk
from croton.sizes import Size, hint
from croton.transforms.loop_nodes import CARRY, ELEMENT, FINAL, STACKED, Shape, surroundings
from croton.transforms.recorded import differentiated
from croton.transforms.recurrence import key_of_loop
from croton.transforms.scan import plain_scan
from croton.transforms.segments import in_segments
from croton.transforms.vmap import MAPPED, deeper
from croton.util.provenance import Line

FEWEST = 8
"""Loops of fewer steps have no segments."""


class Segmented(NamedTuple):
    """A loop of so many steps keeps the states between segments; the user's line."""

    steps: Size
    line: Line | None


def loops_in_segments(roots: Sequence[Expr]) -> tuple[list[Expr], list[Segmented]]:
    """The roots with the loops in segments that derivatives go through, and which these are. Loops inside of loops, and those that may end early, stay."""
    order = list(walk(roots))
    loops = _loops(order)
    if not loops:
        return list(roots), []
    found = [*roots, *[node for results in loops for node in results]]
    begin = len(roots)
    with ExitStack() as stack:
        # What stands for carries and elements differs from all that does in the graph.
        for _ in range(1 + max([node.params[node.op is MAPPED] for node in order if node.op in (CARRY, ELEMENT, MAPPED)])):
            stack.enter_context(deeper())
        for results in loops:
            # The results as they are with the loops before this one in segments.
            now = found[begin : begin + len(results)]
            begin += len(results)
            found = substitute(found, dict(zip(now, _in_segments(now))))
    return found[: len(roots)], [Segmented(Shape(*results[0].params).length, results[0].line) for results in loops]


def _loops(order: Sequence[Expr]) -> list[list[Expr]]:
    """The results of each loop."""
    loops: dict[tuple, list[Expr]] = {}
    for node in order:
        if node.op is FINAL or node.op is STACKED:
            loops.setdefault(key_of_loop(node), []).append(node)
    if not loops:
        return []
    wanted, around = differentiated(order), surroundings(order)
    return [results for results in loops.values() if any(node in wanted for node in results) and _is_long(results[0]) and _is_outermost(results, around)]


def _is_long(node: Expr) -> bool:
    shape = Shape(*node.params)
    return shape.carries > 0 and shape.stop < 0 and hint(shape.length) >= FEWEST


def _is_outermost(results: Sequence[Expr], around: dict[Expr, frozenset]) -> bool:
    """Whether a loop is in no other loop; it may be in a mapped function."""
    return all(isinstance(entry, tuple) for node in results for entry in around.get(node, ()))


def _in_segments(results: Sequence[Expr]) -> list[Expr]:
    """The results of a loop, computed by a loop over segments."""
    shape = Shape(*results[0].params)
    count, also = shape.carries, shape.sequences
    inputs = results[0].inputs
    begins, carries, news = [list(inputs[place * count : (place + 1) * count]) for place in range(3)]
    sequences, elements = [list(inputs[3 * count + place * also : 3 * count + (place + 1) * also]) for place in range(2)]
    ys = [node.inputs[-1] for node in results if node.op is STACKED]

    def body(carry: Any, x: Any) -> tuple[Any, Any]:
        given = dict(zip((*carries, *elements), (*carry, *x)))
        values = substitute([*news, *ys], given)
        return values[:count], values[count:]

    last, rows = in_segments(partial(plain_scan, name="scan"), body, begins, sequences, shape.length, shape.reverse, "sqrt", "scan")
    stacked = iter(rows)
    found = [last[node.params[-1]] if node.op is FINAL else next(stacked) for node in results]
    for old, new in zip(results, found):
        new.line = old.line
    return found

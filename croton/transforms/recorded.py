"""Loops of any number of steps that a derivative goes through: a call counts the steps first, and then keeps the states of so many.

The count is the loop once more, with a carry that goes up by one in each step; it becomes the length of the loop, a size that is counted in the call. Over
mapped axes there is room for the longest; inside of another loop the number of steps would be another one in each of its steps, and `max_steps` is wanted.
"""

from __future__ import annotations

from collections.abc import Sequence

from croton.algebra.loop import UNLIMITED
from croton.expr.counted import counted
from croton.expr.expr import Expr, apply
from croton.expr.walk import rebuild
from croton.ops.arithmetic import add
from croton.ops.casting import asarray
from croton.ops.joining import concatenate
from croton.ops.logic import where
from croton.ops.reductions import max as greatest
from croton.ops.shape import ravel
from croton.transforms.loop_nodes import CARRY, FINAL, Shape, surroundings
from croton.transforms.requests import REQUESTED
from croton.transforms.vmap import COLLECT


def recorded(roots: Sequence[Expr], order: Sequence[Expr]) -> list[Expr]:
    """The roots with a counted length for each loop of any number of steps that a derivative goes through. `order` is the walk of the roots."""
    endless = [node for node in order if _is_endless(node)]
    if not endless or not any(node.op in REQUESTED for node in order):
        return list(roots)
    inside = surroundings(order)
    above = differentiated(order)
    wanted = {_loop(node) for node in endless if node in above and all(isinstance(entry, tuple) for entry in inside.get(node, ()))}

    def visit(node: Expr, inputs: tuple[Expr, ...]) -> Expr | None:
        if not _is_endless(node) or _loop(node) not in wanted:
            return None
        shape = Shape(*node.params)
        count = _steps(shape, inputs, inside.get(node, frozenset()))
        count.line = node.line
        size = counted(count, line=node.line)
        found = apply(FINAL, inputs, shape._replace(length=size))
        found.line = node.line
        return found

    return rebuild(roots, visit) if wanted else list(roots)


def _is_endless(node: Expr) -> bool:
    return node.op is FINAL and node.params[2] == UNLIMITED


def _loop(node: Expr) -> tuple:
    """What the results of one loop have in common."""
    return tuple([x.id for x in node.inputs])


def differentiated(order: Sequence[Expr]) -> set[Expr]:
    """What a derivative goes through: what the outputs of requests are computed from, and computed from what a request is about."""
    variables = {node.inputs[-1] for node in order if node.op in REQUESTED}
    dependent: set[Expr] = set()
    for node in order:
        if node in variables or any(x in dependent for x in node.inputs):
            dependent.add(node)
    found: set[Expr] = set()
    for node in reversed(order):
        if node.op in REQUESTED or node in found:
            found.update([x for x in node.inputs if x in dependent])
    return found


def _steps(shape: Shape, inputs: Sequence[Expr], around: frozenset) -> Expr:
    """How many steps a loop does: over all elements of what it is mapped over, the most."""
    count = shape.carries
    first, carries, news = inputs[:count], inputs[count : 2 * count], inputs[2 * count :]
    going = carries[shape.stop]
    done = apply(CARRY, (asarray(0),), (going.params[0], count))
    after = where(going, add(done, 1), done)
    steps: Expr = apply(FINAL, (*first, asarray(0), *carries, done, *news, after), Shape(count + 1, 0, UNLIMITED, False, shape.stop, count))
    for depth, size in sorted(around, key=lambda entry: entry[0]):
        steps = apply(COLLECT, (steps,), (0, depth, size))
    return greatest(concatenate([asarray([0]), ravel(steps)])) if around else steps

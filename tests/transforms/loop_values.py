"""Values of graphs with loops by the NumPy meaning of the algebra, before and after the passes that rewrite it; and the same loops written out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import croton as cr
from croton import algebra
from croton.algebra.loop import loop_key
from croton.algebra.node import Node, walk
from croton.expr.expr import Expr, SharedVariable
from croton.expr.walk import leaves
from croton.rewriting.optimise import optimise
from croton.rewriting.stabilise import stabilise
from croton.sizes import symbols
from croton.transforms.lower import lower


def interpreted(outputs: Sequence[Expr], values: Mapping[Expr, np.ndarray]) -> list[np.ndarray]:
    """The values of outputs by the algebra; the passes must not change them."""
    lowered = lower(outputs)
    arrays = {leaf: leaf.get_value() if isinstance(leaf, SharedVariable) else values[leaf] for leaf in lowered.leaves}
    sizes: dict[Any, int] = {}
    for leaf in lowered.leaves:
        for size, extent in zip(lowered.shapes[leaf], arrays[leaf].shape):
            if not isinstance(size, int) and len(names := symbols(size)) == 1 and names[0].size == size:
                sizes[names[0]] = extent
    environment = {leaf.id: array for leaf, array in arrays.items()}
    uses = [operand.use for operand in lowered.outputs]
    algebra.check(uses)
    found = algebra.interpret(lowered.outputs, environment, sizes)
    rewritten, _ = optimise(stabilise(uses))
    algebra.check(rewritten)
    operands = [algebra.Operand(operand.axes, use) for operand, use in zip(lowered.outputs, rewritten)]
    for before, after in zip(found, algebra.interpret(operands, environment, sizes)):
        np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-9)
    return found


def loops_of(outputs: Sequence[Expr]) -> list[Node]:
    """The loops that are left of outputs, one node for each."""
    found = {}
    for node in walk([operand.use.node for operand in lower(outputs).outputs]):
        if node.kind == "loop":
            found[loop_key(node)] = node
    return list(found.values())


def written_out(body: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Sequence[Any], reverse: bool = False) -> tuple[Any, list[Any]]:
    """The loop step by step: the last carry, and what each step gives."""
    carry, ys = init, []
    for x in xs[:: -1 if reverse else 1]:
        carry, y = body(carry, x)
        ys.append(y)
    return carry, ys[:: -1 if reverse else 1]


def stacked(ys: Sequence[Expr]) -> Expr:
    """What the steps give, as one array."""
    return cr.stack(list(ys))


def check(found: list[Expr], wanted: list[Expr], values: dict[Expr, np.ndarray]) -> None:
    """Loops and what is written out have equal values: by the algebra, and compiled."""
    expected = [cr.reference.evaluate(expr, values) for expr in wanted]
    read = set(leaves(found))
    inputs = [node for node in values if node in read]
    compiled = cr.function(inputs, found)(*[values[node] for node in inputs])
    for a, b, c in zip(interpreted(found, values), expected, compiled):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(c, b, rtol=1e-9, atol=1e-9)

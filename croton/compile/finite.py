"""Where a NaN or an infinity is born: the first operation, forward or backward, whose operands are finite and whose result is not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from croton.algebra.interpret import interpret
from croton.algebra.node import walk
from croton.algebra.operand import fresh_use
from croton.algebra.stabilise import stabilise
from croton.expr.expr import Expr, SharedVariable
from croton.sizes import Poly, Symbol, symbols
from croton.transforms.lower import lower
from croton.util.errors import CrotonError


class NotFiniteError(CrotonError, FloatingPointError):
    """A value that is NaN or infinite while `config.check_finite` is on."""


def check_finite(roots: Sequence[Expr], inputs: Sequence[Expr], arrays: Sequence[np.ndarray]) -> None:
    """Raise NotFiniteError where the first value that is not finite is made. Interprets the whole graph with NumPy: slow."""
    values: dict[Expr, np.ndarray] = dict(zip(inputs, arrays))
    sizes: dict[Symbol, int] = {}
    for leaf, array in values.items():
        if not _finite(array):
            raise NotFiniteError(f"the argument {leaf.name or leaf!r} is not finite: {_what(array)}", leaf.line)
    lowered = lower(roots)
    for leaf in lowered.leaves:
        if isinstance(leaf, SharedVariable):
            values[leaf] = leaf.cell[0]
            if not _finite(leaf.cell[0]):
                raise NotFiniteError(f"the shared variable {leaf.name or leaf!r} is not finite: {_what(leaf.cell[0])}", leaf.line)
    for leaf, array in values.items():
        for size, extent in zip(lowered.shapes.get(leaf, leaf.shape), array.shape):
            if isinstance(size, Poly) and len(names := symbols(size)) == 1 and size == names[0].size:
                sizes.setdefault(names[0], extent)
    uses = stabilise([operand.use for operand in lowered.outputs])
    nodes = list(walk([use.node for use in uses]))
    # Every node is a value of its own here, read at its own axes.
    found = interpret([fresh_use(node) for node in nodes], {leaf.id: array for leaf, array in values.items()}, sizes)
    for node, array in zip(nodes, found):
        if node.dtype.is_float and not _finite(array):
            what = node.param if isinstance(node.param, str) else node.kind
            raise NotFiniteError(f"{what} made a value that is not finite: {_what(array)}", node.origin)


def _finite(array: np.ndarray) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _what(array: np.ndarray) -> str:
    bad = ~np.isfinite(array)
    first = tuple(int(i) for i in np.argwhere(bad)[0]) if array.ndim else ()
    return f"{int(bad.sum())} of {array.size} elements, the first {array[first]} at {first}"

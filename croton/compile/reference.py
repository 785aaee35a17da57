"""The plain NumPy meaning of a graph: every operation by its reference, no optimiser and no compiled code.

The oracle that compiled results are compared with, and a slow way to look at any value. Derivatives, loops and vectorised functions have no reference of their
own: they are worked out in the algebra and interpreted there, node by node, with NumPy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from croton import algebra
from croton.compile.convert import as_argument
from croton.compile.counted import counted_size
from croton.expr.counted import count_of, counted_sizes
from croton.expr.expr import Constant, Expr, Input, SharedVariable
from croton.expr.types import describe
from croton.expr.walk import walk_with_counts
from croton.sizes import Poly, Size, Symbol, bind, symbols
from croton.sizes import evaluate as size_value
from croton.transforms.counts import ragged
from croton.transforms.loop_nodes import RESULTS, surroundings
from croton.transforms.lower import REQUESTS, lower
from croton.transforms.recorded import recorded
from croton.transforms.unify import Check
from croton.util.errors import ArgumentError, ShapeError
from croton.util.structure import flatten, unflatten


def evaluate(exprs: Any, values: Mapping[Expr, Any] | None = None) -> Any:
    """The values of expressions, in their structure, given the values of the inputs they depend on. Shared variables have their current value."""
    roots, structure = flatten(exprs)
    order = list(walk_with_counts(roots))
    roots = recorded(roots, order)
    order = list(walk_with_counts(roots))
    environment = _Environment(order, values or {})
    inside = surroundings(order)
    for node in order:
        environment.count(node)
        if node.op is not None and node not in inside:
            environment.arrays[node] = environment.value(node)
    return unflatten(structure, [np.array(environment.arrays[root]) for root in roots])


class _Environment:
    """Values of arrays and sizes."""

    def __init__(self, order: Sequence[Expr], values: Mapping[Expr, Any]) -> None:
        self.arrays: dict[Expr, np.ndarray] = {}
        self.sizes: dict[Symbol, int] = {}
        for node in order:
            if node.op is not None:
                continue
            if isinstance(node, Constant):
                self.arrays[node] = node.value
                continue
            if isinstance(node, SharedVariable) and node not in values:
                array = node.cell[0]
            elif node in values:
                array = as_argument(values[node], node.type, repr(node.name or "without a name"))
            else:
                assert isinstance(node, Input)
                raise ArgumentError(f"no value for {node!r}, which the result depends on; give it in the mapping", node.line)
            self.arrays[node] = array
            self._bind(node, array)
        for node, value in values.items():
            # perhaps only its sizes are read
            if node not in self.arrays:
                self._bind(node, as_argument(value, node.type, repr(node.name or "without a name")))

    def _bind(self, node: Expr, array: np.ndarray) -> None:
        for size, extent in zip(node.shape, array.shape):
            if isinstance(size, Poly):
                names = symbols(size)
                if len(names) == 1 and size == names[0].size and names[0] not in self.sizes:
                    self.sizes[names[0]] = extent

    def count(self, node: Expr) -> None:
        """The counted sizes that a node brings in have the values of their counts."""
        for symbol in counted_sizes(node):
            count, line = count_of(symbol)
            if count not in self.arrays:
                raise ragged(line)
            self.sizes[symbol] = counted_size(int(self.arrays[count]), line)

    def check(self, node: Expr, checks: Iterable[Check], sizes: Mapping[Symbol, int]) -> None:
        """Sizes that the node, or what is inside of it, wants equal are equal."""
        for left, right, line in checks:
            a, b = size_value(left, sizes), size_value(right, sizes)
            if a != b:
                raise ShapeError(f"{node.op.name if node.op else node}: {describe(left, right, a, b)}", line)

    def size(self, size: Size) -> int:
        return size_value(size, self.sizes)

    def params(self, params: Any) -> Any:
        if isinstance(params, Poly):
            return self.size(params)
        if isinstance(params, tuple):
            items = [self.params(item) for item in params]
            return type(params)(*items) if hasattr(params, "_fields") else tuple(items)
        return params

    def value(self, node: Expr) -> np.ndarray:
        """The value of an operation."""
        assert node.op is not None
        if node.op in REQUESTS or node.op in RESULTS:
            return self.interpret(node)
        self.check(node, [Check(left, right, node.line) for left, right in node.constraints], self.sizes)
        arrays = [self.arrays[x] for x in node.inputs]
        with np.errstate(all="ignore"):
            result = np.asarray(node.op.reference(arrays, self.params(node.params)))
        if result.dtype != node.dtype.numpy:
            raise AssertionError(f"the reference of {node.op.name} gives {result.dtype}, its type says {node.dtype.numpy}")
        return result

    def interpret(self, node: Expr) -> np.ndarray:
        """The value of a derivative, a loop or a vectorised function by the NumPy meaning of the algebra."""
        lowered = lower([node], [leaf for leaf in self.arrays if leaf.op is None])
        extents = [pair for leaf, shape in lowered.shapes.items() for pair in zip(shape, self.arrays[leaf].shape)]
        # A size that is to be a multiple is one of another size there, which only the lowered shapes know.
        sizes = {**self.sizes, **bind(extents)}
        self.check(node, [*lowered.checks, *[Check(size, extent, node.line) for size, extent in extents]], sizes)
        (value,) = algebra.interpret(lowered.outputs, {leaf.id: self.arrays[leaf] for leaf in lowered.leaves}, sizes)
        return value

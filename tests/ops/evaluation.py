"""Two ways to the value of a graph, neither of which compiles: each op's reference, and each op's meaning interpreted in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from croton import algebra
from croton.dtypes import dtype
from croton.expr.expr import Constant, Expr, SharedVariable, input
from croton.expr.types import TensorType
from croton.expr.walk import walk
from croton.ops.sugar import install_operators
from croton.sizes import Poly, evaluate, fresh_symbol, substitute, symbols

install_operators()


def symbolic(arrays: Sequence[np.ndarray], unknown: bool) -> list[Expr]:
    """An input for each array; sizes other than 1 are unknown if wanted, equal sizes the same unknown."""
    sizes: dict[int, Any] = {}

    def size(extent: int) -> Any:
        if not unknown or extent == 1:
            return extent
        return sizes.setdefault(extent, fresh_symbol("n", hint=extent))

    return [input(TensorType(dtype(a.dtype), tuple(size(n) for n in a.shape)), f"x{i}") for i, a in enumerate(arrays)]


def bind(values: Mapping[Expr, np.ndarray]) -> dict[Any, int]:
    """The values of the sizes that inputs declare."""
    found = {}
    for x, array in values.items():
        for size, extent in zip(x.shape, array.shape):
            for symbol in symbols(size):
                if size == symbol.size:
                    found[symbol] = extent
    return found


def _replaced(params: Any, change: Callable[[Poly], Any]) -> Any:
    if isinstance(params, Poly):
        return change(params)
    return tuple(_replaced(p, change) for p in params) if type(params) is tuple else params


def by_reference(roots: Sequence[Expr], values: Mapping[Expr, np.ndarray]) -> list[np.ndarray]:
    """Values by the references of the operations; the type of every node is checked on the way."""
    sizes = bind(values)
    arrays: dict[Expr, np.ndarray] = {}
    for node in walk(roots):
        if isinstance(node, Constant):
            arrays[node] = node.value
        elif isinstance(node, SharedVariable):
            arrays[node] = node.get_value()
        elif node.op is None:
            arrays[node] = values[node]
        else:
            params = _replaced(node.params, lambda size: evaluate(size, sizes))
            found = node.op.reference([arrays[x] for x in node.inputs], params)
            assert found.dtype == node.dtype.numpy, (node, found.dtype)
            assert found.shape == tuple(evaluate(size, sizes) for size in node.shape), (node, found.shape)
            arrays[node] = found
    return [arrays[root] for root in roots]


def operands_of(roots: Sequence[Expr], sizes: Mapping[Any, Any] | None = None) -> dict[Expr, algebra.Operand]:
    """The meaning of every node; inputs are keyed by the expression itself."""
    meanings: dict[Expr, algebra.Operand] = {}
    mapping = sizes or {}
    for node in walk(roots):
        if isinstance(node, Constant):
            meanings[node] = algebra.constant_operand(node.value, node.dtype)
        elif node.op is None:
            axes = tuple(algebra.Label(substitute(size, mapping)) for size in node.shape)
            meanings[node] = algebra.Operand(axes, algebra.input_(node, axes, node.dtype))
        else:
            params = _replaced(node.params, lambda size: substitute(size, mapping))
            meanings[node] = node.op.meaning([meanings[x] for x in node.inputs], params)
            assert meanings[node].dtype is node.dtype, (node, meanings[node])
            shape = tuple(substitute(size, mapping) for size in node.shape)
            assert meanings[node].shape == shape, (node, meanings[node].shape)
    return meanings


def by_meaning(roots: Sequence[Expr], values: Mapping[Expr, np.ndarray]) -> list[np.ndarray]:
    """Values by the meanings of the operations, interpreted."""
    sizes = bind(values)
    # Sizes that must be equal are made so before lowering; here by their values.
    tied = [size for node in walk(roots) for pair in node.constraints for size in pair]
    meanings = operands_of(roots, {symbol: sizes[symbol] for size in tied for symbol in symbols(size)})
    environment: dict[Any, np.ndarray] = {x: np.squeeze(a, tuple(i for i, s in enumerate(x.shape) if s == 1)) for x, a in values.items()}
    environment |= {x: x.get_value() for x in walk(roots) if isinstance(x, SharedVariable)}
    return algebra.interpret([meanings[root] for root in roots], environment, sizes)

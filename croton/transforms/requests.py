"""The operations that ask for a derivative. Their value is worked out in the algebra, by `lower`, which sees all requests of a graph at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from croton.expr.op import Op
from croton.expr.types import Constrained, TensorType


def _unreachable(*_: Any) -> Any:
    raise AssertionError("a derivative has no meaning by itself: the whole graph is lowered by croton.transforms.lower")


def _reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return _unreachable()


def _constrained(kind: TensorType, pairs: Iterable[tuple[TensorType, TensorType]]) -> TensorType | Constrained:
    """The type where cotangents and tangents have the shapes of what they belong to; known sizes have been compared."""
    different = [(a, b) for one, other in pairs for a, b in zip(one.shape, other.shape) if a != b]
    return Constrained(kind, tuple(different)) if different else kind


def _gradient_type(types: Sequence[TensorType], params: tuple) -> TensorType | Constrained:
    count = len(types) // 2
    return _constrained(types[-1], zip(types[:count], types[count:]))


def _jacobian_type(types: Sequence[TensorType], params: tuple) -> TensorType:
    output, variable = types
    return TensorType(variable.dtype, output.shape + variable.shape)


def _pushforward_type(types: Sequence[TensorType], params: tuple) -> TensorType | Constrained:
    output, tangent, variable = types
    return _constrained(output, [(tangent, variable)])


GRADIENT = Op("gradient", _gradient_type, _unreachable, _reference)
"""(outputs..., cotangents..., variable): the gradient of sum <cotangent, output> with respect to the variable."""

JACOBIAN = Op("jacobian", _jacobian_type, _unreachable, _reference)
"""(output, variable): axes of the output, then axes of the variable."""

PUSHFORWARD = Op("pushforward", _pushforward_type, _unreachable, _reference)
"""(output, tangent, variable): the derivative of the output as the variable moves along the tangent."""

REQUESTED = frozenset({GRADIENT, JACOBIAN, PUSHFORWARD})
"""Everything that asks for a derivative. The last input is what it is with respect to."""

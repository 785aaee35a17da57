"""The record of an operation: what it must say to exist."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from croton.expr.types import Constrained, TensorType

Infer = Callable[[Sequence[TensorType], tuple], TensorType | Constrained]
Meaning = Callable[[Sequence[Any], tuple], Any]
Reference = Callable[[Sequence[np.ndarray], tuple], np.ndarray]


class Op:
    """One operation on arrays.

    name            what it is called when printed
    infer           (types, params) -> the type of the result, or an error that teaches; a `Constrained` type
                    adds pairs of sizes that must be equal
    meaning         (operands, params) -> Operand, in the constructors of croton.algebra; the types have been checked
    reference       (arrays, params) -> array, the same value by NumPy; sizes in params are integers by then
    differentiable  which inputs carry a derivative; True for all, False for none
    parameters      names of the params, for printing

    Params are hashable and say nothing by their Python type alone: 1, 1.0 and True are the same param. A numeric
    argument is therefore an input, not a param.
    """

    __slots__ = ("differentiable", "infer", "meaning", "name", "parameters", "reference")

    def __init__(
        self,
        name: str,
        infer: Infer,
        meaning: Meaning,
        reference: Reference,
        differentiable: bool | tuple[bool, ...] = True,
        parameters: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.infer = infer
        self.meaning = meaning
        self.reference = reference
        self.differentiable = differentiable
        self.parameters = parameters

    def __repr__(self) -> str:
        return f"Op({self.name})"

    def carries(self, position: int) -> bool:
        """Whether the input at this position carries a derivative."""
        return self.differentiable if isinstance(self.differentiable, bool) else self.differentiable[position]

"""What the algebra has proven of an expression's structure: diagonal, block-diagonal, banded, row-sparse, low rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from croton.algebra.formula import formula
from croton.algebra.node import Operand
from croton.algebra.structure import Term
from croton.algebra.structure import structure as structure_of
from croton.compile.formula import names_of
from croton.expr.expr import Expr
from croton.rewriting.stabilise import stabilise
from croton.transforms.lower import lower
from croton.util.errors import KindError, ShapeError


class Structure:
    """Where an array is zero whatever the data, and where its axes do not interact; print it to read it.

    terms                the array is the sum of these; each says what is proven of it (`term.facts`, `term.bands`, ...)
    is_diagonal(i, j)    whether the array is zero wherever these axes differ: diagonal for a matrix, block-diagonal where there are more axes
    is_zero              whether the array is all zeros
    """

    def __init__(self, shape: Sequence[Any], terms: Sequence[Term], names: Mapping[int, str]) -> None:
        self.shape = tuple(shape)
        self.terms = tuple(terms)
        self._names = names

    @property
    def is_zero(self) -> bool:
        return not self.terms

    def is_diagonal(self, one: int = 0, other: int = 1) -> bool:
        """Whether every term is zero wherever these axes differ."""
        rank = len(self.shape)
        for axis in (one, other):
            if not -rank <= axis < rank:
                raise ShapeError(f"axis {axis} of an array with {rank} axes; axes are numbers from {-rank} to {rank - 1}")
        return all(term.equal(one % rank, other % rank) for term in self.terms)

    def __str__(self) -> str:
        shape = "(" + ", ".join(map(str, self.shape)) + ("," if len(self.shape) == 1 else "") + ")"
        if self.is_zero:
            return f"zeros of shape {shape}"
        count = len(self.terms)
        lines = [f"an array of shape {shape}" + (f", the sum of {count} terms" if count > 1 else "")]
        for number, term in enumerate(self.terms):
            facts = "; ".join(term.facts) or "no structure was found"
            lines.append((f"  {number + 1}. " if count > 1 else "  ") + facts)
            lines += ["       " + line for line in formula(term.value, names=self._names).splitlines()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


def structure(expr: Expr) -> Structure:
    """What is proven of an expression's structure, usually of a Jacobian or a Hessian. Nothing is computed, nothing is sampled.

    What is said holds whatever the data are. The converse does not: structure that comes from values, or that is inside a routine, is not seen.
    """
    if not isinstance(expr, Expr):
        raise KindError(f"structure: an expression is wanted, got {type(expr).__name__}")
    lowered = lower([expr])
    (operand,) = lowered.outputs
    (use,) = stabilise([operand.use])
    return Structure(operand.shape, structure_of(Operand(operand.axes, use)), names_of(lowered.leaves))

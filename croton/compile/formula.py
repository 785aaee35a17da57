"""What the algebra found in an expression, as mathematics."""

from __future__ import annotations

from collections.abc import Sequence

from croton.algebra.formula import formula as text_of
from croton.algebra.node import Operand, Use
from croton.expr.expr import Expr
from croton.rewriting.optimise import optimise
from croton.rewriting.stabilise import stabilise
from croton.transforms.lower import lower
from croton.util.config import config
from croton.util.errors import KindError


def formula(expr: Expr, latex: bool = False, optimised: bool = True) -> str:
    """The sums and products that compute an expression, in text or LaTeX: derivatives worked out, and factored unless `optimised` is False.

    `y` stands for the expression, its letters for its axes in order; inputs have their names.
    """
    if not isinstance(expr, Expr):
        raise KindError(f"formula: an expression is wanted, got {type(expr).__name__}")
    lowered = lower([expr])
    (operand,) = lowered.outputs
    uses: Sequence[Use] = stabilise([operand.use])
    if optimised:
        uses = optimise(uses, config.algebra)[0]
    return text_of(Operand(operand.axes, uses[0]), latex=latex, names=names_of(lowered.leaves))


def names_of(leaves: Sequence[Expr]) -> dict[int, str]:
    """What people call the inputs of the algebra, by key."""
    return {leaf.id: leaf.name for leaf in leaves if leaf.name}

"""What the algebra found in an expression, as mathematics."""

from __future__ import annotations

from collections.abc import Sequence

from croton.algebra.formula import formula as text_of
from croton.algebra.node import Use
from croton.algebra.optimise import optimise
from croton.algebra.stabilise import stabilise
from croton.expr.expr import Expr
from croton.transforms.lower import lower
from croton.util.config import config


def formula(expr: Expr, latex: bool = False, optimised: bool = True) -> str:
    """The sums and products that compute an expression, in text or LaTeX: derivatives worked out, and factored unless `optimised` is False."""
    uses: Sequence[Use] = [operand.use for operand in lower([expr]).outputs]
    uses = stabilise(uses)
    if optimised:
        uses = optimise(uses, config.algebra)[0]
    return text_of(uses[0], latex=latex)

"""Map nodes as they are written: the raw constructor, for callers that have nothing to simplify."""

from __future__ import annotations

from collections.abc import Sequence

from croton.algebra.node import Use
from croton.algebra.scalar import FUNCTIONS
from croton.algebra.seal import seal
from croton.dtypes import DType


def map_(function: str, uses: Sequence[Use], dtype: DType) -> Use:
    """The function at each label; the arguments of a commutative function come in one order."""
    args = list(uses)
    if len(args) == 2 and FUNCTIONS[function].commutative and args[1][0].id < args[0][0].id:
        args.reverse()
    return seal("map", dtype, args, function)

"""Where a dtype came from that nobody asked for."""

from __future__ import annotations

from croton.dtypes import DType
from croton.expr.expr import Constant, Expr
from croton.util.order import children_first


def promoter(value: Expr) -> tuple[Expr, Expr | None] | None:
    """What gave a value its dtype: an operand, and where it is an integer the operation that computed floats of it; None where it is not found.

    Values of the dtype are followed down to where it begins: at an input, a shared variable or an array of the dtype, or at an integer among floats
    (NumPy computes `0.9**t` of an int64 in float64).
    """
    kind = value.dtype
    read: dict[Expr, Expr] = {}

    def same(node: Expr) -> tuple[Expr, ...]:
        found = tuple([x for x in node.inputs if x.dtype is kind])
        for x in found:
            read.setdefault(x, node)
        return found

    begins = [node for node in children_first([value], same) if not any(x.dtype is kind for x in node.inputs)]
    ranked = sorted([(rank, place) for place, node in enumerate(begins) if (rank := _rank(node, kind)) is not None])
    if not ranked:
        return None
    node = begins[ranked[0][1]]
    if node.op is None:
        return node, None
    return node.inputs[0], read.get(node)


def _rank(node: Expr, kind: DType) -> int | None:
    """How likely it is that a dtype begins here: 0 is sure."""
    if isinstance(node, Constant):
        return 2 if node.value.ndim == 0 else 0
    if node.op is None:
        return 0
    if node.op.name == "astype":
        # A narrower float was converted because of another operand, or because the user said so.
        return None if node.inputs[0].dtype.is_float else 1
    return None

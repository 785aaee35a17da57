"""THE list of operations. Tests walk it; nothing registers itself."""

from __future__ import annotations

from croton.expr.op import Op
from croton.ops import (
    arithmetic,
    axes,
    broadcasting,
    casting,
    comparisons,
    creation,
    cumulative,
    extremes,
    indexing,
    joining,
    linalg,
    logic,
    positions,
    reductions,
    rounding,
    selection,
    shape,
    sorting,
    transcendental,
    windows,
)

OPERATIONS: tuple[Op, ...] = (
    *casting.OPERATIONS,
    *creation.OPERATIONS,
    *logic.OPERATIONS,
    *arithmetic.OPERATIONS,
    *comparisons.OPERATIONS,
    *rounding.OPERATIONS,
    *transcendental.OPERATIONS,
    *reductions.OPERATIONS,
    *extremes.OPERATIONS,
    *broadcasting.OPERATIONS,
    *axes.OPERATIONS,
    *linalg.OPERATIONS,
    *shape.OPERATIONS,
    *selection.OPERATIONS,
    *positions.OPERATIONS,
    *indexing.OPERATIONS,
    *joining.OPERATIONS,
    *cumulative.OPERATIONS,
    *sorting.OPERATIONS,
    *windows.OPERATIONS,
)

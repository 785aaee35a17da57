"""THE list of operations. Tests walk it; nothing registers itself."""

from __future__ import annotations

from croton.expr.op import Op
from croton.ops import (
    axes,
    broadcasting,
    casting,
    creation,
    cumulative,
    elementwise,
    extremes,
    indexing,
    joining,
    linalg,
    reductions,
    selection,
    shape,
    sorting,
    windows,
)

OPERATIONS: tuple[Op, ...] = (
    *casting.OPERATIONS,
    *creation.OPERATIONS,
    *elementwise.OPERATIONS,
    *reductions.OPERATIONS,
    *extremes.OPERATIONS,
    *broadcasting.OPERATIONS,
    *axes.OPERATIONS,
    *linalg.OPERATIONS,
    *shape.OPERATIONS,
    *selection.OPERATIONS,
    *indexing.OPERATIONS,
    *joining.OPERATIONS,
    *cumulative.OPERATIONS,
    *sorting.OPERATIONS,
    *windows.OPERATIONS,
)

"""Unroll and jam: reductions of several rows in one pass over the lanes.

    for r: acc v; lanes c: v op= f(r, c); b[r] = v

spends much of its time on the ends of rows: filling the pipeline, the last lanes, one value out of many. Four rows at a time have four
independent chains of additions, read what does not depend on the row once, and come to their ends together.
"""

from __future__ import annotations

from croton.codegen.function import Function
from croton.codegen.lane_body import LIGHT
from croton.codegen.side_by_side import emit_side_by_side
from croton.codegen.vecmath import FUNCTIONS as MATHEMATICS
from croton.kernel.language import Acc, For, Lanes, Let, Store, Update
from croton.kernel.parallelise import stored_buffers

ROWS = 4


def emit_jam(function: Function, loop: For, low: str, high: str) -> bool:
    """Emit the loop if its rows are light reductions that do not need each other; otherwise emit nothing and say so."""
    if not _independent_reductions(loop):
        return False
    emit_side_by_side(function, loop, low, high, ROWS)
    return True


def _independent_reductions(loop: For) -> bool:
    """One vector loop of little work that reduces into accumulators of the row; nothing that another row touches."""
    lanes = [statement for statement in loop.body if isinstance(statement, Lanes)]
    if len(lanes) != 1 or any(isinstance(statement, For) for statement in loop.body) or lanes[0].block is not None or lanes[0].extent == 1:
        return False
    own = {statement.name for statement in loop.body if isinstance(statement, Acc)}
    updated = [s.name for s in (*loop.body, *lanes[0].body) if isinstance(s, Update)]
    expensive = any(isinstance(s, Let) and s.function in MATHEMATICS for s in lanes[0].body)
    if not updated or not own.issuperset(updated) or expensive or len(lanes[0].body) > LIGHT:
        return False
    return not any(isinstance(s, Store) for s in lanes[0].body) and not stored_buffers(loop)[1]

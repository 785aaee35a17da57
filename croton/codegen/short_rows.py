"""Rows that one vector holds: a few of them at a time, each loop over the lanes a single pass.

    for r: acc m; lanes c: m max= x[r, c]; acc s; lanes c: s += exp(x[r, c] - m); ...

A short row is little work and a long chain: its maximum is wanted for its exponentials, their sum for its logarithm. Rows side by side wait for their chains
together. How long rows are may not be known before a call; then both forms are there, and the length chooses.
"""

from __future__ import annotations

from croton.codegen.function import Function, is_number, names_read, updates
from croton.codegen.lane_body import LaneBody
from croton.codegen.side_by_side import emit_side_by_side
from croton.kernel.language import Acc, For, Lanes, Let, Load, Store
from croton.kernel.parallelise import stored_buffers

ROWS = 2
SHORT = 16
"""Lanes up to which rows are short where their length is not known before a call: a register of float32, two of float64."""
MOST = 150
"""The weight of a row from which on the second form would cost more to compile than it saves."""


def emit_short_rows(function: Function, loop: For, low: str, high: str) -> bool:
    """Emit the loop in both forms if its rows are chains of reductions that do not need each other; otherwise emit nothing and say so."""
    lanes = [statement for statement in loop.body if isinstance(statement, Lanes)]
    if not function.target.masked or not lanes or not _independent_chains(loop, lanes):
        return False
    for statement in loop.body:
        if isinstance(statement, Acc | Let | Load):
            function.declare(statement)
    bodies = [LaneBody(function, each) for each in lanes]
    if any(body.must_be_scalar() for body in bodies) or sum(body.weight() for body in bodies) > MOST:
        return False
    extent = function.extent(lanes[0].extent)
    if is_number(extent):
        if not 1 < int(extent) <= function.target.lanes(max(body.bits() for body in bodies)):
            return False
        emit_side_by_side(function, loop, low, high, ROWS, int(extent))
        return True
    short = function.sink.emit(f"icmp ult i64 {function.add(extent, '-1')}, {SHORT}")
    longer = function.sink.emit(f"xor i1 {short}, true")
    function.where(short, updates(loop.body), lambda: emit_side_by_side(function, loop, low, high, ROWS, SHORT))
    function.where(longer, updates(loop.body), lambda: function.scalar_loop(loop.label, loop.body, low, high))
    return True


def _independent_chains(loop: For, lanes: list[Lanes]) -> bool:
    """Whether rows are loops over the same lanes that reduce something of the row, and touch nothing that another row writes or adds to."""
    own = {statement.name for statement in loop.body if isinstance(statement, Acc)}
    updated = set(updates(loop.body))
    if any(isinstance(statement, For) for statement in loop.body) or own.isdisjoint(updated):
        return False
    inside = [statement for each in lanes for statement in each.body]
    if any(isinstance(statement, Store) and statement.op is not None for statement in inside):
        return False
    if any(not (updated - own).isdisjoint(names_read(statement)) for statement in (*loop.body, *inside) if not isinstance(statement, Lanes | Acc)):
        return False
    return all(each.block is None and each.extent == lanes[0].extent for each in lanes) and not stored_buffers(loop)[1]

"""Rows of a loop that are emitted several at a time."""

from __future__ import annotations

from croton.codegen.function import Function, is_number, updates
from croton.codegen.lane_pass import Instance
from croton.codegen.lanes import VectorLoop
from croton.kernel.language import For, Lanes


def emit_side_by_side(function: Function, loop: For, low: str, high: str, rows: int, within: int = 0) -> None:
    """The rows [low, high), so many at a time, and the rest one by one: each of their statements for all of them before the next one. Loops over the lanes that
    are known to be `within` so many are a single pass."""

    def some(index: str, count: int) -> None:
        instances = [Instance({**function.values, loop.label: function.add(index, str(row))}, {}) for row in range(count)]
        for statement in loop.body:
            if isinstance(statement, Lanes):
                VectorLoop(function, statement, *function.bounds(statement), instances, unroll=1, within=within).emit()
                continue
            for values, own in instances:
                with function.instance(values, own):
                    function.statement(statement)

    if is_number(low) and is_number(high):
        middle = str(int(low) + (int(high) - int(low)) // rows * rows)
    else:
        length = high if low == "0" else function.sink.emit(f"sub i64 {high}, {low}")
        middle = function.add(low, function.sink.emit(f"and i64 {length}, {-rows}"))
    function.counted(low, middle, rows, updates(loop.body), lambda index: some(index, rows))
    function.counted(middle, high, 1, updates(loop.body), lambda index: some(index, 1))

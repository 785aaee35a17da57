"""Rows with a long function of their own: the functions of a few rows in one vector.

    for r: acc s; lanes c: s += x[r, c] * w[c]; p = sigmoid(s); lanes c: g[c] += x[r, c] * p

computes a sigmoid as long as it takes to compute one for every lane of a vector, which is most of the time where rows are short. So rows go in blocks:
what comes before the function for each row of a block, the function for all of them, what comes after it for each. What one part of a row leaves for
the next lies on the stack. A block is no more rows than stay in the nearest cache, since each of its parts goes through them again; and each part by itself
may be a loop that takes four rows at a time.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from croton.codegen.function import Function, is_number, names_read, updates
from croton.codegen.lane_pass import Instance
from croton.codegen.lanes import VectorLoop
from croton.codegen.vecmath import FUNCTIONS as MATHEMATICS
from croton.kernel.language import Acc, Block, For, Index, Lanes, Let, Load, Stmt, Store, Update, Var
from croton.kernel.parallelise import every_statement, stored_buffers

ROWS = 16
"""Rows of a block: a register of float32, two of float64."""
LEAST = 4
"""A loop that is known to have fewer rows is left as it is."""
NEAR = 1 << 12
"""Elements of a block that stay in the nearest cache."""


class _Part(NamedTuple):
    """Statements of a row that run for all rows of a block at once, or row by row."""

    together: bool
    body: list[Stmt]


def emit_row_functions(function: Function, loop: For, low: str, high: str, emit_rows: Callable[[For, str, str], None] | None = None) -> bool:
    """Emit the loop in blocks if long functions stand between the loops of its rows; otherwise emit nothing and say so. What is left to do row by row
    is emitted by `emit_rows`, as any loop unless that is given."""
    known = int(high) - int(low) if is_number(low) and is_number(high) else ROWS
    if known < LEAST:
        return False
    parts = _with_accumulators(_parts(loop))
    if not parts or not _independent(loop):
        return False
    rows = _rows_of_a_block(function, loop)
    if rows == "1":
        return False
    start = f"{loop.label}.start"
    parts = _handed_on(function, parts, Index(((loop.label, 1), (start, -1))))

    def block(first: str) -> None:
        function.values[start] = first
        end = function.smaller(function.add(first, rows), high)
        for together, body in parts:
            if together:
                lanes = Lanes(loop.label, loop.extent, tuple(body))
                VectorLoop(function, lanes, first, end, [Instance(function.values, {})], within=min(known, ROWS) if function.target.masked else 0).emit()
            else:
                (emit_rows or function.loop)(For(loop.label, loop.extent, tuple(body), block=Block(start, ROWS)), first, end)

    function.counted(low, high, rows, updates(loop.body), block)
    return True


def _parts(loop: For) -> list[_Part]:
    """The statements of a row in parts; none if no long function stands between its loops, or if these are long themselves."""
    loops = [statement for statement in loop.body if isinstance(statement, For | Lanes)]
    if not loops or any(map(_is_long, every_statement(loops))):
        return []
    parts = [_Part(False, [])]
    for scalars, run in itertools.groupby(loop.body, lambda statement: isinstance(statement, Let | Load | Store | Update)):
        body = list(run)
        together = scalars and any(map(_is_long, body))
        if together != parts[-1].together:
            parts.append(_Part(together, []))
        parts[-1].body.extend(body)
    return [part for part in parts if part.body] if len(parts) > 1 else []


def _is_long(statement: Stmt) -> bool:
    return isinstance(statement, Let) and statement.function in MATHEMATICS


def _with_accumulators(parts: list[_Part]) -> list[_Part]:
    """The parts, each with the accumulators of a row that it updates. None where one is updated in several parts, or for all rows at once."""
    own = {statement.name: statement for part in parts for statement in part.body if isinstance(statement, Acc)}
    updated = [[name for name in updates(part.body) if name in own] for part in parts]
    if sorted(own) != sorted(itertools.chain.from_iterable(updated)) or any(part.together and names for part, names in zip(parts, updated)):
        return []
    return [
        _Part(part.together, [*[own[name] for name in names], *[statement for statement in part.body if not isinstance(statement, Acc)]])
        for part, names in zip(parts, updated)
    ]


def _independent(loop: For) -> bool:
    """Whether rows need nothing of one another: part of one may run before another is done."""
    inside = list(every_statement(loop.body))
    totals = set(updates(loop.body)).difference([statement.name for statement in inside if isinstance(statement, Acc)])
    if any(not totals.isdisjoint(names_read(statement)) for statement in inside):
        return False
    touched = Counter([statement.buffer for statement in inside if isinstance(statement, Load | Store)])
    return all(touched[buffer] == 1 for buffer in stored_buffers(loop)[1])


def _rows_of_a_block(function: Function, loop: For) -> str:
    """How many rows a block has."""
    width = "1"
    for statement in loop.body:
        if isinstance(statement, For | Lanes):
            width = function.larger(width, _width(function, statement))
    if is_number(width):
        return str(max(1, min(ROWS, NEAR // int(width))))
    rows = function.sink.emit(f"udiv i64 {NEAR}, {width}")
    return function.larger(function.smaller(rows, str(ROWS)), "1")


def _width(function: Function, loop: For | Lanes) -> str:
    """The elements that a loop goes through, with the loops in it. Loops nest as deep as arrays have axes, so recursion is bounded."""
    inside = "1"
    for statement in loop.body:
        if isinstance(statement, For | Lanes):
            inside = function.larger(inside, _width(function, statement))
    return function.multiply(function.extent(loop.extent if loop.block is None else loop.block.size), inside)


def _handed_on(function: Function, parts: list[_Part], here: Index) -> list[_Part]:
    """The parts with what a later one reads of an earlier one written to the stack, and read from there."""
    maker: dict[str, int] = {}
    made: dict[str, Let | Load | Acc] = {}
    places: dict[str, str] = {}
    writes: list[list[Stmt]] = [[] for _ in parts]
    reads: list[list[Stmt]] = [[] for _ in parts]
    for number, (_, body) in enumerate(parts):
        known: set[str] = set()
        for name in [name for statement in every_statement(body) for name in _names(statement)]:
            if name in known or name not in maker:
                continue
            known.add(name)
            dtype = made[name].dtype
            if name not in places:
                places[name] = f"{name}.row{len(function.scratch)}"
                function.scratch_buffer(places[name], dtype, ROWS)
                writes[maker[name]].append(Store(places[name], (here,), Var(name)))
            reads[number].append(Load(name, dtype, places[name], (here,)))
        for statement in body:
            if isinstance(statement, Let | Load | Acc):
                maker[statement.name], made[statement.name] = number, statement
    return [_Part(part.together, [*first, *part.body, *last]) for part, first, last in zip(parts, reads, writes)]


def _names(statement: Stmt) -> Iterable[str]:
    return () if isinstance(statement, For | Lanes | Acc) else names_read(statement)

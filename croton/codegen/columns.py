"""Column reductions: four rows at a time, and float32 sums without growing errors.

    for r: lanes c: buffer[c] op= f(r, c)

reads and writes the buffer once for every row; with four rows in one pass over the columns, a quarter as often. A float32 sum goes
to a scratch row first, which is added to a float64 one after every `BLOCK` rows: neither is longer than `TILE`, so both stay in the
first-level cache, and the rounding error does not grow with the number of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from croton.codegen.flow import counted_loop
from croton.codegen.function import Function, is_number
from croton.codegen.jam import emit_jam
from croton.codegen.lane_body import HEAVY
from croton.codegen.lane_pass import Instance
from croton.codegen.lanes import VectorLoop
from croton.codegen.row_functions import emit_row_functions
from croton.codegen.vecmath import FUNCTIONS as MATHEMATICS
from croton.dtypes import float32, float64
from croton.kernel.language import Const, For, Index, Lanes, Let, Load, Stmt, Store, Var

ROWS = 4
MOST = 6
"""A loop known to have no more rows than this takes them all in one pass."""
BLOCK = 64
SHORT = 2 * BLOCK
"""Over no more rows than this a float32 sum is accurate enough as it is."""
TILE = 1024


def emit_columns(function: Function, loop: For, low: str, high: str) -> bool:
    """Emit the loop if it is a column reduction and nothing else; otherwise emit nothing and say so."""
    if not _reduces_columns(loop):
        return emit_jam(function, loop, low, high)
    known = int(high) - int(low) if is_number(low) and is_number(high) else None
    if loop.block is not None and isinstance(loop.block.size, int):
        known = loop.block.size
    lanes = _last(loop)
    extent = function.extent(lanes.extent)
    sums = [s for s in lanes.body if isinstance(s, Store) and s.op == "sum" and function.buffers[s.buffer].dtype is float32]
    if not sums or (known is not None and known <= SHORT):
        if _is_heavy(loop):
            return False
        _all_rows(function, loop, low, high, "0", extent)
        return True
    tile = f"{lanes.label}.tile"
    here = (Index(((lanes.label, 1), (tile, -1))),)
    for store in sums:
        function.scratch_buffer(f"{store.buffer}.part", float32, TILE)
        function.scratch_buffer(f"{store.buffer}.wide", float64, TILE)
    body = tuple([s._replace(buffer=f"{s.buffer}.part", index=here) if s in sums else s for s in lanes.body])
    parts = loop._replace(body=(*loop.body[:-1], lanes._replace(body=body)))

    def columns(start: str, end: str) -> None:
        def each(statements: Callable[[Store], Sequence[Stmt]]) -> None:
            inner = tuple([statement for store in sums for statement in statements(store)])
            VectorLoop(function, lanes._replace(body=inner), start, end, [Instance(function.values, {})], compact=True).emit()

        function.values[tile] = start
        each(lambda store: [Store(f"{store.buffer}.wide", here, Const(0.0))])

        def block(first: str, carried: list[str]) -> list[str]:
            each(lambda store: [Store(f"{store.buffer}.part", here, Const(0.0))])
            _all_rows(function, parts, first, function.smaller(function.add(first, str(BLOCK)), high), start, end)
            each(_widen(here))
            return []

        counted_loop(function.sink, low, high, BLOCK, [], block)
        each(_finish(here))

    if is_number(extent) and int(extent) <= TILE:
        columns("0", extent)
        return True

    def tiles(start: str, carried: list[str]) -> list[str]:
        columns(start, function.smaller(function.add(start, str(TILE)), extent))
        return []

    counted_loop(function.sink, "0", extent, TILE, [], tiles)
    return True


def _widen(here: tuple[Index, ...]) -> Callable[[Store], Sequence[Stmt]]:
    """The float32 scratch row added to the float64 one."""

    def statements(store: Store) -> Sequence[Stmt]:
        part, wide = f"{store.buffer}.part", f"{store.buffer}.wide"
        return [
            Load(f"{part}.value", float32, part, here),
            Let(f"{wide}.value", float64, "cast", (Var(f"{part}.value"),)),
            Store(wide, here, Var(f"{wide}.value"), "sum"),
        ]

    return statements


def _finish(here: tuple[Index, ...]) -> Callable[[Store], Sequence[Stmt]]:
    """The float64 scratch row added to the buffer, with one rounding to float32."""

    def statements(store: Store) -> Sequence[Stmt]:
        wide = f"{store.buffer}.wide"
        old, total, result = f"{wide}.old", f"{wide}.total", f"{wide}.result"
        return [
            Load(f"{wide}.value", float64, wide, here),
            Load(old, float32, store.buffer, store.index),
            Let(f"{old}.wide", float64, "cast", (Var(old),)),
            Let(total, float64, "add", (Var(f"{old}.wide"), Var(f"{wide}.value"))),
            Let(result, float32, "cast", (Var(total),)),
            Store(store.buffer, store.index, Var(result)),
        ]

    return statements


def _all_rows(function: Function, loop: For, low: str, high: str, start: str, end: str) -> None:
    """The rows [low, high) of the columns [start, end), four by four and then one by one; one by one if that is work enough."""
    if emit_row_functions(function, loop, low, high, lambda rest, low, high: _all_rows(function, rest, low, high, start, end)):
        return
    lanes = _last(loop)
    sink = function.sink
    if _is_heavy(loop):
        middle = low
    elif is_number(low) and is_number(high):
        middle = str(int(low) + (int(high) - int(low)) // ROWS * ROWS)
    else:
        length = high if low == "0" else sink.emit(f"sub i64 {high}, {low}")
        middle = function.add(low, sink.emit(f"and i64 {length}, {-ROWS}"))

    def rows(count: int) -> Callable[[str, list[str]], list[str]]:
        def emit(index: str, carried: list[str]) -> list[str]:
            outer = function.values
            instances = []
            for row in range(count):
                function.values = dict(outer)
                function.values[loop.label] = function.add(index, str(row))
                for statement in loop.body[:-1]:
                    function.statement(statement)
                instances.append(Instance(function.values, {}))
            function.values = outer
            VectorLoop(function, lanes, start, end, instances, compact=count == 1).emit()
            return []

        return emit

    if is_number(low) and is_number(high) and 1 < int(high) - int(low) <= MOST and middle != low:
        rows(int(high) - int(low))(low, [])
        return
    if middle != low:
        counted_loop(sink, low, middle, ROWS, [], rows(ROWS))
    counted_loop(sink, middle, high, 1, [], rows(1))


def _last(loop: For) -> Lanes:
    lanes = loop.body[-1]
    assert isinstance(lanes, Lanes)
    return lanes


def _reduces_columns(loop: For) -> bool:
    """Scalars and one lanes loop that only adds to places which do not depend on the row, and reads none of them."""
    if not loop.body or not isinstance(loop.body[-1], Lanes) or not all(isinstance(s, Let | Load) for s in loop.body[:-1]):
        return False
    lanes = loop.body[-1]
    changing = {loop.label}
    stored: list[Store] = []
    loaded: set[str] = set()
    body: tuple[Stmt, ...] = (*loop.body[:-1], *lanes.body)
    for statement in body:
        if isinstance(statement, Let):
            names = {atom.name for atom in statement.args if not isinstance(atom, Const)}
        elif isinstance(statement, Load):
            loaded.add(statement.buffer)
            names = {name for index in statement.index for name, _ in index.terms} | {statement.guard or ""}
        elif isinstance(statement, Store) and statement.op is not None and statement.guard is None:
            stored.append(statement)
            continue
        else:
            return False
        if names & changing:
            changing.add(statement.name)
    buffers = {store.buffer for store in stored}
    if lanes.extent == 1 or not stored or buffers & loaded or len(buffers) != len(stored):
        return False
    return all(_along(store, lanes.label, changing) for store in stored)


def _is_heavy(loop: For) -> bool:
    """Whether a row is so much work that several at once would only be more code."""
    lanes = _last(loop)
    body = (*loop.body[:-1], *lanes.body)
    return sum([25 if isinstance(s, Let) and s.function in MATHEMATICS else 1 for s in body]) >= HEAVY


def _along(store: Store, label: str, changing: set[str]) -> bool:
    """Whether the lanes go to distinct places that no row changes."""
    names = {name for index in store.index for name, _ in index.terms}
    moving = [coef for index in store.index for name, coef in index.terms if name == label]
    return not names & changing and len(moving) == 1 and isinstance(moving[0], int) and moving[0] != 0

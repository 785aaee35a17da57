"""Column reductions, four rows at a time.

    for r: lanes c: buffer[c] op= f(r, c)

reads and writes the buffer once for every row; with four rows in one pass over the columns, a quarter as often.
"""

from __future__ import annotations

from croton.codegen.flow import counted_loop
from croton.codegen.function import Function, is_number
from croton.codegen.lanes import HEAVY, VectorLoop
from croton.codegen.vecmath import FUNCTIONS as MATHEMATICS
from croton.kernel.language import Const, For, Lanes, Let, Load, Stmt, Store

ROWS = 4


def emit_rows(function: Function, loop: For, low: str, high: str) -> bool:
    """Emit the loop if it is a column reduction and nothing else; otherwise emit nothing and say so."""
    if not _reduces_columns(loop) or (is_number(high) and int(high) < ROWS):
        return False
    sink = function.sink
    lanes = loop.body[-1]
    assert isinstance(lanes, Lanes)
    outer = function.values
    length = function.add(high, f"-{low}") if is_number(low) and is_number(high) else high
    if low != "0" and not is_number(high):
        length = sink.emit(f"sub i64 {high}, {low}")
    whole = str(int(length) // ROWS * ROWS) if is_number(length) else sink.emit(f"and i64 {length}, {-ROWS}")
    middle = function.add(low, whole)

    def rows(index: str, carried: list[str]) -> list[str]:
        instances = []
        for row in range(ROWS):
            function.values = dict(outer)
            function.values[loop.label] = function.add(index, str(row))
            for statement in loop.body[:-1]:
                function.statement(statement)
            instances.append(function.values)
        function.values = outer
        VectorLoop(function, lanes, "0", function.extent(lanes.extent), instances).emit()
        return []

    counted_loop(sink, low, middle, ROWS, [], rows)
    function.scalar_loop(loop.label, loop.body, middle, high)
    return True


def _reduces_columns(loop: For) -> bool:
    """Scalars and one lanes loop that only adds to places which do not depend on the row, and reads none of them."""
    if not loop.body or not isinstance(loop.body[-1], Lanes) or not all(isinstance(s, Let | Load) for s in loop.body[:-1]):
        return False
    lanes = loop.body[-1]
    changing = {loop.label}
    stored: list[Store] = []
    loaded: set[str] = set()
    weight = 0
    body: tuple[Stmt, ...] = (*loop.body[:-1], *lanes.body)
    for statement in body:
        weight += 25 if isinstance(statement, Let) and statement.function in MATHEMATICS else 1
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
    if lanes.extent == 1 or not stored or weight * ROWS >= 4 * HEAVY or buffers & loaded or len(buffers) != len(stored):
        return False
    return all(_along(store, lanes.label, changing) for store in stored)


def _along(store: Store, label: str, changing: set[str]) -> bool:
    """Whether the lanes go to distinct places that no row changes."""
    names = {name for index in store.index for name, _ in index.terms}
    moving = [coef for index in store.index for name, coef in index.terms if name == label]
    return not names & changing and len(moving) == 1 and isinstance(moving[0], int) and moving[0] != 0

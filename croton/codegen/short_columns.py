"""Rows added up where there are few of them: what the parts of a parallel loop have left.

    for p: lanes c: buffer[c] op= partial[p, c]

goes down the columns, as many as two registers hold: the totals of all rows stay in registers, float32 sums in float64. That is one short body,
where going through the rows one after the other takes several and a place for the totals. Many rows would be too many pages to go through for
each group of columns.
"""

from __future__ import annotations

from typing import NamedTuple

from croton.codegen.access import CONTIGUOUS, Access, Memory, access_of
from croton.codegen.builder import Builder
from croton.codegen.flow import Carried, counted_loop
from croton.codegen.function import Function, is_number
from croton.codegen.reduction import combine, state_element, unit_text
from croton.dtypes import DType
from croton.kernel.language import For, Lanes, Load, Store, Var


class _Row(NamedTuple):
    """A row that is read and the place that it is added to."""

    load: Load
    store: Store

    @property
    def op(self) -> str:
        assert self.store.op is not None
        return self.store.op


def emit_short_columns(function: Function, loop: For, low: str, high: str) -> bool:
    """Emit the loop if it does nothing but add rows to one; otherwise emit nothing and say so."""
    lanes = loop.body[-1] if loop.body else None
    if not isinstance(lanes, Lanes) or len(loop.body) > 1 or lanes.block is not None:
        return False
    rows = _rows(loop, lanes)
    if not rows or not all(_is_contiguous(function, access, lanes.label) for row in rows for access in row):
        return False
    _Columns(function, loop, lanes.label, rows, low, high).emit(function.extent(lanes.extent))
    return True


def _rows(loop: For, lanes: Lanes) -> list[_Row]:
    """The pairs of a load and a store that the body consists of; none if it has anything else."""
    loads = {s.name: s for s in lanes.body if isinstance(s, Load) and s.guard is None and not s.dtype.is_bool}
    stores = [s for s in lanes.body if isinstance(s, Store) and s.guard is None and s.op is not None]
    rows = [_Row(loads[s.value.name], s) for s in stores if isinstance(s.value, Var) and s.value.name in loads]
    written = {s.buffer for s in stores}
    if not len(rows) == len(stores) == len(loads) == len(written) or 2 * len(rows) != len(lanes.body):
        return []
    if any(row.load.buffer in written for row in rows) or any(name == loop.label for row in rows for i in row.store.index for name, _ in i.terms):
        return []
    return rows


def _is_contiguous(function: Function, access: Load | Store, label: str) -> bool:
    """Whether neighbours along the lanes are neighbours in memory, at a place that is known before them."""
    moving = [(axis, coef) for axis, index in enumerate(access.index) for name, coef in index.terms if name == label]
    return moving == [(len(access.index) - 1, 1)]


class _Columns:
    def __init__(self, function: Function, loop: For, label: str, rows: list[_Row], low: str, high: str) -> None:
        self.function = function
        self.loop = loop
        self.label = label
        self.rows = rows
        self.low, self.high = low, high

    def emit(self, extent: str) -> None:
        """All columns, as many at a time as two registers hold; the last ones under a mask, or one by one."""
        function = self.function
        lanes = function.target.lanes(max(row.load.dtype.bits for row in self.rows))
        if is_number(extent) and int(extent) % lanes == 0:
            self._all("0", extent, lanes, False)
        elif function.target.masked:
            self._all("0", extent, lanes, True)
        else:
            middle = str(int(extent) // lanes * lanes) if is_number(extent) else function.sink.emit(f"and i64 {extent}, {-lanes}")
            self._all("0", middle, lanes, False)
            self._all(middle, extent, 1, False)

    def _all(self, start: str, end: str, lanes: int, masked: bool) -> None:
        function = self.function
        memory = Memory(function, lanes)

        def columns(index: str, carried: list[str]) -> list[str]:
            mask = memory.before(index, end) if masked else None
            states = [(self._state(row, lanes), row) for row in self.rows]
            carried_states = [Carried(b.type, unit_text(b, row.op, row.load.dtype)) for b, row in states]

            def row(number: str, totals: list[str]) -> list[str]:
                function.values[self.loop.label] = number
                return [self._added(b, row, total, memory.read(self._access(row.load), index, mask, {})) for (b, row), total in zip(states, totals)]

            totals = counted_loop(function.sink, self.low, self.high, 1, carried_states, row)
            for (b, row_), total in zip(states, totals):
                access = self._access(row_.store)
                new = self._added(b, row_, total, memory.read(access, index, mask, {}))
                narrow = function.at(row_.load.dtype, lanes)
                memory.write(access, index, mask, {}, new if b.element == narrow.element else narrow.convert("fptrunc", new, b))
            return []

        counted_loop(function.sink, start, end, lanes, [], columns)

    def _access(self, access: Load | Store) -> Access:
        found = access_of(self.function, access, self.label, {self.label})
        assert found.kind == CONTIGUOUS, access
        return found

    def _state(self, row: _Row, lanes: int) -> Builder:
        return self.function.builder.at(state_element(row.op, row.load.dtype), lanes)

    def _added(self, b: Builder, row: _Row, total: str, value: str) -> str:
        dtype: DType = row.load.dtype
        narrow = self.function.at(dtype, b.lanes)
        return combine(b, row.op, dtype, total, value if b.element == narrow.element else b.convert("fpext", value, narrow))

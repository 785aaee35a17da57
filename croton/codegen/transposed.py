"""Arrays that are read along their columns, a tile at a time.

    for r: lanes c: ... a[c, r] ...

Lanes that read `a` there would gather from as many lines of memory as there are lanes, and be back for the next element of each line when
it has left the first cache. So some rows, as many as a line has elements, go through the columns together, `TILE` at a time: their part of
`a` is read by lines, which are transposed in registers and kept on the stack, where rows read it by neighbours.
"""

from __future__ import annotations

from collections.abc import Callable

from croton.codegen.access import Access, access_of
from croton.codegen.builder import Builder
from croton.codegen.flow import Carried, counted_loop
from croton.codegen.function import Function, is_number, updates
from croton.codegen.lane_body import HEAVY
from croton.codegen.lane_pass import Instance
from croton.codegen.lanes import VectorLoop
from croton.codegen.vecmath import FUNCTIONS as MATHEMATICS
from croton.dtypes import DType
from croton.kernel.language import Acc, For, Index, Lanes, Let, Load, Store
from croton.util.transposition import exchanges, numbers

TILE = 256
LINE = 64
"""Bytes of a line of the cache."""
TOGETHER = 4
"""Rows whose lanes are emitted side by side, if they are light: they share one reduction of lanes to a number."""
MOST = 2
"""Arrays that are read along columns by one loop: more would not stay in the first cache."""

Position = tuple[str, tuple[Index, ...]]


def emit_transposed(function: Function, loop: For, low: str, high: str) -> bool:
    """Emit the loop if its lanes read along columns; otherwise emit nothing and say so."""
    turned = _turned(function, loop)
    if not turned:
        return False
    lanes = loop.body[-1]
    assert isinstance(lanes, Lanes)
    dtype = function.buffers[turned[0][0]].dtype
    rows = LINE // dtype.itemsize
    extent = function.extent(lanes.extent)
    if (is_number(extent) and int(extent) < rows) or (is_number(low) and is_number(high) and int(high) - int(low) < rows):
        return False
    _Tiles(function, loop, lanes, turned, dtype, rows).emit(low, high, extent)
    return True


class _Tiles:
    def __init__(self, function: Function, loop: For, lanes: Lanes, turned: list[Position], dtype: DType, rows: int) -> None:
        self.function = function
        self.loop = loop
        self.lanes = lanes
        self.turned = turned
        self.rows = rows
        self.line = function.at(dtype, rows)
        self.row, self.column = f"{loop.label}.turned", f"{lanes.label}.turned"
        self.places = {position: f"{position[0]}.turned{number}" for number, position in enumerate(turned)}
        for name in self.places.values():
            function.scratch_buffer(name, dtype, rows * TILE)
        here = (Index(((lanes.label, 1), (self.column, -1), (self.row, TILE))),)
        body = []
        for statement in lanes.body:
            if isinstance(statement, Load) and (statement.buffer, statement.index) in self.places:
                statement = statement._replace(buffer=self.places[statement.buffer, statement.index], index=here)
            body.append(statement)
        self.body = tuple(body)
        self.updated = [name for name in updates(lanes.body) if name in function.states]
        weight = sum(25 if isinstance(s, Let) and s.function in MATHEMATICS else 1 for s in (*loop.body[:-1], *lanes.body))
        self.together = TOGETHER if weight * TOGETHER < 4 * HEAVY else 1

    def emit(self, low: str, high: str, extent: str) -> None:
        """Bands of as many rows as a line has elements; the last one reads some rows once more, where the range ends. Fewer rows go one by one.

        Bands begin where the range does and not where lines begin in memory, so that sums have the same bits wherever their arguments are.
        """
        function, sink = self.function, self.function.sink
        last = function.add(high, str(-self.rows))
        until = sink.emit(f"select i1 {sink.emit(f'icmp sge i64 {last}, {low}')}, i64 {high}, i64 {low}")

        def band(start: str) -> None:
            first = function.smaller(start, last)
            done = sink.emit(f"sub i64 {start}, {first}")
            self._repeat("0", extent, TILE, lambda column: self._tile(first, done, column, extent))

        self._repeat(low, until, self.rows, band)
        function.scalar_loop(self.loop.label, self.loop.body, until, high)

    def _repeat(self, low: str, high: str, step: int, body: Callable[[str], None]) -> None:
        """A loop that carries the accumulators."""
        function, names = self.function, self.updated
        carried = [Carried(function.state_builder(function.accumulators[name]).type, function.states[name]) for name in names]

        def iteration(index: str, states: list[str]) -> list[str]:
            function.states.update(zip(names, states))
            body(index)
            return [function.states[name] for name in names]

        results = counted_loop(function.sink, low, high, step, carried, iteration)
        function.states.update(zip(names, results))

    def _tile(self, first: str, done: str, start: str, extent: str) -> None:
        """The columns from `start` on of the rows from `first` on, of which as many as `done` are not wanted again."""
        function, sink = self.function, self.function.sink
        end = function.smaller(function.add(start, str(TILE)), extent)
        outer = function.values
        function.values = {**outer, self.loop.label: first}
        for (buffer, index), name in self.places.items():
            read = access_of(function, Load(name, function.buffers[buffer].dtype, buffer, index), self.lanes.label, {self.lanes.label})
            self._fill(read, name, start, end)

        def rows(count: int, row: str) -> None:
            instances = []
            for number in range(count):
                place = function.add(row, str(number))
                function.values = {**outer, self.loop.label: function.add(first, place), self.row: place, self.column: start}
                for statement in self.loop.body[:-1]:
                    function.statement(statement)
                instances.append(Instance(function.values, {}))
            VectorLoop(function, self.lanes._replace(body=self.body), start, end, instances).emit()

        single = done
        if self.together > 1:
            single = function.add(done, sink.emit(f"and i64 {sink.emit(f'sub i64 {self.rows}, {done}')}, {-self.together}"))
            self._repeat(done, single, self.together, lambda row: rows(self.together, row))
        self._repeat(single, str(self.rows), 1, lambda row: rows(1, row))
        function.values = outer

    def _fill(self, read: Access, name: str, start: str, end: str) -> None:
        """The tile of one array, transposed, on the stack."""
        sink, b, rows = self.function.sink, self.line, self.rows
        scratch = self.function.values[name]
        align = read.dtype.itemsize
        length = sink.emit(f"sub i64 {end}, {start}")
        whole = self.function.add(start, sink.emit(f"and i64 {length}, {-rows}"))

        def line(pointer: str) -> str:
            return sink.emit(f"load {b.type}, ptr {pointer}, align {align}")

        def square(column: str, carried: list[str]) -> list[str]:
            pointer = sink.emit(f"getelementptr {b.element}, ptr {read.pointer}, i64 {self.function.multiply(column, read.stride)}")
            lines = []
            for number in range(rows):
                if number:
                    pointer = sink.emit(f"getelementptr {b.element}, ptr {pointer}, i64 {read.stride}")
                lines.append(line(pointer))
            place = sink.emit(f"sub i64 {column}, {start}")
            for number, turned in enumerate(transposed(b, lines)):
                target = sink.emit(f"getelementptr {b.element}, ptr {scratch}, i64 {self.function.add(place, str(number * TILE))}")
                sink.line(f"store {b.type} {turned}, ptr {target}, align {align}")
            return []

        def single(column: str, carried: list[str]) -> list[str]:
            pointer = sink.emit(f"getelementptr {b.element}, ptr {read.pointer}, i64 {self.function.multiply(column, read.stride)}")
            found = line(pointer)
            place = sink.emit(f"sub i64 {column}, {start}")
            for number in range(rows):
                target = sink.emit(f"getelementptr {b.element}, ptr {scratch}, i64 {self.function.add(place, str(number * TILE))}")
                sink.line(f"store {b.element} {sink.emit(f'extractelement {b.type} {found}, i64 {number}')}, ptr {target}, align {align}")
            return []

        counted_loop(sink, start, whole, rows, [], square)
        counted_loop(sink, whole, end, 1, [], single)


def transposed(b: Builder, lines: list[str]) -> list[str]:
    """As many vectors as they have lanes, a power of two, with rows and columns exchanged."""
    lines, count = list(lines), len(lines)
    for line, other, *orders in exchanges(count):
        pair = f"{b.type} {lines[line]}, {b.type} {lines[other]}"
        lines[line], lines[other] = (b.emit(f"shufflevector {pair}, <{count} x i32> <{numbers(order)}>") for order in orders)
    return lines


def _turned(function: Function, loop: For) -> list[Position]:
    """The arrays that the lanes read along columns, where a loop is such that its order does not matter; none otherwise."""
    if not loop.body or not isinstance(loop.body[-1], Lanes) or not all(isinstance(s, Let | Load) for s in loop.body[:-1]):
        return []
    lanes = loop.body[-1]
    if lanes.extent == 1:
        return []
    own = {s.name for s in (*loop.body[:-1], *lanes.body) if isinstance(s, Let | Load)}
    stored = {s.buffer for s in lanes.body if isinstance(s, Store)}
    found: dict[Position, None] = {}
    for statement in lanes.body:
        if isinstance(statement, Store):
            if statement.op is not None or not all(any(name == label for i in statement.index for name, _ in i.terms) for label in (loop.label, lanes.label)):
                return []
        elif isinstance(statement, Acc):
            return []
        elif isinstance(statement, Load) and statement.buffer not in stored and _along(statement, loop.label, lanes.label, own):
            found[statement.buffer, statement.index] = None
    sizes = {function.buffers[buffer].dtype.itemsize for buffer, _ in found}
    chosen = [position for position in found if function.buffers[position[0]].dtype is function.buffers[next(iter(found))[0]].dtype]
    if len(sizes) != 1 or len(chosen) > MOST or not chosen or function.buffers[chosen[0][0]].dtype.itemsize not in (4, 8):
        return []
    if any(isinstance(s, Load) and s.buffer in stored for s in (*loop.body[:-1], *lanes.body)):
        return []
    return chosen


def _along(load: Load, row: str, lane: str, own: set[str]) -> bool:
    """Whether neighbours along the rows are neighbours in memory, and those along the lanes are not."""
    if load.guard is not None or len(load.index) < 2:
        return False
    names = [name for index in load.index for name, _ in index.terms]
    if names.count(row) != 1 or names.count(lane) != 1 or not own.isdisjoint(names):
        return False
    last = load.index[-1].terms
    return (row, 1) in last and all(name != lane for name, _ in last)



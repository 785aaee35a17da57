"""Reductions in parts: the outermost loop of a reduction cut into blocks, each with partial results of its own, that threads share out.

    acc v                                       parallel for p < parts:
    for r < n:                                      acc v
        ... v sum= x                                for r < n in p of block:
    b = v                                               ... v sum= x
                                                    partial[p] = v
                                                acc v
                                                lanes p < parts:
                                                    v sum= partial[p]
                                                b = v

A buffer that every row is added to has a row of a partial buffer for each part in the same way. What the blocks are depends on sizes alone,
so the result has the same bits with any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from croton.dtypes import DType, float32
from croton.kernel.language import Acc, Block, Const, For, Index, Lanes, Let, Load, Stmt, Store, Update, Var
from croton.kernel.parallelise import every_statement, loop_depth, not_only_read, stored_buffers
from croton.schedule.names import Names
from croton.schedule.step import Value
from croton.sizes import Size, greatest, product, quotient

PARTS = 16
"""The greatest number of parts, in blocks of whole rows."""
ROWS = 16
"""A block adds at least so many elements to a place where each part has places of its own, so that adding those up is little work."""
LONGEST = 128
"""Float32 sums of columns are added up in memory, row by row: in blocks of so many rows their error does not grow with the number of rows, and the
code generator need not see to it. The partial results are added up in float64."""
ELEMENTS = 4096
"""The elements of a lane are shared out in multiples of this."""
SMALL = 1 << 16
"""Loops known to have no more iterations than this in all are left whole: no thread would be woken for them."""


def in_parts(body: Sequence[Stmt], names: Names, extents: Mapping[str, Size]) -> tuple[Sequence[Stmt], list[Value]]:
    """The statements of a kernel with its main reduction in parts, and the values that hold partial results; what they were if there is
    no such reduction. `extents` are the sizes of the loops that labels stand for."""
    found = _reduction(body)
    if found is None:
        return body, []
    loop, columns = found.loop, found.columns
    inside = [statement.label for statement in every_statement((loop,)) if isinstance(statement, For | Lanes)]
    work = product([extents[label] for label in dict.fromkeys(inside)])
    size = extents[loop.label]
    delicate = bool(columns & _float32_sums(loop, names))
    added = _added(loop, columns, extents)
    rows = size * added
    if isinstance(work, int) and work <= SMALL and not (delicate and isinstance(rows, int) and rows > 4 * LONGEST):
        return body, []
    # A size that the call refuses because it is negative is no reason to divide by 0 before.
    block = _block(loop, greatest(size, 0), greatest(added, 1), bool(columns), delicate)
    parts = (size + block - 1) // block
    if parts == 1 or parts == 0:
        return body, []
    return _Parts(found, names, f"i{len(extents)}", parts).statements(LONGEST if block == LONGEST else names.extent(block))


class _Reduction(NamedTuple):
    """The main loop of a kernel, which reduces.

    scalars  what is computed before it, that parts may read
    start    how its results begin: accumulators, and loops that fill memory with numbers
    after    what follows
    totals   the accumulators that it updates
    columns  the buffers that all of its iterations reduce into
    """

    loop: For | Lanes
    scalars: list[Let | Load]
    start: list[Stmt]
    after: Sequence[Stmt]
    totals: list[Acc]
    columns: set[str]

    @property
    def fills(self) -> list[Stmt]:
        return [statement for statement in self.start if not isinstance(statement, Acc)]


def _reduction(body: Sequence[Stmt]) -> _Reduction | None:
    """The deepest loop of a kernel, if it is a reduction that parts of its range may share; None if it is not."""
    depths = [loop_depth(statement) for statement in body]
    if not any(depths):
        return None
    place = depths.index(max(depths))
    loop, before = body[place], body[:place]
    assert isinstance(loop, For | Lanes)
    totals, columns = _totals(before, loop), _columns(loop)
    if totals is None or columns is None or not (totals or columns):
        return None
    scalars = [statement for statement in before if isinstance(statement, Let | Load)]
    start: list[Stmt] = [statement for statement in before if not isinstance(statement, Let | Load)]
    found = _Reduction(loop, scalars, start, body[place + 1 :], totals, columns)
    filled = {s.buffer for s in every_statement(found.fills) if isinstance(s, Store)}
    if not all(map(_is_fill, found.fills)) or not columns <= filled or not_only_read(scalars, body):
        return None
    return found


def _added(loop: For | Lanes, columns: set[str], extents: Mapping[str, Size]) -> Size:
    """How many elements an iteration adds to one place of the buffers that all of them reduce into; the most, where that is not the same for all."""
    inside = dict.fromkeys([s.label for s in every_statement(loop.body) if isinstance(s, For | Lanes)])
    most: Size = 1
    for store in every_statement(loop.body):
        if isinstance(store, Store) and store.buffer in columns:
            places = {name for index in store.index for name, _ in index.terms}
            most = greatest(most, product([extents[label] for label in inside if label not in places]))
    return most


def _block(loop: For | Lanes, size: Size, added: Size, columns: bool, delicate: bool) -> Size:
    """How many iterations a part has."""
    if columns:
        fewest = greatest(quotient(LONGEST if delicate else ROWS, added), 1)
        return fewest if delicate else fewest + size // PARTS
    return 1 + size // PARTS if isinstance(loop, For) else ELEMENTS * (1 + size // (ELEMENTS * PARTS))


class _Parts:
    """A reduction in parts while it is written: `part` is the label of the parts, `partial` the buffers of their results."""

    def __init__(self, reduction: _Reduction, names: Names, part: str, parts: Size) -> None:
        self.reduction = reduction
        self.names = names
        self.part = part
        self.here = Index(((part, 1),))
        self.parts = parts
        self.count = names.extent(parts)
        self.values: list[Value] = []
        self.partial: dict[str, str] = {acc.name: self._buffer(acc.dtype, ()) for acc in reduction.totals}
        for number, buffer in enumerate(tuple(names.buffers)):
            if buffer.name in reduction.columns:
                self.partial[buffer.name] = self._buffer(buffer.dtype, names.shapes[number])

    def _buffer(self, dtype: DType, shape: tuple[Size, ...]) -> str:
        """A buffer with a partial result of this shape for each part."""
        value = Value((self.parts, *shape), dtype)
        value.order = tuple(range(len(shape) + 1))
        self.values.append(value)
        return self.names.buffer(value, value.dims)

    def statements(self, block: int | str) -> tuple[list[Stmt], list[Value]]:
        """The statements of the kernel, with blocks of this size, and the values with partial results."""
        reduction, part, count = self.reduction, self.part, self.count
        whole = _with_stores((reduction.loop,), self._in_partial)[0]
        assert isinstance(whole, For | Lanes)
        own: list[Stmt] = [*reduction.totals, *_with_stores(reduction.fills, self._only_partial)]
        own.append(whole._replace(block=Block(part, block)))
        own += [Store(self.partial[acc.name], (self.here,), Var(acc.name)) for acc in reduction.totals]
        result: list[Stmt] = [*reduction.scalars, For(part, count, tuple(own), True), *reduction.start]
        if reduction.totals:
            together: list[Stmt] = []
            for acc in reduction.totals:
                name = self.names.variable()
                together += [Load(name, acc.dtype, self.partial[acc.name], (self.here,)), Update(acc.name, Var(name))]
            result.append(Lanes(part, count, tuple(together)))
        if reduction.columns:
            dtypes = {buffer.name: buffer.dtype for buffer in self.names.buffers}
            ops = {s.buffer: s.op for s in every_statement(reduction.loop.body) if isinstance(s, Store)}
            result.append(For(part, count, _with_stores(reduction.fills, lambda store: self._combined(store, dtypes, ops))))
        return [*result, *reduction.after], self.values

    def _in_partial(self, store: Store) -> list[Stmt]:
        """A store, into the partial results of a part if it is one of those that all share."""
        if store.buffer not in self.reduction.columns:
            return [store]
        return [store._replace(buffer=self.partial[store.buffer], index=(self.here, *store.index))]

    def _only_partial(self, store: Store) -> list[Stmt]:
        return self._in_partial(store) if store.buffer in self.reduction.columns else []

    def _combined(self, store: Store, dtypes: Mapping[str, DType], ops: Mapping[str, str | None]) -> list[Stmt]:
        """A partial result brought into the place that a store fills."""
        if store.buffer not in self.reduction.columns:
            return []
        name = self.names.variable()
        value = Load(name, dtypes[store.buffer], self.partial[store.buffer], (self.here, *store.index))
        return [value, store._replace(value=Var(name), op=ops[store.buffer])]


def _totals(before: Sequence[Stmt], loop: For | Lanes) -> list[Acc] | None:
    """The accumulators around a loop that it updates; None if it reads one of them."""
    inner = list(every_statement((loop,)))
    updated = {statement.name for statement in inner if isinstance(statement, Update)}
    found = [statement for statement in before if isinstance(statement, Acc) and statement.name in updated]
    names = {acc.name for acc in found}
    return None if any(names & _reads(statement) for statement in inner) else found


def _reads(statement: Stmt) -> set[str]:
    """The variables that a statement names, but for an accumulator that it updates."""
    found: set[str | None] = set()
    if isinstance(statement, Let):
        found = {atom.name for atom in statement.args if isinstance(atom, Var)}
    elif isinstance(statement, Load | Store):
        found = {name for index in statement.index for name, _ in index.terms}
    if isinstance(statement, Store | Update) and isinstance(statement.value, Var):
        found.add(statement.value.name)
    if isinstance(statement, Load | Store | Update):
        found.add(statement.guard)
    return {name for name in found if name is not None}


def _columns(loop: For | Lanes) -> set[str] | None:
    """The buffers that all iterations reduce into; None if they share others."""
    shared = stored_buffers(loop)[1]
    labels = {s.label for s in every_statement(loop.body) if isinstance(s, For | Lanes)}
    ops: dict[str, str] = {}
    for statement in every_statement(loop.body):
        if isinstance(statement, Load) and statement.buffer in shared:
            return None
        if isinstance(statement, Store) and statement.buffer in shared:
            names = {name for index in statement.index for name, _ in index.terms}
            if statement.op is None or not names <= labels or ops.setdefault(statement.buffer, statement.op) != statement.op:
                return None
    return shared


def _float32_sums(loop: For | Lanes, names: Names) -> set[str]:
    summed = {s.buffer for s in every_statement(loop.body) if isinstance(s, Store) and s.op == "sum"}
    return {buffer.name for buffer in names.buffers if buffer.name in summed and buffer.dtype is float32}


def _is_fill(statement: Stmt) -> bool:
    """Whether a statement does nothing but set memory to numbers."""
    return all(
        isinstance(s, For | Lanes) or (isinstance(s, Store) and isinstance(s.value, Const) and s.op is None and s.guard is None)
        for s in every_statement((statement,))
    )


def _with_stores(body: Sequence[Stmt], change: Callable[[Store], list[Stmt]]) -> tuple[Stmt, ...]:
    """The statements with others for each store, without loops that become empty. Loops nest as deep as arrays have axes, so recursion is bounded."""
    result: list[Stmt] = []
    for statement in body:
        if isinstance(statement, For | Lanes):
            inner = _with_stores(statement.body, change)
            if inner:
                result.append(statement._replace(body=inner))
        elif isinstance(statement, Store):
            result += change(statement)
        else:
            result.append(statement)
    return tuple(result)

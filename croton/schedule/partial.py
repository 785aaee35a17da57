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

from croton.dtypes import DType, float32
from croton.kernel.language import Acc, Block, Const, For, Index, Lanes, Let, Load, Stmt, Store, Update, Var
from croton.kernel.parallelise import every_statement, loop_depth, not_only_read, stored_buffers
from croton.schedule.names import Names
from croton.schedule.step import Value
from croton.sizes import Size, product

PARTS = 16
"""The greatest number of parts, in blocks of whole rows."""
ROWS = 16
"""A block has at least so many rows where each part has a row of partial results, so that adding them up is little work."""
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
    depths = [loop_depth(statement) for statement in body]
    if not any(depths):
        return body, []
    place = depths.index(max(depths))
    loop, before, after = body[place], body[:place], body[place + 1 :]
    assert isinstance(loop, For | Lanes)
    inside = [statement.label for statement in every_statement((loop,)) if isinstance(statement, For | Lanes)]
    work = product([extents[label] for label in dict.fromkeys(inside)])
    scalars = [statement for statement in before if isinstance(statement, Let | Load)]
    totals = _totals(before, loop)
    columns = _columns(loop)
    if totals is None or columns is None or not (totals or columns):
        return body, []
    fills = [statement for statement in before if not isinstance(statement, Let | Load | Acc)]
    filled = {s.buffer for fill in fills for s in every_statement((fill,)) if isinstance(s, Store)}
    if not all(map(_is_fill, fills)) or not columns <= filled or not_only_read(scalars, body):
        return body, []
    size = extents[loop.label]
    delicate = bool(columns & _float32_sums(loop, names))
    if isinstance(work, int) and work <= SMALL and not (delicate and isinstance(size, int) and size > 4 * LONGEST):
        return body, []
    block: Size
    if columns:
        block = LONGEST if delicate else ROWS + size // PARTS
    else:
        block = 1 + size // PARTS if isinstance(loop, For) else ELEMENTS * (1 + size // (ELEMENTS * PARTS))
    parts = (size + block - 1) // block
    if parts == 1 or parts == 0:
        return body, []

    part = f"i{len(extents)}"
    here = Index(((part, 1),))
    count = names.extent(parts)
    partial: dict[str, str] = {}
    values: list[Value] = []

    def new(dtype: DType, shape: tuple[Size, ...]) -> str:
        value = Value((parts, *shape), dtype)
        value.order = tuple(range(len(shape) + 1))
        values.append(value)
        return names.buffer(value, value.dims)

    for acc in totals:
        partial[acc.name] = new(acc.dtype, ())
    for number, buffer in enumerate(tuple(names.buffers)):
        if buffer.name in columns:
            partial[buffer.name] = new(buffer.dtype, names.shapes[number])

    def in_partial(store: Store) -> list[Stmt]:
        return [store._replace(buffer=partial[store.buffer], index=(here, *store.index))] if store.buffer in columns else [store]

    def only_partial(store: Store) -> list[Stmt]:
        return in_partial(store) if store.buffer in columns else []

    def combined(store: Store) -> list[Stmt]:
        if store.buffer not in columns:
            return []
        name = names.variable()
        value = Load(name, dtypes[store.buffer], partial[store.buffer], (here, *store.index))
        return [value, store._replace(value=Var(name), op=ops[store.buffer])]

    dtypes = {buffer.name: buffer.dtype for buffer in names.buffers}
    ops = {s.buffer: s.op for s in every_statement(loop.body) if isinstance(s, Store)}
    whole = _with_stores((loop,), in_partial)[0]
    assert isinstance(whole, For | Lanes)
    own: list[Stmt] = [*totals, *_with_stores(fills, only_partial)]
    own.append(whole._replace(block=Block(part, LONGEST if block == LONGEST else names.extent(block))))
    own += [Store(partial[acc.name], (here,), Var(acc.name)) for acc in totals]
    result: list[Stmt] = [*scalars, For(part, count, tuple(own), True)]
    result += [statement for statement in before if not isinstance(statement, Let | Load)]
    if totals:
        together: list[Stmt] = []
        for acc in totals:
            name = names.variable()
            together += [Load(name, acc.dtype, partial[acc.name], (here,)), Update(acc.name, Var(name))]
        result.append(Lanes(part, count, tuple(together)))
    if columns:
        result.append(For(part, count, _with_stores(fills, combined)))
    return [*result, *after], values


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

"""Steps that are nests of their own: scatters, and scans along a label."""

from __future__ import annotations

from croton.dtypes import unit
from croton.kernel.language import Acc, Const, For, Index, Kernel, Lanes, Stmt, Store, Update, Var
from croton.kernel.parallelise import marked_parallel
from croton.schedule.emit import Emitted, GroupEmitter
from croton.schedule.fuse import Group
from croton.schedule.names import Scope
from croton.schedule.step import Scan, Scatter, Value


def emit_scatter(group: Group, stored: set[Value]) -> Emitted:
    """The kernel of a scatter: the memory is set to its unit, then every value is stored (or reduced into) where it belongs."""
    emitter = GroupEmitter(group, stored)
    member = group.members[0]
    step, detail = member.step, member.step.detail
    assert isinstance(detail, Scatter)
    names = emitter.names
    out = step.out
    before: list[Stmt] = []
    if detail.fill is not None:
        before.append(_fill(emitter, out, unit(detail.fill, out.dtype)))
    inner = Scope(names.head)
    numbers = emitter.evaluate(member, inner, {})
    buffer, index = emitter.place(out, detail.at, member, numbers)
    guard = None
    value = numbers[detail.result]
    skip = False
    if detail.guard >= 0:
        condition = numbers[detail.guard]
        if isinstance(condition, Var):
            guard = condition.name
        else:
            skip = not condition.value
    if not skip:
        inner.statements.append(Store(buffer, index, value, detail.op, guard))
    body: tuple[Stmt, ...] = tuple(inner.statements)
    # lanes must not meet in one element: the lane label is an axis of the result by itself
    lane = emitter.labels[-1] if emitter.labels else ""
    separate = detail.op is None or any(entry == Index(((lane, 1),)) for entry in index)
    for number in range(emitter.loops - 1, -1, -1):
        extent = names.extent(emitter.sizes[number])
        label = emitter.labels[number]
        last = number == emitter.loops - 1
        body = (Lanes(label, extent, body),) if last and separate else (For(label, extent, body),)
    disjoint = detail.op is None or not emitter.labels or any(entry == Index(((emitter.labels[0], 1),)) for entry in index)
    return _finished(emitter, [*before, *body], disjoint)


def emit_scan(group: Group, stored: set[Value]) -> Emitted:
    """The kernel of a running reduction along the last label of the space."""
    emitter = GroupEmitter(group, stored)
    member = group.members[0]
    step, detail = member.step, member.step.detail
    assert isinstance(detail, Scan)
    names = emitter.names
    inner = Scope(names.head)
    numbers = emitter.evaluate(member, inner, {})
    buffer, entries = emitter.place(step.out, detail.at, member, numbers)
    total = names.variable()
    update, store = Update(total, numbers[-1]), Store(buffer, entries, Var(total))
    inner.statements += [store, update] if detail.exclusive else [update, store]
    extent = names.extent(emitter.sizes[-1])
    body: tuple[Stmt, ...] = (Acc(total, step.out.dtype, detail.op), For(emitter.labels[-1], extent, tuple(inner.statements)))
    for number in range(emitter.loops - 2, -1, -1):
        body = (For(emitter.labels[number], names.extent(emitter.sizes[number]), body),)
    return _finished(emitter, list(body))


def _finished(emitter: GroupEmitter, body: list[Stmt], disjoint: bool = False) -> Emitted:
    names = emitter.names
    kernel_sizes, sizes = names.sizes()
    kernel = Kernel(tuple(names.buffers), kernel_sizes, marked_parallel(names.head.statements + body, disjoint))
    return Emitted(kernel, tuple(names.values), sizes, ())


def _fill(emitter: GroupEmitter, value: Value, start: bool | int | float) -> Stmt:
    """All elements of a value set to a number."""
    names = emitter.names
    shape = tuple([value.dims[axis] for axis in value.order])
    buffer = names.buffer(value, shape)
    labels = [f"j{place}" for place in range(len(shape))]
    statement: Stmt = Store(buffer, tuple([Index(((label, 1),)) for label in labels]), Const(start))
    for place in range(len(shape) - 1, -1, -1):
        loop = Lanes if place == len(shape) - 1 else For
        statement = loop(labels[place], names.extent(shape[place]), (statement,))
    return statement

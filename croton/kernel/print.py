"""A kernel as text. Kernels with canonical names and equal texts are the same program, so the text is the cache key."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from croton.kernel.language import Acc, Atom, Buffer, Const, Extent, For, Index, Kernel, Lanes, Let, Load, Stmt, Store, Update

INDENT = "    "
NO_OPS: Mapping[str, str] = MappingProxyType({})


def to_text(kernel: Kernel, name: str = "kernel") -> str:
    """The kernel in the notation of `language.py`, ending without a newline."""
    buffers = ", ".join(map(_buffer, kernel.buffers))
    ops: dict[str, str] = {}
    lines = [f"{name}({buffers}; {', '.join(kernel.sizes)})"]
    if kernel.steps is not None:
        moves = [f"{buffer} += {by}" for buffer, by in kernel.steps.moves]
        follows = [f"{buffer} = {other}" for buffer, other in kernel.steps.follows]
        exchanges = [f"{' '.join(some)} <-> {' '.join(others)}" for some, others in kernel.steps.exchanges]
        lines.append(f"{INDENT}each step {', '.join([*moves, *follows, *exchanges])}")
    pending: list[tuple[Stmt, str]] = [(statement, INDENT) for statement in reversed(kernel.body)]
    while pending:
        statement, indent = pending.pop()
        if isinstance(statement, Acc):
            ops[statement.name] = statement.op
        lines.append(indent + statement_text(statement, ops))
        if isinstance(statement, For | Lanes):
            pending += [(inner, indent + INDENT) for inner in reversed(statement.body)]
    return "\n".join(lines)


def statement_text(statement: Stmt, ops: Mapping[str, str] = NO_OPS) -> str:
    """One statement on one line; of a loop only its head. `ops` are the operations of the accumulators, where they are known."""
    kind = type(statement)
    if kind is Let:
        return f"{statement.name}: {statement.dtype} = {statement.function}({', '.join(map(_atom, statement.args))})"  # type: ignore[union-attr]
    if kind is Load:
        return f"{statement.name}: {statement.dtype} = {_access(statement)}{_guard(statement)}"  # type: ignore
    if kind is Store:
        return f"{_access(statement)} {statement.op or ''}= {_atom(statement.value)}{_guard(statement)}"  # type: ignore
    if kind is Acc:
        return f"acc {statement.name}: {statement.dtype} {statement.op}"  # type: ignore
    if kind is Update:
        return f"{statement.name} {ops.get(statement.name, 'op')}= {_atom(statement.value)}{_guard(statement)}"  # type: ignore
    word = "for" if kind is For else "lanes"
    block = "" if statement.block is None else f" in {statement.block.number} of {statement.block.size}"  # type: ignore
    return f"{'parallel ' if statement.parallel else ''}{word} {statement.label} < {statement.extent}{block}:"  # type: ignore


def index_text(index: Index) -> str:
    """const + coef * name + ..., leaving out what does nothing."""
    parts = [name if coef == 1 else f"{coef} * {name}" for name, coef in index.terms]
    if index.const != 0 or not parts:
        parts.append(str(index.const))
    return " + ".join(parts)


def _buffer(buffer: Buffer) -> str:
    return f"{buffer.name}: {buffer.dtype} {_extents(buffer.shape)}"


def _extents(shape: tuple[Extent, ...]) -> str:
    return f"[{', '.join(map(str, shape))}]"


def _access(statement: Load | Store) -> str:
    return f"{statement.buffer}[{', '.join(map(index_text, statement.index))}]"


def _guard(statement: Load | Store | Update) -> str:
    return "" if statement.guard is None else f" if {statement.guard}"


def _atom(atom: Atom) -> str:
    return repr(atom.value) if isinstance(atom, Const) else atom.name

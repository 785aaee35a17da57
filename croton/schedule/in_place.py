"""Whether a kernel may write what it makes in the memory of what it reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from croton.kernel.language import For, Index, Kernel, Lanes, Load, Stmt, Store


class Access(NamedTuple):
    """What a call does to a value, in the order of the program's text."""

    position: int
    write: bool
    plain: bool
    at: tuple[Index, ...]
    loops: tuple[str, ...]


def accesses(kernel: Kernel) -> dict[str, list[Access]]:
    """Every access of a kernel by buffer, in the order of the text."""
    found: dict[str, list[Access]] = {}
    position = 0
    stack: list[tuple[Sequence[Stmt], int, tuple[str, ...]]] = [(kernel.body, 0, ())]
    while stack:
        statements, start, loops = stack.pop()
        for number in range(start, len(statements)):
            statement = statements[number]
            position += 1
            if type(statement) is Load:
                found.setdefault(statement.buffer, []).append(Access(position, False, True, statement.index, loops))
            elif type(statement) is Store:
                plain = statement.op is None and statement.guard is None
                found.setdefault(statement.buffer, []).append(Access(position, True, plain, statement.index, loops))
            elif type(statement) is For or type(statement) is Lanes:
                stack.append((statements, number + 1, loops))
                # the label says which block it is in
                around = loops if statement.block is None else tuple([label for label in loops if label != statement.block.number])
                stack.append((statement.body, 0, (*around, statement.label)))
                break
    return found


def may_replace(kernel: Kernel, found: dict[str, list[Access]], new: str, old: str) -> bool:
    """Whether a kernel may write one buffer in the memory of another that dies with it: each element is read before it is written."""
    shapes = {buffer.name: buffer for buffer in kernel.buffers}
    if shapes[new].shape != shapes[old].shape or shapes[new].dtype.itemsize != shapes[old].dtype.itemsize:
        return False
    writes = [access for access in found.get(new, ()) if access.write]
    if not writes:
        return False
    write = writes[0]
    if any(not access.plain or access.at != write.at or access.loops != write.loops for access in found[new] if access.write):
        return False
    labels = [index.terms[0][0] for index in write.at if len(index.terms) == 1 and index.terms[0][1] == 1 and index.const == 0]
    if len(labels) != len(write.at) or sorted(labels) != sorted(write.loops):
        return False
    return all(not access.write and access.at == write.at and access.position < write.position for access in found.get(old, ()))

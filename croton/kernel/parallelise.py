"""Which loop of a kernel may be cut into pieces that run at the same time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from croton.kernel.language import Acc, Extent, For, Index, Kernel, Lanes, Let, Load, Stmt, Store

AFTER = (-1, -1)
"""The part that stands for what follows the parallel loop of a sweep."""


class Sweep(NamedTuple):
    """A part of a kernel that is called by itself, since all of it has to be done before what is behind it.

    before  scalars, which every call computes
    loop    the loop of which a call may run a part; None if there is none
    after   what follows when all of the loop is done, or everything if there is none
    """

    before: tuple[Stmt, ...]
    loop: For | Lanes | None
    after: tuple[Stmt, ...]

    @property
    def body(self) -> tuple[Stmt, ...]:
        """All of its statements, in order."""
        return self.before + (() if self.loop is None else (self.loop,)) + self.after


def sweeps(kernel: Kernel) -> tuple[Sweep, ...]:
    """The sweeps of a kernel in turn: each parallel loop with the scalars right before it and all that follows, and what is before the first."""
    body = kernel.body
    loops = [] if kernel.steps is not None else [place for place, s in enumerate(body) if (type(s) is For or type(s) is Lanes) and s.parallel]
    begins: list[int] = []
    for place in loops:
        begin = place
        while begin > 0 and (type(body[begin - 1]) is Let or type(body[begin - 1]) is Load):
            begin -= 1
        begins.append(begin)
    first = begins[0] if begins else len(body)
    found = [Sweep((), None, body[:first])] if first or not body else []
    for begin, place, end in zip(begins, loops, [*begins[1:], len(body)]):
        loop = body[place]
        assert isinstance(loop, For | Lanes)
        found.append(Sweep(body[begin:place], loop, body[place + 1 : end]))
    return tuple(found)


def marked_parallel(body: Sequence[Stmt], disjoint: bool = False) -> tuple[Stmt, ...]:
    """The statements of a kernel with their main loop marked parallel if that is legal.

    Every thread runs what is before the loop, so that nothing but reads and scalars may stand there. `disjoint` promises that no two
    iterations write one place, which cannot be seen where positions are computed.
    """
    place = main_loop(body)
    if place < 0:
        return tuple(body)
    loop = body[place]
    assert isinstance(loop, For | Lanes)
    stored, shared = stored_buffers(loop, disjoint)
    if loop.parallel or not stored or shared or not all(type(s) is Let or type(s) is Load for s in body[:place]):
        return tuple(body)
    if not_only_read(body[:place], body):
        return tuple(body)
    return (*body[:place], loop._replace(parallel=True), *body[place + 1 :])


def main_loop(body: Sequence[Stmt]) -> int:
    """The place of the loop that has the most loops in it; -1 if there is none, or another has as many."""
    depths = [loop_depth(statement) for statement in body]
    most = max(depths, default=0)
    return depths.index(most) if most and depths.count(most) == 1 else -1


def loop_depth(statement: Stmt) -> int:
    """How deep loops are nested. As deep as arrays have axes, so recursion is bounded."""
    if type(statement) is Lanes:
        return 1
    return 1 + max(map(loop_depth, statement.body), default=0) if type(statement) is For else 0


def not_only_read(scalars: Sequence[Stmt], body: Sequence[Stmt]) -> bool:
    """Whether one of the scalars is read from a buffer that the body writes: every call reads it again."""
    read = {statement.buffer for statement in scalars if type(statement) is Load}
    return bool(read) and any(type(s) is Store and s.buffer in read for s in every_statement(body))


def every_statement(body: Sequence[Stmt]) -> Iterator[Stmt]:
    """The statements and those in their loops."""
    pending = list(body)
    while pending:
        statement = pending.pop()
        yield statement
        if type(statement) is For or type(statement) is Lanes:
            pending += statement.body


def stored_buffers(loop: For | Lanes, disjoint: bool = False) -> tuple[set[str], set[str]]:
    """The buffers that a loop writes, and those of them of which two iterations may touch one place.

    A buffer is an iteration's own if it is accessed, throughout the loop, at places that only this iteration has: in one axis the index
    is the same function coef * label + rest, where the rest stays below coef or does not change.
    """
    changing: set[str] = set()
    extents: dict[str, Extent | None] = {}
    accesses: dict[str, list[tuple[Index, ...]]] = {}
    stored: set[str] = set()
    read: set[str] = set()
    for statement in every_statement(loop.body):
        if type(statement) is For or type(statement) is Lanes:
            # loops side by side may use one name for labels of different extents, of which nothing is known then
            same = extents.setdefault(statement.label, statement.extent) == statement.extent
            extents[statement.label] = statement.extent if same else None
        elif type(statement) is Store:
            accesses.setdefault(statement.buffer, []).append(statement.index)
            stored.add(statement.buffer)
        elif type(statement) is Load:
            accesses.setdefault(statement.buffer, []).append(statement.index)
            read.add(statement.buffer)
            changing.add(statement.name)
        elif type(statement) is Let or type(statement) is Acc:
            changing.add(statement.name)
    doubtful = stored & read if disjoint else stored
    return stored, {buffer for buffer in doubtful if not _disjoint(accesses[buffer], loop.label, changing, extents)}


def _disjoint(accesses: list[tuple[Index, ...]], label: str, changing: set[str], extents: dict[str, Extent | None]) -> bool:
    return any(
        _separates(first, label, changing, extents) and all(access[axis] == first for access in accesses)
        for axis, first in enumerate(accesses[0])
    )


def _separates(index: Index, label: str, changing: set[str], extents: dict[str, Extent | None]) -> bool:
    coefs = [coef for name, coef in index.terms if name == label]
    if len(coefs) != 1 or coefs[0] == 0:
        return False
    others = [(name, coef) for name, coef in index.terms if name != label and (name in extents or name in changing)]
    if not others:
        return isinstance(coefs[0], int)
    if len(others) > 1:
        return False
    name, coef = others[0]
    return coef == 1 and extents.get(name) == coefs[0]

"""Which loop of a kernel may be cut into pieces that run at the same time."""

from __future__ import annotations

from collections.abc import Sequence

from croton.kernel.language import Acc, Extent, For, Index, Kernel, Lanes, Let, Load, Stmt, Store


def parallel_loop(kernel: Kernel) -> For | Lanes | None:
    """The outermost loop whose range a call may restrict: the kernel is one loop, marked parallel, and scalars."""
    loop = _only_loop(kernel.body)
    return loop if loop is not None and loop.parallel else None


def marked_parallel(body: Sequence[Stmt], disjoint: bool = False) -> tuple[Stmt, ...]:
    """The statements of a kernel with the outermost loop marked parallel if that is legal.

    Every thread runs what is not in the loop, so that nothing but reads and scalars may stand there. `disjoint` promises that no two
    iterations write one place, which cannot be seen where positions are computed.
    """
    loop = _only_loop(body)
    if loop is None or loop.parallel or not _independent(loop, disjoint):
        return tuple(body)
    marked = loop._replace(parallel=True)
    return tuple([marked if statement is loop else statement for statement in body])


def _only_loop(body: Sequence[Stmt]) -> For | Lanes | None:
    found: For | Lanes | None = None
    for statement in body:
        if type(statement) is For or type(statement) is Lanes:
            if found is not None:
                return None
            found = statement
        elif type(statement) is not Let and type(statement) is not Load:
            return None
    return found


def _independent(loop: For | Lanes, disjoint: bool) -> bool:
    """Every buffer that is stored is accessed, throughout the loop, at places that only this iteration has: in one axis the index is the
    same function coef * label + rest, where the rest stays below coef or does not change."""
    changing: set[str] = set()
    extents: dict[str, Extent | None] = {}
    accesses: dict[str, list[tuple[Index, ...]]] = {}
    stored: set[str] = set()
    read: set[str] = set()
    pending: list[Stmt] = list(loop.body)
    while pending:
        statement = pending.pop()
        if type(statement) is For or type(statement) is Lanes:
            # loops side by side may use one name for labels of different extents, of which nothing is known then
            same = extents.setdefault(statement.label, statement.extent) == statement.extent
            extents[statement.label] = statement.extent if same else None
            pending += statement.body
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
    return bool(stored) and all(_disjoint(accesses[buffer], loop.label, changing, extents) for buffer in doubtful)


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

"""Which kernels may run on several threads: one outermost loop whose iterations touch memory of their own."""

from __future__ import annotations

from collections.abc import Sequence

from croton.kernel.language import For, Index, Lanes, Let, Load, Stmt, Store


def marked_parallel(body: Sequence[Stmt], disjoint: bool = False) -> tuple[Stmt, ...]:
    """The statements with the outermost loop marked if that is legal.

    Every thread runs what is not in the loop, so that nothing but reads and scalars may stand there. `disjoint` says that no two
    iterations write one place, which cannot be seen where positions are computed.
    """
    loops = [statement for statement in body if type(statement) in (For, Lanes)]
    if len(loops) != 1 or any(type(statement) not in (For, Lanes, Let, Load) for statement in body):
        return tuple(body)
    loop = loops[0]
    if not _independent(loop, disjoint):
        return tuple(body)
    return tuple([statement._replace(parallel=True) if statement is loop else statement for statement in body])


def _independent(loop: For | Lanes, disjoint: bool) -> bool:
    own = Index(((loop.label, 1),))
    stores: dict[str, set[int]] = {}
    accesses: list[tuple[str, tuple[Index, ...]]] = []
    stack: list[Stmt] = list(loop.body)
    while stack:
        statement = stack.pop()
        kind = type(statement)
        if kind is For or kind is Lanes:
            stack += statement.body
        elif kind is Store:
            places = {place for place, entry in enumerate(statement.index) if entry == own}
            stores[statement.buffer] = stores.get(statement.buffer, places) & places
        elif kind is Load:
            accesses.append((statement.buffer, statement.index))
    if not stores:
        return False
    for buffer, index in accesses:
        if buffer in stores:
            stores[buffer] &= {place for place, entry in enumerate(index) if entry == own}
            if not stores[buffer]:
                return False
    return disjoint or all(stores.values())

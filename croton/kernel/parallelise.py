"""Which loop of a kernel may be cut into pieces that run at the same time."""

from __future__ import annotations

from croton.kernel.language import Acc, Extent, For, Index, Kernel, Lanes, Let, Load, Stmt, Store, Update


def parallel_loop(kernel: Kernel) -> For | Lanes | None:
    """The outermost loop whose range a call may restrict: the kernel is one loop, marked parallel, and scalars."""
    loop = _only_loop(kernel)
    return loop if loop is not None and loop.parallel else None


def parallelise(kernel: Kernel) -> Kernel:
    """The kernel with its outermost loop marked parallel if it is the only one and its iterations provably touch disjoint memory."""
    loop = _only_loop(kernel)
    if loop is None or loop.parallel or not _independent(loop):
        return kernel
    marked = loop._replace(parallel=True)
    return kernel._replace(body=tuple(marked if statement is loop else statement for statement in kernel.body))


def _only_loop(kernel: Kernel) -> For | Lanes | None:
    loops = [statement for statement in kernel.body if isinstance(statement, For | Lanes)]
    if len(loops) != 1 or not all(isinstance(statement, For | Lanes | Let | Load) for statement in kernel.body):
        return None
    return loops[0]


def _independent(loop: For | Lanes) -> bool:
    """Every buffer that is stored is accessed, throughout the loop, at places that only this iteration has: in one axis the index is the
    same function coef * label + rest, where the rest stays below coef or does not change."""
    own: set[str] = set()
    extents: dict[str, Extent] = {}
    accesses: dict[str, list[tuple[Index, ...]]] = {}
    stored: set[str] = set()
    pending: list[Stmt] = list(loop.body)
    while pending:
        statement = pending.pop()
        if isinstance(statement, For | Lanes):
            extents[statement.label] = statement.extent
            pending += statement.body
        elif isinstance(statement, Acc):
            own.add(statement.name)
        elif isinstance(statement, Load | Store):
            accesses.setdefault(statement.buffer, []).append(statement.index)
            if isinstance(statement, Store):
                stored.add(statement.buffer)
            else:
                own.add(statement.name)
        elif isinstance(statement, Let):
            own.add(statement.name)
    updated = {s.name for s in _statements(loop) if isinstance(s, Update)}
    return updated <= own and all(_disjoint(accesses[buffer], loop.label, own, extents) for buffer in stored)


def _disjoint(accesses: list[tuple[Index, ...]], label: str, changing: set[str], extents: dict[str, Extent]) -> bool:
    for axis in range(len(accesses[0])):
        first = accesses[0][axis]
        if all(access[axis] == first for access in accesses) and _separates(first, label, changing, extents):
            return True
    return False


def _separates(index: Index, label: str, changing: set[str], extents: dict[str, Extent]) -> bool:
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


def _statements(loop: For | Lanes) -> list[Stmt]:
    found: list[Stmt] = []
    pending: list[Stmt] = [loop]
    while pending:
        statement = pending.pop()
        found.append(statement)
        if isinstance(statement, For | Lanes):
            pending += statement.body
    return found

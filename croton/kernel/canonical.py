"""Canonical names: b0.. for buffers and n0.. for sizes as they stand, i0.. for labels and v0.. for values as they are defined."""

from __future__ import annotations

from croton.kernel.language import Acc, Atom, Block, Buffer, Const, Extent, For, Index, Kernel, Lanes, Let, Load, Stmt, Store, Update, Var


def canonical(kernel: Kernel) -> Kernel:
    """The same kernel with canonical names, so that kernels that differ by names only have one text.

    Whoever emits kernels should choose these names to begin with; this is for kernels written by hand and for tests.
    """
    names = {buffer.name: f"b{place}" for place, buffer in enumerate(kernel.buffers)}
    names.update((size, f"n{place}") for place, size in enumerate(kernel.sizes))
    buffers = tuple(Buffer(names[b.name], b.dtype, tuple(_extent(e, names) for e in b.shape)) for b in kernel.buffers)
    body = _Renamer(names).block(kernel.body)
    return Kernel(buffers, tuple(names[size] for size in kernel.sizes), body)


def _extent(extent: Extent, names: dict[str, str]) -> Extent:
    return names[extent] if isinstance(extent, str) else extent


class _Renamer:
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names
        self.labels = 0
        self.values = 0

    def block(self, body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
        """Loops nest as deep as arrays have axes, so recursion is bounded."""
        result: list[Stmt] = []
        for statement in body:
            if isinstance(statement, For | Lanes):
                self.names[statement.label] = f"i{self.labels}"
                self.labels += 1
                extent = _extent(statement.extent, self.names)
                label = self.names[statement.label]
                part = statement.block
                if part is not None:
                    part = Block(self.names[part.number], _extent(part.size, self.names))
                result.append(statement._replace(label=label, extent=extent, body=self.block(statement.body), block=part))
            elif isinstance(statement, Let):
                args = tuple([self.atom(atom) for atom in statement.args])
                result.append(statement._replace(name=self.define(statement.name), args=args))
            elif isinstance(statement, Load):
                index, guard = self.index(statement.index), self.guard(statement.guard)
                buffer = self.names[statement.buffer]
                result.append(Load(self.define(statement.name), statement.dtype, buffer, index, guard))
            elif isinstance(statement, Store):
                index, guard = self.index(statement.index), self.guard(statement.guard)
                result.append(Store(self.names[statement.buffer], index, self.atom(statement.value), statement.op, guard))
            elif isinstance(statement, Acc):
                result.append(statement._replace(name=self.define(statement.name)))
            else:
                assert isinstance(statement, Update)
                result.append(Update(self.names[statement.name], self.atom(statement.value), self.guard(statement.guard)))
        return tuple(result)

    def define(self, name: str) -> str:
        self.names[name] = f"v{self.values}"
        self.values += 1
        return self.names[name]

    def atom(self, atom: Atom) -> Atom:
        return atom if isinstance(atom, Const) else Var(self.names[atom.name])

    def guard(self, guard: str | None) -> str | None:
        return None if guard is None else self.names[guard]

    def index(self, index: tuple[Index, ...]) -> tuple[Index, ...]:
        names = self.names
        return tuple([Index(tuple([(names[n], _extent(c, names)) for n, c in part.terms]), _extent(part.const, names)) for part in index])

"""Kernels that are alike but for their constants, as those of loops and layers written with a number of their own, become one kernel.

What differs becomes a parameter: a place in an array that is only read, or a number that is added or multiplied. Compiling a kernel takes far longer
than reading a number, which a call does once, before its loops.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple

from croton.dtypes import DType
from croton.kernel.language import Atom, Const, Extent, For, Index, Kernel, Lanes, Let, Load, Stmt, Store, Var
from croton.kernel.print import to_text
from croton.schedule.plan import Plan, with_kernels

EXACT = frozenset(("add", "sub", "mul", "fma"))
"""Functions of floats that are computed in the same way whether an argument is a constant or not; a division, say, is not."""


class _Constant(NamedTuple):
    """A constant as 64 bits: a place in an array, or, if it has a dtype, the bits of a float64."""

    dtype: DType | None
    bits: int


Rename = Callable[[_Constant], str | None]
"""What is to be written for a constant: a name, or None where it stays."""


class _Merged(NamedTuple):
    """The kernel that is called in place of another one, and what it is given besides."""

    kernel: Kernel
    constants: tuple[int, ...] = ()


def merge_alike(plan: Plan) -> Plan:
    """The plan with one kernel in place of those that are alike."""
    found = {number: _Merged(kernel) for number, kernel in enumerate(plan.kernels)}
    # Texts are made only where there is something to compare.
    for likely in _groups({number: _outline(kernel) for number, kernel in enumerate(plan.kernels)}):
        parts = {number: _taken_apart(plan.kernels[number]) for number in likely}
        for numbers in _groups({number: text for number, (text, _) in parts.items()}):
            found.update(zip(numbers, _merged(plan.kernels[numbers[0]], [parts[number][1] for number in numbers])))
    if all(kernel is one.kernel for kernel, one in zip(plan.kernels, found.values())):
        return plan
    places: dict[int, int] = {}
    for one in found.values():
        places.setdefault(id(one.kernel), len(places))
    kernels = tuple({id(one.kernel): one.kernel for one in found.values()}.values())
    return with_kernels(plan, [(places[id(one.kernel)], one.constants) for one in found.values()])._replace(kernels=kernels)


def _groups(keys: Mapping[int, Hashable]) -> list[list[int]]:
    """The numbers that have one key, where there are several."""
    groups: dict[Hashable, list[int]] = {}
    for number, key in keys.items():
        groups.setdefault(key, []).append(number)
    return [group for group in groups.values() if len(group) > 1]


def _outline(kernel: Kernel) -> Hashable:
    """What kernels that are alike have in common, without looking at each statement."""
    inside = sum([len(statement.body) for statement in kernel.body if isinstance(statement, For | Lanes)])
    return kernel.buffers, kernel.sizes, kernel.steps, len(kernel.body), inside


def _taken_apart(kernel: Kernel) -> tuple[str, list[_Constant]]:
    """The kernel's text with one name for all constants that may be parameters, and these."""
    constants: list[_Constant] = []

    def rename(constant: _Constant) -> str:
        constants.append(constant)
        return "?"

    return to_text(_Rewriting(kernel, rename).kernel()), constants


def _merged(kernel: Kernel, rows: Sequence[Sequence[_Constant]]) -> list[_Merged]:
    """One kernel for all that are like this one but have these constants, and what each call gives it."""
    columns = list(zip(*rows))
    names: dict[tuple[_Constant, ...], str] = {}
    for column in columns:
        if any(constant != column[0] for constant in column):
            # What is the same in each of the kernels is one parameter, so that equal places are still seen to be equal.
            names.setdefault(column, f"n{len(kernel.sizes) + len(names)}")
    following = iter([names.get(column) for column in columns])
    merged = _Rewriting(kernel, lambda constant: next(following)).kernel()
    merged = merged._replace(sizes=(*kernel.sizes, *names.values()))
    return [_Merged(merged, tuple([column[place].bits for column in names])) for place in range(len(rows))]


class _Rewriting:
    """A kernel with names in place of constants. A number that gets a name is a variable at the head, which has the value of that size's bits."""

    def __init__(self, kernel: Kernel, rename: Rename) -> None:
        self.rename = rename
        self.old = kernel
        self.stored: set[str] = set()
        self.last = -1
        self.head: dict[tuple[str, DType], Let] = {}
        pending = list(kernel.body)
        while pending:
            statement = pending.pop()
            if isinstance(statement, Store):
                self.stored.add(statement.buffer)
            elif isinstance(statement, For | Lanes):
                pending += statement.body
            elif statement.name[0] == "v":
                self.last = max(self.last, int(statement.name[1:]))

    def kernel(self) -> Kernel:
        body = self.block(self.old.body)
        return self.old._replace(body=(*self.head.values(), *body))

    def block(self, body: Sequence[Stmt]) -> tuple[Stmt, ...]:
        """Loops nest as deep as arrays have axes, so recursion is bounded."""
        return tuple([self.statement(statement) for statement in body])

    def statement(self, statement: Stmt) -> Stmt:
        if isinstance(statement, Let):
            if statement.function in EXACT and statement.dtype.is_float:
                return statement._replace(args=tuple([self.number(atom, statement.dtype) for atom in statement.args]))
        elif isinstance(statement, Load):
            if statement.buffer not in self.stored:
                return statement._replace(index=tuple([self.place(index) for index in statement.index]))
        elif isinstance(statement, For | Lanes):
            return statement._replace(body=self.block(statement.body))
        return statement

    def number(self, atom: Atom, dtype: DType) -> Atom:
        if not isinstance(atom, Const):
            return atom
        bits: int = struct.unpack("<q", struct.pack("<d", atom.value))[0]
        name = self.rename(_Constant(dtype, bits))
        if name is None:
            return atom
        let = self.head.get((name, dtype))
        if let is None:
            let = self.head[name, dtype] = Let(f"v{self.last + 1 + len(self.head)}", dtype, "bits", (Var(name),))
        return Var(let.name)

    def place(self, index: Index) -> Index:
        if not isinstance(index.const, int):
            return index
        name: Extent | None = self.rename(_Constant(None, index.const))
        return index if name is None else index._replace(const=name)

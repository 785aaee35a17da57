"""A key for a graph: two graphs with one fingerprint compile to the same program, in this process or another.

Unknown sizes are numbered in the order they are met, so that a graph built again (whose sizes have other names) has the same key. The
user's lines take part, because the program carries them. The user's own routines are numbered likewise: what a program is depends on what they give and
on which of them are the same, not on what they do, and whoever loads it has them at hand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from croton.dtypes import DType
from croton.expr.expr import Constant, Expr, Input, SharedVariable
from croton.expr.walk import walk
from croton.sizes import Poly, Size, Symbol, substitute, symbol, symbols
from croton.transforms.custom import Rule
from croton.transforms.functions import Call
from croton.transforms.routine import Foreign

Function = Callable[..., Any]


class Fingerprint(NamedTuple):
    """The key of a graph, and what a program with that key refers to by number: leaves that are no inputs (shared variables), and the user's routines.

    The key is None for a graph that has none: its program is not kept.
    """

    key: str | None
    shared: list[SharedVariable]
    foreign: list[Function]


class _Names:
    """Canonical names for sizes, and numbers for the user's routines and for calls of functions that are differentiated."""

    __slots__ = ("calls", "foreign", "mapping", "texts")

    def __init__(self) -> None:
        self.mapping: dict[Symbol, Size] = {}
        self.texts: dict[Size, str] = {}
        self.foreign: dict[Function, int] = {}
        self.calls: dict[Call, int] = {}

    def text(self, size: Size) -> str:
        if isinstance(size, int):
            return str(size)
        found = self.texts.get(size)
        if found is None:
            for name in symbols(size):
                if name not in self.mapping:
                    self.mapping[name] = symbol(f"#{len(self.mapping)}")
            found = self.texts[size] = repr(substitute(size, self.mapping))
        return found

    def token(self, param: Any) -> str:
        """A param as text; what has no text of its own is refused, since a key must not depend on an address."""
        if isinstance(param, Poly):
            return self.text(param)
        if isinstance(param, Foreign):
            number = self.foreign.setdefault(param.function, len(self.foreign))
            return f"routine:{number} {param.name!r} {self.token(param.results)} {param.batched}"
        if isinstance(param, tuple):
            return "(" + ",".join([self.token(item) for item in param]) + ")"
        if param is None or isinstance(param, bool | int | float | str | DType | bytes):
            return f"{type(param).__name__}:{param!r}"
        if isinstance(param, Rule):
            return self.rule(param)
        if isinstance(param, Call):
            return f"call:{self.calls.setdefault(param, len(self.calls))}"
        raise Unkeyed(f"a param of type {type(param).__name__}")

    def rule(self, rule: Rule) -> str:
        """A pullback as text: the key of its graph. Its sizes are those of the arguments, which have been met."""
        leaves = [*rule.placeholders, *[leaf for leaf in rule.cotangents if leaf is not None]]
        gradients = [gradient for gradient in rule.gradients if gradient is not None]
        known = {name for leaf in leaves for size in leaf.shape for name in symbols(size)}
        if not known.issuperset(rule.symbols):
            raise Unkeyed("a pullback that names a size which no argument has")
        shape = [leaf is None for leaf in (*rule.cotangents, *rule.gradients)]
        found = fingerprint(leaves, gradients, [rule.results, *shape])
        called = [self.foreign.setdefault(function, len(self.foreign)) for function in found.foreign]
        return f"rule:{found.key} {called}"


class Unkeyed(Exception):
    """The graph holds something that has no key; it is compiled, and not cached."""


def fingerprint(inputs: Sequence[Expr], outputs: Sequence[Expr], settings: Sequence[Any]) -> Fingerprint:
    """The key of a graph. Raises Unkeyed where it has none.

    `settings` is whatever else the program depends on: the configuration, how results are returned, which variables are updated.
    """
    names = _Names()
    digest = hashlib.sha256()
    number: dict[Expr, int] = {}
    shared: list[SharedVariable] = []
    position = {leaf: i for i, leaf in enumerate(inputs)}

    def shape(node: Expr) -> str:
        return ",".join([names.text(size) for size in node.shape])

    parts: list[str] = [repr(settings)]
    for leaf in inputs:
        parts.append(f"input {position[leaf]} {leaf.name!r} {leaf.dtype.name}[{shape(leaf)}] {leaf.line}")
        number[leaf] = len(number)
    for node in walk(outputs):
        if node in number:
            continue
        if node.op is not None:
            arguments = ",".join([str(number[x]) for x in node.inputs])
            parts.append(f"{node.op.name} {arguments} {names.token(node.params)} {node.line}")
        elif isinstance(node, Constant):
            value = node.value.tobytes()
            text = value.hex() if len(value) <= 64 else hashlib.sha256(value).hexdigest()
            parts.append(f"constant {node.dtype.name}[{shape(node)}] {text}")
        elif isinstance(node, Input):
            parts.append(f"free {node.name!r}")
        else:
            assert isinstance(node, SharedVariable)
            parts.append(f"shared {len(shared)} {node.name!r} {node.dtype.name}[{shape(node)}] {node.line}")
            shared.append(node)
        number[node] = len(number)
    parts.append(",".join([str(number[x]) for x in outputs]))
    # Which of two right programs is made depends on likely sizes.
    parts.append(f"likely {[name.hint for name in names.mapping]}")
    digest.update("\n".join(parts).encode())
    return Fingerprint(digest.hexdigest(), shared, list(names.foreign))

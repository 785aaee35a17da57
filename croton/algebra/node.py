"""Nodes, labels and uses of the algebra: the data, and nothing that rewrites it.

A node is immutable and hash-consed: two nodes that say the same are one object. Axes are positions; inside a node the
labels 0..len(dims)-1 are its axes and the following integers are what it sums over. A value outside a node is a `Use`, the
node read at `Label` objects, each of which carries its size.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from croton.dtypes import DType
from croton.sizes import Size


class Label:
    """A name for an index, with its size. Labels are compared by identity.

    An `ambient` label belongs to something around the operation at hand (the element that a vectorised function is mapped over): every product keeps it,
    unless it is summed by name.
    """

    __slots__ = ("ambient", "size")

    def __init__(self, size: Size, ambient: bool = False) -> None:
        self.size = size
        self.ambient = ambient

    def __repr__(self) -> str:
        return f"<{id(self) % 9973}:{self.size}>"


class Coef(NamedTuple):
    """A number times powers of sizes, so that the 1/n of a mean stays symbolic."""

    number: int | float
    sizes: tuple[tuple[Size, int], ...] = ()


ONE = Coef(1)


class Node:
    """One value of the algebra.

    kind     one of the names in KINDS
    dims     sizes of its axes, never the integer 1
    dtype    element type; relations are bool
    args     the nodes it reads: tuples (node, labels, ...) whose third entry is a power (Contract) or a Coef (Add)
    param    what else it says: the function of a Map or Reduce, the coefficient of a Contract, the row of a relation, ...
    sums     sizes of the labels it sums (or reduces) over
    origin   the user's line it came from; no part of its identity
    """

    __slots__ = ("__weakref__", "args", "dims", "dtype", "id", "kind", "memo", "origin", "param", "sums")

    kind: str
    dims: tuple[Size, ...]
    dtype: DType
    args: tuple[tuple, ...]
    param: Any
    sums: tuple[Size, ...]
    origin: Any
    id: int
    memo: dict[str, Any] | None

    def __repr__(self) -> str:
        return f"n{self.id}:{self.kind}{list(self.dims)}"


class Use(NamedTuple):
    """The value of a node at labels, one label an axis. A repeated label reads a diagonal."""

    node: Node
    labels: tuple[Label, ...]

    @property
    def dtype(self) -> DType:
        return self.node.dtype


class Operand(NamedTuple):
    """An array of the user: a label for each axis, and its value, which may depend on fewer labels."""

    axes: tuple[Label, ...]
    use: Use

    @property
    def dtype(self) -> DType:
        return self.use.node.dtype

    @property
    def shape(self) -> tuple[Size, ...]:
        return tuple(axis.size for axis in self.axes)


KINDS = (
    "input", "constant", "iota",
    "contract", "add", "map", "reduce", "arg", "cumulate", "call", "loop",
    "affine", "range", "select",
)  # fmt: skip
RELATIONS = frozenset({"affine", "range", "select"})

_table: weakref.WeakValueDictionary[tuple, Node] = weakref.WeakValueDictionary()
_ids = itertools.count()


class _Origin:
    """The user's line that nodes made now come from; set while lowering, read by `intern`."""

    current: Any = None


origin = _Origin()


def intern(
    kind: str,
    dims: tuple[Size, ...],
    dtype: DType,
    args: tuple[tuple, ...] = (),
    param: Any = None,
    sums: tuple[Size, ...] = (),
) -> Node:
    """The node with these parts. Only normalising constructors call this."""
    key = (kind, dims, dtype, args, param, sums)
    node = _table.get(key)
    if node is None:
        node = Node()
        node.kind, node.dims, node.dtype, node.args, node.param, node.sums = kind, dims, dtype, args, param, sums
        node.origin, node.id, node.memo = origin.current, next(_ids), None
        _table[key] = node
    return node


def walk(roots: Iterable[Node]) -> Iterator[Node]:
    """Every node below the roots, arguments first. Iterative: depth belongs to the user."""
    seen: set[Node] = set()
    stack: list[tuple[Node, Iterator]] = []
    for root in roots:
        if root in seen:
            continue
        seen.add(root)
        stack.append((root, iter(root.args)))
        while stack:
            node, rest = stack[-1]
            for arg in rest:
                child = arg[0]
                if child not in seen:
                    seen.add(child)
                    stack.append((child, iter(child.args)))
                    break
            else:
                stack.pop()
                yield node

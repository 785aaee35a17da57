"""Walks of directed graphs that never recurse: depth belongs to the user."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def children_first(roots: Iterable[T], children: Callable[[T], Iterable[T]]) -> Iterator[T]:
    """Every node below the roots once, each after its children, in the order a reader would meet them.

    Nodes are told apart by identity. A cycle is not noticed: the graphs of this project have none by construction.
    """
    seen: set[int] = set()
    stack: list[tuple[T, Iterator[T]]] = []
    for root in roots:
        if id(root) in seen:
            continue
        seen.add(id(root))
        stack.append((root, iter(children(root))))
        while stack:
            node, rest = stack[-1]
            for child in rest:
                if id(child) not in seen:
                    seen.add(id(child))
                    stack.append((child, iter(children(child))))
                    break
            else:
                stack.pop()
                yield node

"""Inputs that stand for values of a step while it is written down, and what depends on them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from croton.algebra.constant import input_
from croton.algebra.loop import Slot
from croton.algebra.node import Label, Node, Use

_marks = itertools.count()


class Mark(NamedTuple):
    """The key of an input that stands for a value while a step is written down: `where` says by whom."""

    where: str
    number: int


def mark(axes: Sequence[Label], like: Node | None = None, dtype: object = None) -> Use:
    """An input that stands for a value of a step."""
    return input_(Mark("algebra", next(_marks)), axes, like.dtype if like is not None else dtype)  # type: ignore[arg-type]


def is_closed(node: Node) -> bool:
    """Whether a node depends on nothing that stands for a value of a step. Remembered, so that what is around many loops is looked at once."""
    memo = node.memo
    if memo is not None and "closed" in memo:
        return memo["closed"]
    stack = [node]
    while stack:
        current = stack[-1]
        memo = current.memo
        if memo is None:
            memo = current.memo = {}
        if "closed" in memo:
            stack.pop()
            continue
        pending = [arg[0] for arg in current.args if arg[0].memo is None or "closed" not in arg[0].memo]
        if pending:
            stack += pending
            continue
        stands = current.kind == "input" and isinstance(current.param, (Mark, Slot))
        memo["closed"] = not stands and all(arg[0].memo["closed"] for arg in current.args)  # type: ignore[index]
        stack.pop()
    assert node.memo is not None
    return node.memo["closed"]


def open_nodes(roots: Sequence[Node]) -> list[Node]:
    """The nodes below some that depend on what stands for a value of a step, arguments first."""
    found: dict[Node, None] = {}
    stack = [(root, iter(root.args)) for root in roots if not is_closed(root)]
    while stack:
        node, rest = stack[-1]
        for arg in rest:
            child = arg[0]
            if child not in found and not is_closed(child):
                stack.append((child, iter(child.args)))
                break
        else:
            stack.pop()
            found[node] = None
    return list(found)

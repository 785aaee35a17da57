"""Marks: calls that stand for one of their arguments and only say how a derivative passes through it."""

from __future__ import annotations

from typing import Any, NamedTuple

from croton.algebra.node import Node, Use
from croton.sizes import Size


class Mark(NamedTuple):
    """What tells the routine of a mark from others: its rule, the sizes that it is used at, how many axes are around it, and which of them each
    argument has."""

    rule: Any
    sizes: tuple[Size, ...]
    around: int
    mapped: tuple[tuple[int, ...], ...]


def marked(node: Node, arguments: list[Use]) -> Use | None:
    """The value that a mark stands for; None for any other node."""
    if node.kind != "call" or not isinstance(node.param[0].identity[1], Mark):
        return None
    return arguments[node.param[1]]

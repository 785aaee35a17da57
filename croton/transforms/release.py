"""Removing what only derivatives need: anchors and stops are plain values once every derivative is worked out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from croton.algebra.constant import zero
from croton.algebra.loop import with_body
from croton.algebra.node import Label, Node, Use
from croton.algebra.rebuild import Memo, rebuild
from croton.transforms.mark import marked

MARKS = frozenset({"identity", "stop"})


class Spread(NamedTuple):
    """The key of zeros that make an anchored value one of its own, which depends on each of its axes; `owner` is the id of the expression."""

    owner: int


def release(uses: Sequence[Use], only: Collection[Node] | None = None) -> list[Use]:
    """The uses without `identity`, `stop` and zeros of anchors; or without these nodes, if `only` names some."""
    bodies: Memo = {}

    def visit(node: Node, labels: tuple[Label, ...], arguments: list[Use]) -> Use | None:
        if node.kind == "loop" and only is None:
            return with_body(node, labels, arguments, lambda roots: rebuild(roots, visit, bodies))
        if node.kind == "call" and only is None:
            return marked(node, arguments)
        if node.kind == "input" and isinstance(node.param, Spread) and (only is None or node in only):
            return zero(node.dtype)
        if node.kind != "map" or node.param not in MARKS or (only is not None and node not in only):
            return None
        # The identity of a read with a repeated label is a node for a reason: it takes the diagonal.
        return arguments[0] if len(set(arguments[0].labels)) == len(arguments[0].labels) else None

    return rebuild(uses, visit, at=_may_go)


def _may_go(node: Node) -> bool:
    return node.kind in ("loop", "call", "input") or (node.kind == "map" and node.param in MARKS)

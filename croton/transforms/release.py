"""Removing what only derivatives need: anchors and stops are plain values once every derivative is worked out."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from croton.algebra.loop import with_body
from croton.algebra.node import Label, Node, Use
from croton.algebra.rebuild import Memo, rebuild
from croton.transforms.mark import marked

MARKS = frozenset({"identity", "stop"})


def release(uses: Sequence[Use], only: Collection[Node] | None = None) -> list[Use]:
    """The uses without `identity` and `stop`; or without these nodes, if `only` names some."""
    bodies: Memo = {}

    def visit(node: Node, labels: tuple[Label, ...], arguments: list[Use]) -> Use | None:
        if node.kind == "loop" and only is None:
            return with_body(node, labels, arguments, lambda roots: rebuild(roots, visit, bodies))
        if node.kind == "call" and only is None:
            return marked(node, arguments)
        if node.kind != "map" or node.param not in MARKS or (only is not None and node not in only):
            return None
        # The identity of a read with a repeated label is a node for a reason: it takes the diagonal.
        return arguments[0] if len(set(arguments[0].labels)) == len(arguments[0].labels) else None

    return rebuild(uses, visit)

"""Removing what only derivatives need: anchors and stops are plain values once every derivative is worked out."""

from __future__ import annotations

from collections.abc import Sequence

from croton.algebra.node import Label, Node, Use
from croton.algebra.rebuild import rebuild

MARKS = frozenset({"identity", "stop"})


def release(uses: Sequence[Use]) -> list[Use]:
    """The uses without `identity` and `stop`."""
    return rebuild(uses, _visit)


def _visit(node: Node, labels: tuple[Label, ...], uses: list[Use]) -> Use | None:
    # The identity of a read with a repeated label is a node for a reason: it takes the diagonal.
    if node.kind == "map" and node.param in MARKS and len(set(uses[0].labels)) == len(uses[0].labels):
        return uses[0]
    return None

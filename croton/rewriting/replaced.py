"""What a pass over a whole graph puts in the place of a node, and why: a record that such passes share."""

from __future__ import annotations

from typing import NamedTuple

from croton.algebra.node import Label, Node, Use


class Replaced(NamedTuple):
    """A value computed in another way: how, the node that it was, what it is now at labels for the axes of the node, and what the two cost."""

    rule: str
    node: Node
    use: Use
    axes: tuple[Label, ...]
    before: float
    after: float

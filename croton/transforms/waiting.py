"""What is computed again once other values are there, where those never come: it is computed at once.

A pushforward is made of a pullback by a derivative with respect to its cotangent, which has no value. What a checkpoint computes again in the pullback waits
for that cotangent, and in loops for the adjoints that it begins; in a pushforward, which keeps nothing for later, nothing waits.
"""

from __future__ import annotations

from collections.abc import Sequence

from croton.algebra.call import AGAIN, again
from croton.algebra.constant import constant
from croton.algebra.loop import core_of, with_body
from croton.algebra.node import Label, Node, Use, walk
from croton.algebra.rebuild import rebuild


def without_waiting(uses: Sequence[Use], unknown: Node) -> list[Use]:
    """The uses, in which nothing is computed again for what depends on a node that is not known."""
    return _settled(uses, {unknown})


def without_unknown(derivative: Use, unknown: Node) -> Use:
    """What does not depend on a node that is not known, in terms that do not name it either.

    The derivative of a pullback by its cotangent, in which it is linear, is the same for all cotangents. But a step of a loop whose values it reads may have
    made more of the cotangent, for carries that nobody asks for now.
    """
    zero = constant(0, unknown.dtype)
    return rebuild([derivative], lambda node, *_: zero if node is unknown else None)[0]


def _settled(uses: Sequence[Use], unknown: set[Node]) -> list[Use]:
    for node in walk([use.node for use in uses]):
        if any(arg[0] in unknown for arg in node.args):
            unknown.add(node)

    def visit(node: Node, labels: tuple[Label, ...], arguments: list[Use]) -> Use | None:
        if node not in unknown:
            return None
        if node.kind == "loop":
            return with_body(node, labels, arguments, lambda roots: _settled(roots, _unknown_slots(node, unknown)))
        if node.kind == "call" and node.param[0] is AGAIN:
            known = [use for use, arg in zip(arguments[1:], node.args[1:]) if arg[0] not in unknown]
            return again(arguments[0], known) if known else arguments[0]
        return None

    return rebuild(uses, visit)


def _unknown_slots(node: Node, unknown: set[Node]) -> set[Node]:
    """The slots of a loop that depend on what is not known."""
    core = core_of(node)
    slots = (*core.carries, *core.elements, *core.fixed)
    found = {slot for slot, arg in zip(slots, node.args) if arg[0] in unknown}
    while True:
        inside = set(found)
        for inner in walk([result for result, _ in core.results]):
            if any(arg[0] in inside for arg in inner.args):
                inside.add(inner)
        more = {carry for carry, (result, _) in zip(core.carries, core.results) if result in inside} - found
        if not more:
            return found
        found |= more

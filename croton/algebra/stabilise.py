"""Identities that keep accuracy, applied arguments first: one rule a function, all of them in one list."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from croton.algebra.node import Label, Node, Use
from croton.algebra.rebuild import construct, rebuild

Rule = Callable[[Use], Use | None]
RULES: dict[str, list[Rule]] = {}
"""The rules for each kind of node, tried in order."""


def stabilise(uses: Sequence[Use], applied: dict[str, int] | None = None) -> list[Use]:
    """The same values in forms that lose less to rounding and overflow. `applied` counts the rules that were used, by name."""

    def visit(node: Node, labels: tuple[Label, ...], arguments: list[Use]) -> Use | None:
        if node.kind not in RULES:
            return None
        result = construct(node, labels, arguments)
        for _ in range(4):
            for rule in RULES.get(result.node.kind, ()):
                found = rule(result)
                if found is not None:
                    if applied is not None:
                        applied[rule.__name__] = applied.get(rule.__name__, 0) + 1
                    result = found
                    break
            else:
                break
        return result

    return rebuild(uses, visit)

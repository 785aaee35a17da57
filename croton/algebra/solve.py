"""How a product with relations is computed: which labels it loops over, and where the others come from.

A relation has no direction. To compute with one, it is solved for one of its labels: [i == s*o + k] solved for i is a strided read,
for o a division with a guard; [v == index[b]] solved for v is a gather where an array is read at v and a scatter where the result is.
All choices are priced, the cheapest is kept; equal structures are priced once.
"""

from __future__ import annotations

import itertools
from typing import Any

from croton.algebra.cost import assumes, assuming, elements, extent
from croton.algebra.direction import UNSOLVED, Attempt, directions_of, index_is_safe, problem_of
from croton.algebra.node import RELATIONS, Node
from croton.algebra.solution import Check, Digit, Factor, Gather, Predicate, Solved, timed

__all__ = ["Check", "Digit", "Factor", "Gather", "Predicate", "Solved", "has_relations", "signature", "solve"]

MOST_CHOICES = 64
"""So many combinations of directions are priced at most."""

MOST_PROVED = 6
"""For so many of the cheapest the guards are worked out."""


def has_relations(node: Node) -> bool:
    """Whether a product has a relation among its factors."""
    return any(arg[0].kind in RELATIONS for arg in node.args)


def solve(node: Node) -> Solved:
    """The cheapest way to compute a Contract with relations, at likely sizes; its order and time are those of the sizes that are assumed."""
    if assumes():
        with assuming({}):
            found = solve(node)
        return timed(node.dims, found)
    memo = node.memo
    if memo is None:
        memo = node.memo = {}
    extents = tuple([extent(size) for size in node.dims + node.sums])
    cached = memo.get("solved")
    if cached is not None and cached[0] == extents:
        return cached[1]
    key = (signature(node), extents)
    solved = _known.get(key)
    if solved is None:
        solved = _known[key] = _cheapest(node)
        if len(_known) > MOST_KNOWN:
            _known.pop(next(iter(_known)))
    memo["solved"] = (extents, solved)
    return solved


MOST_KNOWN = 4096
_known: dict[tuple, Solved] = {}


def signature(node: Node) -> tuple:
    """What the ways to compute a product with relations depend on, besides the extents that are assumed."""
    described: list[tuple] = []
    for child, labels, power in node.args:
        if child.kind == "select":
            described.append(("select", index_is_safe(child), labels, child.args[0][1]))
        elif child.kind in RELATIONS:
            described.append((child.kind, child.param, labels))
        else:
            described.append((labels, power))
    return (len(node.dims), node.dims + node.sums, tuple(described))


def _cheapest(node: Node) -> Solved:
    problem = problem_of(node)
    options: list[list[Any]] = [[True, False] for _ in problem.selects]
    options += [directions_of(row, problem.sizes) for row in problem.affine]
    count = len(problem.selects)
    attempts: list[tuple[float, int, Attempt]] = []
    for number, choice in enumerate(itertools.islice(itertools.product(*options), MOST_CHOICES)):
        attempt = Attempt(problem, choice[:count], choice[count:])
        price = attempt.estimate()
        if price is not None:
            attempts.append((price, number, attempt))
    attempts.sort(key=lambda entry: entry[:2])
    best: Solved | None = None
    least: tuple[float, int, float] | None = None
    # Guards are proved for the cheapest only: the proofs are what takes time.
    for price, _, attempt in attempts[:MOST_PROVED]:
        if price > attempts[0][0] * 1.05:
            break
        solved = attempt.solved()
        if solved is not None:
            masks = sum([elements([solved.sizes[label] for label in term]) for term in solved.terms[len(solved.factors) :]])
            key = (price + masks, len(solved.predicates) + len(solved.definitions), solved.time)
            if least is None or key < least:
                best, least = solved, key
    if best is None:
        # No direction works together with the others: every relation a predicate, which always does.
        best = Attempt(problem, [False] * len(problem.selects), [UNSOLVED] * len(problem.affine)).solved()
    assert best is not None, f"no way to compute {node!r}"
    return best

"""Linear loops transposed: a pass that takes products with them in the order that costs least, from whichever end that is.

A Jacobian's product with a vector, in whatever way the Jacobian was obtained, takes loops of vectors, and a Jacobian itself loops of as many vectors as
its shorter side has elements.
"""

from __future__ import annotations

from collections.abc import Sequence

from croton.algebra.loop import core_of, loop_key
from croton.algebra.node import Label, Node, Use, walk
from croton.algebra.plan import cost
from croton.algebra.rebuild import Memo, rebuild
from croton.rewriting.region import strand_axes
from croton.rewriting.reorder import Product, Sum, products, sums
from croton.rewriting.replaced import Replaced

LEAST_GAIN = 1.25
"""Another order must save this factor."""

MOST_TRIED = 32
"""So many places are tried in a round."""

MOST_ROUNDS = 3


def transpose_loops(uses: Sequence[Use]) -> tuple[list[Use], list[Replaced]]:
    """The same values with the products around linear loops in the order that costs least, and what was chosen."""
    result = list(uses)
    chosen: list[Replaced] = []
    for _ in range(MOST_ROUNDS):
        order = list(walk([use.node for use in result]))
        if not any(node.kind == "loop" for node in order):
            break
        found = _Search(order, result).chosen()
        if not found:
            break
        chosen += found
        memo: Memo = {turned.node: (turned.axes, turned.use) for turned in found}
        result = rebuild(result, lambda *_: None, memo)
    return result, chosen


class _Search:
    """Where another order is cheaper, beginning with what is asked for."""

    def __init__(self, order: Sequence[Node], uses: Sequence[Use]) -> None:
        self.order = order
        self.strand_axes = strand_axes(order)
        self.wanted = {use.node for use in uses}
        self.readers: dict[Node, set[Node]] = {node: set() for node in order}
        self.parts: dict[tuple, list[Node]] = {}

    def chosen(self) -> list[Replaced]:
        if not self.strand_axes:
            return []
        for node in self.order:
            if node.kind == "loop":
                self.parts.setdefault(loop_key(node), []).append(node)
            for arg in node.args:
                self.readers[arg[0]].add(node)
        found: list[Replaced] = []
        gone: set[Node] = set()
        # Below a place that was tried there is nothing to be gained with as many vectors.
        least: dict[Node, int] = {}
        tries = 0
        for node in reversed(self.order):
            if node in gone or tries >= MOST_TRIED:
                continue
            places: list[Sum | Product] = [*sums(node, self.strand_axes, least), *products(node, self.strand_axes, least)]
            best: Replaced | None = None
            freed = self._freed(node) if places else set()
            for place in places:
                tries += 1
                for inner in place.region.inside:
                    least[inner] = min(least.get(inner, place.vectors), place.vectors)
                axes = tuple([Label(size) for size in node.dims])
                use = place.otherwise(axes)
                if use is None:
                    continue
                turned = Replaced(place.rule, node, use, axes, self._cost(freed), self._cost(self._new(use, freed), freed))
                if turned.after * LEAST_GAIN <= turned.before and (best is None or turned.after < best.after):
                    best = turned
            if best is not None:
                found.append(best)
                gone |= freed
        return found

    def _freed(self, node: Node) -> set[Node]:
        """What nobody needs but for a node."""
        freed = {node}
        waiting: dict[Node, int] = {}
        stack = [node]
        while stack:
            for child in dict.fromkeys([arg[0] for arg in stack.pop().args]):
                waiting[child] = waiting.get(child, len(self.readers[child])) - 1
                if waiting[child] == 0 and child not in self.wanted:
                    freed.add(child)
                    stack.append(child)
        return freed

    def _new(self, use: Use, freed: set[Node]) -> set[Node]:
        """What has to be computed for a value beyond what is there when some is not needed any more."""
        found: set[Node] = set()
        stack = [use.node]
        while stack:
            node = stack.pop()
            if node not in found and (node not in self.readers or node in freed):
                found.add(node)
                stack += [arg[0] for arg in node.args]
        return found

    def _cost(self, nodes: set[Node], freed: set[Node] | None = None) -> float:
        """What some nodes take; the parts of a loop are one, and nothing where another part is needed anyway."""
        loops: dict[tuple, Node] = {}
        total = 0.0
        for node in nodes:
            if node.kind == "loop":
                loops[loop_key(node)] = node
            else:
                total += cost(node)
        left = nodes if freed is None else freed
        for key, node in loops.items():
            if all(part in left for part in self.parts.get(key, ())):
                total += cost(node) * len(core_of(node).carries)
        return total

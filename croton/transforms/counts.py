"""Graphs with sizes that are counted in the call, in stages.

A counted size is known once its count is. So a graph falls into stages: the first gives the counts that need no other count, the next what these make possible,
the last the results. Each stage is a graph like any other: it has an input more for every count that it needs, of that size and without elements,
and for every value that an earlier stage has made anyway.

What is handed over and not made again: integers, bools, and floating values that no derivative of the stage goes through. Leaves are there, and views of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from croton.dtypes import bool_
from croton.expr.counted import any_counted, count_of, counted_sizes
from croton.expr.expr import Expr, Input
from croton.expr.expr import input as new_input
from croton.expr.types import TensorType
from croton.expr.walk import replaced, walk, walk_with_counts
from croton.ops.axes import EXPAND, PERMUTE, SQUEEZE
from croton.ops.broadcasting import BROADCAST_TO
from croton.ops.casting import CAST, STOP_GRADIENT
from croton.ops.indexing import SLICE
from croton.ops.shape import RESHAPE
from croton.sizes import Symbol
from croton.transforms.loop_nodes import surroundings
from croton.transforms.requests import REQUESTED
from croton.util.errors import NotSupportedError
from croton.util.provenance import Line

VIEWS = frozenset({BROADCAST_TO, CAST, EXPAND, PERMUTE, RESHAPE, SLICE, SQUEEZE, STOP_GRADIENT})
"""What takes next to nothing to make again from its input."""


class Stage(NamedTuple):
    """One stage: a graph of the user's inputs and of its own.

    results  what it gives: counts and values for later stages, or of the last stage the results of the graph
    inputs   its own inputs
    counted  so many of them, the first ones, are there for their size and have no elements
    sources  for each of them where it is from: the stage, and the number of the result
    """

    results: list[Expr]
    inputs: list[Input]
    counted: int
    sources: list[tuple[int, int]]


def has_counts(order: Iterable[Expr]) -> bool:
    """Whether any of some nodes has sizes that are counted."""
    return any_counted() and any(counted_sizes(node) for node in order)


def stages(roots: Sequence[Expr]) -> list[Stage]:
    """The stages of a graph that has counted sizes. Raises NotSupportedError for a size that is counted inside of a mapped or looped function."""
    order = list(walk_with_counts(roots))
    inside = surroundings(order)
    level: dict[Expr, int] = {}
    counts: dict[Symbol, Expr] = {}
    for node in order:
        found = max([level[x] for x in node.inputs], default=0)
        for symbol in counted_sizes(node):
            count, line = count_of(symbol)
            if count in inside:
                raise ragged(line)
            counts[symbol] = count
            found = max(found, level[count] + 1)
        level[node] = found
    wanted: list[list[Expr]] = [[] for _ in range(max(level[root] for root in roots) + 1)]
    for count in dict.fromkeys(counts.values()):
        wanted[level[count]].append(count)
    wanted[-1] = list(roots)
    division = _Division(inside, counts)
    for entries in wanted:
        division.add(entries)
    return division.stages


def ragged(line: Line | None) -> NotSupportedError:
    """The error for a size that is another one for each element or step."""
    return NotSupportedError(
        "not supported: a size that is counted for each element of a mapped axis (vmap) or each step of a loop, so that rows would have different lengths; "
        "compress, nonzero and argwhere take size=n, with room for n, and where(mask, x, 0) keeps the shape",
        line,
    )


class _Division:
    """Stages so far, and where what they make is made."""

    def __init__(self, inside: dict[Expr, frozenset], counts: dict[Symbol, Expr]) -> None:
        self.inside = inside
        self.counts = counts
        self.numbers: dict[Symbol, int] = {}
        self.stages: list[Stage] = []
        self.made: dict[Expr, int] = {}
        # For each stage what has become of the nodes in it, and which of them are results.
        self.new: list[dict[Expr, Expr]] = []
        self.places: list[dict[Expr, int]] = []

    def add(self, roots: Sequence[Expr]) -> None:
        """One more stage, which gives the roots. What it takes of earlier ones they give from now on."""
        order = list(walk(roots))
        handed = self._handed(roots, order)
        inputs = [new_input(node.type, node.name) for node in handed]
        new = replaced(order, dict(zip(handed, inputs)))
        results = [new[root] for root in roots]
        sizes = dict.fromkeys([symbol for node in walk(results) for symbol in counted_sizes(node)])
        carriers = [self._carrier(symbol) for symbol in sizes]
        sources = [self._source(node) for node in (*[self.counts[symbol] for symbol in sizes], *handed)]
        for node in order:
            self.made.setdefault(node, len(self.stages))
        self.new.append(new)
        self.places.append({root: place for place, root in enumerate(roots)})
        self.stages.append(Stage(results, [*carriers, *inputs], len(sizes), sources))

    def _handed(self, roots: Sequence[Expr], order: Sequence[Expr]) -> list[Expr]:
        """What a stage takes from those before it: where its nodes, from the roots down, meet what has been made."""
        needed, differentiated = set(roots), set[Expr]()
        found = []
        for node in reversed(order):
            if node not in needed:
                continue
            if node in self.made and node.inputs and node.op not in VIEWS and node not in self.inside:
                if not node.dtype.is_float or node not in differentiated:
                    found.append(node)
                    continue
            needed.update(node.inputs)
            if node.op in REQUESTED or node in differentiated:
                differentiated.update(node.inputs)
        return found

    def _carrier(self, symbol: Symbol) -> Input:
        number = self.numbers.setdefault(symbol, len(self.numbers) + 1)
        carrier = new_input(TensorType(bool_, (symbol.size, 0)), f"count{number}")
        carrier.line = count_of(symbol).line
        return carrier

    def _source(self, node: Expr) -> tuple[int, int]:
        """Where a value is from: the stage that makes it, and the number of the result."""
        stage = self.made[node]
        places, results = self.places[stage], self.stages[stage].results
        if node not in places:
            places[node] = len(results)
            results.append(self.new[stage][node])
        return stage, places[node]

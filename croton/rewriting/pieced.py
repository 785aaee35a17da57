"""Values in pieces that lie side by side: what is linear in such a value, and its powers, is made piece by piece.

    (x + y)[i, k] w[k]  =  x[i, k] w[k] + y[i, k] w[k]        (x + y)^2  =  x^2 + y^2        where x is zero wherever y is not, and y where x is not

The constructors keep a product with a sum, since to multiply it out repeats work where terms meet. Pieces do not meet: their sum is nothing but memory, and
what lies between them is zero.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from croton.algebra.add import add
from croton.algebra.contract import contract
from croton.algebra.node import ONE, Label, Node, Use
from croton.algebra.plan import cost


class Pieced(NamedTuple):
    """A value in pieces.

    axes     labels for its axes; `strand` is that along which the pieces lie side by side
    cuts     where they are cut: of two values that are cut alike, pieces with different numbers do not meet
    pieces   the pieces, in turn, each a value that is zero elsewhere
    """

    axes: tuple[Label, ...]
    strand: Label
    cuts: Hashable
    pieces: tuple[Use, ...]

    def at(self, labels: Sequence[Label]) -> Pieced:
        """The value at other labels."""
        place = dict(zip(self.axes, labels))
        moved = [Use(use.node, tuple([place[label] for label in use.labels])) for use in self.pieces]
        return Pieced(tuple(labels), place[self.strand], self.cuts, tuple(moved))

    def is_cut_as(self, other: Pieced) -> bool:
        """Whether pieces of two values that have different numbers do not meet."""
        return self.strand is other.strand and self.cuts == other.cuts


class Pieces:
    """The values of a graph that are known to be in pieces, while it is rebuilt."""

    def __init__(self) -> None:
        self._found: dict[Node, Pieced] = {}

    def joined(self, pieced: Pieced) -> Use:
        """The value that some pieces are, which is remembered to be in pieces."""
        made = add([(piece, ONE) for piece in pieced.pieces], pieced.pieces[0].dtype)
        if set(made.labels) == set(pieced.axes):
            self._found[made.node] = pieced._replace(axes=made.labels)
        return made

    def visit(self, node: Node, labels: tuple[Label, ...], uses: list[Use]) -> Use | None:
        """A product or a sum of values of which some are in pieces, piece by piece; None for all else, and where that takes longer."""
        given = [self._found[use.node].at(use.labels) if use.node in self._found else None for use in uses]
        if node.kind == "contract":
            return self._product(node, labels, uses, given)
        if node.kind == "add":
            return self._sum(node, labels, given)
        return None

    def _product(self, node: Node, labels: tuple[Label, ...], uses: list[Use], given: Sequence[Pieced | None]) -> Use | None:
        powers = [arg[2] for arg in node.args]
        first = next((one for one, power in zip(given, powers) if one is not None and power > 0), None)
        if first is None:
            return None
        axes, sums = labels[: len(node.dims)], labels[len(node.dims) :]
        made = []
        for number in range(len(first.pieces)):
            factors = [one.pieces[number] if one is not None and power > 0 and one.is_cut_as(first) else use for one, use, power in zip(given, uses, powers)]
            made.append(contract(axes, list(zip(factors, powers)), node.param, sums, node.dtype))
        if first.strand in axes:
            return self.joined(Pieced(axes, first.strand, first.cuts, tuple(made)))
        total = add([(use, ONE) for use in made], node.dtype)
        if any(power > 1 for one, power in zip(given, powers) if one is not None):
            return total  # a sum of powers is opened up further where it has fewer terms
        whole = contract(axes, list(zip(uses, powers)), node.param, sums, node.dtype)
        together = cost(whole.node) + sum([cost(use.node) for use, one in zip(uses, given) if one is not None])
        return total if sum([cost(use.node) for use in made]) + cost(total.node) <= together else None

    def _sum(self, node: Node, labels: tuple[Label, ...], given: Sequence[Pieced | None]) -> Use | None:
        terms = [one for one in given if one is not None]
        if len(terms) < len(given) or not all(one.is_cut_as(terms[0]) for one in terms):
            return None
        made = [add([(one.pieces[number], arg[2]) for one, arg in zip(terms, node.args)], node.dtype) for number in range(len(terms[0].pieces))]
        return self.joined(Pieced(labels, terms[0].strand, terms[0].cuts, tuple(made)))

"""Matrices of a few diagonals: what is made of them is made diagonal by diagonal, so that the rest, which is zero, is never computed.

    H[i, j] = [i == j] d[i] + [i + 1 == j] u[i] + [i == j + 1] l[j]        the Hessian of a chain, say

    H @ v = d v + ...        trace H = sum d        sum H^2 = sum d^2 + sum u^2 + sum l^2        sum |H| = sum |d| + sum |u| + sum |l|

Two different diagonals have no element in common: a power of H is the sum of their powers, so it is with functions that are 0 at 0, and a product with H
rounds as that of the dense matrix does.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from croton.algebra.add import add
from croton.algebra.coefficient import multiply
from croton.algebra.constant import number_of
from croton.algebra.contract import contract
from croton.algebra.node import ONE, Coef, Label, Node, Use, walk
from croton.algebra.plan import cost
from croton.algebra.pointwise import keeps_zero, scalar
from croton.algebra.rebuild import construct, rebuild
from croton.algebra.relation import affine, row_of
from croton.algebra.rows import Row, eliminated
from croton.rewriting.replaced import Replaced
from croton.sizes import Size

MOST_PRODUCTS = 64
"""Products of diagonals that are looked at for one value; most of them have no element."""

Pair = tuple[Label, Label]
Term = tuple[Use, Coef]


def part_into_bands(uses: Sequence[Use]) -> tuple[list[Use], list[Replaced]]:
    """The same values, with products and powers of sums of diagonals as sums of those of each; and what was chosen."""
    if not any(node.kind == "add" and len(node.dims) > 1 and all(_may_be_diagonal(arg[0]) for arg in node.args) for node in walk([use.node for use in uses])):
        return list(uses), []
    work = _Bands()
    return rebuild(uses, work.visit), work.chosen


def _may_be_diagonal(node: Node) -> bool:
    return node.kind == "affine" or (node.kind == "contract" and any(arg[0].kind == "affine" for arg in node.args))


class _Bands:
    """The values of a graph that are known to be sums of diagonals, while it is rebuilt."""

    def __init__(self) -> None:
        self.chosen: list[Replaced] = []
        self._found: dict[Node, tuple[tuple[Label, ...], list[Use]]] = {}

    def visit(self, node: Node, labels: tuple[Label, ...], uses: list[Use]) -> Use | None:
        """A sum of diagonals with those that are the same put together, a product of such sums diagonal by diagonal; None for all else."""
        if node.kind == "add":
            total = construct(node, labels, uses)
            return self._together([(use, arg[2]) for use, arg in zip(uses, node.args)], total)
        if node.kind == "contract" and not node.dtype.is_bool:
            return self._product(node, labels, uses)
        if node.kind == "map":
            return self._applied(node, uses)
        return None

    def _applied(self, node: Node, uses: list[Use]) -> Use | None:
        """A function that is 0 at 0 and of one argument that is no number, of each diagonal."""
        places = [place for place, use in enumerate(uses) if number_of(use.node) is None]
        bands = self._bands(uses[places[0]]) if len(places) == 1 else None
        if bands is None or node.dtype.is_bool or not keeps_zero(node.param, uses, node.dtype):
            return None
        made = [scalar(node.param, *uses[: places[0]], band, *uses[places[0] + 1 :], dtype=node.dtype) for band in bands]
        terms = [(use, ONE) for use in made]
        return self._together(terms, add(terms, node.dtype))

    def _product(self, node: Node, labels: tuple[Label, ...], uses: list[Use]) -> Use | None:
        powers = [arg[2] for arg in node.args]
        choices = [self._bands(use) if power > 0 else None for use, power in zip(uses, powers)]
        found = [bands for bands in choices if bands is not None]
        if not found:
            return None
        axes, sums = labels[: len(node.dims)], labels[len(node.dims) :]
        products = list(itertools.islice(itertools.product(*[bands or [use] for bands, use in zip(choices, uses)]), MOST_PRODUCTS + 1))
        if len(products) > MOST_PRODUCTS:
            return None
        whole = contract(axes, list(zip(uses, powers)), node.param, sums, node.dtype)
        made = [contract(axes, list(zip(factors, powers)), node.param, sums, node.dtype) for factors in products]
        terms = [(use, ONE) for use in made]
        total = self._together(terms, add(terms, node.dtype))
        before = cost(whole.node) + sum([cost(use.node) for use, bands in zip(uses, choices) if bands is not None])
        after = sum([cost(use.node) for use in made]) + cost(total.node)
        if total.node in self._found:
            return total  # its readers gain
        if after >= before:
            return None
        self.chosen.append(Replaced("diagonal by diagonal", node, total, axes, before, after))
        return total

    def _bands(self, use: Use) -> list[Use] | None:
        if use.node not in self._found:
            return None
        axes, bands = self._found[use.node]
        place = dict(zip(axes, use.labels))
        return [Use(band.node, tuple([place[label] for label in band.labels])) for band in bands]

    def _together(self, terms: Sequence[Term], total: Use) -> Use:
        """The total of some terms; if all are diagonals, and not of the same, as a sum of different ones, which is remembered."""
        parts = [part for term in terms for part in self._parts(term) if number_of(part[0].node) != 0]
        if not parts:
            return total
        diagonals = [_diagonals(part, total.labels) for part, _ in parts]
        pair = next((pair for pair in diagonals[0] if all(pair in other for other in diagonals)), None)
        if pair is None:
            return total
        groups: dict[Size, list[Term]] = {}
        for part, diagonal in zip(parts, diagonals):
            groups.setdefault(diagonal[pair], []).append(part)
        if len(groups) < 2 or not all(isinstance(one - other, int) for one, other in itertools.combinations(groups, 2)):
            return total
        bands = [_band(pair, apart, group, total) for apart, group in groups.items()]
        made = add([(band, ONE) for band in bands], total.dtype)
        if set(made.labels) == set(total.labels):
            self._found[made.node] = made.labels, bands
        return made

    def _parts(self, term: Term) -> list[Term]:
        """The terms that a term is the sum of."""
        use, coef = term
        bands = self._bands(use)
        if bands is not None:
            return [(band, coef) for band in bands]
        if use.node.kind != "add":
            return [term]
        return [(Use(child, tuple([use.labels[i] for i in positions])), multiply(own, coef)) for child, positions, own in use.node.args]


def _diagonals(term: Use, axes: Sequence[Label]) -> dict[Pair, Size]:
    """For pairs of axes how much greater the first is wherever the term is not zero, as far as its relations say."""
    node, labels = term
    if node.kind == "affine":
        rows: list[Row] = [row_of(term)]
    elif node.kind == "contract":
        every = (*labels, *[Label(size) for size in node.sums])
        factors = [Use(child, tuple([every[i] for i in positions])) for child, positions, _ in node.args]
        rows = eliminated([row_of(factor) for factor in factors if factor.node.kind == "affine"], set(every[len(labels) :]))
    else:
        return {}
    found: dict[Pair, Size] = {}
    place = {label: number for number, label in enumerate(axes)}
    for coefficients, constant in rows:
        if len(coefficients) == 2 and set(coefficients.values()) == {1, -1} and all(label in place for label in coefficients):
            first, second = sorted(coefficients, key=place.__getitem__)
            found[first, second] = -constant * coefficients[first]
    return found


def _band(pair: Pair, apart: Size, terms: Sequence[Term], total: Use) -> Use:
    """The sum of terms that lie on one diagonal, as that diagonal times a sum that has no axis for the second of the pair."""
    first, second = pair
    on = (affine({first: 1, second: -1}, -apart), 1)
    rest = [label for label in total.labels if label is not second]
    if len(terms) > 1:
        along = [(contract(rest, [(term, 1), on], coef, [second], total.dtype), ONE) for term, coef in terms]
        return contract(total.labels, [(add(along, total.dtype), 1), on], ONE, (), total.dtype)
    term, coef = terms[0]
    return contract(total.labels, [(term, 1)], coef, (), total.dtype)

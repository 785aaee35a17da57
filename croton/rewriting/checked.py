"""Squares that are expanded although that may cancel, with a check of the result, and what was written as the way out.

    sum over i of (x[i] + y)^2 = sum of x[i]^2 + 2 y sum of x[i] + n y^2

needs no table of all x[i] + y where x is a product: each term is a matrix product. Nor does the square of a product of matrices need the product,

    sum over i, k of (sum over h of b[i, h] a[h, k])^2 = sum over h, g of (sum over i of b[i, h] b[i, g]) (sum over k of a[h, k] a[g, k])

But the terms may cancel, as they do where x is nearly the same for all i. How much was lost is seen in the result: each square is a sum of terms that
are not negative, so it has nearly all of its digits, and so has the product of two by Cauchy and Schwarz. Where what is left of the terms is at least
`LEAST_SHARE` of the squares, in each element, the result has its digits but the 4 bits that this costs. If not, what was written is computed in its
place, as a loop of one step that is hardly ever done.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from croton.algebra.add import add
from croton.algebra.coefficient import multiply
from croton.algebra.constant import truth
from croton.algebra.contract import contract
from croton.algebra.loop import Core, Loop, core_of, open_loop, slot
from croton.algebra.node import ONE, RELATIONS, Coef, Label, Node, Use, walk
from croton.algebra.pointwise import scalar
from croton.algebra.rebuild import Memo, rebuild
from croton.algebra.reduce import reduce
from croton.algebra.sign import never_negative
from croton.loops.course import keep
from croton.loops.extraction import is_worth_keeping
from croton.rewriting.chunk import chunked, region_around
from croton.rewriting.distribute import MOST_FACTORS, squared
from croton.sizes import hint, product

LEAST_SHARE = 1 / 16
"""So much of the squares must be left in each element."""

MOST_TERMS = 3
"""Terms of a sum whose square is expanded."""


MOST_WRITTEN = 1 << 16
"""Elements of a product of matrices that are there at once where its square is computed as it was written."""


class Expansion(NamedTuple):
    """What a square becomes: the terms that add up to it, and the squares that say how much of them cancels.

    apart is a product that nobody but the square needs: where what was written is computed, it is for a part of the product at a time.
    """

    pieces: list[Use]
    squares: list[Use]
    apart: Node | None = None


def expand(base: Use) -> Expansion | None:
    """A square multiplied out, if a product has one that may be checked: all else that is summed is not negative."""
    node, axes = base
    if not node.sums or not node.dtype.is_float or any(child.kind in RELATIONS for child, *_ in node.args):
        return None
    labels = (*axes, *[Label(size) for size in node.sums])
    factors = [(Use(child, tuple([labels[i] for i in positions])), exponent) for child, positions, exponent in node.args]
    sums = labels[len(axes) :]
    for kind, multiplied in (("add", _square_of_terms), ("contract", _square_of_products)):
        found = [place for place, (use, exponent) in enumerate(factors) if exponent == 2 and use.node.kind == kind and (kind == "add" or use.node.sums)]
        if found:
            rest = factors[: found[0]] + factors[found[0] + 1 :]
            signed = [use for use, exponent in rest if exponent % 2 and not never_negative(use.node)]
            return None if len(found) > 1 or signed else multiplied(base, factors[found[0]][0], rest, sums)
    return None


def _square_of_terms(base: Use, square: Use, rest: list[tuple[Use, int]], sums: Sequence[Label]) -> Expansion | None:
    """Where some of the terms are the same for all that is summed. A sum whose terms all move, such as a table of
    distances, is likely to have an element that is 0."""
    node, axes = base
    terms = [(Use(child, tuple([square.labels[i] for i in positions])), coef) for child, positions, coef in square.node.args]
    still = [set(use.labels).isdisjoint(sums) for use, _ in terms]
    if len(terms) > MOST_TERMS or all(still) or not any(still):
        return None
    pairs = [(i, i) for i in range(len(terms))] + list(itertools.combinations(range(len(terms)), 2))
    pieces = []
    for one, other in pairs:
        weight = multiply(multiply(terms[one][1], terms[other][1]), ONE if one == other else Coef(2))
        coef = multiply(node.param, weight)
        pieces.append(contract(axes, [*rest, (terms[one][0], 1), (terms[other][0], 1)], coef, sums, node.dtype))
    return Expansion(pieces, pieces[: len(terms)])


def _square_of_products(base: Use, square: Use, rest: list[tuple[Use, int]], sums: Sequence[Label]) -> Expansion | None:
    """The Gram matrices of a product's factors, in place of the product, compared with the sum of the squares of all its terms."""
    node, axes = base
    inner = square.node
    if any(child.kind in RELATIONS for child, *_ in inner.args) or set(square.labels).isdisjoint(sums):
        return None
    twice, weight, more = squared(square)
    if len(twice) + len(rest) > MOST_FACTORS:
        return None
    coef = multiply(node.param, weight)
    once = len(twice) // 2
    piece = contract(axes, [*rest, *twice], coef, [*sums, *more], node.dtype)
    if piece.node is node:
        return None  # the product has one factor, and its square is that of a sum
    terms = contract(axes, [*rest, *[(use, 2 * exponent) for use, exponent in twice[:once]]], coef, [*sums, *more[: len(inner.sums)]], node.dtype)
    return Expansion([piece], [terms], inner)


def checked(base: Use, expansion: Expansion) -> Use:
    """What the pieces of an expansion add up to if that has kept its digits, else the base."""
    dtype = base.dtype
    total = add([(piece, 1) for piece in expansion.pieces], dtype)
    bound = add([(square, LEAST_SHARE) for square in expansion.squares], dtype)
    lost = scalar("logical_not", scalar("ge", total, bound))  # NaN is no share of anything
    anywhere = reduce("any", lost, lost.labels)
    computed = set(walk([total.node, bound.node]))
    axes = base.labels
    given: list[tuple[Node, tuple[Label, ...], Use]] = []
    inside: Memo = {}
    stack, seen = [base.node], {base.node}
    while stack:
        node = stack.pop()
        if _is_outside(node, computed):
            own = tuple([Label(size) for size in node.dims])
            stand_in = slot("fixed", len(given), node.dims, node.dtype)
            given.append((stand_in, own, Use(node, own)))
            inside[node] = (own, Use(stand_in, own))
            continue
        children = [arg[0] for arg in node.args if arg[0] not in seen]
        seen.update(children)
        stack += children
    (written,) = _in_parts(base, expansion.apart, inside)
    places = {label: place for place, label in enumerate(axes)}
    first = slot("carry", 0, [label.size for label in axes], dtype), slot("carry", 1, (), anywhere.dtype)
    nexts = ((written.node, tuple([places[label] for label in written.labels])), (truth(False).node, ()))
    core = Core(1, False, first, (), tuple([node for node, *_ in given]), nexts, stop=1, seldom=True)
    loop = Loop(core, Label(1), (axes, ()), (), tuple([own for _, own, _ in given]), (total, anywhere, *[use for *_, use in given]))
    return loop.final(0)


def _in_parts(base: Use, apart: Node | None, inside: Memo) -> list[Use]:
    """What was written, with a product that nobody needs whole computed for so much of its first axis at a time as `MOST_WRITTEN` says."""
    written = rebuild([base], keep, inside)
    if apart is None:
        return written
    axes, use = inside[apart]
    region = region_around(written, use.node, use.labels.index(axes[0])) if axes[0] in use.labels else None
    each = max(1, MOST_WRITTEN * hint(apart.dims[0]) // max(1, hint(product(apart.dims))))
    return written if region is None or hint(region.size) < 2 * each else chunked(written, region, each)


def scaled(use: Use, coef: Coef) -> Use:
    """A number times a checked value as a checked value: the number is multiplied in whichever way it is computed, not behind."""
    node, labels = use
    frame = (*labels, *[Label(size) for size in node.sums])
    loop = open_loop(node, frame)
    (result, places), *others = loop.core.results
    axes = loop.carry_axes[0]
    (first, rest) = loop.arguments[0], loop.arguments[1:]
    new = contract(axes, [(Use(result, tuple([axes[i] for i in places])), 1)], coef, (), node.dtype)
    number = {label: place for place, label in enumerate(axes)}
    results = ((new.node, tuple([number[label] for label in new.labels])), *others)
    start = contract(axes, [(first, 1)], coef, (), node.dtype)
    return loop._replace(core=loop.core._replace(results=results), arguments=(start, *rest)).final(0)


def is_checked(node: Node) -> bool:
    return node.kind == "loop" and core_of(node).seldom


def _is_outside(node: Node, computed: set[Node]) -> bool:
    """Whether a value that the base needs is there anyway. What is cheap is computed where it is read."""
    if not node.args:
        return node.kind == "input" or (node.kind == "constant" and bool(node.dims))
    return node.kind == "loop" or (node in computed and is_worth_keeping(node))

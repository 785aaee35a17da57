"""Products of sums as sums of products (R6, R7), and squares of differences as squares of centred values.

Taking terms of different sign apart may cancel, and says so; see `croton.rewriting.optimise` for when that is allowed. Centring never cancels.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

from croton.algebra.add import add
from croton.algebra.coefficient import multiply, of_size, power
from croton.algebra.constant import constant
from croton.algebra.contract import contract
from croton.algebra.cost import extent
from croton.algebra.node import ONE, RELATIONS, Coef, Label, Node, Use
from croton.algebra.pointwise import scalar
from croton.algebra.sign import never_negative

MOST_FACTORS = 14
"""Products are not multiplied out beyond this."""

FEW = 8
"""Terms of a short sum."""

MOST_TERMS = 9
"""Terms that one distribution may make."""


class Distribution(NamedTuple):
    """The terms that a product becomes, the rules that made them, and whether rounding may be worse."""

    pieces: list[Use]
    rules: list[str]
    cancels: bool


def may_distribute(node: Node) -> bool:
    return any(
        (arg[0].kind == "add" and arg[2] in (1, 2)) or (arg[0].kind == "contract" and arg[0].sums and arg[2] == 2) for arg in node.args
    )


def distribute(base: Use, may_cancel: bool, kinds: Collection[str] = ("add", "contract")) -> Distribution | None:
    """R6, R7: a sum of products for a product whose factors are sums of terms ("add") or squares of sums of products ("contract").

    None where there is nothing to gain or too much to write.
    """
    node, axes = base
    rank = len(axes)

    def is_open(child: Node, exponent: int, summed: bool, has_sums: bool) -> bool:
        """Whether a factor is taken apart; a sum of terms that may cancel stays as it is."""
        return child.kind in kinds and _is_sum(child, exponent) and (may_cancel or child.kind != "add" or _is_safe(child, summed, has_sums))

    if not node.sums and not _reads(node):
        return None
    if not any(is_open(child, exponent, max(positions, default=-1) >= rank, bool(node.sums)) for child, positions, exponent in node.args):
        return None
    labels = [*axes, *[Label(size) for size in node.sums]]
    factors = [(Use(child, tuple([labels[i] for i in positions])), exponent) for child, positions, exponent in node.args]
    todo = [(factors, node.param, labels[rank:])]
    done: list[tuple[list[tuple[Use, int]], Coef, list[Label]]] = []
    rules: list[str] = []
    cancels = few = False
    while todo:
        current, coef, sums = todo.pop()
        place = next((i for i, (use, e) in enumerate(current) if is_open(use.node, e, _is_summed(use, sums), bool(sums))), None)
        if place is None:
            done.append((current, coef, sums))
            continue
        use, exponent = current[place]
        rest = current[:place] + current[place + 1 :]
        if use.node.kind == "add":
            most = (MOST_TERMS - len(done)) // (1 + len(todo))
            terms = _expanded(_terms(use), exponent)
            if len(terms) > most:
                terms = _expanded(_gathered(use), exponent)
            if len(terms) > most:
                return None
            rules.append("distribute" if exponent == 1 else "expand the square")
            cancels = cancels or not _is_safe(use.node, _is_summed(use, sums), bool(sums))
            todo += [(rest + product, multiply(coef, weight), sums) for product, weight in terms]
        else:
            if not node.sums:
                return None
            rules.append("write the square as a product")
            if not all(never_negative(child) or e % 2 == 0 for child, _, e in use.node.args):
                if not may_cancel and not _is_short(use.node):
                    return None
                few = True
            product, weight, more = squared(use)
            if len(product) + len(rest) > MOST_FACTORS:
                return None
            todo.append((rest + product, multiply(coef, weight), sums + more))
        if cancels and not may_cancel:
            return None
    if not rules:
        return None
    pieces = [contract(axes, product, coef, sums, node.dtype) for product, coef, sums in done]
    return Distribution(pieces, list(dict.fromkeys(rules)), cancels or few)


def _is_summed(use: Use, sums: Collection[Label]) -> bool:
    return any(label in sums for label in use.labels)


def _is_short(node: Node) -> bool:
    """Whether relations leave a sum at most `FEW` terms for each value: then its terms can cancel, but no more than in writing it out."""
    rows = sum(child.kind in ("affine", "select") and any(i >= len(node.dims) for i in positions) for child, positions, _ in node.args)
    left = sorted([extent(size) if isinstance(size, int) else FEW + 1 for size in node.sums])[: len(node.sums) - rows]
    return rows > 0 and math.prod(left) <= FEW


def _reads(node: Node) -> bool:
    """Whether factors are read through relations or along a diagonal, so that distributing may simplify each term."""
    return any(arg[0].kind in RELATIONS or len(set(arg[1])) < len(arg[1]) for arg in node.args)


def _is_sum(node: Node, exponent: int) -> bool:
    if node.kind == "add":
        return exponent in (1, 2) and len(node.args) <= MOST_TERMS
    return node.kind == "contract" and exponent == 2 and bool(node.sums) and not node.dtype.is_bool


def _is_safe(node: Node, summed: bool, has_sums: bool) -> bool:
    """Whether taking a sum of terms apart cannot make rounding worse, or pays in structure: a relation that removes a sum."""
    if not has_sums:
        return True
    if summed and any(_ties(child) for child, *_ in node.args):
        return True
    return all(coef.number >= 0 and never_negative(child) for child, _, coef in node.args)


def _ties(node: Node) -> bool:
    """Whether a term relates its own axes to each other, as a diagonal or a one-hot vector does; one that is only read through relations does not."""
    if node.kind != "contract":
        return node.kind in RELATIONS
    return any(child.kind in RELATIONS and all(place < len(node.dims) for place in positions) for child, positions, _ in node.args)


def _terms(use: Use) -> list[tuple[Use, Coef]]:
    return [(Use(child, tuple([use.labels[i] for i in positions])), coef) for child, positions, coef in use.node.args]


def _gathered(use: Use) -> list[tuple[Use, Coef]]:
    """The terms of an Add, those that are the same along some of its axes and have the same others as one term: they are not told apart by a sum along those.

    So the derivative of a normalisation is three terms: a diagonal, an outer product, and what is the same for all that is summed.
    """
    groups: dict[frozenset[Label], list[tuple[Use, Coef]]] = {}
    found: list[tuple[Use, Coef]] = []
    for term in _terms(use):
        own = frozenset(term[0].labels)
        if len(own) < len(set(use.labels)):
            groups.setdefault(own, []).append(term)
        else:
            found.append(term)
    return found + [terms[0] if len(terms) == 1 else (add(terms, use.dtype), ONE) for terms in groups.values()]


def _expanded(terms: Sequence[tuple[Use, Coef]], exponent: int) -> list[tuple[list[tuple[Use, int]], Coef]]:
    """The terms of an Add, or of its square, as products."""
    found = []
    for chosen in itertools.combinations_with_replacement(range(len(terms)), exponent):
        weight = Coef(1 if len(set(chosen)) == 1 else math.factorial(exponent))
        for i in chosen:
            weight = multiply(weight, terms[i][1])
        found.append(([(terms[i][0], 1) for i in chosen], weight))
    return found


def squared(use: Use) -> tuple[list[tuple[Use, int]], Coef, list[Label]]:
    """The square of a sum as a product of two copies, each with sums of its own."""
    product: list[tuple[Use, int]] = []
    sums: list[Label] = []
    for _ in range(2):
        inner = list(use.labels) + [Label(size) for size in use.node.sums]
        sums += inner[len(use.labels) :]
        product += [(Use(child, tuple([inner[i] for i in positions])), e) for child, positions, e in use.node.args]
    return product, power(use.node.param, 2), sums


def centred(base: Use) -> Use | None:
    """sum over a of (x[a] + y)^2 = sum over a of (x[a] - m)^2 + n (m + y)^2, with m the mean of the n values of x.

    A table of differences becomes two sums of squares, of which neither can cancel, and a third that
    holds what is lost by rounding the mean. None where no summed label tells the terms apart.
    """
    node, axes = base
    if not any(child.kind == "add" and exponent == 2 for child, _, exponent in node.args):
        return None
    labels = [*axes, *[Label(size) for size in node.sums]]
    uses = [(Use(child, tuple([labels[i] for i in positions])), exponent) for child, positions, exponent in node.args]
    for place, (square, exponent) in enumerate(uses):
        if exponent != 2 or square.node.kind != "add" or not node.dtype.is_float or len(square.node.args) > MOST_TERMS:
            continue
        rest = uses[:place] + uses[place + 1 :]
        elsewhere = {label for use, _ in rest for label in use.labels}
        terms = [(Use(child, tuple([square.labels[i] for i in positions])), coef) for child, positions, coef in square.node.args]
        for label in labels[len(axes) :]:
            if label in elsewhere:
                continue
            moving = [term for term in terms if label in term[0].labels]
            still = [term for term in terms if label not in term[0].labels]
            reach = {other for use, _ in moving for other in use.labels}
            if not still or all(reach.issuperset(use.labels) for use, _ in still):
                continue
            mean = _mean(add(moving, node.dtype), label)
            sums = labels[len(axes) :]
            near, far = add([*moving, (mean, -1)], node.dtype), add([*still, (mean, 1)], node.dtype)
            spread = contract(axes, [*rest, (near, 2)], node.param, sums, node.dtype)
            coef = multiply(node.param, of_size(label.size))
            left = [other for other in sums if other is not label]
            distance = contract(axes, [*rest, (far, 2)], coef, left, node.dtype)
            parts: list[tuple[Use, Coef | int]] = [(spread, 1), (distance, 1)]
            total = add(parts, node.dtype)
            if total.node.kind == "add":
                # What rounding leaves of the sum of x - m, which is 0. Where x is the same as y its square is left, and that is nothing.
                parts.append((contract(axes, [*rest, (near, 1), (far, 1)], multiply(node.param, Coef(2.0)), sums, node.dtype), 1))
                total = add(parts, node.dtype)
            return total
    return None


def _mean(use: Use, over: Label) -> Use:
    """The mean over a label, 0 where the label has no values."""
    kept = [label for label in use.labels if label is not over]
    if over.size == 0:
        return constant(0.0, use.dtype)
    if isinstance(over.size, int):
        return contract(kept, [(use, 1)], of_size(over.size, -1), [over], use.dtype)
    count = scalar("maximum", constant(of_size(over.size), use.dtype), constant(1.0, use.dtype))
    return contract(kept, [(use, 1), (count, -1)], 1, [over], use.dtype)

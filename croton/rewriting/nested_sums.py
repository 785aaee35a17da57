"""Sums inside sums: the part of a product that one relation ties together, summed before the rest.

A convolution of a convolution is one sum over both windows; computed one after the other, each window costs by itself. The constructors flatten reads and
leave true sums as they are, so that a nested sum stays nested.

Where all relations are indices, what to sum first is a matter of how long the index is and how much it reads from: sum over d of W[index[b], d] v[d] is
as many products as the index is long or, with W v computed first and read then, as W has rows; and its derivative adds up rows of W or, what is read
of each row being added up first, multiplies W once.
"""

from __future__ import annotations

from croton.algebra.contract import contract
from croton.algebra.node import RELATIONS, Label, Node, Use
from croton.sizes import symbols

Known = dict[tuple[Use, int], Use | None]
"""What `_summed_first` has given: the orders begin alike."""


def nested(base: Use) -> list[Use]:
    """A product with several relations, with sums that only one of them is in done first: for each relation, and for all in either order.

    Of a product at indices also with each of its sums first that it can begin with.
    """
    node, _ = base
    if node.kind != "contract" or not node.sums or all(arg[0].kind not in RELATIONS for arg in node.args):
        return []
    along = [_summed_along(base, label) for label in range(len(node.dims), len(node.dims) + len(node.sums))] if is_indexed(node) else []
    indexed = [use for use in along if use is not None]
    relations = [arg[0] for arg in node.args if arg[0].kind in ("affine", "select")]
    if len(relations) < 2:
        return indexed
    known: Known = {}
    found = [inner for place in range(len(relations)) if (inner := _summed(base, place, known)) is not None]
    for backwards in (False, True):
        current, count = base, 0
        while (step := _first(current, backwards, known)) is not None and count < len(relations):
            current, count = step, count + 1
        if count > 1:
            found.append(current)
    return list(dict.fromkeys([*found, *indexed]))


def is_indexed(node: Node) -> bool:
    """Whether a product reads or writes at indices, with no other relation, and has more than one thing to sum."""
    kinds = {arg[0].kind for arg in node.args if arg[0].kind in RELATIONS}
    if kinds != {"select"} or not 1 < len(node.sums) <= MOST_LABELS or len(node.args) < 2:
        return False
    return len({name for size in node.dims + node.sums for name in symbols(size)}) <= MOST_UNKNOWN


MOST_LABELS = 6
"""Sums over so many labels are looked at."""

MOST_UNKNOWN = 4
"""Of a product of more unknown sizes the few programs there are are for those whose factors come in another order."""


def _summed_along(base: Use, label: int) -> Use | None:
    """A product at indices with all that one summed label is in summed over it first; None where that is all there is, or nothing by itself."""
    node, axes = base
    group = [place for place, arg in enumerate(node.args) if label in arg[1]]
    outside = {other for place, arg in enumerate(node.args) if place not in group for other in arg[1]}
    labels = (*axes, *[Label(size) for size in node.sums])
    inside = {other for place in group for other in node.args[place][1]}
    local = {labels[other] for other in inside if other >= len(axes) and other not in outside}
    if len(group) == len(node.args) or not outside or not local:
        return None
    factors = [(Use(child, tuple([labels[i] for i in positions])), exponent) for child, positions, exponent in node.args]
    part = contract({labels[other] for other in inside} - local, [factors[place] for place in group], 1, local, node.dtype)
    rest = [factor for place, factor in enumerate(factors) if place not in group]
    use = contract(axes, [*rest, (part, 1)], node.param, set(labels[len(axes) :]) - local, node.dtype)
    return None if use.node is node else use


def _first(base: Use, backwards: bool, known: Known) -> Use | None:
    count = sum(arg[0].kind in ("affine", "select") for arg in base.node.args) if base.node.kind == "contract" else 0
    order = range(count - 1, -1, -1) if backwards else range(count)
    return next((found for place in order if count > 1 and (found := _summed(base, place, known)) is not None), None)


def _summed(base: Use, place: int, known: Known) -> Use | None:
    if (base, place) not in known:
        known[base, place] = _summed_first(base, place)
    return known[base, place]


def _summed_first(base: Use, wanted: int) -> Use | None:
    """The product with the part that belongs to one relation alone summed first; None where it has none, or is all there is."""
    node, axes = base
    labels = (*axes, *[Label(size) for size in node.sums])
    sums = set(labels[len(axes) :])
    factors = [(Use(child, tuple([labels[i] for i in positions])), exponent) for child, positions, exponent in node.args]
    places = [place for place, (use, _) in enumerate(factors) if use.node.kind in ("affine", "select")]
    own = places[wanted]
    elsewhere = {label for place, (use, _) in enumerate(factors) if use.node.kind in RELATIONS and place != own for label in use.labels}
    mine = {label for label in factors[own][0].labels if label in sums and label not in elsewhere}
    group = {own} | {place for place, (use, _) in enumerate(factors) if use.node.kind not in RELATIONS and not mine.isdisjoint(use.labels)}
    outside = {label for place, (use, _) in enumerate(factors) if place not in group for label in use.labels}
    inside = [factors[place] for place in sorted(group)]
    local = {label for use, _ in inside for label in use.labels if label in sums and label not in outside}
    if not local or len(group) < 2 or not outside:
        return None
    kept = {label for use, _ in inside for label in use.labels if label not in local}
    part = contract(kept, inside, 1, local, node.dtype)
    rest = [factor for place, factor in enumerate(factors) if place not in group]
    use = contract(axes, [*rest, (part, 1)], node.param, sums - local, node.dtype)
    return None if use.node is node else use

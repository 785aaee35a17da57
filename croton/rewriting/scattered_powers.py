"""Squares of rows that are added up where indices meet, without the rows that nothing is added to.

The gradient of looked-up rows is G[v] = sum over t of [v == index[t]] d[t], nearly all of it zero for each of many examples. A power of it is, with
R[t] = sum over s of [index[t] == index[s]] d[s], the row that t belongs to, and n[t] how many belong to it,

    G[v]**p = sum over t of [v == index[t]] R[t]**p / n[t]        for p > 0

Nothing cancels that did not cancel before, and nothing is larger than what is looked up.
"""

from __future__ import annotations

from croton.algebra.contract import contract
from croton.algebra.node import Label, Use
from croton.algebra.pointwise import scalar


def collected(base: Use) -> Use | None:
    """A product with a power of rows that indices add up, written on the indices; None if there is no such factor."""
    node, axes = base
    if all(power < 2 for _, _, power in node.args):
        return None
    labels = [*axes, *[Label(size) for size in node.sums]]
    sums = labels[len(axes) :]
    factors: list[tuple[Use, int]] = []
    found = False
    for child, positions, power in node.args:
        use = Use(child, tuple([labels[i] for i in positions]))
        rows = _rows(use) if power > 1 and not found else None
        if rows is None:
            factors.append((use, power))
            continue
        found = True
        select, row, count, places = rows
        factors += [(select, 1), (row, power), (count, -1)]
        sums += places
    return contract(axes, factors, node.param, sums, node.dtype) if found else None


def _rows(use: Use) -> tuple[Use, Use, Use, list[Label]] | None:
    """For a sum over rows that an index places: where each of them goes, what is added up there, how many are, and the labels of the rows."""
    node = use.node
    if node.kind != "contract" or not node.sums or not node.dtype.is_float:
        return None
    selects = [arg for arg in node.args if arg[0].kind == "select"]
    rank = len(node.dims)
    if len(selects) != 1:
        return None
    (select, (target, *at), _), index = selects[0], selects[0][0].args[0]
    summed = [i for i in dict.fromkeys(at) if i >= rank]
    if target >= rank or target in at or not summed or any(target in arg[1] for arg in node.args if arg[0] is not select):
        return None
    # One set of labels for the row that is looked at, and one for those that are added up.
    here = [*use.labels, *[Label(size) for size in node.sums]]
    there = [*use.labels, *[Label(size) for size in node.sums]]

    def indices(labels: list[Label]) -> Use:
        read = [labels[i] for i in (target, *at)]
        return Use(index[0], tuple([read[i] for i in index[1]]))

    equal = scalar("eq", indices(here), indices(there))
    rest = [(Use(child, tuple([there[i] for i in positions])), power) for child, positions, power in node.args if child is not select]
    kept = {label for position, label in enumerate(use.labels) if position != target} | {here[i] for i in summed}
    row = contract(kept, [*rest, (equal, 1)], node.param, there[rank:], node.dtype)
    counted = [there[i] for i in summed]
    count = contract(set(equal.labels) - set(counted), [(equal, 1)], 1, counted, node.dtype)
    return Use(select, tuple([here[i] for i in (target, *at)])), row, count, [here[i] for i in summed]

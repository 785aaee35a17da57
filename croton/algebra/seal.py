"""From labels to positions: the last step of every constructor.

The axes of a node are numbered by first occurrence in its arguments, summed labels after them. The arguments of a product
or a sum are put in an order that does not depend on the labels' names, so that programs that differ by a renaming are one node.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any

from croton.algebra.coefficient import among
from croton.algebra.node import RELATIONS, Label, Node, Use, intern
from croton.dtypes import DType
from croton.sizes import Size

Factor = tuple  # (node, labels, power or Coef)


def seal(kind: str, dtype: DType, args: Sequence[tuple], param: Any = None, summed: Collection[Label] = ()) -> Use:
    """The node of this kind whose arguments come in a given order."""
    number: dict[Label, int] = {}
    out: list[Label] = []
    inner: list[Label] = []
    for arg in args:
        for label in arg[1]:
            if label not in number:
                if label in summed:
                    number[label] = ~len(inner)
                    inner.append(label)
                else:
                    number[label] = len(out)
                    out.append(label)
    sums: tuple[Size, ...] = ()
    if inner:
        shift = len(out)
        for position, label in enumerate(inner):
            number[label] = shift + position
        sums = tuple([label.size for label in inner])
    of = number.__getitem__
    positions = tuple([(arg[0], tuple(map(of, arg[1])), *arg[2:]) for arg in args])
    dims = tuple([label.size for label in out])
    if kind == "contract" and param.sizes:
        param = among(param, dims)
    return Use(intern(kind, dims, dtype, positions, param, sums), tuple(out))


def seal_unordered(kind: str, dtype: DType, args: list[Factor], param: Any = None, summed: Collection[Label] = ()) -> Use:
    """The node of this kind whose arguments commute: data first, then relations, each by identity and then by structure."""
    if len(args) > 1 or args[0][0].kind in RELATIONS:
        args = _canonical(args, summed)
    return seal(kind, dtype, args, param, summed)


def _base(arg: Factor) -> tuple:
    weight = arg[2]
    if type(weight) is not int:
        weight = (weight.number, str(weight.sizes) if weight.sizes else "()")
    return (arg[0].kind in RELATIONS, arg[0].id, weight)


def _canonical(args: list[Factor], summed: Collection[Label]) -> list[Factor]:
    bases = [_base(arg) for arg in args]
    order = sorted(range(len(args)), key=bases.__getitem__)
    tied = len(set(bases)) < len(bases)
    flexible = bases[order[-1]][0]
    if not tied and not flexible:
        return [args[i] for i in order]
    colour: dict[Label, int] = {}
    if tied or any(symmetry(args[i][0]) for i in order):
        ranks, colour = _refine(args, bases, summed)
        order.sort(key=ranks.__getitem__)
    else:
        ranks = list(range(len(args)))
        for rank, i in enumerate(order):
            ranks[i] = rank
    # What is still tied is symmetric, nearly always: take next the one that continues the numbering.
    number: dict[Label, int] = {}
    result: list[Factor] = []
    start = 0
    unnumbered = 1 << 30
    while start < len(order):
        stop = start + 1
        while stop < len(order) and ranks[order[stop]] == ranks[order[start]]:
            stop += 1
        group = order[start:stop]
        while group:
            if len(group) == 1:
                chosen = group.pop()
            else:
                chosen = min(group, key=lambda i: [number.get(label, unnumbered) for label in args[i][1]])
                group.remove(chosen)
            arg = args[chosen]
            swaps = symmetry(arg[0])
            if swaps:
                labels = list(arg[1])
                for swap in swaps:
                    moved = sorted((labels[p] for p in swap), key=lambda label: (number.get(label, unnumbered), colour.get(label, 0)))
                    for p, label in zip(swap, moved):
                        labels[p] = label
                arg = (arg[0], tuple(labels), *arg[2:])
            for label in arg[1]:
                if label not in number:
                    number[label] = len(number)
            result.append(arg)
        start = stop
    return result


def symmetry(node: Node) -> tuple[tuple[int, ...], ...]:
    """Groups of axes of an affine relation that may change places."""
    if node.kind not in ("affine", "range"):
        return ()
    memo = node.memo
    if memo is None:
        memo = node.memo = {}
    groups = memo.get("symmetry")
    if groups is None:
        coefficients = node.param[0]
        if node.kind == "affine" and is_delta(node):
            groups = ((0, 1),)
        else:
            same: dict[tuple, list[int]] = {}
            for position, key in enumerate(zip(coefficients, node.dims)):
                same.setdefault(key, []).append(position)
            groups = tuple(tuple(group) for group in same.values() if len(group) > 1)
        memo["symmetry"] = groups
    return groups


def is_delta(node: Node) -> bool:
    """Whether a node is [a - b == 0] between two axes of one size."""
    return node.kind == "affine" and node.param == ((1, -1), 0) and node.dims[0] == node.dims[1]


def _refine(args: list[Factor], bases: list[tuple], summed: Collection[Label]) -> tuple[list[int], dict[Label, int]]:
    """Ranks of the arguments and colours of their labels by colour refinement."""
    places: dict[Label, list[tuple[int, int]]] = {}
    for i, arg in enumerate(args):
        where = {}
        for group in symmetry(arg[0]):
            where.update(dict.fromkeys(group, group[0]))
        for position, label in enumerate(arg[1]):
            places.setdefault(label, []).append((i, where.get(position, position)))
    colour: dict[Label, int] = {label: int(label in summed) for label in places}
    ranks = _rank(bases)
    classes = 0
    while True:
        keys = []
        for i, arg in enumerate(args):
            colours = [colour[label] for label in arg[1]]
            for group in symmetry(arg[0]):
                for p, c in zip(group, sorted(colours[p] for p in group)):
                    colours[p] = c
            keys.append((ranks[i], colours))
        ranks = _rank(keys)
        labels = list(places)
        shades = _rank([(colour[label], sorted((ranks[i], p) for i, p in places[label])) for label in labels])
        colour = dict(zip(labels, shades))
        found = len(set(ranks)) + len(set(shades))
        if found == classes:
            return ranks, colour
        classes = found


def _rank(keys: list) -> list[int]:
    order = sorted(range(len(keys)), key=keys.__getitem__)
    ranks = [0] * len(keys)
    for before, i in pairwise(order):
        ranks[i] = ranks[before] + (keys[i] != keys[before])
    return ranks

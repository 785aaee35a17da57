"""Two ways to take a product with linear loops in another order.

    sum over b of  W[b,u] L(s[b])     =  L(sum over b of W[b,u] s[b])           `Sum`: along strands, before the loops
    L(s[b])[u]                        =  sum over e of (dL[u] / ds)[e] s[b,e]   `Product`: the loops run the other way, once for each u instead of each b

L is a region of the graph, with loops in it, that is linear in what goes into it. What it makes is a product of matrices, one a step, and these lines are that
its product with another matrix may be taken from either end. The loop that runs the other way, with the transposed matrix in each step, is the derivative.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from croton.algebra.add import add
from croton.algebra.constant import constant, number_of
from croton.algebra.contract import contract
from croton.algebra.cost import elements
from croton.algebra.node import ONE, Label, Node, Use
from croton.algebra.rebuild import Memo
from croton.algebra.relation import delta
from croton.algebra.stand_in import is_closed, mark
from croton.derivatives.derive import derive
from croton.rewriting.region import Region, rebuilt, region_of
from croton.rewriting.strand import handed_on

MANY = 1 << 62


class Sum(NamedTuple):
    """A sum along strands of a factor, which can be taken before the loops: so many vectors go through them then."""

    node: Node
    place: int
    region: Region
    dropped: tuple[int, ...]
    vectors: int
    rule: str = "sum before the loops"

    def otherwise(self, axes: tuple[Label, ...]) -> Use | None:
        node = self.node
        labels = [*axes, *[Label(size) for size in node.sums]]
        factors = [(Use(arg[0], tuple([labels[i] for i in arg[1]])), arg[2]) for arg in node.args]
        use = factors.pop(self.place)[0]
        dropped = {labels[i] for i in self.dropped}
        inside = [factor for factor in factors if not dropped.isdisjoint(factor[0].labels)]
        outside = [factor for factor in factors if dropped.isdisjoint(factor[0].labels)]
        elsewhere = {label for factor, _ in outside for label in factor.labels}.union(axes)
        own = {label for factor, _ in inside for label in factor.labels} - elsewhere - dropped
        around = {label: Label(label.size, ambient=True) for factor, _ in inside for label in factor.labels if label in elsewhere}
        values: Memo = {}
        for leaf, at in self.region.leaves.items():
            if number_of(leaf) == 0:
                continue
            names = [Label(size) for size in leaf.dims]
            for place, label in zip(at, [use.labels[axis] for axis in self.region.inside[use.node]]):  # type: ignore[index]
                if place is not None:
                    names[place] = label
            given = [(Use(factor.node, tuple([around.get(label, label) for label in factor.labels])), power) for factor, power in inside]
            out = {*names, *around.values()} - dropped
            values[leaf] = (tuple(names), contract(out, [(Use(leaf, tuple(names)), 1), *given], ONE, dropped | own, leaf.dtype))
        made, names_of_made = rebuilt(self.region, values)
        at_labels = {**dict(zip(names_of_made, use.labels)), **{alias: label for label, alias in around.items()}}
        one = Use(made.node, tuple([at_labels[label] for label in made.labels]))
        left = [label for label in labels[len(axes) :] if label not in dropped and label not in own]
        return contract(axes, [*outside, (one, 1)], node.param, left, node.dtype)


class Product(NamedTuple):
    """A value of which the axes that are no strands have fewer elements than the strands: as many vectors go through the loops that are turned round."""

    node: Node
    region: Region
    vectors: int
    rule: str = "turn the loops round"

    def otherwise(self, axes: tuple[Label, ...]) -> Use | None:
        node, region = self.node, self.region
        strands_at = [axes[axis] for axis in region.inside[node] if axis is not None]
        values: Memo = {}
        marks: list[tuple[Use, Use]] = []
        for leaf, at in region.leaves.items():
            if number_of(leaf) == 0:
                continue
            own = tuple([Label(size) for size in leaf.dims])
            place = {own[i]: label for i, label in zip(at, strands_at) if i is not None}
            stand_in = mark([label for label in own if label not in place], leaf)
            values[leaf] = (own, stand_in)
            marks.append((stand_in, Use(leaf, tuple([place.get(label, label) for label in own]))))
        made, names = rebuilt(region, values)
        place = dict(zip(names, axes))
        seeds = [(delta(place[label], label), 1) for label in made.labels]
        cotangent = contract({label for use, _ in seeds for label in use.labels}, seeds, ONE, (), node.dtype) if seeds else constant(1, node.dtype)
        terms = []
        for (stand_in, value), answer in zip(marks, derive([made], [cotangent], [stand_in.node for stand_in, _ in marks])):
            if answer is None:
                continue
            adjoint, labels = answer
            if not is_closed(adjoint.node):
                return None
            place = dict(zip(labels, stand_in.labels))
            adjoint = Use(adjoint.node, tuple([place.get(label, label) for label in adjoint.labels]))
            out = {*value.labels, *adjoint.labels}.difference(stand_in.labels)
            terms.append((contract(out, [(value, 1), (adjoint, 1)], ONE, stand_in.labels, node.dtype), ONE))
        return add(terms, node.dtype) if terms else None


def sums(node: Node, strand_axes: Mapping[Node, set[int]], least: Mapping[Node, int]) -> list[Sum]:
    """Where a product sums along strands of a factor, and fewer vectors would go through loops than `least` says of the factor."""
    if node.kind != "contract" or not node.sums:
        return []
    rank, sizes = len(node.dims), node.dims + node.sums
    found = []
    for place, (child, at, power) in enumerate(node.args):
        dropped = [(label, axis) for axis, label in enumerate(at) if label >= rank and axis in strand_axes.get(child, ()) and at.count(label) == 1]
        if not dropped or power != 1 or child.dtype is not node.dtype:
            continue
        gone = {label for label, _ in dropped}
        around: set[int] = set()
        elsewhere = set(range(rank))
        for number, arg in enumerate(node.args):
            if number != place:
                (around if gone & set(arg[1]) else elsewhere).update(arg[1])
        if not around.isdisjoint(set(at) - gone):
            continue
        count = elements([sizes[label] for label in around & elsewhere])
        if count >= min(elements([sizes[label] for label in gone]), least.get(child, MANY)):
            continue
        region = region_of(child, [axis for _, axis in dropped], strand_axes)
        if region is not None:
            found.append(Sum(node, place, region, tuple([label for label, _ in dropped]), count))
    return found


def products(node: Node, strand_axes: Mapping[Node, set[int]], least: Mapping[Node, int]) -> list[Product]:
    """Where a value has fewer elements along other axes than along strands, and than `least` says of it."""
    here = strand_axes.get(node)
    if not here:
        return []
    groups: dict[Node | None, list[int]] = {}
    for axis in sorted(here):
        below = handed_on(node, axis) if node.kind == "contract" else None
        groups.setdefault(below[0][0] if below else None, []).append(axis)
    found = []
    for axes in groups.values():
        count = elements([size for axis, size in enumerate(node.dims) if axis not in axes])
        if count >= min(elements([node.dims[axis] for axis in axes]), least.get(node, MANY)):
            continue
        region = region_of(node, axes, strand_axes)
        if region is not None:
            found.append(Product(node, region, count))
    return found

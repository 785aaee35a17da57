"""What the terms of a sum have in common, taken out: x a + x b = x (a + b), also from inside the sums of the terms."""

from __future__ import annotations

from croton.algebra.add import add
from croton.algebra.coefficient import multiply
from croton.algebra.contract import contract
from croton.algebra.masked import held_by
from croton.algebra.node import Coef, Label, Node, Use

Factors = dict[tuple[Node, tuple[Label, ...]], int]


def take_out(terms: Use) -> Use | None:
    """A sum of terms as the product of their common factors and a smaller sum; None where they have none.

    Adding before multiplying rounds once less, so that it cannot cancel more than before.
    """
    node, axes = terms
    if not set.intersection(*[_multiplied(arg[0]) for arg in node.args]):
        return None
    split = []
    common: Factors | None = None
    for child, positions, coef in node.args:
        labels = tuple([axes[i] for i in positions])
        outer, inner, sums = _split(child, labels)
        if child.kind == "contract" and outer.keys() != {(child, labels)}:
            coef = multiply(coef, child.param)
        split.append((outer, inner, sums, coef))
        common = dict(outer) if common is None else _shared(common, outer)
        if not common:
            return None
    assert common is not None
    rest: list[tuple[Use, Coef]] = []
    for outer, inner, sums, coef in split:
        left = [(Use(*key), exponent - common.get(key, 0)) for key, exponent in outer.items()]
        every = [*[factor for factor in left if factor[1]], *inner]
        out = {label for use, _ in every for label in use.labels}.difference(sums)
        rest.append((contract(out, every, 1, sums, node.dtype), coef))
    return contract(axes, [(add(rest, node.dtype), 1), *[(Use(*key), exponent) for key, exponent in common.items()]], 1, (), node.dtype)


def _multiplied(node: Node) -> set[Node]:
    """The factors of a term, wherever it reads them."""
    return {arg[0] for arg in node.args} if node.kind == "contract" and node.args and not node.dtype.is_bool else {node}


def _split(node: Node, labels: tuple[Label, ...]) -> tuple[Factors, list[tuple[Use, int]], list[Label]]:
    """The factors of a term that its sum does not touch, the others, and what these are summed over."""
    if node.kind != "contract" or not node.args or node.dtype.is_bool:
        return {(node, labels): 1}, [], []
    sums = [Label(size) for size in node.sums]
    every = (*labels, *sums)
    rank = len(labels)
    outer: Factors = {}
    inner = []
    held = held_by(node.args, range(rank, len(every)))
    for place, (child, positions, exponent) in enumerate(node.args):
        at = tuple([every[i] for i in positions])
        if child.dtype.is_bool or place in held or any(i >= rank for i in positions):
            inner.append((Use(child, at), exponent))
        else:
            outer[child, at] = exponent
    return outer, inner, sums


def _shared(left: Factors, right: Factors) -> Factors:
    """What two products have in common: powers of one sign, the smaller of them."""
    found: Factors = {}
    for key, exponent in left.items():
        other = right.get(key, 0)
        if exponent * other > 0:
            found[key] = min(exponent, other, key=abs)
    return found

"""Which integer values are affine functions of label values."""

from __future__ import annotations

from croton.algebra.node import Coef, Label, Node, Use
from croton.algebra.relation import Row
from croton.sizes import Size

MOST_TERMS = 16


def affine_of(use: Use) -> Row | None:
    """Coefficients of labels and a constant, where an integer value is sum c_j l_j + c0; None where it is not."""
    node, labels = use
    if not node.dtype.is_integer:
        return None
    found = _of_node(node)
    if found is None:
        return None
    coefficients: dict[Label, Size] = {}
    for position, c in found[0].items():
        label = labels[position]
        total = coefficients.get(label, 0) + c
        coefficients[label] = total
    return {label: c for label, c in coefficients.items() if not isinstance(c, int) or c}, found[1]


def _of_node(node: Node) -> tuple[dict[int, Size], Size] | None:
    kind = node.kind
    if kind == "iota":
        return {0: 1}, 0
    if kind == "contract":
        return _of_product(node)
    if kind != "add" or len(node.args) > MOST_TERMS:
        return None
    coefficients: dict[int, Size] = {}
    constant: Size = 0
    for child, positions, coef in node.args:
        # Terms are label values and numbers; a sum inside a sum is too long to be of use.
        term = _of_node(child) if child.kind != "add" else None
        scale = _size(coef)
        if term is None or scale is None:
            return None
        for position, c in term[0].items():
            place = positions[position]
            coefficients[place] = coefficients.get(place, 0) + c * scale
        constant = constant + term[1] * scale
    return coefficients, constant


def _of_product(node: Node) -> tuple[dict[int, Size], Size] | None:
    scale = _size(node.param)
    if scale is None or node.sums:
        return None
    if not node.args:
        return {}, scale
    if len(node.args) > 1 or node.args[0][0].kind != "iota" or node.args[0][2] != 1:
        return None
    return {node.args[0][1][0]: scale}, 0


def _size(coef: Coef) -> Size | None:
    """A coefficient as a size, where it is one."""
    if coef.number != int(coef.number):
        return None
    result: Size = int(coef.number)
    for size, exponent in coef.sizes:
        if exponent < 0:
            return None
        for _ in range(exponent):
            result = size * result
    return result

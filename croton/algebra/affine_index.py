"""Which integer values are affine functions of label values."""

from __future__ import annotations

from croton.algebra.node import Coef, Label, Node, Use
from croton.algebra.rows import Row, in_range, is_unit, plus, solved_for
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
    if scale is None:
        return None
    if node.sums:
        return _of_read(node, scale)
    if not node.args:
        return {}, scale
    if len(node.args) > 1 or node.args[0][0].kind != "iota" or node.args[0][2] != 1:
        return None
    return {node.args[0][1][0]: scale}, 0


def _of_read(node: Node, scale: Size) -> tuple[dict[int, Size], Size] | None:
    """Label values read through a relation, as arange(n)[::-1]: what the relation says the label is, if it always is one."""
    if len(node.args) != 2 or len(node.sums) != 1:
        return None
    (value, place, exponent), (relation, positions, _) = node.args
    inner = len(node.dims)
    if value.kind != "iota" or place != (inner,) or exponent != 1 or relation.kind != "affine" or positions.count(inner) != 1:
        return None
    row: Row = ({}, relation.param[1])
    for position, c in zip(positions, relation.param[0]):
        row = plus(row, ({position: c}, 0))
    if not is_unit(row[0].get(inner)):
        return None
    expression = solved_for(row, inner)
    if not in_range(expression, node.sums[0], dict(enumerate(node.dims))):
        return None
    return {position: c * scale for position, c in expression[0].items()}, expression[1] * scale


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

"""Relations between labels: the 0/1 factors that slice, pad, merge, mask, gather and scatter.

    affine          [sum c_j l_j + c0 == 0]     a Kronecker delta is l1 - l2 == 0
    at_least_zero   [sum c_j l_j + c0 >= 0]
    select          [label == index[b...]]

A relation is idempotent, undirected and constant to the derivative. The constructors here put one relation into normal form;
`contract` puts systems of them into normal form.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from croton.algebra.constant import truth
from croton.algebra.node import Label, Use, intern
from croton.algebra.rows import Row, always_negative, never_negative, never_zero
from croton.algebra.seal import is_delta
from croton.dtypes import bool_
from croton.sizes import Size, nonnegative, order_key

_DELTA = ((1, -1), 0)


def delta(a: Label, b: Label) -> Use:
    """[a == b]."""
    if a is b:
        return truth(True)
    if a.size != b.size or a.size == 1:
        return affine({a: 1, b: -1}, 0)
    return Use(intern("affine", (a.size, a.size), bool_, (), _DELTA), (a, b))


def affine(coefficients: Mapping[Label, Size], constant: Size = 0) -> Use:
    """[sum of coefficient * label + constant == 0]."""
    items = _items(coefficients)
    if not items:
        return truth(constant == 0) if isinstance(constant, int) else Use(intern("affine", (), bool_, (), ((), constant)), ())
    divisor = _divisor(items)
    if divisor > 1:
        if isinstance(constant, int):
            if constant % divisor:
                return truth(False)
            items = [(label, c // divisor) for label, c in items]
            constant //= divisor
        elif isinstance(constant - constant // divisor * divisor, int) and constant - constant // divisor * divisor == 0:
            items = [(label, c // divisor) for label, c in items]
            constant = constant // divisor
    if never_zero((dict(items), constant), _sizes(items)):
        return truth(False)
    items, constant = _oriented(items, constant)
    dims = tuple([label.size for label, _ in items])
    return Use(intern("affine", dims, bool_, (), (tuple([c for _, c in items]), constant)), tuple([label for label, _ in items]))


def at_least_zero(coefficients: Mapping[Label, Size], constant: Size = 0) -> Use:
    """[sum of coefficient * label + constant >= 0]."""
    items = _items(coefficients)
    if not items and isinstance(constant, int):
        return truth(constant >= 0)
    divisor = _divisor(items)
    if divisor > 1:
        items = [(label, c // divisor) for label, c in items]
        constant = constant // divisor
    row, sizes = (dict(items), constant), _sizes(items)
    if never_negative(row, sizes):
        return truth(True)
    if always_negative(row, sizes):
        return truth(False)
    items.sort(key=_item_key)
    dims = tuple([label.size for label, _ in items])
    return Use(intern("range", dims, bool_, (), (tuple([c for _, c in items]), constant)), tuple([label for label, _ in items]))


def select(label: Label, index: Use, among: Collection[Size] = ()) -> Use:
    """[label == index], for an integer array `index` whose values lie in the range of the label.

    `among` are sizes of axes that the index is read along and does not depend on: where one of them is 0 nothing is read, and its values may be any.
    """
    node, labels = index
    if not node.dtype.is_integer:
        raise TypeError(f"an index must be an integer array, got dtype {node.dtype}; convert it with astype('int64')")
    inner = tuple(range(1, 1 + len(labels)))
    maybe_none = tuple(sorted({size for size in among if not nonnegative(size - 1)}, key=order_key))
    return Use(intern("select", (label.size, *node.dims), bool_, ((node, inner),), maybe_none), (label, *labels))


def row_of(use: Use) -> Row:
    """The row of an affine or range relation read at labels."""
    node, labels = use
    coefficients: dict[Label, Size] = {}
    for label, c in zip(labels, node.param[0]):
        if label in coefficients:
            c = coefficients[label] + c
        coefficients[label] = c
    return {label: c for label, c in coefficients.items() if not isinstance(c, int) or c}, node.param[1]


def _items(coefficients: Mapping[Label, Size]) -> list[tuple[Label, Size]]:
    # A label of size 1 is 0.
    return [(label, c) for label, c in coefficients.items() if not (isinstance(c, int) and c == 0) and label.size != 1]


def _divisor(items: list[tuple[Label, Size]]) -> int:
    divisor = 0
    for _, c in items:
        if not isinstance(c, int):
            return 1
        divisor = math.gcd(divisor, c)
    return divisor


def leading_sign(size: Size) -> int:
    """The sign of a size's first term: enough to choose an orientation."""
    first = size if isinstance(size, int) else size.terms[0][1]
    return (first > 0) - (first < 0)


def _item_key(item: tuple[Label, Size]) -> tuple:
    label, c = item
    sign = leading_sign(c)
    return (order_key(c if sign > 0 else -c), order_key(label.size), -sign)


def _oriented(items: list[tuple[Label, Size]], constant: Size) -> tuple[list[tuple[Label, Size]], Size]:
    negated = [(label, -c) for label, c in items]
    items.sort(key=_item_key)
    negated.sort(key=_item_key)
    keys, others = [_item_key(item) for item in items], [_item_key(item) for item in negated]
    if others < keys or (others == keys and leading_sign(constant) < 0):
        return negated, -constant
    return items, constant


def _sizes(items: list[tuple[Label, Size]]) -> dict[Label, Size]:
    return {label: label.size for label, _ in items}


__all__ = ["Row", "affine", "at_least_zero", "delta", "is_delta", "leading_sign", "row_of", "select"]

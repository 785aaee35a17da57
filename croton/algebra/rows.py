"""Affine rows between labels: linear algebra over sizes, with proofs from the ranges of the labels.

A row is (coefficients, constant), the expression sum c_j l_j + c0. Labels are any hashables, `sizes` gives the size of each, and
label l runs over 0 .. sizes[l] - 1. Nothing here changes a row in place, and nothing knows of nodes.

Every proof may assume that each label has at least one value, so sizes[l] >= 1: a statement about terms of a sum is about nothing
when a label is empty. It is therefore a mistake to give the size of a label that the statement outlives.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from croton.sizes import Size, nonnegative, order_key, within

Name = Any
Row = tuple[dict[Name, Size], Size]
"""Coefficients of labels, none of them 0, and a constant."""


def plus(row: Row, other: Row, times: Size = 1) -> Row:
    """row + times * other."""
    coefficients = dict(row[0])
    for label, c in other[0].items():
        total = coefficients.get(label, 0) + c * times
        if isinstance(total, int) and total == 0:
            coefficients.pop(label, None)
        else:
            coefficients[label] = total
    return coefficients, row[1] + other[1] * times


def negated(row: Row) -> Row:
    """-row."""
    return {label: -c for label, c in row[0].items()}, -row[1]


def is_unit(coefficient: Size | None) -> bool:
    """Whether a row can be solved for a label with this coefficient."""
    return isinstance(coefficient, int) and coefficient in (1, -1)


def solved_for(row: Row, label: Name) -> Row:
    """The expression that the label equals where the row is 0; its coefficient must be 1 or -1."""
    sign = -row[0][label]
    assert is_unit(sign), f"the coefficient of {label} is {-sign}; only 1 and -1 can be divided by"
    return {other: c * sign for other, c in row[0].items() if other != label}, row[1] * sign


def replaced(row: Row, label: Name, expression: Row) -> Row:
    """The row with an expression in place of a label."""
    coefficients, constant = row
    if label not in coefficients:
        return row
    rest = {other: c for other, c in coefficients.items() if other != label}
    return plus((rest, constant), expression, coefficients[label])


def renamed(row: Row, names: Mapping[Name, Name]) -> Row:
    """The row with labels renamed; labels that become one add up."""
    result: Row = ({}, row[1])
    for label, c in row[0].items():
        result = plus(result, ({names.get(label, label): c}, 0))
    return result


def eliminated(rows: Sequence[Row], inner: Collection[Name]) -> list[Row]:
    """Rows in which a summed label occurs once: where it ties two rows it is solved for and put in."""
    rows = list(rows)
    for label in inner:
        having = [row for row in rows if label in row[0]]
        pivot = next((row for row in having if is_unit(row[0][label])), None)
        if len(having) < 2 or pivot is None:
            continue
        rest = []
        for row in rows:
            if row is pivot:
                continue
            rest.append(replaced(row, label, solved_for(pivot, label)))
        rows = rest
    return rows


def value(row: Row, at: Mapping[Name, Any], size: Any = int) -> Any:
    """The value at values of the labels, numbers or arrays; `size` turns a coefficient into a number."""
    total = size(row[1])
    for label, c in row[0].items():
        total = total + size(c) * at[label]
    return total


def facts(sizes: Mapping[Name, Size]) -> tuple[Size, ...]:
    """That every label has a value, in the form the prover of sizes takes."""
    return within(sorted({size for size in sizes.values() if not isinstance(size, int)}, key=order_key))


def sign(coefficient: Size, known: Sequence[Size] = ()) -> int | None:
    """1, -1 or 0 where it is known, else None."""
    if isinstance(coefficient, int):
        return (coefficient > 0) - (coefficient < 0)
    if nonnegative(coefficient - 1, known):
        return 1
    return -1 if nonnegative(-coefficient - 1, known) else None


def bounds(row: Row, sizes: Mapping[Name, Size], known: Sequence[Size] | None = None) -> tuple[Size, Size] | None:
    """The least and greatest value over the ranges of the labels; None where the sign of a coefficient is unknown."""
    known = facts(sizes) if known is None else known
    low = high = row[1]
    for label, c in row[0].items():
        direction = sign(c, known)
        if direction is None:
            return None
        reach = c * (sizes[label] - 1)
        if direction > 0:
            high = high + reach
        else:
            low = low + reach
    return low, high


def never_negative(row: Row, sizes: Mapping[Name, Size], known: Sequence[Size] | None = None) -> bool:
    """Whether the row is >= 0 for all values of its labels; False if that is not known."""
    known = facts(sizes) if known is None else known
    span = bounds(row, sizes, known)
    return span is not None and nonnegative(span[0], known)


def always_negative(row: Row, sizes: Mapping[Name, Size], known: Sequence[Size] | None = None) -> bool:
    """Whether the row is < 0 for all values of its labels; False if that is not known."""
    known = facts(sizes) if known is None else known
    span = bounds(row, sizes, known)
    return span is not None and nonnegative(-span[1] - 1, known)


def never_zero(row: Row, sizes: Mapping[Name, Size], known: Sequence[Size] | None = None) -> bool:
    """Whether no values of the labels make the row 0; False if that is not known."""
    known = facts(sizes) if known is None else known
    span = bounds(row, sizes, known)
    return span is not None and (nonnegative(span[0] - 1, known) or nonnegative(-span[1] - 1, known))


def in_range(row: Row, extent: Size, sizes: Mapping[Name, Size]) -> bool:
    """Whether 0 <= row < extent always: an index that needs no check. The extent itself may be 0."""
    known = facts(sizes)
    span = bounds(row, sizes, known)
    return span is not None and nonnegative(span[0], known) and nonnegative(extent - 1 - span[1], known)


def radix(labels: Iterable[Name], coefficients: Mapping[Name, Size], sizes: Mapping[Name, Size]) -> list[Name] | None:
    """The labels from the lowest digit to the highest, if their sum determines each of them; None if that is not known.

    They are the digits of a mixed radix: the weight of each, sign dropped, is greater than all that the lower digits reach. So
    6*a + 2*b + c is one for b < 3, c < 2, and 6*a + 2*b + c with c < 3 is not.
    """
    todo = list(labels)
    known = facts(sizes)
    weight: dict[Name, Size] = {}
    for label in todo:
        direction = sign(coefficients[label], known)
        if not direction:
            return None
        weight[label] = coefficients[label] * direction
    digits: list[Name] = []
    below: Size = 0
    while todo:
        for label in todo:
            if all(other is label or nonnegative(weight[other] - weight[label], known) for other in todo):
                break
        else:
            return None
        if not nonnegative(weight[label] - below - 1, known):
            return None
        below = below + weight[label] * (sizes[label] - 1)
        todo.remove(label)
        digits.append(label)
    return digits


def determined(
    known: Iterable[Name],
    rows: Sequence[Row],
    selects: Sequence[tuple[Name, Collection[Name]]],
    sizes: Mapping[Name, Size],
) -> set[Name]:
    """The labels that have at most one value for given values of the known ones; a select is (label, labels of its index)."""
    found = set(known)
    open_rows, open_selects = list(rows), list(selects)
    progress = True
    while progress:
        progress = False
        for select in list(open_selects):
            if select[0] in found or found.issuperset(select[1]):
                open_selects.remove(select)
                if select[0] not in found:
                    found.add(select[0])
                    progress = True
        for row in list(open_rows):
            unknown = [label for label in row[0] if label not in found]
            if not unknown:
                open_rows.remove(row)
            elif _determines(row, unknown, sizes):
                open_rows.remove(row)
                found.update(unknown)
                progress = True
    return found


def _determines(row: Row, unknown: list[Name], sizes: Mapping[Name, Size]) -> bool:
    if len(unknown) == 1:
        # A coefficient that may be 0 says nothing about its label.
        weight = row[0][unknown[0]]
        return weight != 0 if isinstance(weight, int) else bool(sign(weight, facts(sizes)))
    return radix(unknown, row[0], sizes) is not None


def equal_pairs(row: Row, sizes: Mapping[Name, Size]) -> list[tuple[Name, Name]] | None:
    """Pairs of labels that must be equal where the row is 0, if the row says no more and no less than that.

    c1*(l1 - m1) + c2*(l2 - m2) + ... is 0 only where l1 == m1, l2 == m2, ..., when the l are digits of a mixed radix.
    """
    coefficients, constant = row
    if not isinstance(constant, int) or constant != 0 or not coefficients or len(coefficients) % 2:
        return None
    known = facts(sizes)
    signs = {label: sign(c, known) for label, c in coefficients.items()}
    positive = [label for label in coefficients if signs[label] == 1]
    negative = [label for label in coefficients if signs[label] == -1]
    if len(positive) != len(negative) or len(positive) + len(negative) < len(coefficients):
        return None
    pairs: list[tuple[Name, Name]] = []
    for label in positive:
        partners = [other for other in negative if -coefficients[other] == coefficients[label] and sizes[other] == sizes[label]]
        if len(partners) != 1:
            return None
        negative.remove(partners[0])
        pairs.append((label, partners[0]))
    if len(pairs) == 1 or radix(positive, coefficients, sizes) is not None:
        return pairs
    return None


__all__ = [
    "Row",
    "always_negative",
    "bounds",
    "determined",
    "equal_pairs",
    "facts",
    "in_range",
    "is_unit",
    "negated",
    "never_negative",
    "never_zero",
    "plus",
    "radix",
    "renamed",
    "replaced",
    "sign",
    "solved_for",
    "value",
]

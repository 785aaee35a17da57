"""Affine rows between labels: linear algebra over sizes, with proofs from the ranges of the labels.

A row is (coefficients, constant), the expression sum c_j l_j + c0. Labels are any hashables, `sizes` gives the size of each, and
label l runs over 0 .. sizes[l] - 1. Nothing here changes a row in place, and nothing knows of nodes.

Every proof may assume that each label has at least one value, so sizes[l] >= 1: a statement about terms of a sum is about nothing
when a label is empty. It is therefore a mistake to give the size of a label that the statement outlives.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from croton.sizes import Size, nonnegative, order_key, within

Name = Any
Row = tuple[dict[Name, Size], Size]
"""Coefficients of labels, none of them 0, and a constant."""


class System(NamedTuple):
    """What `reduce_system` leaves: [row == 0] and [range >= 0], equal labels, labels that are gone; `empty` if nothing satisfies it."""

    rows: list[Row]
    ranges: list[Row]
    equal: list[tuple[Name, Name]]
    gone: set[Name]
    empty: bool = False


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


def reduce_system(
    rows: Sequence[Row],
    ranges: Sequence[Row],
    used: Collection[Name],
    out: Collection[Name],
    sizes: Mapping[Name, Size],
) -> System | None:
    """A simpler system of [row == 0] and [range >= 0] that says the same, or None if there is none.

    Labels in neither `used` (something else reads them) nor `out` are summed and only these relations mention them: such a label
    is eliminated where that makes no other row longer, and leaves the fact that it had a value. Labels found equal are
    reported, not renamed: rename them and call again. Systems of the same form are looked at once.
    """
    number: dict[Name, int] = {}
    for row in (*rows, *ranges):
        for label in row[0]:
            number.setdefault(label, len(number))
    names = list(number)
    form = tuple([(tuple([(number[label], c) for label, c in row[0].items()]), row[1]) for row in (*rows, *ranges)])
    roles = tuple([(label in used, label in out) for label in names])
    others = frozenset([size for label, size in sizes.items() if label not in number and not isinstance(size, int)])
    key = (len(rows), form, roles, tuple([sizes[label] for label in names]), others)
    if key not in _reduced:
        if len(_reduced) >= MOST_KNOWN:
            _reduced.pop(next(iter(_reduced)))
        _reduced[key] = _reduced_system(key)
    found = _reduced[key]
    if found is None:
        return None
    return System(
        [({names[place]: c for place, c in row[0].items()}, row[1]) for row in found.rows],
        [({names[place]: c for place, c in row[0].items()}, row[1]) for row in found.ranges],
        [(names[one], names[other]) for one, other in found.equal],
        {names[place] for place in found.gone},
        found.empty,
    )


MOST_KNOWN = 1 << 14
_reduced: dict[tuple, System | None] = {}


def _reduced_system(key: tuple) -> System | None:
    """`reduce_system` for labels that are numbers: rows and then ranges, which labels are used or outputs, their sizes, and those of other labels."""
    count, form, roles, extents, others = key
    found = [(dict(coefficients), constant) for coefficients, constant in form]
    sizes: dict[Name, Size] = dict(enumerate(extents))
    sizes.update({("other", size): size for size in others})
    used, out = [{place for place, role in enumerate(roles) if role[which]} for which in (0, 1)]
    work = _Reduction(found[:count], found[count:], sizes)
    while True:
        if work.drop_constants() or work.empty:
            if work.empty:
                return work.result()
            continue
        if work.make_sparser():
            continue
        if work.find_equal():
            return work.result()
        if work.eliminate(used, out):
            continue
        work.drop_proved()
        return work.result() if work.changed else None


class _Reduction:
    """One run of `reduce_system`: each step does at most one thing and says whether it did."""

    __slots__ = ("changed", "empty", "equal", "gone", "ranges", "rows", "sizes")

    def __init__(self, rows: list[Row], ranges: list[Row], sizes: dict[Name, Size]) -> None:
        self.rows, self.ranges, self.sizes = rows, ranges, sizes
        self.equal: list[tuple[Name, Name]] = []
        self.gone: set[Name] = set()
        self.changed = self.empty = False

    def result(self) -> System:
        return System(self.rows, self.ranges, self.equal, self.gone, self.empty)

    def drop_constants(self) -> bool:
        """Rows that always or never hold. One that depends on unknown sizes alone stays: it is a condition on sizes."""
        known = facts(self.sizes)
        for position, row in enumerate(self.rows):
            if never_zero(row, self.sizes, known):
                self.empty = True
                return False
            if not row[0] and isinstance(row[1], int):
                del self.rows[position]
                self.changed = True
                return True
        return False

    def make_sparser(self) -> bool:
        """A sum or difference of two rows that has fewer labels than one of them takes its place."""
        for i, row in enumerate(self.rows):
            for j, other in enumerate(self.rows):
                if i == j or row[0].keys().isdisjoint(other[0]):
                    continue
                for times in (-1, 1):
                    combined = plus(other, row, times)
                    if len(combined[0]) < len(other[0]):
                        self.rows[j] = combined
                        self.changed = True
                        return True
        return False

    def find_equal(self) -> bool:
        """Labels that a row, or a sum or difference of two, makes equal."""
        for i, row in enumerate(self.rows):
            pairs = equal_pairs(row, self.sizes)
            for j, other in enumerate(self.rows):
                if pairs:
                    break
                if i != j and not row[0].keys().isdisjoint(other[0]):
                    pairs = equal_pairs(plus(row, other, -1), self.sizes) or equal_pairs(plus(row, other, 1), self.sizes)
            if pairs:
                self.equal += pairs
                del self.rows[i]
                self.changed = True
                return True
        return False

    def eliminate(self, used: Collection[Name], out: Collection[Name]) -> bool:
        """A label that only relations mention is solved for."""
        for position, row in enumerate(self.rows):
            for label, c in row[0].items():
                if label in out or label in used or not is_unit(c):
                    continue
                expression = solved_for(row, label)
                rest = self.rows[:position] + self.rows[position + 1 :]
                replacement = [replaced(other, label, expression) for other in rest]
                if any(len(after[0]) > len(before[0]) for before, after in zip(rest, replacement)):
                    continue
                last = self.sizes.pop(label) - 1
                self.rows = replacement
                self.ranges = [replaced(other, label, expression) for other in self.ranges]
                self.ranges += [expression, plus(({}, last), expression, -1)]
                self.gone.add(label)
                self.changed = True
                return True
        return False

    def drop_proved(self) -> None:
        """Ranges that always hold, or are there twice. What a row says a label is, it is in ranges too, and is one of the values of the label."""
        pinned = {label: solved_for(row, label) for row in self.rows if len(row[0]) == 1 for label, c in row[0].items() if is_unit(c)}
        known = facts(self.sizes)
        for label, (_, number) in pinned.items():
            known += tuple([fact for fact in (number, self.sizes[label] - 1 - number) if not isinstance(fact, int)])
        kept: list[Row] = []
        for row in self.ranges:
            for label in [label for label in row[0] if label in pinned]:
                row = replaced(row, label, pinned[label])
                self.changed = True
            if always_negative(row, self.sizes, known):
                self.empty = self.changed = True
                return
            if never_negative(row, self.sizes, known) or row in kept:
                self.changed = True
            else:
                kept.append(row)
        self.ranges = kept


__all__ = [
    "Row",
    "System",
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
    "reduce_system",
    "renamed",
    "replaced",
    "sign",
    "solved_for",
    "value",
]

"""Systems of affine relations made simpler: equal labels found, labels that only relations mention eliminated, what always holds left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from croton.algebra.rows import (
    Name,
    Row,
    always_negative,
    equal_pairs,
    facts,
    is_unit,
    never_negative,
    never_zero,
    plus,
    replaced,
    solved_for,
)
from croton.sizes import Size


class System(NamedTuple):
    """What `reduce_system` leaves: [row == 0] and [range >= 0], equal labels, labels that are gone; `empty` if nothing satisfies it."""

    rows: list[Row]
    ranges: list[Row]
    equal: list[tuple[Name, Name]]
    gone: set[Name]
    empty: bool = False


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

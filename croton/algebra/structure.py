"""What is proven of an array's structure: where it is zero, and where its axes do not interact.

An array is a sum of terms, and each term a product under relations. Relations between axes of the array are made by nothing but the seeds of derivatives,
repeated labels, slices, windows, gathers and masks, and every rule of the algebra is an identity; so that where a relation is left, the term is zero wherever
the relation is false, whatever the data. What is left of the relations is the proof; nothing is sampled. Where nothing is left nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from croton.algebra.coefficient import multiply
from croton.algebra.constant import number_of
from croton.algebra.contract import contract
from croton.algebra.node import RELATIONS, Coef, Label, Node, Operand, Use
from croton.algebra.relation import row_of
from croton.algebra.rows import eliminated, is_unit
from croton.algebra.support import never_before
from croton.sizes import Size, nonnegative

MOST_TERMS = 32
"""A sum is taken apart into at most so many terms."""

MOST_NODES = 64
"""So many nodes of a factor are looked at for relations."""

Row = tuple[dict[Label, Size], Size]

Reach = dict[Label, tuple[Size, Size]]
"""For each summed label its first and its last value."""


class Band(NamedTuple):
    """A term is zero unless low <= sum of coefficient * axis <= high; None where that side is open."""

    coefficients: tuple[tuple[int, Size], ...]
    low: Size | None
    high: Size | None

    @property
    def axes(self) -> tuple[int, ...]:
        return tuple(axis for axis, _ in self.coefficients)

    @property
    def equal(self) -> bool:
        """Whether the band says that two axes are equal."""
        return self.low == 0 and self.high == 0 and len(self.axes) == 2 and {c for _, c in self.coefficients} == {-1, 1}

    def __str__(self) -> str:
        if self.equal:
            return f"axis {self.axes[0]} = axis {self.axes[1]}"
        text = " + ".join([f"axis {axis}" if c == 1 else f"-axis {axis}" if c == -1 else f"{c} axis {axis}" for axis, c in self.coefficients])
        text = text.replace("+ -", "- ")
        if self.low is not None and self.low == self.high:
            return f"{text} = {self.low}"
        before = "" if self.low is None else f"{self.low} <= "
        return f"{before}{text}" + ("" if self.high is None else f" <= {self.high}")


class Lookup(NamedTuple):
    """A term is zero unless `axis` is the value of an integer array at the axes `at`."""

    axis: int
    at: tuple[int, ...]

    def __str__(self) -> str:
        return f"axis {self.axis} = index[{', '.join(f'axis {axis}' for axis in self.at)}]"


class Term(NamedTuple):
    """One term of an array.

    bands     linear conditions on axes outside of which the term is zero; [i == j] is one
    lookups   conditions axis == index[axes]
    constant  axes along which the term does not change
    apart     groups of axes that no factor of the term has together: between groups the term is a product, or a sum of `rank` products
    rank      for a term with at least two groups, the number of products; None if there is one group, or nothing is gained
    value     the term itself: the proof
    """

    bands: tuple[Band, ...]
    lookups: tuple[Lookup, ...]
    constant: tuple[int, ...]
    apart: tuple[tuple[int, ...], ...]
    rank: Size | None
    value: Operand

    def equal(self, one: int, other: int) -> bool:
        """Whether the term is zero wherever two axes differ."""
        groups: list[set[int]] = []
        for band in self.bands:
            if band.equal:
                meeting = [group for group in groups if not group.isdisjoint(band.axes)]
                groups = [group for group in groups if group not in meeting]
                groups.append(set(band.axes).union(*meeting))
        return one == other or any({one, other} <= group for group in groups)

    @property
    def facts(self) -> list[str]:
        """What is proven of the term, in words."""
        found = [f"zero unless {condition}" for condition in (*self.bands, *self.lookups)]
        if self.constant:
            found.append("the same along " + " and ".join(f"axis {axis}" for axis in self.constant))
        if self.rank is not None:
            groups = " and ".join("(" + ", ".join(map(str, group)) + ")" for group in self.apart)
            what = "an outer product" if self.rank == 1 else f"of rank at most {self.rank}"
            found.append(f"{what} between axes {groups}")
        return found


def structure(operand: Operand) -> list[Term]:
    """The terms of an array with what is proven of each; none for an array of zeros."""
    return [_term(Operand(operand.axes, use)) for use in _terms(operand.use) if number_of(use.node) != 0]


def _terms(use: Use) -> list[Use]:
    """A value as a sum of terms, taken apart as far as relations are inside."""
    done: list[Use] = []
    work = [use]
    while work:
        current = work.pop()
        node, labels = current
        if node.kind == "add" and len(done) + len(work) + len(node.args) <= MOST_TERMS:
            for child, positions, coef in node.args:
                inner = Use(child, tuple([labels[i] for i in positions]))
                work.append(inner if coef == Coef(1) else contract(set(inner.labels), [(inner, 1)], coef, (), node.dtype))
            continue
        opened = _distributed(current) if node.kind == "contract" and len(done) + len(work) < MOST_TERMS else None
        if opened is None:
            done.append(current)
        else:
            work += opened
    return done[::-1]


def _distributed(use: Use) -> list[Use] | None:
    """A product with a sum of terms that hold relations, as a sum of products."""
    node, axes = use
    labels = (*axes, *[Label(size) for size in node.sums])
    factors = [(Use(child, tuple([labels[i] for i in positions])), exponent) for child, positions, exponent in node.args]
    for place, (factor, exponent) in enumerate(factors):
        if factor.node.kind != "add" or exponent != 1 or len(factor.node.args) > MOST_TERMS or not _holds_relations(factor.node):
            continue
        rest = factors[:place] + factors[place + 1 :]
        found = []
        for child, positions, coef in factor.node.args:
            term = Use(child, tuple([factor.labels[i] for i in positions]))
            found.append(contract(axes, [*rest, (term, 1)], multiply(node.param, coef), labels[len(axes) :], node.dtype))
        return found
    return None


def _holds_relations(node: Node) -> bool:
    stack, seen = [node], {node}
    while stack and len(seen) <= MOST_NODES:
        current = stack.pop()
        if current.kind in RELATIONS:
            return True
        if current.kind in ("add", "contract"):
            fresh = [arg[0] for arg in current.args if arg[0] not in seen]
            seen.update(fresh)
            stack += fresh
    return False


def _term(operand: Operand) -> Term:
    axes, (node, at) = operand
    place = {label: number for number, label in enumerate(axes)}
    inner = tuple([Label(size) for size in node.sums])
    labels = (*at, *inner)
    factors, powers = [Use(node, at)], [1]
    if node.kind == "contract" and node.args:
        factors = [Use(child, tuple([labels[i] for i in positions])) for child, positions, _ in node.args]
        powers = [power for _, _, power in node.args]
    rows, ranges, lookups = [], [], []
    for factor, power in zip(factors, powers):
        if factor.node.kind == "affine":
            rows.append(row_of(factor))
        elif factor.node.kind == "range":
            ranges.append(row_of(factor))
        elif factor.node.kind == "loop" and power > 0:
            ranges += never_before(factor)
        elif factor.node.kind == "select" and all(label in place for label in factor.labels):
            lookups.append(Lookup(place[factor.labels[0]], tuple([place[label] for label in factor.labels[1:]])))
    reach = _reach(inner, rows, ranges)
    bands = [band for row in eliminated(rows, set(inner)) if (band := _band(row, place, reach, True)) is not None]
    bands += [band for row in ranges if (band := _band(_resolved(row, rows, set(inner)), place, reach, False)) is not None]
    bands = [band for band in bands if _says_something(band, axes)]
    constant = tuple([number for number, label in enumerate(axes) if label not in at and label.size != 1])
    factors, reach = _identified(factors, rows, reach)
    apart, rank = _apart(factors, [number for number, label in enumerate(axes) if label in at], place, reach)
    return Term(tuple(dict.fromkeys(bands)), tuple(lookups), constant, apart, rank, operand)


def _reach(inner: Sequence[Label], rows: Sequence[Row], ranges: Sequence[Row]) -> Reach:
    """Which values of summed labels count: those that no condition leaves out on the label alone, or on one that differs from it by a number."""
    found: Reach = {label: (0, label.size - 1) for label in inner}

    def narrow(label: Label, low: Size, high: Size) -> None:
        first, last = found[label]
        found[label] = (low if nonnegative(low - first) else first, high if nonnegative(last - high) else last)

    for coefficients, constant in ranges:
        for label, c in coefficients.items() if len(coefficients) == 1 else ():
            if label in found and c in (1, -1):
                first, last = found[label]
                narrow(label, *((-constant, last) if c == 1 else (first, constant)))
    for one, other, apart in _pairs(rows, found):
        narrow(one, found[other][0] + apart, found[other][1] + apart)
        narrow(other, found[one][0] - apart, found[one][1] - apart)
    return found


def _pairs(rows: Sequence[Row], reach: Reach) -> Iterator[tuple[Label, Label, Size]]:
    """Summed labels of which one is the other plus a number."""
    for coefficients, constant in rows:
        if len(coefficients) == 2 and all(label in reach for label in coefficients) and set(coefficients.values()) == {1, -1}:
            (one, sign), (other, _) = coefficients.items()
            yield one, other, -sign * constant


def _identified(factors: Sequence[Use], rows: Sequence[Row], reach: Reach) -> tuple[list[Use], Reach]:
    """The factors and the values of labels with one label for those that differ by a number: they link what they are in as one does."""
    name = {label: label for label in reach}
    for one, other, _ in _pairs(rows, reach):
        old, new = name[one], name[other]
        name = {label: new if known is old else known for label, known in name.items()}
    same = [Use(factor.node, tuple([name.get(label, label) for label in factor.labels])) for factor in factors]
    return same, {label: reach[label] for label in dict.fromkeys(name.values())}


def _resolved(row: Row, rows: Sequence[Row], inner: set[Label]) -> Row:
    """A row with summed labels replaced by what equations say they are."""
    coefficients, constant = dict(row[0]), row[1]
    for label in [label for label in coefficients if label in inner]:
        for others, number in rows:
            if is_unit(others.get(label, 0)) and not any(other in inner for other in others if other is not label):
                scale = -coefficients.pop(label) * others[label]
                for other, c in others.items():
                    if other is not label:
                        coefficients[other] = coefficients.get(other, 0) + scale * c
                constant = constant + scale * number
                break
    return {label: c for label, c in coefficients.items() if c != 0}, constant


def _says_something(band: Band, axes: Sequence[Label]) -> bool:
    """Whether a band leaves out anything that the axes have."""
    least: Size = 0
    most: Size = 0
    for axis, c in band.coefficients:
        reach = c * (axes[axis].size - 1)
        if nonnegative(c):
            most = most + reach
        elif nonnegative(-c):
            least = least + reach
        else:
            return True
    below = band.low is None or nonnegative(least - band.low)
    return not (below and (band.high is None or nonnegative(band.high - most)))


def _band(row: Row, place: dict[Label, int], reach: Reach, exact: bool) -> Band | None:
    """What [row == 0] (or, if not exact, [row >= 0]) says of the axes, whatever the summed labels are."""
    coefficients, constant = row
    outer = sorted([(place[label], c) for label, c in coefficients.items() if label in place])
    if not outer:
        return None
    # outer = -constant - inner
    low: Size | None = -constant
    high: Size | None = -constant
    for label, c in coefficients.items():
        if label in place:
            continue
        first, last = reach[label]
        if nonnegative(-c):
            first, last = last, first
        elif not nonnegative(c):
            low = high = None
        low = None if low is None else low - c * last
        high = None if high is None else high - c * first
    if not exact:
        high = None
    if low is None and high is None:
        return None
    if isinstance(outer[0][1], int) and outer[0][1] < 0 and (exact or len(outer) == 1):
        outer = [(axis, -c) for axis, c in outer]
        low, high = None if high is None else -high, None if low is None else -low
    return Band(tuple(outer), low, high)


def _apart(factors: Sequence[Use], axes: list[int], place: dict[Label, int], reach: Reach) -> tuple[tuple[tuple[int, ...], ...], Size | None]:
    """Groups of axes that factors and relations keep together, and how many products link the groups: the values of the labels that they share."""
    groups: list[set[int]] = [{axis} for axis in axes]
    for factor in factors:
        own = {place[label] for label in factor.labels if label in place}
        meeting = [group for group in groups if not group.isdisjoint(own)]
        if len(meeting) > 1:
            groups = [group for group in groups if group not in meeting]
            groups.append(set().union(*meeting))
    groups.sort(key=min)
    if len(groups) < 2:
        return tuple(tuple(sorted(group)) for group in groups), None
    return tuple([tuple(sorted(group)) for group in groups]), _rank(factors, groups, place, reach)


def _rank(factors: Sequence[Use], groups: list[set[int]], place: dict[Label, int], reach: Reach) -> Size | None:
    """The number of values of summed labels without which the groups do not meet; None where that is no less than a group has elements."""
    group_of = {axis: number for number, group in enumerate(groups) for axis in group}
    met: dict[Label, set[int]] = {label: set() for label in reach}
    for factor in factors:
        numbers = {group_of[place[label]] for label in factor.labels if label in place}
        for label in factor.labels:
            if label in met:
                met[label] |= numbers
    shared = {label for label, numbers in met.items() if len(numbers) > 1}
    # Without these labels, does a chain of factors still lead from group to group?
    chain: list[tuple[set[Label], set[int]]] = [({label}, set(numbers)) for label, numbers in met.items() if label not in shared]
    for factor in factors:
        own = {label for label in factor.labels if label in met and label not in shared}
        meeting = [link for link in chain if not link[0].isdisjoint(own)]
        if len(meeting) > 1:
            chain = [link for link in chain if link not in meeting]
            chain.append((set().union(*[link[0] for link in meeting]), set().union(*[link[1] for link in meeting])))
    linking = set(reach) if any(len(numbers) > 1 for _, numbers in chain) else shared
    rank: Size = 1
    for label in linking:
        values = reach[label][1] - reach[label][0] + 1
        rank = rank * (values if nonnegative(values) else label.size)
    sizes = {axis: label.size for label, axis in place.items()}
    for group in groups:
        count: Size = 1
        for axis in group:
            count = count * sizes[axis]
        if nonnegative(rank - count):
            return None
    return rank

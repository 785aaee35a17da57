"""One choice of directions for the relations of a product: what each label becomes, what it costs, what must be guarded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from croton.algebra import rows
from croton.algebra.cost import elements, extent, search
from croton.algebra.node import Node
from croton.algebra.rows import Row
from croton.algebra.solution import UNTIMED, Check, Digit, Factor, Gather, Predicate, Solved, timed
from croton.sizes import Size, nonnegative, product

UNSOLVED = None
Choice = int | tuple[int, ...] | None
"""A label to solve a row for; the digits to solve it for, lowest first; or None: leave the row a predicate."""


class Problem(NamedTuple):
    """A node's parts: what must be chosen among, and what follows."""

    node: Node
    rank: int
    sizes: dict[int, Size]
    data: list[tuple[int, tuple[int, ...], int]]
    affine: list[Row]
    ranges: list[Row]
    selects: list[tuple[int, int, tuple[int, ...]]]
    checks: tuple[Check, ...]


def problem_of(node: Node) -> Problem:
    sizes = dict(enumerate(node.dims + node.sums))
    problem = Problem(node, len(node.dims), sizes, [], [], [], [], ())
    checks = []
    for argument, (child, labels, power) in enumerate(node.args):
        if child.kind == "affine":
            problem.affine.append(_row(child, labels))
        elif child.kind == "range":
            problem.ranges.append(_row(child, labels))
        elif child.kind == "select":
            # The select's own argument may read the index at its axes in another order.
            inner = child.args[0][1]
            problem.selects.append((argument, labels[0], tuple([labels[place] for place in inner])))
            if not index_is_safe(child):
                checks.append(Check(argument, child.dims[0]))
        else:
            problem.data.append((argument, labels, power))
    _open_windows(problem)
    _open_bounds(problem)
    return problem._replace(checks=tuple(checks))


def _open_windows(problem: Problem) -> None:
    """Two ranges that say 0 <= row <= width become [row == k] with k summed over the window, where that is narrower than what row mentions.

    A sum over a window is made so that only relations mention where in the window it is, and such labels are eliminated. To compute with it
    one walks through the window.
    """
    pending = list(problem.ranges)
    while pending:
        low = pending.pop()
        for high in pending:
            labels, width = rows.plus(low, high)
            if not labels and extent(width + 1) < max([extent(problem.sizes[label]) for label, c in low[0].items() if rows.is_unit(c)], default=0):
                break
        else:
            continue
        if not nonnegative(width + 1):
            continue
        pending.remove(high)
        problem.ranges.remove(low)
        problem.ranges.remove(high)
        # From where the window begins: what is widest goes the way of the walk.
        widest = max([label for label, c in low[0].items() if rows.is_unit(c)], key=lambda label: extent(problem.sizes[label]))
        if low[0][widest] == -1:
            low = high
        place = len(problem.sizes)
        problem.sizes[place] = width + 1
        problem.affine.append(rows.plus(low, ({place: 1}, 0), -1))


def _open_bounds(problem: Problem) -> None:
    """[label <= width] of a summed label becomes [label == k] with k summed up to there, and so a bound from below.

    Where more than half is left a mask is better, which lets a sum go along with others over the whole axis.
    """
    for bound in list(problem.ranges):
        if len(bound[0]) != 1:
            continue
        ((label, coefficient),) = bound[0].items()
        size = problem.sizes[label]
        width = bound[1] if coefficient == -1 else size - 1 + bound[1]
        if label < problem.rank or not rows.is_unit(coefficient) or not nonnegative(width + 1):
            continue
        if 2 * extent(width + 1) > extent(size) and not (isinstance(width, int) and not isinstance(size, int)):
            continue
        place = len(problem.sizes)
        problem.sizes[place] = width + 1
        problem.ranges.remove(bound)
        problem.affine.append(({label: 1, place: -1}, 0 if coefficient == -1 else bound[1]))


def _row(relation: Node, labels: Sequence[int]) -> Row:
    row: Row = ({}, relation.param[1])
    for label, coefficient in zip(labels, relation.param[0]):
        row = rows.plus(row, ({label: coefficient}, 0))
    return row


def index_is_safe(select: Node) -> bool:
    """Whether an index lies in range whatever the data: the position of an extreme value along a label of the same size."""
    index = select.args[0][0]
    return index.kind == "arg" and index.sums == select.dims[:1]


def directions_of(row: Row, sizes: Mapping[int, Size]) -> list[Choice]:
    """What a row may be solved for: summed labels first, so that among equals the output stays plain."""
    found: list[Choice] = sorted((label for label, c in row[0].items() if rows.is_unit(c)), reverse=True)
    for wanted in (1, -1):
        side = [label for label, c in row[0].items() if rows.sign(c, rows.facts(sizes)) == wanted]
        digits = exact_digits(row, side, sizes) if len(side) > 1 else None
        if digits is not None:
            found.append(digits)
    return found or [UNSOLVED]


def exact_digits(row: Row, side: Sequence[int], sizes: Mapping[int, Size]) -> tuple[int, ...] | None:
    """The labels of one side from the lowest digit up, if each weight is exactly the number of values below it."""
    weight: Size = 1
    remaining = list(side)
    found = []
    sign: Size = 0
    while remaining:
        for label in remaining:
            c = row[0][label]
            if (sign == 0 and c in (1, -1)) or (sign != 0 and c == weight * sign):
                break
        else:
            return None
        sign = sign or row[0][label]
        found.append(label)
        remaining.remove(label)
        weight = weight * sizes[label]
    return tuple(found)


class Attempt:
    """One combination of directions: what each label becomes, and what it costs."""

    __slots__ = ("affine", "defined", "next_label", "problem", "ranges", "sizes", "valid", "zeros")

    def __init__(self, problem: Problem, gathers: Sequence[bool], choices: Sequence[Choice]) -> None:
        self.problem = problem
        self.sizes = problem.sizes
        self.affine: dict[int, Row] = {}
        self.defined: dict[int, Gather | Digit] = {}
        self.zeros: list[Row] = []
        self.ranges: list[tuple[Row, Size]] = []
        self.valid = True
        self.next_label = len(problem.sizes)
        self._selects(gathers)
        todo = list(problem.affine)
        for position, choice in enumerate(choices):
            self._solve_row(self._resolved(todo[position]), choice)
            if not self.valid:
                return

    def _selects(self, gathers: Sequence[bool]) -> None:
        for (argument, label, at), gather in zip(self.problem.selects, gathers):
            places: tuple[Row, ...] = tuple([({place: 1}, 0) for place in at])
            if gather and label not in self.defined and label not in at:
                self.defined[label] = Gather(label, argument, places)
            else:
                # Another index of the same label, or one that is compared and not read at.
                fresh = self.next_label
                self.next_label += 1
                if self.sizes is self.problem.sizes:
                    self.sizes = dict(self.sizes)
                self.sizes[fresh] = self.sizes[label]
                self.defined[fresh] = Gather(fresh, argument, places)
                self.zeros.append(({label: 1, fresh: -1}, 0))

    def _solve_row(self, row: Row, choice: Choice) -> None:
        if choice is UNSOLVED or not row[0]:
            self.zeros.append(row)
            return
        if isinstance(choice, tuple):
            self._solve_digits(row, choice)
            return
        if not rows.is_unit(row[0].get(choice)) or choice in self.defined:
            self.valid = False
            return
        expression = rows.solved_for(row, choice)
        self._substitute(choice, expression)
        self.affine[choice] = expression

    def _solve_digits(self, row: Row, digits: tuple[int, ...]) -> None:
        for label in digits:
            if label not in row[0] or label in self.defined:
                self.valid = False
                return
        if exact_digits(row, digits, self.sizes) != digits:
            self.valid = False
            return
        sign = row[0][digits[0]]
        rest: Row = ({label: -c * sign for label, c in row[0].items() if label not in digits}, -row[1] * sign)
        divisor: Size = 1
        for label in digits[:-1]:
            self.defined[label] = Digit(label, rest, divisor, self.sizes[label])
            divisor = divisor * self.sizes[label]
        self.defined[digits[-1]] = Digit(digits[-1], rest, divisor, None)
        self.ranges.append((rest, divisor * self.sizes[digits[-1]]))

    def _resolved(self, row: Row) -> Row:
        for label in list(row[0]):
            expression = self.affine.get(label)
            if expression is not None:
                row = rows.replaced(row, label, expression)
        return row

    def _substitute(self, label: int, expression: Row) -> None:
        for other, row in self.affine.items():
            if label in row[0]:
                self.affine[other] = rows.replaced(row, label, expression)
        for other, definition in self.defined.items():
            if isinstance(definition, Gather):
                if any(label in row[0] for row in definition.at):
                    at = tuple([rows.replaced(row, label, expression) for row in definition.at])
                    self.defined[other] = definition._replace(at=at)
            elif label in definition.row[0]:
                self.defined[other] = definition._replace(row=rows.replaced(definition.row, label, expression))

    # ---- the price --------------------------------------------------------------------------------------------------

    def estimate(self) -> float | None:
        """Operations, as many as a loop nest runs, before anything is proved; None where the choice is impossible."""
        order = self._definition_order() if self.valid else None
        if order is None:
            return None
        problem, sizes = self.problem, self.sizes
        reach = self._reach(order)
        terms = [frozenset().union(*[self._labels(self._at(label), reach) for label in labels]) for _, labels, _ in problem.data]
        terms += [self._labels(self._resolved(row), reach) for row in self.zeros]
        # a place in a window that is solved for leaves the two ranges that the window was opened from
        opened = range(problem.rank + len(problem.node.sums), len(problem.sizes))
        for row in [*problem.ranges, *[self.affine[label] for label in opened if label in self.affine]]:
            labels = self._labels(self._resolved(row), reach)
            if not any(labels <= term for term in terms):
                terms.append(labels)
        at = [self._at(label) for label in range(problem.rank)]
        kept = frozenset().union(*[self._labels(row, reach) for row in at]) if at else frozenset()
        labels = kept.union(*terms)
        price = search(terms, kept, {label: extent(sizes[label]) for label in labels}, 1.0).time
        if any(len(row[0]) != 1 or row[1] != 0 or label in self.affine or label in self.defined for label, row in enumerate(at)):
            price += 2 * elements([sizes[label] for label in kept]) + elements(problem.node.dims)
        return price

    def _reach(self, order: Sequence[int]) -> dict[int, frozenset[int]]:
        """The loop labels that each defined label depends on."""
        reach: dict[int, frozenset[int]] = {}
        for label in order:
            reach[label] = frozenset().union(*[self._labels(row, reach) for row in _rows_of(self.defined[label])])
        return reach

    # ---- the result -------------------------------------------------------------------------------------------------

    def solved(self) -> Solved | None:
        if not self.valid:
            return None
        order = self._definition_order()
        if order is None:
            return None
        problem, sizes = self.problem, self.sizes
        reach = self._reach(order)
        at = [self._at(label) for label in range(problem.rank)]
        factors = tuple([Factor(arg, tuple([self._at(label) for label in labels]), power) for arg, labels, power in problem.data])
        free = [label for label in problem.sizes if label not in self.affine and label not in self.defined]
        bound = {label: sizes[label] for label in (*free, *self.defined)}
        terms = [frozenset().union(*[self._labels(row, reach) for row in factor.at]) for factor in factors]
        predicates = self._predicates(factors, terms, bound, reach)
        if predicates is None:
            # A guard that never holds: the value is 0, whichever way it is computed.
            predicates = [Predicate(({}, -1), True, tuple(range(len(factors))), True)]
        terms += [self._labels(predicate.row, reach) for predicate in predicates if predicate.term]
        output_labels = [self._labels(row, reach) for row in at]
        kept = sorted(frozenset().union(*output_labels)) if at else []
        mentioned = frozenset().union(*terms) if terms else frozenset()
        inner = sorted(label for label in mentioned if label not in kept)
        repeat = tuple([sizes[label] for label in free if label not in mentioned and label not in kept])
        used = _used_definitions(order, self.defined, [row for factor in factors for row in factor.at] + at + [p.row for p in predicates])
        used = [self._guarded(definition, predicates, reach, used[:place]) for place, definition in enumerate(used)]
        plain = _is_plain(at, {label: sizes[label] for label in free}, problem.sizes)
        injective = plain or self._is_injective(at, kept, bound)
        covers = plain or (injective and not predicates and product(problem.node.dims) == product([sizes[label] for label in kept]))
        loop = (*kept, *inner)
        found = Solved(
            loop,
            {label: sizes[label] for label in (*loop, *[definition.label for definition in used])},
            tuple(used),
            factors,
            tuple(predicates),
            tuple(at),
            tuple(kept),
            plain,
            injective,
            covers,
            repeat,
            problem.checks,
            tuple(terms),
            UNTIMED,
            0.0,
        )
        return timed(problem.node.dims, found)

    def _at(self, label: int) -> Row:
        expression = self.affine.get(label)
        return ({label: 1}, 0) if expression is None else expression

    def _labels(self, row: Row, reach: Mapping[int, frozenset[int]]) -> frozenset[int]:
        if not reach:
            return frozenset(row[0])
        return frozenset().union(*[reach.get(label, frozenset((label,))) for label in row[0]])

    def _definition_order(self) -> list[int] | None:
        """Definitions after what they mention; None where they go in a circle."""
        order: list[int] = []
        state: dict[int, int] = {}
        for root in self.defined:
            stack = [(root, False)]
            while stack:
                label, left = stack.pop()
                if left:
                    state[label] = 2
                    order.append(label)
                    continue
                if state.get(label) == 2:
                    continue
                if state.get(label) == 1:
                    return None
                state[label] = 1
                stack.append((label, True))
                for row in _rows_of(self.defined[label]):
                    for other in row[0]:
                        if other in self.defined:
                            if state.get(other) == 1:
                                return None
                            if state.get(other) is None:
                                stack.append((other, False))
        return order

    def _predicates(
        self,
        factors: Sequence[Factor],
        terms: Sequence[frozenset[int]],
        bound: Mapping[int, Size],
        reach: Mapping[int, frozenset[int]],
    ) -> list[Predicate] | None:
        """The guards that are not proved; None if one never holds."""
        # A digit has a value only where its row is in range, which is what may have to be proved here.
        having = {label: size for label, size in bound.items() if not isinstance(self.defined.get(label), Digit)}
        known = rows.facts(having)
        limits = [(row, self.sizes[label]) for label, row in self.affine.items()]
        limits += [(self._resolved(row), total) for row, total in self.ranges]
        # What safety needs comes first: the same row may also be what the problem says, of which one factor is enough to know.
        claims = []
        for row, size in limits:
            claims += [(row, True, True), (rows.plus(({}, size - 1), row, -1), True, True)]
        claims += [(self._resolved(row), False, False) for row in self.zeros]
        claims += [(self._resolved(row), True, False) for row in self.problem.ranges]
        # What reads at a label that was solved for reads safely only where that label is in range.
        solved = self.affine.keys() | self.defined.keys()
        indirect = {place for place, (_, labels, _) in enumerate(self.problem.data) if not solved.isdisjoint(labels)}
        found: list[Predicate] = []
        seen: list[tuple[Row, bool]] = []
        for row, at_least, for_safety in claims:
            labels = self._labels(row, reach)
            able = [place for place in range(len(factors)) if labels <= terms[place]]
            hosts = [place for place in able if for_safety and place in indirect]
            # A factor is read where the loops over labels of others are not, so that these may be empty.
            inside = frozenset.intersection(*[terms[place] for place in hosts]) if hosts else None
            sure = known if inside is None or inside.issuperset(having) else rows.facts({label: size for label, size in having.items() if label in inside})
            if at_least and rows.never_negative(row, bound, sure):
                continue
            if not at_least and not row[0] and isinstance(row[1], int) and row[1] == 0:
                continue
            if rows.always_negative(row, bound, known) if at_least else rows.never_zero(row, bound, known):
                return None
            if (row, at_least) in seen:
                continue
            seen.append((row, at_least))
            if not any(factors[place].power > 0 for place in hosts):
                hosts += [place for place in able if factors[place].power > 0 and place not in hosts][:1]
            term = not any(factors[place].power > 0 for place in hosts)
            found.append(Predicate(row, at_least, tuple(hosts), term))
        return found

    def _guarded(
        self,
        definition: Gather | Digit,
        predicates: Sequence[Predicate],
        reach: Mapping[int, frozenset[int]],
        earlier: Sequence[Gather | Digit],
    ) -> Gather | Digit:
        """The definition with the predicates that can be known before it and speak of no other labels."""
        if isinstance(definition, Digit):
            return definition
        labels = frozenset().union(*[self._labels(row, reach) for row in definition.at])
        known = labels.union([other.label for other in earlier])
        guards = []
        for place, predicate in enumerate(predicates):
            mentioned = predicate.row[0].keys()
            if predicate.at_least and mentioned <= known and self._labels(predicate.row, reach) <= labels:
                guards.append(place)
        return definition._replace(guards=tuple(guards))

    def _is_injective(self, at: Sequence[Row], kept: Sequence[int], bound: Mapping[int, Size]) -> bool:
        axes = [("axis", place) for place in range(len(at))]
        system = [rows.plus(row, ({axis: 1}, 0), -1) for axis, row in zip(axes, at)]
        sizes: dict[Any, Size] = {**bound, **dict(zip(axes, self.problem.node.dims))}
        return rows.determined(axes, system, [], sizes).issuperset(kept)


def _rows_of(definition: Gather | Digit) -> tuple[Row, ...]:
    return definition.at if isinstance(definition, Gather) else (definition.row,)


def _used_definitions(order: Sequence[int], defined: Mapping[int, Gather | Digit], used: Iterable[Row]) -> list[Gather | Digit]:
    """The definitions that rows mention, directly or through others."""
    wanted = {label for row in used for label in row[0]}
    found = []
    for label in reversed(order):
        if label in wanted:
            definition = defined[label]
            found.append(definition)
            wanted.update(other for row in _rows_of(definition) for other in row[0])
    return found[::-1]


def _is_plain(at: Sequence[Row], free: Mapping[int, Size], sizes: Mapping[int, Size]) -> bool:
    labels = []
    for axis, (coefficients, constant) in enumerate(at):
        if constant != 0 or len(coefficients) != 1:
            return False
        ((label, c),) = coefficients.items()
        if c != 1 or free.get(label) != sizes[axis]:
            return False
        labels.append(label)
    return len(set(labels)) == len(labels)

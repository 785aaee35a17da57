"""Squares summed along the strands of a linear loop: a loop of these sums, and not of as many values as there are strands.

    L[t + 1, b] = a[t] L[t, b] + e[t, b]        m[t] = sum over b of L[t, b]^2        m[t + 1] = a[t]^2 m[t] + sum over b of e[t, b]^2

where what comes in along a strand is the first thing that does, as in a Jacobian: then e[t, b] or L[t, b] is zero, and so is their product. Nothing
cancels that did not before, since no step sums anything. Of a step that does, which mixes states, the sums are those of all pairs of states, and what is
left of them may be small beside them.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from croton.algebra.constant import number_of, zero
from croton.algebra.contract import contract, is_read
from croton.algebra.cost import elements
from croton.algebra.loop import Loop, open_loop, part_of
from croton.algebra.node import ONE, Label, Node, Use, walk
from croton.algebra.plan import cost
from croton.algebra.rebuild import Memo, rebuild
from croton.algebra.rows import negated
from croton.algebra.stand_in import mark
from croton.loops.course import Steps, keep
from croton.loops.recurrence import Carry, Element, Recurrence
from croton.rewriting.conditions import Conditions, conditions, entry, rows_at
from croton.rewriting.replaced import Replaced
from croton.rewriting.strand import strands

MOST_CARRIES = 3
"""Carries of which all pairs become carries."""

LEAST_STRANDS = 8
"""Of fewer strands the squares are computed as soon as a loop of sums for each pair of carries."""

LEAST_GAIN = 4
"""Where states mix there must be so many times as many strands as states."""


def sum_squares_of_strands(uses: Sequence[Use], may_cancel: bool = False) -> tuple[list[Use], list[Replaced]]:
    """The same values, with sums of squares along strands of loops as loops of such sums; those of loops that mix states, too, if they may cancel."""
    order = list(walk([use.node for use in uses]))
    places = [node for node in order if node.kind == "contract" and any(_dropped(node, place) for place in range(len(node.args)))]
    if not places:
        return list(uses), []
    found = conditions(order)
    chosen = [summed for node in places if (summed := _with_moments(node, found, may_cancel)) is not None]
    memo: Memo = {summed.node: (summed.axes, summed.use) for summed in chosen}
    return rebuild(uses, keep, memo), chosen


def _dropped(node: Node, place: int) -> list[int]:
    """The axes of a factor, the square of a part of a loop, that are strands and summed by themselves."""
    child, positions, power = node.args[place]
    if child.kind != "loop" or power != 2 or part_of(child).kind != "states":
        return []
    elsewhere = {label for other, arg in enumerate(node.args) if other != place for label in arg[1]}
    rank = len(node.dims)
    found = [axis for axis in strands(child).axes if positions[axis] >= rank and positions[axis] not in elsewhere and positions.count(positions[axis]) == 1]
    return found if elements([child.dims[axis] for axis in found]) >= LEAST_STRANDS else []


def _with_moments(node: Node, found: Conditions, may_cancel: bool) -> Replaced | None:
    labels = tuple([Label(size) for size in node.dims + node.sums])
    axes, sums = labels[: len(node.dims)], set(labels[len(node.dims) :])
    factors: list[tuple[Use, int]] = []
    rules: list[str] = []
    before = after = 0.0
    for place, (child, positions, power) in enumerate(node.args):
        use = Use(child, tuple([labels[i] for i in positions]))
        dropped = _dropped(node, place)
        moment = _moment(child, dropped, found, may_cancel) if dropped else None
        if moment is None:
            factors.append((use, power))
            continue
        value, at, rule = moment
        place_of = dict(zip(at, use.labels))
        factors.append((Use(value.node, tuple([place_of[label] for label in value.labels])), 1))
        sums -= {use.labels[axis] for axis in dropped}
        rules.append(rule)
        before, after = before + cost(child), after + cost(value.node)
    if not rules:
        return None
    made = contract(axes, factors, node.param, sums, node.dtype)
    return Replaced(rules[0], node, made, axes, before + cost(node), after + cost(made.node))


class _Frame(NamedTuple):
    """What goes into a step along strands, in turn carries and elements, each at labels for its axes, and at others for those of what it is multiplied with.

    Where a step takes each element with the same element of the others the two are the same: only products of elements of one place are wanted.
    """

    first: dict[Node, tuple[Label, ...]]
    second: dict[Node, tuple[Label, ...]]
    gone: set[Label]


def _moment(node: Node, dropped: Sequence[int], found: Conditions, may_cancel: bool) -> tuple[Use, tuple[Label, ...], str] | None:
    """The sum along strands of the squares of the states of a loop, labels for all axes of the states, and how; None if that is no loop of such sums."""
    own = tuple([Label(size) for size in (*node.dims, *node.sums)])
    loop = open_loop(node, own)
    if len(loop.core.carries) > MOST_CARRIES or not _meets_nothing(node, loop, own, dropped, found):
        return None
    place = part_of(node).place
    rule = "sum squares in the loop"
    frame = _aligned(node, loop, place, dropped)
    if frame is None and may_cancel:
        rule, frame = f"{rule} (may cancel)", _mixed(node, loop, dropped)
    if frame is None:
        return None
    made = _Moments(loop, frame).states(place, own[0])
    carry = loop.core.carries[place]
    back = {label: axis for labels in (frame.first[carry], frame.second[carry]) for label, axis in zip(labels, own[1:])}
    return Use(made.node, tuple([back.get(label, label) for label in made.labels])), own[: len(node.dims)], rule


def _meets_nothing(node: Node, loop: Loop, labels: Sequence[Label], dropped: Sequence[int], found: Conditions) -> bool:
    """Whether along one of some strands each element comes in before anything else has."""
    for axis in dropped:
        row = entry(node, loop, labels, axis, found)
        if row is None:
            continue
        coefficients, number = row
        number = number + int(not loop.core.reverse)  # that of the step, and not of the row behind it
        places = strands(node).axes[axis]
        for slot, axes, use in zip(loop.core.elements, loop.element_axes, loop.sequences):
            if slot in places and number_of(use.node) != 0:
                strand = axes[places[slot]]
                wanted = negated(({loop.step: coefficients[labels[0]], strand: coefficients[labels[axis]]}, number))
                if wanted not in rows_at(found, use):
                    break
        else:
            return True
    return False


def _aligned(node: Node, loop: Loop, place: int, dropped: Sequence[int]) -> _Frame | None:
    """The labels of what goes into a step, if a step takes each element of it with the same elements of the others and sums nothing."""
    core = loop.core
    moving = strands(node).axes[dropped[0]]
    start = tuple([Label(size, ambient=True) for size in core.carries[place].dims])
    found = {core.carries[place]: start}
    results = dict(zip(core.carries, core.results))
    waiting = [core.carries[place]]
    while waiting:
        carry = waiting.pop()
        result, positions = results[carry]
        stack, seen = [Use(result, tuple([found[carry][i] for i in positions]))], set()
        while stack:
            use = stack.pop()
            inner, labels = use
            if use in seen or inner not in moving:
                continue
            seen.add(use)
            if len(set(labels)) < len(labels) or inner.dtype is not node.dtype:
                return None
            if inner.kind == "input":
                if inner not in found and inner in results:
                    waiting.append(inner)
                if found.setdefault(inner, labels) != labels:
                    return None
            elif inner.kind == "add" or (inner.kind == "contract" and is_read(inner)):
                below = [arg for arg in inner.args if arg[0] in moving]
                if any(position >= len(labels) for arg in below for position in arg[1]):
                    return None
                stack += [Use(arg[0], tuple([labels[i] for i in arg[1]])) for arg in below]
            else:
                return None
    if any(carry not in found for carry in core.carries):
        return None
    return _Frame(found, found, {start[axis - 1] for axis in dropped})


def _mixed(node: Node, loop: Loop, dropped: Sequence[int]) -> _Frame | None:
    """Labels of what goes into a step that sums over states, where there are more strands than a few times the states."""
    found = strands(node).axes
    inputs = [value for value in found[dropped[0]] if value.kind == "input"]
    if any(value.kind == "loop" or value.dtype is not node.dtype for value in found[dropped[0]]):
        return None
    gone = {axis: Label(node.dims[axis], ambient=True) for axis in dropped}
    strand_of = {value: {found[axis][value]: label for axis, label in gone.items()} for value in inputs}

    def labels_of(value: Node) -> tuple[Label, ...]:
        return tuple([strand_of[value].get(place) or Label(size, ambient=True) for place, size in enumerate(value.dims)])

    first, second = [{value: labels_of(value) for value in inputs} for _ in range(2)]
    states = sum([elements([label.size for label in labels if label not in gone.values()]) for labels in second.values()])
    if elements([label.size for label in gone.values()]) < LEAST_GAIN * states:
        return None
    return _Frame(first, second, set(gone.values()))


class _Moments:
    """The loop of the sums of products of what goes into a step, without the strands that are summed."""

    def __init__(self, loop: Loop, frame: _Frame) -> None:
        self.loop, self.frame = loop, frame
        core = loop.core
        self.moments: dict[tuple[Node, Node], Use] = {}
        self.elements = [slot for slot in core.elements if slot in frame.first]
        for slots in (core.carries, self.elements):
            for one, other in _pairs(slots):
                axes = [label for label in dict.fromkeys((*frame.first[one], *frame.second[other])) if label not in frame.gone]
                moment = self.moments[one, other] = mark(axes, one)
                turned = dict(zip((*frame.first[one], *frame.second[other]), (*frame.second[one], *frame.first[other])))
                if one is not other:
                    self.moments[other, one] = _relabelled(moment, turned)

    def states(self, place: int, row: Label) -> Use:
        """The sums of products of a carry with itself before the first and after every step."""
        loop, core = self.loop, self.loop.core
        begun = dict(zip(core.carries, zip(loop.inits, loop.carry_axes)))
        given = dict(zip(core.elements, zip(loop.sequences, loop.element_axes)))
        carries = []
        for one, other in _pairs(core.carries):
            moment = self.moments[one, other]
            carries.append(Carry(moment.node, moment.labels, self._of_both(one, *begun[one], other, *begun[other]), self._next(one, other)))
        inputs = [Element(slot, axes, use) for slot, (use, axes) in given.items() if slot not in self.frame.first]
        inputs += [Element(slot, axes, use) for slot, axes, use in zip(core.fixed, loop.fixed_axes, loop.fixed)]
        for one, other in _pairs(self.elements):
            moment = self.moments[one, other]
            inputs.append(Element(moment.node, moment.labels, self._of_both(one, *given[one], other, *given[other])))
        back = Recurrence(Steps(loop.step, core.reverse), carries, inputs)
        return back.states(_pairs(core.carries).index((core.carries[place],) * 2), row)

    def _of_both(self, one: Node, left: Use, left_axes: Sequence[Label], other: Node, right: Use, right_axes: Sequence[Label]) -> Use:
        """The sum along strands of the product of what comes in."""
        uses = [_relabelled(left, dict(zip(left_axes, self.frame.first[one]))), _relabelled(right, dict(zip(right_axes, self.frame.second[other])))]
        out = {label for use in uses for label in use.labels} - self.frame.gone
        return contract(out, [(use, 1) for use in uses], ONE, self.frame.gone, one.dtype)

    def _next(self, one: Node, other: Node) -> Use:
        """The sum of the products of two carries after a step: first one of them goes through the step for all that may be the other, then the other."""
        first, second = self.frame.first, self.frame.second
        aside = {label: label if self.frame.first is self.frame.second else Label(label.size, ambient=True) for label in first[one]}
        half: Memo = {}
        for slot in first:
            made = self._step(one, {given: (first[given], self.moments.get((given, slot), zero(given.dtype))) for given in first})
            half[slot] = (first[slot], _relabelled(made, {**aside, **dict(zip(second[slot], first[slot]))}))
        made = self._step(other, half)
        return _relabelled(made, {**dict(zip(first[other], second[other])), **{label: axis for axis, label in aside.items()}})

    def _step(self, carry: Node, given: Memo) -> Use:
        """A carry after a step, at its labels."""
        node, positions = self.loop.core.results[self.loop.core.carries.index(carry)]
        return rebuild([Use(node, tuple([self.frame.first[carry][i] for i in positions]))], keep, dict(given))[0]


def _pairs(slots: Sequence[Node]) -> list[tuple[Node, Node]]:
    return list(itertools.combinations_with_replacement(slots, 2))


def _relabelled(use: Use, at: Mapping[Label, Label]) -> Use:
    return Use(use.node, tuple([at.get(label, label) for label in use.labels]))

"""Loops over a batch of which one member is read: loops of that member.

    network(xs)[3]  =  network(xs[3])

A loop does the same to each place along some of its axes, and they do not meet in it: the examples of a batch. Where all that is read of it lies at one place,
which a number or a computed index says, so does all that goes into it. Whoever asks for the derivative of one cost of a batch asks for that of one loop;
and where that is asked for in each step of a loop over the members, the steps of it are the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from croton.algebra.batch_axes import BatchAxes, first_parts
from croton.algebra.contract import contract
from croton.algebra.loop import Core, Loop, Part, core_of, open_loop, part_of, slot
from croton.algebra.node import ONE, RELATIONS, Label, Node, Use, walk
from croton.algebra.plan import cost
from croton.algebra.rebuild import Memo, construct, rebuild
from croton.loops.recurrence import part_again
from croton.rewriting.optimise import Decision

Relations = dict[Label, Node]
"""The label of each place at which something is read, and the relation that says which element that is."""


def loops_of_one(uses: Sequence[Use]) -> tuple[list[Use], list[Decision]]:
    """The same values, with loops of which all is read at one place along an axis that nothing meets along as loops at that place; and which these are.

    Variables of a derivative that is to come (see `identity`) stay what they are, with all that is below them.
    """
    order = list(walk([use.node for use in uses]))
    if not any(node.kind == "loop" for node in order):
        return list(uses), []
    relations: Relations = {}
    pinned = _pinned(order, relations)
    firsts = first_parts(order) if pinned else {}
    while relations:
        batch = BatchAxes(uses, order, relations, firsts, everywhere=False, pinned=pinned)
        if len(batch.names) < len(order):
            break  # what others only wait for (see `again`) reads what it is made of, too
        places = {name for slots in batch.slots.values() for names in slots.values() for name in names if name is not None}
        work = _Narrowing(batch, {place: relations[place] for place in places})
        refused = work.refused(order)
        if not refused:
            return (rebuild(uses, work.visit, None, _is_variable, work.names), work.decisions) if places else (list(uses), [])
        relations = {place: relation for place, relation in relations.items() if place not in refused}
        pinned = {node: {axis: place for axis, place in found.items() if place not in refused} for node, found in pinned.items()}
    return list(uses), []


def reads_places(nodes: Sequence[Node]) -> bool:
    """Whether one of some nodes reads something at one place."""
    return bool(_pinned(nodes, {}))


def _is_variable(node: Node) -> bool:
    return node.kind == "map" and node.param == "identity"


def _pinned(order: Sequence[Node], relations: Relations) -> dict[Node, dict[int, Label]]:
    """For products the labels that they sum over and read at one place, and which place; the same one has one label."""
    label_of: dict[Node, Label] = {}
    found: dict[Node, dict[int, Label]] = {}
    for node in order:
        for child, positions, *_ in node.args if node.kind == "contract" else ():
            if len(positions) == 1 and positions[0] >= len(node.dims) and child.kind in ("affine", "select"):
                place = label_of.get(child)
                if place is None:
                    place = label_of[child] = Label(child.dims[0])
                    relations[place] = child
                found.setdefault(node, {}).setdefault(positions[0], place)
    return found


class _Step(NamedTuple):
    """The step of one member: what it does, and what has become of what is tapped."""

    core: Core
    taps: Memo


class _Narrowing:
    """What is read at one place, built again without the axes of the batch.

    names  for each node the places for the labels it mentions, where it is read at one
    steps  for the first part of each loop the step of one member

    What has become of loops is noted in `decisions`.
    """

    def __init__(self, batch: BatchAxes, relations: Relations) -> None:
        self.batch = batch
        self.relations = relations
        self.names = {node: self._places(batch.of_all(node)) for node in batch.names}
        self.names = {node: names for node, names in self.names.items() if any(names)}
        self.steps: dict[Node, _Step] = {}
        self.decisions: list[Decision] = []

    def _places(self, names: Sequence[Label | None]) -> tuple[Label | None, ...]:
        return tuple([name if name in self.relations else None for name in names])

    def refused(self, order: Sequence[Node]) -> set[Label]:
        """Places of which something cannot be made by itself, as what a routine makes of a batch."""
        found: set[Label] = set()
        for node in order:
            places = {name for name in self.names.get(node, ()) if name is not None}
            if node.kind == "call":
                found |= places
            elif node.kind == "loop" and places and self.batch.firsts[node] is node:
                step = self._step(node)
                if step is None:
                    found |= places
                else:
                    self.steps[node] = step
        return found

    def _step(self, first: Node) -> _Step | None:
        """The step of one member of what a loop does; None if members meet in it, or end it."""
        core, slots = core_of(first), self.batch.slots[first]
        if core.stop is not None or core.limit is not None:
            return None
        names = {node: self._places(found) for node, found in slots.items()}
        memo: Memo = {}

        def at(node: Node) -> tuple[Label, ...]:
            return tuple([name or Label(size) for name, size in zip(names.get(node, (None,) * len(node.dims)), node.dims)])

        def narrow(role: str, nodes: Sequence[Node]) -> tuple[Node, ...]:
            for number, node in enumerate(nodes):
                axes = at(node)
                left = tuple([label for label in axes if label not in self.relations])
                memo[node] = (axes, Use(node if left == axes else slot(role, number, [label.size for label in left], node.dtype), left))
            return tuple([memo[node][1].node for node in nodes])

        carries, elements, fixed = narrow("carry", core.carries), narrow("element", core.elements), narrow("fixed", core.fixed)
        roots = []
        for carry, (result, positions) in zip(core.carries, core.results):
            axes = memo[carry][0]
            # What nothing of the loop is made of may be anything.
            roots.append(Use(result, tuple([axes[i] for i in positions])) if carry in slots else Use(carry, axes))
        tapped = [part_of(node).node for node in self.batch.parts[first] if part_of(node).kind == "tap"]
        roots += [Use(node, at(node)) for node in tapped if node is not None]
        wide: list[Node] = []

        def visit(node: Node, labels: tuple[Label, ...], uses: list[Use]) -> Use | None:
            if not self.relations.keys().isdisjoint(labels) and (
                node.kind in ("loop", "call") or any(label in self.relations for use in uses for label in use.labels)
            ):
                wide.append(node)
            return None

        every = {node: (*found, *[None] * len(node.sums)) for node, found in names.items() if any(found)}
        made = rebuild(roots, visit, memo, names=every)
        if wide or any(label in self.relations for use in made for label in use.labels):
            return None
        results = []
        for carry, use in zip(core.carries, made):
            left = memo[carry][1].labels
            results.append((use.node, tuple([left.index(label) for label in use.labels])))
        taps = {root.node: (root.labels, use) for root, use in zip(roots[len(carries) :], made[len(carries) :])}
        return _Step(core._replace(carries=carries, elements=elements, fixed=fixed, results=tuple(results)), taps)

    def visit(self, node: Node, labels: tuple[Label, ...], uses: list[Use]) -> Use | None:
        """What is left of a node that is read at places, which are labels of it, on its new arguments."""
        places = [label for label in labels if label in self.relations]
        if not places or not node.args or node.kind in RELATIONS:
            return None
        if node.kind == "loop":
            made = self._part(node, labels, [self._read(use) for use in uses])
            if self.batch.firsts[node] is node:
                self.decisions.append(Decision("a loop of one member of a batch", node, cost(node), cost(made.node)))
            return made
        if node.kind == "contract":
            axes, inner = set(labels[: len(node.dims)]).difference(places), labels[len(node.dims) :]
            factors = [(use, arg[2]) for use, arg in zip(uses, node.args)]
            wide = [place for place in places if any(place in use.labels for use in uses)]
            factors += [(Use(self.relations[place], (place,)), 1) for place in wide]
            return contract(axes, factors, node.param, (*inner, *wide), node.dtype)
        return construct(node, labels, [self._read(use) for use in uses])

    def _read(self, use: Use) -> Use:
        """A value that has all places of an axis, at the one that is read."""
        wide = [label for label in use.labels if label in self.relations]
        if not wide:
            return use
        factors = [(use, 1), *[(Use(self.relations[place], (place,)), 1) for place in wide]]
        return contract(set(use.labels).difference(wide), factors, ONE, wide, use.node.dtype)

    def _part(self, node: Node, labels: tuple[Label, ...], uses: list[Use]) -> Use:
        """A part of the loop of one member."""
        loop, part = open_loop(node, labels, uses), part_of(node)
        core, taps = self.steps[self.batch.firsts[node]]
        groups = [tuple([self._left(axes) for axes in group]) for group in (loop.carry_axes, loop.element_axes, loop.fixed_axes)]
        one = Loop(core, loop.step, groups[0], groups[1], groups[2], loop.arguments)
        if part.node is None:
            return part_again(one, part, self._left(labels[: len(node.dims)]))
        axes, made = taps[part.node]
        place = dict(zip(axes, labels[1:]))
        return part_again(one, Part("tap", 0, made.node), (loop.step, *[place[label] for label in made.labels]))

    def _left(self, labels: Sequence[Label]) -> tuple[Label, ...]:
        return tuple([label for label in labels if label not in self.relations])

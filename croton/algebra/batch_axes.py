"""Batch axes: labels of outputs along which nothing meets on the way down, so that a label names the same element everywhere.

`vmap` leaves the label of its elements on every value inside. The derivative of each element's output is wanted for that element: if all that
is between reads an axis at that label only, adjoints are read at it too, and no pairs of elements are ever formed, of which the diagonal
would be read. Where a value is put in place of another that is read at that label as well, the two meet along it in the same way. Through a loop
a batch axis is an axis of its carries.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from croton.algebra.call import AGAIN, arguments_of, first_result, results_of
from croton.algebra.loop import Core, core_of, loop_key, open_loop, part_of
from croton.algebra.node import Label, Node, Use, walk
from croton.algebra.stand_in import open_nodes

Names = tuple[Label | None, ...]
"""For each axis of a node the label of the batch that it always is, or None."""


class BatchAxes:
    """What is known of batch axes below some uses.

    names   of the nodes that have batch axes
    slots   for the first part of each loop with batch axes, the names of what stands for its carries, elements and fixed values in a step
    """

    __slots__ = ("everywhere", "firsts", "labels", "names", "parts", "pinned", "slots")

    def __init__(
        self,
        uses: Sequence[Use],
        order: Sequence[Node],
        labels: Collection[Label],
        firsts: Mapping[Node, Node],
        everywhere: bool = True,
        pinned: Mapping[Node, Mapping[int, Label]] | None = None,
    ) -> None:
        """`everywhere`: a batch axis of a routine has to be one of all its arguments, since the derivative by one that has none is a sum over the batch.

        `pinned`: products that sum over a label of which a factor leaves one element only, which that is the label of: what they read of others is read there.
        """
        self.everywhere = everywhere
        self.pinned = pinned or {}
        self.names: dict[Node, Names] = {}
        self.slots: dict[Node, dict[Node, Names]] = {}
        self.labels = frozenset(labels)
        self.firsts = firsts
        self.parts: dict[Node, list[Node]] = {}
        if not self.labels:
            return
        for use in uses:
            self.meet(use.node, [label if label in self.labels else None for label in use.labels])
        for node in reversed(order):
            if node.kind in ("loop", "call"):
                self.parts.setdefault(firsts[node], []).append(node)
                if node is firsts[node]:
                    (self._loop if node.kind == "loop" else self._call)(self.parts[node])
            else:
                self._hand_on(node)

    def of(self, node: Node) -> Names:
        return self.names.get(node) or (None,) * len(node.dims)

    def of_all(self, node: Node) -> Names:
        """The names of all labels that a node mentions: of its axes, of what it sums over, and of the axes of what its loop reads."""
        own = (*self.of(node), *[None] * len(node.sums))
        slots = self.slots.get(self.firsts[node]) if node.kind == "loop" else None
        if not slots:
            return own
        labels = [Label(size) for size in node.dims + node.sums]
        loop = open_loop(node, labels)
        name_of = dict(zip(labels, own))
        for slot, axes in zip((*loop.core.carries, *loop.core.elements, *loop.core.fixed), (*loop.carry_axes, *loop.element_axes, *loop.fixed_axes)):
            name_of.update(zip(axes, slots.get(slot, ())))
        return tuple([name_of[label] for label in labels])

    def meet(self, node: Node, names: Sequence[Label | None]) -> None:
        """One more reader, to which the axes of a node are these."""
        known = self.names.get(node)
        if known is None:
            # Of a diagonal that is read one axis is the batch axis.
            self.names[node] = tuple([name if name is not None and name not in names[:place] else None for place, name in enumerate(names)])
        else:
            self.names[node] = tuple([name if name is other else None for name, other in zip(known, names)])

    def _hand_on(self, node: Node) -> None:
        own = self.names.get(node)
        if own is None:
            return
        every = [*own, *[None] * len(node.sums)]
        for place, name in self.pinned.get(node, {}).items():
            every[place] = name
        if node.kind == "cumulate":
            every[node.param[1]] = None  # an element depends on those before it
        for child, positions, *_ in node.args:
            self.meet(child, [every[i] for i in positions])

    def _call(self, results: Sequence[Node]) -> None:
        """A routine does the same for each place along axes that are around it, and along those that its arguments share with its results."""
        first = results[-1]
        labels = [Label(size) for size in first.dims + first.sums]
        arguments, values = arguments_of(first, labels), results_of(first, labels)
        if first.param[0] is AGAIN:
            arguments = arguments[:1]  # the others only say when
        shared = set(labels).intersection(*[value.use.labels for value in values])
        if self.everywhere:
            shared.intersection_update(*[argument.use.labels for argument in arguments if argument.use.node.dtype.is_float])
        shared.update(values[0].axes[: first.param[0].around])
        label_of: dict[Label, Label | None] = {}
        for node in results:
            for label, name in zip(values[node.param[1]].use.labels, self.of(node)):
                label_of[label] = name if label in shared and label_of.get(label, name) is name else None
        for node in results:
            self.names[node] = tuple([label_of[label] for label in values[node.param[1]].use.labels])
        for argument in arguments:
            self.meet(argument.use.node, [label_of.get(label) for label in argument.use.labels])

    def _loop(self, parts: Sequence[Node]) -> None:
        first, core = parts[-1], core_of(parts[-1])
        # What others only wait for (see `again`) is read nowhere.
        parts = [node for node in parts if node in self.names]
        slots: dict[Node, Names] = {}
        while any(name is not None for node in parts for name in self.of(node)):
            slots = self._through(core, parts)
            lost = {name for node in parts for name, kept in zip(self.of(node), self._as_part(node, slots)) if name is not kept}
            if not lost:
                break
            for node in parts:
                self.names[node] = tuple([None if name in lost else name for name in self.of(node)])
        else:
            slots = {}
        self.slots[first] = slots
        if not parts:
            return
        loop = open_loop(first, [Label(size) for size in first.dims + first.sums])
        groups = zip((*core.carries, *core.elements, *core.fixed), (*loop.carry_axes, *loop.element_axes, *loop.fixed_axes), loop.arguments)
        for slot, axes, use in groups:
            if slots and slot not in slots:
                continue  # what these parts are made of does not read it
            label_of = dict(zip(axes, slots.get(slot, ())))
            self.meet(use.node, [label_of.get(label) for label in use.labels])

    def _through(self, core: Core, parts: Sequence[Node]) -> dict[Node, Names]:
        """The names in a step, of slots and of what is tapped, if the parts keep theirs: where one carry leads to another, the batch axes of that follow."""
        taps = [(part_of(node).node, self.of(node)[1:]) for node in parts if part_of(node).kind == "tap"]
        carried: dict[Node, Names] = {}
        for node in parts:
            part = part_of(node)
            if part.kind in ("states", "final"):
                _narrow(carried, core.carries[part.place], self.of(node)[part.kind == "states" :])
        while True:
            known = [place for place, carry in enumerate(core.carries) if carry in carried]
            uses = [_named(node, names) for node, names in taps if node is not None]
            uses += [_named(core.results[place][0], [carried[core.carries[place]][axis] for axis in core.results[place][1]]) for place in known]
            order = list(open_nodes([use.node for use in uses]))
            inside = BatchAxes(uses, order, self.labels, first_parts(order), self.everywhere)
            before = dict(carried)
            for carry in core.carries:
                if carry in inside.names:
                    _narrow(carried, carry, inside.names[carry])
            if carried == before:
                return {**inside.names, **carried}

    def _as_part(self, node: Node, slots: Mapping[Node, Names]) -> Names:
        """The names of a part that those in a step leave."""
        part = part_of(node)
        if part.kind == "steps":
            return self.of(node)
        inner = part.node if part.node is not None else core_of(node).carries[part.place]
        front = (None,) * (len(node.dims) - len(inner.dims))
        return (*front, *slots.get(inner, (None,) * len(inner.dims)))


def kept_in_loops(use: Use, labels: Collection[Label]) -> set[Label]:
    """The labels of a use that are axes of what loops below it carry, along which nothing meets: there each element has a loop of its own."""
    order = list(walk([use.node]))
    if not any(node.kind == "loop" for node in order):
        return set()
    slots = BatchAxes([use], order, labels, first_parts(order)).slots
    return {name for of_loop in slots.values() for names in of_loop.values() for name in names if name is not None}


def _narrow(found: dict[Node, Names], node: Node, names: Sequence[Label | None]) -> None:
    known = found.get(node, names)
    found[node] = tuple([name if name is other else None for name, other in zip(known, names)])


def _named(node: Node, names: Sequence[Label | None]) -> Use:
    return Use(node, tuple([name or Label(size) for name, size in zip(names, node.dims)]))


def first_parts(order: Sequence[Node]) -> dict[Node, Node]:
    """For each part of a loop the part of that loop that comes first; likewise for results of calls."""
    firsts: dict[object, Node] = {}
    found: dict[Node, Node] = {}
    for node in order:
        if node.kind == "loop":
            found[node] = firsts.setdefault(loop_key(node), node)
        elif node.kind == "call":
            found[node] = firsts.setdefault(first_result(node), node)
    return found

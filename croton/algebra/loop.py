"""Loops: what is left of a recurrence when everything that does not feed the next step is outside.

A loop has carries, each with a value before the first step and a rule for its next value; sequences, of which a step reads one element; and
values that are fixed. What a step does, its `Core`, is closed: it reads inputs that stand for these, under the keys `Slot(role, number)`, and
nothing else. There is one node for each value that is wanted of a loop, a `Part`; parts of one loop have the same core and arguments:

    states   the values of a carry before the first and after every step: a row more than there are steps
    final    the value of a carry after the last step; of no step, the one before the first
    tap      the value of a node of the core in every step
    steps    how many steps were done, where the loop can end early

A loop that is `reverse` begins with the last step, and its states with the last row: the row of a step is where time begins for it in either direction.
A carry is a dense array: what it is started with and what follows may depend on fewer labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from croton.algebra.constant import input_
from croton.algebra.node import Label, Node, Use, intern, walk
from croton.dtypes import DType, int64
from croton.sizes import Size

UNLIMITED = 1 << 40
"""The length of a loop that only its `stop` ends."""


class Slot(NamedTuple):
    """The key of an input that stands for a value of a step: a "carry", an "element" of a sequence, or "fixed"."""

    role: str
    number: int


class Core(NamedTuple):
    """What a step of a loop does.

    length    how many steps there are
    reverse   whether it begins with the last element
    carries   the inputs that stand for the carries; likewise `elements` and `fixed`
    results   the next value of each carry: a node, and for each of its axes the axis of the carry
    stop      a bool carry, or None: once it is false everywhere, no step changes anything
    limit     a fixed value, an int64, or None: all but the first steps, so many, change nothing; or all but the last ones if `late`.
              Such a loop goes back over one that has ended early
    seldom    whether it is likely that no step is done: what it computes is the way out of something that rarely fails
    """

    length: Size
    reverse: bool
    carries: tuple[Node, ...]
    elements: tuple[Node, ...]
    fixed: tuple[Node, ...]
    results: tuple[tuple[Node, tuple[int, ...]], ...]
    stop: int | None = None
    limit: int | None = None
    late: bool = False
    seldom: bool = False


class Part(NamedTuple):
    """Which value of a loop a node is: "states" or "final" of the carry at a place, a "tap" of a node of its core, or its "steps"."""

    kind: str
    place: int = 0
    node: Node | None = None


def slot(role: str, number: int, sizes: Sequence[Size], dtype: DType) -> Node:
    """The input that stands for a value of a step."""
    return input_(Slot(role, number), [Label(size) for size in sizes], dtype).node


class Loop(NamedTuple):
    """A loop with labels for everything it reads.

    step          the label of the steps
    carry_axes    labels for the axes of each carry, likewise `element_axes` and `fixed_axes`
    arguments     the first value of each carry, at its axes; sequences, at the step and the axes of their element; fixed values
    """

    core: Core
    step: Label
    carry_axes: tuple[tuple[Label, ...], ...]
    element_axes: tuple[tuple[Label, ...], ...]
    fixed_axes: tuple[tuple[Label, ...], ...]
    arguments: tuple[Use, ...]

    @property
    def inits(self) -> tuple[Use, ...]:
        return self.arguments[: len(self.core.carries)]

    @property
    def sequences(self) -> tuple[Use, ...]:
        start = len(self.core.carries)
        return self.arguments[start : start + len(self.core.elements)]

    @property
    def fixed(self) -> tuple[Use, ...]:
        return self.arguments[len(self.core.carries) + len(self.core.elements) :]

    @property
    def frame(self) -> tuple[Label, ...]:
        """All labels of its own; a step that is the only one has none."""
        axes = [label for group in (*self.carry_axes, *self.element_axes, *self.fixed_axes) for label in group]
        return tuple(axes) if self.core.length == 1 else (self.step, *axes)

    def apart(self) -> Loop:
        """The loop with a label for each axis of each argument, as its parts have it, where a batch has one label for all of them."""
        if len(set(self.frame)) == len(self.frame):
            return self
        groups: list[tuple[tuple[Label, ...], ...]] = []
        uses = list(self.arguments)
        for axes_of, start in ((self.carry_axes, 0), (self.element_axes, len(self.inits)), (self.fixed_axes, len(self.inits) + len(self.sequences))):
            own = []
            for place, axes in enumerate(axes_of, start):
                label_of = {axis: Label(axis.size) for axis in axes}
                own.append(tuple(label_of.values()))
                uses[place] = Use(uses[place].node, tuple([label_of.get(label, label) for label in uses[place].labels]))
            groups.append(tuple(own))
        return Loop(self.core, self.step, groups[0], groups[1], groups[2], tuple(uses))

    def states(self, place: int, row: Label) -> Use:
        """All values of a carry: at its row and the axes of the carry."""
        return self._part(Part("states", place), (row, *self.carry_axes[place]))

    def final(self, place: int) -> Use:
        """The last value of a carry, at its axes."""
        return self._part(Part("final", place), self.carry_axes[place])

    def steps(self) -> Use:
        """How many steps were done."""
        return self._part(Part("steps"), ())

    def tap(self, use: Use) -> Use:
        """The value of a node of the core in every step, at the step and the labels of the use."""
        return Use(self._part(Part("tap", 0, use.node), (self.step, *[Label(size) for size in use.node.dims])).node, (self.step, *use.labels))

    def part(self, part: Part, labels: Sequence[Label]) -> Use:
        """The value of a part at labels for its axes."""
        if part.kind == "tap":
            assert part.node is not None
            return Use(self.tap(Use(part.node, tuple(labels[1:]))).node, tuple(labels))
        if part.kind == "steps":
            return self.steps()
        found = self.states(part.place, Label(self.core.length + 1)) if part.kind == "states" else self.final(part.place)
        return Use(found.node, tuple(labels))

    def _part(self, part: Part, axes: tuple[Label, ...]) -> Use:
        number = {label: position for position, label in enumerate(axes)}
        for label in self.frame:
            if label not in number:
                number[label] = len(number)
        args = tuple([(use.node, tuple([number[label] for label in use.labels])) for use in self.arguments])
        sums = tuple([label.size for label in list(number)[len(axes) :]])
        dtype = part.node.dtype if part.node is not None else self.core.carries[part.place].dtype if part.kind != "steps" else int64
        return Use(intern("loop", tuple([label.size for label in axes]), dtype, args, (self.core, part), sums), axes)


def core_of(node: Node) -> Core:
    """What a step of the loop does that a node is a value of."""
    return node.param[0]


def part_of(node: Node) -> Part:
    """Which value of its loop a node is."""
    return node.param[1]


def open_loop(node: Node, labels: Sequence[Label], uses: Sequence[Use] | None = None) -> Loop:
    """The loop that a node is a part of, read at labels for all that the node mentions; perhaps with other arguments, read at the same labels."""
    core, part = node.param
    rank = len(node.dims)
    rest = list(labels[rank:])
    rest.reverse()
    if core.length == 1:
        step = Label(1)
    else:
        step = labels[0] if part.kind == "tap" else rest.pop()
    carry_axes = []
    for place, carry in enumerate(core.carries):
        if part.kind in ("states", "final") and place == part.place:
            carry_axes.append(tuple(labels[rank - len(carry.dims) : rank]))
        else:
            carry_axes.append(tuple([rest.pop() for _ in carry.dims]))
    element_axes, fixed_axes = [tuple([tuple([rest.pop() for _ in slot.dims]) for slot in slots]) for slots in (core.elements, core.fixed)]
    if uses is None:
        uses = [Use(child, tuple([labels[i] for i in positions])) for child, positions in node.args]
    return Loop(core, step, tuple(carry_axes), element_axes, fixed_axes, tuple(uses))


def loop_key(node: Node) -> tuple:
    """What the parts of one loop have in common."""
    labels = [Label(size) for size in node.dims + node.sums]
    loop = open_loop(node, labels)
    number = {label: position for position, label in enumerate(loop.frame)}
    return (node.param[0], tuple([(use.node, tuple([number[label] for label in use.labels])) for use in loop.arguments]))


def results_of(loop: Loop) -> list[Use]:
    """The next values of the carries, at their axes."""
    return [Use(node, tuple([axes[i] for i in positions])) for (node, positions), axes in zip(loop.core.results, loop.carry_axes)]


def with_body(node: Node, labels: Sequence[Label], uses: Sequence[Use], change: Callable[[list[Use]], list[Use]]) -> Use:
    """A part of a loop whose core has passed through `change`, which rewrites values at their labels."""
    loop = open_loop(node, labels, uses)
    part = part_of(node)
    roots = results_of(loop)
    inner = tuple([Label(size) for size in part.node.dims]) if part.node is not None else ()
    if part.node is not None:
        roots.append(Use(part.node, inner))
    found = change(roots)
    results = []
    for use, axes in zip(found, loop.carry_axes):
        place: dict[Any, int] = {label: i for i, label in enumerate(axes)}
        results.append((use.node, tuple([place[label] for label in use.labels])))
    loop = loop._replace(core=loop.core._replace(results=tuple(results)))
    if part.node is None:
        return loop.part(part, labels[: len(node.dims)])
    at = dict(zip(inner, labels[1:]))
    return loop.tap(Use(found[-1].node, tuple([at[label] for label in found[-1].labels])))


def has_loops(uses: Iterable[Use]) -> bool:
    """Whether there is a loop among the nodes below some values."""
    return any(node.kind == "loop" for node in walk([use.node for use in uses]))


def bodies_of(nodes: Iterable[Node]) -> dict[Core, list[Node]]:
    """For each core that nodes are parts of, the nodes of it that are wanted: its results and what is tapped."""
    found: dict[Core, dict[Node, None]] = {}
    for node in nodes:
        if node.kind == "loop":
            core, part = node.param
            wanted = found.setdefault(core, dict.fromkeys([result for result, _ in core.results]))
            if part.node is not None:
                wanted[part.node] = None
    return {core: list(wanted) for core, wanted in found.items()}


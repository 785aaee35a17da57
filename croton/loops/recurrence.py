"""Recurrences: a value for every step, each computed from the one before, taken apart until only the loop that has to be is left.

    a new value that is the old one                  fixed
    a new value that reads no carry                  the sequence of new values, read one step late
    a new value that is the old one plus a term      a running sum
    whatever else does not feed itself               outside, for all steps at once, in front of the loop or behind it
    what is left                                     a `Loop`

Carries that feed one another make one loop; those that are only fed by others come after them, when what they read is a sequence. Outside means with
one more label, the step: a product of each element with a weight becomes one product, a gradient of the weight a sum over steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from croton.algebra.add import add
from croton.algebra.batch_axes import BatchAxes, first_parts
from croton.algebra.call import AGAIN
from croton.algebra.loop import Loop, Part, open_loop, part_of, results_of
from croton.algebra.node import ONE, Label, Node, Use
from croton.algebra.rebuild import CONSTRUCTORS, Memo, rebuild
from croton.algebra.stand_in import is_closed, mark, open_nodes
from croton.loops.course import Course, Steps, keep
from croton.loops.extraction import Extraction, is_number
from croton.loops.history import Constant, Few, History, Late, Looped, Running


class Carry(NamedTuple):
    """A value that a step hands to the next: what stands for it, at labels for its axes; its first and its next value, at these and labels around."""

    node: Node
    axes: tuple[Label, ...]
    init: Use
    new: Use


class Element(NamedTuple):
    """A value that a step is given: what stands for it, at labels for its axes; and its values in all steps, at these labels, the step and others around."""

    node: Node
    axes: tuple[Label, ...]
    values: Use


class Recurrence:
    """A recurrence that has been taken apart. Results are read at the label of its steps. `known` are values of nodes in all steps.

    What is computed again once a carry is known (see `again`) stays inside of the loop, and so does what depends on it: carries that it is added to, and
    those of the values `wanted` that will be asked for in all steps.
    """

    def __init__(
        self,
        steps: Steps,
        carries: Sequence[Carry],
        elements: Sequence[Element],
        known: Memo | None = None,
        wanted: Sequence[Use] = (),
    ) -> None:
        step = steps.label
        own = step if step.ambient else Label(step.size, ambient=True)
        course = self.course = Course(steps._replace(label=own))
        self._aliases: dict[Label, Label] = {step: own}
        self._own = {label for carry in carries for label in carry.axes} | {label for element in elements for label in element.axes}
        for node, (labels, use) in (known or {}).items():
            course.memo[node] = (labels, Use(use.node, tuple([self._aliases.get(label, label) for label in use.labels])))
        course.elements = [element.node for element in elements]
        for element in elements:
            course.memo[element.node] = (element.axes, self._inside(element.values))
        course.inits = [self._inside(carry.init) for carry in carries]
        course.limit = None if steps.limit is None else self._inside(steps.limit)
        self.loop: Loop | None = None
        self.histories: list[History | None] = [None] * len(carries)
        self._grow(carries)
        course.wanted = self._with_grown([self._inside(use) for use in wanted])
        if isinstance(step.size, int) and step.size <= 1 and not course.whole:
            self._without_loop(step.size)
            return
        self._solve()

    # ---- what is asked of it -------------------------------------------------------------------------------------

    def lift(self, use: Use) -> Use:
        """The values in all steps of something that a step computes."""
        return self._outside(self.course.lifted(self._with_grown([self._inside(use)])[0]))

    def final(self, place: int) -> Use:
        """The value of a carry after the last step, at its axes and labels around."""
        history = self.histories[place]
        assert history is not None
        return self._outside(history.final())

    def after(self, place: int) -> Use:
        """The values of a carry after each step, at the step, its axes and labels around."""
        history = self.histories[place]
        assert history is not None
        return self._outside(history.after())

    def steps(self) -> Use:
        """How many steps were done of a loop that can end early."""
        assert self.loop is not None
        return self._outside(self.loop.steps())

    def states(self, place: int, row: Label) -> Use:
        """The values of a carry before the first and after every step, at the row, its axes and labels around."""
        history = self.histories[place]
        assert history is not None
        return self._outside(history.states(row))

    # ---- labels around -------------------------------------------------------------------------------------------

    def _inside(self, use: Use) -> Use:
        """The use with labels around that every constructor lets through."""
        labels = []
        for label in use.labels:
            if label in self._aliases:
                label = self._aliases[label]
            elif not label.ambient and label not in self._own:
                self._aliases[label] = Label(label.size, ambient=True)
                label = self._aliases[label]
            labels.append(label)
        return Use(use.node, tuple(labels))

    def _outside(self, use: Use) -> Use:
        back = {alias: label for label, alias in self._aliases.items()}
        return Use(use.node, tuple([back.get(label, label) for label in use.labels]))

    def _grow(self, carries: Sequence[Carry]) -> None:
        """Carries that depend on labels around have them as axes."""
        self.course.axes = [list(carry.axes) for carry in carries]
        self.course.nodes = [carry.node for carry in carries]
        self.grown: Memo = {}
        self._grow_elements()
        originals = [self._inside(carry.new) for carry in carries]
        self.course.news = self._with_grown(originals)
        # With the elements in place it shows what is around. Where all is inside, what they are made of does not show.
        values = self.course.memo
        if self.course.whole:
            values = {node: (self.course.memo[node][0], self._veiled(self.course.memo[node][1])) for node in self.course.elements}
        while True:
            shown = rebuild(self.course.news, keep, dict(values), is_closed)
            more = False
            for axes, init, new in zip(self.course.axes, self.course.inits, shown):
                around = [label for label in (*init.labels, *new.labels) if label not in axes and label is not self.course.step]
                if around:
                    axes.extend(dict.fromkeys(around))
                    more = True
            if not more:
                return
            for place, (carry, axes) in enumerate(zip(carries, self.course.axes)):
                if len(axes) > len(carry.axes):
                    use = mark(axes, carry.node)
                    self.course.nodes[place] = use.node
                    self.grown[carry.node] = (carry.axes, use)
            self.course.news = self._with_grown(originals)

    def _with_grown(self, uses: Sequence[Use]) -> list[Use]:
        """Values of a step with what has grown in place."""
        if not self.grown:
            return list(uses)
        order = open_nodes([use.node for use in uses])
        around = {label for use in uses for label in use.labels if label.ambient and label is not self.course.step}
        batch = BatchAxes(uses, order, around, first_parts(order), everywhere=False)
        return rebuild(uses, keep, dict(self.grown), is_closed, {node: batch.of_all(node) for node in order if node in batch.names})

    def _grow_elements(self) -> None:
        """What is known for all steps and depends on labels around has them as axes, as carries do: so the two meet along them."""
        for node, (axes, value) in list(self.course.memo.items()):
            around = [label for label in dict.fromkeys(value.labels) if label not in axes and label is not self.course.step]
            if around:
                use = mark([*axes, *around], node)
                self.grown[node] = (axes, use)
                self.course.memo[use.node] = (use.labels, value)
        self.course.elements = [self.grown[node][1].node if node in self.grown else node for node in self.course.elements]

    def _veiled(self, use: Use) -> Use:
        """A value as a step sees it."""
        if is_number(use.node):
            return use
        return mark(list(dict.fromkeys([label for label in use.labels if label is not self.course.step])), use.node)

    # ---- taking apart --------------------------------------------------------------------------------------------

    def _without_loop(self, length: int) -> None:
        for place, node in enumerate(self.course.nodes):
            self.course.memo[node] = (tuple(self.course.axes[place]), self.course.inits[place])
        for place in range(len(self.course.nodes)):
            self.histories[place] = Few(*self._begun(place), self.course.lifted(self.course.news[place]) if length else None)

    def _solve(self) -> None:
        count = len(self.course.nodes)
        places = {node: place for place, node in enumerate(self.course.nodes)}
        if self.course.whole:
            # What only depends on elements is not computed either for steps that are left out.
            places.update(dict.fromkeys(self.course.elements, count))
        masks: dict[Node, int] = {}
        nodes = open_nodes([use.node for use in (*self.course.news, *self.course.wanted)])
        for node in nodes:
            mask = 1 << places[node] if node in places else 0
            for arg in node.args:
                mask |= masks.get(arg[0], 0)
            masks[node] = mask
        self.course.masks = masks
        self.course.bound = computed_again(nodes, masks)
        feeds = [masks.get(use.node, 0) for use in self.course.news]
        reach = list(feeds)
        for place, use in enumerate(self.course.news):
            if use.node in self.course.bound:
                # It is made in the loop that makes what it depends on.
                reach = [mask | 1 << place if feeds[place] >> other & 1 else mask for other, mask in enumerate(reach)]
        for via in range(count):
            for place in range(count):
                if reach[place] >> via & 1:
                    reach[place] |= reach[via]
        if self.course.whole:
            self._loop(list(range(count)))
            return
        pending = list(range(count))
        while pending:
            chosen = next(p for p in pending if all(not reach[p] >> q & 1 or reach[q] >> p & 1 or q == p for q in pending))
            together = [q for q in pending if q == chosen or (reach[chosen] >> q & 1 and reach[q] >> chosen & 1)]
            self._solve_together(together, feeds)
            pending = [p for p in pending if p not in together]

    def _solve_together(self, together: list[int], feeds: list[int]) -> None:
        place = together[0]
        alone = len(together) == 1
        history: History | None = None
        if alone and self._is_still(place):
            history = Constant(*self._begun(place))
        elif alone and not feeds[place] >> place & 1 and self.course.news[place].node not in self.course.bound:
            history = Late(*self._begun(place), self.course.lifted(self.course.news[place]))
        elif alone:
            term = self._summand(place)
            if term is not None:
                history = Running(*self._begun(place), self.course.lifted(term))
        if history is not None:
            self._settle(place, history)
            return
        self._loop(together)

    def _loop(self, together: list[int]) -> None:
        # Where a condition decides, all is inside of the loop, so that what it does not want is not computed; what never changes is fixed.
        still = [place for place in together if self.course.whole and self._is_still(place)]
        moving = [place for place in together if place not in still]
        if not moving:
            for place in still:
                self._settle(place, Constant(*self._begun(place)))
            return
        extraction = Extraction(self.course, moving, still)
        loop = self.loop = extraction.loop()
        self.course.memo.update(extraction.kept(loop))
        for place in still:
            self._settle(place, Constant(*self._begun(place)))
        for number, place in enumerate(moving):
            history = Looped(*self._begun(place), loop, number, self.course.axes[place])
            self._settle(place, history)
            node, labels = self.course.news[place]
            whole = len(loop.core.results[number][1]) == len(self.course.axes[place])
            if whole and len(set(labels)) == len(labels) and node not in self.course.nodes:
                self.course.memo[node] = (labels, history.after())

    def _begun(self, place: int) -> tuple[Label, bool, Use]:
        return self.course.step, self.course.reverse, self.course.inits[place]

    def _is_still(self, place: int) -> bool:
        """Whether no step changes a carry."""
        return self.course.news[place] == Use(self.course.nodes[place], tuple(self.course.axes[place]))

    def _settle(self, place: int, history: History) -> None:
        self.histories[place] = history
        self.course.memo[self.course.nodes[place]] = (tuple(self.course.axes[place]), history.before())

    def _summand(self, place: int) -> Use | None:
        """What is added to a carry in every step, where that is all that is done to it."""
        node, labels = self.course.news[place]
        if node.kind != "add":
            return None
        itself, axes = self.course.nodes[place], tuple(self.course.axes[place])
        rest, found = [], 0
        for child, positions, coef in node.args:
            use = Use(child, tuple([labels[i] for i in positions]))
            if child is itself and use.labels == axes and coef == ONE:
                found += 1
            elif self.course.masks.get(child, 0) >> place & 1 or child in self.course.bound:
                return None
            else:
                rest.append((use, coef))
        return add(rest, node.dtype) if found == 1 else None


def computed_again(nodes: Sequence[Node], masks: Mapping[Node, int]) -> set[Node]:
    """Those of some nodes, arguments first, that are computed again in a step, once something that has a mask is known; and what depends on them."""
    found: set[Node] = set()
    for node in nodes:
        later = node.kind == "call" and node.param[0] is AGAIN and any(masks.get(arg[0]) for arg in node.args[1:])
        if later or any(arg[0] in found for arg in node.args):
            found.add(node)
    return found


def loop_again(node: Node, labels: Sequence[Label], uses: Sequence[Use]) -> Use:
    """A part of the same loop on other arguments."""
    return part_again(open_loop(node, labels, uses), part_of(node), labels[: len(node.dims)])


def part_again(loop: Loop, part: Part, axes: Sequence[Label]) -> Use:
    """A part of a loop at labels for its axes. What arguments are read at besides becomes axes of the carries."""
    own = (*loop.carry_axes, *[(loop.step, *axes_of) for axes_of in loop.element_axes], *loop.fixed_axes)
    if all(label in labels for labels, use in zip(own, loop.arguments) for label in use.labels):
        return loop.apart().part(part, axes)
    carries = [Carry(c, own, init, new) for c, own, init, new in zip(loop.core.carries, loop.carry_axes, loop.inits, results_of(loop))]
    given = [*zip(loop.core.elements, loop.element_axes, loop.sequences), *zip(loop.core.fixed, loop.fixed_axes, loop.fixed)]
    limit = None if loop.core.limit is None else loop.fixed[loop.core.limit]
    wanted = [] if part.node is None else [Use(part.node, tuple(axes[1:]))]
    core, elements = loop.core, [Element(*entry) for entry in given]
    again = Recurrence(Steps(loop.step, core.reverse, core.stop, limit, core.late, core.seldom), carries, elements, wanted=wanted)
    if part.kind == "states":
        return again.states(part.place, axes[0])
    if part.kind == "final":
        return again.final(part.place)
    if part.kind == "steps":
        return again.steps()
    assert part.node is not None
    return again.lift(Use(part.node, tuple(axes[1:])))


CONSTRUCTORS["loop"] = loop_again

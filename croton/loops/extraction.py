"""The loop that is left of carries that feed one another, and what is worth keeping of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from croton.algebra.add import add
from croton.algebra.contract import contract, is_read
from croton.algebra.cost import extent
from croton.algebra.loop import Core, Loop, results_of, slot
from croton.algebra.node import ONE, RELATIONS, Label, Node, Use, origin, walk
from croton.algebra.rebuild import Memo, construct, read
from croton.algebra.relation import select
from croton.algebra.scalar import FUNCTIONS
from croton.algebra.stand_in import open_nodes
from croton.loops.course import Course
from croton.loops.history import read_at

WIDE = 256
"""Elements of a step that keep vectors busy."""


class Extraction:
    """The core of carries that feed one another: what depends on none of them is outside, and given to the core as an element or a fixed value."""

    def __init__(self, course: Course, together: Sequence[int], still: Sequence[int] = ()) -> None:
        self.course = course
        self.together = together
        self.still = still
        self.live = sum([1 << place for place in (*together, *still)])
        if course.whole:
            self.live |= 1 << len(course.nodes)
        self.masks = course.masks
        self.memo: Memo = {}
        self.carries: list[Node] = []
        self.inner: list[Node] = []
        self.wanted: list[Node] = []
        self.given: dict[tuple, tuple[Node, Use]] = {}
        self.elements: list[tuple[Node, Use]] = []
        self.fixed: list[tuple[Node, Use]] = []

    def loop(self) -> Loop:
        """The loop that computes them."""
        course, step = self.course, self.course.step
        for number, place in enumerate(self.together):
            axes = tuple(course.axes[place])
            node = slot("carry", number, [label.size for label in axes], course.nodes[place].dtype)
            self.carries.append(node)
            self.memo[course.nodes[place]] = (axes, Use(node, axes))
        for place in self.still:
            self.memo[course.nodes[place]] = (tuple(course.axes[place]), self._given(course.inits[place]))
        if course.whole:
            self._take_elements()
        news = [course.news[place] for place in self.together]
        self.wanted = [use.node for use in course.wanted if use.node in course.bound and not self.masks[use.node] & ~self.live]
        self.inner = [node for node in open_nodes([*[use.node for use in news], *self.wanted]) if self._is_inside(node)]
        line = origin.current
        for node in self.inner:
            if node not in self.memo:
                # What the body's line makes is of that line.
                origin.current = node.origin or line
                self._rebuild(node)
        origin.current = line
        results = []
        for place, use in zip(self.together, news):
            found = self._argument(use)
            position = {label: i for i, label in enumerate(course.axes[place])}
            results.append((found.node, tuple([position[label] for label in found.labels])))
        limit = None
        if course.limit is not None:
            node = self._given(course.limit).node
            limit = next(number for number, (slot_node, _) in enumerate(self.fixed) if slot_node is node)
        core = Core(
            step.size,
            course.reverse,
            tuple(self.carries),
            tuple([node for node, _ in self.elements]),
            tuple([node for node, _ in self.fixed]),
            tuple(results),
            None if course.stop is None else self.together.index(course.stop),
            limit,
            course.late,
            course.seldom,
        )
        return self._with_own_labels(core)

    def _take_elements(self) -> None:
        """Elements as they are, instead of what is computed from them for all steps."""
        course = self.course
        for node in course.elements:
            if node in course.masks:
                axes, lifted = course.memo[node]
                self.memo[node] = (axes, lifted if is_number(lifted.node) else self._given(lifted))

    def kept(self, loop: Loop) -> Memo:
        """The values of nodes of the core in all steps that are better kept than computed again."""
        kept: Memo = {}
        if self.course.whole:
            return kept  # steps that are left out tap nothing
        for node in self.inner:
            labels, use = self.memo[node]
            if (is_worth_keeping(node) or node in self.wanted) and use.node.kind != "input" and use.node.args and len(set(use.labels)) == len(use.labels):
                kept[node] = (labels, loop.tap(use))
        return kept

    def _with_own_labels(self, core: Core) -> Loop:
        step = self.course.step
        carry_axes, arguments = [], []
        for place in self.together:
            own = {label: Label(label.size) for label in self.course.axes[place]}
            init = self.course.inits[place]
            carry_axes.append(tuple(own.values()))
            arguments.append(Use(init.node, tuple([own[label] for label in init.labels])))
        axes_of: list[list[tuple[Label, ...]]] = [[], []]
        for group, found in ((self.elements, axes_of[0]), (self.fixed, axes_of[1])):
            for _, use in group:
                own = {label: label if label is step else Label(label.size) for label in use.labels}
                found.append(tuple([label for label in own.values() if label is not step]))
                arguments.append(Use(use.node, tuple([own[label] for label in use.labels])))
        return Loop(core, step, tuple(carry_axes), tuple(axes_of[0]), tuple(axes_of[1]), tuple(arguments))

    def _is_inside(self, node: Node) -> bool:
        return bool(self.masks.get(node, 0) & self.live)

    def _rebuild(self, node: Node) -> None:
        labels = tuple([Label(size) for size in node.dims + node.sums])
        axes = labels[: len(node.dims)]
        uses = [Use(arg[0], tuple([labels[i] for i in arg[1]])) for arg in node.args]
        parts = self._in_two(node, labels, uses) if node.kind == "contract" and not self.course.whole else None
        if parts is not None:
            inside, outside = parts
            for inner in open_nodes([inside.node]):
                self._mask(inner)
                if self._is_inside(inner) and inner not in self.memo:
                    self._rebuild(inner)
            result = add([(self._argument(inside), ONE), (self._from_outside(outside), ONE)], node.dtype)
        elif node.kind == "contract":
            items, sums = self._shifted_outside([(use, arg[2]) for use, arg in zip(uses, node.args)], list(labels[len(axes) :]))
            moving = [set(use.labels) for use, _ in items if self._is_inside(use.node)]

            def stays(labels: set[Label], wider: set[Label]) -> bool:
                return labels < wider and self._is_wide(wider) and (labels.issuperset(axes) or any(labels <= other < wider for other in moving))

            factors = self._gathered(items, lambda some: contract({x for u, _ in some for x in u.labels}, some), stays)
            result = contract(axes, factors, node.param, sums, node.dtype)
        elif node.kind == "add":
            terms = self._gathered([(use, arg[2]) for use, arg in zip(uses, node.args)], lambda some: add(some, node.dtype))
            result = add([(use, coef if type(coef) is not int else ONE) for use, coef in terms], node.dtype)
        else:
            result = construct(node, labels, [self._argument(use) for use in uses])
        self.memo[node] = (axes, result)

    def _mask(self, node: Node) -> None:
        """Note which carries a node depends on, that is made here of others for which it is known."""
        mask = self.masks.get(node, 0)
        for arg in node.args:
            mask |= self.masks.get(arg[0], 0)
        self.masks[node] = mask

    def _in_two(self, node: Node, labels: tuple[Label, ...], uses: Sequence[Use]) -> tuple[Use, Use] | None:
        """A sum of products with a sum, of which some terms are from outside, as two: that of the others, and that of those."""
        moving = [(use, arg[2]) for use, arg in zip(uses, node.args) if self._is_inside(use.node)]
        if not node.sums or len(moving) != 1 or moving[0][1] != 1 or moving[0][0].node.kind != "add" or is_read(node):
            return None
        ((total, _),) = moving
        places = dict(zip(range(len(total.labels)), total.labels))
        terms = [(Use(child, tuple([places[i] for i in positions])), coef) for child, positions, coef in total.node.args]
        inside, outside = [[term for term in terms if self._is_inside(term[0].node) is live] for live in (True, False)]
        if not inside or not any(label in term[0].labels for term in outside for label in labels[len(node.dims) :]):
            return None
        others = [(use, arg[2]) for use, arg in zip(uses, node.args) if use is not total]
        axes, sums = labels[: len(node.dims)], labels[len(node.dims) :]

        def of(some: list[tuple[Use, Any]]) -> Use:
            return contract(axes, [*others, (add(some, total.node.dtype), 1)], node.param, sums, node.dtype)

        return of(inside), of(outside)

    def _shifted_outside(self, items: list[tuple[Use, Any]], sums: list[Label]) -> tuple[list[tuple[Use, Any]], list[Label]]:
        """The factors of a product, and what is summed, where a part of a value from outside is read: that part is a value from outside, too."""
        if self.course.whole:
            return items, sums
        for relation, _ in [item for item in items if item[0].node.kind == "affine" and item[0].node.param[0] in ((1, -1), (-1, 1))]:
            for label in relation.labels:
                read = [item for item in items if label in item[0].labels and item[0] is not relation]
                if label in sums and len(read) == 1 and read[0][1] == 1 and not self._is_inside(read[0][0].node) and read[0][0].node.kind not in RELATIONS:
                    ((use, _),) = read
                    part = contract({*use.labels, *relation.labels} - {label}, [(use, 1), (relation, 1)], ONE, [label], use.node.dtype)
                    items = [item for item in items if item[0] is not relation and item[0] is not use] + [(part, 1)]
                    sums = [other for other in sums if other is not label]
                    break
        return items, sums

    def _argument(self, use: Use) -> Use:
        if self._is_inside(use.node):
            return read(self.memo, use.node, use.labels)
        return self._from_outside(use)

    def _from_outside(self, use: Use) -> Use:
        """A value that depends on no carry, as the core reads it."""
        node, labels = use
        if not node.args and node.kind not in ("input", "constant"):
            return use  # a number, the value of a label, a relation
        if node.kind == "select":
            index, positions = node.args[0]
            return select(labels[0], self._from_outside(Use(index, tuple([labels[i] for i in positions]))), node.param)
        return self._given(self.course.lifted(use))

    def _given(self, lifted: Use) -> Use:
        step = self.course.step
        own = list(dict.fromkeys(lifted.labels))
        key = (lifted.node, tuple([own.index(label) for label in lifted.labels]), own.index(step) if step in own else -1)
        axes = tuple([label for label in own if label is not step])
        found = self.given.get(key)
        if found is None:
            group, role = (self.elements, "element") if step in own else (self.fixed, "fixed")
            node = slot(role, len(group), [label.size for label in axes], lifted.node.dtype)
            found = self.given[key] = (node, lifted)
            group.append(found)
        return Use(found[0], axes)

    def _is_wide(self, labels: set[Label]) -> bool:
        """Whether a step has so many elements that those of one step are computed as fast as those of all steps together."""
        return math.prod([extent(label.size) for label in labels if label is not self.course.step]) >= WIDE

    def _gathered(
        self, items: list[tuple[Use, object]], together: Callable[[list], Use], stays: Callable[[set[Label], set[Label]], bool] = lambda labels, wider: False
    ) -> list[tuple]:
        """Factors or terms as the core reads them. Those from outside make one value where that is no larger than the largest of them.

        What is the same in all steps stays apart from what is not where a step is wide: as one value they would be written for all steps, and read again.
        So does, from one larger value that is there already, a factor that `stays`: what multiplies rows before or after their sum, not each of their elements.
        """
        found: list[tuple] = []
        groups: list[tuple[set[Label], list]] = []
        outside = []
        for use, weight in items:
            if self._is_inside(use.node):
                found.append((read(self.memo, use.node, use.labels), weight))
            elif (not use.node.args and use.node.kind not in ("input", "constant")) or use.node.kind in RELATIONS:
                found.append((self._from_outside(use), weight))
            else:
                outside.append((set(self.course.lifted(use).labels), use, weight))
        outside.sort(key=lambda item: -len(item[0]))
        step = self.course.step
        for labels, use, weight in outside:
            for wider, members in groups:
                if len(members) == 1 and stays(labels, wider):
                    continue
                if labels <= wider and (step in labels or step not in wider or not self._is_wide(wider)):
                    members.append((use, weight))
                    break
            else:
                groups.append((labels, [(use, weight)]))
        for _, members in groups:
            if len(members) == 1:
                found.append((self._from_outside(members[0][0]), members[0][1]))
            else:
                found.append((self._from_outside(together(members)), 1))
        return found


def is_number(node: Node) -> bool:
    """Whether a node is a number that is written down."""
    return node.kind == "contract" and not node.args


def is_worth_keeping(node: Node) -> bool:
    """Whether the values of a node in all steps are better kept than computed again behind the loop."""
    if node.kind == "contract":
        return bool(node.sums) and not is_read(node)
    if node.kind == "map":
        return FUNCTIONS[node.param].cost != "cheap"
    return node.kind in ("reduce", "arg", "cumulate", "call")


def known_of(loop: Loop) -> Memo:
    """What need not be computed again of a loop: the values of nodes of its core in all steps, at its step.

    What no carry goes into does not need the loop, and is not asked of it.
    """
    found: Memo = {}
    results = results_of(loop)
    carried = set(loop.core.carries)
    for node in walk([use.node for use in results]):
        if any(arg[0] in carried for arg in node.args):
            carried.add(node)
        if loop.core.stop is None and loop.core.limit is None and node in carried and is_worth_keeping(node):
            labels = tuple([Label(size) for size in node.dims])
            found[node] = (labels, loop.tap(Use(node, labels)))
    for place, (use, axes) in enumerate(zip(results, loop.carry_axes)):
        if len(use.labels) == len(axes) and len(set(use.labels)) == len(axes) and use.node.kind != "input":
            row = Label(loop.core.length + 1)
            found[use.node] = (use.labels, read_at(loop.states(place, row), row, {loop.step: 1}, 1 - int(loop.core.reverse)))
    return found

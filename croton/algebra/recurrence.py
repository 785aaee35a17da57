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

import abc
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

from croton.algebra.add import add
from croton.algebra.constant import input_
from croton.algebra.contract import contract, is_read
from croton.algebra.loop import Core, Loop, Slot, open_loop, part_of, results_of, slot
from croton.algebra.node import ONE, RELATIONS, Label, Node, Use, walk
from croton.algebra.pointwise import scalar
from croton.algebra.rebuild import CONSTRUCTORS, Memo, construct, read, rebuild
from croton.algebra.relation import affine, at_least_zero, select
from croton.algebra.scalar import FUNCTIONS
from croton.dtypes import bool_
from croton.sizes import Size

_marks = itertools.count()


class Mark(NamedTuple):
    """The key of an input that stands for a value while a step is written down: `where` says by whom."""

    where: str
    number: int


def mark(axes: Sequence[Label], like: Node | None = None, dtype: object = None) -> Use:
    """An input that stands for a value of a step."""
    return input_(Mark("algebra", next(_marks)), axes, like.dtype if like is not None else dtype)  # type: ignore[arg-type]


def is_closed(node: Node) -> bool:
    """Whether a node depends on nothing that stands for a value of a step. Remembered, so that what is around many loops is looked at once."""
    memo = node.memo
    if memo is not None and "closed" in memo:
        return memo["closed"]
    stack = [node]
    while stack:
        current = stack[-1]
        memo = current.memo
        if memo is None:
            memo = current.memo = {}
        if "closed" in memo:
            stack.pop()
            continue
        pending = [arg[0] for arg in current.args if arg[0].memo is None or "closed" not in arg[0].memo]
        if pending:
            stack += pending
            continue
        stands = current.kind == "input" and isinstance(current.param, (Mark, Slot))
        memo["closed"] = not stands and all(arg[0].memo["closed"] for arg in current.args)  # type: ignore[index]
        stack.pop()
    assert node.memo is not None
    return node.memo["closed"]


def _open_nodes(roots: Sequence[Node]) -> list[Node]:
    """The nodes below some that depend on what stands for a value of a step, arguments first."""
    found: dict[Node, None] = {}
    stack = [(root, iter(root.args)) for root in roots if not is_closed(root)]
    while stack:
        node, rest = stack[-1]
        for arg in rest:
            child = arg[0]
            if child not in found and not is_closed(child):
                stack.append((child, iter(child.args)))
                break
        else:
            stack.pop()
            found[node] = None
    return list(found)


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
    """A recurrence that has been taken apart. `step` is the label of its steps, which results are read at."""

    def __init__(
        self, step: Label, carries: Sequence[Carry], elements: Sequence[Element], reverse: bool = False, known: Memo | None = None, stop: int | None = None
    ) -> None:
        self.step = step if step.ambient else Label(step.size, ambient=True)
        self.reverse = reverse
        self._aliases: dict[Label, Label] = {step: self.step}
        self._own = {label for carry in carries for label in carry.axes} | {label for element in elements for label in element.axes}
        self.memo: Memo = {}
        for node, (labels, use) in (known or {}).items():
            self.memo[node] = (labels, Use(use.node, tuple([self._aliases.get(label, label) for label in use.labels])))
        for element in elements:
            self.memo[element.node] = (element.axes, self._inside(element.values))
        self.inits = [self._inside(carry.init) for carry in carries]
        self.histories: list[_History | None] = [None] * len(carries)
        self._grow(carries)
        self.stop = stop
        if isinstance(step.size, int) and step.size <= 1 and stop is None:
            self._without_loop(step.size)
            return
        self._solve()

    # ---- what is asked of it -------------------------------------------------------------------------------------

    def lift(self, use: Use) -> Use:
        """The values in all steps of something that a step computes."""
        return self._outside(self.lifted(rebuild([use], _keep, dict(self.grown), is_closed)[0]))

    def final(self, place: int) -> Use:
        """The value of a carry after the last step, at its axes and labels around."""
        history = self.histories[place]
        assert history is not None
        return self._outside(history.final())

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
        self.axes = [list(carry.axes) for carry in carries]
        self.nodes = [carry.node for carry in carries]
        originals = [self._inside(carry.new) for carry in carries]
        self.news = originals
        self.grown: Memo = {}
        while True:
            # With the elements in place it shows what is around.
            shown = rebuild(self.news, _keep, dict(self.memo), is_closed)
            more = False
            for axes, init, new in zip(self.axes, self.inits, shown):
                around = [label for label in (*init.labels, *new.labels) if label not in axes and label is not self.step]
                if around:
                    axes.extend(dict.fromkeys(around))
                    more = True
            if not more:
                return
            for place, (carry, axes) in enumerate(zip(carries, self.axes)):
                if len(axes) > len(carry.axes):
                    use = mark(axes, carry.node)
                    self.nodes[place] = use.node
                    self.grown[carry.node] = (carry.axes, use)
            self.news = rebuild(originals, _keep, dict(self.grown), is_closed)

    # ---- taking apart --------------------------------------------------------------------------------------------

    def _without_loop(self, length: int) -> None:
        for place, node in enumerate(self.nodes):
            self.memo[node] = (tuple(self.axes[place]), self.inits[place])
        for place in range(len(self.nodes)):
            self.histories[place] = _Few(self, place, self.lifted(self.news[place]) if length else None)

    def _solve(self) -> None:
        count = len(self.nodes)
        places = {node: place for place, node in enumerate(self.nodes)}
        masks: dict[Node, int] = {}
        for node in _open_nodes([use.node for use in self.news]):
            mask = 1 << places[node] if node in places else 0
            for arg in node.args:
                mask |= masks.get(arg[0], 0)
            masks[node] = mask
        self.masks = masks
        feeds = [masks.get(use.node, 0) for use in self.news]
        reach = list(feeds)
        for via in range(count):
            for place in range(count):
                if reach[place] >> via & 1:
                    reach[place] |= reach[via]
        if self.stop is not None:
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
        history: _History | None = None
        if alone and self._is_still(place):
            history = _Constant(self, place)
        elif alone and not feeds[place] >> place & 1:
            history = _Late(self, place, self.lifted(self.news[place]))
        elif alone:
            term = self._summand(place)
            if term is not None:
                history = _Running(self, place, self.lifted(term))
        if history is not None:
            self._settle(place, history)
            return
        self._loop(together)

    def _loop(self, together: list[int]) -> None:
        # Where a condition decides, all is inside of the loop, so that what it does not want is not computed; what never changes is fixed.
        still = [place for place in together if self.stop is not None and self._is_still(place)]
        moving = [place for place in together if place not in still]
        extraction = _Extraction(self, moving, still)
        loop = extraction.loop()
        self.memo.update(extraction.kept(loop))
        for place in still:
            self._settle(place, _Constant(self, place))
        for number, place in enumerate(moving):
            history = _Looped(self, place, loop, number)
            self._settle(place, history)
            node, labels = self.news[place]
            whole = len(loop.core.results[number][1]) == len(self.axes[place])
            if whole and len(set(labels)) == len(labels) and node not in self.nodes:
                self.memo[node] = (labels, history.after())

    def _is_still(self, place: int) -> bool:
        """Whether no step changes a carry."""
        return self.news[place] == Use(self.nodes[place], tuple(self.axes[place]))

    def _settle(self, place: int, history: _History) -> None:
        self.histories[place] = history
        self.memo[self.nodes[place]] = (tuple(self.axes[place]), history.before())

    def _summand(self, place: int) -> Use | None:
        """What is added to a carry in every step, where that is all that is done to it."""
        node, labels = self.news[place]
        if node.kind != "add":
            return None
        itself, axes = self.nodes[place], tuple(self.axes[place])
        rest, found = [], 0
        for child, positions, coef in node.args:
            use = Use(child, tuple([labels[i] for i in positions]))
            if child is itself and use.labels == axes and coef == ONE:
                found += 1
            elif self.masks.get(child, 0) >> place & 1:
                return None
            else:
                rest.append((use, coef))
        return add(rest, node.dtype) if found == 1 else None

    def lifted(self, use: Use) -> Use:
        return rebuild([use], _keep, self.memo, is_closed)[0]


def _keep(*_: object) -> None:
    return None


def read_at(use: Use, label: Label, coefficients: dict[Label, Size], constant: Size) -> Use:
    """The use with `label` at sum of coefficient * other + constant; 0 where that is outside."""
    inside = Label(label.size)
    moved = Use(use.node, tuple([inside if own is label else own for own in use.labels]))
    out = {*moved.labels, *coefficients} - {inside}
    where = affine({inside: 1, **{other: -c for other, c in coefficients.items()}}, -constant)
    return contract(out, [(moved, 1), (where, 1)], 1, [inside], use.node.dtype)


def _guarded(use: Use, relation: Use) -> Use:
    return contract({*use.labels, *relation.labels}, [(use, 1), (relation, 1)], 1, (), use.node.dtype)


def _sum(terms: Sequence[Use]) -> Use:
    """The sum of terms of which one at most is not 0."""
    if terms[0].node.dtype is not bool_:
        return add([(term, 1) for term in terms])
    total = terms[0]
    for term in terms[1:]:
        total = scalar("logical_or", total, term)
    return total


class _History(abc.ABC):
    """The values of a carry over the steps: before each, after the last, and all of them with the first."""

    def __init__(self, recurrence: Recurrence, place: int) -> None:
        self.step = recurrence.step
        self.length = recurrence.step.size
        self.reverse = recurrence.reverse
        self.init = recurrence.inits[place]

    @abc.abstractmethod
    def before(self) -> Use:
        """At the step."""

    @abc.abstractmethod
    def after(self) -> Use:
        """At the step."""

    @abc.abstractmethod
    def final(self) -> Use: ...

    def states(self, row: Label) -> Use:
        after = self.after()
        first = affine({row: 1}, -self.length if self.reverse else 0)
        return _sum([_guarded(self.init, first), self._rows(after, row)])

    def _rows(self, after: Use, row: Label) -> Use:
        inside = Label(self.length)
        moved = Use(after.node, tuple([inside if label is self.step else label for label in after.labels]))
        where = affine({row: 1, inside: -1}, 0 if self.reverse else -1)
        return contract({*moved.labels, row} - {inside}, [(moved, 1), (where, 1)], 1, [inside], after.node.dtype)


class _Constant(_History):
    """A carry that no step changes."""

    def before(self) -> Use:
        return self.init

    after = final = before

    def states(self, row: Label) -> Use:
        return self.init


class _Few(_History):
    """A recurrence of at most one step."""

    def __init__(self, recurrence: Recurrence, place: int, new: Use | None) -> None:
        super().__init__(recurrence, place)
        self.new = new

    def before(self) -> Use:
        return self.init

    def after(self) -> Use:
        return self.init if self.new is None else self.new

    final = after

    def states(self, row: Label) -> Use:
        return self.init if self.new is None else super().states(row)


class _Late(_History):
    """A carry whose values are a sequence."""

    def __init__(self, recurrence: Recurrence, place: int, stack: Use) -> None:
        super().__init__(recurrence, place)
        self.stack = stack

    def after(self) -> Use:
        return self.stack

    def before(self) -> Use:
        step = self.step
        first = affine({step: 1}, 1 - self.length if self.reverse else 0)
        inside = Label(self.length)
        moved = Use(self.stack.node, tuple([inside if label is step else label for label in self.stack.labels]))
        where = affine({inside: 1, step: -1}, -1 if self.reverse else 1)
        late = contract({*moved.labels, step} - {inside}, [(moved, 1), (where, 1)], 1, [inside], moved.node.dtype)
        return _sum([_guarded(self.init, first), late])

    def final(self) -> Use:
        last = read_at(self.stack, self.step, {}, 0 if self.reverse else self.length - 1)
        if isinstance(self.length, int):
            return last
        return _sum([_guarded(self.init, affine({}, self.length)), last])


class _Running(_History):
    """A carry that something is added to."""

    def __init__(self, recurrence: Recurrence, place: int, term: Use) -> None:
        super().__init__(recurrence, place)
        self.term = term

    def _until(self, offset: int) -> Use:
        step, other = self.step, Label(self.length)
        moved = Use(self.term.node, tuple([other if label is step else label for label in self.term.labels]))
        sign = -1 if self.reverse else 1
        inside = at_least_zero({step: sign, other: -sign}, offset)
        total = contract({*moved.labels, step} - {other}, [(moved, 1), (inside, 1)], 1, [other], moved.node.dtype)
        return add([(self.init, 1), (total, 1)])

    def before(self) -> Use:
        return self._until(-1)

    def after(self) -> Use:
        return self._until(0)

    def final(self) -> Use:
        total = contract({*self.term.labels} - {self.step}, [(self.term, 1)], 1, [self.step])
        return add([(self.init, 1), (total, 1)])


class _Looped(_History):
    """A carry of a loop."""

    def __init__(self, recurrence: Recurrence, place: int, loop: Loop, number: int) -> None:
        super().__init__(recurrence, place)
        self.loop = loop
        self.number = number
        self.names = dict(zip(loop.carry_axes[number], recurrence.axes[place]))

    def _named(self, use: Use) -> Use:
        return Use(use.node, tuple([self.names.get(label, label) for label in use.labels]))

    def _row(self, offset: int) -> Use:
        row = Label(self.length + 1)
        return read_at(self.states(row), row, {self.step: 1}, offset)

    def before(self) -> Use:
        return self._row(int(self.reverse))

    def after(self) -> Use:
        return self._row(1 - int(self.reverse))

    def final(self) -> Use:
        return self._named(self.loop.final(self.number))

    def states(self, row: Label) -> Use:
        return self._named(self.loop.states(self.number, row))


# ---- the loop that is left ---------------------------------------------------------------------------------------


class _Extraction:
    """The core of carries that feed one another: what depends on none of them is outside, and given to the core as an element or a fixed value."""

    def __init__(self, recurrence: Recurrence, together: Sequence[int], still: Sequence[int] = ()) -> None:
        self.recurrence = recurrence
        self.together = together
        self.still = still
        self.live = sum([1 << place for place in (*together, *still)])
        self.masks = recurrence.masks
        self.memo: Memo = {}
        self.carries: list[Node] = []
        self.inner: list[Node] = []
        self.given: dict[tuple, tuple[Node, Use]] = {}
        self.elements: list[tuple[Node, Use]] = []
        self.fixed: list[tuple[Node, Use]] = []

    def loop(self) -> Loop:
        """The loop that computes them."""
        recurrence, step = self.recurrence, self.recurrence.step
        for number, place in enumerate(self.together):
            axes = tuple(recurrence.axes[place])
            node = slot("carry", number, [label.size for label in axes], recurrence.nodes[place].dtype)
            self.carries.append(node)
            self.memo[recurrence.nodes[place]] = (axes, Use(node, axes))
        for place in self.still:
            self.memo[recurrence.nodes[place]] = (tuple(recurrence.axes[place]), self._given(recurrence.inits[place]))
        news = [recurrence.news[place] for place in self.together]
        self.inner = [node for node in _open_nodes([use.node for use in news]) if self._is_inside(node)]
        for node in self.inner:
            if node not in self.memo:
                self._rebuild(node)
        results = []
        for place, use in zip(self.together, news):
            found = self._argument(use)
            position = {label: i for i, label in enumerate(recurrence.axes[place])}
            results.append((found.node, tuple([position[label] for label in found.labels])))
        core = Core(
            step.size,
            recurrence.reverse,
            tuple(self.carries),
            tuple([node for node, _ in self.elements]),
            tuple([node for node, _ in self.fixed]),
            tuple(results),
            None if recurrence.stop is None else self.together.index(recurrence.stop),
        )
        return self._with_own_labels(core)

    def kept(self, loop: Loop) -> Memo:
        """The values of nodes of the core in all steps that are better kept than computed again."""
        kept: Memo = {}
        if loop.core.stop is not None:
            return kept  # steps that are left out tap nothing
        for node in self.inner:
            labels, use = self.memo[node]
            if is_worth_keeping(node) and use.node.kind != "input" and use.node.args and len(set(use.labels)) == len(use.labels):
                kept[node] = (labels, loop.tap(use))
        return kept

    def _with_own_labels(self, core: Core) -> Loop:
        step = self.recurrence.step
        carry_axes, arguments = [], []
        for place in self.together:
            own = {label: Label(label.size) for label in self.recurrence.axes[place]}
            init = self.recurrence.inits[place]
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
        if node.kind == "contract":
            factors = self._gathered([(use, arg[2]) for use, arg in zip(uses, node.args)], lambda some: contract({x for u, _ in some for x in u.labels}, some))
            result = contract(axes, factors, node.param, labels[len(axes) :], node.dtype)
        elif node.kind == "add":
            terms = self._gathered([(use, arg[2]) for use, arg in zip(uses, node.args)], lambda some: add(some, node.dtype))
            result = add([(use, coef if type(coef) is not int else ONE) for use, coef in terms], node.dtype)
        else:
            result = construct(node, labels, [self._argument(use) for use in uses])
        self.memo[node] = (axes, result)

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
            return select(labels[0], self._from_outside(Use(index, tuple([labels[i] for i in positions]))))
        return self._given(self.recurrence.lifted(use))

    def _given(self, lifted: Use) -> Use:
        step = self.recurrence.step
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

    def _gathered(self, items: list[tuple[Use, object]], together: Callable[[list], Use]) -> list[tuple]:
        """Factors or terms as the core reads them. Those from outside make one value where that is no larger than the largest of them."""
        found: list[tuple] = []
        groups: list[tuple[set[Label], list]] = []
        outside = []
        for use, weight in items:
            if self._is_inside(use.node):
                found.append((read(self.memo, use.node, use.labels), weight))
            elif (not use.node.args and use.node.kind not in ("input", "constant")) or use.node.kind in RELATIONS:
                found.append((self._from_outside(use), weight))
            else:
                outside.append((set(self.recurrence.lifted(use).labels), use, weight))
        outside.sort(key=lambda item: -len(item[0]))
        for labels, use, weight in outside:
            for wider, members in groups:
                if labels <= wider:
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


def is_worth_keeping(node: Node) -> bool:
    """Whether the values of a node in all steps are better kept than computed again behind the loop."""
    if node.kind == "contract":
        return bool(node.sums) and not is_read(node)
    if node.kind == "map":
        return FUNCTIONS[node.param].cost != "cheap"
    return node.kind in ("reduce", "arg", "cumulate", "call")


def known_of(loop: Loop) -> Memo:
    """What need not be computed again of a loop: the values of nodes of its core in all steps, at its step."""
    found: Memo = {}
    results = results_of(loop)
    for node in walk([use.node for use in results]):
        if loop.core.stop is None and is_worth_keeping(node):
            labels = tuple([Label(size) for size in node.dims])
            found[node] = (labels, loop.tap(Use(node, labels)))
    for place, (use, axes) in enumerate(zip(results, loop.carry_axes)):
        if len(use.labels) == len(axes) and len(set(use.labels)) == len(axes) and use.node.kind != "input":
            row = Label(loop.core.length + 1)
            found[use.node] = (use.labels, read_at(loop.states(place, row), row, {loop.step: 1}, 1 - int(loop.core.reverse)))
    return found


def loop_again(node: Node, labels: Sequence[Label], uses: Sequence[Use]) -> Use:
    """A part of the same loop on other arguments. What they are read at besides becomes axes of the carries."""
    loop = open_loop(node, labels, uses)
    part = part_of(node)
    axes = list(labels[: len(node.dims)])
    frame = {loop.step, *itertools.chain(*loop.carry_axes, *loop.element_axes, *loop.fixed_axes)}
    if all(label in frame for use in uses for label in use.labels):
        return loop.part(part, axes)
    carries = [Carry(c, own, init, new) for c, own, init, new in zip(loop.core.carries, loop.carry_axes, loop.inits, results_of(loop))]
    given = [*zip(loop.core.elements, loop.element_axes, loop.sequences), *zip(loop.core.fixed, loop.fixed_axes, loop.fixed)]
    again = Recurrence(loop.step, carries, [Element(*entry) for entry in given], loop.core.reverse, None, loop.core.stop)
    if part.kind == "states":
        return again.states(part.place, axes[0])
    if part.kind == "final":
        return again.final(part.place)
    assert part.node is not None
    return again.lift(Use(part.node, tuple(axes[1:])))


CONSTRUCTORS["loop"] = loop_again

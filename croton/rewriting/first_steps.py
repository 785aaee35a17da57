"""What a linear loop has made of something a few steps after it came in: those steps, for all strands at once, and no loop.

The Jacobian of a recurrence is a loop in which each strand has one element come in at one step. On the diagonal, where the step that is read is tied to the
strand, that is so many steps ago for all strands: one step of each is all that there is to compute. On the other side of the diagonal, before anything came
in, there is nothing. So a trace, a diagonal or the blocks along it take as many operations as there are steps, and not as there are pairs of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from croton.algebra.constant import zero
from croton.algebra.contract import contract
from croton.algebra.loop import loop_key
from croton.algebra.node import Label, Node, Use, walk
from croton.algebra.rebuild import Memo, construct, rebuild
from croton.algebra.rows import Row
from croton.loops.course import keep
from croton.rewriting.conditions import Ties, conditions, relations_of
from croton.rewriting.steps_of_strand import Strand
from croton.rewriting.strand import strands

BETWEEN = ("contract", "add", "map")
"""Kinds of values of which an element is made of the same elements of others."""

MOST_STEPS = 4
"""So long ago something may have come in."""

MOST_DEPTH = 8
"""Products and sums between a diagonal and the loop that it is one of."""

MOST_ROUNDS = 8
"""Loops on the values of loops."""


def take_first_steps(uses: Sequence[Use]) -> list[Use]:
    """The same values, with what is read of loops near their diagonals, and nowhere else, computed in a few steps."""
    result = list(uses)
    for _ in range(MOST_ROUNDS):
        order = list(walk([use.node for use in result]))
        if not any(node.kind == "loop" and strands(node).axes for node in order):
            break
        diagonals = _Diagonals(order, result)
        if not diagonals.places and not diagonals.results:
            break
        memo: Memo = {node: diagonals.taken(node) for node in diagonals.places}
        made = [diagonals.near(use, Ties(), MOST_DEPTH, {}) if use in diagonals.results else use for use in result]
        result = rebuild(made, keep, memo)
    return result


class _Diagonals:
    """Where a program reads loops near their diagonals only.

    found    the conditions of values
    leads    what is made of a loop that has a condition
    whole    of these, what somebody reads elsewhere
    kept     the loops, by their key, of which somebody reads a part elsewhere
    places   the nodes that read a diagonal of what is not whole, and the `results` that do
    """

    def __init__(self, order: Sequence[Node], uses: Sequence[Use]) -> None:
        self.found = conditions(order)
        self.leads: set[Node] = set()
        for node in order:
            if (node in self.found) if node.kind == "loop" else (node.kind in BETWEEN and any(arg[0] in self.leads for arg in node.args)):
                self.leads.add(node)
        self.whole: set[Node] = set()
        near: list[tuple[Node | Use, Node]] = []
        for use in uses:
            self._look_at(use, use, Ties(), near)
        for node in reversed(order):
            if (node in self.leads and node not in self.whole) or not any(arg[0] in self.leads for arg in node.args):
                continue
            frame, ties = _opened(Use(node, tuple([Label(size) for size in node.dims])), Ties())
            for arg in node.args:
                self._look_at(node, _argument(arg, frame), ties, near)
        self.kept = {loop_key(node) for node in self.whole if node.kind == "loop"}
        readers = dict.fromkeys([reader for reader, child in near if child not in self.whole])
        self.places = [reader for reader in readers if isinstance(reader, Node)]
        self.results = [reader for reader in readers if isinstance(reader, Use)]

    def _look_at(self, reader: Node | Use, use: Use, ties: Ties, near: list[tuple[Node | Use, Node]]) -> None:
        if use.node in self.leads:
            if self._is_near(use, ties, MOST_DEPTH, set()):
                near.append((reader, use.node))
            else:
                self.whole.add(use.node)

    def _is_near(self, use: Use, ties: Ties, depth: int, seen: set[tuple[Use, Ties]]) -> bool:
        """Whether a value that is read at labels is made of what a loop has near its diagonal."""
        node = use.node
        if node.kind == "loop":
            return self._steps_ago(use, ties) is not None
        if depth == 0 or (use, ties) in seen:
            return False
        seen.add((use, ties))
        frame, below = _opened(use, ties)
        return any(self._is_near(_argument(arg, frame), below, depth - 1, seen) for arg in node.args if arg[0] in self.leads)

    def _steps_ago(self, use: Use, ties: Ties) -> tuple[int, int, Row] | None:
        """How many steps ago what a loop has at some labels came in, below 0 if it has not; along which of its axes, by which condition."""
        best: tuple[int, int, Row] | None = None
        for row, constant in self.found.get(use.node, ()):
            axis = max(row)
            steps, number = ties.of(({use.labels[position]: c for position, c in row.items()}, constant)) if len(row) == 2 else (row, constant)
            if not steps and isinstance(number, int) and number < MOST_STEPS and (best is None or number < best[0]):
                best = number, axis, (row, constant)
        return best

    def taken(self, node: Node) -> tuple[tuple[Label, ...], Use]:
        """A node that reads a diagonal, at labels for its axes."""
        axes = tuple([Label(size) for size in node.dims])
        return axes, self._again(Use(node, axes), Ties(), MOST_DEPTH, {})

    def near(self, use: Use, ties: Ties, depth: int, memo: dict[tuple[Use, Ties], Use]) -> Use:
        """What has the same value where labels are tied."""
        node = use.node
        if node not in self.leads or node in self.whole:
            return use
        if node.kind == "loop":
            steps = self._steps_ago(use, ties)
            return use if steps is None or loop_key(node) in self.kept else _in_few_steps(use, *steps)
        if depth == 0:
            return use
        if (use, ties) not in memo:
            memo[use, ties] = self._again(use, ties, depth - 1, memo)
        return memo[use, ties]

    def _again(self, use: Use, ties: Ties, depth: int, memo: dict[tuple[Use, Ties], Use]) -> Use:
        node, labels = use
        frame, below = _opened(use, ties)
        arguments = [_argument(arg, frame) for arg in node.args]
        found = [self.near(inner, below, depth, memo) for inner in arguments]
        if found == arguments:
            return use
        if node.kind == "contract":
            return contract(set(labels), [(inner, arg[2]) for inner, arg in zip(found, node.args)], node.param, frame[len(labels) :], node.dtype)
        return construct(node, frame, found)


def _opened(use: Use, ties: Ties) -> tuple[tuple[Label, ...], Ties]:
    """Labels for all that a value mentions, and what they are tied by."""
    frame = (*use.labels, *[Label(size) for size in use.node.sums])
    return frame, ties.with_rows(relations_of(use.node, frame))


def _argument(arg: tuple, frame: Sequence[Label]) -> Use:
    return Use(arg[0], tuple([frame[i] for i in arg[1]]))


def _in_few_steps(use: Use, steps: int, axis: int, row: Row) -> Use:
    """The value of a part of a loop at labels where something came in along one of its axes so many steps ago."""
    node, labels = use
    if steps < 0:
        return zero(node.dtype)
    # Of labels of its own: what is made does not have that axis, though it may be read at the label of another one.
    own = tuple([Label(size) for size in (*node.dims, *node.sums)])
    made = Strand(node, own, axis, row).value(steps)
    place = dict(zip(own, labels))
    return Use(made.node, tuple([place.get(label, label) for label in made.labels]))

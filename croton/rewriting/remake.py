"""Values computed a second time, late, in place of being kept from early on.

A program is busiest during some call. What is in memory before it and read after it waits, such as what a derivative goes back through. `remade` lets such
values go and gives those that read them late copies of their own, computed from values that do stay, behind `again`, once the program has come to where they
are read.

Which values stay is a matter of how many pieces the calls up to the busiest one are cut into. Of a piece what the later pieces are made of stays, and the
rest is computed again, all of it when the first is read: of n layers in k pieces about k + n/k are in memory. The last piece stays, since its values are
read at once. With no pieces, those values are computed again of which that takes no more than element-wise work on what stays.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from croton.algebra.call import AGAIN, again
from croton.algebra.node import Label, Node, Use, origin, walk
from croton.algebra.rebuild import Memo, rebuild
from croton.sizes import hint, product

REMADE = frozenset({"contract", "add", "map", "reduce", "arg", "cumulate"})
"""Kinds of values that are computed again."""

ELEMENTWISE = frozenset({"contract", "add", "map", "iota", "constant", "affine", "range"})
"""Kinds that take as long as reading and writing their elements, where they sum over nothing."""

SMALL = 64
"""A value of which so many take no more than the largest one stays."""

MOST_WORK = 40
"""Of so many nodes an element-wise formula may consist to be computed again."""

Lives = Mapping[Node, tuple[int, int]]
"""For each node with memory of its own the first and the last call that touch it."""


class Group(NamedTuple):
    """Values that are computed again together, and what from."""

    nodes: tuple[Node, ...]
    given: tuple[Node, ...]


def remade(uses: Sequence[Use], lives: Lives, busiest: int, pieces: int) -> tuple[list[Use], int] | None:
    """The uses with values computed again that the busiest call is not to find in memory, and the bytes of these at likely sizes; None where there are none."""
    waiting = _Waiting(uses, lives, busiest)
    groups = waiting.pieces(pieces) if pieces else waiting.elementwise()
    if not groups:
        return None
    return _Remaking(lives, busiest, groups).uses(uses), sum([_bytes(node) for group in groups for node in group.nodes])


class _Waiting:
    """What is there before the busiest call and read after it. `nodes` are those that may be computed again, in the order in which they are made."""

    def __init__(self, uses: Sequence[Use], lives: Lives, busiest: int) -> None:
        self.lives, self.busiest = lives, busiest
        self.order = list(walk([use.node for use in uses]))
        self.across = {node for node, (first, last) in lives.items() if first <= busiest < last}
        stay = {use.node for use in uses}
        stay.update([node.args[0][0] for node in self.order if node.kind == "call" and node.param[0] is AGAIN])
        found = [node for node in self.across if node.kind in REMADE and node not in stay]
        largest = max(map(_bytes, found), default=0)
        self.nodes = sorted([node for node in found if SMALL * _bytes(node) > largest], key=lambda node: (lives[node], node.id))

    def elementwise(self) -> list[Group]:
        """Each by itself, the values that are element-wise work on others that stay."""
        gone: set[Node] = set()
        stay: set[Node] = set()
        groups = []
        for node in self.nodes:
            if node not in stay:
                seen, given = self._below((node,), self.across - gone, -1)
                if len(seen) <= MOST_WORK and all(inner.kind in ELEMENTWISE and not inner.sums for inner in seen):
                    gone.add(node)
                    stay.update(given)
                    groups.append(Group((node,), given))
        return groups

    def pieces(self, count: int) -> list[Group]:
        """The values of each piece that do not stay, beginning with the last: what a piece is made of stays in those before it."""
        cuts = self._cuts(count)
        cut: list[list[Node]] = [[] for _ in range(len(cuts) + 1)]
        for node in self.nodes:
            cut[bisect_right(cuts, self.lives[node][0])].append(node)
        stay: set[Node] = set()
        groups = []
        for piece in reversed(cut[:-1]):
            own = tuple([node for node in piece if node not in stay])
            if own:
                # No more calls are done again than the piece takes, however far back its values come from.
                begin, end = self.lives[own[0]][0], self.lives[own[-1]][0]
                _, given = self._below(own, self.across, begin - (end - begin) - 1)
                stay.update(given)
                groups.append(Group(own, given))
        return groups

    def _cuts(self, count: int) -> list[int]:
        """The calls before which a piece ends and another begins: pieces of about the same memory, cut where the least is read on the other side."""
        passed = self._passed()
        total = sum(map(_bytes, self.nodes))
        before = list(accumulate(map(_bytes, self.nodes), initial=0))
        cuts: list[int] = []
        for number in range(1, count):
            # As far as half a piece from where it would be by memory alone.
            low, high = [bisect_left(before, total * place // (2 * count)) for place in (2 * number - 1, 2 * number + 1)]
            times = dict.fromkeys([self.lives[node][0] for node in self.nodes[low:high]])
            middle = bisect_left(before, total * number // count)
            found = [time for time in times if not cuts or time > cuts[-1]]
            if found:
                aim = self.lives[self.nodes[min(middle, len(self.nodes) - 1)]][0]
                cuts.append(min(found, key=lambda time: (passed[time], abs(time - aim))))
        return cuts

    def _passed(self) -> list[int]:
        """For each call up to the busiest one the bytes of what was made before it and is read by it or by later ones, up to the busiest."""
        latest: dict[Node, int] = {}
        for node in reversed(self.order):
            time = self.lives[node][0] if node in self.lives else latest.get(node, -1)
            if -1 < time <= self.busiest:
                for argument in node.args:
                    latest[argument[0]] = max(latest.get(argument[0], -1), time)
        changes = [0] * (self.busiest + 2)
        for node, (first, _) in self.lives.items():
            last = latest.get(node, -1)
            if last > first:
                changes[first + 1] += _bytes(node)
                changes[last + 1] -= _bytes(node)
        return list(accumulate(changes))

    def _below(self, group: tuple[Node, ...], stay: Collection[Node], reach: int) -> tuple[set[Node], tuple[Node, ...]]:
        """The nodes that a group is computed again with, and those that they are computed from: what stays, what is there anyway, and what was made before
        the call `reach`."""
        seen = set(group)
        pending = list(group)
        given: dict[Node, None] = {}
        while pending:
            for argument in pending.pop().args:
                child = argument[0]
                if child in seen or child in given:
                    continue
                if child in stay or _is_given(child) or self.lives.get(child, (reach, reach))[0] < reach:
                    given[child] = None
                else:
                    seen.add(child)
                    pending.append(child)
        return seen, tuple(given)


class _Remaking:
    """Uses on their way to others, in which groups of values are computed twice. `late` is what the nodes after the busiest call become."""

    def __init__(self, lives: Lives, busiest: int, groups: Sequence[Group]) -> None:
        self.lives, self.busiest = lives, busiest
        self.group = {node: group for group in groups for node in group.nodes}
        self.late: Memo = {}

    def uses(self, uses: Sequence[Use]) -> list[Use]:
        """The new uses."""
        in_order = sorted(self.lives, key=lambda node: self.lives[node][0])
        early = [node for node in in_order if self.lives[node][0] <= self.busiest]
        there = _whole(early[-1])
        for node in (*in_order[len(early) :], *[use.node for use in uses]):
            for group in self._read_first(node):
                self._make(group, there)
            (there,) = rebuild([_whole(node)], _as_it_is, self.late, self._stays)
        return rebuild(uses, _as_it_is, self.late, self._stays)

    def _read_first(self, node: Node) -> list[Group]:
        """The groups that this node is the first to read late."""
        found: dict[Group, None] = {}
        pending = [node] if not self._stays(node) else []
        seen = set(pending)
        while pending:
            inner = pending.pop()
            if inner in self.late:
                continue
            if inner in self.group:
                found[self.group[inner]] = None
                continue
            for argument in inner.args:
                if argument[0] not in seen and not self._stays(argument[0]):
                    seen.add(argument[0])
                    pending.append(argument[0])
        return list(found)

    def _make(self, group: Group, there: Use) -> None:
        """Compute a group again, once a value is there."""
        copies: Memo = {}
        previous, origin.current = origin.current, group.nodes[-1].origin
        for node in group.given:
            own = _whole(node)
            copies[node] = own.labels, again(own, [there])
        origin.current = previous
        rebuild([_whole(node) for node in group.nodes], _as_it_is, copies)
        for node in group.nodes:
            self.late[node] = copies[node]

    def _stays(self, node: Node) -> bool:
        """Whether a node is what it was: it was made early, and is kept."""
        return node not in self.group and node in self.lives and self.lives[node][0] <= self.busiest


def _bytes(node: Node) -> int:
    return hint(product(node.dims)) * node.dtype.itemsize


def _is_given(node: Node) -> bool:
    """Whether a node is there anyway, or is not to be computed twice."""
    return node.kind in ("input", "call", "loop") or (node.kind == "constant" and bool(node.dims))


def _whole(node: Node) -> Use:
    return Use(node, tuple([Label(size) for size in node.dims]))


def _as_it_is(*_: object) -> None:
    return None

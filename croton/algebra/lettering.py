"""Letters for labels and names for nodes, so that a graph can be read."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from croton.algebra.node import Label, Node, Use, walk
from croton.sizes import Poly, Size

ALPHABET = "ijklmnopqrstuvwxyzabcdefgh"
WIDEST = 12
"""A value that is under more letters than this gets a line of its own."""


class Lettering:
    """Names of nodes and letters of their labels.

    A node takes the letters of the first value that reads it, so that a label keeps its letter from line to line. `single` holds
    nodes that are read once and with their own letters, so that they may be written in place. `axes` are labels to be named first, in order, and `names`
    says what inputs are called, by key.
    """

    __slots__ = ("axes", "letters", "names", "order", "outputs", "single")

    def __init__(self, uses: Sequence[Use], axes: Sequence[Label] = (), names: Mapping[Any, str] | None = None) -> None:
        self.order: list[Node] = list(walk([use.node for use in uses]))
        self.letters: dict[Node, tuple[str, ...]] = {}
        self.names: dict[Node, str] = {}
        self.single: set[Node] = set()
        self.outputs: list[tuple[str, ...]] = []
        self.axes: tuple[str, ...] = ()
        self._name(names or {})
        self._spread(uses, axes)

    def _name(self, given: Mapping[Any, str]) -> None:
        count = itertools.count()
        taken: set[str] = set()
        for node in self.order:
            if node.kind == "input":
                name = base = given.get(node.param) or _key_name(node.param)
                suffix = itertools.count(2)
                while name in taken:
                    name = f"{base}_{next(suffix)}"
                taken.add(name)
            elif node.kind == "constant":
                name = f"c{next(count)}"
            else:
                name = f"t{next(count)}"
            self.names[node] = name

    def _spread(self, uses: Sequence[Use], axes: Sequence[Label]) -> None:
        readers: dict[Node, int] = {}
        for node in self.order:
            for child in node.args:
                readers[child[0]] = readers.get(child[0], 0) + 1
        known: dict[object, str] = {}
        for label in axes:
            known[label] = letter(label.size, known.values())
        self.axes = tuple(known.values())
        under: dict[Node, frozenset[str]] = {}
        for use in uses:
            for label in use.labels:
                if label not in known:
                    known[label] = letter(label.size, known.values())
            self.outputs.append(tuple(known[label] for label in use.labels))
        for use, letters in zip(uses, self.outputs):
            readers[use.node] = readers.get(use.node, 0) + 2
            self._take(use.node, letters)
            under[use.node] = frozenset(self.axes)
        for node in reversed(self.order):
            own = self.letters.get(node, ())[: len(node.dims)]
            scope = set(under.get(node, frozenset())).union(own)
            for size in node.sums:
                own = (*own, letter(size, scope))
                scope.add(own[-1])
            self.letters[node] = own
            for child, positions, *_ in node.args:
                letters = tuple(own[position] for position in positions)
                if child in self.letters:
                    continue
                if self._take(child, letters) and readers[child] == 1 and len(scope) <= WIDEST:
                    self.single.add(child)
                    under[child] = frozenset(scope)

    def _take(self, node: Node, letters: tuple[str, ...]) -> bool:
        """Give a node its letters; False where they cannot be those it is read at."""
        if node in self.letters:
            return False
        if len(set(letters)) == len(letters):
            self.letters[node] = letters
            return True
        own: list[str] = []
        for wanted, size in zip(letters, node.dims):
            own.append(letter(size, {*own, *letters}) if wanted in own else wanted)
        self.letters[node] = tuple(own)
        return False


def letter(size: Size, taken: Collection[str]) -> str:
    """A letter that is free, the size's own if it can be."""
    for candidate in _candidates(size):
        if candidate not in taken:
            return candidate
    raise AssertionError("letters do not run out")


def _candidates(size: Size) -> Iterator[str]:
    if isinstance(size, Poly):
        name = repr(size)
        if name.isidentifier():
            yield name[0].lower()
    yield from ALPHABET
    for number in itertools.count(1):
        yield f"i{number}"


def _key_name(key: object) -> str:
    name = getattr(key, "name", None)
    return str(name) if name else str(key) if isinstance(key, str) else f"input{abs(hash(key)) % 10000}"


"""Records of the stream: their words from a call's fields, and the fields again where the native interpreter reads them.

A record has a word for each plain field, then a count for each field that is a tuple, then the words of their elements. Both sides follow the
annotations of the fields, so that what is written is what is read.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from croton.runtime.calls.field import Links, Role
from croton.runtime.calls.scope import Scope
from croton.runtime.frame import Frame
from croton.util.errors import NotSupportedError


class Most(NamedTuple):
    """How many elements a field that is a tuple may have, and what they are."""

    number: int
    what: str


class Layout:
    """The words of a record: those of plain fields, and the layout of an element for each field that is a tuple.

    `inner` is the place of a field of calls, which are not part of the record, -1 where there is none.
    """

    __slots__ = ("inner", "most", "plain", "rows", "width")

    def __init__(
        self, plain: Sequence[tuple[int, str, Role]], rows: Sequence[tuple[int, str, Layout]], inner: int = -1, most: dict[int, Most] | None = None
    ) -> None:
        self.plain = tuple(plain)
        self.rows = tuple(rows)
        self.most = most or {}
        self.inner = inner
        self.width = len(self.plain) + len(self.rows)

    def check(self, scope: Scope, values: Sequence[Any]) -> None:
        """Raise MalformedProgram if a field is not as it should be."""
        for place, _, role in self.plain:
            role.check(scope, values[place])
        for place, _, layout in self.rows:
            for row in values[place]:
                layout.check(scope, row if isinstance(row, tuple) else (row,))

    def words(self, links: Links, values: Sequence[Any]) -> list[int]:
        """The words of a record with these values."""
        for place, most in self.most.items():
            if len(values[place]) > most.number:
                raise NotSupportedError(f"not supported: {len(values[place])} {most.what}; the most is {most.number}")
        words = [role.word(links, values[place]) for place, _, role in self.plain]
        words += [len(values[place]) for place, _, _ in self.rows]
        for place, _, layout in self.rows:
            for row in values[place]:
                words += layout.words(links, row if isinstance(row, tuple) else (row,))
        return words


Inner = Annotated[tuple[tuple, ...], "calls"]
"""A field that holds calls: their records come behind the record that they are in."""


@functools.cache
def layout_of(record: type) -> Layout:
    """The layout of a NamedTuple whose fields are annotated with the types of `field`."""
    plain: list[tuple[int, str, Role]] = []
    rows: list[tuple[int, str, Layout]] = []
    inner, most = -1, {}
    for place, (name, hint) in enumerate(get_type_hints(record, include_extras=True).items()):
        if hint == Inner:
            inner = place
            continue
        if get_origin(hint) is Annotated and get_origin(get_args(hint)[0]) is tuple:
            hint, most[place] = get_args(hint)
        if get_origin(hint) is tuple:
            element = get_args(hint)[0]
            rows.append((place, name, Layout([(0, "", _role(element))], ()) if get_origin(element) is Annotated else layout_of(element)))
        else:
            plain.append((place, name, _role(hint)))
    return Layout(plain, rows, inner, most)


def _role(hint: Any) -> Role:
    (role,) = [extra for extra in get_args(hint)[1:] if isinstance(extra, Role)]
    return role


class Record:
    """A record in the stream while the interpreter's code is emitted: record["size"] emits what reads that field. `number` says which of several it is."""

    __slots__ = ("frame", "layout", "number", "start")

    def __init__(self, frame: Frame, layout: Layout, start: str, number: str = "0") -> None:
        self.frame = frame
        self.layout = layout
        self.start = start
        self.number = number

    def __getitem__(self, name: str) -> str:
        (role,) = [role for _, own, role in self.layout.plain if own == name]
        return role.read(self.frame, self.word(name))

    def word(self, name: str) -> str:
        """The word of a field as it is."""
        return self._load([own for _, own, _ in self.layout.plain].index(name))

    def _load(self, number: int) -> str:
        a = self.frame.a
        return a.load(a.at(self.frame.stream, self.start), number)

    def count(self, name: str) -> str:
        """The number of elements of a field that is a tuple."""
        names = [own for _, own, _ in self.layout.rows]
        return self._load(len(self.layout.plain) + names.index(name))

    def place(self, name: str) -> str:
        """Where in the stream the elements of such a field begin."""
        return self._behind([own for _, own, _ in self.layout.rows].index(name))

    def end(self) -> str:
        """Where in the stream the record has ended."""
        return self._behind(len(self.layout.rows))

    def _behind(self, number: int) -> str:
        a = self.frame.a
        place = a.add(self.start, self.layout.width)
        for _, name, layout in self.layout.rows[:number]:
            assert not layout.rows, "what comes behind elements of several lengths is not found"
            place = a.add(place, a.multiply(self.count(name), layout.width))
        return place

    @contextmanager
    def each(self, name: str) -> Iterator[Record]:
        """For each element of such a field, as a record."""
        (layout,) = [layout for _, own, layout in self.layout.rows if own == name]
        assert not layout.rows, "elements of several lengths are read in turn"
        a, place = self.frame.a, self.place(name)
        with a.loop(self.count(name)) as index:
            yield Record(self.frame, layout, a.add(place, a.multiply(index, layout.width)), index)

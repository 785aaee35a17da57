"""One kind of call as one record: what `kinds` lists, and everything that checks, writes, reads or runs calls goes by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from croton.runtime.calls.field import Links
from croton.runtime.calls.record import Layout, Record, layout_of
from croton.runtime.calls.run import Run
from croton.runtime.calls.scope import Scope
from croton.runtime.frame import Frame
from croton.runtime.interrupts import Interrupts


class Emission(NamedTuple):
    """The native interpreter while the code that runs calls is emitted."""

    frame: Frame
    interrupts: Interrupts


def _nothing_more(scope: Scope, call: Any) -> None:
    """What its fields say is all there is to check."""


def _nothing_behind(call: Any, links: Links, length: int) -> list[int]:
    return []


def _nothing_lent(call: Any) -> int:
    return 0


class Kind(NamedTuple):
    """A kind of call. `record` is the NamedTuple of its fields, which says most of it.

    emit    emits what runs the call whose record this is, as machine code
    run     runs it in Python
    check   demands what the fields do not say by themselves
    behind  the words of the stream behind the call's record, which has `length` words
    lends   how many arrays over its memory the call makes
    """

    record: type
    emit: Callable[[Emission, Record], None]
    run: Callable[[Run, Any], None]
    check: Callable[[Scope, Any], None] = _nothing_more
    behind: Callable[[Any, Links, int], list[int]] = _nothing_behind
    lends: Callable[[Any], int] = _nothing_lent

    @property
    def layout(self) -> Layout:
        return layout_of(self.record)

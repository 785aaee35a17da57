"""Where the user was: the innermost line outside this package."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import CodeType
from typing import NamedTuple

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Line(NamedTuple):
    """A line of the user's program."""

    file: str
    number: int

    def __str__(self) -> str:
        return f"{self.file}:{self.number}"

    @property
    def text(self) -> str:
        """The source text of the line, or "" when it is not known (an interactive session)."""
        return linecache.getline(self.file, self.number).strip()


_instead: ContextVar[Line | None] = ContextVar("croton_line", default=None)


@contextmanager
def on_behalf_of(line: Line | None) -> Iterator[None]:
    """What is made inside belongs to this line, which asked for it earlier."""
    token = _instead.set(line)
    try:
        yield
    finally:
        _instead.reset(token)


def is_ours(code: CodeType) -> bool:
    """Whether code is of this package."""
    return code.co_filename.startswith(_PACKAGE)


def user_line() -> Line | None:
    """The innermost line outside the package, None where there is none; or the line on whose behalf something is done."""
    line = _instead.get()
    if line is not None:
        return line
    frame = sys._getframe(1)
    while frame is not None:
        if not is_ours(frame.f_code):
            return Line(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]
    return None

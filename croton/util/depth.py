"""How deep in functions that are traced inside of one another a call is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Depth:
    """A depth of its own for each thread and context."""

    def __init__(self, name: str) -> None:
        self._now: ContextVar[int] = ContextVar(f"croton_{name}_depth", default=0)

    @contextmanager
    def deeper(self, least: int = 0) -> Iterator[int]:
        """The depth of a function while it is called, at least this one: what stands for its arguments differs from what does in functions around it."""
        depth = max(least, self._now.get())
        token = self._now.set(depth + 1)
        try:
            yield depth
        finally:
            self._now.reset(token)

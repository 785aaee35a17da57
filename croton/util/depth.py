"""How deep in functions that are traced inside of one another a call is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Depth:
    """A depth of its own for each thread and context."""

    def __init__(self, name: str) -> None:
        self._now: ContextVar[int] = ContextVar(f"croton_{name}_depth", default=0)

    @contextmanager
    def deeper(self, is_taken: Callable[[int], bool] = lambda depth: False) -> Iterator[int]:
        """The depth of a function while it is called: what stands for its arguments differs from what does in functions around it.

        A depth at which something stands for the same arguments already `is_taken`: what the function reads from outside may be made of that.
        """
        depth = self._now.get()
        while is_taken(depth):
            depth += 1
        token = self._now.set(depth + 1)
        try:
            yield depth
        finally:
            self._now.reset(token)

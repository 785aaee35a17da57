"""A function that runs once in a process, whichever threads ask for its value at the same time."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class once(Generic[Value]):
    """Cache the value of a function without arguments; unlike `functools.cache`, never run it twice. An exception is not cached."""

    def __init__(self, function: Callable[[], Value]) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._lock = threading.RLock()
        self._found: list[Value] = []

    def __call__(self) -> Value:
        if not self._found:
            with self._lock:
                if not self._found:
                    self._found.append(self._function())
        return self._found[0]

    def is_known(self) -> bool:
        """Whether the function has run."""
        return bool(self._found)

"""A function that runs once in a process, whichever threads ask for its value at the same time."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def once(function: Callable[[], Value]) -> Callable[[], Value]:
    """Cache the value of a function without arguments; unlike `functools.cache`, never run it twice. An exception is not cached."""
    lock = threading.RLock()
    found: list[Value] = []

    @functools.wraps(function)
    def value() -> Value:
        if not found:
            with lock:
                if not found:
                    found.append(function())
        return found[0]

    return value

"""Whether the user's code asks what a size is that is not known, `if x.shape[0] == 3`.

Two sizes are one if they say the same, so a size that may be 3 is not equal to 3 for the compiler, and must not be for a branch of the user's. Who can do
something about it, by tracing again with sizes that are known, listens.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from croton.util.errors import KindError
from croton.util.provenance import is_ours


class SizeAsked(KindError):
    """The user's code asks what a size is that is not known."""


listeners = 0
"""How many threads listen: where it is 0, comparing costs nothing more."""

_lock = threading.Lock()
_listening: ContextVar[bool] = ContextVar("croton_listening", default=False)


@contextmanager
def listening() -> Iterator[None]:
    """Inside, comparisons of sizes by the user's code that have no answer raise `SizeAsked`."""
    global listeners
    token = _listening.set(True)
    with _lock:
        listeners += 1
    try:
        yield
    finally:
        with _lock:
            listeners -= 1
        _listening.reset(token)


def by_user() -> bool:
    """Whether somebody listens, and whoever called the method that asks this is the user's code."""
    return _listening.get() and not is_ours(sys._getframe(2).f_code)

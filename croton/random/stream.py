"""A generator with a state, for convenience: keys without carrying them around."""

from __future__ import annotations

from typing import Any

import numpy as np

from croton.expr.expr import Expr, SharedVariable
from croton.ops.casting import asarray
from croton.ops.creation import shared
from croton.random.key import fold_in, key
from croton.util.errors import KindError


class Stream:
    """A stream of keys that are new in every call of a compiled function.

        noise = cr.random.stream(0)
        y = x + cr.random.normal(noise.key(), x.shape)
        f = cr.function([x], y, updates=noise.updates())

    `key()` gives another key each time it is asked for while the graph is built. `updates()` moves the stream on after each call; a function
    compiled without it draws the same numbers every time.

    Asked for in the body of a loop or in a mapped function it is one key, and every step draws the same numbers, as a dropout mask that is kept over time
    does. For numbers of their own give the steps keys of their own: `split(noise.key(), n)` among the sequences, or `fold_in(noise.key(), step)`.
    """

    def __init__(self, seed: int) -> None:
        if not isinstance(seed, int | np.integer):
            raise KindError(f"a stream begins with an integer seed, got {type(seed).__name__}")
        self.calls: SharedVariable = shared(np.int64(0), name="calls")
        self._base = fold_in(key(int(seed)), self.calls)
        self._keys = 0

    def key(self) -> Expr:
        """A key that nobody else has."""
        self._keys += 1
        return fold_in(self._base, asarray(self._keys - 1))

    def updates(self) -> dict[SharedVariable, Any]:
        """What moves the stream on, for `function(..., updates=...)`."""
        return {self.calls: self.calls + 1}  # type: ignore[operator]


def stream(seed: int) -> Stream:
    """A stream of keys; see `Stream`."""
    return Stream(seed)

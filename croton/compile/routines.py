"""Library routines that programs call by name: NumPy code that fills the last of the arrays it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from croton.util.errors import NotSupportedError

Routine = Callable[..., None]


def _argsort(params: Any) -> Routine:
    def run(values: np.ndarray, out: np.ndarray) -> None:
        axis = values.ndim - 1 if params is None else params
        out[...] = np.argsort(values, axis=axis, kind="stable")

    return run


ROUTINES: dict[str, Callable[[Any], Routine]] = {"argsort": _argsort}


def routine(name: Any, params: Any) -> Routine:
    """The code of a routine: one of ours by name, or the user's own callable."""
    if callable(name):
        return name
    if name not in ROUTINES:
        raise NotSupportedError(f"not supported: the routine {name!r}; the routines are {', '.join(ROUTINES)}")
    return ROUTINES[name](params)

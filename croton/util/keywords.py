"""Keywords of NumPy, JAX and PyTorch for arguments that have another name here."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from croton.util.errors import KindError

F = TypeVar("F", bound=Callable[..., Any])


def also_named(**others: str) -> Callable[[F], F]:
    """A function that takes arguments by these other names too, each with the name that it has here. They mean the same and are in no signature."""

    def decorated(function: F) -> F:
        name = getattr(function, "__name__", "")

        @functools.wraps(function)
        def called(*args: Any, **options: Any) -> Any:
            if options:
                for other, own in others.items():
                    if other in options:
                        if own in options:
                            raise KindError(f"{name}: {other} is another name of {own}; give one of the two")
                        options[own] = options.pop(other)
            return function(*args, **options)

        return called  # type: ignore[return-value]

    return decorated


def not_taken(**instead: str) -> Callable[[F], F]:
    """A function that says what to write instead of arguments that it does not have, by the names that they have elsewhere."""

    def decorated(function: F) -> F:
        name = getattr(function, "__name__", "")

        @functools.wraps(function)
        def called(*args: Any, **options: Any) -> Any:
            for other in options:
                if other in instead:
                    raise KindError(f"{name} has no argument {other}; {instead[other]}")
            return function(*args, **options)

        return called  # type: ignore[return-value]

    return decorated


along_axes = not_taken(dim="it is named axis, as in NumPy", keepdim="it is named keepdims, as in NumPy")
"""For functions along axes, which are dimensions in PyTorch."""

"""Parts of programs that are written by hand."""

from __future__ import annotations

from croton.runtime.program import Constant


def constants(*values: int) -> tuple[Constant, ...]:
    """The first entries of `S` as these numbers."""
    return tuple([Constant(place, value) for place, value in enumerate(values)])

"""Work that few arguments need, skipped when no lane needs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from croton.codegen.builder import Builder
from croton.codegen.flow import Carried, region


def where_any(b: Builder, mask: str, slow: Callable[[], list[str]], fast: Sequence[str], types: Sequence[str]) -> list[str]:
    """`slow()` where any lane of the mask is set, else the values `fast`; `types` are their LLVM types. Opens basic blocks."""
    any_lane = mask
    if b.lanes > 1:
        integer = f"i{b.lanes}"
        any_lane = b.emit(f"icmp ne {integer} {b.emit(f'bitcast {b.mask} {mask} to {integer}')}, 0")
    return region(b.sink, any_lane, slow, [Carried(kind, value) for kind, value in zip(types, fast)])

"""Work that few arguments need, skipped when no lane needs it. Opens basic blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from croton.codegen.builder import Builder
from croton.codegen.flow import Carried, counted_loop, region


def any_lane(b: Builder, mask: str) -> str:
    """Whether any lane of the mask is set, as an i1."""
    if b.lanes == 1:
        return mask
    integer = f"i{b.lanes}"
    return b.emit(f"icmp ne {integer} {b.emit(f'bitcast {b.mask} {mask} to {integer}')}, 0")


def where_any(b: Builder, mask: str, slow: Callable[[], list[str]], fast: Sequence[str]) -> list[str]:
    """`slow()` where any lane of the mask is set, else the values `fast`, all of the builder's type."""
    return region(b.sink, any_lane(b, mask), slow, [Carried(b.type, value) for value in fast])


def where_lanes(
    b: Builder, mask: str, arguments: Sequence[str], slow: Callable[..., list[str]], fast: Sequence[str], is_float: Sequence[bool]
) -> list[str]:
    """The values `fast`, replaced lane by lane by `slow(scalar builder, a lane of each argument)` where the mask is set.

    For long texts: they are compiled once, for a scalar, and not for several registers at a time. `is_float` tells the values of the builder's
    type from those of its integer type.
    """
    scalar = b.at(b.element, lanes=1)
    vectors = [b.type if kind else b.integer for kind in is_float]
    scalars = [scalar.type if kind else scalar.integer for kind in is_float]

    def lane(i: str, values: list[str]) -> list[str]:
        def replaced() -> list[str]:
            found = slow(scalar, *[b.emit(f"extractelement {b.type} {argument}, i64 {i}") for argument in arguments])
            return [
                b.emit(f"insertelement {vector} {value}, {kind} {new}, i64 {i}")
                for vector, value, kind, new in zip(vectors, values, scalars, found)
            ]

        chosen = b.emit(f"extractelement {b.mask} {mask}, i64 {i}")
        return region(b.sink, chosen, replaced, [Carried(vector, value) for vector, value in zip(vectors, values)])

    carried = [Carried(vector, value) for vector, value in zip(vectors, fast)]
    if b.lanes == 1:
        return region(b.sink, mask, lambda: slow(b, *arguments), carried)
    return region(b.sink, any_lane(b, mask), lambda: counted_loop(b.sink, "0", str(b.lanes), 1, carried, lane), carried)

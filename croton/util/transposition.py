"""The steps in which a square of lines is transposed by exchanging lanes of two lines at a time."""

from __future__ import annotations

from collections.abc import Iterator


def exchanges(count: int) -> Iterator[tuple[int, int, list[int], list[int]]]:
    """For `count` lines of as many lanes, a power of two: (line, other, lanes, lanes of the other) in order.

    Blocks change places, then blocks within blocks. After a step the line is made of the first lanes, the other of the second ones; of both lines as they were,
    lanes 0 to count - 1 are the line's and those from count on the other's.
    """
    distance = count // 2
    while distance:
        kept = [count + lane - distance if lane & distance else lane for lane in range(count)]
        given = [count + lane if lane & distance else lane + distance for lane in range(count)]
        for line in range(count):
            if not line & distance:
                yield line, line + distance, kept, given
        distance //= 2


def numbers(lanes: list[int]) -> str:
    """The lanes as the elements of a mask of LLVM's `shufflevector`."""
    return ", ".join(f"i32 {lane}" for lane in lanes)

"""The first words of a program's stream: what the native interpreter wants to know before it begins."""

from __future__ import annotations

from typing import NamedTuple


class Header(NamedTuple):
    """The arena's address; the numbers of inputs, sizes, pointers, objects, and arrays that a call lends at most; from which sizes on work is shared out.

    The GIL is released where S[work] is at least `release_work`; with `work` -1 it never is.
    """

    arena: int
    inputs: int
    sizes: int
    pointers: int
    objects: int
    views: int
    work: int
    release_work: int
    flushes: int
    parallel_work: int
    parallel_flops: int


HEADER_WORDS = len(Header._fields)
PLACE = {name: number for number, name in enumerate(Header._fields)}

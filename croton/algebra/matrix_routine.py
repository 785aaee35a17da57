"""What the scheduler has to know of a routine on matrices that is machine code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from croton.sizes import Size
from croton.util.matrix_routines import MATRIX_ROUTINES, MatrixMeaning

Shapes = Sequence[tuple[Size, ...]]


def _nothing(shapes: Shapes, made: Sequence[bool]) -> Size:
    return 0


class MatrixRoutine(NamedTuple):
    """What the scheduler has to know of a routine besides its meaning.

    name       as in `util/matrix_routines.py`, which says what it gives
    flops      operations for one matrix each, by the shapes of arguments and results, and options
    memory     elements of working memory for one matrix each, by these shapes and which results are made
    item       bytes of such an element; 0 for those of an element of the first argument
    in_place   arguments that are read where they lie: elements next to each other along rows or along columns
    turned     results that lie in columns
    optional   groups of results that are left out, and not computed, where nobody wants one of the group
    failure    what is said where a matrix has no answer, with {} for which of the stack it is; "" if every matrix has one
    """

    name: str
    flops: Callable[[Shapes, tuple[bool, ...]], Size]
    memory: Callable[[Shapes, Sequence[bool]], Size] = _nothing
    in_place: tuple[int, ...] = ()
    turned: tuple[int, ...] = ()
    optional: tuple[tuple[int, ...], ...] = ()
    failure: str = ""
    item: int = 0

    @property
    def meaning(self) -> MatrixMeaning:
        """What it gives."""
        return MATRIX_ROUTINES[self.name]

"""Calls of routines of linear algebra: one matrix each in, one each out, and whatever is around them a stack.

What a routine is called on is all that its node knows of stacks: the axes of arguments and results in front of those of a matrix are labels, and what an
argument does not depend on it does not have.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from croton.algebra.call import Routine
from croton.algebra.matrix_routine import MatrixRoutine


class MatrixCall(NamedTuple):
    """A routine with options, on stacks: with `around` axes in front of the results, of which `mapped` says for each argument which it has, in front.

    Two calls are equal if these are.
    """

    name: str
    options: tuple[bool, ...]
    around: int
    mapped: tuple[tuple[int, ...], ...]

    def routine(self, record: MatrixRoutine) -> Routine:
        """What a node calls."""

        def run(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
            lifted = []
            for array, axes in zip(arrays, self.mapped):
                front = array.transpose(*np.argsort(axes), *range(len(axes), array.ndim))
                lifted.append(np.expand_dims(front, tuple([axis for axis in range(self.around) if axis not in axes])))
            extents = np.broadcast_shapes(*[array.shape[: self.around] for array in lifted])
            found = record.meaning.function(*lifted, *self.options)
            return tuple([np.broadcast_to(value, (*extents, *value.shape[self.around :])) for value in found])

        def lift(count: int, mapped: tuple[tuple[int, ...], ...]) -> Routine:
            every = tuple([(*new, *[count + i for i in old]) for new, old in zip(mapped, self.mapped)])
            return self._replace(around=self.around + count, mapped=every).routine(record)

        return Routine(self.name, run, None, self, lift, self.around, record)

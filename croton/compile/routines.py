"""Library routines that programs call: whole arrays in, and the last of the arrays given is filled with the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from croton.algebra.call import Routine
from croton.schedule.routine import argsort_routine
from croton.util.errors import ShapeError

Code = Callable[..., None]


class Placement(NamedTuple):
    """How a routine sees the memory that it is given.

    place   which of its results is wanted
    inputs  for each argument the transposition that puts its axes in order, and where axes of size 1 go in after that
    order   the axes of the result from the outermost to the contiguous one
    """

    place: int
    inputs: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    order: tuple[int, ...]


LIBRARY: dict[str, Callable[..., Routine]] = {"argsort": argsort_routine}
"""Routines that another process can make again from their name and what tells them apart, so that programs with them are kept on disk."""


def named(routine: Routine, placement: Placement) -> tuple[Any, Any]:
    """A routine and its placement as a program keeps them: by name where it can."""
    if routine.name in LIBRARY and LIBRARY[routine.name](routine.identity[1]) == routine:
        return (routine.name, routine.identity[1]), placement
    return routine, placement


def routine(kept: Any, placement: Placement) -> Code:
    """The code of a routine that a program keeps."""
    found = kept if isinstance(kept, Routine) else LIBRARY[kept[0]](kept[1])
    place, inputs, order = placement

    def run(*arrays: np.ndarray) -> None:
        *given, out = arrays
        arguments = [np.expand_dims(array.transpose(axes), ones) for array, (axes, ones) in zip(given, inputs)]
        result = found.numpy(*arguments)
        value = np.asarray(result[place] if isinstance(result, tuple) else result)
        shape = [0] * len(order)
        for extent, axis in zip(out.shape, order):
            shape[axis] = extent
        if not out.size:
            return
        if [extent for extent in value.shape if extent != 1] != [extent for extent in shape if extent != 1]:
            raise ShapeError(f"the routine {found} gave an array of shape {value.shape} where it should have given {tuple(shape)}")
        out[...] = value.reshape(shape).transpose(order)

    return run

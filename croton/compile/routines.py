"""Routines of the user's own that programs call: whole arrays in, and the last of the arrays given is filled with the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from croton.algebra.call import Routine
from croton.compile.fingerprint import Function
from croton.dtypes import DType
from croton.sizes import Size
from croton.transforms.routine import Foreign, Run
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


class Called(NamedTuple):
    """A routine of the user's own: which function it is of those that the graph calls, how it prints, what it gives, the axes around it,
    and whether it takes those at once."""

    number: int
    name: str
    results: tuple[tuple[DType, tuple[Size, ...]], ...]
    around: int
    mapped: tuple[tuple[int, ...], ...]
    batched: bool

    def routine(self, foreign: Sequence[Function]) -> Routine:
        return Run(Foreign(foreign[self.number], self.name, self.results, self.batched), self.around, self.mapped).routine()


def kept(routine: Routine, foreign: list[Function]) -> Called:
    """A routine as a program keeps it, with nothing of the user's: a function of his is a number in the list, and put there if it is not in it."""
    run = routine.identity[1]
    assert isinstance(run, Run), "what else is called is machine code"
    if run.foreign.function not in foreign:
        foreign.append(run.foreign.function)
    number = foreign.index(run.foreign.function)
    return Called(number, run.foreign.name, run.foreign.results, run.around, run.mapped, run.foreign.batched)


def code(found: Routine, placement: Placement) -> Code:
    """The code of a routine, for the memory of a program."""
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

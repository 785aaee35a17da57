"""One call of a program in Python: the tables S and P, and what keeps the memory behind P alive."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from croton.dtypes import dtype
from croton.runtime.status import REASONS, Refused, Status

ALIGNMENT = 64
"""The offsets of slots are multiples of it."""


def refused(reason: str, place: int = 0, detail: int = 0, value: int = 0) -> Refused:
    """What to raise where a call cannot go on."""
    return Refused(Status(REASONS.index(reason), place, detail, value))


class _Memory:
    """What lets NumPy make an array over an address."""

    __slots__ = ("__array_interface__",)

    def __init__(self, address: int, name: str, shape: Sequence[int], strides: Sequence[int] | None) -> None:
        element = dtype(name).numpy
        self.__array_interface__ = {
            "data": (address, False),
            "shape": tuple(shape),
            "strides": None if strides is None else tuple(stride * element.itemsize for stride in strides),
            "typestr": element.str,
            "version": 3,
        }


class Run:
    """The tables are arrays that kernels take as they are; entries of P are set in turn by `own` and `point_next`."""

    def __init__(
        self,
        sizes: int,
        pointers: int,
        kernels: Sequence[int],
        routines: Sequence[Callable[..., object]],
        call: Callable[[Run, Any], None],
    ) -> None:
        self.S = (ctypes.c_int64 * sizes)()
        self.P = (ctypes.c_uint64 * pointers)()
        self.kernels, self.routines = kernels, routines
        self.held: list[np.ndarray] = []
        self._pointers = 0
        self._call = call

    def point_next(self, address: int) -> None:
        """Set the next entry of P."""
        self.P[self._pointers] = address
        self._pointers += 1

    def own(self, array: np.ndarray) -> None:
        """The next entry of P is this array's memory."""
        self.held.append(array)
        self.point_next(array.ctypes.data)

    def shape(self, sizes: Iterable[int]) -> tuple[int, ...]:
        return tuple([self.S[size] for size in sizes])

    def view(self, pointer: int, name: str, shape: Sequence[int], strides: Sequence[int] | None = None) -> np.ndarray:
        """An array over the memory at an entry of P; strides are in elements."""
        if 0 in shape:
            return np.empty(shape, dtype(name).numpy)
        return np.asarray(_Memory(self.P[pointer], name, shape, strides))

    def move(self, target: int, source: int, size: int) -> None:
        """Copy S[size] bytes from one address to another."""
        ctypes.memmove(target, source, self.S[size])

    def calls(self, calls: Iterable[Any]) -> None:
        for call in calls:
            self._call(self, call)

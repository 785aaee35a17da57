"""A Program made callable: `load` gives the function object, `choose` one for several programs, `call_native` calls it without its fallback."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from croton.runtime import callable as callable_
from croton.runtime import layout
from croton.runtime.check import check
from croton.runtime.choice import Choice
from croton.runtime.header import HEADER_WORDS
from croton.runtime.native import native, own, selecting
from croton.runtime.portable import PortableChoice, PortableFunction
from croton.runtime.program import Program
from croton.runtime.status import Refused, Status
from croton.runtime.stream import Limits, encode
from croton.util.config import config

_free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(("free", ctypes.CDLL(None)))


class _Loaded:
    """What a function object's stream points to, and the arena that the stream holds."""

    __slots__ = ("_keep", "stream")

    def __init__(self, stream: np.ndarray, keep: tuple[Any, ...]) -> None:
        self.stream = stream
        self._keep = keep

    def release_arena(self) -> None:
        """Give the arena back to the system; the next call takes a new one."""
        arena = int(self.stream[0])
        self.stream[0] = 0
        _free(arena)

    def arena_bytes(self) -> int:
        """The memory that the arena has now, 0 without one."""
        arena = int(self.stream[0])
        # It begins with its capacity.
        return ctypes.c_int64.from_address(arena).value if arena else 0

    def __del__(self) -> None:
        self.release_arena()


def _refuse(status: tuple[int, int, int, int], *arguments: object, **keywords: object) -> None:
    raise Refused(Status(*status))


def function_type() -> type:
    """The type of the functions that `load` gives. Methods can be attached to it: `function_type().explain = ...`."""
    return callable_.function_type() if layout.WHY_NOT is None else PortableFunction


def load(
    program: Program,
    kernels: Sequence[int] = (),
    cells: Sequence[list[np.ndarray]] = (),
    routines: Sequence[Callable[..., object]] = (),
    fallback: Callable[..., Any] | None = None,
    keep: Sequence[object] = (),
    limits: Limits = Limits(),  # noqa: B008 - immutable
) -> Any:
    """The function of a program.

    `kernels` are addresses, `cells` the lists that hold the shared variables' arrays, `routines` the Python code that the program
    calls, `keep` what else has to live as long as the function (loaded `Code`). Arguments that are not exactly as the program wants
    them go to `fallback(status, *arguments, **keywords)`, where `Status(*status)` says why; without one, `Refused` is raised.
    """
    if config.check:
        check(program, len(kernels), len(routines))
    if layout.WHY_NOT is not None:
        return PortableFunction(program, kernels, cells, routines, fallback, keep)
    stream = encode(program, kernels, cells, routines, limits, own)
    assert len(stream) >= HEADER_WORDS
    owner = _Loaded(stream, (tuple(cells), tuple(routines), tuple(keep)))
    address = stream.ctypes.data
    function = callable_.make(address, _refuse if fallback is None else fallback, owner)
    function._direct = callable_.make(address, _refuse, owner)
    function._loaded = owner
    native().interpreter.improve()
    return function


class _Chosen:
    """What a function object of several programs points to: its words, and the functions of the programs."""

    __slots__ = ("functions", "stream")

    def __init__(self, functions: tuple[Any, ...], choice: Choice) -> None:
        self.functions = functions
        self.stream = np.array([len(functions), *map(id, functions), *choice.words()], np.int64)

    def release_arena(self) -> None:
        """Give the arenas of all programs back to the system."""
        for function in self.functions:
            release_arena(function)


def choose(functions: Sequence[Any], choice: Choice) -> Any:
    """The function that runs at each call the one of these functions, made by `load`, that the choice picks."""
    if layout.WHY_NOT is not None:
        return PortableChoice(functions, choice)
    owner = _Chosen(tuple(functions), choice)
    function = callable_.make(owner.stream.ctypes.data, _refuse, owner, selecting())
    direct = _Chosen(tuple([each._direct for each in functions]), choice)
    function._direct = callable_.make(direct.stream.ctypes.data, _refuse, direct, selecting())
    function._loaded = owner
    return function


def call_native(function: Any, arrays: Sequence[np.ndarray]) -> Any:
    """Call a function's native path with arrays, never its fallback. Raises Refused, whose `status` says why, if they do not fit."""
    return function._direct(*arrays)


def release_arena(function: Any) -> None:
    """Give the memory for intermediate values, which a function keeps between calls, back to the system."""
    function._loaded.release_arena()


def arena_bytes(function: Any) -> int:
    """The memory for intermediate values that a function keeps between calls: what its greatest call since they were released has taken."""
    return function._loaded.arena_bytes()

"""The slow path of a function: arguments that are not exactly arrays of the wanted kind, names, defaults, nested results, checks, errors that teach.

What a call does natively is decided by the runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from croton.compile.convert import arguments
from croton.compile.executable import Executable
from croton.compile.finite import CheckedProgram
from croton.compile.profile import Profile, profile
from croton.compile.refusal import Refusal
from croton.compile.signature import Signature
from croton.expr.expr import Expr
from croton.runtime.function import call_native
from croton.runtime.status import Refused, Status
from croton.transforms.counts import Stage
from croton.util.structure import Single, Structure, unflatten


class SlowFunction:
    """A function whose every call passes through Python: its results are nested, or its values are checked."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(*args, **kwargs)


class Caller:
    """The slow path of one function, or of one stage of a function.

    structure   how results are nested
    roots       what the program computes
    checked     the program that is called instead where results are checked to be finite
    donated     the positions of inputs whose memory results may take
    stage       which of several programs it is, where sizes are counted in the call
    """

    def __init__(
        self,
        name: str,
        signature: Signature,
        structure: Structure,
        program: Executable,
        roots: Sequence[Expr],
        checked: CheckedProgram | None = None,
        donated: Sequence[int] = (),
        stage: Stage | None = None,
    ) -> None:
        self.name = name
        self.signature = signature
        self.structure = structure
        self.executable = program
        self.roots = roots
        self.checked = checked
        self.donated = donated
        self.stage = stage

    def made(self) -> Any:
        """The function object: the native one, which comes here for what it refuses, if nothing else is to be done in each call."""
        direct = _flat(self.structure) and self.checked is None
        self.native = self.executable.load(fallback=self.fallback if direct else None)
        return self.native if direct else SlowFunction(self.call)

    def fallback(self, status: tuple[int, int, int, int], *args: Any, **kwargs: Any) -> Any:
        return self.call(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """A call with whatever the user gave."""
        return self.run(arguments(self.signature, args, kwargs))

    def run(self, arrays: list[np.ndarray]) -> Any:
        """A call with the arrays of all inputs."""
        for place in self.donated:
            arrays[place] = self._given_away(place, arrays)
        try:
            result = call_native(self.native, arrays) if self.checked is None else self.checked.call(arrays)
        except Refused as refused:
            raise self._error(refused.status, arrays) from None
        return result if _flat(self.structure) else unflatten(self.structure, result)

    def profile(self, args: tuple, kwargs: dict[str, Any], repeat: int) -> Profile:
        """The profile of a call with whatever the user gave."""
        return self.profile_of(arguments(self.signature, args, kwargs), repeat)

    def profile_of(self, arrays: list[np.ndarray], repeat: int) -> Profile:
        """The profile of a call with the arrays of all inputs."""
        try:
            return profile(self.name, self.executable, [np.array(array) if i in self.donated else array for i, array in enumerate(arrays)], repeat)
        except Refused as refused:
            raise self._error(refused.status, arrays) from None

    def _given_away(self, place: int, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """A donated array, or a copy where writing to it would change another array that the call reads, or cannot be."""
        array = arrays[place]
        others = [*arrays[:place], *arrays[place + 1 :], *[cell[0] for cell in self.executable.cells]]
        # A call that is checked may have to be retraced from its arguments.
        if self.checked is not None or not array.flags.writeable or any(np.may_share_memory(array, other) for other in others):
            return array.copy()
        return array

    def _error(self, status: Status, arrays: Sequence[np.ndarray]) -> Exception:
        return Refusal(status, arrays, self.executable, self.signature, self.roots, self.stage).error()


def native_structure(structure: Structure) -> str:
    """How the native call gives results that are nested so, one of STRUCTURES."""
    if structure is Single.LEAF:
        return "one"
    if structure is Single.EMPTY:
        return "none"
    return "list" if _flat(structure) and structure.cls is list else "tuple"  # type: ignore[union-attr]


def _flat(structure: Structure) -> bool:
    """Whether results come straight from the native call: one array, or a list or tuple of arrays."""
    if isinstance(structure, Single):
        return True
    plain = getattr(structure, "cls", None) in (list, tuple)
    return plain and all(item is Single.LEAF for item in structure.items)

"""What a compiled function does when it is called, as plain data: what the disk cache stores and `stream` encodes for the
native interpreter. The calls are records of the kinds in `calls/`.

A call works on two tables. `S` holds integers: constants, the sizes that arguments bind, and the results of size operations.
`P` holds the addresses of memory, in this order: inputs, shared variables, slots of the arena, outputs, updates, views.
Everything below refers to entries of these tables by index.
"""

from __future__ import annotations

from typing import NamedTuple


class Array(NamedTuple):
    """An array argument: its dtype's name and the index in `S` of each of its sizes.

    An index that is neither a constant nor met before (in the order inputs, then shared variables) is bound by the array; any other must
    equal the array's size. `written` says that calls change the array in place, as that of a shared variable.
    """

    dtype: str
    sizes: tuple[int, ...]
    written: bool = False


class Shared(NamedTuple):
    """A shared variable: a list of one array, given to `load`. `written` says that calls change the array in place.

    Whatever changes it in place has to come after every `Check` and `Routine`, so that an error leaves it untouched.
    """

    dtype: str
    sizes: tuple[int, ...]
    written: bool = False


class SizeOperation(NamedTuple):
    """S[target] = function(S[left], S[right]), one of SIZE_FUNCTIONS; quotients and remainders are Python's."""

    function: str
    target: int
    left: int
    right: int


SIZE_FUNCTIONS = ("add", "subtract", "multiply", "floor_divide", "modulo", "maximum", "minimum")


class SizeCheck(NamedTuple):
    """S[left] must be `relation` S[right], one of SIZE_RELATIONS; else the call is refused with `error`."""

    relation: str
    left: int
    right: int
    error: int


SIZE_RELATIONS = ("equal", "at_least")


class Output(NamedTuple):
    """What a call returns at one place: a fresh array ("new"), or the very object of an input or a shared variable ("input", "shared").

    The entry of `P` is the array's memory in every case. `source` counts inputs or shared variables.
    """

    kind: str
    dtype: str = ""
    sizes: tuple[int, ...] = ()
    source: int = 0


OUTPUT_KINDS = ("new", "input", "shared")


class Update(NamedTuple):
    """A fresh array that is stored into a shared variable when the call has come to its end without an error."""

    shared: int
    dtype: str
    sizes: tuple[int, ...]


class Constant(NamedTuple):
    """S[place] is this number in every call."""

    place: int
    value: int


class View(NamedTuple):
    """An address inside other memory: P[base] + S[offset] bytes. The base is an earlier entry of `P`."""

    base: int
    offset: int


class Program(NamedTuple):
    """A compiled function without its kernels' addresses, shared arrays and routines, which `load` takes.

    S[arena] is the size of the arena in bytes; `slots` lists for each slot the entry of `S` with its offset there, a multiple of
    64. The GIL is released during the calls if S[work] is large and there is neither an update nor a shared variable that is
    written. `flush_subnormals` makes the calls take numbers below the smallest normal one for 0.

    Inputs that are written may share memory with no other argument: where there are some, `extents` has for each argument, inputs and then shared variables,
    the entry of `S` with its number of bytes.
    """

    inputs: tuple[Array, ...]
    outputs: tuple[Output, ...]
    calls: tuple[tuple, ...]
    constants: tuple[Constant, ...] = ()
    sizes: int = 0
    shared: tuple[Shared, ...] = ()
    size_operations: tuple[SizeOperation, ...] = ()
    size_checks: tuple[SizeCheck, ...] = ()
    slots: tuple[int, ...] = ()
    arena: int = -1
    updates: tuple[Update, ...] = ()
    views: tuple[View, ...] = ()
    extents: tuple[int, ...] = ()
    structure: str = "one"
    work: int = -1
    flush_subnormals: bool = False

    @property
    def donated(self) -> tuple[int, ...]:
        """The positions of inputs that are written."""
        return tuple([place for place, array in enumerate(self.inputs) if array.written])

    def pointer(self, kind: str, index: int) -> int:
        """The index in `P` of an entry: pointer("slot", 2)."""
        start = 0
        for name, entries in zip(POINTER_KINDS, (self.inputs, self.shared, self.slots, self.outputs, self.updates, self.views)):
            if name == kind:
                return start + index
            start += len(entries)
        raise ValueError(f"one of {', '.join(POINTER_KINDS)} is wanted, got {kind!r}")


POINTER_KINDS = ("input", "shared", "slot", "output", "update", "view")
STRUCTURES = ("one", "tuple", "list", "none")

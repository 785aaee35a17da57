"""What a field of a call says: how it is checked, its word in the stream, and what the native interpreter finds by that word.

A call's fields are annotated with the types below. Nothing else has to be written for them, wherever they occur.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

from croton.dtypes import dtype
from croton.runtime.calls.scope import Scope
from croton.runtime.frame import Frame
from croton.runtime.product import PLAIN


class Links(NamedTuple):
    """What a program's calls refer to outside of it.

    own     the address of a routine of the runtime's that not every process has loaded, by its name
    encode  the words of a call inside of another
    """

    kernels: Sequence[int]
    routines: Sequence[Any]
    own: Callable[[str], int]
    encode: Callable[[Any], list[int]]


class Role(NamedTuple):
    """One kind of field. `read` makes of the field's word what `Record[...]` gives."""

    check: Callable[[Scope, Any], None]
    word: Callable[[Links, Any], int]
    read: Callable[[Frame, str], str]


def _anything(scope: Scope, value: Any) -> None:
    """Any number is right."""


def _same(links: Links, value: Any) -> int:
    return int(value)


def _word(frame: Frame, word: str) -> str:
    return word


def _of_sizes(frame: Frame, word: str) -> str:
    return frame.a.load(frame.S, word)


def _of_pointers(frame: Frame, word: str) -> str:
    return frame.a.load(frame.P, word, "ptr")


def _at_least_one(frame: Frame, word: str) -> str:
    return frame.a.larger(_of_sizes(frame, word), 1)


def _bits(links: Links, value: float) -> int:
    return struct.unpack("<q", struct.pack("<d", value))[0]


def _transposed(links: Links, value: bool) -> int:
    return PLAIN + value


def descriptor(name: str) -> int:
    """The address of NumPy's dtype of this name."""
    return id(dtype(name).numpy)


def _kernel(links: Links, value: int) -> int:
    return links.kernels[value]


def _routine(links: Links, value: int) -> int:
    return id(links.routines[value])


def _own(links: Links, value: str) -> int:
    return links.own(value) if value else 0


def _width(links: Links, value: str) -> int:
    return dtype(value).itemsize


def _one_of(what: str, *names: str) -> Role:
    """The position of a dtype among those that a kind of call takes."""

    def word(links: Links, value: str) -> int:
        if value not in names:
            raise ValueError(f"not supported: {what} of {value}; the dtypes are {' and '.join(names)}")
        return names.index(value)

    return Role(_anything, word, _word)


# entries of S and P; of a "maybe", -1 is none, and what is read is the entry's number
Size = Annotated[int, Role(Scope.size, _same, _of_sizes)]
MaybeSize = Annotated[int, Role(Scope.maybe_size, _same, _word)]
Pointer = Annotated[int, Role(Scope.pointer, _same, _of_pointers)]
MaybePointer = Annotated[int, Role(Scope.maybe_pointer, _same, _word)]
# an address that a loop moves; an entry of S that a loop counts in, one that its calls read as a size, two next to each other, and one of a loop around
Moving = Annotated[int, Role(Scope.view, _same, _word)]
Counter = Annotated[int, Role(Scope.counter, _same, _word)]
Made = Annotated[int, Role(Scope.made, _same, _word)]
Counters = Annotated[int, Role(Scope.counters, _same, _word)]
Counted = Annotated[int, Role(Scope.counted, _same, _word)]
# the distance of rows or elements; the library wants it positive even where there are none
Distance = Annotated[int, Role(Scope.size, _same, _at_least_one)]
# what is in the call itself
Number = Annotated[int, Role(_anything, _same, _word)]
Flag = Annotated[bool, Role(_anything, _same, _word)]
Real = Annotated[float, Role(_anything, _bits, _word)]
Transposed = Annotated[bool, Role(_anything, _transposed, _word)]
DTypeName = Annotated[str, Role(Scope.dtype, lambda links, value: descriptor(value), _word)]
# its word is the bytes of an element
DTypeWidth = Annotated[str, Role(Scope.dtype, _width, _word)]
RealName = Annotated[str, _one_of("a library product", "float32", "float64")]
IndexName = Annotated[str, _one_of("a check", "int32", "int64")]
# what is outside of the program
KernelNumber = Annotated[int, Role(Scope.kernel, _kernel, _word)]
RoutineNumber = Annotated[int, Role(Scope.routine, _routine, _word)]
OwnRoutine = Annotated[str, Role(_anything, _own, _word)]

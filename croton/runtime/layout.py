"""Where CPython and NumPy keep things in memory: what machine code must know to read an array without calling anyone.

The offsets are NumPy's public C structures. They are compared with NumPy's own answers at import; if one differs, or the interpreter is one
that the native call does not serve, `WHY_NOT` says so and functions are called through the portable interpreter instead.
"""

from __future__ import annotations

import ctypes
import sys

import numpy as np
import numpy._core._multiarray_umath as _umath

HEADER = object.__basicsize__
"""Bytes of an object's reference count and type."""

WORD = ctypes.sizeof(ctypes.c_void_p)

TYPE = HEADER - WORD
DATA = HEADER
RANK = HEADER + 8
DIMENSIONS = HEADER + 16
STRIDES = HEADER + 24
BASE = HEADER + 32
DESCRIPTOR = HEADER + 40
FLAGS = HEADER + 48

C_CONTIGUOUS, ALIGNED, WRITEABLE = 0x1, 0x100, 0x400
MAXIMUM_RANK = 32
"""The rank that every supported NumPy allows."""

_ABI_SLOT, _ARRAY_TYPE_SLOT, _NEW_FROM_DESCRIPTOR_SLOT, _SET_HANDLER_SLOT, _DEFAULT_HANDLER_SLOT = 0, 2, 94, 304, 306
_KNOWN_ABI = 0x02000000

_api = ctypes.pythonapi


def python_function(name: str) -> int:
    """The address of a function of CPython's C API; AttributeError if this interpreter has none of that name."""
    return ctypes.cast(getattr(_api, name), ctypes.c_void_p).value or 0


def _array_api() -> ctypes.Array[ctypes.c_void_p]:
    get_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", _api))
    return ctypes.cast(get_pointer(_umath._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p))  # type: ignore[return-value]


def _read(address: int, kind: type) -> int:
    return kind.from_address(address).value or 0  # type: ignore[attr-defined]


def _difference() -> str | None:
    """The first fact that does not hold here, or None. Cheap facts that make the later reads safe come first."""
    if sys.implementation.name != "cpython":
        return f"the interpreter is {sys.implementation.name}, not CPython"
    if "t" in getattr(sys, "abiflags", ""):
        return "this CPython is built without the GIL"
    if WORD != 8 or sys.byteorder != "little":
        return "the machine is not a 64-bit little-endian one"
    if not sys.platform.startswith(("linux", "darwin")):
        return f"the platform is {sys.platform}"
    table = _array_api()
    abi = ctypes.PYFUNCTYPE(ctypes.c_uint)(table[_ABI_SLOT])()  # type: ignore[arg-type]
    if abi != _KNOWN_ABI:
        return f"NumPy's ABI version {abi:#x} is not known"
    if table[_ARRAY_TYPE_SLOT] != id(np.ndarray):
        return "NumPy's C API table has no ndarray where it is expected"
    array = np.arange(6, dtype=np.float64).reshape(2, 3)[:, ::2]
    at = id(array)
    dimensions, strides = _read(at + DIMENSIONS, ctypes.c_void_p), _read(at + STRIDES, ctypes.c_void_p)
    facts = (
        ("type", _read(at + TYPE, ctypes.c_void_p) == id(np.ndarray)),
        ("data", _read(at + DATA, ctypes.c_void_p) == array.ctypes.data),
        ("rank", _read(at + RANK, ctypes.c_int) == array.ndim),
        ("base", _read(at + BASE, ctypes.c_void_p) == id(array.base)),
        ("descriptor", _read(at + DESCRIPTOR, ctypes.c_void_p) == id(array.dtype) == id(np.dtype(np.float64))),
        ("flags", _read(at + FLAGS, ctypes.c_int) == array.flags.num),  # the whole word: three bits of any other field may agree by chance
    )
    for name, holds in facts:
        if not holds:
            return f"the {name} of an array is not where it is expected"
    if [_read(dimensions + 8 * axis, ctypes.c_int64) for axis in range(2)] != list(array.shape):
        return "the sizes of an array are not where they are expected"
    if [_read(strides + 8 * axis, ctypes.c_int64) for axis in range(2)] != list(array.strides):
        return "the strides of an array are not where they are expected"
    return None


def _array_addresses() -> list[int]:
    slots = (_ARRAY_TYPE_SLOT, _NEW_FROM_DESCRIPTOR_SLOT, _SET_HANDLER_SLOT, _DEFAULT_HANDLER_SLOT)
    if WHY_NOT is not None:
        return [0 for _ in slots]
    table = _array_api()
    return [table[slot] or 0 for slot in slots]


WHY_NOT: str | None = _difference()
"""Why machine code cannot be called as a Python function here, or None when it can."""

ARRAY_TYPE, NEW_FROM_DESCRIPTOR, SET_HANDLER, DEFAULT_HANDLER = _array_addresses()
"""Addresses of NumPy's array type, of PyArray_NewFromDescr and PyDataMem_SetHandler, and of the pointer to the allocator of arrays that NumPy begins with."""

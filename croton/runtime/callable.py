"""Function objects whose call is machine code: a heap type made from Python, with attributes, weak references and garbage collection.

A builtin function costs the same to call but can carry no attributes; a Python class with `__call__` costs twice as much.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from croton.runtime import layout
from croton.runtime.frame import FALLBACK_WORD, OWNER_WORD, STREAM_WORD
from croton.runtime.native import native
from croton.runtime.once import once
from croton.runtime.slots import DICTIONARY_WORD, VECTORCALL_WORD, WEAK_WORD, WORDS
from croton.util.errors import KindError

_TP_CALL, _TP_CLEAR, _TP_DEALLOC, _TP_NEW, _TP_TRAVERSE, _TP_MEMBERS = 50, 51, 52, 65, 71, 72
_HAVE_GC, _HAVE_VECTORCALL, _DEFAULT = 1 << 14, 1 << 11, 1 << 18
_SIZE_MEMBER, _READ_ONLY = 19, 1


class _Member(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("offset", ctypes.c_ssize_t),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


class _Slot(ctypes.Structure):
    _fields_ = [("slot", ctypes.c_int), ("function", ctypes.c_void_p)]


class _Spec(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("basicsize", ctypes.c_int),
        ("itemsize", ctypes.c_int),
        ("flags", ctypes.c_uint),
        ("slots", ctypes.c_void_p),
    ]


_members = (_Member * 4)(
    _Member(b"__vectorcalloffset__", _SIZE_MEMBER, layout.HEADER + VECTORCALL_WORD * layout.WORD, _READ_ONLY, None),
    _Member(b"__dictoffset__", _SIZE_MEMBER, layout.HEADER + DICTIONARY_WORD * layout.WORD, _READ_ONLY, None),
    _Member(b"__weaklistoffset__", _SIZE_MEMBER, layout.HEADER + WEAK_WORD * layout.WORD, _READ_ONLY, None),
    _Member(),
)
_kept: list[Any] = []
"""What CPython keeps pointers to as long as the type lives."""


def _same(function: Any, memory: object = None) -> Any:
    return function


def _refuse_to_pickle(function: Any, protocol: int) -> None:
    raise KindError(
        "a compiled function holds machine code and cannot be pickled; pickle the values of its shared variables (get_value) and build it again, "
        "which takes little time where its program is in the cache"
    )


@once
def function_type() -> type:
    """The type of compiled functions. Methods can be attached to it: `function_type().explain = ...`."""
    code = native()
    slots = (_Slot * 7)(
        _Slot(_TP_CALL, layout.python_function("PyVectorcall_Call")),
        _Slot(_TP_MEMBERS, ctypes.addressof(_members)),
        _Slot(_TP_NEW, layout.python_function("PyType_GenericNew")),
        _Slot(_TP_TRAVERSE, code.traverse),
        _Slot(_TP_CLEAR, code.clear),
        _Slot(_TP_DEALLOC, code.deallocate),
        _Slot(0, None),
    )
    flags = _DEFAULT | _HAVE_GC | _HAVE_VECTORCALL
    spec = _Spec(b"croton.Function", layout.HEADER + WORDS * layout.WORD, 0, flags, ctypes.addressof(slots))
    from_spec = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p)(("PyType_FromSpec", ctypes.pythonapi))
    made: Any = from_spec(ctypes.addressof(spec))
    _kept.extend((slots, spec, made))
    made.__copy__ = _same
    made.__deepcopy__ = _same
    made.__reduce_ex__ = _refuse_to_pickle
    return made


def make(stream_address: int, fallback: Callable[..., Any], owner: object, entry: int | None = None) -> Any:
    """A function object that runs a stream, by the native entry or another one. `owner` lives as long as the function: whatever the stream's
    addresses point to."""
    function = function_type()()
    for word, value in ((STREAM_WORD, stream_address), (FALLBACK_WORD, id(fallback)), (OWNER_WORD, id(owner))):
        if word != STREAM_WORD:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(fallback if word == FALLBACK_WORD else owner))
        ctypes.c_void_p.from_address(id(function) + layout.HEADER + word * layout.WORD).value = value
    ctypes.c_void_p.from_address(id(function) + layout.HEADER + VECTORCALL_WORD * layout.WORD).value = native().entry if entry is None else entry
    return function

"""The facts about memory that machine code relies on."""

from __future__ import annotations

import ctypes
import sys
import sysconfig

import numpy as np
import pytest

from croton.runtime import layout


def test_this_interpreter_is_served() -> None:
    if sys.implementation.name == "cpython" and sys.platform == "linux" and not sysconfig.get_config_var("Py_GIL_DISABLED"):
        assert layout.WHY_NOT is None
        assert id(np.ndarray) == layout.ARRAY_TYPE
        assert layout.NEW_FROM_DESCRIPTOR


@pytest.mark.skipif(layout.WHY_NOT is not None, reason=str(layout.WHY_NOT))
def test_fields_of_an_array() -> None:
    array = np.zeros((4, 5), np.int16)
    assert ctypes.c_void_p.from_address(id(array) + layout.DATA).value == array.ctypes.data
    assert ctypes.c_int.from_address(id(array) + layout.RANK).value == 2
    flags = ctypes.c_int.from_address(id(array) + layout.FLAGS).value
    assert flags & layout.C_CONTIGUOUS and flags & layout.ALIGNED and flags & layout.WRITEABLE
    array.flags.writeable = False
    assert not ctypes.c_int.from_address(id(array) + layout.FLAGS).value & layout.WRITEABLE


@pytest.mark.parametrize("name", ["TYPE", "DATA", "RANK", "DIMENSIONS", "STRIDES", "BASE", "DESCRIPTOR", "FLAGS"])
def test_a_wrong_offset_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every offset is swapped for that of another field, which is memory that can be read."""
    other = {"DIMENSIONS": layout.STRIDES, "STRIDES": layout.DIMENSIONS}.get(name, layout.DATA if name != "DATA" else layout.BASE)
    monkeypatch.setattr(layout, name, other)
    difference = layout._difference()
    assert difference is not None and "not where" in difference


def test_other_interpreters_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert layout._difference() == "the platform is win32"


def test_unknown_python_function() -> None:
    with pytest.raises(AttributeError):
        layout.python_function("PyNo_Such_Thing")

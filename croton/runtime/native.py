"""The machine code that every compiled function shares: entry, products, pool and object slots, compiled once and kept in the
object cache."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

from croton.runtime import blas, engine, entry, layout, objectcache, pool, product, select, slots
from croton.runtime.once import once


class Native(NamedTuple):
    """Addresses of the shared machine code."""

    entry: int
    select: int
    traverse: int
    clear: int
    deallocate: int


def text() -> str:
    """All of it as LLVM IR."""
    return "\n".join((entry.text(), select.text(), slots.text(), product.text(), pool.text()))


def _add_symbols() -> None:
    for name in (*entry.PYTHON_FUNCTIONS, *slots.PYTHON_FUNCTIONS):
        engine.add_symbol("croton_" + name, layout.python_function(name))
    for name in product.ROUTINES:
        engine.add_symbol("croton_" + name, blas.address(name))
    engine.add_symbol("croton_array_type", layout.ARRAY_TYPE)
    engine.add_symbol("croton_array_from_descriptor", layout.NEW_FROM_DESCRIPTOR)
    engine.add_symbol("croton_none", id(None))


@once
def native() -> Native:
    """The loaded machine code. Call it only where `layout.WHY_NOT` is None."""
    assert layout.WHY_NOT is None, layout.WHY_NOT
    _add_symbols()
    code = engine.load_object(objectcache.object_code(text(), variables=True))
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(code))  # never unloaded, not even at exit: threads stand in it and objects are freed by it
    pool.install(code.address("croton_threads"), code.address("croton_pool_reset"))
    names = ("croton_entry", "croton_select", "croton_traverse", "croton_clear", "croton_deallocate")
    return Native(*(code.address(name) for name in names))

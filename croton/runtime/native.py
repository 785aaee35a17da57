"""The machine code that compiled functions share, compiled once and kept in the object cache: interpreter, products, pool and object slots, which
every function needs, and what is rarer, which is made when the first function has to do with it."""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import copy_context
from types import ModuleType
from typing import Any, NamedTuple

from croton.runtime import (
    blas,
    engine,
    entry,
    few_columns,
    interpreter,
    large,
    layout,
    narrow,
    objectcache,
    packed,
    pool,
    product,
    select,
    slots,
    symmetric,
)
from croton.runtime.matrices import table as matrices
from croton.runtime.once import once


class Native(NamedTuple):
    """Addresses of the shared machine code, and what runs behind `entry`."""

    entry: int
    traverse: int
    clear: int
    deallocate: int
    interpreter: interpreter.Interpreter


def text() -> str:
    """What every function needs beside the interpreter, as LLVM IR."""
    return "\n".join((interpreter.ENTRY, slots.text(), pool.text(), large.text()))


@once
def _symbols() -> None:
    """Code that is loaded may refer to what Python, NumPy and the library have."""
    for name in (*entry.PYTHON_FUNCTIONS, *slots.PYTHON_FUNCTIONS, *large.PYTHON_FUNCTIONS):
        engine.add_symbol("croton_" + name, layout.python_function(name))
    for name in product.ROUTINES:
        engine.add_symbol("croton_" + name, blas.address(name))
    engine.add_symbol("croton_array_type", layout.ARRAY_TYPE)
    engine.add_symbol("croton_array_from_descriptor", layout.NEW_FROM_DESCRIPTOR)
    engine.add_symbol("croton_set_allocator", layout.SET_HANDLER)
    engine.add_symbol("croton_default_allocator", layout.DEFAULT_HANDLER)
    engine.add_symbol("croton_none", id(None))


def _compiled(text: str) -> engine.Code:
    """The loaded code of what may call what every function needs."""
    data = objectcache.object_code(text, variables=True)
    native()
    return _load(data)


def _load(data: bytes) -> engine.Code:
    """Code that is never unloaded, not even at exit: threads stand in it and objects are freed by it."""
    code = engine.load_object(data)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(code))
    return code


@once
def native() -> Native:
    """The loaded machine code. Call it only where `layout.WHY_NOT` is None."""
    assert layout.WHY_NOT is None, layout.WHY_NOT
    _symbols()
    code = _load(objectcache.object_code(text(), variables=True))
    pool.install(code.address("croton_threads"), code.address("croton_pool_reset"))
    for name in ("croton_parallel", "croton_threads", "croton_entry", *large.EXPORTED):
        engine.add_symbol(name, code.address(name))
    running = interpreter.Interpreter(code.address("croton_interpreter"), _load)
    called, traverse, clear, deallocate = (code.address("croton_" + name) for name in ("entry", "traverse", "clear", "deallocate"))
    return Native(called, traverse, clear, deallocate, running)


def native_meanwhile() -> AbstractContextManager[None]:
    """Inside, another thread makes the shared machine code if it is not there: LLVM does not hold Python's lock, and the first program spends as much
    time in Python before it has kernels."""
    if layout.WHY_NOT is None:
        _symbols()  # not there: each of many short calls would give Python's lock away, and get it back from this thread 5 ms later
    return _meanwhile([native])


def own_meanwhile(names: Iterable[str]) -> AbstractContextManager[None]:
    """Inside, other threads make the routines of these names that are not there, which `own` gives the addresses of."""
    return _meanwhile([_OWN[name] for name in sorted(names)])


@contextmanager
def _meanwhile(makers: Sequence[once[Any]]) -> Iterator[None]:
    """Inside, for each of these that has not run a thread runs it. All have come to their end behind it."""
    missing = [] if layout.WHY_NOT is not None else [maker for maker in makers if not maker.is_known()]
    threads = [threading.Thread(target=copy_context().run, args=(_try, maker), name="croton-native") for maker in missing]
    # Where no thread can be started, the code is made when it is wanted.
    with contextlib.suppress(RuntimeError):
        for thread in threads:
            thread.start()
    try:
        yield
    finally:
        for thread in threads:
            if thread.ident is not None:
                thread.join()


def _try(maker: once[Any]) -> None:
    # Whoever wants the code meets the error.
    with contextlib.suppress(Exception):
        maker()


@once
def selecting() -> int:
    """The address of the entry of functions that have several programs."""
    return _compiled(select.text()).address("croton_select")


@once
def _symmetric() -> int:
    return _compiled(symmetric.text()).address("croton_symmetric_part")


def _own_part(routine: ModuleType, name: str, kind: str, suits: Callable[[], bool] = narrow.suits) -> once[int]:
    @once
    def address() -> int:
        return _compiled(routine.text(kind)).address(name) if suits() else 0

    return address


def _matrix_routine(name: str, dtype: str) -> once[int]:
    @once
    def address() -> int:
        text, symbols = matrices.text(name, dtype)
        for symbol in symbols:
            engine.add_symbol("croton_" + symbol, blas.address(symbol))
        return _compiled(text).address("croton_stack")

    return address


_OWN: dict[str, once[int]] = {
    "narrow float32": _own_part(narrow, "croton_narrow_part", "float"),
    "narrow float64": _own_part(narrow, "croton_narrow_part", "double"),
    "packed float32": _own_part(packed, "croton_packed", "float", lambda: True),
    "packed float64": _own_part(packed, "croton_packed", "double", lambda: True),
    "columns float32": _own_part(few_columns, "croton_columns_part", "float"),
    "columns float64": _own_part(few_columns, "croton_columns_part", "double"),
    "symmetric": _symmetric,
    **{f"{name} {dtype}": _matrix_routine(name, dtype) for name, dtype in matrices.NAMES},
}


def own(name: str) -> int:
    """The address of the routine for products that are "narrow float32" or "narrow float64", of few "columns float32" or "columns float64", "packed float32"
    or "packed float64", or "symmetric", 0 where the library is better on this processor; or for a routine on stacks of matrices, "cholesky float64"."""
    return _OWN[name]()

"""The machine code of the native interpreter: at first what LLVM makes of it fastest, soon the fastest that LLVM makes of it.

Compiled well it takes half of the time of a first small function; compiled fast a sixth of that, and a call takes some 20 ns longer. So where
the cache has nothing, the fast way comes first, and once there is a function to call, a thread compiles the interpreter well and puts it in the place of the
other, for all functions: what they call is `croton_entry`, which goes on to what runs now.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable
from contextvars import copy_context

from croton.runtime import engine, entry, objectcache, pool, product

ENTRY = """
@croton_interpreter = global ptr null
define ptr @croton_entry(ptr %self, ptr %arguments, i64 %flagged, ptr %keywords) {
  %now = load ptr, ptr @croton_interpreter
  %result = musttail call ptr %now(ptr %self, ptr %arguments, i64 %flagged, ptr %keywords)
  ret ptr %result
}
"""
"""What function objects call. A thread that is inside of the one interpreter may be called into the other."""

EXPORTED = ("croton_gemm_piece", "croton_library_part")
"""Parts of products that routines of our own call."""


def text() -> str:
    """The interpreter and its products as LLVM IR."""
    return "\n".join((entry.text(), product.text(), pool.DECLARATIONS))


class Interpreter:
    """What runs now, and whether it is worth compiling again."""

    def __init__(self, place: int, load: Callable[[bytes], engine.Code]) -> None:
        """`place` is the address of `croton_interpreter`; code that is loaded by `load` stays."""
        self._place = ctypes.c_void_p.from_address(place)
        self._load = load
        self._thread: threading.Thread | None = None
        self._text = text()
        kept = objectcache.kept(self._text, variables=True)
        self.is_final = kept is not None
        self._run(engine.compile_object(self._text, level=0) if kept is None else kept)
        if not self.is_final and hasattr(os, "register_at_fork"):
            # A child would have no such thread, but LLVM's lock as that thread has left it.
            os.register_at_fork(before=self.wait)

    def _run(self, code: bytes) -> None:
        loaded = self._load(code)
        for name in EXPORTED:
            engine.add_symbol(name, loaded.address(name))
        self._place.value = loaded.address("croton_interpret")

    def improve(self) -> None:
        """Have another thread compile it well, unless that has been done."""
        if self.is_final or self._thread is not None:
            return
        self._thread = threading.Thread(target=copy_context().run, args=(self._improve,), name="croton-interpreter")
        # Where no thread can be started, it stays as it is.
        with contextlib.suppress(RuntimeError):
            self._thread.start()

    def _improve(self) -> None:
        self._run(objectcache.object_code(self._text, variables=True))
        self.is_final = True

    def wait(self) -> None:
        """Until the thread is done, if there is one."""
        thread = self._thread
        if thread is not None and thread.ident is not None and thread is not threading.current_thread():
            thread.join()

"""Compiled programs, kept by key: on disk between processes, and in memory where there is no disk to keep them on.

Both give a program back as it was stored, so that nothing is compiled twice. What cannot be read (a damaged file, an entry of another version)
is not there, and what cannot be written is kept in memory only.
"""

from __future__ import annotations

import pickle
import threading
from typing import NamedTuple

import numpy as np

from croton.compile.account import Account
from croton.compile.choose import Choosing
from croton.compile.routines import Called, Placement
from croton.runtime import objectcache
from croton.runtime.program import Program
from croton.util.config import config

MOST_PROGRAMS = 64
"""Programs kept in memory; the one that was not used for longest goes first."""


class Part(NamedTuple):
    """One program: plain data.

    `shared` says which variable of the graph, in the order of its key, each cell belongs to, `kernels` which of the compiled kernels are its own.
    """

    program: Program
    constants: tuple[np.ndarray, ...]
    routines: tuple[tuple[Called, Placement], ...]
    shared: tuple[int, ...]
    account: Account
    kernels: tuple[int, ...]


class Stored(NamedTuple):
    """What is kept of a compilation: its programs, how a call chooses where there are several, and the code of the kernels of all."""

    parts: tuple[Part, ...]
    choosing: Choosing | None
    objects: tuple[bytes, ...]


_programs: dict[str, Stored] = {}
_lock = threading.Lock()


def read(key: str) -> Stored | None:
    """The program with this key, or None; who wants to see or check the stages wants to compile."""
    if config.debug or config.check:
        return None
    key = _full(key)
    data = objectcache.get("program", key)
    if data is not None:
        try:
            stored = pickle.loads(data)
        except Exception:  # whatever is wrong with an entry, compiling again puts it right
            stored = None
        if isinstance(stored, Stored):
            return stored
    with _lock:
        found = _programs.pop(key, None)
        if found is not None:
            _programs[key] = found
    return found


def write(key: str, stored: Stored) -> None:
    """Keep a program."""
    key = _full(key)
    with _lock:
        _programs[key] = stored
        while len(_programs) > MOST_PROGRAMS:
            del _programs[next(iter(_programs))]
    if objectcache.directory() is None:
        return
    objectcache.put("program", key, pickle.dumps(stored, protocol=pickle.HIGHEST_PROTOCOL))


def forget() -> None:
    """Forget the programs in memory."""
    with _lock:
        _programs.clear()


def _full(key: str) -> str:
    return f"{objectcache.package_identity()} {key}"

"""OpenBLAS and LAPACK by address, from the library in the scipy-openblas32 wheel.

It is opened directly: importing SciPy for its pointers costs 0.1 s, and its copy ran matrix products 1.4 times slower.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
from pathlib import Path

from croton.runtime.once import once

PREFIX = "scipy_"


def _file() -> Path:
    spec = importlib.util.find_spec("scipy_openblas32")
    if spec is None or spec.origin is None:
        raise ImportError("the package scipy-openblas32 is not installed; try: pip install scipy-openblas32")
    folder = Path(spec.origin).parent / "lib"
    found = sorted(path for path in folder.glob("libscipy_openblas*") if path.suffix in (".so", ".dylib", ".dll"))
    if not found:
        raise ImportError(f"no OpenBLAS library in {folder}; try reinstalling scipy-openblas32")
    return found[0]


@once
def library() -> ctypes.CDLL:
    """The library, with one thread: sharing out is done by our own pool, whose threads would fight with those of OpenBLAS."""
    name = "OPENBLAS_NUM_THREADS"
    before = os.environ.get(name)
    os.environ[name] = "1"  # read while loading; setting the number afterwards would leave the started threads behind
    try:
        opened = ctypes.CDLL(str(_file()))
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
    opened[PREFIX + "openblas_set_num_threads"](1)
    return opened


def address(name: str) -> int:
    """The address of a routine: "cblas_dgemm", or "dpotrf_" for LAPACK, whose arguments are all pointers and whose matrices
    are column-major.

    KeyError if the library has no such routine.
    """
    try:
        routine = library()[PREFIX + name]
    except AttributeError:
        raise KeyError(f"OpenBLAS has no routine {name!r}; LAPACK's names are lower case and end with _") from None
    return ctypes.cast(routine, ctypes.c_void_p).value or 0

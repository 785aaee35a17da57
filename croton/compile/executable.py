"""Programs, ready to run: found in memory or on disk by their fingerprint, or compiled."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from croton.compile.account import Account
from croton.compile.fingerprint import Unkeyed, fingerprint
from croton.compile.pipeline import Job, run
from croton.compile.routines import routine
from croton.expr.expr import Expr, SharedVariable
from croton.runtime.engine import load_object
from croton.runtime.objectcache import get, package_identity, put
from croton.runtime.pool import set_threads
from croton.runtime.program import Program
from croton.runtime.stream import Limits
from croton.util.config import config


class Executable(NamedTuple):
    """What `load` takes, and what the program says of itself."""

    program: Program
    kernels: tuple[int, ...]
    cells: tuple[list[np.ndarray], ...]
    routines: tuple[Callable[..., object], ...]
    keep: tuple[Any, ...]
    limits: Limits
    account: Account
    seconds: dict[str, float]


class Stored(NamedTuple):
    """What a cache keeps of a compilation: plain data."""

    program: Program
    constants: tuple[np.ndarray, ...]
    routines: tuple[tuple[Any, Any], ...]
    shared: tuple[int, ...]
    account: Account
    object_code: bytes
    kernels: int


def executable(inputs: Sequence[Expr], results: Sequence[Expr], replaced: Sequence[SharedVariable | None], structure: str) -> Executable:
    """The program for these results. `replaced` names for each the shared variable that it becomes the value of, or None."""
    set_threads(config.threads)
    key, shared = _key(inputs, results, replaced, structure)
    stored = _read(key)
    seconds: dict[str, float] = {}
    if stored is None:
        job = run(Job(inputs, results, replaced, structure))
        seconds = job.seconds
        stored = _stored(job, shared)
        _write(key, stored)
    return _loaded(stored, shared, seconds)


def _key(inputs: Sequence[Expr], results: Sequence[Expr], replaced: Sequence[SharedVariable | None], structure: str) -> tuple[str | None, list[Any]]:
    variables = [variable for variable in replaced if variable is not None]
    settings = (structure, [variable is not None for variable in replaced], config.strict_order, config.flush_subnormals)
    try:
        key, shared, _ = fingerprint(inputs, [*results, *variables], settings)
    except Unkeyed:
        return None, variables
    return key, shared


def _stored(job: Job, shared: Sequence[Expr]) -> Stored:
    order = {variable: i for i, variable in enumerate(shared)}
    assembled = job.assembled
    places = tuple(order[variable] for variable in job.shared)
    return Stored(assembled.program, assembled.constants, assembled.routines, places, job.account, job.object_code, len(job.plan.kernels))


def _loaded(stored: Stored, shared: Sequence[Any], seconds: dict[str, float]) -> Executable:
    # An array that was pickled has a dtype object of its own; the entry compares dtypes by identity with NumPy's.
    cells = [shared[place].cell for place in stored.shared] + [[array.view(np.dtype(array.dtype.str))] for array in stored.constants]
    keep: tuple[Any, ...] = ()
    kernels: tuple[int, ...] = ()
    if stored.kernels:
        code = load_object(stored.object_code)
        keep = (code,)
        kernels = tuple(code.address(f"k{i}") for i in range(stored.kernels))
    routines = tuple(routine(name, params) for name, params in stored.routines)
    return Executable(stored.program, kernels, tuple(cells), routines, keep, Limits(), stored.account, seconds)


def _read(key: str | None) -> Stored | None:
    data = None if key is None else get("program", f"{package_identity()} {key}")
    return None if data is None else pickle.loads(data)


def _write(key: str | None, stored: Stored) -> None:
    if key is None:
        return
    try:
        data = pickle.dumps(stored, protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, TypeError, AttributeError):
        return  # a routine of the user's own has no name that another process knows
    put("program", f"{package_identity()} {key}", data)

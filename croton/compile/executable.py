"""Programs, ready to run: found in memory or on disk by their fingerprint, or compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from croton.compile.account import Account
from croton.compile.fingerprint import Unkeyed, fingerprint
from croton.compile.job import Job
from croton.compile.pipeline import run
from croton.compile.routines import routine
from croton.compile.store import Stored, read, write
from croton.expr.expr import Expr, Input, SharedVariable
from croton.expr.walk import walk
from croton.runtime.engine import load_object
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


def executable(
    inputs: Sequence[Input],
    results: Sequence[Expr],
    replaced: Sequence[SharedVariable | None],
    structure: str,
    donated: Sequence[Input] = (),
) -> Executable:
    """The program for these results.

    `replaced` names for each result the shared variable that it becomes the value of, or None; `donated` are the inputs whose memory results may take.
    The `seconds` of what was found and not compiled are empty.
    """
    set_threads(config.threads)
    key, shared = _key(inputs, results, replaced, structure, donated)
    stored = None if key is None else read(key)
    seconds: dict[str, float] = {}
    if stored is None:
        job = run(Job(inputs, results, replaced, structure, donated))
        seconds = job.seconds
        stored = _stored(job, shared)
        if key is not None:
            write(key, stored)
    return _loaded(stored, shared, seconds)


def _key(
    inputs: Sequence[Input],
    results: Sequence[Expr],
    replaced: Sequence[SharedVariable | None],
    structure: str,
    donated: Sequence[Input],
) -> tuple[str | None, list[Any]]:
    """The key, None for what has none, and the shared variables in the order of the key."""
    variables = [variable for variable in replaced if variable is not None]
    positions = [_position(inputs, leaf) for leaf in donated]
    settings = (structure, [variable is not None for variable in replaced], positions, config.algebra, config.flush_subnormals)
    try:
        key, shared, _ = fingerprint(inputs, [*results, *variables], settings)
    except Unkeyed:
        return None, [node for node in walk([*results, *variables]) if isinstance(node, SharedVariable)]
    return key, shared


def _position(inputs: Sequence[Input], leaf: Input) -> int:
    """Where an input is, by identity: `==` of expressions compares elements."""
    return next(i for i, other in enumerate(inputs) if other is leaf)


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

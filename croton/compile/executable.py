"""Programs, ready to run: found in memory or on disk by their fingerprint, or compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from croton.compile.account import Account
from croton.compile.choose import Choosing
from croton.compile.fingerprint import Fingerprint, Unkeyed, fingerprint
from croton.compile.job import Job
from croton.compile.pipeline import run, without_collector
from croton.compile.routines import code, kept
from croton.compile.store import Part, Stored, read, write
from croton.expr.expr import Expr, Input, SharedVariable
from croton.expr.walk import walk
from croton.runtime.engine import Code, load_object
from croton.runtime.function import choose, load
from croton.runtime.native import native_meanwhile
from croton.runtime.pool import set_threads
from croton.runtime.program import Program
from croton.runtime.stream import Limits
from croton.sizes import Symbol, evaluate
from croton.util.config import config


class Executable(NamedTuple):
    """What `load` takes, and what the program says of itself.

    `others` are the programs that a call runs instead where `choosing` says so.
    """

    program: Program
    kernels: tuple[int, ...]
    cells: tuple[list[np.ndarray], ...]
    routines: tuple[Callable[..., object], ...]
    keep: tuple[Any, ...]
    limits: Limits
    account: Account
    seconds: dict[str, float]
    others: tuple[Executable, ...] = ()
    choosing: Choosing | None = None

    def at(self, shapes: Sequence[tuple[int, ...]]) -> Executable:
        """The program that runs for arguments of these shapes."""
        number = 0 if self.choosing is None else self.choosing.choice.pick(shapes)
        return self if number == 0 else self.others[number - 1]

    def with_sizes(self, sizes: Mapping[Symbol, int]) -> Executable:
        """The program that runs where the sizes of the arguments are these."""
        return self.at([tuple([evaluate(size, sizes) for size in argument.shape]) for argument in self.account.arguments]) if self.others else self

    def load(self, cells: Sequence[Sequence[list[np.ndarray]]] | None = None, fallback: Callable[..., Any] | None = None) -> Any:
        """The function of the program, or of all of them; with other cells for the shared variables, if they are given for each."""
        programs = (self, *self.others)
        functions = [
            load(one.program, one.kernels, own, one.routines, fallback, one.keep, one.limits)
            for one, own in zip(programs, [one.cells for one in programs] if cells is None else cells)
        ]
        return functions[0] if self.choosing is None else choose(functions, self.choosing.choice)


def executable(
    inputs: Sequence[Input],
    results: Sequence[Expr],
    replaced: Sequence[SharedVariable | None],
    structure: str,
    donated: Sequence[Input] = (),
    budget: int = 0,
) -> Executable:
    """The program for these results.

    `replaced` names for each result the shared variable that it becomes the value of, or None; `donated` are the inputs whose memory results may take.
    The `seconds` of what was found and not compiled are empty.
    """
    set_threads(config.threads)
    with without_collector():
        found = _fingerprint(inputs, results, replaced, structure, donated, budget)
        stored = None if found.key is None else read(found.key)
        seconds: dict[str, float] = {}
        if stored is None:
            stored, seconds = _compiled(Job(inputs, results, replaced, structure, donated, budget), found)
            if found.key is not None:
                write(found.key, stored)
    return _loaded(stored, found, seconds)


def _fingerprint(
    inputs: Sequence[Input],
    results: Sequence[Expr],
    replaced: Sequence[SharedVariable | None],
    structure: str,
    donated: Sequence[Input],
    budget: int,
) -> Fingerprint:
    """What the program is kept by."""
    variables = [variable for variable in replaced if variable is not None]
    positions = [_position(inputs, leaf) for leaf in donated]
    settings = (structure, [variable is not None for variable in replaced], positions, config.algebra, config.flush_subnormals, budget)
    try:
        return fingerprint(inputs, [*results, *variables], settings)
    except Unkeyed:
        return Fingerprint(None, [node for node in walk([*results, *variables]) if isinstance(node, SharedVariable)], [])


def _position(inputs: Sequence[Input], leaf: Input) -> int:
    """Where an input is, by identity: `==` of expressions compares elements."""
    return next(i for i, other in enumerate(inputs) if other is leaf)


def _compiled(job: Job, found: Fingerprint) -> tuple[Stored, dict[str, float]]:
    """What is kept of a compilation, and the seconds of its passes; all else is forgotten."""
    with native_meanwhile():
        run(job)
    order = {variable: i for i, variable in enumerate(found.shared)}
    places = tuple(order[variable] for variable in job.shared)
    numbers = {kernel: i for i, kernel in enumerate(job.kernels)}
    parts = []
    for one in job.programs:
        program, constants, routines, *_ = one.assembled
        called = tuple([(kept(routine, found.foreign), placement) for routine, placement in routines])
        parts.append(Part(program, constants, called, places, one.account, tuple([numbers[kernel] for kernel in one.plan.kernels])))
    return Stored(tuple(parts), job.choosing, job.objects), job.seconds


def _loaded(stored: Stored, found: Fingerprint, seconds: dict[str, float]) -> Executable:
    loaded = load_object(*stored.objects) if stored.objects else None
    first, *others = [_loaded_part(part, loaded, found, seconds) for part in stored.parts]
    return first._replace(others=tuple(others), choosing=stored.choosing)


def _loaded_part(part: Part, loaded: Code | None, found: Fingerprint, seconds: dict[str, float]) -> Executable:
    # An array that was pickled has a dtype object of its own; the entry compares dtypes by identity with NumPy's.
    cells = [found.shared[place].cell for place in part.shared] + [[array.view(np.dtype(array.dtype.str))] for array in part.constants]
    kernels = () if loaded is None else tuple([loaded.address(f"k{i}") for i in part.kernels])
    routines = tuple([code(called.routine(found.foreign), placement) for called, placement in part.routines])
    return Executable(part.program, kernels, tuple(cells), routines, () if loaded is None else (loaded,), Limits(), part.account, seconds)

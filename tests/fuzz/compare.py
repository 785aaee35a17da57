"""Does a program compute what its reference says? For the sizes it was made with, and for others with the same compiled function."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import croton as cr
from croton.compile import pipeline, store
from croton.runtime.engine import compile_object
from croton.sizes import evaluate, symbols
from croton.util.errors import ArgumentError, CrotonError, MemoryBudgetError, NotSupportedError, ShapeError
from tests.schedule.execute import OutOfBounds, run

from .programs import Graph, Program, arrays_of, build
from .ways import Way, taken, way_of

CHECKED = 0.3
"""How often the bounds of memory are checked too: a matter of the seed alone, so that what fails fails again."""


class Failure(Exception):
    """A program and its reference disagree."""


compiled: list[pipeline.Job] = []
"""The last job that was compiled, for a second run of its plan in NumPy, which checks every index."""


@contextmanager
def quick_code() -> Iterator[None]:
    """Code generation at LLVM's lowest level: most of the time of a small program is LLVM's."""
    original, passes = pipeline.compile_objects, pipeline.PASSES
    pipeline.compile_objects = lambda texts: tuple([compile_object(text, 0) for text in texts])
    pipeline.PASSES = (*passes[:-1], lambda job: compiled.append(job) or passes[-1](job))
    try:
        with cr.config.use(cache=False, threads=1):
            yield
    finally:
        pipeline.compile_objects, pipeline.PASSES = original, passes


def check(program: Program, seed: int, way: Way | None = None) -> str:
    """Raise Failure where compiled and reference values differ. Returns what was compared, in a few words. The way is that of the seed unless told."""
    way = way or way_of(seed)
    with taken(way, seed):
        return _check(program, seed, way)


def _check(program: Program, seed: int, way: Way) -> str:
    chance = random.Random(seed + 1)
    arrays = arrays_of(program, program.extents, seed)
    graph = build(program, arrays)
    inputs = [v for v, d in zip(graph.variables, program.variables) if not d.shared]
    roots = [graph.values[o] for o in program.outputs]
    updates = {} if program.update is None else {graph.variables[0]: graph.values[program.update]}
    if not roots and not updates:
        return "empty"
    compiled.clear()
    store.forget()  # or an equal program is not compiled again
    try:
        f, given = _compiled(program, way, inputs, roots, updates, arrays)
    except NotSupportedError:
        return "not supported"
    except MemoryBudgetError:
        return "more than the budget"
    except CrotonError as error:
        wanted, refused = _reference(graph, roots, arrays)
        if refused is None:
            raise Failure(f"compiling raises {type(error).__name__}: {error}\nwhere the reference has values") from error
        return "refused"
    word = _run(program, graph, f, roots, arrays, chance, seed, given)
    for trial in range(2):
        extents = {name: chance.choice((0, 1, 2, 3, 4, 6, 11, 18)) for name in program.extents}
        if extents != program.extents and any(isinstance(n, str) for v in program.variables for n in v.sizes):
            _run(program, graph, f, roots, arrays_of(program, extents, seed + trial), chance, seed, given)
    return word if way.name == "plain" else f"{word} {way.name}"


def _compiled(
    program: Program, way: Way, inputs: list[Any], roots: list[Any], updates: dict[Any, Any], arrays: list[np.ndarray]
) -> tuple[Any, list[int]]:
    """The function, and the positions of the inputs that it is given for good."""
    donated: list[int] = []
    if way.donates:
        # One for each result of a type: where the sizes are not the same after all, compiling says so, and nothing is donated.
        types = [(root.dtype, root.shape) for root in roots]
        for place, leaf in enumerate(inputs):
            if (leaf.dtype, leaf.shape) in types:
                types.remove((leaf.dtype, leaf.shape))
                donated.append(place)
        try:
            return cr.function(inputs, roots, updates=updates, donate=[inputs[place] for place in donated]), donated
        except ArgumentError:
            donated = []
    f = cr.function(inputs, roots, updates=updates)
    if way.budget is not None:
        given = [array for array, variable in zip(arrays, program.variables) if not variable.shared]
        try:
            results = sum([result.nbytes for result in f(*given)])
        except (CrotonError, ValueError, IndexError):
            return f, []
        budget = results + int(way.budget * (f.memory_peak(*given) - results))
        f = cr.function(inputs, roots, updates=updates, memory_budget=max(1, budget))
    return f, donated


def _run(program: Program, graph: Graph, f: Any, roots: list[Any], arrays: list[np.ndarray], chance: random.Random, seed: int, donated: list[int]) -> str:
    for variable, array, declared in zip(graph.variables, arrays, program.variables):
        if declared.shared:
            variable.set_value(array)
    everything = [*roots] if program.update is None else [*roots, graph.values[program.update]]
    wanted, refused = _reference(graph, everything, arrays)
    if refused is None and program.update is not None and wanted[-1].shape != arrays[0].shape:
        refused = ShapeError("an update of another shape than its variable's")
    given = [_laid_out(a, chance) for a, d in zip(arrays, program.variables) if not d.shared]
    if compiled and random.Random(seed).random() < CHECKED:
        _within_bounds(graph, arrays)

    def call() -> list[np.ndarray]:
        return list(f(*[np.array(array) if place in donated else array for place, array in enumerate(given)]))

    try:
        found = call()
    except MemoryBudgetError:
        return "more than the budget"
    except (CrotonError, ValueError, IndexError) as error:
        if refused is None:
            raise Failure(
                f"the call raises {type(error).__name__}: {error}\nwhere the reference has values; shapes {[a.shape for a in arrays]}"
            ) from error
        return "refused"
    if refused is not None:
        # What is out of range and nowhere needed may go unnoticed.
        if isinstance(refused, CrotonError) and not isinstance(refused, IndexError):
            raise Failure(
                f"the call gives values where the reference raises {type(refused).__name__}: {refused}; shapes {[a.shape for a in arrays]}"
            )
        return "refused"
    if program.update is not None:
        found.append(np.array(graph.variables[0].get_value()))
        graph.variables[0].set_value(arrays[0])
    again = [np.array(x) for x in found]
    for i, (mine, theirs) in enumerate(zip(again, wanted)):
        _compare(program, graph, everything, arrays, i, mine, theirs)
    repeated = call()
    if program.update is not None:
        graph.variables[0].set_value(arrays[0])
    for i, (first, second) in enumerate(zip(again, repeated)):
        if not np.array_equal(first, second, equal_nan=first.dtype.kind == "f"):
            raise Failure(f"output {i} differs between two calls with the same arguments")
    return "compared"


def _within_bounds(graph: Graph, arrays: list[np.ndarray]) -> None:
    """Run the plan by the interpreter of kernels, which raises where compiled code would read or write somewhere else."""
    job = compiled[-1]
    values = {variable.id: np.array(array, order="C") for variable, array in zip(graph.variables, arrays)}
    sizes: dict[Any, int] = {}
    for variable, array in zip(graph.variables, arrays):
        for size, extent in zip(job.lowered.shapes.get(variable, variable.shape), array.shape):
            if not isinstance(size, int) and len(symbols(size)) == 1 and size == symbols(size)[0].size:
                sizes[symbols(size)[0]] = extent
    pairs = [(check.left, check.right) for check in job.lowered.checks]
    for variable, array in zip(graph.variables, arrays):
        pairs += list(zip(job.lowered.shapes.get(variable, variable.shape), array.shape))
    if any(evaluate(left, sizes) != evaluate(right, sizes) for left, right in pairs):
        return  # sizes that the call refuses
    try:
        for one in job.programs:
            run(one.plan, values, sizes)
    except (OutOfBounds, KeyError, ValueError):
        return  # an argument that the call refuses too
    except IndexError as error:
        shapes = [a.shape for a in arrays]
        raise Failure(f"a kernel leaves its buffers: {error}; shapes {shapes}") from error


def _laid_out(array: np.ndarray, chance: random.Random) -> np.ndarray:
    """The same values, sometimes in another layout."""
    kind = chance.random()
    if kind < 0.7 or not array.ndim:
        return array
    if kind < 0.8:
        return np.asfortranarray(array)
    if kind < 0.85:
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if kind < 0.9:
        # not where a number of its dtype would lie
        return np.frombuffer(b"\0" + array.tobytes(), array.dtype, array.size, 1).reshape(array.shape) if array.size else array
    return array[::-1].copy()[::-1]


def _reference(graph: Graph, roots: list[Any], arrays: list[np.ndarray]) -> tuple[list[np.ndarray], Exception | None]:
    values = dict(zip(graph.variables, arrays))
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return cr.reference.evaluate(roots, values), None
    except (CrotonError, ValueError, IndexError) as error:
        return [], error


def _compare(
    program: Program, graph: Graph, roots: list[Any], arrays: list[np.ndarray], i: int, mine: np.ndarray, theirs: np.ndarray
) -> None:
    where = f"output {i} ({roots[i]!r}), shapes {[a.shape for a in arrays]}"
    if mine.dtype != theirs.dtype or mine.shape != theirs.shape:
        raise Failure(f"{where}: got {mine.dtype}{list(mine.shape)}, wanted {theirs.dtype}{list(theirs.shape)}")
    bad = _far(mine, theirs, _precision(program, theirs))
    if not bad.any():
        return
    # What a small change of the arguments, or rounding otherwise, changes as much says nothing.
    moved = [_reference(graph, [roots[i]], _moved(program, arrays, trial))[0] for trial in range(4)]
    rounded = _in_the_other_precision(program, arrays, [*program.outputs, program.update][i])
    for other, factor in [*zip(moved, [3] * 4), (rounded, 10)]:
        if not other or other[0].shape != theirs.shape:
            continue
        with np.errstate(all="ignore"):
            if theirs.dtype.kind == "f":
                unsure = np.abs(other[0] - theirs) * factor >= np.abs(mine - theirs)
                unsure |= ~np.isfinite(other[0]) | (np.abs(other[0] - theirs) > 0.1 * (np.abs(theirs) + 1e-3))
            else:
                unsure = other[0] != theirs
        bad &= ~unsure
    if bad.any() and _singular(graph, arrays):
        # A sum of nothing times NaN is 0 in one order and NaN in another: only values that are far and finite count, and nothing that is counted of them.
        bad &= np.isfinite(mine) & np.isfinite(theirs) & (theirs.dtype.kind == "f")
    if bad.any() and _divides_nothing(program, graph, arrays):
        return
    if bad.any():
        place = tuple(int(n) for n in np.argwhere(bad)[0])
        raise Failure(
            f"{where}: {int(bad.sum())} of {bad.size} elements differ, first at {place}: got {mine[place]!r}, wanted {theirs[place]!r}"
        )


def _in_the_other_precision(program: Program, arrays: list[np.ndarray], value: int | None) -> list[np.ndarray]:
    """The value by the reference in float64 where it is in float32, and the other way around."""
    other = {"float32": "float64", "float64": "float32"}
    variables = tuple([v._replace(dtype=other.get(v.dtype, v.dtype)) for v in program.variables])
    program = program._replace(variables=variables)
    arrays = [array.astype(v.dtype) for v, array in zip(variables, arrays)]
    try:
        graph = build(program, arrays)
    except CrotonError:
        return []
    assert value is not None
    return _reference(graph, [graph.values[value]], arrays)[0]


def _singular(graph: Graph, arrays: list[np.ndarray]) -> bool:
    """Whether some value on the way is not finite, or there is nothing to take the mean of."""
    values, refused = _reference(graph, graph.values, arrays)
    return refused is not None or any(v.size == 0 or (v.dtype.kind == "f" and not np.isfinite(v).all()) for v in values)


def _divides_nothing(program: Program, graph: Graph, arrays: list[np.ndarray]) -> bool:
    """Whether there is a softmax over nothing, also the derivative of a logsumexp, whose sum is x / x: 1 by default (docs/exactness.md) and 0 in NumPy."""
    values, _ = _reference(graph, graph.values, arrays)
    made = zip(program.steps, values[len(program.variables) :])
    return any(value.size == 0 and any(str(word).endswith(("softmax", "logsumexp")) for word in step.params) for step, value in made)


def _precision(program: Program, array: np.ndarray) -> float:
    # functions of small integers are computed in float32
    single = array.dtype == np.float32 or any(v.dtype in ("float32", "uint8", "bool") for v in program.variables)
    single |= any(s.operation == "cast" and s.params[0] == "float32" for s in program.steps)
    return 1e-3 if single else 1e-8


def _far(mine: np.ndarray, theirs: np.ndarray, tolerance: float) -> np.ndarray:
    if theirs.dtype.kind != "f":
        return np.asarray(mine != theirs)
    with np.errstate(all="ignore"):
        a, b = mine.astype(np.float64), theirs.astype(np.float64)
        size = float(np.max(np.abs(b), where=np.isfinite(b), initial=0.0))
        near = np.abs(a - b) <= tolerance * (np.abs(b) + 0.1 * size + 1e-2)
    return ~np.asarray(near | (a == b) | (np.isnan(a) & np.isnan(b)))


def _moved(program: Program, arrays: list[np.ndarray], trial: int) -> list[np.ndarray]:
    """Arguments a little off; values on a lattice all by one factor, so that equal ones stay equal."""
    generator = np.random.default_rng(trial)
    found = []
    for variable, array in zip(program.variables, arrays):
        if array.dtype.kind != "f":
            found.append(array)
            continue
        step = 3e-5 if _precision(program, array) > 1e-6 else 1e-10
        shape = () if variable.values == "lattice" and trial % 2 == 0 else array.shape
        found.append((array * (1 + step * generator.standard_normal(shape))).astype(array.dtype))
    return found

"""Random programs on the public interface, as plain data: what is built from a description can be built again with less in it.

A `Program` names its inputs and its steps; each step is an operation of `operations.TABLE`, the values it takes and its params. `build` makes the graph.
"""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import numpy as np

import croton as cr
from croton.sizes import evaluate
from croton.util.errors import CrotonError

from .operations import TABLE, WEIGHTS, Value, usable

LIMIT = 1500
"""Elements of a value, and of what lies on the way to it in NumPy."""


class Variable(NamedTuple):
    """An input or a shared variable: its dtype, the names of its sizes (an integer is a known size), and how its values are chosen."""

    dtype: str
    sizes: tuple[int | str, ...]
    values: str
    shared: bool


class Step(NamedTuple):
    """An operation, the values it takes (inputs first, then results of steps), and its params."""

    operation: str
    taken: tuple[int, ...]
    params: tuple


class Program(NamedTuple):
    """A random program. `update` names the value that becomes the new one of the first shared variable."""

    variables: tuple[Variable, ...]
    extents: dict[str, int]
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]
    update: int | None = None

    def __str__(self) -> str:
        lines = [f"v{i} = {'shared' if v.shared else 'input'} {v.dtype}{list(v.sizes)} {v.values}" for i, v in enumerate(self.variables)]
        first = len(self.variables)
        lines += [f"v{first + i} = {s.operation}({', '.join(f'v{t}' for t in s.taken)}) {s.params}" for i, s in enumerate(self.steps)]
        lines.append(f"outputs {', '.join(f'v{o}' for o in self.outputs)}" + ("" if self.update is None else f"; v0 <- v{self.update}"))
        return "\n".join([f"sizes {self.extents}", *lines])


class Graph(NamedTuple):
    """A program's expressions: its variables, and every value."""

    variables: list[Any]
    values: list[Any]


def arrays_of(program: Program, extents: dict[str, int], seed: int) -> list[np.ndarray]:
    """Values for the variables."""
    generator = np.random.default_rng(seed)
    return [_array(v, tuple(extents[n] if isinstance(n, str) else n for n in v.sizes), generator) for v in program.variables]


def _array(variable: Variable, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    if variable.dtype == "bool":
        return generator.integers(0, 2, shape).astype(bool)
    if variable.dtype.startswith(("int", "uint")):
        return generator.integers(0 if variable.dtype.startswith("u") else -3, 4, shape).astype(variable.dtype)
    if variable.values == "lattice":
        return (generator.integers(-3, 4, shape) / 2).astype(variable.dtype)
    low = 0.3 if variable.values == "positive" else -1.5
    return generator.uniform(low, 1.5, shape).astype(variable.dtype)


def declare(program: Program, arrays: list[np.ndarray]) -> list[Any]:
    """The variables of a program."""
    found = []
    for i, (v, array) in enumerate(zip(program.variables, arrays)):
        if v.shared:
            found.append(cr.shared(array, name=f"v{i}"))
        else:
            shape = tuple(n if isinstance(n, int) else None for n in v.sizes)
            found.append(cr.tensor(f"v{i}", shape=shape, dtype=v.dtype))
    return found


def build(program: Program, arrays: list[np.ndarray]) -> Graph:
    """The graph of a program."""
    variables = declare(program, arrays)
    values = list(variables)
    for step in program.steps:
        values.append(TABLE[step.operation].build([values[t] for t in step.taken], step.params))
    return Graph(variables, values)


def generate(seed: int, length: int = 12) -> Program:
    """A random program."""
    chance = random.Random(seed)
    program, values = _variables(chance)
    steps: list[Step] = []
    tries = 0
    length = chance.randint(3, length)
    names, weights = list(WEIGHTS), list(WEIGHTS.values())
    while len(steps) < length and tries < 8 * length:
        tries += 1
        (name,) = chance.choices(names, weights)
        drawn = TABLE[name].draw(chance, values)
        if drawn is None:
            continue
        taken, params = drawn
        try:
            found = TABLE[name].build([values[t].expr for t in taken], params)
        except CrotonError:
            continue
        value = _valued(found, values)
        if value is None:
            continue
        values.append(value)
        steps.append(Step(name, tuple(taken), params))
    first = len(program.variables)
    places = range(first, len(values))
    used = {t for step in steps for t in step.taken}
    outputs = [p for p in places if p not in used or chance.random() < 0.25][:8]
    update = None
    if program.variables[0].shared and chance.random() < 0.7:
        fitting = [p for p in places if values[p].shape == values[0].shape and values[p].dtype == values[0].dtype]
        update = chance.choice(fitting) if fitting else None
    return program._replace(steps=tuple(steps), outputs=tuple(outputs), update=update)


def _valued(found: Any, values: list[Value]) -> Value | None:
    sizes = values[0].sizes
    try:
        shape = tuple(evaluate(size, sizes) for size in found.shape)
    except (KeyError, CrotonError):
        return None
    if min(shape, default=1) < 0 or int(np.prod(shape, dtype=int)) > LIMIT or len(shape) > 5:
        return None
    return Value(found, shape, found.dtype.name, sizes)


def _variables(chance: random.Random) -> tuple[Program, list[Value]]:
    extents = {name: chance.choice((0, 1, 2, 3, 3, 4, 5, 7, 9, 17, 33) if chance.random() < 0.3 else (2, 3, 4, 5)) for name in "abcd"}
    wide = "float32" if chance.random() < 0.3 else "float64"
    variables = []
    for i in range(chance.randint(1, 4)):
        shared = i == 0 and chance.random() < 0.3
        dtype = wide if i == 0 or chance.random() < 0.75 else chance.choice(("float64", "float32", "int64", "int32", "bool", "uint8"))
        sizes: list[int | str] = []
        for _ in range(chance.choice((0, 1, 1, 2, 2, 2, 3))):
            name = chance.choice("abcd")
            known = shared or chance.random() < 0.4
            sizes.append(1 if chance.random() < 0.1 else extents[name] if known else name)
        variables.append(Variable(dtype, tuple(sizes), chance.choice(("real", "real", "real", "positive", "lattice")), shared))
    program = Program(tuple(variables), extents, (), ())
    declared = declare(program, arrays_of(program, extents, 0))
    sizes_known: dict[Any, int] = {}
    values = []
    for variable, expr in zip(variables, declared):
        shape = tuple(extents[n] if isinstance(n, str) else n for n in variable.sizes)
        for size, extent in zip(expr.shape, shape):
            if not isinstance(size, int):
                sizes_known[usable(size)] = extent
        values.append(Value(expr, shape, variable.dtype, sizes_known))
    return program, values

"""The smallest program that still fails in the same way: fewer outputs, fewer steps, smaller sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .programs import Program, Step


def shrink(program: Program, fails: Callable[[Program], bool], budget: int = 150) -> Program:
    """Take things away for as long as the program fails."""
    progress = True
    while progress and budget > 0:
        progress = False
        for smaller in _smaller(program):
            budget -= 1
            if fails(smaller):
                program, progress = smaller, True
                break
            if budget <= 0:
                break
    return program


def _smaller(program: Program) -> Iterator[Program]:
    if program.update is not None:
        yield program._replace(update=None)
    if len(program.outputs) > 1:
        for output in program.outputs:
            yield pruned(program._replace(outputs=(output,)))
    needed = pruned(program)
    if len(needed.steps) < len(program.steps):
        yield needed
    first = len(program.variables)
    for i in reversed(range(len(program.steps))):
        for taken in program.steps[i].taken:
            yield pruned(_without(program, first + i, taken))
    for i, variable in enumerate(program.variables):
        known = tuple(program.extents[n] if isinstance(n, str) else n for n in variable.sizes)
        if known != variable.sizes:
            yield program._replace(variables=(*program.variables[:i], variable._replace(sizes=known), *program.variables[i + 1 :]))
    for name, extent in program.extents.items():
        if extent > 2:
            yield program._replace(extents={**program.extents, name: 2})


def _without(program: Program, place: int, instead: int) -> Program:
    """The program with one value replaced by another that comes before it."""

    def renamed(i: int) -> int:
        return instead if i == place else i

    steps = tuple(Step(s.operation, tuple(map(renamed, s.taken)), s.params) for s in program.steps)
    update = None if program.update is None else renamed(program.update)
    return program._replace(steps=steps, outputs=tuple(map(renamed, program.outputs)), update=update)


def pruned(program: Program) -> Program:
    """Only the steps that matter."""
    first = len(program.variables)
    needed = set(program.outputs) | ({program.update} if program.update is not None else set())
    for i in reversed(range(len(program.steps))):
        if first + i in needed:
            needed.update(program.steps[i].taken)
    places = list(range(first)) + [first + i for i in range(len(program.steps)) if first + i in needed]
    number = {old: new for new, old in enumerate(places)}
    steps = tuple(
        Step(s.operation, tuple(number[t] for t in s.taken), s.params) for i, s in enumerate(program.steps) if first + i in needed
    )
    update = None if program.update is None else number[program.update]
    return program._replace(steps=steps, outputs=tuple(number[o] for o in program.outputs), update=update)

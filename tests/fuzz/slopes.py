"""Derivatives against differences: references of derivatives come from the algebra, so something else must say that they are right."""

from __future__ import annotations

from typing import Any

import numpy as np

import croton as cr
from croton.util.errors import CrotonError

from .compare import Failure
from .operations import COSTS
from .programs import Program, arrays_of, build


def check_slopes(program: Program, seed: int) -> int:
    """Compare every gradient of the program with respect to a float64 variable along a random direction. Returns how many were compared."""
    if any(v.dtype == "float32" for v in program.variables):
        return 0
    arrays = arrays_of(program, program.extents, seed)
    graph = build(program, arrays)
    compared = 0
    for i, step in enumerate(program.steps):
        if step.operation != "grad" or step.taken[1] >= len(program.variables) or not arrays[step.taken[1]].size:
            continue
        y, place = step.taken
        cost = COSTS[step.params[0]](graph.values[y])
        if cost.dtype.name != "float64":
            continue
        gradient = graph.values[len(program.variables) + i]
        compared += _compared(graph.variables, arrays, place, cost, gradient, f"step {i}")
        compared += _compared_again(graph.variables, arrays, place, gradient, f"step {i}, second order")
    return compared


def _compared_again(variables: list[Any], arrays: list[np.ndarray], place: int, gradient: Any, where: str) -> int:
    """The derivative of a gradient along a direction, against differences of that gradient."""
    along = (gradient * np.random.default_rng(2).standard_normal(arrays[place].shape)).sum()
    try:
        second = cr.grad(along, variables[place], disconnected="zero")
    except CrotonError:
        return 0
    return _compared(variables, arrays, place, along, second, where)


def _compared(variables: list[Any], arrays: list[np.ndarray], place: int, cost: Any, gradient: Any, where: str) -> int:
    direction = np.random.default_rng(1).standard_normal(arrays[place].shape)

    def at(step: float) -> float:
        moved = [a + step * direction if i == place else a for i, a in enumerate(arrays)]
        return float(cr.reference.evaluate(cost, dict(zip(variables, moved))))

    try:
        slope = float((cr.reference.evaluate(gradient, dict(zip(variables, arrays))) * direction).sum())
        coarse, fine = (at(2e-5) - at(-2e-5)) / 4e-5, (at(1e-5) - at(-1e-5)) / 2e-5
        ahead, behind = (at(1e-5) - at(0)) / 1e-5, (at(0) - at(-1e-5)) / 1e-5
    except (CrotonError, ValueError, IndexError):
        return 0
    size = 1 + abs(fine) + abs(at(0))
    smooth = abs(coarse - fine) < 1e-6 * size and abs(ahead - behind) < 1e-2 * size
    if not smooth or not np.isfinite(slope):
        return 0
    if abs(slope - fine) > 1e-4 * size:
        raise Failure(f"{where}: the slope is {slope}, differences say {fine}")
    return 1

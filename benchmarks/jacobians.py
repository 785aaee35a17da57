"""Jacobians that are never built: of a convolution, of two layers of it, and of a recurrent network's states.

    python -m benchmarks.jacobians [--threads 1]

What is proven of each, and the operations, memory and time of `J @ v` and of `(J**2).sum()` beside J itself.
"""

from __future__ import annotations

from benchmarks import peers
from benchmarks.measure import Result, alternate, note

from collections.abc import Callable
from typing import Any

import numpy as np


def problems() -> dict[str, tuple[dict[str, tuple[int, ...]], Callable[..., Any]]]:
    """For each name the shapes of what it takes, of which the first is differentiated, and the function."""
    import croton as cr

    def convolved(s: Any, kernel: Any) -> Any:
        return (cr.sliding_window_view(s, kernel.shape) * kernel).sum(-1)

    def states(xs: Any, inward: Any, around: Any) -> Any:
        def step(state: Any, x: Any) -> Any:
            state = cr.tanh(x @ inward + state @ around)
            return state, state

        return cr.scan(step, cr.zeros((around.shape[0],)), xs)[1]

    def states_of_weights(around: Any, inward: Any, xs: Any) -> Any:
        return states(xs, inward, around)

    return {
        "convolution": ({"s": (1000,), "k": (9,)}, convolved),
        "two layers of it": ({"s": (1000,), "k": (9,), "l": (7,)}, lambda s, k, l: convolved(cr.tanh(convolved(s, k)), l)),
        "states by inputs": ({"xs": (24, 8), "inward": (8, 16), "around": (16, 16)}, states),
        "states by weights": ({"around": (16, 16), "inward": (8, 16), "xs": (24, 8)}, states_of_weights),
    }


def measured(name: str, shapes: dict[str, tuple[int, ...]], function: Callable[..., Any], threads: int) -> Result:
    import croton as cr

    rng = np.random.default_rng(0)
    arguments = {key: cr.tensor(key, shape) for key, shape in shapes.items()}
    first = next(iter(arguments.values()))
    y = function(*arguments.values())
    jacobian = cr.jacobian(y, first)
    v = cr.tensor("v", first.shape)
    axes = list(range(y.ndim, y.ndim + first.ndim))
    wanted = {
        "J": ([], jacobian),
        "J @ v": ([v], cr.tensordot(jacobian, v, (axes, list(range(first.ndim))))),
        "(J**2).sum()": ([], (jacobian**2).sum()),
        "y": ([], y),
    }
    values = [rng.standard_normal(shape) / 4 for shape in (*shapes.values(), first.shape)]
    note(f"{name}: {' | '.join(str(cr.structure(jacobian)).splitlines()[:3])}")
    runs: dict[str, peers.Run] = {}
    found: dict[str, Any] = {}
    for what, (more, output) in wanted.items():
        compiled = cr.function([*arguments.values(), *more], output)
        given = values[: len(arguments) + len(more)]
        found[what] = compiled(*given)
        note(f"{name}, {what}: {compiled.flops() / 1e6:.3f} Mflop, memory_peak {compiled.memory_peak() / 1e6:.3f} MB")
        runs[what] = lambda f=compiled, a=given: f(*a)
    peers.close(found["J @ v"], np.tensordot(found["J"], values[-1], (axes, list(range(first.ndim)))))
    peers.close(found["(J**2).sum()"], (found["J"] ** 2).sum())
    return alternate(f"Jacobian, {name} ({threads} threads)", runs, rounds=11)


def run(threads: int = 1) -> list[Result]:
    return [measured(name, *problem, threads) for name, problem in problems().items()]


if __name__ == "__main__":
    peers.main(run)

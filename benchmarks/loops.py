"""What a step of a loop costs: scans of 100,000 tiny steps, nanoseconds a step, and beside JAX's scan.

    python -m benchmarks.loops [--threads 1]
"""

from __future__ import annotations

from benchmarks import peers
from benchmarks.measure import Result, alternate, note

from typing import Any

import numpy as np

STEPS = 100_000


def bodies(np_: Any) -> dict[str, tuple[Any, tuple[int, ...], Any]]:
    """The step, the shape of its state, and of an element of its sequence."""

    def nonlinear(state: Any, x: Any) -> Any:
        state = np_.tanh(state * 0.9 + x)
        return state, state

    def last_only(state: Any, x: Any) -> Any:
        return np_.tanh(state * 0.9 + x), None

    def product(state: Any, x: Any) -> Any:
        state = np_.tanh((state[:, None] * x).sum(0))
        return state, state

    return {
        "a number, all states": (nonlinear, (), ()),
        "a number, the last state": (last_only, (), ()),
        "8 numbers, all states": (nonlinear, (8,), (8,)),
        "8 x 8 matrix times state": (product, (8,), (8, 8)),
    }


def measured(name: str, threads: int) -> Result:
    import croton as cr

    step, state, element = bodies(cr)[name]
    rng = np.random.default_rng(0)
    start, sequence = rng.standard_normal(state), rng.standard_normal((STEPS, *element)) / 4
    first, xs = cr.tensor("first", state), cr.tensor("xs", sequence.shape)
    last, states = cr.scan(step, first, xs)
    function = cr.function([first, xs], last if states is None else [last, states])
    runs: dict[str, peers.Run] = {"croton": lambda: function(start, sequence)}
    if peers.jax:
        jax = peers.jax
        in_jax = jax.jit(lambda first, xs: jax.lax.scan(bodies(jax.numpy)[name][0], first, xs))
        arrays = jax.numpy.asarray(start), jax.numpy.asarray(sequence)
        mine = function(start, sequence)
        peers.close(mine if states is None else mine[0], in_jax(*arrays)[0])
        runs["jax"] = lambda: jax.block_until_ready(in_jax(*arrays))
    result = alternate(f"{STEPS} steps, {name} ({threads} threads)", runs, rounds=9)
    note(f"{name}: {1e9 * float(np.median(result.seconds['croton'])) / STEPS:.0f} ns a step")
    return result


def run(threads: int = 1) -> list[Result]:
    import croton as cr

    return [measured(name, threads) for name in bodies(cr)]


if __name__ == "__main__":
    peers.main(run)

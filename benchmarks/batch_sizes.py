"""Forty batch sizes through one function: no recompilation.

    python -m benchmarks.batch_sizes
"""

from __future__ import annotations

from benchmarks import peers
from benchmarks.measure import note

import time
from typing import Any

import numpy as np


def run(threads: int = 1) -> dict[str, float]:
    import croton as cr

    rng = np.random.default_rng(0)
    weights = rng.standard_normal((256, 256)).astype(np.float32)
    batches = [np.ones((n, 256), np.float32) for n in range(1, 41)]

    W, x = cr.tensor("W", shape=(256, 256), dtype="float32"), cr.tensor("x", shape=(None, 256), dtype="float32")
    function = cr.function([W, x], cr.grad((cr.tanh(cr.tanh(x @ W) @ W) ** 2).mean(), W))
    function(weights, batches[0])
    seconds = {}
    start = time.perf_counter()
    for batch in batches:
        function(weights, batch)
    seconds["croton"] = time.perf_counter() - start
    if peers.jax:
        jax, jnp = peers.jax, peers.jax.numpy
        gradient = jax.jit(jax.grad(lambda W, x: (jnp.tanh(jnp.tanh(x @ W) @ W) ** 2).mean()))
        device: Any = jnp.asarray(weights)
        jax.block_until_ready(gradient(device, batches[0]))
        start = time.perf_counter()
        for batch in batches:
            jax.block_until_ready(gradient(device, batch))
        seconds["jax"] = time.perf_counter() - start
    note("40 batch sizes after the first call: " + ", ".join(f"{name} {value:.3f} s" for name, value in seconds.items()))
    return seconds


if __name__ == "__main__":
    peers.main(run)

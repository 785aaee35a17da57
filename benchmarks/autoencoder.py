"""The contractive autoencoder's cost and three gradients: batch 128, 784 visible, 500 hidden, float32, in several spellings.

    python -m benchmarks.autoencoder [--threads 1]
"""

from __future__ import annotations

from benchmarks import peers
from benchmarks.autoencoder_model import BATCH, HIDDEN, SPELLINGS, VISIBLE, cost, data
from benchmarks.measure import Result, alternate, note

from typing import Any

import numpy as np


def croton_run(spelling: str, values: tuple[np.ndarray, ...], reference: list[np.ndarray] | None = None) -> tuple[peers.Run, Any]:
    import croton as cr

    W = cr.tensor("W", shape=(VISIBLE, HIDDEN), dtype="float32")
    bh, bv = cr.tensor("bh", shape=(HIDDEN,), dtype="float32"), cr.tensor("bv", shape=(VISIBLE,), dtype="float32")
    x = cr.tensor("x", shape=(None, VISIBLE), dtype="float32")
    c = cost(cr, cr.sigmoid, W, bh, bv, x, spelling)
    function = cr.function([W, bh, bv, x], [c, *cr.grad(c, [W, bh, bv])])
    for mine, theirs in zip(function(*values), reference or []):
        peers.close(mine, theirs)
    return lambda: function(*values), function


def jax_run(spelling: str, values: tuple[np.ndarray, ...]) -> tuple[peers.Run, list[np.ndarray]]:
    jax, jnp = peers.jax, peers.jax.numpy
    function = jax.jit(jax.value_and_grad(lambda W, bh, bv, x: cost(jnp, jax.nn.sigmoid, W, bh, bv, x, spelling), argnums=(0, 1, 2)))
    arrays = [jnp.asarray(value) for value in values]
    value, gradients = function(*arrays)
    return lambda: jax.block_until_ready(function(*arrays)), [np.asarray(a) for a in (value, *gradients)]


def torch_run(spelling: str, values: tuple[np.ndarray, ...]) -> peers.Run:
    torch = peers.torch
    *parameters, x = [torch.tensor(value) for value in values]
    parameters = [p.requires_grad_() for p in parameters]
    return lambda: torch.autograd.grad(cost(torch, torch.sigmoid, *parameters, x, spelling), parameters)


def run(threads: int = 1) -> list[Result]:
    values = data()
    reference = None
    contenders: dict[str, peers.Run] = {}
    if peers.jax:
        jax_factored, reference = jax_run("factored", values)
    for spelling in SPELLINGS:
        contenders[f"croton {spelling}"], function = croton_run(spelling, values, reference)
        note(f"{spelling:14s} memory_peak {function.memory_peak(x=(BATCH, VISIBLE)) / 1e6:.3f} MB   {function.flops(x=(BATCH, VISIBLE)) / 1e6:.1f} Mflop")
    if peers.jax:
        contenders["jax factored"] = jax_factored
    if peers.torch:
        contenders["torch factored"] = torch_run("factored", values)
    results = [alternate(f"CAE step ({threads} threads)", contenders)]
    if peers.jax:
        naive = {"croton naive": contenders["croton naive"], "jax naive": jax_run("naive", values)[0]}
        results.append(alternate(f"CAE step, naive everywhere ({threads} threads)", naive, rounds=5))
    return results


if __name__ == "__main__":
    peers.main(run)

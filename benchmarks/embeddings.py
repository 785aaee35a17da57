"""Averaged padded embeddings: a 100,000 x 128 table, batch 256 x 20, softmax classifier on top, one SGD step.

    python -m benchmarks.embeddings [--threads 1]
"""

from __future__ import annotations

from benchmarks import peers
from benchmarks.measure import Result, alternate

from typing import Any

import numpy as np

WORDS, WIDTH, BATCH, LENGTH, CLASSES, RATE = 100_000, 128, 256, 20, 100, 0.1


def run(threads: int = 1) -> list[Result]:
    import croton as cr

    rng = np.random.default_rng(0)
    table = (rng.standard_normal((WORDS, WIDTH)) * 0.05).astype(np.float32)
    last = (rng.standard_normal((WIDTH, CLASSES)) * 0.05).astype(np.float32)
    ids = rng.integers(1, WORDS, (BATCH, LENGTH))
    ids[rng.random((BATCH, LENGTH)) < 0.3] = 0
    target = rng.integers(0, CLASSES, BATCH)

    E, U = cr.shared(table, name="E"), cr.shared(last, name="U")
    i, y = cr.matrix("i", dtype="int64"), cr.vector("y", dtype="int64")
    mask = (i > 0).astype("float32")
    mean = (E[i] * mask[:, :, None]).sum(1) / cr.maximum(1.0, mask.sum(1))[:, None]
    cost = -cr.take_along_axis(cr.log_softmax(mean @ U, axis=-1), y[:, None], axis=1).mean()
    step = cr.function([i, y], cost, updates=[(p, p - RATE * g) for p, g in zip((E, U), cr.grad(cost, [E, U]))])
    print(step.explain())
    contenders: dict[str, peers.Run] = {"croton": lambda: step(ids, target)}
    if peers.jax:
        jax, jnp = peers.jax, peers.jax.numpy

        def jax_cost(p: Any, i: Any, y: Any) -> Any:
            E, U = p
            m = (i > 0)[:, :, None]
            w = (E[i] * m).sum(1) / jnp.maximum(1, (i > 0).sum(1))[:, None]
            return -jnp.take_along_axis(jax.nn.log_softmax(w @ U), y[:, None], 1).mean()

        f = jax.jit(lambda p, i, y: jax.tree.map(lambda a, g: a - RATE * g, p, jax.grad(jax_cost)(p, i, y)), donate_argnums=0)
        state = {"p": (jnp.asarray(table), jnp.asarray(last))}
        a, b = jnp.asarray(ids), jnp.asarray(target)

        def jax_run() -> None:
            state["p"] = f(state["p"], a, b)
            jax.block_until_ready(state["p"])

        contenders["jax"] = jax_run
    if peers.torch:
        torch = peers.torch
        bag = torch.nn.EmbeddingBag(WORDS, WIDTH, mode="mean", sparse=True, padding_idx=0)
        weights = torch.tensor(last, requires_grad=True)
        t, u = torch.tensor(ids), torch.tensor(target)
        optimiser = torch.optim.SGD([*bag.parameters(), weights], lr=RATE)

        def torch_run() -> None:
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(bag(t) @ weights, u).backward()
            optimiser.step()

        contenders["torch sparse"] = torch_run
    if peers.pytensor:
        pytensor, pt = peers.pytensor, peers.pytensor.tensor
        k, z = pt.lmatrix(), pt.lvector()
        P, Q = pytensor.shared(table), pytensor.shared(last)
        m = pt.cast(k > 0, "float32")[:, :, None]
        rows = P[k]
        w = (rows * m).sum(1) / pt.maximum(np.float32(1), pt.cast((k > 0).sum(1), "float32"))[:, None]
        c = -pt.special.log_softmax(w @ Q, axis=-1)[pt.arange(z.shape[0]), z].mean()
        gr, gq = pytensor.grad(c, [rows, Q])
        rate = np.float32(RATE)
        theirs = pytensor.function([k, z], c, updates=[(P, pt.inc_subtensor(rows, -rate * gr)), (Q, Q - rate * gq)])
        contenders["pytensor"] = lambda: theirs(ids, target)
    return [alternate(f"averaged embeddings, SGD step ({threads} threads)", contenders)]


if __name__ == "__main__":
    peers.main(run)

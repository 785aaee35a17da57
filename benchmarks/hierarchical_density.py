"""Log-density and gradient of a hierarchical regression (919 rows, 85 groups, float64): what a sampler calls a million times.

    python -m benchmarks.hierarchical_density
"""

from __future__ import annotations

from benchmarks import peers
from benchmarks.measure import Result, alternate, note

import time
from typing import Any

import numpy as np

ROWS, GROUPS = 919, 85


def density(exp: Any, q: Any, group: Any, floor: Any, y: Any) -> Any:
    mean_a, mean_b, log_a, log_b, log_s = q[0], q[1], q[2], q[3], q[4]
    za, zb = q[5 : 5 + GROUPS], q[5 + GROUPS :]
    a, b = mean_a + exp(log_a) * za, mean_b + exp(log_b) * zb
    r = (y - a[group] - b[group] * floor) / exp(log_s)
    prior = 0.5 * (za * za).sum() + 0.5 * (zb * zb).sum() + 0.5 * (mean_a**2 + mean_b**2) / 100.0
    return -0.5 * (r * r).sum() - ROWS * log_s - prior - 0.5 * (log_a**2 + log_b**2 + log_s**2)


def run(threads: int = 1) -> list[Result]:
    import croton as cr

    rng = np.random.default_rng(0)
    group = rng.integers(0, GROUPS, ROWS)
    floor = rng.integers(0, 2, ROWS).astype("f8")
    y, q0 = rng.standard_normal(ROWS), rng.standard_normal(2 * GROUPS + 5) * 0.1

    start = time.perf_counter()
    q = cr.tensor("q", shape=(2 * GROUPS + 5,))
    value = density(cr.exp, q, group, floor, y)
    with cr.config.use(cache=False):
        function = cr.function([q], [value, cr.grad(value, q)])
        mine = function(q0)
    note(f"croton: graph, compile and first call {time.perf_counter() - start:.2f} s, nothing from the cache")
    contenders: dict[str, peers.Run] = {"croton": lambda: function(q0)}

    def by_hand(q: np.ndarray) -> tuple[float, np.ndarray]:
        ma, mb, la, lb, ls = q[:5]
        za, zb = q[5 : 5 + GROUPS], q[5 + GROUPS :]
        ea, eb, es = np.exp(la), np.exp(lb), np.exp(ls)
        a, b = ma + ea * za, mb + eb * zb
        r = (y - a[group] - b[group] * floor) / es
        rr, d = r @ r, r / es
        da, db = np.bincount(group, d, GROUPS), np.bincount(group, d * floor, GROUPS)
        v = -0.5 * rr - ROWS * ls - 0.5 * za @ za - 0.5 * zb @ zb - 0.5 * (ma * ma + mb * mb) / 100.0 - 0.5 * (la * la + lb * lb + ls * ls)
        head = [da.sum() - ma / 100.0, db.sum() - mb / 100.0, ea * (da @ za) - la, eb * (db @ zb) - lb, rr - ROWS - ls]
        return v, np.concatenate([head, ea * da - za, eb * db - zb])

    for found, wanted in zip(mine, by_hand(q0)):
        peers.close(found, wanted, 1e-10)
    contenders["numpy by hand"] = lambda: by_hand(q0)
    if peers.jax:
        jax, jnp = peers.jax, peers.jax.numpy
        compiled = jax.jit(jax.value_and_grad(lambda q: density(jnp.exp, q, group, floor, y)))
        device = jnp.asarray(q0)
        contenders["jax"] = lambda: jax.block_until_ready(compiled(device))
    if peers.torch:
        torch = peers.torch
        tensors = [torch.tensor(v) for v in (group, floor, y)]

        def torch_run() -> Any:
            t = torch.tensor(q0, requires_grad=True)
            v = density(torch.exp, t, *tensors)
            return v, torch.autograd.grad(v, t)

        contenders["torch"] = torch_run
    if peers.pytensor:
        pytensor, pt = peers.pytensor, peers.pytensor.tensor
        s = pt.dvector("q")
        start = time.perf_counter()
        v = density(pt.exp, s, group, floor, y)
        theirs = pytensor.function([s], [v, pytensor.grad(v, s)])
        theirs.trust_input = True
        theirs(q0)
        note(f"pytensor: compile and first call {time.perf_counter() - start:.2f} s")
        contenders["pytensor"] = lambda: theirs(q0)
    return [alternate("hierarchical density and gradient", contenders, rounds=25)]


if __name__ == "__main__":
    peers.main(run)

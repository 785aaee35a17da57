"""Linear algebra: the likelihood of a Gaussian process with its gradient, of a Kalman filter with its gradient, and many small systems.

    python -m benchmarks.linear_algebra [--threads 1]

Each is written once and run by Croton, JAX and, where it has no loop, torch, all in float64.
"""

from __future__ import annotations

from benchmarks import peers
from benchmarks.measure import Result, alternate, note

from typing import Any

import numpy as np

STEPS, STATE, SEEN = 200, 4, 2
RNG = np.random.default_rng(0)


def process(m: Any, solve_triangular: Any, n: int, p: Any, points: Any, data: Any) -> Any:
    """Minus the logarithm of the likelihood of data under a Gaussian process, but for a constant."""
    distances = ((points[:, None] - points) ** 2).sum(-1)
    covariance = m.exp(-distances / (2 * p[0] ** 2)) * p[1] ** 2 + p[2] ** 2 * m.eye(n)
    factor = m.linalg.cholesky(covariance)
    white = solve_triangular(factor, data)
    return 0.5 * (white * white).sum() + m.log(m.diagonal(factor)).sum()


def filtered(m: Any, last_of: Any, p: Any, ys: Any) -> Any:
    """The logarithm of the likelihood of observations under a linear model of a moving state, but for a constant."""
    rng = np.random.default_rng(1)
    transition = 0.95 * (np.eye(STATE) + 0.1 * np.triu(rng.standard_normal((STATE, STATE)), 1))
    seen = rng.standard_normal((SEEN, STATE))

    def step(carry: Any, y: Any) -> Any:
        mean, covariance, total = carry
        mean = transition @ mean
        covariance = transition @ covariance @ transition.T + p[0] * m.eye(STATE)
        spread = seen @ covariance @ seen.T + p[1] * m.eye(SEEN)
        rest = y - seen @ mean
        gain = m.linalg.solve(spread, seen @ covariance).T
        total = total - 0.5 * (rest @ m.linalg.solve(spread, rest)) - 0.5 * m.linalg.slogdet(spread)[1]
        return mean + gain @ rest, covariance - gain @ seen @ covariance, total

    return last_of(step, (m.zeros(STATE), m.eye(STATE), m.zeros(())), ys)[2]


def of_process(n: int, threads: int) -> Result:
    import croton as cr

    arrays = np.array([1.0, 1.2, 0.4]), RNG.standard_normal((n, 2)), RNG.standard_normal(n)
    inputs = cr.tensor("p", (3,)), cr.tensor("points", (n, 2)), cr.tensor("data", (n,))
    cost = process(cr, cr.linalg.solve_triangular, n, *inputs)
    ours = cr.function(list(inputs), [cost, cr.grad(cost, inputs[0])])
    note(f"Gaussian process, n = {n}: {ours.flops() / 1e6:.1f} Mflop, memory_peak {ours.memory_peak() / 1e6:.2f} MB")
    runs: dict[str, peers.Run] = {"croton": lambda: ours(*arrays)}
    found = ours(*arrays)
    if peers.jax:
        jnp, jax = peers.jax.numpy, peers.jax

        def lower(a: Any, b: Any) -> Any:
            return jax.scipy.linalg.solve_triangular(a, b, lower=True)

        theirs = jax.jit(jax.value_and_grad(lambda *args: process(jnp, lower, n, *args)))
        there = [jnp.asarray(array) for array in arrays]
        peers.close(found[1], theirs(*there)[1])
        runs["jax"] = lambda: jax.block_until_ready(theirs(*there))
    if peers.torch:
        torch = peers.torch
        p, points, data = (torch.tensor(array) for array in arrays)
        p.requires_grad_()

        def with_gradient() -> Any:
            p.grad = None
            covariance = torch.exp(-((points[:, None] - points) ** 2).sum(-1) / (2 * p[0] ** 2)) * p[1] ** 2 + p[2] ** 2 * torch.eye(n)
            factor = torch.linalg.cholesky(covariance)
            white = torch.linalg.solve_triangular(factor, data[:, None], upper=False)
            (0.5 * (white * white).sum() + torch.log(torch.diagonal(factor)).sum()).backward()
            return p.grad

        peers.close(found[1], with_gradient())
        runs["torch"] = with_gradient
    return alternate(f"Gaussian process with gradient, n = {n} ({threads} threads)", runs, rounds=11)


def of_filter(threads: int) -> Result:
    import croton as cr

    arrays = np.array([0.3, 0.5]), RNG.standard_normal((STEPS, SEEN))
    p, ys = cr.tensor("p", (2,)), cr.tensor("ys", (STEPS, SEEN))
    value = filtered(cr, lambda step, first, xs: cr.scan(lambda c, x: (step(c, x), None), first, xs)[0], p, ys)
    ours = cr.function([p, ys], [value, cr.grad(value, p)])
    found = ours(*arrays)
    runs: dict[str, peers.Run] = {"croton": lambda: ours(*arrays)}
    if peers.jax:
        jnp, jax = peers.jax.numpy, peers.jax

        def last_of(step: Any, first: Any, xs: Any) -> Any:
            return jax.lax.scan(lambda c, x: (step(c, x), None), first, xs)[0]

        theirs = jax.jit(jax.value_and_grad(lambda p, ys: filtered(jnp, last_of, p, ys)))
        there = [jnp.asarray(array) for array in arrays]
        peers.close(found[1], theirs(*there)[1])
        runs["jax"] = lambda: jax.block_until_ready(theirs(*there))
    return alternate(f"Kalman filter with gradient, {STEPS} steps, a state of {STATE} ({threads} threads)", runs, rounds=11)


def of_systems(count: int, n: int, threads: int) -> Result:
    import croton as cr

    matrices, sides = RNG.standard_normal((count, n, n)) + 3 * np.eye(n), RNG.standard_normal((count, n, 1))
    a, b = cr.tensor("a", matrices.shape), cr.tensor("b", sides.shape)
    ours = cr.function([a, b], cr.linalg.solve(a, b))
    runs: dict[str, peers.Run] = {"croton": lambda: ours(matrices, sides), "numpy": lambda: np.linalg.solve(matrices, sides)}
    peers.close(ours(matrices, sides), np.linalg.solve(matrices, sides))
    if peers.jax:
        jax = peers.jax
        theirs, there = jax.jit(jax.numpy.linalg.solve), [jax.numpy.asarray(array) for array in (matrices, sides)]
        runs["jax"] = lambda: jax.block_until_ready(theirs(*there))
    if peers.torch:
        torch = peers.torch
        given = torch.tensor(matrices), torch.tensor(sides)
        runs["torch"] = lambda: torch.linalg.solve(*given)
    return alternate(f"{count} systems of {n} equations ({threads} threads)", runs, rounds=11)


def run(threads: int = 1) -> list[Result]:
    return [of_process(200, threads), of_process(1000, threads), of_filter(threads), of_systems(1000, 6, threads)]


if __name__ == "__main__":
    peers.main(run)

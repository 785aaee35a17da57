"""tanh(x*w + b) * sigmoid(z) + exp(-x*x): the element-wise example, small, medium and large, in both precisions.

    python -m benchmarks.elementwise [--threads 1]
"""

from __future__ import annotations

from benchmarks import peers
from benchmarks.measure import Result, alternate

import numpy as np


def run(threads: int = 1, sizes: tuple[int, ...] = (1_000, 100_000, 10_000_000)) -> list[Result]:
    rng = np.random.default_rng(0)
    results = []
    for dtype in ("float32", "float64"):
        for size in sizes:
            x, z = (rng.standard_normal(size).astype(dtype) for _ in range(2))
            w, b = (np.asarray(value, dtype) for value in (1.3, 0.2))
            contenders = {
                "croton": croton_run(x, w, b, z),
                "numpy": lambda x=x, w=w, b=b, z=z: np.tanh(x * w + b) / (1 + np.exp(-z)) + np.exp(-x * x),
            }
            if peers.jax:
                contenders["jax"] = jax_run(x, w, b, z)
            if peers.torch:
                contenders["torch"] = torch_run(x, w, b, z, compiled=False)
                contenders["torch.compile"] = torch_run(x, w, b, z, compiled=True)
            if peers.pytensor:
                contenders["pytensor"] = pytensor_run(x, w, b, z)
            results.append(alternate(f"elementwise {dtype} {size:.0e} ({threads} threads)", contenders))
    return results


def croton_run(*values: np.ndarray) -> peers.Run:
    import croton as cr

    dtype = values[0].dtype.name
    x, z = cr.vector("x", dtype=dtype), cr.vector("z", dtype=dtype)
    w, b = cr.scalar("w", dtype=dtype), cr.scalar("b", dtype=dtype)
    function = cr.function([x, w, b, z], cr.tanh(x * w + b) * cr.sigmoid(z) + cr.exp(-x * x))
    peers.close(function(*values), np.tanh(values[0] * values[1] + values[2]) / (1 + np.exp(-values[3])) + np.exp(-(values[0] ** 2)))
    return lambda: function(*values)


def jax_run(*values: np.ndarray) -> peers.Run:
    jax, jnp = peers.jax, peers.jax.numpy
    function = jax.jit(lambda x, w, b, z: jnp.tanh(x * w + b) * jax.nn.sigmoid(z) + jnp.exp(-x * x))
    arrays = [jnp.asarray(value) for value in values]
    return lambda: jax.block_until_ready(function(*arrays))


def torch_run(*values: np.ndarray, compiled: bool) -> peers.Run:
    torch = peers.torch

    def definition(x, w, b, z):
        return torch.tanh(x * w + b) * torch.sigmoid(z) + torch.exp(-x * x)

    function = torch.compile(definition) if compiled else definition
    arrays = [torch.tensor(value) for value in values]
    return lambda: function(*arrays)


def pytensor_run(*values: np.ndarray) -> peers.Run:
    pytensor, pt = peers.pytensor, peers.pytensor.tensor
    dtype = values[0].dtype.name
    x, z, w, b = pt.vector("x", dtype=dtype), pt.vector("z", dtype=dtype), pt.scalar("w", dtype=dtype), pt.scalar("b", dtype=dtype)
    function = pytensor.function([x, w, b, z], pt.tanh(x * w + b) * pt.sigmoid(z) + pt.exp(-x * x))
    function.trust_input = True
    return lambda: function(*values)


if __name__ == "__main__":
    peers.main(run)

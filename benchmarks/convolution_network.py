"""A convolution network's training step: two layers of 3 x 3 filters, relu and 2 x 2 max-pooling, then a dense layer; 28 x 28 images.

    python -m benchmarks.convolution_network [--threads 1]
"""

from __future__ import annotations

from benchmarks import peers
from benchmarks.measure import Result, alternate, note

import time
from typing import Any

import numpy as np

SIDE, CLASSES = 28, 10
FILTERS = 16, 32
BATCHES = 32, 128
Parameters = dict[str, Any]


def data(batch: int) -> tuple[Parameters, np.ndarray, np.ndarray]:
    """The parameters, images with one channel, and their classes."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    first, second = FILTERS
    rest = (SIDE // 4) ** 2 * second
    parameters = {"w1": normal(first, 1, 3, 3), "b1": np.zeros(first, np.float32), "w2": normal(second, first, 3, 3), "b2": np.zeros(second, np.float32)}
    parameters |= {"w3": normal(CLASSES, rest).T.copy(), "b3": np.zeros(CLASSES, np.float32)}
    return parameters, rng.standard_normal((batch, 1, SIDE, SIDE)).astype(np.float32), rng.integers(0, CLASSES, batch)


def cost(m: Any, f: Any, p: Parameters, x: Any, y: Any) -> Any:
    """The mean cross-entropy; `m` has the functions of NumPy, `f` relu, log_softmax, conv and max_pool, which take (batch, channels, rows, columns)."""
    h = f.max_pool(f.relu(f.conv(x, p["w1"]) + p["b1"][:, None, None]))
    h = f.max_pool(f.relu(f.conv(h, p["w2"]) + p["b2"][:, None, None]))
    logits = h.reshape((h.shape[0], -1)) @ p["w3"] + p["b3"]
    return -m.take_along_axis(f.log_softmax(logits), y[:, None], axis=1).mean()


def step(gradient: Any, cost: Any) -> Any:
    """One step of gradient descent: parameters, images, classes -> cost, parameters."""

    def run(p: Parameters, x: Any, y: Any) -> Any:
        value, slopes = gradient(lambda p: cost(p, x, y))(p)
        return value, {name: p[name] - np.float32(0.05) * slopes[name] for name in p}

    return run


def by_jax(jax: Any) -> Any:
    """The layers in JAX's own words."""

    class Functions:
        relu = staticmethod(jax.nn.relu)
        log_softmax = staticmethod(jax.nn.log_softmax)

        @staticmethod
        def conv(x: Any, w: Any) -> Any:
            return jax.lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NCHW", "OIHW", "NCHW"))

        @staticmethod
        def max_pool(x: Any) -> Any:
            return jax.lax.reduce_window(x, -np.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    return Functions


def by_torch(torch: Any) -> Any:
    """A step with torch.nn.functional."""
    functional = torch.nn.functional

    def run(p: Parameters, x: Any, y: Any) -> Any:
        h = functional.max_pool2d(torch.relu(functional.conv2d(x, p["w1"], p["b1"], padding=1)), 2)
        h = functional.max_pool2d(torch.relu(functional.conv2d(h, p["w2"], p["b2"], padding=1)), 2)
        value = functional.cross_entropy(h.flatten(1) @ p["w3"] + p["b3"], y)
        slopes = torch.autograd.grad(value, list(p.values()))
        with torch.no_grad():
            return value, {name: p[name] - 0.05 * slope for name, slope in zip(p, slopes)}

    return run


def run(threads: int = 1) -> list[Result]:
    import croton as cr

    class Functions:
        relu, log_softmax = staticmethod(cr.relu), staticmethod(cr.log_softmax)
        conv = staticmethod(lambda x, w: cr.conv(x, w, padding="same"))
        max_pool = staticmethod(lambda x: cr.max_pool(x, 2))

    results = []
    for batch in BATCHES:
        values = data(batch)
        start = time.perf_counter()
        with cr.config.use(cache=False):
            mine = cr.jit(step(cr.value_and_grad, lambda p, x, y: cost(cr, Functions, p, x, y)))
            found = mine(*values)
        note(f"croton: graph, gradient, compile and first call {time.perf_counter() - start:.2f} s, nothing from the cache")
        contenders: dict[str, peers.Run] = {"croton": lambda mine=mine, values=values: mine(*values)}
        if peers.jax:
            jax = peers.jax
            functions = by_jax(jax)
            theirs = jax.jit(step(jax.value_and_grad, lambda p, x, y: cost(jax.numpy, functions, p, x, y)))
            arrays = jax.tree.map(jax.numpy.asarray, values)
            check(found, jax.block_until_ready(theirs(*arrays)))
            contenders["jax"] = lambda theirs=theirs, arrays=arrays: peers.jax.block_until_ready(theirs(*arrays))
        if peers.torch:
            p, x, y = values
            tensors = {name: peers.torch.tensor(value).requires_grad_() for name, value in p.items()}, peers.torch.tensor(x), peers.torch.tensor(y)
            other = by_torch(peers.torch)
            value, after = other(*tensors)
            check(found, (value.detach().numpy(), {name: tensor.detach().numpy() for name, tensor in after.items()}))
            contenders["torch"] = lambda other=other, tensors=tensors: other(*tensors)
        results.append(alternate(f"convolution network step, batch {batch} ({threads} threads)", contenders))
    return results


def check(found: Any, wanted: Any) -> None:
    peers.close(found[0], wanted[0])
    for name, value in found[1].items():
        peers.close(value, wanted[1][name], 1e-3)


if __name__ == "__main__":
    peers.main(run)

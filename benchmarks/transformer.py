"""A transformer's training cost and its gradients: 4 layers of 128, 4 heads, 64 tokens, batch 8, from attention and normalisation written out.

    python -m benchmarks.transformer [--threads 1]
"""

from __future__ import annotations

from benchmarks import peers
from benchmarks.measure import Result, alternate, note

import time
from typing import Any

import numpy as np

LAYERS, WIDTH, HEADS, TOKENS, BATCH, WORDS = 4, 128, 4, 64, 8, 96
HEAD = WIDTH // HEADS
Parameters = dict[str, Any]


def data() -> tuple[Parameters, np.ndarray, np.ndarray]:
    """The parameters, the tokens and those that should follow them."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return (0.05 * rng.standard_normal(shape)).astype(np.float32)

    def layer() -> dict[str, np.ndarray]:
        scales = {name: np.ones(WIDTH, np.float32) for name in ("scale", "scale_inside")}
        shifts = {name: np.zeros(WIDTH, np.float32) for name in ("shift", "shift_inside")}
        products = {"heads": normal(WIDTH, 3 * WIDTH), "joined": normal(WIDTH, WIDTH), "wide": normal(WIDTH, 4 * WIDTH), "narrow": normal(4 * WIDTH, WIDTH)}
        return scales | shifts | products

    layers = [layer() for _ in range(LAYERS)]
    parameters = {"words": normal(WORDS, WIDTH), "places": normal(TOKENS, WIDTH), "out": normal(WIDTH, WORDS), "layers": layers}
    return parameters, rng.integers(0, WORDS, (BATCH, TOKENS)), rng.integers(0, WORDS, (BATCH, TOKENS))


def normalised(m: Any, h: Any, scale: Any, shift: Any) -> Any:
    mean = h.mean(-1, keepdims=True)
    variance = ((h - mean) ** 2).mean(-1, keepdims=True)
    return (h - mean) / m.sqrt(variance + 1e-5) * scale + shift


def cost(m: Any, functions: Any, parameters: Parameters, tokens: Any, following: Any) -> Any:
    """The mean cross-entropy; `m` has the functions of NumPy, `functions` softmax and log_softmax."""
    before = m.asarray(np.tril(np.ones((TOKENS, TOKENS), bool)))
    h = parameters["words"][tokens] + parameters["places"]
    for layer in parameters["layers"]:
        heads = normalised(m, h, layer["scale"], layer["shift"]) @ layer["heads"]
        q, k, v = [part.reshape((BATCH, TOKENS, HEADS, HEAD)) for part in m.split(heads, 3, axis=-1)]
        scores = m.einsum("bshd,bthd->bhst", q, k) / np.float32(HEAD**0.5)
        attention = functions.softmax(m.where(before, scores, np.float32(-1e9)), axis=-1)
        h = h + m.einsum("bhst,bthd->bshd", attention, v).reshape((BATCH, TOKENS, WIDTH)) @ layer["joined"]
        inside = normalised(m, h, layer["scale_inside"], layer["shift_inside"]) @ layer["wide"]
        inside = 0.5 * inside * (1 + m.tanh(np.float32(0.7978845608) * (inside + np.float32(0.044715) * inside**3)))
        h = h + inside @ layer["narrow"]
    return -m.take_along_axis(functions.log_softmax(h @ parameters["out"], axis=-1), following[..., None], axis=-1).mean()


def leaves(parameters: Parameters) -> list[Any]:
    """The arrays of a tree of parameters, by name."""
    names = sorted(parameters["layers"][0])
    return [*[parameters[name] for name in ("words", "places", "out")], *[layer[name] for layer in parameters["layers"] for name in names]]


def run(threads: int = 1) -> list[Result]:
    import croton as cr

    values = data()

    def by_croton(p: Parameters, x: Any, y: Any) -> Any:
        return cr.value_and_grad(lambda p: cost(cr, cr, p, x, y))(p)

    start = time.perf_counter()
    with cr.config.use(cache=False):
        step = cr.jit(by_croton)
        mine, slopes = step(*values)
    note(f"croton: graph, gradient, compile and first call {time.perf_counter() - start:.2f} s, nothing from the cache")
    contenders: dict[str, peers.Run] = {"croton": lambda: step(*values)}
    if peers.jax:
        jax = peers.jax
        theirs = jax.jit(jax.value_and_grad(lambda p, x, y: cost(jax.numpy, jax.nn, p, x, y)))
        arrays = jax.tree.map(jax.numpy.asarray, values)
        start = time.perf_counter()
        value, gradients = jax.block_until_ready(theirs(*arrays))
        note(f"jax: compile and first call {time.perf_counter() - start:.2f} s")
        peers.close(mine, value)
        for one, other in zip(leaves(slopes), leaves(gradients)):
            peers.close(one, other, 1e-3)
        contenders["jax"] = lambda: jax.block_until_ready(theirs(*arrays))
    function = step.function_for(*values)
    note(f"croton: {len(function.account.kernels)} distinct kernels")
    return [alternate(f"transformer, cost and gradients ({threads} threads)", contenders)]


if __name__ == "__main__":
    peers.main(run)

"""Squared per-example gradients, norms, variances and the ghost norm, each divided by the time and memory of the plain gradient.

    python -m benchmarks.per_example [--threads 1]

The first column is the plain gradient of the mean cost, so that a ratio is what the statistics of the single examples cost in gradients.
"""

from __future__ import annotations

from benchmarks import peers
from benchmarks.measure import Result, alternate, note

import itertools
from typing import Any

import numpy as np

import croton as cr

BATCH, SIZES = 128, (784, 500, 500, 10)
SHARED = {"batch": 32, "steps": 64, "inputs": 512, "outputs": 513}
"""A layer that is used in every step of a sequence; its outputs are no rounder a number than a user's."""


def single(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32)


def memory(function: Any, plain: Any) -> str:
    """What a function takes and computes, and that in plain gradients."""
    taken, flops = function.memory_peak(), function.flops()
    memory_ratio, flops_ratio = taken / plain.memory_peak(), flops / plain.flops()
    return f"memory_peak {taken / 1e6:.2f} MB, {flops / 1e6:.0f} Mflop; of the plain gradient's {memory_ratio:.2f} and {flops_ratio:.2f}"


def spellings(cost: Any, x: Any, y: Any, weights: list[Any]) -> dict[str, Any]:
    """The gradients of each example's cost with respect to each weight, the example in front."""
    return {
        "vmap of grad": cr.vmap(lambda one, target: tuple(cr.grad(cost(one, target), weights)))(x, y),
        "jacobian": cr.jacobian(cost(x, y), weights),
        "scan": cr.scan(lambda _, each: (None, tuple(cr.grad(cost(*each), weights))), None, (x, y))[1],
    }


def network(threads: int) -> list[Result]:
    """The 784-500-500-10 network."""
    rng = np.random.default_rng(0)
    inputs, classes = single(rng.standard_normal((BATCH, SIZES[0]))), np.eye(10, dtype=np.float32)[rng.integers(0, 10, BATCH)]
    start = [single(rng.standard_normal((a, b)) / np.sqrt(a)) for a, b in itertools.pairwise(SIZES)]
    x, y = cr.tensor("x", inputs.shape, dtype="float32"), cr.tensor("y", classes.shape, dtype="float32")
    weights = [cr.tensor(f"W{i}", value.shape, dtype="float32") for i, value in enumerate(start)]

    def cost(one: Any, target: Any) -> Any:
        """Of one example, or of each in a batch."""
        for matrix in weights[:-1]:
            one = cr.tanh(one @ matrix)
        logits = one @ weights[-1]
        return cr.logsumexp(logits, axis=-1) - (target * logits).sum(-1)

    given = [x, y, *weights]
    values = [inputs, classes, *start]
    plain = cr.function(given, cr.grad(cost(x, y).mean(), weights))
    note(f"plain gradient: memory_peak {plain.memory_peak() / 1e6:.2f} MB, {plain.flops() / 1e6:.0f} Mflop")
    squares: dict[str, peers.Run] = {"plain gradient": lambda: plain(*values)}
    norms, variances = dict(squares), dict(squares)
    found: list[Any] = []
    for name, gradients in spellings(cost, x, y, weights).items():
        outputs = {
            "squared": [(g**2).mean(0) for g in gradients],
            "norm": cr.sqrt(sum((g**2).sum((1, 2)) for g in gradients)),
            "variance": [(g**2).mean(0) - g.mean(0) ** 2 for g in gradients],
            "centred variance": [((g - g.mean(0)) ** 2).mean(0) for g in gradients],
        }
        for what, output in outputs.items():
            function = cr.function(given, output)
            note(f"{what}, {name}: {memory(function, plain)}")
            table = {"squared": squares, "norm": norms}.get(what, variances)
            table[name if table is not variances else f"{what}, {name}"] = lambda f=function: f(*values)
            if what == "squared":
                found.append(function(*values))
    for one, other in itertools.pairwise(found):
        for a, b in zip(one, other):
            peers.close(a, b)
    if peers.jax:
        jax, jnp = peers.jax, peers.jax.numpy

        def cost_in_jax(parameters: Any, one: Any, target: Any) -> Any:
            for matrix in parameters[:-1]:
                one = jnp.tanh(one @ matrix)
            logits = one @ parameters[-1]
            return jax.nn.logsumexp(logits) - (target * logits).sum()

        each = jax.vmap(jax.grad(cost_in_jax), in_axes=(None, 0, 0))
        arrays = [jnp.asarray(value) for value in values[2:]], jnp.asarray(inputs), jnp.asarray(classes)
        in_jax = jax.jit(lambda p, x, y: [(g**2).mean(0) for g in each(p, x, y)])
        norms_in_jax = jax.jit(lambda p, x, y: jnp.sqrt(sum((g**2).sum((1, 2)) for g in each(p, x, y))))
        plain_in_jax = jax.jit(jax.grad(lambda p, x, y: jax.vmap(cost_in_jax, in_axes=(None, 0, 0))(p, x, y).mean()))
        for a, b in zip(found[0], in_jax(*arrays)):
            peers.close(a, b, 1e-3)
        squares["jax, plain gradient"] = lambda: jax.block_until_ready(plain_in_jax(*arrays))
        squares["jax, vmap of grad"] = lambda: jax.block_until_ready(in_jax(*arrays))
        norms["jax, vmap of grad"] = lambda: jax.block_until_ready(norms_in_jax(*arrays))
    title = f"784-500-500-10, batch {BATCH} ({threads} threads)"
    return [
        alternate(f"mean squared gradients, {title}", squares, rounds=21),
        alternate(f"gradient norms, {title}", norms, rounds=21),
        alternate(f"gradient variance, {title}", variances, rounds=21),
    ]


def shared_layer(threads: int) -> list[Result]:
    """The norm of each example's gradient for a layer that every step of a sequence uses."""
    rng = np.random.default_rng(0)
    batch, steps, inputs, outputs = SHARED.values()
    values = [single(rng.standard_normal(shape) / 20) for shape in ((batch, steps, inputs), (batch, steps, outputs), (inputs, outputs))]
    x, y, w = [cr.tensor(name, value.shape, dtype="float32") for name, value in zip("xyw", values)]

    def cost(one: Any, target: Any) -> Any:
        return ((one @ w - target) ** 2).sum((-2, -1))

    plain = cr.function([x, y, w], cr.grad(cost(x, y).mean(), w))
    runs: dict[str, peers.Run] = {"plain gradient": lambda: plain(*values)}
    for algebra in ("default", "aggressive"):
        with cr.config.use(algebra=algebra):
            norms = cr.vmap(lambda one, target: (cr.grad(cost(one, target), w) ** 2).sum())(x, y)
            function = cr.function([x, y, w], norms)
            note(f"ghost norm, algebra {algebra}: {memory(function, plain)}")
            runs[f"ghost norm, algebra {algebra}"] = lambda f=function: f(*values)
    return [alternate(f"ghost norm of a layer shared over {steps} steps, {batch} x {inputs} x {outputs} ({threads} threads)", runs, rounds=21)]


def run(threads: int = 1) -> list[Result]:
    return [*network(threads), *shared_layer(threads)]


if __name__ == "__main__":
    peers.main(run)

"""An LSTM, forward and gradient: 100 steps, batch 32, 128 inputs, 256 units, float32, beside torch.nn.LSTM and JAX's scan.

    python -m benchmarks.lstm [--threads 1]
"""

from __future__ import annotations

from benchmarks import peers
from benchmarks.measure import Result, alternate, note

import itertools
import time
from typing import Any

import numpy as np

STEPS, BATCH, INPUTS, UNITS = 100, 32, 128, 256


def data() -> tuple[np.ndarray, ...]:
    """The parameters (input weights, state weights, bias), the sequences and what weighs the states in the cost."""
    rng = np.random.default_rng(0)
    shapes = (INPUTS, 4 * UNITS), (UNITS, 4 * UNITS), (4 * UNITS,), (STEPS, BATCH, INPUTS), (STEPS, BATCH, UNITS)
    scales = 1 / 16, 1 / 16, 1 / 16, 1, 1 / STEPS
    return tuple((rng.standard_normal(shape) * scale).astype(np.float32) for shape, scale in zip(shapes, scales))


def cell(np_: Any, sigmoid: Any, inward: Any, around: Any, bias: Any, carry: Any, x: Any) -> Any:
    """One step, with the gates in the order that torch keeps them in."""
    state, memory = carry
    write, keep, new, show = np_.split(x @ inward + state @ around + bias, 4, axis=-1)
    memory = sigmoid(keep) * memory + sigmoid(write) * np_.tanh(new)
    state = sigmoid(show) * np_.tanh(memory)
    return (state, memory), state


def build_croton() -> tuple[Any, Any]:
    import croton as cr

    names = "inward", "around", "bias", "xs", "weights"
    inward, around, bias, xs, weights = [cr.tensor(name, value.shape, dtype="float32") for name, value in zip(names, data())]
    nothing = cr.zeros((BATCH, UNITS), dtype="float32")
    _, states = cr.scan(lambda carry, x: cell(cr, cr.sigmoid, inward, around, bias, carry, x), (nothing, nothing), xs)
    cost = (states * weights).sum()
    forward = cr.function([inward, around, bias, xs], states)
    gradient = cr.function([inward, around, bias, xs, weights], [cost, *cr.grad(cost, [inward, around, bias, xs])])
    return forward, gradient


def build_jax() -> tuple[Any, Any]:
    jax, jnp = peers.jax, peers.jax.numpy

    def states(inward: Any, around: Any, bias: Any, xs: Any) -> Any:
        nothing = jnp.zeros((BATCH, UNITS), jnp.float32)
        return jax.lax.scan(lambda carry, x: cell(jnp, jax.nn.sigmoid, inward, around, bias, carry, x), (nothing, nothing), xs)[1]

    return jax.jit(states), jax.jit(jax.value_and_grad(lambda *p: (states(*p[:4]) * p[4]).sum(), argnums=(0, 1, 2, 3)))


def build_torch(values: tuple[np.ndarray, ...]) -> tuple[peers.Run, peers.Run]:
    torch = peers.torch
    inward, around, bias, xs, weights = [torch.tensor(value) for value in values]
    lstm = torch.nn.LSTM(INPUTS, UNITS)
    with torch.no_grad():
        for mine, value in zip(lstm.parameters(), (inward.T, around.T, bias, torch.zeros_like(bias))):
            mine.copy_(value)
    xs.requires_grad_()

    def forward() -> Any:
        with torch.no_grad():
            return lstm(xs)[0]

    def gradient() -> Any:
        cost = (lstm(xs)[0] * weights).sum()
        d_inward, d_around, d_bias, _, d_xs = torch.autograd.grad(cost, [*lstm.parameters(), xs])
        return cost.detach(), d_inward.T, d_around.T, d_bias, d_xs

    return forward, gradient


def run(threads: int = 1) -> list[Result]:
    import croton as cr

    values = data()
    with cr.config.use(cache=False):
        start = time.perf_counter()
        forward, gradient = build_croton()
        forward(*values[:4])
        between = time.perf_counter()
        gradient(*values)
        note(f"croton: graph, compile and first call {between - start:.2f} s forward and {time.perf_counter() - between:.2f} s with gradient")
    note(f"croton: {gradient.flops() / 1e9:.2f} Gflop, memory_peak {gradient.memory_peak() / 1e6:.1f} MB with gradient")
    forwards: dict[str, peers.Run] = {"croton": lambda: forward(*values[:4])}
    gradients: dict[str, peers.Run] = {"croton": lambda: gradient(*values)}
    if peers.torch:
        forwards["torch.nn.LSTM"], gradients["torch.nn.LSTM"] = build_torch(values)
    if peers.jax:
        jax = peers.jax
        arrays = [jax.numpy.asarray(value) for value in values]
        start = time.perf_counter()
        jax_forward, jax_gradient = build_jax()
        jax.block_until_ready((jax_forward(*arrays[:4]), jax_gradient(*arrays)))
        note(f"jax: compile and first call of both {time.perf_counter() - start:.2f} s")
        forwards["jax"] = lambda: jax.block_until_ready(jax_forward(*arrays[:4]))
        gradients["jax"] = lambda: jax.block_until_ready(jax_gradient(*arrays))
    expected: dict[str, list[Any]] = {}
    for name in forwards:
        theirs: Any = gradients[name]()
        flat = [np.asarray(array) for array in (theirs if name != "jax" else (theirs[0], *theirs[1]))]
        expected[name] = [np.asarray(forwards[name]()), *flat]
    for one, other in itertools.pairwise(expected.values()):
        for mine, his in zip(one, other):
            peers.close(mine, his, 1e-3)
    sizes = f"{STEPS} steps, batch {BATCH}, {INPUTS} -> {UNITS}"
    return [
        alternate(f"LSTM forward, {sizes} ({threads} threads)", forwards),
        alternate(f"LSTM gradient, {sizes} ({threads} threads)", gradients),
    ]


if __name__ == "__main__":
    peers.main(run)

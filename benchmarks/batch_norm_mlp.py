"""A batch-normalised MLP's training step from mean/var formulas: compile time cold and cached, and step time.

    python -m benchmarks.batch_norm_mlp [--threads 1] [--layers 6]
"""

from __future__ import annotations

from benchmarks import peers
from benchmarks.batch_norm_model import build_croton, data
from benchmarks.measure import Result, alternate, note

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any


def build_jax(layers: int) -> peers.Run:
    jax, jnp = peers.jax, peers.jax.numpy

    def cost(p: Any, x: Any, y: Any) -> Any:
        W, G, B, last = p
        statistics = []
        for w, g, b in zip(W, G, B):
            z = x @ w
            m = z.mean(0)
            v = ((z - m) ** 2).mean(0)
            statistics.append((m, v))
            x = jax.nn.relu(g * (z - m) / jnp.sqrt(v + 1e-4) + b)
        return -jnp.take_along_axis(jax.nn.log_softmax(x @ last), y[:, None], 1).mean(), statistics

    def step(p: Any, x: Any, y: Any) -> Any:
        (value, statistics), gradient = jax.value_and_grad(cost, has_aux=True)(p, x, y)
        return value, statistics, jax.tree.map(lambda a, d: a - 0.01 * d, p, gradient)

    *parameters, X, Y = data(layers)
    state = {"p": jax.tree.map(jnp.asarray, tuple(parameters))}
    x, y = jnp.asarray(X), jnp.asarray(Y)
    function = jax.jit(step, donate_argnums=0)

    def run() -> None:
        value, _, state["p"] = function(state["p"], x, y)
        jax.block_until_ready((value, state["p"]))

    return run


def compile_seconds(layers: int, cache: str) -> tuple[float, float]:
    """Graph, gradient, compile and the first call in a new process: seconds without and with what importing costs.

    No peer is imported there: Python's collector would go through all that they leave, several times.
    """
    code = (
        f"import time; t = time.perf_counter(); import croton; u = time.perf_counter(); from benchmarks.batch_norm_model import build_croton, data\n"
        f"d = data({layers}); v = time.perf_counter(); f, a = build_croton({layers}, d); f(*a); w = time.perf_counter(); print(w - v, w - v + u - t)"
    )
    environment = {**os.environ, "CROTON_CACHE_DIRECTORY": cache}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True).stdout
    seconds, with_import = out.split()
    return float(seconds), float(with_import)


def run(threads: int = 1, layers: tuple[int, ...] = (6, 100, 200)) -> list[Result]:
    results = []
    for count in layers:
        colds, warms = [], []
        for _ in range(3):
            with tempfile.TemporaryDirectory() as cache:
                colds.append(compile_seconds(count, cache))
                warms.append(compile_seconds(count, cache)[0])
        cold, cold_import = [statistics.median(column) for column in zip(*colds)]
        warm = statistics.median(warms)
        note(f"{count} layers: graph + gradient + compile + first call {cold:.2f} s cold ({cold_import:.2f} with imports), {warm:.2f} s cached; medians of 3")
        function, values = build_croton(count, data(count))
        contenders: dict[str, peers.Run] = {"croton": lambda f=function, v=values: f(*v)}
        if peers.jax and count <= 100:
            start = time.perf_counter()
            contenders["jax"] = build_jax(count)
            contenders["jax"]()
            note(f"{count} layers: jax compile + first call {time.perf_counter() - start:.2f} s")
        results.append(alternate(f"batch-norm MLP step, {count} layers ({threads} threads)", contenders))
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--layers", type=int, nargs="*", default=[6, 100, 200])
    options = parser.parse_args()
    run(options.threads, tuple(options.layers))

"""Twenty problems whose obvious spelling hides a cheaper program: operations, memory and time beside the best program known.

    python -m benchmarks.structured [--threads 1] [words of names ...]

Each spelling is counted; the worst one and the first one are timed, beside the best program written in NumPy by hand and beside JAX where its obvious
spelling runs at all. `roof` is the time a machine needs that does nothing but the ideal operations at the speed of a large matrix product, or that
reads and writes each argument and result once, or that computes each tanh, exponential or sigmoid as fast as NumPy computes a tanh of numbers that are in
the first cache, whichever is longest; the three speeds are measured in every round, and the fastest of each is compared. As an operation a function
counts as twenty, and no processor does it in the time of twenty operations of a product: that is why it has a roof of its own.
"""

from __future__ import annotations

from benchmarks import peers
from benchmarks.measure import alternate, format_seconds, machine
from benchmarks.structured_problems import PROBLEMS, Problem

import argparse
import time
from typing import Any

import numpy as np

MEGABYTE = 2**20


def yardsticks() -> tuple[dict[str, peers.Run], float, float, float]:
    """A large float32 product, a copy of a large array and functions of a small one: how many operations the first is, bytes the second moves and
    functions the third computes.

    All take part in the rounds of each problem, so that they are measured when it is.
    """
    a = np.random.default_rng(0).random((1024, 1024), dtype=np.float32)
    out = np.empty_like(a)
    long, copy = np.ones(1 << 24, np.float32), np.empty(1 << 24, np.float32)
    short, values = a[:4].copy(), np.empty((4, 1024), np.float32)
    runs: dict[str, peers.Run] = {
        "product": lambda: np.matmul(a, a, out=out),
        "copy": lambda: np.copyto(copy, long),
        "functions": lambda: np.tanh(short, out=values),
    }
    return runs, 2.0 * 1024**3, 2.0 * long.nbytes, float(short.size)


def jax_spellings() -> dict[str, Any]:
    """The obvious way to write each problem in JAX, where it needs less than a few gigabytes."""
    jax, np_ = peers.jax, peers.jax.numpy
    grads = {
        name: jax.vmap(jax.grad(lambda w, x, y: ((np_.tanh(np_.tanh(np_.tanh(x @ w[0]) @ w[1]) @ w[2]) - y) ** 2).sum()), (None, 0, 0))
        for name in ("each",)
    }["each"]

    def examples(a: Any) -> Any:
        return grads((a.U, a.V, a.W), a.x, a.y)

    def softplus_sum(a: Any) -> Any:
        return lambda x: jax.nn.softplus(a.W @ x).sum()

    def wave(x: Any) -> Any:
        return np_.tanh(x) * x + np_.exp(-(x**2))

    def bottleneck(a: Any) -> Any:
        return lambda x: np_.tanh(np_.tanh(np_.tanh(np_.tanh(x @ a.P) @ a.Q) @ a.S) @ a.T)

    def penalty(W: Any, c: Any, x: Any) -> Any:
        h = jax.nn.sigmoid(x @ W + c)
        return ((W[None] * (h * (1 - h))[:, None]) ** 2).sum((1, 2)).mean()

    def ghost(a: Any) -> Any:
        g = jax.vmap(jax.grad(lambda w, x, y: ((x @ w - y) ** 2).sum()), (None, 0, 0))(a.W, a.x, a.y)
        return (g**2).sum((1, 2))

    return {
        "contractive penalty": lambda a: ((a.W[None] * a.G[:, None]) ** 2).sum((1, 2)),
        "gradient of the contractive penalty": lambda a: jax.grad(penalty, (0, 1))(a.W, a.c, a.x),
        "mean squared gradient of examples": lambda a: [(g**2).mean(0) for g in examples(a)],
        "gradient norm of examples": lambda a: sum((g**2).sum((1, 2)) for g in examples(a)),
        "gradient norm of a layer shared over time": ghost,
        "gradient variance of examples": lambda a: [(g**2).mean(0) - g.mean(0) ** 2 for g in examples(a)],
        "Gram matrix of the gradients of examples": lambda a: sum(np_.einsum("iab,jab->ij", g, g) for g in examples(a)),
        "diagonal of an element-wise Jacobian": lambda a: jax.vmap(jax.grad(wave))(a.x),
        "trace of a Hessian": lambda a: np_.trace(jax.hessian(softplus_sum(a))(a.x)),
        "Hessian of a logistic regression": lambda a: jax.hessian(lambda w: jax.nn.softplus(-a.y * (a.A @ w)).sum())(a.w),
        "Hessian of a quadratic form": lambda a: jax.hessian(lambda x: x @ (a.A @ x))(a.x),
        "norm of a softmax's Jacobian, each example": lambda a: (jax.vmap(jax.jacrev(jax.nn.softmax))(a.x) ** 2).sum((1, 2)),
        "sum of all squared distances": lambda a: ((a.X[:, None] - a.X[None]) ** 2).sum(),
        "trace of a product": lambda a: np_.trace(a.A @ a.B),
        "sum of a product": lambda a: (a.A @ a.B).sum(),
        "attention without softmax": lambda a: (a.q @ a.k.T) @ a.v,
        "Jacobian through a bottleneck": lambda a: jax.jacrev(bottleneck(a))(a.x),
        "a product inside a loop": lambda a: jax.lax.map(lambda x: x @ (a.U @ a.W), a.x),
    }


def jax_run(found: Problem, spelling: Any, arguments: list[np.ndarray]) -> peers.Run:
    from types import SimpleNamespace

    function = peers.jax.jit(lambda *arrays: spelling(SimpleNamespace(**dict(zip(found.inputs, arrays)))))
    arrays = [peers.jax.numpy.asarray(argument) for argument in arguments]
    return lambda: peers.jax.block_until_ready(function(*arrays))


def run(threads: int = 1, words: list[str] | None = None) -> None:
    import croton as cr

    print(machine())
    print(f"{threads} threads")
    rulers, product_flops, copy_bytes, function_count = yardsticks()
    in_jax = jax_spellings() if peers.jax else {}
    for found in PROBLEMS:
        if words and not any(word in found.name for word in words):
            continue
        shapes = [found.shape(name, found.sizes) for name in found.inputs]
        arguments = found.arguments(found.sizes, "float32")
        wanted = found.expected(arguments, found.sizes)
        results = wanted if isinstance(wanted, list) else [wanted]
        print(f"\n{found.name}" + ("" if found.algebra == "default" else f" (algebra={found.algebra!r})"))
        contenders: dict[str, peers.Run] = {}
        worst, ratio_of_worst = "", 0.0
        compiled = {}
        for spelling in found.spellings:
            start = time.perf_counter()
            with cr.config.use(algebra=found.algebra, cache=False):
                function = compiled[spelling] = cr.function(*found.expressions(spelling, found.sizes, "float32"))
            compiling = time.perf_counter() - start
            values = function(*arguments)
            for mine, theirs in zip(values if isinstance(values, list) else [values], results):
                peers.close(mine, theirs, 1e-3)
            flops = function.flops(*shapes) / found.ideal_flops(found.sizes)
            returned = sum(function.account.results)
            memory = (function.memory_peak(*shapes) - returned) / (4 * found.ideal_temporaries(found.sizes) + MEGABYTE)
            print(f"    {spelling:28s} flops {flops:6.3f}x   memory {memory:6.2f}x   compile {format_seconds(compiling)}")
            if flops > ratio_of_worst:
                worst, ratio_of_worst = spelling, flops
        first = next(iter(found.spellings))
        for spelling in dict.fromkeys([worst, first]):
            contenders[f"croton {spelling}"] = lambda f=compiled[spelling]: f(*arguments)
        contenders["by hand"] = lambda: found.expected(arguments, found.sizes)
        if found.name in in_jax:
            contenders["jax"] = jax_run(found, in_jax[found.name], arguments)
        contenders.update(rulers)
        timed = alternate("   time", contenders, rounds=9)
        moved = sum(array.nbytes for array in arguments) + sum(np.asarray(result).nbytes for result in results)
        product, copy, functions = (min(timed.seconds[name]) for name in rulers)
        computed = found.ideal_functions(found.sizes) / function_count * functions
        roof = max(found.ideal_flops(found.sizes) / product_flops * product, moved / copy_bytes * copy, computed)
        rates = f"{product_flops / product / 1e9:.0f} Gflop/s, {copy_bytes / copy / 1e9:.1f} GB/s, {function_count / functions / 1e9:.2f} functions/ns"
        print(f"    roof {format_seconds(roof)} ({rates}): {min(timed.seconds[timed.base]) / roof:.2f}x")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("words", nargs="*")
    given = parser.parse_args()
    run(given.threads, given.words)

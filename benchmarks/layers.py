"""Convolution and embedding layers: per-example squared gradients and norms, divided by the plain gradient; rows collide.

    python -m benchmarks.layers [--threads 1]
"""

from __future__ import annotations

from benchmarks import peers
from benchmarks.measure import Result, alternate, note

from typing import Any

import numpy as np


def single(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32)


def compared(title: str, given: list[Any], values: list[np.ndarray], plain: Any, each: Any, view: tuple[str, int], threads: int) -> Result:
    """The plain gradient, and the mean square and the norm of the gradients of examples; `view` is the size of what they are allowed to build."""
    import croton as cr

    axes = tuple(range(1, each.ndim))
    functions = {
        "plain gradient": cr.function(given, plain),
        "squared": cr.function(given, (each**2).mean(0)),
        "norm": cr.function(given, cr.sqrt((each**2).sum(axes))),
    }
    for name, function in functions.items():
        own = function.memory_peak() - sum(function.account.results)
        note(f"{title}, {name}: {own / 1e6:.2f} MB beside arguments and results ({view[0]}: {view[1] / 1e6:.2f} MB); {function.flops() / 1e6:.0f} Mflop")
    return alternate(f"{title} ({threads} threads)", {name: lambda f=function: f(*values) for name, function in functions.items()}, rounds=11)


def convolution(threads: int) -> list[Result]:
    import croton as cr

    batch, channels, side, filters, window = 32, 16, 28, 32, 3
    rng = np.random.default_rng(0)
    out = side - window + 1
    shapes = (batch, channels, side, side), (filters, channels, window, window), (batch, filters, out, out)
    values = [single(rng.standard_normal(shape) / 4) for shape in shapes]
    x, w, y = [cr.tensor(name, shape, dtype="float32") for name, shape in zip("xwy", shapes)]

    def cost(x: Any, y: Any) -> Any:
        return ((cr.tanh(cr.conv(x, w)) - y) ** 2).sum((1, 2, 3))

    view = 4 * batch * channels * out * out * window * window
    title = f"convolution {batch}x{channels}x{side}x{side}, {filters} filters {window}x{window}"
    return [compared(title, [x, w, y], values, cr.grad(cost(x, y).mean(), w), cr.jacobian(cost(x, y), w), ("window view", view), threads)]


def embedding(threads: int) -> list[Result]:
    import croton as cr

    results = []
    for words, width, batch, length in ((2_000, 64, 64, 20), (20_000, 64, 64, 20)):
        rng = np.random.default_rng(0)
        table, weights = single(rng.standard_normal((words, width))), single(rng.standard_normal((width, width)) / 8)
        ids = np.minimum(rng.zipf(1.3, (batch, length)), words) - 1
        given = [cr.tensor("table", table.shape, dtype="float32"), cr.tensor("weights", weights.shape, dtype="float32")]
        given.append(cr.tensor("ids", ids.shape, dtype="int64"))
        cost = (cr.tanh(given[0][given[2]] @ given[1]) ** 2).sum((1, 2))
        plain, each = cr.grad(cost.mean(), given[0]), cr.jacobian(cost, given[0])
        rows = "touched rows", 4 * batch * length * width
        collisions = 1 - np.mean([len(set(row)) for row in ids]) / length
        title = f"embedding {words}x{width}, {batch} examples of {length} words, {100 * collisions:.0f} % of them twice"
        results.append(compared(title, given, [table, weights, ids], plain, each, rows, threads))
    return results


def run(threads: int = 1) -> list[Result]:
    return [*convolution(threads), *embedding(threads)]


if __name__ == "__main__":
    peers.main(run)

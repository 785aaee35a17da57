"""How compile time grows with the graph: a training graph of 1,000 to 50,000 nodes, milliseconds a node.

    python -m benchmarks.scaling
"""

from __future__ import annotations

import time

import numpy as np

from benchmarks import peers
from benchmarks.measure import note


def build(layers: int, width: int = 32) -> tuple[float, int]:
    """Seconds for graph, gradient and compilation of a multi-layer network's training step, and the nodes of its graph."""
    import croton as cr
    from croton.expr.walk import walk

    rng = np.random.default_rng(0)
    values = [(rng.standard_normal((width, width)) / np.sqrt(width)).astype("float32") for _ in range(layers)]
    start = time.perf_counter()
    x = cr.tensor("x", shape=(None, width), dtype="float32")
    weights = [cr.shared(value) for value in values]
    biases = [cr.shared(np.zeros(width, "float32")) for _ in range(layers)]
    h = x
    for w, b in zip(weights, biases):
        h = h + cr.tanh(h @ w + b) * 0.1
    cost = (h**2).mean()
    parameters = weights + biases
    updates = [(p, p - 0.01 * g) for p, g in zip(parameters, cr.grad(cost, parameters))]
    function = cr.function([x], cost, updates=updates)
    seconds = time.perf_counter() - start
    function(np.ones((4, width), "float32"))
    return seconds, len(list(walk([cost, *[new for _, new in updates]])))


def run(threads: int = 1, layers: tuple[int, ...] = (70, 700, 3500)) -> list[tuple[int, float]]:
    import croton as cr

    rows = []
    with cr.config.use(cache=False):
        build(2)  # what is compiled once for a process
        for count in layers:
            seconds, nodes = build(count)
            rows.append((nodes, seconds))
            note(f"{nodes} nodes: {seconds:.2f} s, {1e3 * seconds / nodes:.3f} ms a node")
    return rows


if __name__ == "__main__":
    peers.main(run)

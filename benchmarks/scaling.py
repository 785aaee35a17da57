"""How compile time grows with the graph: training to 50,000 nodes, clones and loops to 24,000, milliseconds a node.

    python -m benchmarks.scaling
"""

from __future__ import annotations

from benchmarks import environment
from benchmarks.measure import note

import time
from collections.abc import Callable, Sequence

import numpy as np


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


def build_clones(layers: int, copies: int = 4, width: int = 8) -> tuple[float, int]:
    """A network that is written down again and again, on the same input and on inputs that are replaced by it when compiling."""
    import croton as cr
    from croton.expr.walk import walk

    start = time.perf_counter()
    x = cr.vector("x")
    others = [cr.vector(f"x{i}") for i in range(copies)]

    def network(h: cr.Expr) -> cr.Expr:
        for i in range(layers):
            h = cr.tanh(h * (1 + i / layers) + x) + h
        return h.sum()

    again = [network(x) for _ in range(copies)]
    clones = [network(other) for other in others]
    function = cr.function([x], [*again, *clones], givens=dict.fromkeys(others, x))
    seconds = time.perf_counter() - start
    results = function(np.ones(width))
    assert len(set(map(float, results))) == 1
    assert function.explain().kernels <= 2 * layers, "clones are one value"
    return seconds, len(list(walk([*again, *clones])))


def build_loops(loops: int, width: int = 8) -> tuple[float, int]:
    """Loops that read one another, each with a body of its own, and the gradient of all of them."""
    import croton as cr
    from croton.expr.walk import walk

    start = time.perf_counter()
    xs = cr.tensor("xs", (None, width))
    rates = cr.vector("rates")
    values = xs
    for i in range(loops):

        def step(state: cr.Expr, x: cr.Expr, rate: cr.Expr = rates[i]) -> tuple[cr.Expr, cr.Expr]:
            state = cr.tanh(state * rate + x) + 0.1 * x
            return state, state

        _, values = cr.scan(step, cr.zeros((width,)), values)
    cost = (values**2).mean()
    gradient = cr.grad(cost, rates)
    function = cr.function([xs, rates], [cost, gradient])
    seconds = time.perf_counter() - start
    function(np.ones((3, width)), np.ones(loops) / 2)
    return seconds, len(list(walk([cost])))


def measured(kind: str, build: Callable[[int], tuple[float, int]], counts: Sequence[int]) -> list[tuple[int, float]]:
    rows = []
    for count in counts:
        seconds, nodes = build(count)
        rows.append((nodes, seconds))
        note(f"{kind}, {nodes} nodes: {seconds:.2f} s, {1e3 * seconds / nodes:.3f} ms a node")
    return rows


def run(threads: int = 1) -> list[tuple[int, float]]:
    import croton as cr

    with cr.config.use(cache=False):
        build(2)  # what is compiled once for a process
        rows = measured("training", build, (70, 700, 3500))
        rows += measured("clones", build_clones, (75, 285, 1145))
        rows += measured("loops", build_loops, (200, 800, 3000))
    return rows


if __name__ == "__main__":
    environment.main(run)

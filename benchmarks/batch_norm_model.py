"""The batch-normalised MLP and what it is trained on. It imports no peer: its compile time is taken in processes that have none."""

from __future__ import annotations

from typing import Any

import numpy as np

WIDTH, BATCH, CLASSES = 256, 128, 10


def data(layers: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    X = rng.random((BATCH, WIDTH), dtype=np.float32)
    Y = rng.integers(0, CLASSES, BATCH)
    weights = [(rng.standard_normal((WIDTH, WIDTH)) * (2 / WIDTH) ** 0.5).astype(np.float32) for _ in range(layers)]
    gammas, betas = [np.ones(WIDTH, np.float32) for _ in range(layers)], [np.zeros(WIDTH, np.float32) for _ in range(layers)]
    return weights, gammas, betas, (rng.standard_normal((WIDTH, CLASSES)) * 0.05).astype(np.float32), X, Y


def build_croton(layers: int, values: tuple[Any, ...]) -> tuple[Any, tuple[np.ndarray, np.ndarray]]:
    import croton as cr

    W, G, B, last, X, Y = values
    x, y = cr.tensor("x", shape=(None, WIDTH), dtype="float32"), cr.vector("y", dtype="int64")
    parameters = [cr.shared(value) for value in (*W, *G, *B, last)]
    h, statistics = x, []
    for i in range(layers):
        z = h @ parameters[i]
        mean = z.mean(0)
        variance = ((z - mean) ** 2).mean(0)
        statistics += [mean, variance]
        h = cr.relu(parameters[layers + i] * (z - mean) / cr.sqrt(variance + 1e-4) + parameters[2 * layers + i])
    logits = h @ parameters[-1]
    cost = -cr.take_along_axis(cr.log_softmax(logits, axis=-1), y[:, None], axis=1).mean()
    updates = [(p, p - 0.01 * g) for p, g in zip(parameters, cr.grad(cost, parameters))]
    return cr.function([x, y], [cost, *statistics], updates=updates), (X, Y)

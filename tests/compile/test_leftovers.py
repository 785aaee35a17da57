"""What a compilation leaves behind."""

from __future__ import annotations

import gc

import numpy as np

import croton as cr
from croton.compile import store


def left_after(layers: int) -> int:
    """Objects that only the cyclic collector can free once a network of so many layers has been compiled."""
    x = cr.tensor("x", shape=(None, 8))
    weights = [cr.shared(np.eye(8)) for _ in range(layers)]
    h = x
    for weight in weights:
        h = cr.softmax(h @ weight + 0.1, axis=-1) + h
    cost = (h**2).sum()
    updates = [(w, w - 0.1 * g) for w, g in zip(weights, cr.grad(cost, weights))]
    store.forget()
    gc.collect()
    gc.disable()
    try:
        function = cr.function([x], cost, updates=updates)
        assert function.account.entries
        return gc.collect()
    finally:
        gc.enable()


def test_a_compilation_leaves_no_cycles_that_grow_with_the_graph() -> None:
    """They would be gone through at the end, with all that they hold: a tenth of the time of compiling."""
    with cr.config.use(cache=False):
        left_after(2)
        assert left_after(12) == left_after(3)

"""The contractive penalty of an encoder whose units see each other: the general form, right, and without the (batch, hidden, visible) tensor."""

from __future__ import annotations

import numpy as np

import croton as cr


def test_softmax_encoder() -> None:
    visible, hidden, batch = 40, 30, 16
    W = cr.tensor("W", shape=(visible, hidden))
    x = cr.matrix("x", shape=(None, visible))
    J = cr.vmap(lambda example: cr.jacobian(cr.softmax(example @ W), example))(x)
    penalty = (J**2).sum(axis=(1, 2)).mean()
    f = cr.function([W, x], [penalty, cr.grad(penalty, W)])

    rng = np.random.default_rng(0)
    w, data = rng.standard_normal((visible, hidden)) * 0.3, rng.standard_normal((batch, visible))

    def direct(w: np.ndarray) -> float:
        s = np.exp(data @ w)
        s /= s.sum(axis=1, keepdims=True)
        dense = np.einsum("bh,hk,vk->bhv", s, np.eye(hidden), w) - np.einsum("bh,bk,vk->bhv", s, s, w)
        return float((dense**2).sum(axis=(1, 2)).mean())

    value, gradient = f(w, data)
    np.testing.assert_allclose(value, direct(w), rtol=1e-10)
    direction = rng.standard_normal(w.shape)
    slope = (direct(w + 1e-6 * direction) - direct(w - 1e-6 * direction)) / 2e-6
    np.testing.assert_allclose((gradient * direction).sum(), slope, rtol=1e-6)

    # A few (batch, hidden) and (batch, visible) arrays and two of the weights' shape; the tensor would take far more at any batch size.
    for n in (16, 128):
        assert f.memory_peak(x=(n, visible)) < n * visible * hidden * 8 / 4 + 4 * visible * hidden * 8
        assert f.flops(x=(n, visible)) < 150 * n * visible * hidden

"""The contractive autoencoder's cost, its penalty in several spellings, and its data. It imports no peer and sets no threads: tests read it too."""

from __future__ import annotations

from typing import Any

import numpy as np

BATCH, VISIBLE, HIDDEN = 128, 784, 500
SPELLINGS = {
    "naive": lambda m, W, G: ((W[None, :, :] * G[:, None, :]) ** 2).sum((1, 2)),
    "swapped": lambda m, W, G: m.square(G[:, None, :] * W[None, :, :]).sum((1, 2)),
    "product": lambda m, W, G: ((W[None] * G[:, None]) * (W[None] * G[:, None])).sum((2, 1)),
    "reshaped": lambda m, W, G: ((W.reshape((1, VISIBLE, HIDDEN)) * G.reshape((-1, 1, HIDDEN))) ** 2).sum((1, 2)),
    "hidden first": lambda m, W, G: ((W.T[None, :, :] * G[:, :, None]) ** 2).sum((1, 2)),
    "factored": lambda m, W, G: (G**2) @ (W**2).sum(0),
}


def cost(m: Any, sigmoid: Any, W: Any, bh: Any, bv: Any, x: Any, spelling: str) -> Any:
    H = sigmoid(x @ W + bh)
    r = sigmoid(H @ W.T + bv)
    reconstruction = -(x * m.log(r) + (1 - x) * m.log1p(-r)).sum(1).mean()
    G = H * (1 - H)
    return reconstruction + 0.1 * SPELLINGS[spelling](m, W, G).mean()


def data() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    X = rng.random((BATCH, VISIBLE), dtype=np.float32)
    W = (rng.standard_normal((VISIBLE, HIDDEN)) * 0.05).astype(np.float32)
    return W, np.zeros(HIDDEN, np.float32), np.zeros(VISIBLE, np.float32), X

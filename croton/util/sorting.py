"""What sorting means, in NumPy, and which rows machine code sorts without memory of its own."""

from __future__ import annotations

import numpy as np

SHORT = 128
"""Elements of a row up to which each is compared with each."""
FEW = 128
"""So many of the first elements in order are kept while a row is gone through."""


def argsort(x: np.ndarray, descending: bool = False) -> np.ndarray:
    """The indices that sort along the last axis. Equal elements keep their order, NaN is equal to NaN and greater than everything."""
    if not descending:
        return np.argsort(x, axis=-1, kind="stable").astype(np.int64)
    # Sorting from the other end keeps the order of equal elements.
    return x.shape[-1] - 1 - np.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1].astype(np.int64)

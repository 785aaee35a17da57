"""Products at indices: what is summed first goes by how long the index is and how much it reads from, however it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import croton as cr

D, K = 64, 32
FEW, MANY = 20, 5000


@pytest.fixture(autouse=True)
def _without_cache() -> Any:
    with cr.config.use(cache=False):
        yield


def read_first(W: Any, index: Any, v: Any) -> Any:
    return cr.take(W, index, axis=0) @ v


def multiplied_first(W: Any, index: Any, v: Any) -> Any:
    return cr.take(W @ v, index, axis=0)


def gradient(W: Any, index: Any, v: Any) -> Any:
    """What is read is added up with weights: those of each row first, or row by row of what is read."""
    return cr.grad((cr.take(W, index, axis=0) @ v * cr.cos(index.astype("float64") if v.ndim == 1 else index[:, None].astype("float64"))).sum(), v)


def arguments(rows: int, length: int, right: tuple[int, ...]) -> list[np.ndarray]:
    chance = np.random.default_rng(0)
    return [chance.normal(size=(rows, D)), chance.integers(0, rows, length), chance.normal(size=right)]


def made(make: Callable[..., Any], rows: int | None, length: int | None, right: tuple[int, ...]) -> Any:
    W, index, v = cr.tensor("W", (rows, D)), cr.tensor("index", (length,), dtype="int64"), cr.tensor("v", right)
    return cr.function([W, index, v], make(W, index, v))


def value(make: Callable[..., Any], W: np.ndarray, index: np.ndarray, v: np.ndarray) -> np.ndarray:
    if make is not gradient:
        return W[index] @ v
    weights = np.cos(index)
    return W[index].T @ weights if v.ndim == 1 else np.repeat((W[index].T @ weights)[:, None], v.shape[1], axis=1)


@pytest.mark.parametrize("right", [(D,), (D, K)], ids=["vector", "matrix"])
@pytest.mark.parametrize("make", [read_first, multiplied_first, gradient], ids=lambda make: make.__name__)
def test_the_shorter_way_at_either_end(make: Callable[..., Any], right: tuple[int, ...]) -> None:
    """As many products as the index is long, or as there are rows, and little beside them; of open sizes the call decides."""
    anything = made(make, None, None, right)
    assert len(anything.explain().others) == 1
    for rows, length in ((FEW, MANY), (MANY, FEW)):
        # What is done for each element of the index whatever the order, or each row of what is added up: a read, a cosine, a sum.
        columns = K if right == (D, K) and make is not gradient else 1
        most = 2 * FEW * D * columns * 1.6 + 30 * MANY * (1 if columns == 1 else 0.25 * columns)
        for f in (made(make, rows, length, right), anything):
            given = arguments(rows, length, right)
            assert f.flops(*[array.shape for array in given]) <= most, (rows, length)
            np.testing.assert_allclose(f(*given), value(make, *given), rtol=1e-10, atol=1e-10)


def test_products_of_rows_of_two_matrices() -> None:
    """As in the factorisation of a matrix: all pairs first where there are more places to look at than pairs."""
    chance = np.random.default_rng(1)
    for rows, length in ((8, MANY), (300, FEW)):
        left, right = [cr.tensor(name, (rows, D)) for name in "ab"]
        i, j = [cr.tensor(name, (length,), dtype="int64") for name in "ij"]
        f = cr.function([left, right, i, j], (left[i] * right[j]).sum(axis=1))
        a, b = chance.normal(size=(2, rows, D))
        m, n = chance.integers(0, rows, (2, length))
        np.testing.assert_allclose(f(a, b, m, n), (a[m] * b[n]).sum(axis=1), rtol=1e-9, atol=1e-9)
        assert f.flops() <= 1.6 * 2 * min(rows * rows, length) * D + 16 * length

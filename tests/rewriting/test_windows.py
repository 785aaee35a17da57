"""Large windows, a few members of a batch at a time: the same values, and no more in memory than a chunk of windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.rewriting import windows

BATCH, CHANNELS, SIDE, FILTERS, WINDOW = 12, 3, 9, 4, 3
OUT = SIDE - WINDOW + 1
SHAPES = (BATCH, CHANNELS, SIDE, SIDE), (FILTERS, CHANNELS, WINDOW, WINDOW), (BATCH, FILTERS, OUT, OUT)
VIEW = 8 * BATCH * CHANNELS * WINDOW**2 * OUT**2


@pytest.fixture(autouse=True)
def _without_cache() -> Any:
    with cr.config.use(cache=False, check=True):
        yield


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that holds a third of the windows."""
    monkeypatch.setattr(windows, "LARGE", VIEW // 2)
    monkeypatch.setattr(windows, "CHUNK", VIEW // 3)
    monkeypatch.setattr(windows, "LEAST_CHUNK", 1)


def arrays(shapes: Any = SHAPES) -> list[np.ndarray]:
    chance = np.random.default_rng(0)
    return [chance.normal(size=shape) for shape in shapes]


def forward(x: Any, k: Any, y: Any) -> Any:
    return cr.tanh(cr.conv(x, k))


def costs(x: Any, k: Any, y: Any) -> Any:
    return ((forward(x, k, y) - y) ** 2).sum(axis=(1, 2, 3))


def gradient(x: Any, k: Any, y: Any) -> Any:
    return cr.grad(costs(x, k, y).mean(), [k, x])


def squared(x: Any, k: Any, y: Any) -> Any:
    return (cr.jacobian(costs(x, k, y), k) ** 2).mean(axis=0)


def norms(x: Any, k: Any, y: Any) -> Any:
    return cr.sqrt((cr.jacobian(costs(x, k, y), k) ** 2).sum(axis=(1, 2, 3)))


def normalised_over_the_batch(x: Any, k: Any, y: Any) -> Any:
    z = cr.conv(x, k)
    z = (z - z.mean(axis=0)) / cr.sqrt(z.var(axis=0) + 1e-3)
    return cr.grad((cr.tanh(z) * y).sum(), k)


def made(make: Callable[..., Any], batch: int | None = BATCH) -> Any:
    x, k, y = [cr.tensor(name, shape) for name, shape in zip("xky", ((batch, *SHAPES[0][1:]), SHAPES[1], (batch, *SHAPES[2][1:])))]
    return cr.function([x, k, y], make(x, k, y))


@pytest.mark.parametrize("make", [forward, gradient, squared, norms, normalised_over_the_batch], ids=lambda make: make.__name__)
def test_chunks_of_the_batch(make: Callable[..., Any], request: pytest.FixtureRequest) -> None:
    plain = made(make)
    request.getfixturevalue("small")
    f = made(make)
    assert not plain.account.chunks
    assert [(chunks.size, chunks.each) for chunks in f.account.chunks][:1] == [(BATCH, 4)]
    assert f.flops() <= 1.1 * plain.flops()
    values = arrays()
    for a, b in zip(*[[found] if isinstance(found, np.ndarray) else found for found in (f(*values), plain(*values))]):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    assert "whose windows stay in a cache" in str(f.explain())
    if make is not normalised_over_the_batch:
        assert f.memory_peak() - sum(f.account.results) < 0.85 * (plain.memory_peak() - sum(plain.account.results))


@pytest.mark.usefixtures("small")
def test_where_it_is_not_worth_it() -> None:
    # Chunks of sizes that nobody knows would leave some over.
    assert not made(gradient, None).account.chunks
    # 13 is in no two chunks of one size.
    assert not made(gradient, 13).account.chunks
    # A product without windows has nothing to write out.
    x, w = cr.tensor("x", (BATCH, 400)), cr.tensor("w", (400, 300))
    assert not cr.function([x, w], cr.tanh(x @ w)).account.chunks


@pytest.mark.usefixtures("small")
def test_what_is_whole_for_each_chunk_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "MOST_WHOLE", 8 * FILTERS * CHANNELS * WINDOW**2 - 1)
    assert not made(gradient).account.chunks


def test_a_layer_takes_less_than_its_windows() -> None:
    """32 images of 16 channels: of the windows, 12 MB, a quarter is there at a time, and of the activations."""
    shapes = (32, 16, 28, 28), (32, 16, 3, 3), (32, 32, 26, 26)
    x, k, y = [cr.tensor(name, shape, dtype="float32") for name, shape in zip("xky", shapes)]
    view = 4 * 32 * 16 * 9 * 26**2
    for make in (gradient, squared, norms):
        f = cr.function([x, k, y], make(x, k, y))
        assert f.memory_peak() - sum(f.account.results) < view / 2

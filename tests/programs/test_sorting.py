"""Sorting in whole programs: under every transformation, from the cache, and without a call back into Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.compile.store import forget
from croton.runtime import pool
from croton.runtime.calls.kinds import every_call
from croton.runtime.calls.routine import Routine
from croton.util.sorting import SHORT, argsort

RNG = np.random.default_rng(0)
LONG = SHORT + 50


def test_nothing_is_called_back() -> None:
    x = cr.matrix("x")
    f = cr.function([x], [cr.sort(x), cr.median(x, axis=0), *cr.top_k(x, 2), cr.scan(lambda c, row: (cr.sort(c + row), None), x[0], x)[0]])
    assert not [call for call in every_call(f.caller.executable.program.calls) if isinstance(call, Routine)]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (1, 1), (4, 9), (3, LONG), (LONG, 3)])
def test_open_sizes(shape: tuple[int, int], dtype: str) -> None:
    x = cr.matrix("x", dtype=dtype)
    f = cr.function([x], [cr.argsort(x, axis=0), cr.argsort(x, descending=True), cr.sort(x, axis=0), cr.sort(x, axis=None)])
    given = RNG.integers(0, 2 if dtype == "bool" else 9, shape).astype(dtype)
    by_columns, down, columns, every = f(given)
    np.testing.assert_array_equal(by_columns, np.argsort(given, axis=0, kind="stable"))
    np.testing.assert_array_equal(down, argsort(given, descending=True))
    np.testing.assert_array_equal(columns, np.sort(given, axis=0))
    np.testing.assert_array_equal(every, np.sort(given, axis=None))


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("k", [0, 1, 2, 7])
def test_the_first_of_an_open_axis(k: int, largest: bool) -> None:
    x = cr.matrix("x")
    f = cr.function([x], list(cr.top_k(x, k, axis=0, largest=largest)))
    given = RNG.integers(0, 4, (11, 3)).astype(float)
    given[2, 1] = given[5, 1] = np.nan
    order = argsort(given.T, largest).T[:k]
    values, indices = f(given)
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_array_equal(values, np.take_along_axis(given, order, 0))
    if k:
        with pytest.raises(cr.ShapeError, match="at least 0"):
            f(given[: k - 1])


def test_as_many_as_an_argument_says() -> None:
    x, k = cr.vector("x"), cr.scalar("k", dtype="int64")
    f = cr.function([x, k], list(cr.top_k(x, k)))
    given = RNG.normal(size=200)
    for count in (0, 1, 150, 200):
        values, indices = f(given, count)
        np.testing.assert_array_equal(indices, argsort(given, True)[:count])
        np.testing.assert_array_equal(values, np.sort(given)[::-1][:count])
    with pytest.raises(cr.ShapeError, match="at least 0"):
        f(given, 201)


@pytest.mark.parametrize("n", [1, 6, LONG])
def test_under_vmap_scan_and_grad(n: int) -> None:
    given, weights = RNG.normal(size=(3, 4, n)), RNG.normal(size=n)

    def cost(row: Any) -> Any:
        return (cr.sort(row) * weights).sum() + (cr.top_k(row, 1).values ** 2).sum()

    slope = np.zeros_like(given)
    np.put_along_axis(slope, np.argsort(given, axis=-1), np.broadcast_to(weights, given.shape), -1)
    best = given.argmax(-1)[..., None]
    np.put_along_axis(slope, best, np.take_along_axis(slope, best, -1) + 2 * np.take_along_axis(given, best, -1), -1)
    np.testing.assert_allclose(cr.jit(cr.vmap(cr.vmap(cr.grad(cost))))(given), slope)
    by_steps = cr.jit(cr.vmap(lambda rows: cr.scan(lambda total, row: (total, cr.grad(cost)(row)), 0.0, rows)[1]))
    np.testing.assert_allclose(by_steps(given), slope)
    through = cr.jit(lambda rows: cr.grad(lambda a: cr.scan(lambda c, row: (cr.sort(c + row), None), cr.zeros(n), a)[0] @ weights)(rows))
    one = given[0]
    step = 1e-6 * RNG.normal(size=one.shape)

    def run(rows: np.ndarray) -> float:
        carry = np.zeros(n)
        for row in rows:
            carry = np.sort(carry + row)
        return float(carry @ weights)

    np.testing.assert_allclose((through(one) * step).sum(), (run(one + step) - run(one - step)) / 2, rtol=1e-5)


def test_a_column_of_sums_in_a_batch_of_loops() -> None:
    """A search that keeps the best few at each step."""
    scores, width, words = RNG.normal(size=(5, 6, 6)), 3, 6

    def step(carry: Any, score: Any) -> Any:
        totals, last = carry
        best = cr.top_k(cr.ravel(totals[:, None] + score[last]), width)
        return (best.values, best.indices % words), best.indices // words

    start = np.full(width, -1e9)
    start[0] = 0.0
    run = cr.jit(cr.vmap(lambda s: cr.scan(step, (start, np.zeros(width, "int64")), s), in_axes=0))
    (totals, last), parents = run(np.stack([scores, -scores]))
    for sign, number in ((1, 0), (-1, 1)):
        best, at = start, np.zeros(width, "int64")
        for level, score in enumerate(sign * scores):
            every = (best[:, None] + score[at]).ravel()
            order = np.argsort(-every, kind="stable")[:width]
            best, at = every[order], order % words
            np.testing.assert_array_equal(parents[number, level], order // words)
        np.testing.assert_allclose(totals[number], best)
        np.testing.assert_array_equal(last[number], at)


def test_the_bits_do_not_depend_on_threads() -> None:
    x = cr.matrix("x")
    f = cr.function([x], [cr.argsort(x), cr.sort(x, axis=0)])
    given = RNG.integers(0, 50, (300, 400)).astype(float)
    before = pool.get_threads()
    try:
        for threads in (1, 3):
            pool.set_threads(threads)
            order, columns = f(given)
            np.testing.assert_array_equal(order, np.argsort(given, axis=1, kind="stable"))
            np.testing.assert_array_equal(columns, np.sort(given, axis=0))
    finally:
        pool.set_threads(before)


def test_within_a_budget() -> None:
    x = cr.tensor("x", (4000, 64))
    f = cr.function([x], (cr.sort(cr.exp(x)) * cr.argsort(x)).sum(axis=0), memory_budget="1MB")
    given = RNG.normal(size=(4000, 64))
    np.testing.assert_allclose(f(given), (np.sort(np.exp(given)) * np.argsort(given)).sum(axis=0))
    assert f.memory_peak(given) <= 1 << 20


def test_into_the_memory_of_an_argument() -> None:
    x, y = cr.matrix("x"), cr.matrix("y", dtype="int64")
    f = cr.function([x, y], [cr.sort(x), cr.argsort(x) + y], donate=[x, y])
    given, more = RNG.normal(size=(20, 300)), RNG.integers(0, 9, (20, 300))
    ordered, order = f(given.copy(), more.copy())
    np.testing.assert_array_equal(ordered, np.sort(given))
    np.testing.assert_array_equal(order, np.argsort(given) + more)


def test_from_the_cache_on_disk(tmp_path: Path) -> None:
    given = RNG.normal(size=(4, 500))
    with cr.config.use(cache=True, cache_directory=str(tmp_path / "cache")):
        for _ in range(2):
            forget()
            x = cr.matrix("x")
            np.testing.assert_array_equal(cr.function([x], cr.top_k(x, 200).indices)(given), argsort(given, True)[:, :200])


def test_many_axes() -> None:
    x = cr.tensor("x", (2,) * 10)
    given = RNG.normal(size=(2,) * 10)
    np.testing.assert_array_equal(cr.function([x], cr.sort(x, axis=4))(given), np.sort(given, axis=4))

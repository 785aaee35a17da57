"""The memory of a call: what is predicted is what it takes."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import memory_programs
import numpy as np
import pytest

import croton as cr
from croton.runtime import layout
from croton.runtime.function import arena_bytes, release_arena
from croton.runtime.native import native

native_only = pytest.mark.skipif(layout.WHY_NOT is not None, reason="the arena belongs to the native entry")


@pytest.fixture(autouse=True)
def _without_cache() -> Any:
    with cr.config.use(cache=False):
        yield


def taken(f: Any, arguments: list[np.ndarray]) -> int:
    """What a call takes: the arena, and all that NumPy and Python ask for."""
    f(*arguments)
    native().interpreter.wait()  # the thread that compiles it takes memory
    release_arena(f)
    gc.collect()
    tracemalloc.start()
    try:
        f(*arguments)
        return arena_bytes(f) + tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@native_only
@pytest.mark.parametrize("make", memory_programs.PROGRAMS, ids=lambda make: make.__name__)
def test_the_peak_is_what_a_call_takes(make: Callable[[], memory_programs.Made]) -> None:
    f, arguments = make()
    assert taken(f, arguments) == pytest.approx(f.memory_peak(*arguments), rel=0.001)


@native_only
@pytest.mark.skipif(sys.platform != "linux", reason="the system's own count is read from /proc")
def test_the_peak_is_what_the_system_counts() -> None:
    """The growth of a process, with the pages of threads and libraries that none of the arrays knows of."""
    place = {**os.environ, "PYTHONPATH": str(Path(cr.__file__).parents[1])}
    found = subprocess.run([sys.executable, memory_programs.__file__], capture_output=True, text=True, timeout=300, check=True, env=place)
    rows = [line.split() for line in found.stdout.splitlines()]
    assert len(rows) == len(memory_programs.PROGRAMS)
    for name, predicted, grown in rows:
        assert int(grown) == pytest.approx(int(predicted), rel=0.02), name


@native_only
def test_an_arena_is_as_large_as_the_sizes_of_the_call() -> None:
    """Values of different open sizes share memory at any of them."""
    x, y = cr.matrix("x"), cr.matrix("y")
    h = x
    for value in (y, y.T, y, y.T):
        h = cr.tanh(h @ value)
    f = cr.function([x, y], h)
    for rows, inner, columns in ((40, 30, 300), (40, 300, 30), (1, 1, 1), (300, 8, 9), (0, 3, 4)):
        arguments = [np.ones((rows, inner)), np.ones((inner, columns))]
        release_arena(f)
        f(*arguments)
        assert arena_bytes(f) == 64 + f.memory_peak(*arguments) - rows * inner * 8


@pytest.mark.parametrize(("activation", "most"), [(cr.tanh, 13), (cr.sigmoid, 13), (cr.relu, 14.5)], ids=lambda value: getattr(value, "__name__", ""))
def test_the_way_back_keeps_one_value_a_layer(activation: Callable[[Any], Any], most: float) -> None:
    """Of 12 layers what came out of each, and one cotangent; slopes are made where they are read. Of relu a bool for each element."""
    x = h = cr.matrix("x")
    weights = [cr.shared(np.eye(32) * (i + 1), name=f"w{i}") for i in range(12)]
    for weight in weights:
        h = activation(h @ weight)
    cost = (h**2).sum()
    f = cr.function([x], [cost, *cr.grad(cost, weights)])
    value = np.ones((400, 32))
    assert f.memory_peak(value) - sum(f.account.results) <= most * value.nbytes

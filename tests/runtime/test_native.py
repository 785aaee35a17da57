"""The shared machine code in processes of its own: cold and warm start, exit while threads are awake."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from croton.runtime import layout, native

pytestmark = pytest.mark.skipif(layout.WHY_NOT is not None, reason=str(layout.WHY_NOT))

SCRIPT = """
import numpy as np
from croton.runtime import pool
from croton.runtime.function import load
from croton.runtime.calls.gemm import Gemm
from croton.runtime.program import Array, Output, Program
from croton.runtime.stream import Limits
pool.set_threads(4)
gemm = Gemm("float64", False, False, 0, 0, 0, 0, 0, 0, 0, 1, 0)
program = Program((Array("float64", (0, 0)),), (Output("new", "float64", (0, 0)),), (gemm,), sizes=1)
f = load(program, limits=Limits(parallel_flops=0))
x = np.eye(100)
for _ in range(10):
    assert (f(x) == x).all()
"""


def test_text_is_the_same_each_time() -> None:
    """It is the key of its object code in the cache."""
    assert native.text() == native.text()


@pytest.mark.parametrize("cache", ["1", "0"])
def test_process_ends_well_while_threads_are_awake(tmp_path: Path, cache: str) -> None:
    environment = {"CROTON_CACHE_DIRECTORY": str(tmp_path), "CROTON_CACHE": cache, "PYTHONPATH": ":".join(sys.path)}
    for _ in range(2 if cache == "1" else 1):
        done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 2 * int(cache), "the interpreter, and what else every function needs"


def test_without_home_or_cache(tmp_path: Path) -> None:
    environment = {"HOME": "/nonexistent", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("value", "threads"), [("3", 3), ("1", 1)])
def test_number_of_threads_from_the_environment(value: str, threads: int) -> None:
    script = "from croton.runtime import pool; print(pool.get_threads() if pool.has_threads() else 0)"
    environment = {"CROTON_THREADS": value, "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() in (str(threads), "0")

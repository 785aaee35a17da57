"""The peers, where they are installed, set to the number of threads a run asks for.

Benchmarks run in an environment of their own: `pip install -e . jax pytensor torch==2.13.0`. A peer that is missing is left out and said so.
"""

from __future__ import annotations

from benchmarks.environment import THREADS as THREADS
from benchmarks.environment import main as main

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

Run = Callable[[], object]


def _optional(name: str) -> Any:
    try:
        module: ModuleType = __import__(name)
    except ImportError:
        print(f"{name} is not installed; its column is left out", file=sys.stderr)
        return None
    return module


jax: Any = _optional("jax")
torch: Any = _optional("torch")
pytensor: Any = _optional("pytensor")
if jax:
    jax.config.update("jax_enable_x64", True)
    import jax.numpy
if torch:
    torch.set_num_threads(THREADS)
if pytensor:
    import pytensor.tensor
    import pytensor.tensor.special


def close(found: object, wanted: object, tolerance: float = 1e-4) -> None:
    """Stop the benchmark when contenders do not compute the same thing."""
    a, b = np.asarray(found, "f8"), np.asarray(wanted, "f8")
    scale = max(float(np.abs(b).max(initial=0.0)), 1e-30)
    worst = float(np.abs(a - b).max(initial=0.0)) / scale
    if a.shape != b.shape or not worst <= tolerance:
        sys.exit(f"contenders disagree: shapes {a.shape} {b.shape}, largest relative difference {worst:.2e}")

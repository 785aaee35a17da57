"""The peers, where they are installed, set to the number of threads a run asks for.

Benchmarks run in an environment of their own: `pip install -e . jax pytensor torch==2.13.0`. A peer that is missing is left out and said so.
Threads are set before the peers are imported, from `--threads` on the command line (XLA reads its setting only once).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

Run = Callable[[], object]


def _threads() -> int:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_known_args(sys.argv[1:])[0].threads


THREADS = _threads()
if THREADS == 1:
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, str(THREADS))
if THREADS == 1 and hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # XLA keeps its own pool whatever the flag says
os.environ.setdefault("CROTON_THREADS", str(THREADS))
# A core type forced from outside holds back those who use OpenBLAS and nobody else.
for _name in [name for name in os.environ if name.startswith("OPENBLAS_CORETYPE")]:
    del os.environ[_name]


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


def main(run: Callable[..., object]) -> None:
    """The command line of one benchmark file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    run(threads=parser.parse_args().threads)

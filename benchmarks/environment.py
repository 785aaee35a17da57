"""The threads of a benchmark, and its command line. It imports no peer: what Croton alone is timed on imports only this.

Threads are set before any library is imported, from `--threads` on the command line (some read their settings only once).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable


def _threads() -> int:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_known_args(sys.argv[1:])[0].threads


THREADS = _threads()
if "numpy" in sys.modules:
    raise ImportError("benchmarks.environment has to be imported before NumPy, which has the threads that are set when it is imported")
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


def main(run: Callable[..., object]) -> None:
    """The command line of one benchmark file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    run(threads=parser.parse_args().threads)

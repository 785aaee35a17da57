"""What importing costs: a new process for each library, the fastest of seven. Each may keep its bytecode, as it may wherever it is installed.

    python -m benchmarks.importing
"""

from __future__ import annotations

from benchmarks import peers
from benchmarks.measure import note

import os
import subprocess
import sys

CODE = "import time; t = time.perf_counter(); import {name}; print(time.perf_counter() - t)"


def run(threads: int = 1) -> dict[str, float]:
    """Seconds to import each library, NumPy's own included."""
    names = ["numpy", "croton", *[name for name in ("jax", "torch", "pytensor") if getattr(peers, name)]]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    seconds: dict[str, float] = {}
    for _ in range(7):
        for name in names:
            command = [sys.executable, "-c", CODE.format(name=name)]
            out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
            seconds[name] = min(float(out), seconds.get(name, float("inf")))
    note("import: " + ", ".join(f"{name} {value:.2f} s" for name, value in seconds.items()))
    return seconds


if __name__ == "__main__":
    peers.main(run)

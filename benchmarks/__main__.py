"""All benchmarks, each in a process of its own, with one thread and with two; the tables go to benchmarks/results.md.

    python -m benchmarks [--threads 1 2] [--only elementwise calls]
"""

from __future__ import annotations

from benchmarks.measure import RECORD, format_seconds, machine

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

NAMES = (
    "elementwise",
    "normalisation",
    "autoencoder",
    "batch_norm_mlp",
    "embeddings",
    "hierarchical_density",
    "per_example",
    "hessian",
    "lstm",
    "transformer",
    "convolution_network",
    "layers",
    "jacobians",
    "loops",
    "linear_algebra",
    "calls",
    "batch_sizes",
    "scaling",
    "importing",
)
ONCE = frozenset({"calls", "scaling", "importing"})
"""What threads make no difference to."""
LIBRARIES = ("numpy", "llvmlite", "scipy-openblas32", "jax", "torch", "pytensor", "numba")
RESULTS = Path(__file__).parent / "results.md"


def measured(name: str, threads: int) -> tuple[str, list[dict[str, Any]]]:
    """The first line of a benchmark's description, and what a run of it records."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record"
        record.touch()
        command = [sys.executable, "-m", f"benchmarks.{name}", "--threads", str(threads)]
        print(f"\n{' '.join(command[1:])}", flush=True)
        # Modules keep their bytecode, as pip has it where they are installed: translating them is no part of compiling a graph.
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        done = subprocess.run(command, env={**environment, RECORD: str(record)})
        entries = [json.loads(line) for line in record.read_text().splitlines()]
        if done.returncode:
            entries.append({"note": f"stopped with exit status {done.returncode}"})
    source = (Path(__file__).parent / f"{name}.py").read_text()
    return source.split('"""')[1].splitlines()[0], entries


def table(entries: list[dict[str, Any]]) -> list[str]:
    """The lines of a table with a column for each contender, and a list of the notes."""
    rows = [entry for entry in entries if "title" in entry]
    lines = []
    if rows:
        contenders = list(dict.fromkeys(name for row in rows for name in row["seconds"]))
        lines += [f"| | {' | '.join(contenders)} |", "|---" * (len(contenders) + 1) + "|"]
        for row in rows:
            cells = []
            for name in contenders:
                seconds, ratio = row["seconds"].get(name), row["ratios"].get(name)
                cells.append("" if seconds is None else format_seconds(seconds) + ("" if ratio is None else f" ({ratio:.2f}x)"))
            lines.append(f"| {row['title']} | {' | '.join(cells)} |")
        lines.append("")
    lines += [f"* {entry['note']}" for entry in entries if "note" in entry]
    return [*lines, ""]


def head() -> list[str]:
    """Where and with what the figures were measured."""
    versions = []
    for name in LIBRARIES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{name} not installed")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=RESULTS.parent).stdout.strip()
    return [
        "# Benchmarks",
        "",
        f"Measured {datetime.date.today()} by `python -m benchmarks` on {machine()}, Python {platform.python_version()}, "
        f"{', '.join(versions)}; Croton at commit {commit or 'unknown'}.",
        "",
        "Each contender runs in turn in one process; a ratio in brackets is the median over rounds of its time divided by Croton's in the same",
        "round, so above 1 means that Croton is faster. Times are medians.",
        "",
    ]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--only", nargs="*", choices=NAMES, default=NAMES)
    options = parser.parse_args()
    lines = head()
    for threads in options.threads:
        lines += [f"## {'One thread' if threads == 1 else f'{threads} threads'}", ""]
        for name in options.only:
            if name in ONCE and threads != options.threads[0]:
                continue
            busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
            title, entries = measured(name, threads)
            # One process is the benchmark before this one.
            if busy > (os.cpu_count() or 1):
                entries.append({"note": f"the machine was busy when this began: {busy:.1f} processes were running besides"})
            lines += [f"### {title}", "", *table(entries)]
            if tuple(options.only) == NAMES:
                RESULTS.write_text("\n".join(lines))
    if tuple(options.only) != NAMES:
        print("\n".join(lines))


if __name__ == "__main__":
    main()

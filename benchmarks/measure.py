"""Timing side by side: every contender in one process, alternating, and the median of the ratios of each round.

Absolute times drift with the machine; the ratio of two calls made one after the other does not. A round calls every contender once, in an
order of its own (each repeated until it has taken a few milliseconds), and a contender's ratio is the median over rounds of its time divided by Croton's
in the same round. Before its turn a contender waits and is called untimed: threads of the one before it spin for some milliseconds after their last
job, on a core that is not theirs any more, and its own have gone to sleep.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

Run = Callable[[], object]

SETTLE = 0.015
"""Seconds after which no thread of another contender spins any longer: OpenMP's do for up to ten milliseconds."""
WARM = 0.005
"""Seconds of untimed calls before a contender is timed."""

RECORD = "CROTON_BENCHMARK_RECORD"
"""The environment variable that names a file to which results are also written, a JSON object a line."""


@dataclass
class Result:
    """Seconds a call for each contender and its median ratio to the first one."""

    title: str
    seconds: dict[str, list[float]] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return next(iter(self.seconds))

    def ratio(self, name: str) -> float:
        mine = np.array(self.seconds[self.base])
        return float(np.median(np.array(self.seconds[name]) / mine))

    def row(self) -> str:
        cells = [f"{self.title:44s}"]
        for name, values in self.seconds.items():
            text = f"{name} {format_seconds(float(np.median(values)))}"
            if name != self.base:
                text += f" ({self.ratio(name):.2f}x)"
            cells.append(text)
        return "  ".join(cells)


def format_seconds(value: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if value * scale >= 1:
            return f"{value * scale:.3g} {unit}"
    return f"{value * 1e9:.0f} ns"


def repeats(run: Run, at_least: float) -> int:
    """How many calls take `at_least` seconds, measured after one warm call."""
    run()
    start = time.perf_counter()
    run()
    one = max(time.perf_counter() - start, 1e-8)
    count = max(1, int(at_least / one))
    if count > 1:
        start = time.perf_counter()
        for _ in range(count):
            run()
        one = (time.perf_counter() - start) / count
        count = max(1, int(at_least / one))
    return count


def settle(run: Run) -> None:
    """Wait until the threads of others sleep, and wake those of this contender."""
    time.sleep(SETTLE)
    end = time.perf_counter() + WARM
    run()
    while time.perf_counter() < end:
        run()


def alternate(title: str, contenders: dict[str, Run], rounds: int = 15, at_least: float = 0.02) -> Result:
    """Time the contenders in turn. The first is the one that the others are divided by."""
    result = Result(title, {name: [] for name in contenders})
    counts = {name: repeats(run, at_least) for name, run in contenders.items()}
    order = list(contenders)
    shuffle = random.Random(0).shuffle
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            run = contenders[name]
            count = counts[name]
            settle(run)
            start = time.perf_counter()
            for _ in range(count):
                run()
            result.seconds[name].append((time.perf_counter() - start) / count)
    print(result.row(), flush=True)
    _record(
        {"title": title, "seconds": {name: float(np.median(times)) for name, times in result.seconds.items()}}
        | {"ratios": {name: result.ratio(name) for name in contenders if name != result.base}}
    )
    return result


def note(text: str) -> None:
    """Print a figure that is no race between contenders."""
    print(text, flush=True)
    _record({"note": text})


def _record(entry: dict[str, object]) -> None:
    path = os.environ.get(RECORD)
    if path:
        with open(path, "a") as file:
            file.write(json.dumps(entry) + "\n")


def machine() -> str:
    """The processor and the number of cores this process may use, for the head of a table."""
    name = "unknown processor"
    try:
        with open("/proc/cpuinfo") as lines:
            name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores"

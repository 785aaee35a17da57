"""Largest errors and speed of the vector mathematics: `python -m benchmarks.ulp [names] [--stride 1] [--points 1000000]`.

float32 runs over every stride-th bit pattern (stride 1 is all of them, some minutes a function), float64 over random points of all
magnitudes and of the function's own ranges. Nanoseconds an element are for one core, arrays that stay in its caches, arguments in
[0.1, 0.9].
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "codegen"))

from vector_accuracy import CASES, Case, double_points, errors, exact_errors, pair_points, single_patterns
from vector_engine import VectorFunction

from croton.codegen.vecmath import FUNCTIONS

CHUNK = 1 << 22


class Worst:
    """The largest error so far, where it was, and how many special values were wrong."""

    def __init__(self) -> None:
        self.error, self.at, self.wrong = 0.0, "", 0

    def see(self, distance: np.ndarray, wrong: np.ndarray, *inputs: np.ndarray) -> None:
        worst = int(np.argmax(distance))
        self.wrong += int(np.sum(wrong))
        if distance[worst] > self.error:
            self.error = float(distance[worst])
            self.at = ", ".join(repr(float(x[worst])) for x in inputs)

    def __str__(self) -> str:
        return f"{self.error:6.3f} ULP at {self.at}" + (f", {self.wrong} WRONG" if self.wrong else "")


def single_errors(name: str, case: Case, f: VectorFunction, stride: int, points: int) -> Worst:
    """float32 against float64."""
    worst = Worst()
    if case.arity == 2:
        x, y = pair_points(name, np.float32, points)
        worst.see(*errors(f(x, y), case.reference(x.astype(np.float64), y.astype(np.float64)), case.floor(x, y)), x, y)
        return worst
    for start in range(0, 1 << 32, CHUNK * stride):
        x = single_patterns(start, min(start + CHUNK * stride, 1 << 32), stride)
        worst.see(*errors(f(x), case.reference(x.astype(np.float64)), case.floor(x)), x)
    return worst


def double_errors(name: str, case: Case, f: VectorFunction, points: int) -> Worst:
    """float64 against extended precision, or against mpmath at a hundredth of the points."""
    worst = Worst()
    if case.arity == 2:
        x, y = pair_points(name, np.float64, points)
        worst.see(*errors(f(x, y), np.asarray(case.reference(x.astype(np.longdouble), y.astype(np.longdouble))), case.floor(x, y)), x, y)
    elif case.exact is None:
        x = double_points(case, points)
        worst.see(*errors(f(x), np.asarray(case.reference(x.astype(np.longdouble))), case.floor(x)), x)
    else:
        generator = np.random.default_rng(0)
        x = np.concatenate([generator.uniform(low, high, points // 100) for low, high in case.ranges])
        result = f(x)
        worst.see(exact_errors(case.exact, x, result, case.floor(x)), np.isnan(result), x)
    return worst


def nanoseconds(run: Callable[[], object], count: int) -> float:
    """The least time an element of 100 runs."""
    run()
    best = float("inf")
    for _ in range(100):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best / count * 1e9


def speed(f: VectorFunction, case: Case) -> tuple[float, float]:
    """Nanoseconds an element of ours and of the reference in NumPy or SciPy."""
    count = 2048
    x = np.random.default_rng(1).uniform(0.1, 0.9, count).astype(f.dtype)
    out = np.empty_like(x)
    addresses = [out.ctypes.data, *[x.ctypes.data] * case.arity]
    return (
        nanoseconds(lambda: f.call(*addresses, count), count),
        nanoseconds(lambda: case.reference(*[x] * case.arity), count),
    )


def main() -> None:
    """Print a line for every function and type."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="functions; all if none is named")
    parser.add_argument("--stride", type=int, default=101, help="step over float32 bit patterns")
    parser.add_argument("--points", type=int, default=100_000, help="random points for each kind of argument")
    options = parser.parse_args()
    points = options.points
    with np.errstate(all="ignore"):
        for name in options.names or CASES:
            case = CASES[name]
            for element, lanes in (("float", 32), ("double", 16)):
                f = VectorFunction(FUNCTIONS[name], element, lanes, case.arity)
                single = element == "float"
                worst = single_errors(name, case, f, options.stride, points) if single else double_errors(name, case, f, points)
                ours, theirs = speed(f, case)
                print(f"{name:9s} {element:6s} {ours:6.2f} ns (NumPy or SciPy {theirs:7.2f})  {worst}", flush=True)


if __name__ == "__main__":
    main()

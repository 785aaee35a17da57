"""Where the time of a call goes: every kernel, product and routine, timed in the native program.

The program is loaded once more with a mark between its calls: a call of Python code that reads the clock. What a mark itself takes is measured beside
it and subtracted. So kernels run on as many threads, and products in the same library, as in any other call; what is
different is that the interpreter lock is taken at each mark, that a call of less than about a tenth of a microsecond drowns in
the clock's resolution, and that everything before the first call (checking arguments, finding memory) is not in the table.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from croton.compile.executable import Executable
from croton.compile.words import Lines, amount, seconds
from croton.runtime.calls.routine import Routine
from croton.runtime.function import call_native, load
from croton.runtime.program import Program
from croton.sizes import evaluate
from croton.util.errors import ArgumentError
from croton.util.provenance import Line


class Timed(NamedTuple):
    """One call of the program: what it is, its time in seconds (the median over the repetitions), what it does, and the lines it comes from."""

    kind: str
    title: str
    seconds: float
    share: float
    flops: int
    bytes: int
    lines: tuple[Line, ...]


class Profile:
    """Times of one call of a function. Print it: the calls that take longest come first.

    calls    the timed calls, slowest first, as `Timed`
    total    their times together, in seconds
    whole    the time of the whole call without marks: what is not in `calls` is checking arguments and returning
    """

    def __init__(self, name: str, calls: Sequence[Timed], whole: float, repeat: int) -> None:
        self.name = name
        self.calls = tuple(sorted(calls, key=lambda call: -call.seconds))
        self.total = sum(call.seconds for call in calls)
        self.whole = whole
        self.repeat = repeat

    def __str__(self) -> str:
        lines = Lines(line for call in self.calls for line in call.lines)
        rows = [
            f"{self.name}: {seconds(self.whole)} a call, of which {seconds(self.total)} in what is listed here (medians of {self.repeat})",
            *[text for text in (lines.heading(),) if text],
            "",
        ]
        for call in self.calls:
            rate = ""
            if call.seconds > 0 and call.kind != "check":
                rate = f"  {amount(call.flops / call.seconds)}flop/s  {amount(call.bytes / call.seconds)}B/s"
            rows.append(f"{call.share:6.1%}  {seconds(call.seconds):>8}  {call.title}{rate}")
            rows += [f"                  {line}" for line in lines.rows(call.lines)]
        return "\n".join(rows)

    def __repr__(self) -> str:
        return str(self)


def profile(name: str, executable: Executable, arrays: Sequence[np.ndarray], repeat: int) -> Profile:
    """The profile of the program that a call with these arrays runs. Its shared variables are copied, so that they stay as they are."""
    if not isinstance(repeat, int) or repeat < 1:
        raise ArgumentError(f"profile: repeat is how often the call is timed, at least 1, got {repeat!r}")
    executable = executable.at([array.shape for array in arrays])
    program = executable.program
    marks = _Marks(len(program.calls))
    marked = load(
        _marked(program, len(executable.routines)),
        executable.kernels,
        _copied(executable),
        (*executable.routines, marks.mark),
        keep=executable.keep,
        limits=executable.limits,
    )
    plain = load(program, executable.kernels, _copied(executable), executable.routines, keep=executable.keep, limits=executable.limits)
    times, whole = [], []
    # The first round loads code and takes memory; it is not counted.
    for _ in range(repeat + 1):
        start = time.perf_counter()
        call_native(plain, arrays)
        whole.append(time.perf_counter() - start)
        call_native(marked, arrays)
        times.append(marks.take())
    found = np.median(times[1:], axis=0)
    total = float(found.sum()) or 1.0
    account = executable.account
    sizes = account.sizes([*arrays, *[cell[0] for cell in executable.cells]])
    calls = [
        Timed(
            entry.kind,
            entry.title(lambda size: str(evaluate(size, sizes))) + (f": {entry.flow}" if entry.flow else ""),
            float(spent),
            float(spent) / total,
            evaluate(entry.flops, sizes),
            evaluate(entry.bytes, sizes),
            entry.lines,
        )
        for entry, spent in zip(account.entries, found)
    ]
    return Profile(name, calls, float(np.median(whole[1:])), repeat)


def _copied(executable: Executable) -> list[list[np.ndarray]]:
    return [[cell[0].copy()] if shared.written else list(cell) for cell, shared in zip(executable.cells, executable.program.shared)]


def _marked(program: Program, mark: int) -> Program:
    """The program with two marks before each call and one at the end: what is between two marks next to each other is what a mark takes."""
    calls: list[tuple] = []
    for call in program.calls:
        calls += [Routine(mark, ()), Routine(mark, ()), call]
    return program._replace(calls=(*calls, Routine(mark, ())))


class _Marks:
    """The clock at each mark of a call."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.times: list[float] = []

    def mark(self) -> None:
        self.times.append(time.perf_counter())

    def take(self) -> list[float]:
        """The time of each call, and forget the marks."""
        times, self.times = self.times, []
        first, second, after = times[0:-1:2], times[1::2], times[2::2]
        return [max(end - start - (start - before), 0.0) for before, start, end in zip(first, second, after)]

"""Loops that can be interrupted: signals that have come, as by Ctrl-C, are looked for every few milliseconds.

A clock would cost as much as several tiny steps, and so would counting. So a loop is told at its beginning how many steps it may take until the next look, by
what a step costs about; then the clock says how much work makes up the time until the look after it. A handler that raises ends the call before anything of
it can be seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from croton.runtime import rounding
from croton.runtime.frame import PYTHON_ERROR, Frame

FIRST_LOOK = 1 << 17
"""Work before the first look, in operations: some ten microseconds."""
LEAST = 63
"""What a step costs at least."""
PERIOD = 10_000_000
"""Nanoseconds between looks."""
GROWTH = 64
"""How many times more work than the last time there may be until the next look."""
MOST = 1 << 40
NANOSECONDS = 1_000_000_000


class Interrupts:
    """Emits when loops look for signals. S[pause] is the number of steps at which a loop looks, S[pause + 1] how many it had done at the last look."""

    def __init__(self, frame: Frame) -> None:
        a = frame.a
        self.frame = frame
        self.left, self.interval = a.variable("i64", FIRST_LOOK), a.variable("i64", FIRST_LOOK)
        self.last = a.variable("i64", 0)
        self.clock = a.variable("[2 x i64]")

    def begin(self, count: str, pause: str, weight: str) -> None:
        """Say when a loop is to look."""
        self._set(count, "0", pause, weight)

    def go_on(self, done: str, pause: str, about: Callable[[], tuple[str, str]], again: Callable[[], None]) -> None:
        """Emit `again` where there are steps left after so many; look for signals if it is time.

        `about` emits what says how many steps there are, and their weight.
        """
        a, frame = self.frame.a, self.frame
        go, stop, look, after = (a.label() for _ in range(4))
        a.fork(a.compare("slt", done, a.load(frame.S, pause)), go, stop)
        a.begin(stop)
        count, weight = about()
        a.fork(a.compare("slt", done, count), look, after)
        a.begin(look)
        self.end(done, pause, weight)
        self.look()
        self._set(count, done, pause, weight)
        a.jump(go)
        a.begin(go)
        again()
        a.jump(after)
        a.begin(after)

    def end(self, done: str, pause: str, weight: str) -> None:
        """Count what a loop has done since the last look."""
        a = self.frame.a
        steps = a.subtract(done, a.load(self.frame.S, a.add(pause, 1)))
        a.set(self.left, a.subtract(a.get(self.left), a.value(f"shl i64 {steps}, {self._shift(weight)}")))

    def _shift(self, weight: str) -> str:
        """The logarithm of the work of a step."""
        a = self.frame.a
        work = a.value(f"or i64 {weight}, {LEAST}")
        return a.subtract(64, a.value(f"call i64 @llvm.ctlz.i64(i64 {a.smaller(work, MOST)}, i1 true)"))

    def _set(self, count: str, done: str, pause: str, weight: str) -> None:
        a, frame = self.frame.a, self.frame
        steps = a.value(f"ashr i64 {a.larger(a.get(self.left), 0)}, {self._shift(weight)}")
        a.store(a.smaller(count, a.add(done, a.add(steps, 1))), frame.S, pause)
        a.store(done, frame.S, a.add(pause, 1))

    def look(self) -> None:
        """Ask for the time, and for signals unless that was just done."""
        a = self.frame.a
        a.value(f"call i32 @clock_gettime(i32 {time.CLOCK_MONOTONIC}, ptr {self.clock})")
        now = a.add(a.multiply(a.load(self.clock, 0), NANOSECONDS), a.load(self.clock, 1))
        before = a.get(self.last)
        passed = a.larger(a.subtract(now, before), PERIOD // GROWTH)
        is_first = a.compare("eq", before, 0)
        work = a.larger(a.subtract(a.get(self.interval), a.get(self.left)), 1)
        share = a.value(f"fdiv double {PERIOD}.0, {a.value(f'sitofp i64 {passed} to double')}")
        fitting = a.value(f"fmul double {a.value(f'sitofp i64 {work} to double')}, {share}")
        fitting = a.smaller(a.larger(a.value(f"fptosi double {fitting} to i64"), 1), MOST)
        following = a.choose(is_first, FIRST_LOOK, fitting)
        a.set(self.interval, following)
        a.set(self.left, following)
        a.set(self.last, now)
        is_due = a.compare("sge", passed, PERIOD // 2)
        with a.when(a.either(is_first, is_due)):
            self.handle_signals()

    def handle_signals(self) -> None:
        """Let Python run the handlers of signals that have come; with the GIL, which is given away again afterwards."""
        a, frame = self.frame.a, self.frame
        released = a.compare("ne", a.get(frame.thread, "ptr"), "null", "ptr")
        frame.take_lock()
        frame.reset_mode()
        raised = a.value("call i32 @croton_PyErr_CheckSignals()")
        good, bad = a.label(), a.label()
        a.fork(a.compare("eq", raised, 0, "i32"), good, bad)
        a.begin(bad)
        a.set(frame.status[0], PYTHON_ERROR)
        a.jump(frame.finish)
        a.begin(good)
        with a.when(a.get(frame.mode_changed, "i1")):
            rounding.flush(a, frame.mode, frame.flush_mode)
        with a.when(released):
            a.set(frame.thread, a.value("call ptr @croton_PyEval_SaveThread()"), "ptr")

"""Calls of compiled kernels, whose outermost loop threads may share."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

from croton.runtime.assembler import Assembler
from croton.runtime.calls.field import Flag, KernelNumber, MaybeSize, Number, Pointer, Size
from croton.runtime.calls.kind import Emission, Kind
from croton.runtime.calls.record import Record
from croton.runtime.calls.run import Run
from croton.runtime.calls.scope import Scope

PARTS = 4
"""The parts of a loop for each thread: half of its share, then a quarter, and so on, the last two as large. So most of the loop goes through
memory without a break, and little is left for a thread that comes late."""
TOGETHER = 4
"""Where parts are long they begin at multiples of this, so that rows which a kernel takes together stay together."""
PIECES = 8
"""A part that is gone through backwards is so many pieces, the last of them first. Each runs forward, as processors fetch memory best."""

_TURNS = "@croton_turns = internal global i64 0\n"
"""How many sweeps have been shared out. Every other one goes backwards."""

_KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)


class Sweep(NamedTuple):
    """A sweep of a kernel. With `range` >= 0 the kernel takes a part of a loop that has S[range] iterations: the parts go to the threads when
    S[work] (scalar operations of the whole loop) is large, split at multiples of `grain`. Else low and high are 0. Where it `finishes`, it
    is called once more after all parts, with low and high -1.
    """

    range: MaybeSize = -1
    work: MaybeSize = -1
    grain: Number = 1
    finishes: Flag = False


class Kernel(NamedTuple):
    """kernels[kernel](P, S, record of pointers then sizes, low, high, sweep), for each sweep in turn.

    Every other sweep that is shared out, of whatever kernel, goes backwards: it begins with what the one before has ended with, which is in the cache
    (three sweeps of a batch normalisation over 4 MB take 0.9 of the time, where the second cache has 2). What a loop gives is the same either way.
    """

    kernel: KernelNumber
    pointers: tuple[Pointer, ...]
    sizes: tuple[Size, ...]
    sweeps: tuple[Sweep, ...] = (Sweep(),)


def _check(scope: Scope, call: Kernel) -> None:
    for sweep in call.sweeps:
        scope.demand(sweep.range >= 0 or not sweep.finishes, "nothing follows a loop that has no range")
        scope.demand(sweep.grain > 0, f"a grain > 0 is wanted, got {sweep.grain}")


def _run(run: Run, call: Kernel) -> None:
    record = (ctypes.c_int64 * (len(call.pointers) + len(call.sizes)))(*call.pointers, *call.sizes)
    kernel = _KERNEL(run.kernels[call.kernel])
    for number, sweep in enumerate(call.sweeps):
        kernel(run.P, run.S, record, 0, run.S[sweep.range] if sweep.range >= 0 else 0, number)
        if sweep.finishes:
            kernel(run.P, run.S, record, -1, -1, number)


def _emit(emission: Emission, record: Record) -> None:
    frame = emission.frame
    a = frame.a
    function = record["kernel"]
    own = a.at(frame.stream, record.place("pointers"))
    tables = f"ptr {frame.P}, ptr {frame.S}, ptr {own}"
    with record.each("sweeps") as sweep:
        range_, grain, number = sweep["range"], sweep["grain"], sweep.number
        plain, ranged, after = a.label(), a.label(), a.label()
        a.fork(a.compare("slt", range_, 0), plain, ranged)
        a.begin(plain)
        a.do(f"call void {a.pointer(function)}({tables}, i64 0, i64 0, i64 {number})")
        a.jump(after)
        a.begin(ranged)
        work, threshold = sweep["work"], frame.header("parallel_work")
        count = a.load(frame.S, range_)
        known = a.load(frame.S, a.larger(work, 0))
        large = a.compare("sge", a.choose(a.compare("slt", work, 0), threshold, known), threshold)
        shared = a.both(large, a.compare("sgt", count, grain))
        split, whole, done = a.label(), a.label(), a.label()
        a.fork(shared, split, whole)
        a.begin(split)
        turn = a.value("atomicrmw add ptr @croton_turns, i64 1 monotonic")
        context = a.variable("[8 x i64]")
        for index, word in enumerate((function, a.integer(frame.P), a.integer(frame.S), a.integer(own), count, grain, number, turn)):
            a.store(word, context, index)
        a.do(f"call void @croton_parallel(ptr @croton_kernel_part, ptr {context}, i64 {PARTS})")
        a.jump(done)
        a.begin(whole)
        a.do(f"call void {a.pointer(function)}({tables}, i64 0, i64 {count}, i64 {number})")
        a.jump(done)
        a.begin(done)
        with a.when(a.compare("ne", sweep["finishes"], 0)):
            a.do(f"call void {a.pointer(function)}({tables}, i64 -1, i64 -1, i64 {number})")
        a.jump(after)
        a.begin(after)


def kernel_part() -> str:
    """A thread's part of the loop of a sweep, cut at multiples of the grain."""
    a = Assembler("internal void @croton_kernel_part(ptr %context, i64 %part, i64 %parts)")
    function, pointers, sizes, record, count, grain, sweep, turn = (a.load("%context", index) for index in range(8))
    tables = ", ".join(f"ptr {a.pointer(word)}" for word in (pointers, sizes, record))
    grains = a.value(f"sdiv i64 {a.add(count, a.subtract(grain, 1))}, {grain}")
    threads = a.larger(a.value(f"sdiv i64 %parts, {PARTS}"), 1)
    smallest = 1 << PARTS - 1
    all_ = a.multiply(threads, smallest)
    backwards = a.compare("ne", a.value(f"and i64 {turn}, 1"), 0)

    def aligned(place: str, length: str) -> str:
        return a.value(f"and i64 {place}, {a.choose(a.compare('sge', length, 2 * TOGETHER), -TOGETHER, -1)}")

    def place_of(share: str) -> str:
        """Where a share of the range begins, in parts of the smallest share."""
        place = aligned(a.value(f"sdiv i64 {a.multiply(grains, share)}, {all_}"), a.value(f"sdiv i64 {grains}, {all_}"))
        return a.choose(a.compare("eq", share, all_), grains, place)

    thread, number = (a.value(f"{operation} i64 %part, {PARTS}") for operation in ("sdiv", "srem"))
    first, last = a.multiply(thread, smallest), a.multiply(a.add(thread, 1), smallest)
    longer, shorter = (a.value(f"lshr i64 {smallest}, {halvings}") for halvings in (number, a.add(number, 1)))
    alone = a.compare("eq", "%parts", 1)
    low = place_of(a.choose(backwards, a.add(first, shorter), a.subtract(last, longer)))
    high = place_of(a.choose(backwards, a.add(first, longer), a.subtract(last, shorter)))
    low, high = a.choose(alone, 0, low), a.choose(alone, grains, high)
    length = a.subtract(high, low)
    pieces = a.choose(backwards, PIECES, 1)
    piece = a.value(f"sdiv i64 {a.add(length, a.subtract(pieces, 1))}, {pieces}")
    piece = aligned(a.add(piece, a.choose(a.compare("sge", piece, 2 * TOGETHER), TOGETHER - 1, 0)), piece)
    with a.loop(pieces) as step:
        begin = a.add(low, a.multiply(piece, a.choose(backwards, a.subtract(PIECES - 1, step), 0)))
        end = a.smaller(a.add(begin, piece), high)
        with a.when(a.compare("slt", begin, end)):
            bounds = f"i64 {a.multiply(begin, grain)}, i64 {a.smaller(a.multiply(end, grain), count)}"
            a.do(f"call void {a.pointer(function)}({tables}, {bounds}, i64 {sweep})")
    a.do("ret void")
    return _TURNS + a.text()


KERNEL = Kind(Kernel, _emit, _run, _check)

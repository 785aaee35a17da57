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
"""The parts of a kernel's loop for each thread: half of its share, then a quarter, and so on, the last two as large. So most of the loop goes through
memory without a break, and little is left for a thread that comes late."""
TOGETHER = 4
"""Where parts are long they begin at multiples of this, so that rows which a kernel takes together stay together."""

_KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


class Kernel(NamedTuple):
    """kernels[kernel](P, S, record of pointers then sizes, low, high).

    With `range` >= 0 the kernel takes a part of its outermost loop, which has S[range] iterations: the parts go to the threads when
    S[work] (scalar operations of the whole loop) is large, split at multiples of `grain`. Else low and high are 0. Where it `finishes`, it
    is called once more after all parts, with low and high -1.
    """

    kernel: KernelNumber
    pointers: tuple[Pointer, ...]
    sizes: tuple[Size, ...]
    range: MaybeSize = -1
    work: MaybeSize = -1
    grain: Number = 1
    finishes: Flag = False


def _check(scope: Scope, call: Kernel) -> None:
    scope.demand(call.range >= 0 or not call.finishes, "nothing follows a loop that has no range")
    scope.demand(call.grain > 0, f"a grain > 0 is wanted, got {call.grain}")


def _run(run: Run, call: Kernel) -> None:
    record = (ctypes.c_int64 * (len(call.pointers) + len(call.sizes)))(*call.pointers, *call.sizes)
    kernel = _KERNEL(run.kernels[call.kernel])
    kernel(run.P, run.S, record, 0, run.S[call.range] if call.range >= 0 else 0)
    if call.finishes:
        kernel(run.P, run.S, record, -1, -1)


def _emit(emission: Emission, record: Record) -> None:
    frame = emission.frame
    a = frame.a
    function, range_, grain = record["kernel"], record["range"], record["grain"]
    own = a.at(frame.stream, record.place("pointers"))
    tables = f"ptr {frame.P}, ptr {frame.S}, ptr {own}"
    plain, ranged, after = a.label(), a.label(), a.label()
    a.fork(a.compare("slt", range_, 0), plain, ranged)
    a.begin(plain)
    a.do(f"call void {a.pointer(function)}({tables}, i64 0, i64 0)")
    a.jump(after)
    a.begin(ranged)
    work, threshold = record["work"], frame.header("parallel_work")
    count = a.load(frame.S, range_)
    known = a.load(frame.S, a.larger(work, 0))
    large = a.compare("sge", a.choose(a.compare("slt", work, 0), threshold, known), threshold)
    shared = a.both(large, a.compare('sgt', count, grain))
    split, whole, done = a.label(), a.label(), a.label()
    a.fork(shared, split, whole)
    a.begin(split)
    context = a.variable("[6 x i64]")
    for index, word in enumerate((function, a.integer(frame.P), a.integer(frame.S), a.integer(own), count, grain)):
        a.store(word, context, index)
    a.do(f"call void @croton_parallel(ptr @croton_kernel_part, ptr {context}, i64 {PARTS})")
    a.jump(done)
    a.begin(whole)
    a.do(f"call void {a.pointer(function)}({tables}, i64 0, i64 {count})")
    a.jump(done)
    a.begin(done)
    with a.when(a.compare("ne", record["finishes"], 0)):
        a.do(f"call void {a.pointer(function)}({tables}, i64 -1, i64 -1)")
    a.jump(after)
    a.begin(after)


def kernel_part() -> str:
    """A thread's part of a kernel's outermost loop, cut at multiples of the grain."""
    a = Assembler("internal void @croton_kernel_part(ptr %context, i64 %part, i64 %parts)")
    function, pointers, sizes, record, count, grain = (a.load("%context", index) for index in range(6))
    grains = a.value(f"sdiv i64 {a.add(count, a.subtract(grain, 1))}, {grain}")
    threads = a.larger(a.value(f"sdiv i64 %parts, {PARTS}"), 1)
    smallest = 1 << PARTS - 1
    all_ = a.multiply(threads, smallest)
    cut = a.choose(a.compare("sge", grains, a.multiply(all_, 2 * TOGETHER)), -TOGETHER, -1)

    def begins(part: str) -> str:
        thread, number = (a.value(f"{operation} i64 {part}, {PARTS}") for operation in ("sdiv", "srem"))
        share = a.subtract(a.multiply(a.add(thread, 1), smallest), a.value(f"lshr i64 {smallest}, {number}"))
        place = a.value(f"sdiv i64 {a.multiply(grains, share)}, {all_}")
        return a.smaller(a.multiply(a.value(f"and i64 {place}, {cut}"), grain), count)

    following = a.add("%part", 1)
    low = begins("%part")
    high = a.choose(a.compare("eq", following, "%parts"), count, begins(following))
    with a.when(a.compare("slt", low, high)):
        tables = ", ".join(f"ptr {a.pointer(word)}" for word in (pointers, sizes, record))
        a.do(f"call void {a.pointer(function)}({tables}, i64 {low}, i64 {high})")
    a.do("ret void")
    return a.text()


KERNEL = Kind(Kernel, _emit, _run, _check)

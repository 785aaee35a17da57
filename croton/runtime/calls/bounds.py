"""Checks that computed indices are within bounds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from croton.runtime.calls.field import IndexName, MaybeSize, Number, Pointer, Size
from croton.runtime.calls.kind import Emission, Kind
from croton.runtime.calls.record import Record
from croton.runtime.calls.run import Run, refused


class Check(NamedTuple):
    """Every one of S[length] integers (int32 or int64) at P[pointer] must be in S[low] <= value < S[high]; else the call is
    refused with `error`. With `high` -1 there is no upper bound."""

    dtype: IndexName
    pointer: Pointer
    length: Size
    low: Size
    high: MaybeSize
    error: Number


def _run(run: Run, call: Check) -> None:
    values = run.view(call.pointer, call.dtype, (run.S[call.length],))
    outside = np.flatnonzero((values < run.S[call.low]) | (call.high >= 0 and values >= run.S[call.high]))
    if len(outside):
        raise refused("index", call.error, int(outside[0]), int(values[outside[0]]))


def _emit(emission: Emission, record: Record) -> None:
    frame = emission.frame
    a = frame.a
    wide, array, low, high, error = (record[name] for name in ("dtype", "pointer", "low", "high", "error"))
    open_ = a.compare("slt", high, 0)
    bound = a.load(frame.S, a.larger(high, 0))
    value = a.variable("i64", 0)
    with a.loop(record["length"]) as position:

        def narrow(position: str = position) -> None:
            a.set(value, a.value(f"sext i32 {a.load(array, position, 'i32')} to i64"))

        def whole(position: str = position) -> None:
            a.set(value, a.load(array, position))

        a.switch(wide, [narrow, whole])
        index = a.get(value)
        below = a.either(open_, a.compare('slt', index, bound))
        inside = a.both(a.compare("sge", index, low), below)
        frame.need(inside, "index", error, position, index)


CHECK = Kind(Check, _emit, _run)

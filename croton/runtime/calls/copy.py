"""Copies of memory."""

from __future__ import annotations

from typing import NamedTuple

from croton.runtime.calls.field import Pointer, Size
from croton.runtime.calls.kind import Emission, Kind
from croton.runtime.calls.record import Record
from croton.runtime.calls.run import Run


class Copy(NamedTuple):
    """Copy S[size] bytes."""

    target: Pointer
    source: Pointer
    size: Size


def _run(run: Run, call: Copy) -> None:
    run.move(run.P[call.target], run.P[call.source], call.size)


def _emit(emission: Emission, record: Record) -> None:
    emission.frame.copy(record["target"], record["source"], record["size"])


COPY = Kind(Copy, _emit, _run)

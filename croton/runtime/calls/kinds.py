"""The kinds of calls: the only place that lists them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from croton.runtime.calls.bounds import CHECK
from croton.runtime.calls.copy import COPY
from croton.runtime.calls.field import Links
from croton.runtime.calls.gemm import GEMM
from croton.runtime.calls.kernel import KERNEL
from croton.runtime.calls.kind import Emission, Kind
from croton.runtime.calls.loop import LOOP, LOOP_BACK, LOOP_LEFT
from croton.runtime.calls.matrices import MATRICES_CALL
from croton.runtime.calls.record import Record
from croton.runtime.calls.routine import ROUTINE
from croton.runtime.calls.run import Run
from croton.runtime.calls.scope import MalformedProgram
from croton.runtime.frame import Frame
from croton.runtime.interrupts import Interrupts

KINDS: tuple[Kind, ...] = (KERNEL, GEMM, CHECK, COPY, ROUTINE, LOOP, LOOP_BACK, LOOP_LEFT, MATRICES_CALL)
"""The position of a kind is its code in the stream."""

_CODES = {kind.record: code for code, kind in enumerate(KINDS)}


def kind_of(call: tuple) -> Kind:
    """The kind of a call."""
    code = _CODES.get(type(call))
    if code is None:
        raise MalformedProgram(f"{call!r} is no call")
    return KINDS[code]


def every_call(calls: Iterable[tuple]) -> Iterator[tuple]:
    """The calls and those inside of others, each before what is inside of it."""
    stack = [iter(calls)]
    while stack:
        for call in stack[-1]:
            yield call
            inner = kind_of(call).layout.inner
            if inner >= 0:
                stack.append(iter(call[inner]))
                break
        else:
            stack.pop()


def encode(call: tuple, links: Links) -> list[int]:
    """The words of a call: its code, the length of its record, the record, and what comes behind it."""
    kind = kind_of(call)
    words = kind.layout.words(links, call)
    return [_CODES[kind.record], len(words), *words, *kind.behind(call, links, len(words))]


def run(state: Run, call: tuple) -> None:
    """Run a call in Python."""
    kind_of(call).run(state, call)


def emit_calls(frame: Frame) -> None:
    """Emit what runs the calls that come next in the stream."""
    a, emission = frame.a, Emission(frame, Interrupts(frame))
    length = frame.next()
    end = a.add(a.get(frame.place), length)
    head, body, after = a.label(), a.label(), a.label()
    a.jump(head)
    a.begin(head)
    place = a.get(frame.place)
    a.fork(a.compare("slt", place, end), body, after)
    a.begin(body)
    word = a.at(frame.stream, place)
    code, start = a.load(word, 0), a.add(place, 2)
    a.set(frame.place, a.add(start, a.load(word, 1)))

    def emitter(kind: Kind) -> None:
        kind.emit(emission, Record(frame, kind.layout, start))

    a.switch(code, [lambda kind=kind: emitter(kind) for kind in KINDS])  # type: ignore[misc]
    a.jump(head)
    a.begin(after)

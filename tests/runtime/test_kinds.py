"""What the records of the kinds of calls say of themselves: every field is checked, and written once."""

from __future__ import annotations

from typing import Any

import pytest

from croton.runtime.calls import kinds
from croton.runtime.calls.bounds import Check
from croton.runtime.calls.copy import Copy
from croton.runtime.calls.field import Links
from croton.runtime.calls.gemm import Axis, Gemm, Power
from croton.runtime.calls.kernel import Kernel, Sweep
from croton.runtime.calls.loop import Advance, Begin, Loop, Rotate
from croton.runtime.calls.matrices import Matrices, Stack
from croton.runtime.calls.record import Layout
from croton.runtime.calls.routine import Lent, Routine
from croton.runtime.calls.scope import MalformedProgram, Scope
from croton.util.errors import NotSupportedError

SIZE, POINTER, VIEW, COUNTER, PAUSE, BOUND = 1, 1, 3, 8, 9, 11
GOOD: tuple[tuple, ...] = (
    Kernel(0, (POINTER, VIEW), (SIZE,), (Sweep(SIZE, SIZE, 64, True), Sweep())),
    Gemm("float32", False, True, *(SIZE,) * 3, *(POINTER, SIZE) * 3, 0.5, (Power(SIZE, -1),), 1.0, (Axis(SIZE, SIZE, SIZE, SIZE),) * 2),
    Check("int32", POINTER, SIZE, SIZE, SIZE, 0),
    Copy(POINTER, POINTER, SIZE),
    Routine(0, (Lent(POINTER, "bool", (SIZE, SIZE)), Lent(POINTER, "int8", ()))),
    Matrices(
        *("lu_inverse float32", (Stack("float32", POINTER, *(SIZE,) * 4), Stack("int32", POINTER, *(SIZE,) * 4), Stack("float32", POINTER, *(SIZE,) * 4))),
        *(0, (SIZE, SIZE), (SIZE,) * 6, SIZE, 0, POINTER, SIZE, SIZE),
    ),
    Loop(
        *(SIZE, COUNTER, PAUSE, SIZE),
        (Advance(VIEW, POINTER, SIZE, SIZE, SIZE),),
        (Begin(VIEW, POINTER, SIZE),),
        (Rotate(VIEW, VIEW, POINTER, POINTER, POINTER, SIZE),),
        (
            Copy(POINTER, POINTER, SIZE),
            Gemm("float64", False, False, *(SIZE,) * 3, *(POINTER, SIZE) * 3, own="packed float64", packed=POINTER, counter=COUNTER),
        ),
        *(POINTER, SIZE, 0, POINTER, BOUND, True, POINTER),
    ),
)


def scope() -> Scope:
    """Sizes 0 to 7 are known, 8 to 11 are free; P has three entries and two views."""
    made = Scope(12, 1, 1)
    made.known.update(range(8))
    made.pointers, made.first_view = 5, 3
    return made


def check(call: tuple) -> None:
    known = scope()
    for each in kinds.every_call([call]):
        kind = kinds.kind_of(each)
        kind.layout.check(known, each)
        kind.check(known, each)


LINKS = Links([4096], [print], lambda name: 8192, lambda call: kinds.encode(call, LINKS))


def name(call: tuple) -> str:
    return type(call).__name__


def test_there_is_a_good_call_of_every_kind() -> None:
    made = {type(call) for call in GOOD}
    assert {kind.record for kind in kinds.KINDS if not kind.record.__name__.startswith("_")} == made


@pytest.mark.parametrize("call", GOOD, ids=name)
def test_good_calls_pass(call: tuple) -> None:
    check(call)


def wrong(layout: Layout, values: tuple) -> list[tuple[str, tuple]]:
    """The record with a number that is no entry of any table in the place of each that is checked, one at a time."""
    found = [(own, (*values[:place], 99, *values[place + 1 :])) for place, own, role in layout.plain if role.check.__module__ == Scope.__module__]
    for place, own, inner in layout.rows:
        for number, row in enumerate(values[place]):
            for field, other in wrong(inner, row if isinstance(row, tuple) else (row,)):
                changed = other if isinstance(row, tuple) else other[0]
                rows = (*values[place][:number], changed, *values[place][number + 1 :])
                found.append((f"{own}[{number}].{field}", (*values[:place], rows, *values[place + 1 :])))
    return found


CASES = [(type(call), field, values) for call in GOOD for field, values in wrong(kinds.kind_of(call).layout, call) if not field.endswith("dtype")]


@pytest.mark.parametrize(("kind", "field", "values"), CASES, ids=[f"{kind.__name__}.{field}" for kind, field, _ in CASES])
def test_every_wrong_index_is_named(kind: Any, field: str, values: tuple) -> None:
    with pytest.raises(MalformedProgram):
        check(kind(*values))


@pytest.mark.parametrize("call", GOOD, ids=name)
def test_a_record_is_as_long_as_it_says(call: tuple) -> None:
    kind = kinds.kind_of(call)
    words = kinds.encode(call, LINKS)
    code, length = words[:2]
    assert kinds.KINDS[code] is kind
    record = words[2 : 2 + length]
    assert record == kind.layout.words(LINKS, call)
    rows = [len(values) for place, _, _ in kind.layout.rows for values in [call[place]]]
    assert record[len(kind.layout.plain) : kind.layout.width] == rows
    assert all(isinstance(word, int) for word in words)


def test_what_is_inside_of_a_loop_lies_between_its_record_and_its_end() -> None:
    (loop,) = [call for call in GOOD if isinstance(call, Loop)]
    words = kinds.encode(loop, LINKS)
    behind = 2 + words[1]
    inside = [word for call in loop.calls for word in kinds.encode(call, LINKS)]
    assert words[behind + 1 : behind + 1 + len(inside)] == inside
    # The first word goes past the calls and what goes back to them, to what ends the loop.
    left = behind + 1 + words[behind]
    assert kinds.KINDS[words[left]].record.__name__ == "_Left"
    assert words[left + 2] == len(words) - 2


def test_other_data_is_no_call() -> None:
    with pytest.raises(MalformedProgram, match="is no call"):
        kinds.kind_of((1, 2))


def test_too_many_elements_are_not_supported() -> None:
    with pytest.raises(NotSupportedError, match="not supported: 9 batch axes"):
        kinds.encode(GOOD[1]._replace(batch=(Axis(1, 1, 1, 1),) * 9), LINKS)  # type: ignore[attr-defined]
    with pytest.raises(NotSupportedError, match="not supported: 33 axes of an array"):
        kinds.encode(Routine(0, (Lent(1, "bool", (1,) * 33),)), LINKS)

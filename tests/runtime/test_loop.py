"""Loops of a Program: addresses that advance and that change roles, in machine code and in the portable interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hand_kernels import elementwise
from hand_programs import constants
from hypothesis import given, settings
from hypothesis import strategies as st

from croton.runtime.calls.kernel import Kernel
from croton.runtime.calls.kinds import every_call
from croton.runtime.calls.loop import Advance, Begin, Loop, Rotate
from croton.runtime.calls.scope import MalformedProgram
from croton.runtime.check import check
from croton.runtime.function import load
from croton.runtime.portable import PortableFunction
from croton.runtime.program import Array, Output, Program, SizeOperation, View

# S: 0, 8 (bytes of a number), then the bound: steps T, width n, T + 1, n * 8, -(n * 8), (T - 1) * n * 8, T * n * 8, counters
ZERO, EIGHT, ONE, T, N, ROWS, ROW, BACK, LAST, END, COUNTER, OTHER, PAUSE, _, OTHER_PAUSE, _, BOUND = range(17)
OPERATIONS = (
    SizeOperation("add", ROWS, T, ONE),
    SizeOperation("multiply", ROW, N, EIGHT),
    SizeOperation("subtract", BACK, ZERO, ROW),
    SizeOperation("multiply", END, T, ROW),
    SizeOperation("subtract", LAST, END, ROW),
)
SIZES = {"constants": constants(0, 8, 1), "sizes": 17, "size_operations": OPERATIONS}
# P of both programs: x, h, a slot, the output, then views
X, H, SLOT, OUT, VIEW = range(5)


def all_states(reverse: bool) -> Program:
    """Running sums of rows of x that begin with h, all of them."""
    stride, first, before, after = (BACK, LAST, END, LAST) if reverse else (ROW, ZERO, ZERO, ROW)
    advances = (Advance(VIEW, OUT, before, stride), Advance(VIEW + 1, OUT, after, stride), Advance(VIEW + 2, X, first, stride))
    loop = Loop(T, COUNTER, PAUSE, ONE, advances, (Begin(VIEW, H, ROW),), (), (Kernel(0, (VIEW, VIEW + 2, VIEW + 1), (N,)),))
    views = (View(OUT, ZERO), View(OUT, ZERO), View(X, ZERO))
    inputs = (Array("float64", (T, N)), Array("float64", (N,)))
    return Program(inputs, (Output("new", "float64", (ROWS, N)),), (loop,), slots=(ZERO,), arena=ROW, views=views, **SIZES)


def last_state() -> Program:
    """The last running sum only."""
    advances = (Advance(VIEW + 2, X, ZERO, ROW),)
    loop = Loop(T, COUNTER, PAUSE, ONE, advances, (), (Rotate(VIEW, VIEW + 1, H, OUT, SLOT, ROW),), (Kernel(0, (VIEW, VIEW + 2, VIEW + 1), (N,)),))
    views = (View(H, ZERO), View(OUT, ZERO), View(X, ZERO))
    inputs = (Array("float64", (T, N)), Array("float64", (N,)))
    return Program(inputs, (Output("new", "float64", (N,)),), (loop,), slots=(ZERO,), arena=ROW, views=views, **SIZES)


def loaded(program: Program) -> tuple[Any, Any]:
    """The function in machine code and in Python."""
    address, code = elementwise("fadd")
    check(program, 1, 0)
    return load(program, [address], keep=[code]), PortableFunction(program, (address,), (), (), None, (code,))


@given(st.integers(0, 5), st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_running_sums(steps: int, width: int) -> None:
    x, h = np.arange(steps * width, dtype=float).reshape(steps, width), np.full(width, 0.5)
    forward = np.concatenate([h[None], h + np.cumsum(x, axis=0)])
    backward = np.concatenate([h + np.cumsum(x[::-1], axis=0)[::-1], h[None]])
    for program, wanted in ((all_states(False), forward), (all_states(True), backward), (last_state(), forward[-1])):
        for function in loaded(program):
            for _ in range(2):
                np.testing.assert_array_equal(function(x, h), wanted)


def test_loops_in_loops() -> None:
    """Each step of the outer loop adds all rows of x to what the step before has left."""
    # P: x, h, two slots, the output; the views of the inner loop, then those of the outer one
    slots, out, view = (SLOT, SLOT + 1), SLOT + 2, SLOT + 3
    before, after, element, whole_before, whole_after = range(view, view + 5)
    inner = Loop(
        T,
        OTHER,
        OTHER_PAUSE,
        ONE,
        (Advance(element, X, ZERO, ROW),),
        (),
        (Rotate(before, after, whole_before, whole_after, slots[0], ROW),),
        (Kernel(0, (before, element, after), (N,)),),
    )
    outer = Loop(T, COUNTER, PAUSE, ONE, (), (), (Rotate(whole_before, whole_after, H, out, slots[1], ROW),), (inner,))
    program = last_state()._replace(calls=(outer,), slots=(ZERO, ROW), arena=END, views=(View(H, ZERO),) * 5)
    x, h = np.arange(6.0).reshape(3, 2), np.array([0.5, 0.25])
    for function in loaded(program):
        np.testing.assert_array_equal(function(x, h), h + 3 * x.sum(axis=0))
    assert len(list(every_call(program.calls))) == 3


def test_what_is_wrong_with_a_loop_is_said() -> None:
    program = last_state()
    (loop,) = program.calls
    assert isinstance(loop, Loop)
    for wrong, what in (
        (loop._replace(counter=T), "a counter is wanted"),
        (loop._replace(advances=(Advance(X, X, ZERO, ROW),)), "only views move"),
        (loop._replace(length=99), r"S\[99\] is not known"),
        (loop._replace(calls=(Kernel(7, (), ()),)), "there is no kernel 7"),
    ):
        with pytest.raises(MalformedProgram, match=what):
            check(program._replace(calls=(wrong,)), 1, 0)


@given(st.integers(0, 4), st.integers(-1, 6), st.integers(0, 2))
@settings(max_examples=30, deadline=None)
def test_steps_that_a_number_leaves_out_change_nothing(steps: int, limit: int, width: int) -> None:
    """The first rows of x only; in reverse the last ones are left out first."""
    x, h = np.arange(steps * width, dtype=float).reshape(steps, width) + 1, np.full(width, 0.5)
    done = min(steps, max(limit, 0))
    sums = h + np.cumsum(x[:done], axis=0)
    forward = np.concatenate([h[None], sums, np.repeat(sums[-1:] if done else h[None], steps - done, axis=0)])
    backward = np.concatenate([h + np.cumsum(x[:done][::-1], axis=0)[::-1], np.repeat(h[None], steps - done + 1, axis=0)])
    for program, late, wanted in ((all_states(False), False, forward), (all_states(True), True, backward), (last_state(), False, forward[-1])):
        function_of = limited(program, late)
        for function in loaded(function_of):
            for _ in range(2):
                found, count = function(x, h, np.array(limit))
                np.testing.assert_array_equal(found, wanted)
                assert count == done


def limited(program: Program, late: bool) -> Program:
    """The program with one more argument, the number of steps, and one more result, how many were done."""
    (loop,) = program.calls
    assert isinstance(loop, Loop)
    # P: x, h, the limit, a slot, the output, the count, then views
    place = [0, 1, 3, 4, 6, 7, 8]
    moved = loop._replace(
        advances=tuple(
            [
                entry._replace(entry=place[entry.entry], base=place[entry.base], fill=ROW if entry.base == OUT and number == 1 else -1)
                for number, entry in enumerate(loop.advances)
            ]
        ),
        begins=tuple([Begin(place[begin.entry], place[begin.source], begin.size) for begin in loop.begins]),
        rotates=tuple([Rotate(*[place[entry] for entry in rotate[:5]], rotate.size) for rotate in loop.rotates]),
        calls=tuple([call._replace(pointers=tuple([place[entry] for entry in call.pointers])) for call in loop.calls if isinstance(call, Kernel)]),
        limit=2,
        bound=BOUND,
        late=late,
        steps=5,
    )
    return program._replace(
        inputs=(*program.inputs, Array("int64", ())),
        outputs=(*program.outputs, Output("new", "int64", ())),
        calls=(moved,),
        views=tuple([View(place[view.base], view.offset) for view in program.views]),
        structure="tuple",
    )

"""Calls of Python code on arrays over the program's memory."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from croton.runtime import rounding
from croton.runtime.calls.field import DTypeName, Pointer, RoutineNumber, Size
from croton.runtime.calls.kind import Emission, Kind
from croton.runtime.calls.record import Most, Record
from croton.runtime.calls.run import Run
from croton.runtime.frame import PYTHON_ERROR
from croton.runtime.layout import MAXIMUM_RANK


class Lent(NamedTuple):
    """An array over the memory at P[pointer], writeable and only valid during the call."""

    pointer: Pointer
    dtype: DTypeName
    sizes: Annotated[tuple[Size, ...], Most(MAXIMUM_RANK, "axes of an array")]


class Routine(NamedTuple):
    """routines[routine](*arrays): Python code that fills some of the arrays."""

    routine: RoutineNumber
    arrays: tuple[Lent, ...]


def _run(run: Run, call: Routine) -> None:
    run.routines[call.routine](*[run.view(pointer, name, run.shape(sizes)) for pointer, name, sizes in call.arrays])


def _emit(emission: Emission, record: Record) -> None:
    """With the GIL, which is given away again afterwards."""
    frame = emission.frame
    a = frame.a
    released = a.compare("ne", a.get(frame.thread, "ptr"), "null", "ptr")
    frame.take_lock()
    frame.reset_mode()
    callable_, count = a.pointer(record["routine"]), record.count("arrays")
    behind = a.get(frame.place)
    a.set(frame.place, record.place("arrays"))
    made = a.variable("i64", 0)
    failed, call, done = a.label(), a.label(), a.label()
    finish, frame.finish = frame.finish, failed  # arrays made so far have to be given back first
    with a.loop(count) as index:
        a.store(frame.array_at(frame.next_pointer()), frame.views, index, "ptr")
        a.set(made, a.add(index, 1))
    frame.finish = finish
    a.set(frame.place, behind)
    a.jump(call)
    a.begin(call)
    value = a.value(f"call ptr @croton_PyObject_Vectorcall(ptr {callable_}, ptr {frame.views}, i64 {count}, ptr null)")
    with a.when(a.compare("ne", value, "null", "ptr")):
        a.do(f"call void @croton_Py_DecRef(ptr {value})")
    a.set(frame.status[0], a.choose(a.compare("eq", value, "null", "ptr"), PYTHON_ERROR, 0))
    a.jump(failed)
    a.begin(failed)
    with a.loop(a.get(made)) as index:
        a.do(f"call void @croton_Py_DecRef(ptr {a.load(frame.views, index, 'ptr')})")
    a.fork(a.compare("eq", a.get(frame.status[0]), 0), done, frame.finish)
    a.begin(done)
    with a.when(a.get(frame.mode_changed, "i1")):
        rounding.flush(a, frame.mode, frame.flush_mode)
    with a.when(released):
        a.set(frame.thread, a.value("call ptr @croton_PyEval_SaveThread()"), "ptr")


def _lends(call: Routine) -> int:
    return len(call.arrays)


ROUTINE = Kind(Routine, _emit, _run, lends=_lends)

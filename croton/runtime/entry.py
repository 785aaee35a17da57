"""The native entry: one interpreter, as LLVM IR, that runs the stream of any Program from the vectorcall slot of its function.

It checks the arguments, works out sizes, takes the arena, allocates results, runs the calls and returns, all without Python.
Whatever does not fit goes to the function's Python fallback, with a status in front of the same arguments. A program is data here,
not code, because machine code for each would save some 20 ns a call and cost LLVM seconds for a thousand calls. `stream` is the
writer of what this reads.
"""

from __future__ import annotations

from collections.abc import Callable

from croton.runtime import layout, rounding
from croton.runtime.calls.kernel import kernel_part
from croton.runtime.calls.kinds import emit_calls
from croton.runtime.frame import FALLBACK_WORD, PYTHON_ERROR, Frame, object_word
from croton.runtime.status import ARGUMENT_DETAILS

PYTHON_FUNCTIONS = (
    "Py_IncRef",
    "Py_DecRef",
    "PyErr_CheckSignals",
    "PyErr_NoMemory",
    "PyEval_RestoreThread",
    "PyEval_SaveThread",
    "PyList_GetItem",
    "PyList_New",
    "PyList_SetItem",
    "PyLong_FromLongLong",
    "PyObject_Vectorcall",
    "PyTuple_New",
    "PyTuple_SetItem",
    "PyTuple_Size",
)

DECLARATIONS = """
declare void @croton_Py_IncRef(ptr)
declare void @croton_Py_DecRef(ptr)
declare i32 @croton_PyErr_CheckSignals()
declare ptr @croton_PyErr_NoMemory()
declare void @croton_PyEval_RestoreThread(ptr)
declare ptr @croton_PyEval_SaveThread()
declare ptr @croton_PyList_GetItem(ptr, i64)
declare ptr @croton_PyList_New(i64)
declare i32 @croton_PyList_SetItem(ptr, i64, ptr)
declare ptr @croton_PyLong_FromLongLong(i64)
declare ptr @croton_PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare ptr @croton_PyTuple_New(i64)
declare i32 @croton_PyTuple_SetItem(ptr, i64, ptr)
declare i64 @croton_PyTuple_Size(ptr)
declare ptr @croton_array_from_descriptor(ptr, ptr, i32, ptr, ptr, ptr, i32, ptr)
declare i32 @clock_gettime(i32, ptr)
declare ptr @aligned_alloc(i64, i64)
declare void @free(ptr)
declare ptr @memcpy(ptr, ptr, i64)
declare i64 @llvm.ctlz.i64(i64, i1)
declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.smin.i64(i64, i64)
declare { i64, i1 } @llvm.sadd.with.overflow.i64(i64, i64)
declare { i64, i1 } @llvm.ssub.with.overflow.i64(i64, i64)
declare { i64, i1 } @llvm.smul.with.overflow.i64(i64, i64)
declare ptr @croton_large_array(ptr, i32, ptr)
@croton_array_type = external global i8
@croton_none = external global i8
"""

_ALIGNMENT = 64
_ARENA_HEADER = 64
"""The arena begins with its capacity, so that address and capacity are exchanged in one step."""


class _Entry:
    """Emits the interpreter, a section a method."""

    def __init__(self) -> None:
        self.frame = Frame()

    def text(self) -> str:
        a = self.frame.a
        self.check_arity()
        self.constants()
        self.input_arrays()
        self.shared_arrays()
        self.size_operations()
        self.size_checks()
        self.alone_in_memory()
        first_slot, slots = self.slots()
        self.results()
        self.place_slots(first_slot, slots)
        self.view_addresses()
        self.frame.release_lock()
        self.frame.set_mode()
        emit_calls(self.frame)
        a.jump(self.frame.finish)
        a.begin(self.frame.finish)
        self.end()
        return a.text()

    def check_arity(self) -> None:
        a = self.frame.a
        self.frame.need(a.compare("eq", "%keywords", "null", "ptr"), "arity", 0, 0, self.frame.arguments)
        self.frame.need(a.compare("eq", self.frame.arguments, self.frame.inputs), "arity", 0, 0, self.frame.arguments)

    def constants(self) -> None:
        a = self.frame.a
        with a.loop(self.frame.next()):
            place = self.frame.next()
            a.store(self.frame.next(), self.frame.S, place)

    def check_array(self, array: str, position: str) -> None:
        """Check an array against its description, bind its sizes and push its memory."""
        a = self.frame.a
        descriptor, flags, rank = self.frame.next(), self.frame.next(), self.frame.next()
        self.frame.need(a.compare("eq", self.frame.field(array, layout.TYPE, "ptr"), "@croton_array_type", "ptr"), "argument", position, 0)
        self.frame.need(a.compare("eq", self.frame.field(array, layout.DESCRIPTOR, "i64"), descriptor), "argument", position, 1)
        wanted = a.value(f"trunc i64 {flags} to i32")
        has = a.value(f"and i32 {self.frame.field(array, layout.FLAGS, 'i32')}, {wanted}")
        self.frame.need(a.compare("eq", has, wanted, "i32"), "argument", position, 2)
        has_rank = a.value(f"sext i32 {self.frame.field(array, layout.RANK, 'i32')} to i64")
        self.frame.need(a.compare("eq", has_rank, rank), "argument", position, 3)
        sizes = self.frame.field(array, layout.DIMENSIONS, "ptr")
        with a.loop(rank) as axis:
            size, entry = a.load(sizes, axis), self.frame.next()
            bind, compare, after = a.label(), a.label(), a.label()
            a.fork(a.compare("sge", entry, 0), bind, compare)
            a.begin(bind)
            a.store(size, self.frame.S, entry)
            a.jump(after)
            a.begin(compare)
            known = a.load(self.frame.S, a.value(f"xor i64 {entry}, -1"))
            self.frame.need(a.compare("eq", size, known), "size", position, axis, size)
            a.jump(after)
            a.begin(after)
        self.frame.push_pointer(self.frame.field(array, layout.DATA, "ptr"))

    def input_arrays(self) -> None:
        a = self.frame.a
        with a.loop(self.frame.inputs) as index:
            self.check_array(a.load("%args", index, "ptr"), index)

    def shared_arrays(self) -> None:
        """References are held: while another Python thread runs, it may put another array into the list."""
        a = self.frame.a
        with a.loop(self.frame.next()) as index:
            array = a.value(f"call ptr @croton_PyList_GetItem(ptr {a.pointer(self.frame.next())}, i64 0)")
            self.frame.need_object(array)
            a.do(f"call void @croton_Py_IncRef(ptr {array})")
            self.frame.push_object(array)
            self.check_array(array, a.add(self.frame.inputs, index))

    def size_operations(self) -> None:
        a = self.frame.a
        with a.loop(self.frame.next()) as index:
            function, target, left, right = self.frame.next(), self.frame.next(), self.frame.next_size(), self.frame.next_size()

            def checked(name: str, left: str = left, right: str = right, target: str = target, index: str = index) -> None:
                pair = a.value(f"call {{ i64, i1 }} @llvm.{name}.with.overflow.i64(i64 {left}, i64 {right})")
                exceeds = a.value(f"extractvalue {{ i64, i1 }} {pair}, 1")
                self.frame.need(a.negated(exceeds), "overflow", index)
                a.store(a.value(f"extractvalue {{ i64, i1 }} {pair}, 0"), self.frame.S, target)

            def divided(remainder: bool, left: str = left, right: str = right, target: str = target, index: str = index) -> None:
                self.frame.need(a.compare("ne", right, 0), "division", index)
                # the only quotient that does not fit: the smallest integer by -1
                least = a.both(a.compare("eq", left, -(2**63)), a.compare("eq", right, -1))
                self.frame.need(a.negated(least), "overflow", index)
                quotient, rest = a.value(f"sdiv i64 {left}, {right}"), a.value(f"srem i64 {left}, {right}")
                inexact = a.compare("ne", rest, 0)
                opposite = a.compare("slt", a.value(f"xor i64 {rest}, {right}"), 0)
                down = a.both(inexact, opposite)
                if remainder:
                    a.store(a.choose(down, a.add(rest, right), rest), self.frame.S, target)
                else:
                    a.store(a.choose(down, a.subtract(quotient, 1), quotient), self.frame.S, target)

            cases: list[Callable[[], None]] = [
                lambda: checked("sadd"),
                lambda: checked("ssub"),
                lambda: checked("smul"),
                lambda: divided(False),
                lambda: divided(True),
                lambda: a.store(a.larger(left, right), self.frame.S, target),
                lambda: a.store(a.smaller(left, right), self.frame.S, target),
            ]
            a.switch(function, cases)

    def size_checks(self) -> None:
        a = self.frame.a
        with a.loop(self.frame.next()):
            relation, left, right, error = self.frame.next(), self.frame.next_size(), self.frame.next_size(), self.frame.next()
            equal, at_least = a.compare("eq", left, right), a.compare("sge", left, right)
            self.frame.need(a.choose(a.compare("eq", relation, 0), equal, at_least, "i1"), "relation", error, left, right)

    def alone_in_memory(self) -> None:
        """Inputs that are written share no memory with another argument."""
        a, frame = self.frame.a, self.frame
        donated = frame.next()
        with a.when(a.compare("ne", donated, 0)):
            count, extents = frame.next(), a.get(frame.place)
            a.set(frame.place, a.add(extents, count))

            def bounds(argument: str) -> tuple[str, str]:
                start = a.load(frame.P, argument)
                return start, a.add(start, a.load(frame.S, a.load(frame.stream, a.add(extents, argument))))

            with a.loop(donated):
                place = frame.next()
                low, high = bounds(place)
                with a.loop(count) as other:
                    start, end = bounds(other)
                    apart = a.either(a.compare("sle", high, start), a.compare("sle", end, low))
                    fits = a.either(apart, a.compare('eq', place, other))
                    frame.need(fits, "argument", place, ARGUMENT_DETAILS.index("memory"))

    def slots(self) -> tuple[str, str]:
        """Push the slots' offsets in the arena and take an arena that is large enough. Returns the first slot's index and their number."""
        a = self.frame.a
        first, slots = a.get(self.frame.pointer_count), self.frame.next()
        with a.when(a.compare("ne", slots, 0)):
            bytes_ = self.frame.next_size()
            self.frame.need(a.both(a.compare("sge", bytes_, 0), a.compare("sle", bytes_, 2**62)), "overflow")
            self.take_arena(a.add(bytes_, _ARENA_HEADER))
        with a.loop(slots):
            self.frame.push_pointer(a.pointer(a.add(self.frame.next_size(), _ARENA_HEADER)))
        return first, slots

    def take_arena(self, bytes_: str) -> None:
        """By atomic exchange, so that calls at the same time have an arena each."""
        a = self.frame.a
        a.set(self.frame.arena, a.value(f"inttoptr i64 {a.value(f'atomicrmw xchg ptr {self.frame.stream}, i64 0 seq_cst')} to ptr"), "ptr")
        capacity = a.variable("i64", 0)
        with a.when(a.compare("ne", a.get(self.frame.arena, "ptr"), "null", "ptr")):
            a.set(capacity, a.get(a.get(self.frame.arena, "ptr")))
        with a.when(a.compare("slt", a.get(capacity), bytes_)):
            a.do(f"call void @free(ptr {a.get(self.frame.arena, 'ptr')})")
            fresh = a.value(f"call ptr @aligned_alloc(i64 {_ALIGNMENT}, i64 {bytes_})")
            a.set(self.frame.arena, fresh, "ptr")
            with a.when(a.compare("eq", fresh, "null", "ptr")):
                a.value("call ptr @croton_PyErr_NoMemory()")
                self.frame.fail()
            a.set(fresh, bytes_)

    def place_slots(self, first: str, slots: str) -> None:
        a = self.frame.a
        base = a.integer(a.get(self.frame.arena, "ptr"))
        with a.loop(slots) as slot:
            index = a.add(first, slot)
            a.store(a.add(a.load(self.frame.P, index), base), self.frame.P, index)

    def results(self) -> None:
        """Outputs, then the arrays of updates."""
        a = self.frame.a

        def new() -> None:
            array = self.frame.new_array()
            self.frame.push_object(array)
            self.frame.push_pointer(self.frame.field(array, layout.DATA, "ptr"))

        def same(base: str) -> None:
            array = a.load(base, self.frame.next(), "ptr")
            a.do(f"call void @croton_Py_IncRef(ptr {array})")
            self.frame.push_object(array)
            self.frame.push_pointer(self.frame.field(array, layout.DATA, "ptr"))

        a.set(self.frame.first_output, a.get(self.frame.object_count))
        a.set(self.frame.outputs, self.frame.next())
        with a.loop(a.get(self.frame.outputs)):
            a.switch(self.frame.next(), [new, lambda: same("%args"), lambda: same(self.frame.O)])
        a.set(self.frame.updates, self.frame.next())
        with a.loop(a.get(self.frame.updates)):
            new()

    def view_addresses(self) -> None:
        a = self.frame.a
        with a.loop(self.frame.next()):
            base = self.frame.next_pointer()
            self.frame.push_pointer(a.at(base, self.frame.next_size(), "i8"))

    def end(self) -> None:
        a = self.frame.a
        self.frame.reset_mode()
        self.frame.take_lock()
        self.give_arena_back()
        with a.when(a.compare("eq", a.get(self.frame.status[0]), 0)):
            self.gather()
        with a.when(a.compare("eq", a.get(self.frame.status[0]), 0)):
            self.store_updates()
        with a.loop(a.get(self.frame.object_count)) as index:
            held = a.load(self.frame.O, index, "ptr")
            with a.when(a.compare("ne", held, "null", "ptr")):
                a.do(f"call void @croton_Py_DecRef(ptr {held})")
        with a.when(a.compare("sgt", a.get(self.frame.status[0]), 0)):
            self.call_fallback()
        a.do(f"ret ptr {a.get(self.frame.result, 'ptr')}")

    def give_arena_back(self) -> None:
        a = self.frame.a
        arena = a.get(self.frame.arena, "ptr")
        with a.when(a.compare("ne", arena, "null", "ptr")):
            other = a.value(f"atomicrmw xchg ptr {self.frame.stream}, i64 {a.integer(arena)} seq_cst")
            a.do(f"call void @free(ptr {a.pointer(other)})")

    def gather(self) -> None:
        """Move the outputs out of O into the result."""
        a = self.frame.a
        ends = a.label()

        def output(index: str) -> str:
            place = a.add(a.get(self.frame.first_output), index)
            array = a.load(self.frame.O, place, "ptr")
            a.store("null", self.frame.O, place, "ptr")
            return array

        def one() -> None:
            a.set(self.frame.result, output("0"), "ptr")

        def container(kind: str) -> None:
            made = a.value(f"call ptr @croton_Py{kind}_New(i64 {a.get(self.frame.outputs)})")
            with a.when(a.compare("eq", made, "null", "ptr")):
                a.set(self.frame.status[0], PYTHON_ERROR)
                a.leave(ends)
            with a.loop(a.get(self.frame.outputs)) as index:
                a.value(f"call i32 @croton_Py{kind}_SetItem(ptr {made}, i64 {index}, ptr {output(index)})")
            a.set(self.frame.result, made, "ptr")

        def none() -> None:
            a.do("call void @croton_Py_IncRef(ptr @croton_none)")
            a.set(self.frame.result, "@croton_none", "ptr")

        a.switch(self.frame.next(), [one, lambda: container("Tuple"), lambda: container("List"), none])
        a.jump(ends)
        a.begin(ends)

    def store_updates(self) -> None:
        """All of them, or none: nothing can fail here but a list that someone has emptied."""
        a = self.frame.a
        first = a.add(a.get(self.frame.first_output), a.get(self.frame.outputs))
        with a.loop(a.get(self.frame.updates)) as index:
            place = a.add(first, index)
            array = a.load(self.frame.O, place, "ptr")
            a.store("null", self.frame.O, place, "ptr")
            failed = a.value(f"call i32 @croton_PyList_SetItem(ptr {a.pointer(self.frame.next())}, i64 0, ptr {array})")
            with a.when(a.compare("ne", failed, 0, "i32")):
                a.do(f"call void @croton_Py_DecRef(ptr {a.get(self.frame.result, 'ptr')})")
                a.set(self.frame.result, "null", "ptr")
                a.do("ret ptr null")
                a.begin(a.label())

    def call_fallback(self) -> None:
        """fallback(status, *args, **keywords)."""
        a = self.frame.a
        status = a.value("call ptr @croton_PyTuple_New(i64 4)")
        with a.when(a.compare("eq", status, "null", "ptr")):
            a.do("ret ptr null")
            a.begin(a.label())
        for place, slot in enumerate(self.frame.status):
            number = a.value(f"call ptr @croton_PyLong_FromLongLong(i64 {a.get(slot)})")
            a.value(f"call i32 @croton_PyTuple_SetItem(ptr {status}, i64 {place}, ptr {number})")
        count = a.variable("i64", self.frame.arguments)
        with a.when(a.compare("ne", "%keywords", "null", "ptr")):
            a.set(count, a.add(self.frame.arguments, a.value("call i64 @croton_PyTuple_Size(ptr %keywords)")))
        values = a.value(f"alloca ptr, i64 {a.add(a.get(count), 1)}, align 16")
        a.store(status, values, 0, "ptr")
        with a.loop(a.get(count)) as index:
            a.store(a.load("%args", index, "ptr"), values, a.add(index, 1), "ptr")
        fallback = a.get(object_word(a, FALLBACK_WORD), "ptr")
        given = a.add(self.frame.arguments, 1)
        a.set(
            self.frame.result,
            a.value(f"call ptr @croton_PyObject_Vectorcall(ptr {fallback}, ptr {values}, i64 {given}, ptr %keywords)"),
            "ptr",
        )
        a.do(f"call void @croton_Py_DecRef(ptr {status})")


def text() -> str:
    """The interpreter as LLVM IR; the text of the products has to be in the same module."""
    return "\n".join((DECLARATIONS, rounding.declarations(), kernel_part(), _Entry().text()))

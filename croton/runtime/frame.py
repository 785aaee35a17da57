"""The state of the native interpreter while its code is emitted: its tables, its place in the stream, how it fails, how it meets Python."""

from __future__ import annotations

from croton.runtime import layout, rounding
from croton.runtime.assembler import Assembler
from croton.runtime.header import HEADER_WORDS, PLACE
from croton.runtime.large import LARGE, array_from_descriptor, can_recycle
from croton.runtime.status import REASONS

CODE = {reason: code for code, reason in enumerate(REASONS)}
PYTHON_ERROR = -1

STREAM_WORD, FALLBACK_WORD, OWNER_WORD = 3, 4, 5
"""Words of a function object after its header; before them the vectorcall slot, the dictionary and the weak references."""


def object_word(a: Assembler, index: int) -> str:
    """The address of a word of the function object %self."""
    return a.at("%self", layout.HEADER + index * layout.WORD, "i8")


class Frame:
    """What the sections of the interpreter share. The fields are names of values and of stack slots."""

    def __init__(self) -> None:
        a = self.a = Assembler("ptr @croton_interpret(ptr %self, ptr %args, i64 %flagged, ptr %keywords)")
        self.finish = a.label()
        self.status = [a.variable("i64", 0) for _ in range(4)]
        self.thread = a.variable("ptr", "null")
        self.arena = a.variable("ptr", "null")
        self.mode, self.flush_mode = a.variable("i32"), a.variable("i32")
        self.mode_changed = a.variable("i1", "false")
        self.result = a.variable("ptr", "null")
        self.dimensions = a.variable(f"[{layout.MAXIMUM_RANK} x i64]")
        self.stream = a.get(object_word(a, STREAM_WORD), "ptr")
        self.place = a.variable("i64", HEADER_WORDS)
        self.inputs, sizes, pointers, objects, views = (self.header(name) for name in ("inputs", "sizes", "pointers", "objects", "views"))
        self.S = a.value(f"alloca i64, i64 {sizes}, align 16")
        self.P = a.value(f"alloca ptr, i64 {pointers}, align 16")
        self.O = a.value(f"alloca ptr, i64 {objects}, align 16")
        self.views = a.value(f"alloca ptr, i64 {views}, align 16")
        self.pointer_count = a.variable("i64", 0)
        self.object_count = a.variable("i64", 0)
        self.first_output = a.variable("i64", 0)
        self.outputs = a.variable("i64", 0)
        self.updates = a.variable("i64", 0)
        self.arguments = a.value("and i64 %flagged, 9223372036854775807")

    def header(self, name: str) -> str:
        """A word of the stream's header."""
        return self.a.load(self.stream, PLACE[name])

    def next(self) -> str:
        a = self.a
        index = a.get(self.place)
        a.set(self.place, a.add(index, 1))
        return a.load(self.stream, index)

    def next_size(self) -> str:
        """The entry of S that the next word names."""
        return self.a.load(self.S, self.next())

    def next_pointer(self) -> str:
        return self.a.load(self.P, self.next(), "ptr")

    def copy(self, target: str, source: str, size: str) -> None:
        """Copy so many bytes."""
        self.a.value(f"call ptr @memcpy(ptr {target}, ptr {source}, i64 {size})")

    def push_pointer(self, pointer: str) -> None:
        """Set the next entry of P."""
        a = self.a
        index = a.get(self.pointer_count)
        a.store(pointer, self.P, index, "ptr")
        a.set(self.pointer_count, a.add(index, 1))

    def push_object(self, pointer: str) -> None:
        """Own a reference until the end of the call."""
        a = self.a
        index = a.get(self.object_count)
        a.store(pointer, self.O, index, "ptr")
        a.set(self.object_count, a.add(index, 1))

    def fail(self) -> None:
        """A Python exception is set."""
        self.a.set(self.status[0], PYTHON_ERROR)
        self.a.leave(self.finish)

    def need(self, condition: str, reason: str, place: str | int = 0, detail: str | int = 0, value: str | int = 0) -> None:
        a = self.a
        good, bad = a.label(), a.label()
        a.fork(condition, good, bad)
        a.begin(bad)
        for slot, number in zip(self.status, (CODE[reason], place, detail, value)):
            a.set(slot, number)
        a.jump(self.finish)
        a.begin(good)

    def need_object(self, pointer: str) -> None:
        a = self.a
        with a.when(a.compare("eq", pointer, "null", "ptr")):
            self.fail()

    def field(self, array: str, offset: int, kind: str) -> str:
        return self.a.get(self.a.at(array, offset, "i8"), kind)

    def array_arguments(self, count: str | None = None) -> str:
        """Of the description of an array that comes next in the stream, the first arguments of what makes one; `count` is multiplied by its sizes."""
        a = self.a
        descriptor, rank = a.pointer(self.next()), self.next()
        with a.loop(rank) as axis:
            size = self.next_size()
            a.store(size, self.dimensions, axis)
            if count is not None:
                a.set(count, a.multiply(a.get(count), size))
        a.do(f"call void @croton_Py_IncRef(ptr {descriptor})")
        return f"ptr {descriptor}, i32 {a.value(f'trunc i64 {rank} to i32')}, ptr {self.dimensions}"

    def new_array(self) -> str:
        """A new array of the description that comes next in the stream."""
        a = self.a
        bytes_ = a.variable("i64", self.next())
        arguments = self.array_arguments(bytes_)
        array = a.variable("ptr")
        small, made = a.label(), a.label()
        if can_recycle():
            large = a.label()
            a.fork(a.compare("sge", a.get(bytes_), LARGE), large, small)
            a.begin(large)
            a.set(array, a.value(f"call ptr @croton_large_array({arguments})"), "ptr")
            a.jump(made)
        else:
            a.jump(small)
        a.begin(small)
        a.set(array, a.value(array_from_descriptor(arguments)), "ptr")
        a.jump(made)
        a.begin(made)
        found = a.get(array, "ptr")
        self.need_object(found)
        return found

    def array_at(self, data: str) -> str:
        """A writeable array of the description that comes next in the stream, in given memory."""
        a = self.a
        arguments = self.array_arguments()
        array = a.value(array_from_descriptor(arguments, data, layout.WRITEABLE))
        self.need_object(array)
        return array

    def release_lock(self) -> None:
        """Let other Python threads run during the calls if they will take long."""
        a = self.a
        work = self.header("work")
        with a.when(a.compare("sge", work, 0)):
            large = a.compare("sge", a.load(self.S, work), self.header("release_work"))
            with a.when(large):
                a.set(self.thread, a.value("call ptr @croton_PyEval_SaveThread()"), "ptr")

    def take_lock(self) -> None:
        a = self.a
        thread = a.get(self.thread, "ptr")
        with a.when(a.compare("ne", thread, "null", "ptr")):
            a.do(f"call void @croton_PyEval_RestoreThread(ptr {thread})")
            a.set(self.thread, "null", "ptr")

    def set_mode(self) -> None:
        """Flush subnormal numbers during the calls if the program says so."""
        a = self.a
        with a.when(a.compare("ne", self.header("flushes"), 0)):
            rounding.save(a, self.mode)
            rounding.flush(a, self.mode, self.flush_mode)
            a.set(self.mode_changed, "true", "i1")

    def reset_mode(self) -> None:
        with self.a.when(self.a.get(self.mode_changed, "i1")):
            rounding.restore(self.a, self.mode)

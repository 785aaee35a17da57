"""The native entry: one interpreter, as LLVM IR, that runs the stream of any Program from the vectorcall slot of its function.

It checks the arguments, works out sizes, takes the arena, allocates results, runs the calls and returns, all without Python.
Whatever does not fit goes to the function's Python fallback, with a status in front of the same arguments. A program is data here,
not code, because machine code for each would save some 20 ns a call and cost LLVM seconds for a thousand calls. `stream` is the
writer of what this reads.
"""

from __future__ import annotations

from collections.abc import Callable

from croton.runtime import layout, product, rounding
from croton.runtime.assembler import Assembler
from croton.runtime.product import WORD
from croton.runtime.status import REASONS
from croton.runtime.stream import HEADER_WORDS, MAXIMUM_BATCH_AXES

PYTHON_FUNCTIONS = (
    "Py_IncRef",
    "Py_DecRef",
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
declare ptr @aligned_alloc(i64, i64)
declare void @free(ptr)
declare ptr @memcpy(ptr, ptr, i64)
declare ptr @memset(ptr, i32, i64)
declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.smin.i64(i64, i64)
declare { i64, i1 } @llvm.sadd.with.overflow.i64(i64, i64)
declare { i64, i1 } @llvm.ssub.with.overflow.i64(i64, i64)
declare { i64, i1 } @llvm.smul.with.overflow.i64(i64, i64)
@croton_array_type = external global i8
@croton_none = external global i8
"""

CODE = {reason: code for code, reason in enumerate(REASONS)}
_PYTHON_ERROR = -1
_ALIGNMENT = 64
_ARENA_HEADER = 64
"""The arena begins with its capacity, so that address and capacity are exchanged in one step."""

STREAM_WORD, FALLBACK_WORD, OWNER_WORD = 3, 4, 5
"""Words of a function object after its header; before them the vectorcall slot, the dictionary and the weak references."""


def object_word(a: Assembler, index: int) -> str:
    """The address of a word of the function object %self."""
    return a.at("%self", layout.HEADER + index * layout.WORD, "i8")


class _Entry:
    """Emits the interpreter, a section a method. The fields are values that several sections use."""

    def __init__(self) -> None:
        a = self.a = Assembler("ptr @croton_entry(ptr %self, ptr %args, i64 %flagged, ptr %keywords)")
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
        header = [a.load(self.stream, number) for number in range(1, HEADER_WORDS)]
        self.inputs, sizes, pointers, objects, views, self.work, self.work_threshold, self.flushes = header
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

    def text(self) -> str:
        a = self.a
        self.check_arity()
        self.constants()
        self.input_arrays()
        self.shared_arrays()
        self.size_operations()
        self.size_checks()
        first_slot, slots = self.slots()
        self.results()
        self.place_slots(first_slot, slots)
        self.view_addresses()
        self.release_lock()
        self.set_mode()
        self.calls()
        a.jump(self.finish)
        a.begin(self.finish)
        self.end()
        return a.text()

    # Reading the stream

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

    # Failing

    def refuse(self, reason: str, place: str | int = 0, detail: str | int = 0, value: str | int = 0) -> None:
        a = self.a
        for slot, number in zip(self.status, (CODE[reason], place, detail, value)):
            a.set(slot, number)
        a.leave(self.finish)

    def fail(self) -> None:
        """A Python exception is set."""
        self.a.set(self.status[0], _PYTHON_ERROR)
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

    # Sections, in the order of the stream

    def check_arity(self) -> None:
        a = self.a
        self.need(a.compare("eq", "%keywords", "null", "ptr"), "arity", 0, 0, self.arguments)
        self.need(a.compare("eq", self.arguments, self.inputs), "arity", 0, 0, self.arguments)

    def constants(self) -> None:
        a = self.a
        with a.loop(self.next()) as index:
            a.store(self.next(), self.S, index)

    def field(self, array: str, offset: int, kind: str) -> str:
        return self.a.get(self.a.at(array, offset, "i8"), kind)

    def check_array(self, array: str, position: str) -> None:
        """Check an array against its description, bind its sizes and push its memory."""
        a = self.a
        descriptor, flags, rank = self.next(), self.next(), self.next()
        self.need(a.compare("eq", self.field(array, layout.TYPE, "ptr"), "@croton_array_type", "ptr"), "argument", position, 0)
        self.need(a.compare("eq", self.field(array, layout.DESCRIPTOR, "i64"), descriptor), "argument", position, 1)
        wanted = a.value(f"trunc i64 {flags} to i32")
        has = a.value(f"and i32 {self.field(array, layout.FLAGS, 'i32')}, {wanted}")
        self.need(a.compare("eq", has, wanted, "i32"), "argument", position, 2)
        has_rank = a.value(f"sext i32 {self.field(array, layout.RANK, 'i32')} to i64")
        self.need(a.compare("eq", has_rank, rank), "argument", position, 3)
        sizes = self.field(array, layout.DIMENSIONS, "ptr")
        with a.loop(rank) as axis:
            size, entry = a.load(sizes, axis), self.next()
            bind, compare, after = a.label(), a.label(), a.label()
            a.fork(a.compare("sge", entry, 0), bind, compare)
            a.begin(bind)
            a.store(size, self.S, entry)
            a.jump(after)
            a.begin(compare)
            known = a.load(self.S, a.value(f"xor i64 {entry}, -1"))
            self.need(a.compare("eq", size, known), "size", position, axis, size)
            a.jump(after)
            a.begin(after)
        self.push_pointer(self.field(array, layout.DATA, "ptr"))

    def input_arrays(self) -> None:
        a = self.a
        with a.loop(self.inputs) as index:
            self.check_array(a.load("%args", index, "ptr"), index)

    def shared_arrays(self) -> None:
        """References are held: while another Python thread runs, it may put another array into the list."""
        a = self.a
        with a.loop(self.next()) as index:
            array = a.value(f"call ptr @croton_PyList_GetItem(ptr {a.pointer(self.next())}, i64 0)")
            self.need_object(array)
            a.do(f"call void @croton_Py_IncRef(ptr {array})")
            self.push_object(array)
            self.check_array(array, a.add(self.inputs, index))

    def size_operations(self) -> None:
        a = self.a
        with a.loop(self.next()) as index:
            function, target, left, right = self.next(), self.next(), self.next_size(), self.next_size()

            def checked(name: str, left: str = left, right: str = right, target: str = target, index: str = index) -> None:
                pair = a.value(f"call {{ i64, i1 }} @llvm.{name}.with.overflow.i64(i64 {left}, i64 {right})")
                exceeds = a.value(f"extractvalue {{ i64, i1 }} {pair}, 1")
                self.need(a.value(f"xor i1 {exceeds}, true"), "overflow", index)
                a.store(a.value(f"extractvalue {{ i64, i1 }} {pair}, 0"), self.S, target)

            def divided(remainder: bool, left: str = left, right: str = right, target: str = target, index: str = index) -> None:
                self.need(a.compare("ne", right, 0), "division", index)
                # the only quotient that does not fit: the smallest integer by -1
                least = a.value(f"and i1 {a.compare('eq', left, -(2**63))}, {a.compare('eq', right, -1)}")
                self.need(a.value(f"xor i1 {least}, true"), "overflow", index)
                quotient, rest = a.value(f"sdiv i64 {left}, {right}"), a.value(f"srem i64 {left}, {right}")
                inexact = a.compare("ne", rest, 0)
                opposite = a.compare("slt", a.value(f"xor i64 {rest}, {right}"), 0)
                down = a.value(f"and i1 {inexact}, {opposite}")
                if remainder:
                    a.store(a.choose(down, a.add(rest, right), rest), self.S, target)
                else:
                    a.store(a.choose(down, a.subtract(quotient, 1), quotient), self.S, target)

            cases: list[Callable[[], None]] = [
                lambda: checked("sadd"),
                lambda: checked("ssub"),
                lambda: checked("smul"),
                lambda: divided(False),
                lambda: divided(True),
                lambda: a.store(a.larger(left, right), self.S, target),
                lambda: a.store(a.smaller(left, right), self.S, target),
            ]
            a.switch(function, cases)

    def size_checks(self) -> None:
        a = self.a
        with a.loop(self.next()):
            relation, left, right, error = self.next(), self.next_size(), self.next_size(), self.next()
            equal, at_least = a.compare("eq", left, right), a.compare("sge", left, right)
            self.need(a.choose(a.compare("eq", relation, 0), equal, at_least, "i1"), "relation", error, left, right)

    def slots(self) -> tuple[str, str]:
        """Push the slots' offsets in the arena and take an arena that is large enough. Returns the first slot's index and their number."""
        a = self.a
        first, slots = a.get(self.pointer_count), self.next()
        end, largest = a.variable("i64", _ARENA_HEADER), a.variable("i64", 0)
        with a.loop(slots):
            a.set(largest, 0)
            with a.loop(self.next()):
                a.set(largest, a.larger(a.get(largest), self.next_size()))
            self.need(a.compare("sle", a.get(largest), 2**62), "overflow")
            start = a.get(end)
            self.push_pointer(a.pointer(start))
            a.set(end, a.add(start, a.round_up(a.get(largest), _ALIGNMENT)))
            self.need(a.compare("sle", a.get(end), 2**62), "overflow")
        with a.when(a.compare("ne", slots, 0)):
            self.take_arena(a.get(end))
        return first, slots

    def take_arena(self, bytes_: str) -> None:
        """By atomic exchange, so that calls at the same time have an arena each."""
        a = self.a
        a.set(self.arena, a.value(f"inttoptr i64 {a.value(f'atomicrmw xchg ptr {self.stream}, i64 0 seq_cst')} to ptr"), "ptr")
        capacity = a.variable("i64", 0)
        with a.when(a.compare("ne", a.get(self.arena, "ptr"), "null", "ptr")):
            a.set(capacity, a.get(a.get(self.arena, "ptr")))
        with a.when(a.compare("slt", a.get(capacity), bytes_)):
            a.do(f"call void @free(ptr {a.get(self.arena, 'ptr')})")
            fresh = a.value(f"call ptr @aligned_alloc(i64 {_ALIGNMENT}, i64 {bytes_})")
            a.set(self.arena, fresh, "ptr")
            with a.when(a.compare("eq", fresh, "null", "ptr")):
                a.value("call ptr @croton_PyErr_NoMemory()")
                self.fail()
            a.set(fresh, bytes_)

    def place_slots(self, first: str, slots: str) -> None:
        a = self.a
        base = a.integer(a.get(self.arena, "ptr"))
        with a.loop(slots) as slot:
            index = a.add(first, slot)
            a.store(a.add(a.load(self.P, index), base), self.P, index)

    def fresh_array(self, data: str = "null") -> str:
        """A new array of the description that comes next in the stream, or a writeable view of given memory."""
        a = self.a
        descriptor, rank = a.pointer(self.next()), self.next()
        with a.loop(rank) as axis:
            a.store(self.next_size(), self.dimensions, axis)
        a.do(f"call void @croton_Py_IncRef(ptr {descriptor})")
        flags = 0 if data == "null" else layout.WRITEABLE
        array = a.value(
            "call ptr @croton_array_from_descriptor(ptr @croton_array_type, "
            f"ptr {descriptor}, i32 {a.value(f'trunc i64 {rank} to i32')}, ptr {self.dimensions}, "
            f"ptr null, ptr {data}, i32 {flags}, ptr null)"
        )
        self.need_object(array)
        return array

    def results(self) -> None:
        """Outputs, then the arrays of updates."""
        a = self.a

        def new() -> None:
            array = self.fresh_array()
            self.push_object(array)
            self.push_pointer(self.field(array, layout.DATA, "ptr"))

        def same(base: str) -> None:
            array = a.load(base, self.next(), "ptr")
            a.do(f"call void @croton_Py_IncRef(ptr {array})")
            self.push_object(array)
            self.push_pointer(self.field(array, layout.DATA, "ptr"))

        a.set(self.first_output, a.get(self.object_count))
        a.set(self.outputs, self.next())
        with a.loop(a.get(self.outputs)):
            a.switch(self.next(), [new, lambda: same("%args"), lambda: same(self.O)])
        a.set(self.updates, self.next())
        with a.loop(a.get(self.updates)):
            new()

    def view_addresses(self) -> None:
        a = self.a
        with a.loop(self.next()):
            base = self.next_pointer()
            self.push_pointer(a.at(base, self.next_size(), "i8"))

    def release_lock(self) -> None:
        """Let other Python threads run during the calls if they will take long."""
        a = self.a
        with a.when(a.compare("sge", self.work, 0)):
            large = a.compare("sge", a.load(self.S, self.work), self.work_threshold)
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
        with a.when(a.compare("ne", self.flushes, 0)):
            rounding.save(a, self.mode)
            rounding.flush(a, self.mode, self.flush_mode)
            a.set(self.mode_changed, "true", "i1")

    def reset_mode(self) -> None:
        with self.a.when(self.a.get(self.mode_changed, "i1")):
            rounding.restore(self.a, self.mode)

    # Calls

    def calls(self) -> None:
        a = self.a
        self.context = a.variable(f"[{product.AXES + 4 * MAXIMUM_BATCH_AXES} x i64]")
        self.axes_left = a.variable("i64")
        with a.loop(self.next()):
            emitters = [self.kernel, self.gemm, self.syrk, self.gemv, self.ger, self.check_indices, self.copy, self.zero, self.routine]
            a.switch(self.next(), emitters)

    def kernel(self) -> None:
        a = self.a
        function, range_, work, threshold, grain, length = (self.next() for _ in range(6))
        start = a.get(self.place)
        record = a.at(self.stream, start)
        a.set(self.place, a.add(start, length))
        plain, ranged, after = a.label(), a.label(), a.label()
        a.fork(a.compare("slt", range_, 0), plain, ranged)
        a.begin(plain)
        a.do(f"call void {a.pointer(function)}(ptr {self.P}, ptr {self.S}, ptr {record}, i64 0, i64 0)")
        a.jump(after)
        a.begin(ranged)
        count = a.load(self.S, range_)
        known = a.load(self.S, a.larger(work, 0))
        large = a.compare("sge", a.choose(a.compare("slt", work, 0), threshold, known), threshold)
        shared = a.value(f"and i1 {large}, {a.compare('sgt', count, grain)}")
        split, whole = a.label(), a.label()
        a.fork(shared, split, whole)
        a.begin(split)
        for index, word in enumerate((function, a.integer(self.P), a.integer(self.S), a.integer(record), count, grain)):
            a.store(word, self.context, index)
        a.do(f"call void @croton_parallel(ptr @croton_kernel_part, ptr {self.context})")
        a.jump(after)
        a.begin(whole)
        a.do(f"call void {a.pointer(function)}(ptr {self.P}, ptr {self.S}, ptr {record}, i64 0, i64 {count})")
        a.jump(after)
        a.begin(after)

    def scale(self) -> str:
        """The bits of alpha times the powers of sizes."""
        a = self.a
        alpha = a.variable("double")
        a.set(alpha, a.double(self.next()), "double")
        with a.loop(self.next()):
            size = a.value(f"sitofp i64 {self.next_size()} to double")
            exponent = self.next()
            with a.loop(a.larger(exponent, a.subtract(0, exponent))):
                now = a.get(alpha, "double")
                up, down = a.value(f"fmul double {now}, {size}"), a.value(f"fdiv double {now}, {size}")
                a.set(alpha, a.choose(a.compare("sgt", exponent, 0), up, down, "double"), "double")
        return a.get(alpha, "i64")

    def narrow(self, *sizes: str) -> None:
        """The library's integers have 32 bits."""
        a = self.a
        largest = sizes[0]
        for size in sizes[1:]:
            largest = a.larger(largest, size)
        self.need(a.compare("slt", largest, 2**31), "too_large", 0, 0, largest)

    def leading(self) -> str:
        """A distance of rows; the library wants it positive even where there are no columns."""
        return self.a.larger(self.next_size(), 1)

    def gemm(self) -> None:
        a = self.a
        kind, a_transposed, b_transposed = self.next(), self.next(), self.next()
        m, n, k = self.next_size(), self.next_size(), self.next_size()
        left, lda = self.next_pointer(), self.leading()
        right, ldb = self.next_pointer(), self.leading()
        target, ldc = self.next_pointer(), self.leading()
        alpha, beta = self.scale(), self.next()
        threshold, axes = self.next(), self.next()
        self.narrow(m, n, k, lda, ldb, ldc)
        total = a.variable("i64", 1)
        with a.loop(axes) as axis:
            base = a.at(self.context, a.add(product.AXES, a.multiply(axis, 4)))
            count = self.next_size()
            a.set(total, a.multiply(a.get(total), count))
            a.store(count, base, 0)
            for place in range(1, 4):
                a.store(self.next_size(), base, place)
        words = {
            "type": kind,
            "a_transposed": a_transposed,
            "b_transposed": b_transposed,
            "m": m,
            "n": n,
            "k": k,
            "alpha": alpha,
            "beta": beta,
            "a": a.integer(left),
            "lda": lda,
            "b": a.integer(right),
            "ldb": ldb,
            "c": a.integer(target),
            "ldc": ldc,
            "total": a.get(total),
            "axes": axes,
        }
        for name, word in words.items():
            a.store(word, self.context, WORD[name])
        a.do(f"call void @croton_gemm(ptr {self.context}, i64 {threshold})")

    def syrk(self) -> None:
        a = self.a
        kind, transposed, n, k = self.next(), self.next(), self.next_size(), self.next_size()
        source, lda, target, ldc = self.next_pointer(), self.leading(), self.next_pointer(), self.leading()
        alpha, beta = self.scale(), self.next()
        self.narrow(n, k, lda, ldc)
        arguments = [("i32", str(product.ROW_MAJOR)), ("i32", str(product.UPPER)), ("i32", transposed), ("i32", n), ("i32", k)]
        arguments += [("real", alpha), ("ptr", source), ("i32", lda), ("real", beta), ("ptr", target), ("i32", ldc)]
        product.library_call(a, kind, "syrk", arguments)
        mirrors: list[Callable[[], None]] = [
            lambda: a.do(f"call void @croton_mirror_0(ptr {target}, i64 {n}, i64 {ldc})"),
            lambda: a.do(f"call void @croton_mirror_1(ptr {target}, i64 {n}, i64 {ldc})"),
        ]
        a.switch(kind, mirrors)

    def gemv(self) -> None:
        a = self.a
        kind, transposed, m, n = self.next(), self.next(), self.next_size(), self.next_size()
        matrix, lda = self.next_pointer(), self.leading()
        x, incx, y, incy = self.next_pointer(), self.leading(), self.next_pointer(), self.leading()
        alpha, beta = self.scale(), self.next()
        self.narrow(m, n, lda, incx, incy)
        arguments = [("i32", str(product.ROW_MAJOR)), ("i32", transposed), ("i32", m), ("i32", n), ("real", alpha), ("ptr", matrix)]
        arguments += [("i32", lda), ("ptr", x), ("i32", incx), ("real", beta), ("ptr", y), ("i32", incy)]
        flipped = a.compare("eq", transposed, product.TRANSPOSED)
        rows, columns = a.choose(flipped, n, m), a.choose(flipped, m, n)
        ordinary, empty, after = a.label(), a.label(), a.label()
        a.fork(a.compare("eq", columns, 0), empty, ordinary)
        a.begin(ordinary)
        product.library_call(a, kind, "gemv", arguments)
        a.jump(after)
        a.begin(empty)  # gemv leaves y alone where there is nothing to sum; a gemm of one column scales it
        plain, one = ("i32", str(product.PLAIN)), ("i32", "1")
        arguments = [("i32", str(product.ROW_MAJOR)), plain, plain, ("i32", rows), one, ("i32", "0"), ("real", alpha)]
        arguments += [("ptr", matrix), one, ("ptr", x), one, ("real", beta), ("ptr", y), ("i32", incy)]
        product.library_call(a, kind, "gemm", arguments)
        a.jump(after)
        a.begin(after)

    def ger(self) -> None:
        kind, m, n = self.next(), self.next_size(), self.next_size()
        x, incx, y, incy = self.next_pointer(), self.leading(), self.next_pointer(), self.leading()
        matrix, lda = self.next_pointer(), self.leading()
        alpha = self.scale()
        self.narrow(m, n, lda, incx, incy)
        arguments = [("i32", str(product.ROW_MAJOR)), ("i32", m), ("i32", n), ("real", alpha), ("ptr", x), ("i32", incx)]
        arguments += [("ptr", y), ("i32", incy), ("ptr", matrix), ("i32", lda)]
        product.library_call(self.a, kind, "ger", arguments)

    def check_indices(self) -> None:
        a = self.a
        wide, array, count, low, high, error = (
            self.next(),
            self.next_pointer(),
            self.next_size(),
            self.next_size(),
            self.next_size(),
            self.next(),
        )
        value = a.variable("i64", 0)
        with a.loop(count) as position:

            def narrow(position: str = position) -> None:
                a.set(value, a.value(f"sext i32 {a.load(array, position, 'i32')} to i64"))

            def whole(position: str = position) -> None:
                a.set(value, a.load(array, position))

            a.switch(wide, [narrow, whole])
            index = a.get(value)
            inside = a.value(f"and i1 {a.compare('sge', index, low)}, {a.compare('slt', index, high)}")
            self.need(inside, "index", error, position, index)

    def copy(self) -> None:
        target, source, size = self.next_pointer(), self.next_pointer(), self.next_size()
        self.a.value(f"call ptr @memcpy(ptr {target}, ptr {source}, i64 {size})")

    def zero(self) -> None:
        target, size = self.next_pointer(), self.next_size()
        self.a.value(f"call ptr @memset(ptr {target}, i32 0, i64 {size})")

    def routine(self) -> None:
        """Call Python code with arrays over the memory; with the GIL, which is given away again afterwards."""
        a = self.a
        released = a.compare("ne", a.get(self.thread, "ptr"), "null", "ptr")
        self.take_lock()
        self.reset_mode()
        callable_, count = a.pointer(self.next()), self.next()
        made = a.variable("i64", 0)
        failed, call, done = a.label(), a.label(), a.label()
        finish, self.finish = self.finish, failed  # arrays made so far have to be given back first
        with a.loop(count) as index:
            a.store(self.fresh_array(self.next_pointer()), self.views, index, "ptr")
            a.set(made, a.add(index, 1))
        self.finish = finish
        a.jump(call)
        a.begin(call)
        value = a.value(f"call ptr @croton_PyObject_Vectorcall(ptr {callable_}, ptr {self.views}, i64 {count}, ptr null)")
        with a.when(a.compare("ne", value, "null", "ptr")):
            a.do(f"call void @croton_Py_DecRef(ptr {value})")
        a.set(self.status[0], a.choose(a.compare("eq", value, "null", "ptr"), _PYTHON_ERROR, 0))
        a.jump(failed)
        a.begin(failed)
        with a.loop(a.get(made)) as index:
            a.do(f"call void @croton_Py_DecRef(ptr {a.load(self.views, index, 'ptr')})")
        a.fork(a.compare("eq", a.get(self.status[0]), 0), done, self.finish)
        a.begin(done)
        with a.when(a.get(self.mode_changed, "i1")):
            rounding.flush(a, self.mode, self.flush_mode)
        with a.when(released):
            a.set(self.thread, a.value("call ptr @croton_PyEval_SaveThread()"), "ptr")

    # The end, of good and bad calls

    def end(self) -> None:
        a = self.a
        self.reset_mode()
        self.take_lock()
        self.give_arena_back()
        with a.when(a.compare("eq", a.get(self.status[0]), 0)):
            self.gather()
        with a.when(a.compare("eq", a.get(self.status[0]), 0)):
            self.store_updates()
        with a.loop(a.get(self.object_count)) as index:
            held = a.load(self.O, index, "ptr")
            with a.when(a.compare("ne", held, "null", "ptr")):
                a.do(f"call void @croton_Py_DecRef(ptr {held})")
        with a.when(a.compare("sgt", a.get(self.status[0]), 0)):
            self.call_fallback()
        a.do(f"ret ptr {a.get(self.result, 'ptr')}")

    def give_arena_back(self) -> None:
        a = self.a
        arena = a.get(self.arena, "ptr")
        with a.when(a.compare("ne", arena, "null", "ptr")):
            other = a.value(f"atomicrmw xchg ptr {self.stream}, i64 {a.integer(arena)} seq_cst")
            a.do(f"call void @free(ptr {a.pointer(other)})")

    def gather(self) -> None:
        """Move the outputs out of O into the result."""
        a = self.a
        ends = a.label()

        def output(index: str) -> str:
            place = a.add(a.get(self.first_output), index)
            array = a.load(self.O, place, "ptr")
            a.store("null", self.O, place, "ptr")
            return array

        def one() -> None:
            a.set(self.result, output("0"), "ptr")

        def container(kind: str) -> None:
            made = a.value(f"call ptr @croton_Py{kind}_New(i64 {a.get(self.outputs)})")
            with a.when(a.compare("eq", made, "null", "ptr")):
                a.set(self.status[0], _PYTHON_ERROR)
                a.leave(ends)
            with a.loop(a.get(self.outputs)) as index:
                a.value(f"call i32 @croton_Py{kind}_SetItem(ptr {made}, i64 {index}, ptr {output(index)})")
            a.set(self.result, made, "ptr")

        def none() -> None:
            a.do("call void @croton_Py_IncRef(ptr @croton_none)")
            a.set(self.result, "@croton_none", "ptr")

        a.switch(self.next(), [one, lambda: container("Tuple"), lambda: container("List"), none])
        a.jump(ends)
        a.begin(ends)

    def store_updates(self) -> None:
        """All of them, or none: nothing can fail here but a list that someone has emptied."""
        a = self.a
        first = a.add(a.get(self.first_output), a.get(self.outputs))
        with a.loop(a.get(self.updates)) as index:
            place = a.add(first, index)
            array = a.load(self.O, place, "ptr")
            a.store("null", self.O, place, "ptr")
            failed = a.value(f"call i32 @croton_PyList_SetItem(ptr {a.pointer(self.next())}, i64 0, ptr {array})")
            with a.when(a.compare("ne", failed, 0, "i32")):
                a.do(f"call void @croton_Py_DecRef(ptr {a.get(self.result, 'ptr')})")
                a.set(self.result, "null", "ptr")
                a.do("ret ptr null")
                a.begin(a.label())

    def call_fallback(self) -> None:
        """fallback(status, *args, **keywords)."""
        a = self.a
        status = a.value("call ptr @croton_PyTuple_New(i64 4)")
        with a.when(a.compare("eq", status, "null", "ptr")):
            a.do("ret ptr null")
            a.begin(a.label())
        for place, slot in enumerate(self.status):
            number = a.value(f"call ptr @croton_PyLong_FromLongLong(i64 {a.get(slot)})")
            a.value(f"call i32 @croton_PyTuple_SetItem(ptr {status}, i64 {place}, ptr {number})")
        count = a.variable("i64", self.arguments)
        with a.when(a.compare("ne", "%keywords", "null", "ptr")):
            a.set(count, a.add(self.arguments, a.value("call i64 @croton_PyTuple_Size(ptr %keywords)")))
        values = a.value(f"alloca ptr, i64 {a.add(a.get(count), 1)}, align 16")
        a.store(status, values, 0, "ptr")
        with a.loop(a.get(count)) as index:
            a.store(a.load("%args", index, "ptr"), values, a.add(index, 1), "ptr")
        fallback = a.get(object_word(a, FALLBACK_WORD), "ptr")
        given = a.add(self.arguments, 1)
        a.set(
            self.result, a.value(f"call ptr @croton_PyObject_Vectorcall(ptr {fallback}, ptr {values}, i64 {given}, ptr %keywords)"), "ptr"
        )
        a.do(f"call void @croton_Py_DecRef(ptr {status})")


def _kernel_part() -> str:
    """A thread's part of a kernel's outermost loop, cut at multiples of the grain."""
    a = Assembler("internal void @croton_kernel_part(ptr %context, i64 %part, i64 %parts)")
    function, pointers, sizes, record, count, grain = (a.load("%context", index) for index in range(6))
    grains = a.value(f"sdiv i64 {a.add(count, a.subtract(grain, 1))}, {grain}")
    each = a.multiply(a.value(f"sdiv i64 {a.add(grains, a.subtract('%parts', 1))}, %parts"), grain)
    low = a.smaller(a.multiply(each, "%part"), count)
    high = a.smaller(a.add(low, each), count)
    with a.when(a.compare("slt", low, high)):
        tables = ", ".join(f"ptr {a.pointer(word)}" for word in (pointers, sizes, record))
        a.do(f"call void {a.pointer(function)}({tables}, i64 {low}, i64 {high})")
    a.do("ret void")
    return a.text()


def text() -> str:
    """The interpreter as LLVM IR; the texts of the products and the pool have to be in the same module."""
    return "\n".join((DECLARATIONS, rounding.declarations(), _kernel_part(), _Entry().text()))

"""The calls of a Program as LLVM IR: each kind reads its record from the stream and runs it."""

from __future__ import annotations

from croton.runtime import product, rounding
from croton.runtime.assembler import Assembler
from croton.runtime.frame import PYTHON_ERROR, Frame
from croton.runtime.patience import Patience
from croton.runtime.product import WORD
from croton.runtime.stream import MAXIMUM_BATCH_AXES

PARTS = 8
"""The parts of a kernel's loop for each thread."""


class Calls:
    """Emits the loop over the calls, a kind a method, in the order of `stream.CALLS`."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.patience = Patience(frame)
        self.context = frame.a.variable(f"[{product.AXES + 4 * MAXIMUM_BATCH_AXES} x i64]")

    def calls(self) -> None:
        a = self.frame.a
        length = self.frame.next()
        end = a.add(a.get(self.frame.place), length)
        head, body, after = a.label(), a.label(), a.label()
        a.jump(head)
        a.begin(head)
        a.fork(a.compare("slt", a.get(self.frame.place), end), body, after)
        a.begin(body)
        emitters = [self.kernel, self.gemm, self.gemv, self.ger, self.check_indices, self.copy, self.zero, self.routine]
        a.switch(self.frame.next(), [*emitters, self.loop_begins, self.loop_ends, self.loop_left])
        a.jump(head)
        a.begin(after)

    def loop_begins(self) -> None:
        """Set the addresses that move, or pass over the loop."""
        a, frame = self.frame.a, self.frame
        length, counter, going, size = frame.next_size(), frame.next(), frame.next(), frame.next_size()
        pause, weight, limit, bound = frame.next(), frame.next_size(), frame.next(), frame.next()
        a.store(0, frame.S, counter)
        steps = a.variable("i64", 0)
        a.set(steps, length)
        with a.when(a.compare("sge", limit, 0)):
            wanted = a.load(a.load(frame.P, limit, "ptr"), 0)
            a.set(steps, a.smaller(length, a.larger(wanted, 0)))
            a.store(a.get(steps), frame.S, bound)
        count = a.get(steps)
        self.patience.begin(count, pause, weight)
        with a.loop(frame.next()):
            entry, base = frame.next(), frame.next_pointer()
            a.store(a.at(base, frame.next_size(), "i8"), frame.P, entry, "ptr")
            frame.next()
        odd = a.compare("ne", a.value(f"and i64 {count}, 1"), 0)
        with a.loop(frame.next()):
            before, after = frame.next(), frame.next()
            first, last, scratch = frame.next_pointer(), frame.next_pointer(), frame.next_pointer()
            a.store(first, frame.P, before, "ptr")
            a.store(a.choose(odd, last, scratch, "ptr"), frame.P, after, "ptr")
        with a.loop(frame.next()):
            target, source, bytes_ = frame.next_pointer(), frame.next_pointer(), frame.next_size()
            a.value(f"call ptr @memcpy(ptr {target}, ptr {source}, i64 {bytes_})")
        skipped = a.subtract(length, count)
        with a.loop(frame.next()):
            entry, stride, fill = frame.next(), frame.next_size(), frame.next()
            with a.when(a.compare("slt", fill, 0)):
                a.store(a.at(a.load(frame.P, entry, "ptr"), a.multiply(skipped, stride), "i8"), frame.P, entry, "ptr")
            with a.when(a.compare("sge", fill, 0)):
                self.passed_over(entry, stride, a.load(frame.S, fill), skipped)
        length = frame.next()
        again = a.value(f"and i1 {a.compare('sgt', count, 0)}, {self.goes_on(going, size)}")
        with a.when(a.value(f"xor i1 {again}, true")):
            a.set(frame.place, a.add(a.get(frame.place), length))

    def passed_over(self, entry: str, stride: str, bytes_: str, steps: str) -> None:
        """Write what steps that are left out would have written: what was there before them."""
        a, frame = self.frame.a, self.frame
        with a.loop(steps):
            target = a.load(frame.P, entry, "ptr")
            source = a.at(target, a.subtract(0, stride), "i8")
            a.value(f"call ptr @memcpy(ptr {target}, ptr {source}, i64 {bytes_})")
            a.store(a.at(target, stride, "i8"), frame.P, entry, "ptr")

    def goes_on(self, going: str, size: str) -> str:
        """Whether one of the bytes that say whether a loop goes on is not 0, or nothing says so."""
        a = self.frame.a
        set_ = a.variable("i64", 0)
        a.set(set_, a.value(f"zext i1 {a.compare('slt', going, 0)} to i64"))
        with a.when(a.compare("sge", going, 0)):
            flags = a.load(self.frame.P, going, "ptr")
            with a.loop(size) as place:
                byte = a.value(f"zext i8 {a.load(flags, place, 'i8')} to i64")
                a.set(set_, a.value(f"or i64 {a.get(set_)}, {byte}"))
        return a.compare("ne", a.get(set_), 0)

    def loop_ends(self) -> None:
        """Move the addresses, and go back while there are steps to do."""
        a, frame = self.frame.a, self.frame
        counter, going, size, pause = frame.next(), frame.next(), frame.next_size(), frame.next()
        with a.loop(frame.next()):
            entry, stride = frame.next(), frame.next_size()
            a.store(a.at(a.load(frame.P, entry, "ptr"), stride, "i8"), frame.P, entry, "ptr")
        with a.loop(frame.next()):
            before, after = frame.next(), frame.next()
            both = a.add(a.integer(frame.next_pointer()), a.integer(frame.next_pointer()))
            written = a.load(frame.P, after, "ptr")
            a.store(written, frame.P, before, "ptr")
            a.store(a.pointer(a.subtract(both, a.integer(written))), frame.P, after, "ptr")
        back = frame.next()
        behind = a.get(frame.place)
        done = a.add(a.load(frame.S, counter), 1)
        a.store(done, frame.S, counter)
        a.set(frame.place, a.add(behind, 2))

        def again() -> None:
            with a.when(self.goes_on(going, size)):
                a.set(frame.place, a.add(behind, back))

        self.patience.go_on(done, pause, behind, again)

    def loop_left(self) -> None:
        """Put what is wanted of a loop where it belongs, also where steps were left out."""
        a, frame = self.frame.a, self.frame
        count, counter, going, size = frame.next_size(), frame.next(), frame.next(), frame.next_size()
        pause, weight, error = frame.next(), frame.next_size(), frame.next()
        self.patience.end(a.load(frame.S, counter), pause, weight)
        left = a.larger(a.subtract(count, a.load(frame.S, counter)), 0)
        with a.when(a.compare("sge", going, 0)):
            ended = a.value(f"xor i1 {self.goes_on(going, size)}, true")
            frame.need(ended, "steps", error, 0, count)
        steps = frame.next()
        with a.when(a.compare("sge", steps, 0)):
            a.store(a.load(frame.S, counter), a.load(frame.P, steps, "ptr"), 0)
        with a.loop(frame.next()):
            entry, stride, bytes_ = frame.next(), frame.next_size(), frame.next_size()
            self.passed_over(entry, stride, bytes_, left)
        with a.loop(frame.next()):
            source, target, bytes_ = frame.next_pointer(), frame.next_pointer(), frame.next_size()
            with a.when(a.compare("ne", source, target, "ptr")):
                a.value(f"call ptr @memcpy(ptr {target}, ptr {source}, i64 {bytes_})")

    def kernel(self) -> None:
        a = self.frame.a
        function, range_, work, threshold, grain, finishes, length = (self.frame.next() for _ in range(7))
        start = a.get(self.frame.place)
        record = a.at(self.frame.stream, start)
        a.set(self.frame.place, a.add(start, length))
        plain, ranged, after = a.label(), a.label(), a.label()
        a.fork(a.compare("slt", range_, 0), plain, ranged)
        a.begin(plain)
        a.do(f"call void {a.pointer(function)}(ptr {self.frame.P}, ptr {self.frame.S}, ptr {record}, i64 0, i64 0)")
        a.jump(after)
        a.begin(ranged)
        count = a.load(self.frame.S, range_)
        known = a.load(self.frame.S, a.larger(work, 0))
        large = a.compare("sge", a.choose(a.compare("slt", work, 0), threshold, known), threshold)
        shared = a.value(f"and i1 {large}, {a.compare('sgt', count, grain)}")
        split, whole, done = a.label(), a.label(), a.label()
        a.fork(shared, split, whole)
        a.begin(split)
        for index, word in enumerate((function, a.integer(self.frame.P), a.integer(self.frame.S), a.integer(record), count, grain)):
            a.store(word, self.context, index)
        a.do(f"call void @croton_parallel(ptr @croton_kernel_part, ptr {self.context}, i64 {PARTS})")
        a.jump(done)
        a.begin(whole)
        a.do(f"call void {a.pointer(function)}(ptr {self.frame.P}, ptr {self.frame.S}, ptr {record}, i64 0, i64 {count})")
        a.jump(done)
        a.begin(done)
        with a.when(a.compare("ne", finishes, 0)):
            a.do(f"call void {a.pointer(function)}(ptr {self.frame.P}, ptr {self.frame.S}, ptr {record}, i64 -1, i64 -1)")
        a.jump(after)
        a.begin(after)

    def scale(self) -> str:
        """The bits of alpha times the powers of sizes."""
        a = self.frame.a
        alpha = a.variable("double")
        a.set(alpha, a.double(self.frame.next()), "double")
        with a.loop(self.frame.next()):
            size = a.value(f"sitofp i64 {self.frame.next_size()} to double")
            exponent = self.frame.next()
            with a.loop(a.larger(exponent, a.subtract(0, exponent))):
                now = a.get(alpha, "double")
                up, down = a.value(f"fmul double {now}, {size}"), a.value(f"fdiv double {now}, {size}")
                a.set(alpha, a.choose(a.compare("sgt", exponent, 0), up, down, "double"), "double")
        return a.get(alpha, "i64")

    def narrow(self, *sizes: str) -> None:
        """The library's integers have 32 bits."""
        a = self.frame.a
        largest = sizes[0]
        for size in sizes[1:]:
            largest = a.larger(largest, size)
        self.frame.need(a.compare("slt", largest, 2**31), "too_large", 0, 0, largest)

    def leading(self) -> str:
        """A distance of rows; the library wants it positive even where there are no columns."""
        return self.frame.a.larger(self.frame.next_size(), 1)

    def gemm(self) -> None:
        a = self.frame.a
        kind, a_transposed, b_transposed = self.frame.next(), self.frame.next(), self.frame.next()
        m, n, k = self.frame.next_size(), self.frame.next_size(), self.frame.next_size()
        left, lda = self.frame.next_pointer(), self.leading()
        right, ldb = self.frame.next_pointer(), self.leading()
        target, ldc = self.frame.next_pointer(), self.leading()
        alpha, beta, symmetric = self.scale(), self.frame.next(), self.frame.next()
        packed, own_routine, counter = self.frame.next(), self.frame.next(), self.frame.next()
        threshold, axes = self.frame.next(), self.frame.next()
        self.narrow(m, n, k, lda, ldb, ldc)
        total = a.variable("i64", 1)
        with a.loop(axes) as axis:
            base = a.at(self.context, a.add(product.AXES, a.multiply(axis, 4)))
            count = self.frame.next_size()
            a.set(total, a.multiply(a.get(total), count))
            a.store(count, base, 0)
            for place in range(1, 4):
                a.store(self.frame.next_size(), base, place)
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
            "symmetric": symmetric,
            "total": a.get(total),
            "axes": axes,
        }
        for name, word in words.items():
            a.store(word, self.context, WORD[name])
        library, own, after = a.label(), a.label(), a.label()
        a.fork(a.compare("slt", packed, 0), library, own)
        a.begin(library)
        a.do(f"call void @croton_gemm(ptr {self.context}, i64 {threshold})")
        a.jump(after)
        a.begin(own)
        a.store(a.load(self.frame.P, packed), self.context, WORD["packed"])
        a.do(f"call void {a.pointer(own_routine)}(ptr {self.context}, i64 {a.load(self.frame.S, counter)}, i64 {threshold})")
        a.jump(after)
        a.begin(after)

    def gemv(self) -> None:
        a = self.frame.a
        kind, transposed, m, n = self.frame.next(), self.frame.next(), self.frame.next_size(), self.frame.next_size()
        matrix, lda = self.frame.next_pointer(), self.leading()
        x, incx, y, incy = self.frame.next_pointer(), self.leading(), self.frame.next_pointer(), self.leading()
        alpha, beta = self.scale(), self.frame.next()
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
        kind, m, n = self.frame.next(), self.frame.next_size(), self.frame.next_size()
        x, incx, y, incy = self.frame.next_pointer(), self.leading(), self.frame.next_pointer(), self.leading()
        matrix, lda = self.frame.next_pointer(), self.leading()
        alpha = self.scale()
        self.narrow(m, n, lda, incx, incy)
        arguments = [("i32", str(product.ROW_MAJOR)), ("i32", m), ("i32", n), ("real", alpha), ("ptr", x), ("i32", incx)]
        arguments += [("ptr", y), ("i32", incy), ("ptr", matrix), ("i32", lda)]
        product.library_call(self.frame.a, kind, "ger", arguments)

    def check_indices(self) -> None:
        a = self.frame.a
        wide, array, count, low, high, error = (
            self.frame.next(),
            self.frame.next_pointer(),
            self.frame.next_size(),
            self.frame.next_size(),
            self.frame.next_size(),
            self.frame.next(),
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
            self.frame.need(inside, "index", error, position, index)

    def copy(self) -> None:
        target, source, size = self.frame.next_pointer(), self.frame.next_pointer(), self.frame.next_size()
        self.frame.a.value(f"call ptr @memcpy(ptr {target}, ptr {source}, i64 {size})")

    def zero(self) -> None:
        target, size = self.frame.next_pointer(), self.frame.next_size()
        self.frame.a.value(f"call ptr @memset(ptr {target}, i32 0, i64 {size})")

    def routine(self) -> None:
        """Call Python code with arrays over the memory; with the GIL, which is given away again afterwards."""
        a = self.frame.a
        released = a.compare("ne", a.get(self.frame.thread, "ptr"), "null", "ptr")
        self.frame.take_lock()
        self.frame.reset_mode()
        callable_, count = a.pointer(self.frame.next()), self.frame.next()
        made = a.variable("i64", 0)
        failed, call, done = a.label(), a.label(), a.label()
        finish, self.frame.finish = self.frame.finish, failed  # arrays made so far have to be given back first
        with a.loop(count) as index:
            a.store(self.frame.fresh_array(self.frame.next_pointer()), self.frame.views, index, "ptr")
            a.set(made, a.add(index, 1))
        self.frame.finish = finish
        a.jump(call)
        a.begin(call)
        value = a.value(f"call ptr @croton_PyObject_Vectorcall(ptr {callable_}, ptr {self.frame.views}, i64 {count}, ptr null)")
        with a.when(a.compare("ne", value, "null", "ptr")):
            a.do(f"call void @croton_Py_DecRef(ptr {value})")
        a.set(self.frame.status[0], a.choose(a.compare("eq", value, "null", "ptr"), PYTHON_ERROR, 0))
        a.jump(failed)
        a.begin(failed)
        with a.loop(a.get(made)) as index:
            a.do(f"call void @croton_Py_DecRef(ptr {a.load(self.frame.views, index, 'ptr')})")
        a.fork(a.compare("eq", a.get(self.frame.status[0]), 0), done, self.frame.finish)
        a.begin(done)
        with a.when(a.get(self.frame.mode_changed, "i1")):
            rounding.flush(a, self.frame.mode, self.frame.flush_mode)
        with a.when(released):
            a.set(self.frame.thread, a.value("call ptr @croton_PyEval_SaveThread()"), "ptr")


def kernel_part() -> str:
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

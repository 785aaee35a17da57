"""The native entry of a function that has several programs, as LLVM IR: it chooses one, as `Choice.pick` does, and calls it.

Functions of one program have nothing to do with it. What it reads is the number of programs, their function objects, and the words of the choice.
"""

from __future__ import annotations

from croton.runtime import layout
from croton.runtime.assembler import Assembler
from croton.runtime.choice import FUNCTIONS
from croton.runtime.frame import STREAM_WORD, object_word

DECLARATIONS = """
@croton_array_type = external global i8
declare ptr @croton_entry(ptr, ptr, i64, ptr)
declare double @llvm.floor.f64(double)
declare double @llvm.maxnum.f64(double, double)
declare double @llvm.minnum.f64(double, double)
"""


class _Select:
    """Emits the function."""

    def __init__(self) -> None:
        a = self.a = Assembler("ptr @croton_select(ptr %self, ptr %args, i64 %flagged, ptr %keywords)")
        self.stream = a.get(object_word(a, STREAM_WORD), "ptr")
        self.place = a.variable("i64", 0)
        self.total = a.variable("double", "0.0")
        self.weight = a.variable("double", "0.0")
        self.picked = a.variable("i64", 0)

    def next(self) -> str:
        a = self.a
        index = a.get(self.place)
        a.set(self.place, a.add(index, 1))
        return a.load(self.stream, index)

    def terms(self, atoms: str) -> str:
        """The value of the terms that come next."""
        a = self.a
        a.set(self.total, "0.0", "double")
        with a.loop(self.next()):
            a.set(self.weight, a.double(self.next()), "double")
            with a.loop(self.next()):
                factor = a.load(atoms, self.next(), "double")
                a.set(self.weight, a.value(f"fmul double {a.get(self.weight, 'double')}, {factor}"), "double")
            a.set(self.total, a.value(f"fadd double {a.get(self.total, 'double')}, {a.get(self.weight, 'double')}"), "double")
        return a.get(self.total, "double")

    def text(self) -> str:
        a = self.a
        first = a.label()
        a.set(self.place, a.add(self.next(), 1))
        arguments, atoms = self.next(), self.next()

        def need(condition: str) -> None:
            good = a.label()
            a.fork(condition, good, first)
            a.begin(good)

        need(a.compare("eq", "%keywords", "null", "ptr"))
        need(a.compare("eq", a.value("and i64 %flagged, 9223372036854775807"), arguments))
        table = a.value(f"alloca double, i64 {atoms}, align 16")
        known = a.variable("i64", 0)

        def push(value: str) -> None:
            index = a.get(known)
            a.store(value, table, index, "double")
            a.set(known, a.add(index, 1))

        with a.loop(self.next()):
            array, axis = a.load("%args", self.next(), "ptr"), self.next()
            need(a.compare("eq", a.get(a.at(array, layout.TYPE, "i8"), "ptr"), "@croton_array_type", "ptr"))
            rank = a.value(f"sext i32 {a.get(a.at(array, layout.RANK, 'i8'), 'i32')} to i64")
            need(a.compare("slt", axis, rank))
            push(a.value(f"sitofp i64 {a.load(a.get(a.at(array, layout.DIMENSIONS, 'i8'), 'ptr'), axis)} to double"))
        with a.loop(self.next()):
            function = self.next()
            left, right = self.terms(table), self.terms(table)
            divisor = a.value(f"call double @llvm.maxnum.f64(double 1.0, double {right})")
            quotient = a.value(f"call double @llvm.floor.f64(double {a.value(f'fdiv double {left}, {divisor}')})")
            smaller = a.value(f"call double @llvm.minnum.f64(double {left}, double {right})")
            push(a.choose(a.compare("eq", function, FUNCTIONS.index("minimum")), smaller, quotient, "double"))
        least = a.variable("double", "0.0")
        with a.loop(self.next()) as number:
            value = self.terms(table)
            with a.when(a.value(f"fcmp olt double {value}, {a.get(least, 'double')}")):
                a.set(least, value, "double")
                a.set(self.picked, a.add(number, 1))
        a.jump(first)
        # What is no call of any program goes to the first one, which refuses it, and has errors and conversions behind it.
        a.begin(first)
        function = a.load(self.stream, a.add(a.get(self.picked), 1), "ptr")
        result = a.value(f"tail call ptr @croton_entry(ptr {function}, ptr %args, i64 %flagged, ptr %keywords)")
        a.do(f"ret ptr {result}")
        return a.text()


def text() -> str:
    """The function."""
    return "\n".join((DECLARATIONS, _Select().text()))

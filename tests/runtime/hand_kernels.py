"""Kernels written by hand for the runtime's tests: they keep to the ABI `void k(P, S, record, low, high, sweep)`."""

from __future__ import annotations

import functools
from collections.abc import Callable

from croton.runtime import engine
from croton.runtime.assembler import Assembler

INTRINSICS = "declare i64 @llvm.smax.i64(i64, i64)\ndeclare i64 @llvm.smin.i64(i64, i64)\n"


@functools.cache
def elementwise(instruction: str, kind: str = "double", ranged: bool = False) -> tuple[int, engine.Code]:
    """The address of a kernel `c[i] = instruction(a[i], b[i])` for i < n over the pointers a, b, c and the size n; `ranged`
    takes low and high."""

    def body(a: Assembler, pointers: list[str], index: str) -> None:
        left, right = a.load(pointers[0], index, kind), a.load(pointers[1], index, kind)
        a.store(a.value(f"{instruction} {kind} {left}, {right}"), pointers[2], index, kind)

    return _compiled(body, 3, ranged)


@functools.cache
def fill_low(ranged: bool = True) -> tuple[int, engine.Code]:
    """The address of a kernel that writes its `low` to each int64 of its range: it shows how a loop was shared out."""
    return _compiled(lambda a, pointers, index: a.store("%low", pointers[0], index), 1, ranged)


@functools.cache
def nothing() -> tuple[int, engine.Code]:
    """The address of a kernel that does nothing."""
    code = engine.load_object(engine.compile_object("define void @k(ptr %P, ptr %S, ptr %r, i64 %l, i64 %h, i64 %s) {\n  ret void\n}\n"))
    return code.address("k"), code


def _compiled(body: Callable[[Assembler, list[str], str], None], pointers: int, ranged: bool) -> tuple[int, engine.Code]:
    a = Assembler("void @k(ptr %P, ptr %S, ptr %record, i64 %low, i64 %high, i64 %sweep)")
    found = [a.load("%P", a.load("%record", number), "ptr") for number in range(pointers)]
    low, high = ("%low", "%high") if ranged else ("0", a.load("%S", a.load("%record", pointers)))
    with a.loop(a.subtract(high, low)) as step:
        body(a, found, a.add(low, step))
    a.do("ret void")
    code = engine.load_object(engine.compile_object(INTRINSICS + a.text()))
    return code.address("k"), code

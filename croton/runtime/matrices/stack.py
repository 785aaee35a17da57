"""Stacks of matrices: the routine for each member, shared out over the pool.

A call has a context of words: `WORD` names the first ones, then come those of each matrix, then for each axis of the stack its length and how far apart the
matrices are along it, in elements. Each member is computed by itself, so that its bits do not depend on how many threads there are.
"""

from __future__ import annotations

from croton.runtime.assembler import Assembler
from croton.runtime.matrices.member import MATRIX_WORDS

WORDS = ("total", "options", "failed", "work", "work_bytes", "parts", "axes", "matrices")
WORD = {name: number for number, name in enumerate(WORDS)}
"""The position of each word of a context. `failed` becomes the first member that has no answer; `work` is the working memory, `work_bytes` of it for each
part of the stack, of which there are `parts` at most."""

MOST_MATRICES = 6
MOST_AXES = 8
NONE_FAILED = 2**62

MATRICES = len(WORDS)
AXES = MATRICES + MOST_MATRICES * len(MATRIX_WORDS)
CONTEXT_WORDS = AXES + MOST_AXES * (1 + MOST_MATRICES)


def _place() -> str:
    """Write the words of the matrices of one member to `found`."""
    a = Assembler("internal void @croton_place(ptr %context, i64 %member, ptr %found)")
    axes, matrices = a.load("%context", WORD["axes"]), a.load("%context", WORD["matrices"])
    with a.loop(a.multiply(matrices, len(MATRIX_WORDS))) as word:
        a.store(a.load("%context", a.add(word, MATRICES)), "%found", word)
    rest = a.variable("i64", "%member")
    stride = a.add(matrices, 1)
    with a.loop(axes) as step:
        axis = a.at("%context", a.add(AXES, a.multiply(a.subtract(a.subtract(axes, 1), step), stride)))
        count, left = a.load(axis, 0), a.get(rest)
        index = a.value(f"srem i64 {left}, {count}")
        a.set(rest, a.value(f"sdiv i64 {left}, {count}"))
        with a.loop(matrices) as matrix:
            place = a.multiply(matrix, len(MATRIX_WORDS))
            width = a.load("%found", a.add(place, MATRIX_WORDS.index("width")))
            moved = a.multiply(a.multiply(index, a.load(axis, a.add(matrix, 1))), width)
            pointer = a.load("%found", place)
            a.store(a.choose(a.compare("eq", pointer, 0), 0, a.add(pointer, moved)), "%found", place)
    a.do("ret void")
    return a.text()


def _part() -> str:
    """A thread's part of a stack, up to the first member that has no answer."""
    a = Assembler("internal void @croton_stack_part(ptr %context, i64 %part, i64 %parts)")
    found = a.variable(f"[{MOST_MATRICES * len(MATRIX_WORDS)} x i64]")
    total, options = a.load("%context", WORD["total"]), a.load("%context", WORD["options"])
    # Of an empty stack there may be none.
    parts = a.larger(a.smaller("%parts", a.load("%context", WORD["parts"])), 1)
    each = a.value(f"sdiv i64 {a.add(total, a.subtract(parts, 1))}, {parts}")
    low = a.smaller(a.multiply(each, "%part"), total)
    high = a.smaller(a.add(low, each), total)
    work = a.at(a.load("%context", WORD["work"], "ptr"), a.multiply("%part", a.load("%context", WORD["work_bytes"])), "i8")
    axes, matrices = a.load("%context", WORD["axes"]), a.load("%context", WORD["matrices"])
    along = a.compare("eq", axes, 1)
    with a.when(a.compare("slt", low, high)):
        a.do(f"call void @croton_place(ptr %context, i64 {low}, ptr {found})")
    with a.loop(a.subtract(high, low)) as index:
        member = a.add(low, index)
        status = a.value(f"call i64 @croton_member(ptr {found}, ptr {work}, i64 {options})")
        with a.when(a.compare("ne", status, 0)):
            a.value(f"atomicrmw min ptr {a.at('%context', WORD['failed'])}, i64 {member} seq_cst")
            a.do("ret void")
            a.begin(a.label())
        nearby, anywhere, after = a.label(), a.label(), a.label()
        a.fork(along, nearby, anywhere)
        a.begin(nearby)
        with a.loop(matrices) as matrix:
            step = a.load("%context", a.add(AXES + 1, matrix))
            place = a.multiply(matrix, len(MATRIX_WORDS))
            pointer, width = a.load(found, place), a.load(found, a.add(place, MATRIX_WORDS.index("width")))
            a.store(a.choose(a.compare("eq", pointer, 0), 0, a.add(pointer, a.multiply(step, width))), found, place)
        a.jump(after)
        a.begin(anywhere)
        a.do(f"call void @croton_place(ptr %context, i64 {a.add(member, 1)}, ptr {found})")
        a.jump(after)
        a.begin(after)
    a.do("ret void")
    return a.text()


def _stack() -> str:
    """All members: in this thread if there are few, or all of it is small."""
    a = Assembler("void @croton_stack(ptr %context, i64 %large)")
    shared, alone, after = a.label(), a.label(), a.label()
    several = a.compare("sgt", a.load("%context", WORD["total"]), 1)
    a.fork(a.both(several, a.compare('ne', '%large', 0)), shared, alone)
    a.begin(shared)
    a.do("call void @croton_parallel(ptr @croton_stack_part, ptr %context, i64 1)")
    a.jump(after)
    a.begin(alone)
    a.do("call void @croton_stack_part(ptr %context, i64 0, i64 1)")
    a.jump(after)
    a.begin(after)
    a.do("ret void")
    return a.text()


_DECLARATIONS = """
declare void @croton_parallel(ptr, ptr, i64)
declare i64 @llvm.smin.i64(i64, i64)
declare i64 @llvm.smax.i64(i64, i64)
declare ptr @memcpy(ptr, ptr, i64)
"""


def text(member: str) -> str:
    """`croton_stack` for a routine, which is the text of `croton_member`."""
    return "\n".join((_DECLARATIONS, member, _place(), _part(), _stack()))

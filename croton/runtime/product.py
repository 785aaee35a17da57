"""Matrix products of the native interpreter as LLVM IR: a batch of GEMMs shared out over the pool.

They take a context of words; `WORD` names them. The library's row-major interface (cblas) is called, one thread a call. Of a product that is
symmetric one half is computed and copied to the other.
"""

from __future__ import annotations

from croton.runtime.assembler import Assembler

_GEMM_WORDS = (
    *("type", "a_transposed", "b_transposed", "m", "n", "k", "alpha", "beta", "a", "lda", "b", "ldb", "c", "ldc"),
    *("routine", "total", "packed", "axes"),
)
WORD = {name: number for number, name in enumerate(_GEMM_WORDS)}
"""The position of each word of a GEMM's context; `routine` is the address of our own routine for a part of it, or 0.
After these words come (count, strides of a, b, c) of each batch axis."""

AXES = len(_GEMM_WORDS)
PLAIN, TRANSPOSED, ROW_MAJOR, UPPER = 111, 112, 101, 121
ROW_GRAIN = 16

REAL = ("float", "double")
_LETTER = "sd"

DECLARATIONS = "\n".join(
    f"""declare void @croton_cblas_{letter}gemm(i32, i32, i32, i32, i32, i32, {real}, ptr, i32, ptr, i32, {real}, ptr, i32)
declare void @croton_cblas_{letter}gemmt(i32, i32, i32, i32, i32, i32, {real}, ptr, i32, ptr, i32, {real}, ptr, i32)"""
    for letter, real in zip(_LETTER, REAL)
)
ROUTINES = tuple(f"cblas_{letter}{name}" for letter in _LETTER for name in ("gemm", "gemmt"))


def library_call(a: Assembler, kind: str, routine: str, arguments: list[tuple[str, str]]) -> None:
    """Call the float or the double routine, by the type word `kind` (0 or 1). Arguments are (type, value): "i32" of an i64,
    "real" of the bits of a double."""

    def emit(letter: str, real: str) -> None:
        texts = []
        for type_, value in arguments:
            if type_ == "i32":
                texts.append(f"i32 {value if value.lstrip('-').isdigit() else a.value(f'trunc i64 {value} to i32')}")
            elif type_ == "real":
                wide = a.double(value)
                texts.append(f"{real} {wide if real == 'double' else a.value(f'fptrunc double {wide} to float')}")
            else:
                texts.append(f"{type_} {value}")
        a.do(f"call void @croton_cblas_{letter}{routine}({', '.join(texts)})")

    a.switch(kind, [lambda letter=letter, real=real: emit(letter, real) for letter, real in zip(_LETTER, REAL)])  # type: ignore[misc]


def share(a: Assembler, count: str, grain: int, part: str = "%part", parts: str = "%parts") -> tuple[str, str]:
    """A part [low, high) of range(count), this thread's unless another is named, cut at multiples of the grain."""
    each = a.value(f"sdiv i64 {a.add(count, a.subtract(parts, 1))}, {parts}")
    each = a.round_up(each, grain)
    low = a.smaller(a.multiply(each, part), count)
    return low, a.smaller(a.add(low, each), count)


def piece(routine: str, bounds: str, linkage: str = "") -> str:
    """One library call: the rows and columns within the bounds of the product of the matrices at a, b, c; of gemmt the upper triangle."""
    triangle = routine == "gemmt"
    a = Assembler(f"{linkage}void @croton_{routine}_piece(ptr %context, ptr %a, ptr %b, ptr %c, {bounds})")
    word = {name: a.load("%context", number) for name, number in WORD.items() if name not in ("a", "b", "c", "routine", "total", "axes")}
    column, column_end = ("%row", "%row_end") if triangle else ("%column", "%column_end")
    rows, columns = a.subtract("%row_end", "%row"), a.subtract(column_end, column)
    empty = a.either(a.compare("sle", rows, 0), a.compare("sle", columns, 0))
    work, done = a.label(), a.label()
    a.fork(empty, done, work)
    a.begin(work)
    width = a.add(4, a.multiply(word["type"], 4))

    def shifted(base: str, elements: str) -> str:
        return a.at(base, a.multiply(elements, width), "i8")

    a_step = a.choose(a.compare("eq", word["a_transposed"], TRANSPOSED), 1, word["lda"])
    b_step = a.choose(a.compare("eq", word["b_transposed"], TRANSPOSED), word["ldb"], 1)
    head = [("i32", str(ROW_MAJOR)), *([("i32", str(UPPER))] if triangle else [])]
    shape = [("i32", rows), *([] if triangle else [("i32", columns)]), ("i32", word["k"])]
    library_call(
        a,
        word["type"],
        routine,
        [
            *head,
            ("i32", word["a_transposed"]),
            ("i32", word["b_transposed"]),
            *shape,
            ("real", word["alpha"]),
            ("ptr", shifted("%a", a.multiply("%row", a_step))),
            ("i32", word["lda"]),
            ("ptr", shifted("%b", a.multiply(column, b_step))),
            ("i32", word["ldb"]),
            ("real", word["beta"]),
            ("ptr", shifted("%c", a.add(a.multiply("%row", word["ldc"]), column))),
            ("i32", word["ldc"]),
        ],
    )
    a.jump(done)
    a.begin(done)
    a.do("ret void")
    return a.text()


def _library_part() -> str:
    """A thread's part of the product of the matrices at a, b, c: some of the rows, or of the columns where there are more of those."""
    a = Assembler("void @croton_library_part(ptr %context, ptr %a, ptr %b, ptr %c, i64 %part, i64 %parts)")
    m, n = a.load("%context", WORD["m"]), a.load("%context", WORD["n"])
    tall, wide = a.label(), a.label()
    a.fork(a.compare("sge", m, n), tall, wide)
    a.begin(tall)
    low, high = share(a, m, ROW_GRAIN)
    a.do(f"call void @croton_gemm_piece(ptr %context, ptr %a, ptr %b, ptr %c, i64 {low}, i64 {high}, i64 0, i64 {n})")
    a.do("ret void")
    a.begin(wide)
    low, high = share(a, n, ROW_GRAIN)
    a.do(f"call void @croton_gemm_piece(ptr %context, ptr %a, ptr %b, ptr %c, i64 0, i64 {m}, i64 {low}, i64 {high})")
    a.do("ret void")
    return a.text()


def _part() -> str:
    """A thread's part of the product of the matrices at a, b, c, by the library or our own routine."""
    a = Assembler("internal void @croton_product_part(ptr %context, ptr %a, ptr %b, ptr %c, i64 %part, i64 %parts)")
    own, library = a.label(), a.label()
    routine = a.load("%context", WORD["routine"], "ptr")
    a.fork(a.compare("ne", routine, "null", "ptr"), own, library)
    a.begin(own)
    a.do(f"call void {routine}(ptr %context, ptr %a, ptr %b, ptr %c, i64 %part, i64 %parts)")
    a.do("ret void")
    a.begin(library)
    a.do("call void @croton_library_part(ptr %context, ptr %a, ptr %b, ptr %c, i64 %part, i64 %parts)")
    a.do("ret void")
    return a.text()


def _inside_part() -> str:
    """A thread's part of one product."""
    a = Assembler("internal void @croton_gemm_part(ptr %context, i64 %part, i64 %parts)")
    matrices = ", ".join(f"ptr {a.load('%context', WORD[name], 'ptr')}" for name in "abc")
    a.do(f"call void @croton_product_part(ptr %context, {matrices}, i64 %part, i64 %parts)")
    a.do("ret void")
    return a.text()


def _place() -> str:
    """Write the addresses of the matrices of one member of the batch to `found`."""
    a = Assembler("internal void @croton_batch_place(ptr %context, i64 %member, ptr %found)")
    axes = a.load("%context", WORD["axes"])
    width = a.add(4, a.multiply(a.load("%context", WORD["type"]), 4))
    rest = a.variable("i64", "%member")
    for place, name in enumerate("abc"):
        a.store(a.load("%context", WORD[name]), "%found", place)
    with a.loop(axes) as step:
        axis = a.at("%context", a.add(AXES, a.multiply(a.subtract(a.subtract(axes, 1), step), 4)))
        count = a.load(axis, 0)
        left = a.get(rest)
        index = a.value(f"srem i64 {left}, {count}")
        a.set(rest, a.value(f"sdiv i64 {left}, {count}"))
        for place in range(3):
            moved = a.multiply(a.multiply(index, a.load(axis, place + 1)), width)
            a.store(a.add(a.load("%found", place), moved), "%found", place)
    a.do("ret void")
    return a.text()


def _batch_part() -> str:
    """A thread's part of a batch: whole products."""
    a = Assembler("internal void @croton_batch_part(ptr %context, i64 %part, i64 %parts)")
    found = a.variable("[3 x i64]")
    low, high = share(a, a.load("%context", WORD["total"]), 1)
    with a.loop(a.subtract(high, low)) as index:
        a.do(f"call void @croton_batch_place(ptr %context, i64 {a.add(low, index)}, ptr {found})")
        matrices = ", ".join(f"ptr {a.load(found, place, 'ptr')}" for place in range(3))
        a.do(f"call void @croton_product_part(ptr %context, {matrices}, i64 0, i64 1)")
    a.do("ret void")
    return a.text()


def _gemm() -> str:
    """A batch of products: over members if there are enough of them, else inside each; in this thread if all of it is small."""
    a = Assembler("internal void @croton_gemm(ptr %context, i64 %threshold)")
    found = a.variable("[3 x i64]")
    total = a.load("%context", WORD["total"])
    flops = a.variable("i64", 2)
    for name in "mnk":
        a.set(flops, a.multiply(a.get(flops), a.load("%context", WORD[name])))
    each = a.get(flops)
    parallel, serial, several, members, inside = (a.label() for _ in range(5))
    a.fork(a.compare("sge", a.multiply(each, total), "%threshold"), parallel, serial)
    a.begin(serial)
    a.do("call void @croton_batch_part(ptr %context, i64 0, i64 1)")
    a.do("ret void")
    a.begin(parallel)
    threads = a.value(f"sext i32 {a.get('@croton_threads', 'i32')} to i64")
    small = a.compare("slt", each, "%threshold")
    a.fork(a.either(small, a.compare('sge', total, threads)), several, inside)
    a.begin(several)
    a.fork(a.compare("sgt", total, 1), members, inside)
    a.begin(members)
    a.do("call void @croton_parallel(ptr @croton_batch_part, ptr %context, i64 1)")
    a.do("ret void")
    a.begin(inside)
    first = [a.load("%context", WORD[name]) for name in "abc"]
    with a.loop(total) as member:
        a.do(f"call void @croton_batch_place(ptr %context, i64 {member}, ptr {found})")
        for place, name in enumerate("abc"):
            a.store(a.load(found, place), "%context", WORD[name])
        a.do("call void @croton_parallel(ptr @croton_gemm_part, ptr %context, i64 1)")
        for place, name in enumerate("abc"):
            a.store(first[place], "%context", WORD[name])
    a.do("ret void")
    return a.text()


def text() -> str:
    """The products as LLVM IR; what it calls of the pool is declared elsewhere."""
    block = "i64 %row, i64 %row_end, i64 %column, i64 %column_end"
    return "\n".join((DECLARATIONS, piece("gemm", block), _library_part(), _part(), _inside_part(), _place(), _batch_part(), _gemm()))

"""Products of a few rows with a matrix that stays the same from step to step of a loop, as LLVM IR.

A library rearranges both matrices in every call. For a few rows that takes as long as the product; so a matrix that does not change is rearranged once,
in the first step: into panels of as many columns as two vectors hold, zeros beyond the last, the elements of a row of a panel next to each other. A tile of
the result, some rows times a panel, stays in registers while the sum runs. A module of its own, made where a program has such a product.
"""

from __future__ import annotations

from croton.runtime.assembler import Assembler
from croton.runtime.engine import host
from croton.runtime.product import TRANSPOSED, WORD

TYPES = ("float", "double")
_SHORT = {"float": "f32", "double": "f64"}
_WIDTH = {"float": 4, "double": 8}
VECTORS = 2
"""Vectors in a row of a panel."""


def registers() -> tuple[int, int]:
    """Bytes in a vector, and how many rows of a tile stay in registers."""
    features = host()[2].split(",")
    if "+avx512f" in features:
        return 64, 8
    return (32, 4) if "+avx" in features else (16, 4)


def width_of(kind: str) -> int:
    """The columns of a panel."""
    return VECTORS * registers()[0] // _WIDTH[kind]


def tile(kind: str, rows: int) -> str:
    """c[rows, :count] = alpha * a @ panel + beta * c, where rows of the panel lie `b_row` apart. With `beta` 0 what is in c is not looked at."""
    lanes = registers()[0] // (4 if kind == "float" else 8)
    vector, mask = f"<{lanes} x {kind}>", f"<{lanes} x i1>"
    splat = f"<{lanes} x i32> zeroinitializer"
    places = [(row, part) for row in range(rows) for part in range(VECTORS)]
    pointers = "ptr %a, i64 %a_row, i64 %a_column, ptr %b, i64 %b_row, i64 %k, ptr %c, i64 %ldc"
    masked, width = f"v{lanes}{_SHORT[kind]}.p0", _WIDTH[kind]
    lines = [
        f"define internal void @croton_tile_{rows}_{kind}({pointers}, {kind} %alpha, {kind} %beta, i64 %count) {{",
        "entry:",
        *[line for row in range(rows) for line in _kept(f"row{row}", f"mul i64 %a_row, {row}")],
        "  %some = icmp sgt i64 %k, 0",
        "  br i1 %some, label %step, label %done",
        "step:",
        "  %left = phi i64 [ %k, %entry ], [ %next, %step ]",
        "  %a_at = phi ptr [ %a, %entry ], [ %a_next, %step ]",
        "  %b_at = phi ptr [ %b, %entry ], [ %b_next, %step ]",
        *[f"  %s{row}_{part} = phi {vector} [ zeroinitializer, %entry ], [ %n{row}_{part}, %step ]" for row, part in places],
    ]
    for part in range(VECTORS):
        lines += [f"  %bp{part} = getelementptr {vector}, ptr %b_at, i64 {part}", f"  %b{part} = load {vector}, ptr %bp{part}, align {_WIDTH[kind]}"]
    for row in range(rows):
        lines += [
            f"  %ap{row} = getelementptr {kind}, ptr %a_at, i64 %row{row}",
            f"  %as{row} = load {kind}, ptr %ap{row}",
            f"  %ai{row} = insertelement {vector} poison, {kind} %as{row}, i64 0",
            f"  %av{row} = shufflevector {vector} %ai{row}, {vector} poison, {splat}",
        ]
        for part in range(VECTORS):
            arguments = f"{vector} %av{row}, {vector} %b{part}, {vector} %s{row}_{part}"
            lines.append(f"  %n{row}_{part} = call {vector} @llvm.fma.v{lanes}{_SHORT[kind]}({arguments})")
    lines += [
        "  %next = add i64 %left, -1",
        f"  %a_next = getelementptr {kind}, ptr %a_at, i64 %a_column",
        f"  %b_next = getelementptr {kind}, ptr %b_at, i64 %b_row",
        "  %more = icmp ne i64 %next, 0",
        "  br i1 %more, label %step, label %done",
        "done:",
        *[f"  %f{row}_{part} = phi {vector} [ zeroinitializer, %entry ], [ %n{row}_{part}, %step ]" for row, part in places],
        f"  %adds = fcmp une {kind} %beta, 0.0",
        f"  %adds_i = insertelement {mask} poison, i1 %adds, i64 0",
        f"  %adds_v = shufflevector {mask} %adds_i, {mask} poison, {splat}",
        f"  %count_i = insertelement <{lanes} x i64> poison, i64 %count, i64 0",
        f"  %count_v = shufflevector <{lanes} x i64> %count_i, <{lanes} x i64> poison, {splat}",
    ]
    for name in ("alpha", "beta"):
        lines += [
            f"  %{name}_i = insertelement {vector} poison, {kind} %{name}, i64 0",
            f"  %{name}_v = shufflevector {vector} %{name}_i, {vector} poison, {splat}",
        ]
    for part in range(VECTORS):
        numbers = ", ".join(f"i64 {part * lanes + lane}" for lane in range(lanes))
        lines += [
            f"  %in{part} = icmp slt <{lanes} x i64> <{numbers}>, %count_v",
            f"  %old{part} = and {mask} %in{part}, %adds_v",
        ]
    for row, part in places:
        place = f"{row}_{part}"
        lines += [
            f"  %cr{place} = mul i64 %ldc, {row}",
            f"  %ci{place} = add i64 %cr{place}, {part * lanes}",
            f"  %cp{place} = getelementptr {kind}, ptr %c, i64 %ci{place}",
            f"  %co{place} = call {vector} @llvm.masked.load.{masked}(ptr %cp{place}, i32 {width}, {mask} %old{part}, {vector} zeroinitializer)",
            f"  %cb{place} = fmul {vector} %co{place}, %beta_v",
            f"  %cn{place} = call {vector} @llvm.fma.v{lanes}{_SHORT[kind]}({vector} %f{place}, {vector} %alpha_v, {vector} %cb{place})",
            f"  call void @llvm.masked.store.{masked}({vector} %cn{place}, ptr %cp{place}, i32 {width}, {mask} %in{part})",
        ]
    return "\n".join([*lines, "  ret void", "}"])


def _kept(name: str, operation: str) -> list[str]:
    """A number that stays in a register of its own. LLVM would find that the rows lie equally far apart, and come from each to the next by an addition: such
    a chain takes longer than the products of a step."""
    return [
        f"  %{name}_slot = alloca i64",
        f"  %{name}_made = {operation}",
        f"  store volatile i64 %{name}_made, ptr %{name}_slot",
        f"  %{name} = load volatile i64, ptr %{name}_slot",
    ]


def declarations() -> str:
    """What tiles call."""
    lines = []
    for kind in TYPES:
        lanes = registers()[0] // _WIDTH[kind]
        vector, mask, name = f"<{lanes} x {kind}>", f"<{lanes} x i1>", f"v{lanes}{_SHORT[kind]}"
        lines += [
            f"declare {vector} @llvm.fma.{name}({vector}, {vector}, {vector})",
            f"declare {vector} @llvm.masked.load.{name}.p0(ptr, i32, {mask}, {vector})",
            f"declare void @llvm.masked.store.{name}.p0({vector}, ptr, i32, {mask})",
        ]
    return "\n".join(lines)


def _pack(kind: str) -> str:
    """Rearrange b[k, n], whose elements lie `row` and `column` apart, into panels."""
    a = Assembler(f"internal void @croton_pack_{kind}(ptr %b, i64 %row, i64 %column, i64 %k, i64 %n, ptr %panels)")
    width = width_of(kind)
    with a.loop(a.value(f"sdiv i64 {a.add('%n', width - 1)}, {width}")) as panel:
        first = a.multiply(panel, width)
        with a.loop("%k") as step:
            source = a.at("%b", a.add(a.multiply(step, "%row"), a.multiply(first, "%column")), kind)
            target = a.at("%panels", a.multiply(a.add(a.multiply(panel, "%k"), step), width), kind)
            filled = a.smaller(a.subtract("%n", first), width)
            with a.loop(filled) as place:
                a.store(a.load(source, a.multiply(place, "%column"), kind), target, place, kind)
            with a.loop(a.subtract(width, filled)) as place:
                a.store("0.0", target, a.add(filled, place), kind)
    a.do("ret void")
    return a.text()


def _panels(kind: str) -> str:
    """The product with the panels [low, high)."""
    a = Assembler(f"internal void @croton_panels_{kind}(ptr %context, i64 %low, i64 %high)")
    width, most = width_of(kind), registers()[1]
    transposed = a.compare("eq", a.load("%context", WORD["a_transposed"]), TRANSPOSED)
    lda, m, n, k, ldc = (a.load("%context", WORD[name]) for name in ("lda", "m", "n", "k", "ldc"))
    a_row, a_column = a.choose(transposed, 1, lda), a.choose(transposed, lda, 1)
    scales = []
    for name in ("alpha", "beta"):
        wide = a.double(a.load("%context", WORD[name]))
        scales.append(f"{kind} {wide if kind == 'double' else a.value(f'fptrunc double {wide} to float')}")
    left, panels, out = (a.load("%context", WORD[name], "ptr") for name in ("a", "packed", "c"))
    with a.loop(a.subtract("%high", "%low")) as number:
        panel = a.add("%low", number)
        first = a.multiply(panel, width)
        count = a.smaller(a.subtract(n, first), width)
        b = a.at(panels, a.multiply(a.multiply(panel, k), width), kind)


        def tiles(rows: int, row: str, first: str = first, count: str = count, b: str = b) -> None:
            here = a.at(left, a.multiply(row, a_row), kind)
            there = a.at(out, a.add(a.multiply(row, ldc), first), kind)
            numbers = f"ptr {here}, i64 {a_row}, i64 {a_column}, ptr {b}, i64 {width}, i64 {k}, ptr {there}, i64 {ldc}"
            a.do(f"call void @croton_tile_{rows}_{kind}({numbers}, {', '.join(scales)}, i64 {count})")

        with a.loop(a.value(f"sdiv i64 {m}, {most}")) as block:
            tiles(most, a.multiply(block, most))
        rows = most // 2
        while rows:
            with a.when(a.compare("ne", a.value(f"and i64 {m}, {rows}"), 0)):
                tiles(rows, a.value(f"and i64 {m}, {-2 * rows}"))
            rows //= 2
    a.do("ret void")
    return a.text()


def _part() -> str:
    """A thread's part of a product: some of the panels."""
    a = Assembler("internal void @croton_packed_part(ptr %context, i64 %part, i64 %parts)")
    n, kind = a.load("%context", WORD["n"]), a.load("%context", WORD["type"])

    def emit(type_: str) -> None:
        width = width_of(type_)
        panels = a.value(f"sdiv i64 {a.add(n, width - 1)}, {width}")
        each = a.value(f"sdiv i64 {a.add(panels, a.subtract('%parts', 1))}, %parts")
        low = a.smaller(a.multiply(each, "%part"), panels)
        high = a.smaller(a.add(low, each), panels)
        a.do(f"call void @croton_panels_{type_}(ptr %context, i64 {low}, i64 {high})")

    a.switch(kind, [lambda: emit("float"), lambda: emit("double")])
    a.do("ret void")
    return a.text()


def _product() -> str:
    """The product of a context; the matrix is rearranged if this is the first step."""
    a = Assembler("void @croton_packed(ptr %context, i64 %step, i64 %threshold)")
    m, n, k = (a.load("%context", WORD[name]) for name in "mnk")
    kind = a.load("%context", WORD["type"])
    with a.when(a.compare("eq", "%step", 0)):
        transposed = a.compare("eq", a.load("%context", WORD["b_transposed"]), TRANSPOSED)
        ldb = a.load("%context", WORD["ldb"])
        places = f"i64 {a.choose(transposed, 1, ldb)}, i64 {a.choose(transposed, ldb, 1)}, i64 {k}, i64 {n}"
        b, panels = a.load("%context", WORD["b"], "ptr"), a.load("%context", WORD["packed"], "ptr")
        a.switch(kind, [lambda t=t: a.do(f"call void @croton_pack_{t}(ptr {b}, {places}, ptr {panels})") for t in TYPES])  # type: ignore[misc]
    large = a.compare("sge", a.multiply(a.multiply(m, n), a.multiply(k, 2)), "%threshold")
    shared, alone, done = a.label(), a.label(), a.label()
    a.fork(large, shared, alone)
    a.begin(shared)
    a.do("call void @croton_parallel(ptr @croton_packed_part, ptr %context, i64 4)")
    a.jump(done)
    a.begin(alone)
    a.do("call void @croton_packed_part(ptr %context, i64 0, i64 1)")
    a.jump(done)
    a.begin(done)
    a.do("ret void")
    return a.text()


def text() -> str:
    """`croton_packed`, and what it calls beside `croton_parallel`."""
    parts = [declarations(), "declare void @croton_parallel(ptr, ptr, i64)"]
    for kind in TYPES:
        rows = registers()[1]
        while rows:
            parts.append(tile(kind, rows))
            rows //= 2
        parts += [_pack(kind), _panels(kind)]
    return "\n".join([*parts, _part(), _product()])

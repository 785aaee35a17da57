"""Products of a tall matrix with a few columns, as LLVM IR: sums along its rows, which are read once, as they lie.

A library rearranges the tall matrix first, and fills a register with columns that are not there. Here the other matrix is rearranged, which is small: so
many of its rows as a vector has elements at a time, a vector for each column. Two rows of the tall one go together, and what their vectors have summed is
added up at their ends. Every element is computed in the same way whatever the others are and however the rows are shared out, so that it has the same bits
on any number of threads.

Measured beside OpenBLAS 0.3.34 on a Zen 5 (one thread): 2.1 to 3.2 times as fast for 1000 x 800 and 2 to 8 columns in float32, 3.2 to 3.6 for 2 to 4 in
float64, 1.8 to 2.7 for 4096 x 256, 1.2 to 1.7 for 20000 x 64; half as fast for 1000 x 100, where the library rearranges nothing either (`TINY`).
For processors with AVX-512, as `narrow`; a module of its own, made where a program has such a product.
"""

from __future__ import annotations

from croton.runtime.assembler import Assembler
from croton.runtime.narrow import TINY
from croton.runtime.own_part import DECLARATION, own_part, scale
from croton.runtime.product import ROW_GRAIN, TRANSPOSED, WORD, share
from croton.runtime.vectors import ITEM, SHORT

FEWEST, MOST = 2, {"float32": 8, "float64": 4}
"""Columns that a product has to have: half as many as a vector has elements, so that the sums of two rows are one vector."""
LEAST_ROWS = 128
"""Rows from which on rearranging the other matrix costs little beside the product."""
LONGEST = 1024
"""Products that are added up in one go: what is rearranged of the other matrix stays in the first cache."""
LANES = {"float": 16, "double": 8}
ALIGNMENT = 64


def _pair(kind: str) -> str:
    """out[:2, :count] = alpha * rows @ packed + beta * out, for two rows of `k` elements; the second one is not written unless `both`."""
    lanes, item = LANES[kind], ITEM[kind]
    columns = lanes // 2
    vector, half, short = f"<{lanes} x {kind}>", f"<{columns} x {kind}>", SHORT[kind]
    places = [(row, column) for row in range(2) for column in range(columns)]
    scalars = f"i64 %k, {kind} %alpha, {kind} %beta, i64 %count, i1 %both"
    lines = [
        f"define internal void @croton_columns_pair_{kind}(ptr %row0, ptr %row1, ptr %packed, ptr %out0, ptr %out1, {scalars}) {{",
        "entry:",
        f"  %steps = sdiv i64 %k, {lanes}",
        "  %some = icmp sgt i64 %steps, 0",
        "  br i1 %some, label %step, label %rest",
        "step:",
        "  %at = phi i64 [ 0, %entry ], [ %next, %step ]",
        *[f"  %s{row}_{column} = phi {vector} [ zeroinitializer, %entry ], [ %n{row}_{column}, %step ]" for row, column in places],
        f"  %first = mul i64 %at, {lanes}",
        f"  %b = getelementptr [{columns} x {vector}], ptr %packed, i64 %at",
        *[f"  %p{row} = getelementptr {kind}, ptr %row{row}, i64 %first" for row in range(2)],
        *[f"  %a{row} = load {vector}, ptr %p{row}, align {item}" for row in range(2)],
        *_multiplied("a", "s", "n", "b", vector, kind, columns),
        "  %next = add i64 %at, 1",
        "  %more = icmp slt i64 %next, %steps",
        "  br i1 %more, label %step, label %rest",
        "rest:",
        *[f"  %t{row}_{column} = phi {vector} [ zeroinitializer, %entry ], [ %n{row}_{column}, %step ]" for row, column in places],
        f"  %last = mul i64 %steps, {lanes}",
        "  %left = sub i64 %k, %last",
        *_mask("tail", "%left", lanes),
        f"  %c = getelementptr [{columns} x {vector}], ptr %packed, i64 %steps",
    ]
    for row in range(2):
        lines.append(f"  %q{row} = getelementptr {kind}, ptr %row{row}, i64 %last")
        arguments = f"ptr %q{row}, i32 {item}, <{lanes} x i1> %tail, {vector} zeroinitializer"
        lines.append(f"  %z{row} = call {vector} @llvm.masked.load.v{lanes}{short}.p0({arguments})")
    lines += _multiplied("z", "t", "u", "c", vector, kind, columns)
    lines += _added([f"%u{row}_{column}" for row, column in places], vector, lanes)
    lines += [f"  %adds = fcmp une {kind} %beta, 0.0", *_mask("in", "%count", columns)]
    lines += _splat("adds_v", "i1", "%adds", columns) + _splat("both_v", "i1", "%both", columns)
    lines += _splat("alpha_v", kind, "%alpha", columns) + _splat("beta_v", kind, "%beta", columns)
    for row in range(2):
        order = ", ".join(f"i32 {row * columns + column}" for column in range(columns))
        written = "%in" if row == 0 else "%in_both"
        if row == 1:
            lines.append(f"  %in_both = and <{columns} x i1> %in, %both_v")
        lines += [
            f"  %sum{row} = shufflevector {vector} %total, {vector} poison, <{columns} x i32> <{order}>",
            f"  %old{row} = and <{columns} x i1> {written}, %adds_v",
            f"  %o{row} = call {half} @llvm.masked.load.v{columns}{short}.p0(ptr %out{row}, i32 {item}, <{columns} x i1> %old{row}, {half} zeroinitializer)",
            f"  %ob{row} = fmul {half} %o{row}, %beta_v",
            f"  %on{row} = call {half} @llvm.fma.v{columns}{short}({half} %sum{row}, {half} %alpha_v, {half} %ob{row})",
            f"  call void @llvm.masked.store.v{columns}{short}.p0({half} %on{row}, ptr %out{row}, i32 {item}, <{columns} x i1> {written})",
        ]
    return "\n".join([*lines, "  ret void", "}"])


def _multiplied(values: str, before: str, after: str, packed: str, vector: str, kind: str, columns: int) -> list[str]:
    """One vector of each row times one of each column, added."""
    lines = []
    for column in range(columns):
        name = f"{packed}{column}"
        lines.append(f"  %{name}.p = getelementptr {vector}, ptr %{packed}, i64 {column}")
        lines.append(f"  %{name} = load {vector}, ptr %{name}.p, align {ALIGNMENT}")
        for row in range(2):
            arguments = f"{vector} %{values}{row}, {vector} %{name}, {vector} %{before}{row}_{column}"
            lines.append(f"  %{after}{row}_{column} = call {vector} @llvm.fma.v{LANES[kind]}{SHORT[kind]}({arguments})")
    return lines


def _added(values: list[str], vector: str, lanes: int) -> list[str]:
    """%total: element i is the sum of the elements of vector i. Two vectors are one of half sums in each round."""
    lines: list[str] = []
    width = lanes
    while len(values) > 1:
        width //= 2
        # Of both vectors the lower halves of each piece, and the upper ones.
        blocks = [block + piece for block in (0, lanes) for piece in range(0, lanes, 2 * width)]
        halves = [", ".join(f"i32 {start + upper + place}" for start in blocks for place in range(width)) for upper in (0, width)]
        following = []
        for number in range(0, len(values), 2):
            name = f"%r{width}_{number // 2}" if len(values) > 2 else "%total"
            for part, order in zip("xy", halves):
                lines.append(f"  {name}.{part} = shufflevector {vector} {values[number]}, {vector} {values[number + 1]}, <{lanes} x i32> <{order}>")
            lines.append(f"  {name} = fadd {vector} {name}.x, {name}.y")
            following.append(name)
        values = following
    return lines


def _splat(name: str, type_: str, value: str, count: int) -> list[str]:
    vector = f"<{count} x {type_}>"
    return [
        f"  %{name}.i = insertelement {vector} poison, {type_} {value}, i64 0",
        f"  %{name} = shufflevector {vector} %{name}.i, {vector} poison, <{count} x i32> zeroinitializer",
    ]


def _mask(name: str, count: str, lanes: int) -> list[str]:
    """The lanes whose number is less than a count."""
    numbers = ", ".join(f"i64 {lane}" for lane in range(lanes))
    return [*_splat(f"{name}.n", "i64", count, lanes), f"  %{name} = icmp slt <{lanes} x i64> <{numbers}>, %{name}.n"]


def _pack(kind: str) -> str:
    """packed[step, column, lane] = b[step * lanes + lane, column], zeros beyond; there is a step more than whole ones."""
    a = Assembler(f"internal void @croton_columns_pack_{kind}(ptr %b, i64 %row, i64 %column, i64 %k, i64 %n, ptr %packed)")
    lanes = LANES[kind]
    columns = lanes // 2
    with a.loop(a.multiply(a.add(a.value(f"sdiv i64 %k, {lanes}"), 1), lanes)) as place:
        group = a.multiply(a.value(f"sdiv i64 {place}, {lanes}"), columns * lanes)
        target = a.at("%packed", a.add(group, a.value(f"srem i64 {place}, {lanes}")), kind)
        source = a.at("%b", a.multiply(place, "%row"), kind)
        filled = a.choose(a.compare("slt", place, "%k"), "%n", 0)
        with a.loop(filled) as column:
            a.store(a.load(source, a.multiply(column, "%column"), kind), target, a.multiply(column, lanes), kind)
        with a.loop(a.subtract(columns, filled)) as more:
            a.store("0.0", target, a.multiply(a.add(filled, more), lanes), kind)
    a.do("ret void")
    return a.text()


def _rows(kind: str) -> str:
    """The rows [low, high) of the product of the matrices at a, b, c."""
    a = Assembler(f"internal void @croton_columns_rows_{kind}(ptr %context, ptr %a, ptr %b, ptr %c, i64 %low, i64 %high)")
    lanes = LANES[kind]
    packed = a.variable(f"[{(LONGEST + lanes) * (lanes // 2)} x {kind}]", align=ALIGNMENT)
    lda, ldb, ldc, n, k = (a.load("%context", WORD[name]) for name in ("lda", "ldb", "ldc", "n", "k"))
    b_turned = a.compare("eq", a.load("%context", WORD["b_transposed"]), TRANSPOSED)
    b_row, b_column = a.choose(b_turned, 1, ldb), a.choose(b_turned, ldb, 1)
    alpha, beta = (scale(a, kind, name) for name in ("alpha", "beta"))
    factor = a.variable(kind)
    a.set(factor, beta, kind)
    rows = a.subtract("%high", "%low")
    with a.loop(a.value(f"sdiv i64 {a.add(k, LONGEST - 1)}, {LONGEST}")) as piece:
        start = a.multiply(piece, LONGEST)
        length = a.smaller(a.subtract(k, start), LONGEST)
        b = a.at("%b", a.multiply(start, b_row), kind)
        a.do(f"call void @croton_columns_pack_{kind}(ptr {b}, i64 {b_row}, i64 {b_column}, i64 {length}, i64 {n}, ptr {packed})")
        with a.loop(a.value(f"sdiv i64 {a.add(rows, 1)}, 2")) as pair:
            first = a.add("%low", a.multiply(pair, 2))
            # Where the number of rows is odd, the last one goes with itself.
            second = a.smaller(a.add(first, 1), a.subtract("%high", 1))
            both = a.compare("ne", first, second)
            here, there = (a.at("%a", a.add(a.multiply(row, lda), start), kind) for row in (first, second))
            one, other = (a.at("%c", a.multiply(row, ldc), kind) for row in (first, second))
            scalars = f"i64 {length}, {kind} {alpha}, {kind} {a.get(factor, kind)}, i64 {n}, i1 {both}"
            a.do(f"call void @croton_columns_pair_{kind}(ptr {here}, ptr {there}, ptr {packed}, ptr {one}, ptr {other}, {scalars})")
        a.set(factor, "1.0", kind)
    a.do("ret void")
    return a.text()


def _fits(a: Assembler, kind: str) -> str:
    """Whether columns are few, the left matrix is tall and lies in rows that are long enough, and the product is not a matter of nothing."""
    m, n, k = (a.load("%context", WORD[name]) for name in "mnk")
    turned = a.compare("eq", a.load("%context", WORD["a_transposed"]), TRANSPOSED)
    few = a.both(a.compare("sge", n, FEWEST), a.compare("sle", n, LANES[kind] // 2))
    large = a.compare("sgt", a.multiply(a.multiply(m, n), k), TINY)
    long = a.both(a.compare("sge", m, LEAST_ROWS), a.compare("sge", k, 2 * LANES[kind]))
    fits = a.both(a.both(few, large), long)
    return a.both(fits, a.negated(turned))


def _part(kind: str) -> str:
    """A thread's part of a product: some of the rows."""

    def compute(a: Assembler) -> None:
        low, high = share(a, a.load("%context", WORD["m"]), ROW_GRAIN)
        with a.when(a.compare("slt", low, high)):
            a.do(f"call void @croton_columns_rows_{kind}(ptr %context, ptr %a, ptr %b, ptr %c, i64 {low}, i64 {high})")

    return own_part("croton_columns_part", lambda a: _fits(a, kind), compute)


def text(kind: str) -> str:
    """`croton_columns_part` for "float" or "double" matrices, and what it calls beside `croton_library_part`."""
    short, lines = SHORT[kind], [DECLARATION]
    for lanes in (LANES[kind], LANES[kind] // 2):
        vector, mask = f"<{lanes} x {kind}>", f"<{lanes} x i1>"
        lines += [
            f"declare {vector} @llvm.fma.v{lanes}{short}({vector}, {vector}, {vector})",
            f"declare {vector} @llvm.masked.load.v{lanes}{short}.p0(ptr, i32, {mask}, {vector})",
            f"declare void @llvm.masked.store.v{lanes}{short}.p0({vector}, ptr, i32, {mask})",
        ]
    lines += ["declare i64 @llvm.smin.i64(i64, i64)", "declare i64 @llvm.smax.i64(i64, i64)"]
    return "\n".join([*lines, _pair(kind), _pack(kind), _rows(kind), _part(kind)])

"""A tile of a matrix product as LLVM IR: some rows of the left matrix times a panel of the right one, sums that stay in registers.

A panel is as many columns as two vectors hold, the elements of a row of it next to each other, zeros beyond the last column. A tile is added to the result
where it lies by rows, or, `turned`, where it lies by columns.
"""

from __future__ import annotations

from croton.runtime.engine import host
from croton.util.transposition import exchanges, numbers

TYPES = ("float", "double")
SHORT = {"float": "f32", "double": "f64"}
"""What LLVM calls the types in names of intrinsics."""
ITEM = {"float": 4, "double": 8}
"""Bytes of an element."""
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
    return VECTORS * registers()[0] // ITEM[kind]


def tile(kind: str, rows: int, turned: bool = False) -> str:
    """c[rows, :count] = alpha * a @ panel + beta * c, where rows of the panel lie `b_row` apart. With `beta` 0 what is in c is not looked at. Rows of c lie
    `ldc` apart; if it is turned, its columns do, and only the first `live` rows of both are there."""
    lanes = _lanes(kind)
    vector = f"<{lanes} x {kind}>"
    splat = f"<{lanes} x i32> zeroinitializer"
    places = [(row, part) for row in range(rows) for part in range(VECTORS)]
    pointers = "ptr %a, i64 %a_row, i64 %a_column, ptr %b, i64 %b_row, i64 %k, ptr %c, i64 %ldc"
    live = ", i64 %live" if turned else ""
    lines = [
        f"define internal void @croton_{'turned_' if turned else ''}tile_{rows}_{kind}({pointers}, {kind} %alpha, {kind} %beta, i64 %count{live}) {{",
        "entry:",
        *([f"  %columns = alloca [{VECTORS * lanes} x <{rows} x {kind}>], align 64", "  %last = sub i64 %live, 1"] if turned else []),
        *([f"  %at{row} = call i64 @llvm.smin.i64(i64 {row}, i64 %last)" for row in range(rows)] if turned else []),
        *[line for row in range(rows) for line in _kept(f"row{row}", f"mul i64 %a_row, {f'%at{row}' if turned else row}")],
        "  %some = icmp sgt i64 %k, 0",
        "  br i1 %some, label %step, label %done",
        "step:",
        "  %left = phi i64 [ %k, %entry ], [ %next, %step ]",
        "  %a_at = phi ptr [ %a, %entry ], [ %a_next, %step ]",
        "  %b_at = phi ptr [ %b, %entry ], [ %b_next, %step ]",
        *[f"  %s{row}_{part} = phi {vector} [ zeroinitializer, %entry ], [ %n{row}_{part}, %step ]" for row, part in places],
    ]
    for part in range(VECTORS):
        lines += [f"  %bp{part} = getelementptr {vector}, ptr %b_at, i64 {part}", f"  %b{part} = load {vector}, ptr %bp{part}, align {ITEM[kind]}"]
    for row in range(rows):
        lines += [
            f"  %ap{row} = getelementptr {kind}, ptr %a_at, i64 %row{row}",
            f"  %as{row} = load {kind}, ptr %ap{row}",
            f"  %ai{row} = insertelement {vector} poison, {kind} %as{row}, i64 0",
            f"  %av{row} = shufflevector {vector} %ai{row}, {vector} poison, {splat}",
        ]
        for part in range(VECTORS):
            arguments = f"{vector} %av{row}, {vector} %b{part}, {vector} %s{row}_{part}"
            lines.append(f"  %n{row}_{part} = call {vector} @llvm.fma.v{lanes}{SHORT[kind]}({arguments})")
    lines += [
        "  %next = add i64 %left, -1",
        f"  %a_next = getelementptr {kind}, ptr %a_at, i64 %a_column",
        f"  %b_next = getelementptr {kind}, ptr %b_at, i64 %b_row",
        "  %more = icmp ne i64 %next, 0",
        "  br i1 %more, label %step, label %done",
        "done:",
        *[f"  %f{row}_{part} = phi {vector} [ zeroinitializer, %entry ], [ %n{row}_{part}, %step ]" for row, part in places],
        f"  %adds = fcmp une {kind} %beta, 0.0",
    ]
    lines += _stored_by_columns(kind, rows) if turned else _stored_by_rows(kind, rows)
    return "\n".join([*lines, "  ret void", "}"])


def _stored_by_rows(kind: str, rows: int) -> list[str]:
    """The sums %f<row>_<part> added to rows of the result."""
    lanes = _lanes(kind)
    mask = f"<{lanes} x i1>"
    lines = [
        *_splat("adds", "i1", lanes),
        *_splat("count", "i64", lanes),
        *_splat("alpha", kind, lanes),
        *_splat("beta", kind, lanes),
    ]
    for part in range(VECTORS):
        columns = ", ".join(f"i64 {part * lanes + lane}" for lane in range(lanes))
        lines += [f"  %in{part} = icmp slt <{lanes} x i64> <{columns}>, %count_v", f"  %old{part} = and {mask} %in{part}, %adds_v"]
    for row in range(rows):
        for part in range(VECTORS):
            place = f"{row}_{part}"
            lines += [f"  %cr{place} = mul i64 %ldc, {row}", f"  %ci{place} = add i64 %cr{place}, {part * lanes}"]
            lines += _added(kind, lanes, place, f"%f{place}", f"%old{part}", f"%in{part}")
    return lines


def _stored_by_columns(kind: str, rows: int) -> list[str]:
    """The sums %f<row>_<part> added to columns of the result: squares of as many lanes as there are rows are transposed in registers, and kept on the stack
    from where a loop takes column by column."""
    lanes = _lanes(kind)
    vector, mask = f"<{rows} x {kind}>", f"<{rows} x i1>"
    lines = [*_splat("adds", "i1", rows), *_splat("live", "i64", rows), *_splat("alpha", kind, rows), *_splat("beta", kind, rows)]
    lines += [
        f"  %in = icmp slt <{rows} x i64> <{', '.join(f'i64 {row}' for row in range(rows))}>, %live_v",
        f"  %old = and {mask} %in, %adds_v",
    ]
    for column in range(0, VECTORS * lanes, rows):
        part, first = divmod(column, lanes)
        square = []
        for row in range(rows):
            square.append(f"%q{column}_{row}")
            pair = f"<{lanes} x {kind}> %f{row}_{part}, <{lanes} x {kind}> poison"
            lines.append(f"  {square[row]} = shufflevector {pair}, <{rows} x i32> <{numbers(list(range(first, first + rows)))}>")
        for step, (line, other, *orders) in enumerate(exchanges(rows)):
            pair = f"{vector} {square[line]}, {vector} {square[other]}"
            for place, order in zip((line, other), orders):
                square[place] = f"%x{column}_{step}_{place}"
                lines.append(f"  {square[place]} = shufflevector {pair}, <{rows} x i32> <{numbers(order)}>")
        for place, value in enumerate(square):
            lines += [
                f"  %kp{column + place} = getelementptr {vector}, ptr %columns, i64 {column + place}",
                f"  store {vector} {value}, ptr %kp{column + place}",
            ]
    return [
        *lines,
        "  br label %column",
        "column:",
        "  %number = phi i64 [ 0, %done ], [ %later, %column ]",
        f"  %vp = getelementptr {vector}, ptr %columns, i64 %number",
        f"  %v = load {vector}, ptr %vp",
        "  %ci = mul i64 %ldc, %number",
        *_added(kind, rows, "", "%v", "%old", "%in"),
        "  %later = add i64 %number, 1",
        "  %again = icmp slt i64 %later, %count",
        "  br i1 %again, label %column, label %end",
        "end:",
    ]


def _added(kind: str, lanes: int, name: str, value: str, old: str, here: str) -> list[str]:
    """alpha * value + beta * what is in the result at %ci<name>, which is looked at where `old` is set, stored where `here` is."""
    vector, mask = f"<{lanes} x {kind}>", f"<{lanes} x i1>"
    masked, width = f"v{lanes}{SHORT[kind]}.p0", ITEM[kind]
    return [
        f"  %cp{name} = getelementptr {kind}, ptr %c, i64 %ci{name}",
        f"  %co{name} = call {vector} @llvm.masked.load.{masked}(ptr %cp{name}, i32 {width}, {mask} {old}, {vector} zeroinitializer)",
        f"  %cb{name} = fmul {vector} %co{name}, %beta_v",
        f"  %cn{name} = call {vector} @llvm.fma.v{lanes}{SHORT[kind]}({vector} {value}, {vector} %alpha_v, {vector} %cb{name})",
        f"  call void @llvm.masked.store.{masked}({vector} %cn{name}, ptr %cp{name}, i32 {width}, {mask} {here})",
    ]


def _splat(name: str, type_: str, lanes: int) -> list[str]:
    """%<name>_v, a vector of %<name>."""
    vector = f"<{lanes} x {type_}>"
    return [
        f"  %{name}_i = insertelement {vector} poison, {type_} %{name}, i64 0",
        f"  %{name}_v = shufflevector {vector} %{name}_i, {vector} poison, <{lanes} x i32> zeroinitializer",
    ]


def _lanes(kind: str) -> int:
    return registers()[0] // ITEM[kind]


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
        # Of columns as many elements are written at a time as a tile has rows.
        for lanes in dict.fromkeys([_lanes(kind), registers()[1]]):
            vector, mask, name = f"<{lanes} x {kind}>", f"<{lanes} x i1>", f"v{lanes}{SHORT[kind]}"
            lines += [
                f"declare {vector} @llvm.fma.{name}({vector}, {vector}, {vector})",
                f"declare {vector} @llvm.masked.load.{name}.p0(ptr, i32, {mask}, {vector})",
                f"declare void @llvm.masked.store.{name}.p0({vector}, ptr, i32, {mask})",
            ]
    return "\n".join(lines)

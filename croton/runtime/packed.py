"""Products of a few rows with a matrix that stays the same from step to step of a loop, as LLVM IR.

A library rearranges both matrices in every call. For a few rows that takes as long as the product; so a matrix that does not change is rearranged once,
in the first step, into panels. A tile of the result, some rows times a panel, stays in registers while the sum runs. A module of its own, made where a
program has such a product.
"""

from __future__ import annotations

from croton.runtime import panels, tile
from croton.runtime.assembler import Assembler
from croton.runtime.own_part import scale
from croton.runtime.product import TRANSPOSED, WORD, share
from croton.runtime.tile import lanes_of, registers, width_of
from croton.runtime.vectors import declarations

EACH = 4
"""Parts of a product for each thread."""
ROWS, GRAIN = 16, 4
"""Rows for each thread from which on threads share the rows, and what those are a multiple of. In a recurrence a thread then needs no row that another one has
made, and every panel; with fewer rows each it would wait for panels more than it multiplies."""


def _heights() -> list[int]:
    """The rows of tiles: as many as take three quarters of the registers, since a tile reads its whole panel; then powers of two, for what those leave."""
    most = registers()[1]
    return [most + most // 2, *[most >> halvings for halvings in range(most.bit_length())]]


def _pack(kind: str) -> str:
    """Rearrange b[k, n], or a transposed one, into panels."""
    a = Assembler(f"internal void @croton_pack_{kind}(ptr %b, i64 %ldb, i1 %transposed, i64 %k, i64 %n, ptr %panels)")
    width, apart = width_of(kind), a.choose("%transposed", "%ldb", 1)
    with a.loop(a.blocks("%n", width)) as number:
        first = a.multiply(number, width)
        source, target = a.at("%b", a.multiply(first, apart), kind), a.at("%panels", a.multiply(first, "%k"), kind)
        panels.pack(a, kind, "%transposed", source, "%ldb", "%k", a.smaller(a.subtract("%n", first), width), target)
    a.do("ret void")
    return a.text()


def _panels(kind: str) -> str:
    """Rows [top, bottom) of the product with the panels [low, high)."""
    a = Assembler(f"internal void @croton_panels_{kind}(ptr %context, i64 %top, i64 %bottom, i64 %low, i64 %high)")
    width, (tall, *others) = width_of(kind), _heights()
    transposed = a.compare("eq", a.load("%context", WORD["a_transposed"]), TRANSPOSED)
    lda, n, k, ldc = (a.load("%context", WORD[name]) for name in ("lda", "n", "k", "ldc"))
    a_row, a_column = a.choose(transposed, 1, lda), a.choose(transposed, lda, 1)
    alpha, beta = (scale(a, kind, name) for name in ("alpha", "beta"))
    height = a.subtract("%bottom", "%top")
    left, packed, out = (a.load("%context", WORD[name], "ptr") for name in ("a", "packed", "c"))
    with a.loop(a.subtract("%high", "%low")) as number:
        panel = a.add("%low", number)
        first = a.multiply(panel, width)
        count = a.smaller(a.subtract(n, first), width)
        b = a.at(packed, a.multiply(a.multiply(panel, k), width), kind)

        def tile_from(rows: int, row: str, first: str = first, count: str = count, b: str = b) -> None:
            here = a.at(left, a.multiply(row, a_row), kind)
            there = a.at(out, a.add(a.multiply(row, ldc), first), kind)
            matrices = (here, a_row, a_column, b, str(width), k, there, ldc)
            tile.call(a, kind, tile.name(kind, rows, True), *matrices, alpha, beta, count, str(rows), "false")

        with a.loop(a.value(f"sdiv i64 {height}, {tall}")) as block:
            tile_from(tall, a.add("%top", a.multiply(block, tall)))
        rest = a.value(f"srem i64 {height}, {tall}")
        for rows in others:
            with a.when(a.compare("ne", a.value(f"and i64 {rest}, {rows}"), 0)):
                tile_from(rows, a.add(a.subtract("%bottom", rest), a.value(f"and i64 {rest}, {-2 * rows}")))
    a.do("ret void")
    return a.text()


def _part(kind: str) -> str:
    """A thread's part of a product: some of its rows, if there are enough for all threads, and some of the panels for those; else some of the panels."""
    a = Assembler("internal void @croton_packed_part(ptr %context, i64 %part, i64 %parts)")
    m, panels = a.load("%context", WORD["m"]), a.blocks(a.load("%context", WORD["n"]), width_of(kind))
    threads = a.larger(a.value(f"sdiv i64 %parts, {EACH}"), 1)
    by_rows = a.compare("sge", m, a.multiply(threads, ROWS))
    thread, number = (a.value(f"{operation} i64 %part, {EACH}") for operation in ("sdiv", "srem"))
    rows = share(a, m, GRAIN, a.choose(by_rows, thread, 0), a.choose(by_rows, threads, 1))
    some = share(a, panels, 1, a.choose(by_rows, number, "%part"), a.choose(by_rows, a.smaller("%parts", EACH), "%parts"))
    a.do(f"call void @croton_panels_{kind}(ptr %context, {', '.join([f'i64 {bound}' for bound in (*rows, *some)])})")
    a.do("ret void")
    return a.text()


def _product(kind: str) -> str:
    """The product of a context; the matrix is rearranged if this is the first step."""
    a = Assembler("void @croton_packed(ptr %context, i64 %step, i64 %threshold)")
    m, n, k = (a.load("%context", WORD[name]) for name in "mnk")
    with a.when(a.compare("eq", "%step", 0)):
        transposed = a.compare("eq", a.load("%context", WORD["b_transposed"]), TRANSPOSED)
        b, packed = a.load("%context", WORD["b"], "ptr"), a.load("%context", WORD["packed"], "ptr")
        a.do(f"call void @croton_pack_{kind}(ptr {b}, i64 {a.load('%context', WORD['ldb'])}, i1 {transposed}, i64 {k}, i64 {n}, ptr {packed})")
    large = a.compare("sge", a.multiply(a.multiply(m, n), a.multiply(k, 2)), "%threshold")
    shared, alone, done = a.label(), a.label(), a.label()
    a.fork(large, shared, alone)
    a.begin(shared)
    a.do(f"call void @croton_parallel(ptr @croton_packed_part, ptr %context, i64 {EACH})")
    a.jump(done)
    a.begin(alone)
    a.do("call void @croton_packed_part(ptr %context, i64 0, i64 1)")
    a.jump(done)
    a.begin(done)
    a.do("ret void")
    return a.text()


def text(kind: str) -> str:
    """`croton_packed` for "float" or "double" matrices, and what it calls beside `croton_parallel`."""
    tiles = [tile.tile(kind, rows, ahead=True) for rows in _heights()]
    declared = [declarations(kind, lanes_of(kind)), "declare void @croton_parallel(ptr, ptr, i64)"]
    return "\n".join([*declared, *tiles, panels.text(kind), _pack(kind), _panels(kind), _part(kind), _product(kind)])

"""Products of a few rows with a matrix, and of a matrix with not many columns, as LLVM IR: faster than the library's where rearranging both matrices is
much of its work.

Of the right matrix a panel at a time, as many columns as two vectors hold, is rearranged on the stack, so that it is still in the cache when the rows are
multiplied by it; of the left one nothing is, and a small right one is read where it is. The sum over more than `LONGEST` products is done in pieces.
Where the right matrix lies by columns, the transposed matrices are multiplied in the other order: what is rearranged is then the few rows, and the large
matrix is read along its memory.
Every element is computed in the same way whatever the others are and however the product is shared out, so that it has the same bits on any number of
threads.

Measured beside OpenBLAS 0.3.34 on a Zen 5 (float32, one thread; the right matrix by rows, and by columns): 1.4 and 1.6 times as fast for 32 rows of
512 x 512, 1.12 and 1.3 for 64, 1.15 and 1.15 for 128 of 256 x 256, 1.05 and 1.17 for 128 of 784 x 500, 1.0 and 1.0 for 256 of 1024 x 256; the same or
more with matrices that are in no cache, but for 256 rows, which are even then. For 128 columns and 784 rows of 500, 1.09 and 1.03 times, 1.17 and 1.14 out
of the cache; 1.2 and 1.1 for 64 columns and 1024 rows of 512; with a tall left matrix that lies by columns 0.93 to 1.1. For 256 columns of 1024 of 256 it
is even, and for 500 and more it loses. It is for processors with AVX-512 only: it has not been measured on others, and with fewer registers tiles are
smaller. A module of its own, made where a program has such a product.
"""

from __future__ import annotations

from typing import NamedTuple

from croton.runtime.assembler import Assembler
from croton.runtime.own_part import DECLARATION, own_part, scale
from croton.runtime.product import TRANSPOSED, WORD, share
from croton.runtime.tile import ITEM, SHORT, VECTORS, declarations, registers, tile, width_of
from croton.util.transposition import exchanges, numbers

FEWEST, MOST = 4, 256
"""Rows that a product has to have, between which this is faster."""
NARROW = 128
"""Columns up to which it is, for any greater number of rows, if the left matrix lies by rows."""
LONGEST = 1024
"""Products that are added up in one go: a panel of so many rows stays in the second cache, and eight rows of the left matrix in the first."""
TINY = 1_000_000
"""Multiplications up to which the library rearranges nothing either, if the right matrix is not transposed."""
SMALL = 1 << 19
"""Bytes of a right matrix that stays in the second cache whole, so that its rows may be read where they are."""
BLOCK, TURNED_BLOCK = 128, 1024
"""Of more rows so many go through all panels before the next ones do, so that they are still in the cache. In a turned product more do: its panels are
transposed, for each block again."""
FILLED = 8
"""Of so many columns of all panels one may be empty: in the last panel the work is done whatever it is for."""
ROWS = (8, 4, 2, 1)
_PANEL = "ptr %b, i64 %ldb, i64 %k, i64 %count, ptr %panel"


def suits() -> bool:
    """Whether this processor has the registers."""
    return registers() == (64, 8)


class _Vectors:
    """Vectors of a type in a function that is being written."""

    def __init__(self, a: Assembler, kind: str) -> None:
        self.a = a
        self.kind = kind
        self.lanes = width_of(kind) // VECTORS
        self.type, self.mask = f"<{self.lanes} x {kind}>", f"<{self.lanes} x i1>"

    def before(self, count: str, first: int = 0) -> str:
        """The mask of lanes whose number, counted from `first`, is less than a count."""
        long = f"<{self.lanes} x i64>"
        splat = self.a.value(f"insertelement {long} poison, i64 {count}, i64 0")
        splat = self.a.value(f"shufflevector {long} {splat}, {long} poison, <{self.lanes} x i32> zeroinitializer")
        places = ", ".join(f"i64 {first + lane}" for lane in range(self.lanes))
        return self.a.value(f"icmp slt {long} <{places}>, {splat}")

    def load(self, pointer: str, mask: str) -> str:
        """The elements whose mask is set, else 0."""
        name = f"@llvm.masked.load.v{self.lanes}{SHORT[self.kind]}.p0"
        return self.a.value(f"call {self.type} {name}(ptr {pointer}, i32 {ITEM[self.kind]}, {self.mask} {mask}, {self.type} zeroinitializer)")

    def store(self, value: str, pointer: str) -> None:
        self.a.do(f"store {self.type} {value}, ptr {pointer}, align 64")


def _pack(kind: str) -> str:
    """panel[:k] = b[:k, :count], zeros beyond."""
    a = Assembler(f"internal void @croton_narrow_pack_{kind}({_PANEL})")
    v = _Vectors(a, kind)
    masks = [v.before("%count", part * v.lanes) for part in range(VECTORS)]
    with a.loop("%k") as step:
        source = a.at("%b", a.multiply(step, "%ldb"), kind)
        target = a.at("%panel", a.multiply(step, width_of(kind)), kind)
        for part, mask in enumerate(masks):
            v.store(v.load(a.at(source, part * v.lanes, kind), mask), a.at(target, part * v.lanes, kind))
    a.do("ret void")
    return a.text()


def _pack_transposed(kind: str) -> str:
    """panel[:k] = b[:count, :k].T, squares of lines transposed in registers; columns beyond are like the last, rows beyond, up to a whole square, 0."""
    a = Assembler(f"internal void @croton_narrow_pack_transposed_{kind}({_PANEL})")
    v = _Vectors(a, kind)
    last = a.subtract("%count", 1)
    with a.loop(VECTORS) as part:
        first = a.multiply(part, v.lanes)
        lines = [a.at("%b", a.multiply(a.smaller(a.add(first, line), last), "%ldb"), kind) for line in range(v.lanes)]
        with a.loop(a.value(f"sdiv i64 {a.add('%k', v.lanes - 1)}, {v.lanes}")) as square:
            step = a.multiply(square, v.lanes)
            mask = v.before(a.subtract("%k", step))
            target = a.at("%panel", a.add(a.multiply(step, width_of(kind)), first), kind)
            values = [v.load(a.at(line, step, kind), mask) for line in lines]
            for line, other, *orders in exchanges(v.lanes):
                pair = f"{v.type} {values[line]}, {v.type} {values[other]}"
                values[line], values[other] = (a.value(f"shufflevector {pair}, <{v.lanes} x i32> <{numbers(order)}>") for order in orders)
            for number, value in enumerate(values):
                v.store(value, a.at(target, number * width_of(kind), kind))
    a.do("ret void")
    return a.text()


def _panels(kind: str, turned: bool) -> str:
    """`%rows` rows from those at a and c on, of the columns of the panels [low, high), of a product with the matrix at b. If it is turned, of the product of
    the transposed matrices in the other order, which is written where the product itself belongs."""
    name = _name("panels", kind, turned)
    a = Assembler(f"internal void @{name}(ptr %context, ptr %a, ptr %b, ptr %c, i64 %rows, i64 %low, i64 %high)")
    width, most = width_of(kind), registers()[1]
    panel = a.variable(f"[{LONGEST * width} x {kind}]", align=64)
    left, right = _matrices(a, turned)
    n, k, ldc = (a.load("%context", WORD[name]) for name in ("m" if turned else "n", "k", "ldc"))
    a_row, a_column = left.row, left.column
    b_row, b_column, ldb = right.row, right.column, right.lead
    alpha, beta = (scale(a, kind, name) for name in ("alpha", "beta"))
    factor, apart, place = a.variable(kind), a.variable("i64"), a.variable("ptr")
    bytes_ = a.multiply(a.multiply(k, ldb), ITEM[kind])
    small = a.value(f"and i1 {a.compare('sle', bytes_, SMALL)}, {a.value(f'xor i1 {right.turned}, true')}")
    with a.loop(a.subtract("%high", "%low")) as number:
        first = a.multiply(a.add("%low", number), width)
        count = a.smaller(a.subtract(n, first), width)
        a.set(factor, beta, kind)
        pieces = a.larger(a.value(f"sdiv i64 {a.add(k, LONGEST - 1)}, {LONGEST}"), 1)
        with a.loop(pieces) as piece:
            start = a.multiply(piece, LONGEST)
            length = a.smaller(a.subtract(k, start), LONGEST)
            b = a.at("%b", a.add(a.multiply(start, b_row), a.multiply(first, b_column)), kind)
            arguments = f"ptr {b}, i64 {ldb}, i64 {length}, i64 {count}, ptr {panel}"
            a.set(apart, ldb)
            a.set(place, b, "ptr")
            whole = a.value(f"and i1 {a.compare('eq', count, width)}, {small}")
            with a.when(a.value(f"xor i1 {whole}, true")):
                a.set(apart, width)
                a.set(place, panel, "ptr")
                with a.when(right.turned):
                    a.do(f"call void @croton_narrow_pack_transposed_{kind}({arguments})")
                with a.when(a.value(f"xor i1 {right.turned}, true")):
                    a.do(f"call void @croton_narrow_pack_{kind}({arguments})")
            panel_here = f"ptr {a.get(place, 'ptr')}, i64 {a.get(apart)}"
            above = a.at("%a", a.multiply(start, a_column), kind)
            out = a.at("%c", a.multiply(first, ldc) if turned else first, kind)

            def tiles(rows: int, row: str, above: str = above, panel: str = panel_here, length: str = length, out: str = out, count: str = count) -> None:
                here, there = a.at(above, a.multiply(row, a_row), kind), a.at(out, row if turned else a.multiply(row, ldc), kind)
                matrices = f"ptr {here}, i64 {a_row}, i64 {a_column}, {panel}, i64 {length}, ptr {there}, i64 {ldc}"
                numbers = f"{kind} {alpha}, {kind} {a.get(factor, kind)}, i64 {count}"
                if turned:
                    numbers += f", i64 {a.smaller(a.subtract('%rows', row), rows)}"
                a.do(f"call void @croton_{'turned_' if turned else ''}tile_{rows}_{kind}({matrices}, {numbers})")

            with a.loop(_blocks(a, "%rows", most) if turned else a.value(f"sdiv i64 %rows, {most}")) as block:
                tiles(most, a.multiply(block, most))
            for rows in () if turned else ROWS[ROWS.index(most) + 1 :]:
                with a.when(a.compare("ne", a.value(f"and i64 %rows, {rows}"), 0)):
                    tiles(rows, a.value(f"and i64 %rows, {-2 * rows}"))
            a.set(factor, "1.0", kind)
    a.do("ret void")
    return a.text()


class _Matrix(NamedTuple):
    """A factor: how far its rows and its columns lie apart, which of the two is not 1, and whether that is the columns."""

    row: str
    column: str
    lead: str
    turned: str


def _matrices(a: Assembler, turned: bool) -> tuple[_Matrix, _Matrix]:
    """The factors of a product, or of that of the transposed ones in the other order."""
    left, right = (_matrix(a, name, turned) for name in "ab")
    return (right, left) if turned else (left, right)


def _matrix(a: Assembler, name: str, turned: bool) -> _Matrix:
    lead = a.load("%context", WORD[f"ld{name}"])
    by_columns = a.compare("ne" if turned else "eq", a.load("%context", WORD[f"{name}_transposed"]), TRANSPOSED)
    return _Matrix(a.choose(by_columns, 1, lead), a.choose(by_columns, lead, 1), lead, by_columns)


def _name(routine: str, kind: str, turned: bool) -> str:
    return f"croton_narrow_{'turned_' if turned else ''}{routine}_{kind}"


def _fits(a: Assembler, kind: str) -> str:
    """Whether rows are few or columns are not many, the last panel is not mostly empty, and the product is not a matter of nothing."""
    m, n = a.load("%context", WORD["m"]), a.load("%context", WORD["n"])
    width = width_of(kind)
    panels = _blocks(a, n, width)
    plain = a.compare("ne", a.load("%context", WORD["a_transposed"]), TRANSPOSED)
    columns = a.value(f"and i1 {a.compare('sle', n, NARROW)}, {plain}")
    short = a.value(f"or i1 {a.compare('sle', m, MOST)}, {columns}")
    narrow = a.value(f"and i1 {a.compare('sge', m, FEWEST)}, {short}")
    filled = a.compare("sge", a.multiply(n, FILLED), a.multiply(panels, width * (FILLED - 1)))
    turned = a.compare("eq", a.load("%context", WORD["b_transposed"]), TRANSPOSED)
    work = a.multiply(a.multiply(m, n), a.load("%context", WORD["k"]))
    large = a.value(f"or i1 {turned}, {a.compare('sgt', work, TINY)}")
    return a.value(f"and i1 {a.value(f'and i1 {narrow}, {filled}')}, {large}")


def _blocks(a: Assembler, count: str, size: int) -> str:
    """How many blocks of a size hold so many."""
    return a.value(f"sdiv i64 {a.add(count, size - 1)}, {size}")


def _share(kind: str, turned: bool) -> str:
    """A thread's share of a product, or of one that is turned: some of the panels, or of the rows where there are more of those than of columns."""
    name = _name("share", kind, turned)
    a = Assembler(f"internal void @{name}(ptr %context, ptr %a, ptr %b, ptr %c, i64 %part, i64 %parts)")
    m, n = (a.load("%context", WORD[name]) for name in ("nm" if turned else "mn"))
    panels = _blocks(a, n, width_of(kind))
    tall = a.compare("sgt", m, n)
    rows, columns = share(a, m, registers()[1]), share(a, panels, 1)
    top, bottom = a.choose(tall, rows[0], 0), a.choose(tall, rows[1], m)
    low, high = a.choose(tall, 0, columns[0]), a.choose(tall, panels, columns[1])
    block = a.choose(tall, TURNED_BLOCK if turned else BLOCK, MOST)
    left, _ = _matrices(a, turned)
    one, other = "%b" if turned else "%a", "%a" if turned else "%b"
    with a.loop(a.value(f"sdiv i64 {a.subtract(a.add(a.subtract(bottom, top), block), 1)}, {block}")) as number:
        row = a.add(top, a.multiply(number, block))
        count = a.smaller(a.subtract(bottom, row), block)
        above = a.at(one, a.multiply(row, left.row), kind)
        out = a.at("%c", row if turned else a.multiply(row, a.load("%context", WORD["ldc"])), kind)
        a.do(f"call void @{_name('panels', kind, turned)}(ptr %context, ptr {above}, ptr {other}, ptr {out}, i64 {count}, i64 {low}, i64 {high})")
    a.do("ret void")
    return a.text()


def _part(kind: str) -> str:
    """A thread's part of a product. One of few rows with a matrix that lies by columns is turned: those columns are the rows of a tall one."""

    def compute(a: Assembler) -> None:
        m, n = (a.load("%context", WORD[name]) for name in "mn")
        width = width_of(kind)
        b_turned = a.compare("eq", a.load("%context", WORD["b_transposed"]), TRANSPOSED)
        wide = a.value(f"and i1 {b_turned}, {a.compare('sgt', n, m)}")
        filled = a.compare("sge", a.multiply(m, FILLED), a.multiply(_blocks(a, m, width), width * (FILLED - 1)))
        turned, plain, done = a.label(), a.label(), a.label()
        a.fork(a.value(f"and i1 {wide}, {filled}"), turned, plain)
        for label, is_turned in ((turned, True), (plain, False)):
            a.begin(label)
            a.do(f"call void @{_name('share', kind, is_turned)}(ptr %context, ptr %a, ptr %b, ptr %c, i64 %part, i64 %parts)")
            a.jump(done)
        a.begin(done)

    return own_part("croton_narrow_part", lambda a: _fits(a, kind), compute)


def text(kind: str) -> str:
    """`croton_narrow_part` for "float" or "double" matrices, and what it calls beside `croton_library_part`."""
    tiles = [*[tile(kind, rows) for rows in ROWS if rows <= registers()[1]], tile(kind, registers()[1], turned=True)]
    shares = [part for turned in (False, True) for part in (_panels(kind, turned), _share(kind, turned))]
    return "\n".join([declarations(), DECLARATION, *tiles, _pack(kind), _pack_transposed(kind), *shares, _part(kind)])

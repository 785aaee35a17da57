"""Products of a few rows with a matrix, and of a matrix with not many columns, as LLVM IR: faster than the library's where rearranging both matrices is
much of its work.

Of the right matrix a panel at a time, as many columns as two vectors hold, is rearranged on the stack, so that it is still in the cache when the rows are
multiplied by it; of the left one nothing is. A right one that is small, or that few rows are multiplied by, is read where it is. A long sum is done in
pieces, each for all columns.
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

from croton.runtime import panels, tile
from croton.runtime.assembler import Assembler
from croton.runtime.own_part import DECLARATION, own_part, scale
from croton.runtime.product import TRANSPOSED, WORD, share
from croton.runtime.tile import lanes_of, registers, width_of
from croton.runtime.vectors import ITEM, declarations

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
FEW, SHORT = 16, 128
"""So few rows go through a right matrix that lies by rows where it is, so many of its rows at a time: rearranging it would take as long as the product. With
more rows a panel is read more often, and its rows may share few sets of the first cache."""
LARGE = 1 << 25
"""Bytes of a right matrix that may be in no cache: from memory its panels come faster in long pieces."""
BLOCK, TURNED_BLOCK = 128, 1024
"""Of more rows so many go through all panels before the next ones do, so that they are still in the cache. In a turned product more do: its panels are
transposed, for each block again."""
FILLED = 8
"""Of so many columns of all panels one may be empty: in the last panel the work is done whatever it is for."""
FEWER = 4
"""Rows of the tile for what the larger tiles leave: with fewer, its steps take as long, since the sums of each wait for those of the one before."""


def suits() -> bool:
    """Whether this processor has the registers."""
    return registers() == (64, 8)


class _Matrix(NamedTuple):
    """Where a matrix is, and how far its rows and its columns lie apart."""

    place: str
    row: str
    column: str

    def at(self, a: Assembler, kind: str, row: str | int = 0, column: str | int = 0) -> _Matrix:
        """The part of it from an element on."""
        return self._replace(place=a.at(self.place, a.add(a.multiply(row, self.row), a.multiply(column, self.column)), kind))


class _Product(NamedTuple):
    """c[m, n] = alpha * left[m, k] @ right[k, n] + beta * c."""

    m: str
    n: str
    k: str
    left: _Matrix
    right: _Matrix
    c: _Matrix
    ldc: str
    alpha: str
    beta: str


def _product(a: Assembler, kind: str, turned: str) -> _Product:
    """The product of a context; if it is turned, that of the transposed matrices in the other order, which is written where the product itself belongs."""
    m, n, k, ldc = (a.load("%context", WORD[name]) for name in ("m", "n", "k", "ldc"))
    ours = []
    for name in "ab":
        lead, by_columns = a.load("%context", WORD[f"ld{name}"]), a.compare("eq", a.load("%context", WORD[f"{name}_transposed"]), TRANSPOSED)
        ours.append(_Matrix(f"%{name}", a.choose(by_columns, 1, lead), a.choose(by_columns, lead, 1)))
    one, other = ours
    left, right = (
        _Matrix(a.choose(turned, y.place, x.place, "ptr"), a.choose(turned, y.column, x.row), a.choose(turned, y.row, x.column))
        for x, y in ((one, other), (other, one))
    )
    c = _Matrix("%c", a.choose(turned, 1, ldc), a.choose(turned, ldc, 1))
    return _Product(a.choose(turned, n, m), a.choose(turned, m, n), k, left, right, c, ldc, scale(a, kind, "alpha"), scale(a, kind, "beta"))


def _share(kind: str) -> str:
    """A thread's share of a product: some of the panels, or of the rows where there are more of those than of columns."""
    a = Assembler(f"internal void @croton_narrow_share_{kind}(ptr %context, ptr %a, ptr %b, ptr %c, i64 %part, i64 %parts, i1 %turned)")
    panel = a.variable(f"[{LONGEST * width_of(kind)} x {kind}]", align=64)
    whole = _product(a, kind, "%turned")
    across = a.blocks(whole.n, width_of(kind))
    tall = a.compare("sgt", whole.m, whole.n)
    rows, columns = share(a, whole.m, registers()[1]), share(a, across, 1)
    top, bottom = a.choose(tall, rows[0], 0), a.choose(tall, rows[1], whole.m)
    low, high = a.choose(tall, 0, columns[0]), a.choose(tall, across, columns[1])
    block = a.choose(tall, a.choose("%turned", TURNED_BLOCK, BLOCK), MOST)
    by_columns = a.compare("ne", whole.right.column, 1)
    bytes_ = a.multiply(a.multiply(whole.k, whole.right.row), ITEM[kind])
    small = a.both(a.compare("sle", bytes_, SMALL), a.negated(by_columns))
    middling = a.both(a.compare("sgt", bytes_, SMALL), a.compare("sle", bytes_, LARGE))
    few = a.both(a.both(middling, a.compare("sle", whole.m, FEW)), a.negated(a.either(by_columns, "%turned")))
    longest = a.choose(few, SHORT, LONGEST)
    pieces = a.larger(a.value(f"sdiv i64 {a.subtract(a.add(whole.k, longest), 1)}, {longest}"), 1)
    with a.loop(a.value(f"sdiv i64 {a.subtract(a.add(a.subtract(bottom, top), block), 1)}, {block}")) as number:
        row = a.add(top, a.multiply(number, block))
        height = a.smaller(a.subtract(bottom, row), block)
        with a.loop(pieces) as piece, a.loop(a.subtract(high, low)) as number:
            column = a.multiply(a.add(low, number), width_of(kind))
            count = a.smaller(a.subtract(whole.n, column), width_of(kind))
            start = a.multiply(piece, longest)
            length = a.smaller(a.subtract(whole.k, start), longest)
            right = whole.right.at(a, kind, start, column)
            ready = a.both(a.either(small, few), a.compare("eq", count, width_of(kind)))
            with a.when(a.negated(ready)):
                panels.pack(a, kind, by_columns, right.place, a.choose(by_columns, right.column, right.row), length, count, panel)
            packed = _Matrix(a.choose(ready, right.place, panel, "ptr"), a.choose(ready, right.row, width_of(kind)), "1")
            left, c = whole.left.at(a, kind, row, start), whole.c.at(a, kind, row, column)
            beta = a.choose(a.compare("eq", piece, 0), whole.beta, "1.0", kind)
            _by_tiles(a, kind, _Product(height, count, length, left, packed, c, whole.ldc, whole.alpha, beta), few)
    a.do("ret void")
    return a.text()


def _by_tiles(a: Assembler, kind: str, product: _Product, few: str) -> None:
    """The product with a panel, which may be in no cache where rows are few."""
    most = registers()[1]

    def tile_from(row: str, rows: int, function: str) -> None:
        left, c, live = product.left.at(a, kind, row), product.c.at(a, kind, row), a.smaller(a.subtract(product.m, row), rows)
        matrices = (left.place, left.row, left.column, product.right.place, product.right.row, product.k, c.place, product.ldc)
        tile.call(a, kind, function, *matrices, product.alpha, product.beta, product.n, live, "%turned")

    blocks = a.choose("%turned", a.blocks(product.m, most), a.value(f"sdiv i64 {product.m}, {most}"))
    with a.loop(blocks) as block:
        tile_from(a.multiply(block, most), most, a.choose(few, tile.name(kind, most, True), tile.name(kind, most), "ptr"))
    done = a.multiply(blocks, most)
    with a.loop(a.blocks(a.subtract(product.m, done), FEWER)) as block:
        tile_from(a.add(done, a.multiply(block, FEWER)), FEWER, tile.name(kind, FEWER, True))


def _fits(a: Assembler, kind: str) -> str:
    """Whether rows are few or columns are not many, the last panel is not mostly empty, and the product is not a matter of nothing."""
    m, n = a.load("%context", WORD["m"]), a.load("%context", WORD["n"])
    width = width_of(kind)
    panels = a.blocks(n, width)
    plain = a.compare("ne", a.load("%context", WORD["a_transposed"]), TRANSPOSED)
    columns = a.both(a.compare("sle", n, NARROW), plain)
    short = a.either(a.compare("sle", m, MOST), columns)
    narrow = a.both(a.compare("sge", m, FEWEST), short)
    filled = a.compare("sge", a.multiply(n, FILLED), a.multiply(panels, width * (FILLED - 1)))
    turned = a.compare("eq", a.load("%context", WORD["b_transposed"]), TRANSPOSED)
    work = a.multiply(a.multiply(m, n), a.load("%context", WORD["k"]))
    large = a.either(turned, a.compare('sgt', work, TINY))
    return a.both(a.both(narrow, filled), large)


def _part(kind: str) -> str:
    """A thread's part of a product. One of few rows with a matrix that lies by columns is turned: those columns are the rows of a tall one."""

    def compute(a: Assembler) -> None:
        m, n = (a.load("%context", WORD[name]) for name in "mn")
        width = width_of(kind)
        b_turned = a.compare("eq", a.load("%context", WORD["b_transposed"]), TRANSPOSED)
        wide = a.both(b_turned, a.compare('sgt', n, m))
        filled = a.compare("sge", a.multiply(m, FILLED), a.multiply(a.blocks(m, width), width * (FILLED - 1)))
        matrices = "ptr %context, ptr %a, ptr %b, ptr %c, i64 %part, i64 %parts"
        a.do(f"call void @croton_narrow_share_{kind}({matrices}, i1 {a.both(wide, filled)})")

    return own_part("croton_narrow_part", lambda a: _fits(a, kind), compute)


def text(kind: str) -> str:
    """`croton_narrow_part` for "float" or "double" matrices, and what it calls beside `croton_library_part`."""
    declared = declarations(kind, lanes_of(kind), registers()[1])
    most = registers()[1]
    tiles = [tile.tile(kind, most, may_turn=True), tile.tile(kind, most, ahead=True), tile.tile(kind, FEWER, fewer=True, ahead=True)]
    return "\n".join([declared, DECLARATION, *tiles, panels.text(kind), _share(kind), _part(kind)])

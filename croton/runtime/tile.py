"""A tile of a matrix product as LLVM IR: some rows of the left matrix times a panel of the right one, sums that stay in registers.

A panel is as many columns as two vectors hold, the elements of a row of it next to each other, zeros beyond the last column. The sums of a tile go to memory
that stays in the first cache, and are added to the result from there: by rows, or where that lies by columns, by those.
"""

from __future__ import annotations

import itertools

from croton.runtime.assembler import Assembler
from croton.runtime.engine import host
from croton.runtime.vectors import ITEM, PIECE, Vectors, columns

VECTORS = 2
"""Vectors in a row of a panel."""
AHEAD = 16
"""Rows of a panel that are asked for before they are read: it may lie in no cache, or beyond the second."""


def registers() -> tuple[int, int]:
    """Bytes in a vector, and the rows of a tile whose sums take half of the registers."""
    features = host()[2].split(",")
    if "+avx512f" in features:
        return 64, 8
    return (32, 4) if "+avx" in features else (16, 4)


def lanes_of(kind: str) -> int:
    """The elements of a vector."""
    return registers()[0] // ITEM[kind]


def width_of(kind: str) -> int:
    """The columns of a panel."""
    return VECTORS * lanes_of(kind)


def tile(kind: str, rows: int, fewer: bool = False, may_turn: bool = False, ahead: bool = False) -> str:
    """c[:live, :count] = alpha * a @ panel + beta * c, where rows of the panel lie `b_row` apart, those of c `ldc`; if it is `turned`, columns of c do. With
    beta 0 what is in c is not looked at. `fewer` says that fewer rows than the tile has may be `live`; of a turned one always fewer may be. One that
    looks `ahead` asks for rows of the panel before it reads them, which takes a tenth of the time of a panel that is in the first cache."""
    a = Assembler(f"internal void {name(kind, rows, ahead)}({_parameters(kind)})")
    vectors = Vectors(a, kind, lanes_of(kind))
    starts = [_kept(a, start) for start in _starts(a, "%a_row", rows, fewer or may_turn)]
    sums = [[a.variable(vectors.type, "zeroinitializer", align=64) for _ in range(VECTORS)] for _ in range(rows)]
    left, right = a.variable("ptr"), a.variable("ptr")
    a.set(left, "%a", "ptr")
    a.set(right, "%b", "ptr")
    further = a.multiply("%b_row", AHEAD)
    with a.loop("%k"):
        here, there = a.get(left, "ptr"), a.get(right, "ptr")
        row_of_b = [a.value(f"load {vectors.type}, ptr {a.at(there, part, vectors.type)}, align {ITEM[kind]}") for part in range(VECTORS)]
        for part in range(VECTORS if ahead else 0):
            a.prefetch(a.at(there, a.add(further, part * lanes_of(kind)), kind))
        for row, start in zip(sums, starts):
            factor = vectors.of(a.load(here, start, kind), kind)
            for place, value in zip(row, row_of_b):
                a.set(place, vectors.multiply_add(factor, value, a.get(place, vectors.type)), vectors.type)
        a.set(left, a.at(here, "%a_column", kind), "ptr")
        a.set(right, a.at(there, "%b_row", kind), "ptr")
    totals = [[a.get(place, vectors.type) for place in row] for row in sums]
    if may_turn:
        with a.when("%turned"):
            _add_columns(a, kind, totals)
            a.do("ret void")
            a.begin(a.label())
    _add_rows(a, kind, totals, fewer)
    a.do("ret void")
    return a.text()


def name(kind: str, rows: int, ahead: bool = False) -> str:
    """The function that `tile` defines."""
    return f"@croton_tile_{rows}{'_ahead' if ahead else ''}_{kind}"


def call(a: Assembler, kind: str, function: str, *arguments: str) -> None:
    """Call a tile by its name, or where it is; the arguments are those of `tile` in order."""
    pairs = zip(_parameters(kind).split(", "), arguments, strict=True)
    a.do(f"call void {function}({', '.join([f'{parameter.split()[0]} {argument}' for parameter, argument in pairs])})")


def _parameters(kind: str) -> str:
    matrices = "ptr %a, i64 %a_row, i64 %a_column, ptr %b, i64 %b_row, i64 %k, ptr %c, i64 %ldc"
    return f"{matrices}, {kind} %alpha, {kind} %beta, i64 %count, i64 %live, i1 %turned"


def _starts(a: Assembler, distance: str, rows: int, fewer: bool) -> list[str]:
    """Where rows start that lie so far apart; where there may be fewer, those that are not there are like the last one that is."""
    starts = ["0"]
    for row in range(1, rows):
        step = a.choose(a.compare("slt", row, "%live"), distance, 0) if fewer else distance
        starts.append(a.add(starts[-1], step) if fewer else a.multiply(step, row))
    return starts


def _kept(a: Assembler, value: str) -> str:
    """A number that stays in a register of its own. LLVM would find that the rows lie equally far apart, and come from each to the next by an addition: such
    a chain takes longer than the products of a step."""
    slot = a.variable("i64")
    a.do(f"store volatile i64 {value}, ptr {slot}")
    return a.value(f"load volatile i64, ptr {slot}")


def _add_rows(a: Assembler, kind: str, totals: list[list[str]], fewer: bool) -> None:
    """The sums added to rows of the result."""
    add = _Addition(a, kind, lanes_of(kind))
    masks = [add.vectors.before("%count", part * lanes_of(kind)) for part in range(VECTORS)]
    read = [add.read(mask) for mask in masks]
    stores: list[tuple[str, str, str]] = []
    for row, start in zip(totals, _starts(a, "%ldc", len(totals), fewer)):
        first = a.at("%c", start, kind)
        for part, total in enumerate(row):
            place = a.at(first, part * lanes_of(kind), kind)
            stores.append((add.value(total, place, read[part]), place, masks[part]))
            if not fewer:
                add.vectors.store(*stores.pop())
    # A row may be there several times: all is read before anything is written.
    for store in stores:
        add.vectors.store(*store)


def _add_columns(a: Assembler, kind: str, totals: list[list[str]]) -> None:
    """The sums added to columns of the result."""
    rows, width = len(totals), width_of(kind)
    memory = a.variable(f"[{rows * width} x {kind}]", align=64)
    for number, total in enumerate(itertools.chain(*totals)):
        a.do(f"store <{lanes_of(kind)} x {kind}> {total}, ptr {a.at(memory, number * lanes_of(kind), kind)}, align 64")
    add = _Addition(a, kind, rows)
    mask = add.vectors.before("%live")
    with a.loop(a.blocks("%count", PIECE)) as block:
        first = a.multiply(block, PIECE)
        pieces = [a.get(a.at(memory, a.add(first, row * width), kind), f"<{PIECE} x {kind}>") for row in range(rows)]
        for column, value in enumerate(columns(a, kind, pieces)):
            place = a.at("%c", a.multiply(a.add(first, column), "%ldc"), kind)
            there = a.compare("slt", a.add(first, column), "%count")
            written, read = (a.choose(there, one, "zeroinitializer", add.vectors.mask) for one in (mask, add.read(mask)))
            add.vectors.store(add.value(value, place, read), place, written)


class _Addition:
    """alpha times a vector of sums and beta times what is in the result. With beta 0 that is not looked at."""

    def __init__(self, a: Assembler, kind: str, lanes: int) -> None:
        self.vectors = Vectors(a, kind, lanes)
        self.alpha, self.beta = (self.vectors.of(name, kind) for name in ("%alpha", "%beta"))
        self.adds = self.vectors.of(a.value(f"fcmp une {kind} %beta, 0.0"), "i1")

    def read(self, mask: str) -> str:
        """Of the elements that are written those that are read."""
        return self.vectors.both(mask, self.adds)

    def value(self, sums: str, place: str, read: str) -> str:
        vectors = self.vectors
        before = vectors.a.value(f"fmul {vectors.type} {vectors.load(place, read)}, {self.beta}")
        return vectors.multiply_add(sums, self.alpha, before)

"""Panels of a matrix as LLVM IR: as many of its columns as two vectors hold, rearranged so that the elements of a row of them lie next to each other.

Whatever lies beside a matrix that ends within a panel is not read; a product with what the panel holds there is not written.
"""

from __future__ import annotations

from croton.runtime.assembler import Assembler
from croton.runtime.tile import VECTORS, lanes_of, width_of
from croton.runtime.vectors import ITEM, PIECE, Vectors, columns

_PARAMETERS = "ptr %b, i64 %lead, i64 %k, i64 %count, ptr %panel"


def text(kind: str) -> str:
    """What `pack` calls."""
    return "\n".join([_pack(kind), _pack_transposed(kind)])


def pack(a: Assembler, kind: str, transposed: str, *arguments: str) -> None:
    """panel[:k] = b[:k, :count], whose rows lie `lead` apart, or its columns if it is transposed. The arguments are b, lead, k, count and the panel."""
    name = a.choose(transposed, f"@croton_panel_transposed_{kind}", f"@croton_panel_{kind}", "ptr")
    pairs = zip(_PARAMETERS.split(", "), arguments, strict=True)
    a.do(f"call void {name}({', '.join([f'{parameter.split()[0]} {argument}' for parameter, argument in pairs])})")


def _pack(kind: str) -> str:
    """panel[:k] = b[:k, :count], zeros beyond."""
    a = Assembler(f"internal void @croton_panel_{kind}({_PARAMETERS})")
    v = Vectors(a, kind, lanes_of(kind))
    masks = [v.before("%count", part * v.lanes) for part in range(VECTORS)]
    with a.loop("%k") as step:
        source = a.at("%b", a.multiply(step, "%lead"), kind)
        target = a.at("%panel", a.multiply(step, width_of(kind)), kind)
        for part, mask in enumerate(masks):
            _keep(a, v, v.load(a.at(source, part * v.lanes, kind), mask), a.at(target, part * v.lanes, kind))
    a.do("ret void")
    return a.text()


def _pack_transposed(kind: str) -> str:
    """panel[:k] = b[:count, :k].T, columns beyond are like the last."""
    a = Assembler(f"internal void @croton_panel_transposed_{kind}({_PARAMETERS})")
    v = Vectors(a, kind, lanes_of(kind))
    piece = min(PIECE, v.lanes)
    last = a.subtract("%count", 1)

    def line(column: str) -> str:
        return a.at("%b", a.multiply(a.smaller(column, last), "%lead"), kind)

    with a.when(a.compare("slt", "%k", piece)):
        with a.loop("%k") as step, a.loop(width_of(kind)) as column:
            a.store(a.load(line(column), step, kind), a.at("%panel", a.multiply(step, width_of(kind)), kind), column, kind)
        a.do("ret void")
        a.begin(a.label())
    with a.loop(VECTORS) as part:
        first = a.multiply(part, v.lanes)
        lines = [line(a.add(first, lane)) for lane in range(v.lanes)]
        with a.loop(a.blocks("%k", piece)) as number:
            # The last piece of a line is in part the one before again.
            step = a.smaller(a.multiply(number, piece), a.subtract("%k", piece))
            target = a.at("%panel", a.add(a.multiply(step, width_of(kind)), first), kind)
            pieces = [a.value(f"load <{piece} x {kind}>, ptr {a.at(start, step, kind)}, align {ITEM[kind]}") for start in lines]
            for row, value in enumerate(columns(a, kind, pieces, piece)):
                _keep(a, v, value, a.at(target, row * width_of(kind), kind))
    a.do("ret void")
    return a.text()


def _keep(a: Assembler, vectors: Vectors, value: str, place: str) -> None:
    """Store a whole vector of a panel."""
    a.do(f"store {vectors.type} {value}, ptr {place}, align {vectors.lanes * ITEM[vectors.kind]}")

"""Accumulators: their units, how two partial results combine, and how lanes are reduced to one value.

A float32 sum is kept as float64 outside of vector loops; inside, float32 vectors take at most `BLOCK` additions before they are
added to float64 ones. So the rounding error of a sum does not grow with its length.
"""

from __future__ import annotations

from croton.codegen.builder import Builder, element
from croton.dtypes import DType, unit

BLOCK = 32
"""Additions into one float32 lane before it is emptied into a float64 one."""


def state_element(op: str, dtype: DType) -> str:
    """The LLVM element type in which an accumulator lives between loops."""
    return "double" if op == "sum" and dtype.name == "float32" else element(dtype)


def unit_text(b: Builder, op: str, dtype: DType) -> str:
    """The unit of the operation as a constant of the builder's type."""
    return b.constant(unit(op, dtype))


def combine(b: Builder, op: str, dtype: DType, x: str, y: str) -> str:
    """x op y for two values or partial results."""
    if op == "sum":
        return b.fadd(x, y) if b.is_float else b.iadd(x, y)
    if op == "prod":
        return b.fmul(x, y) if b.is_float else b.imul(x, y)
    if op == "any":
        return b.mask_or(x, y)
    if op == "all":
        return b.mask_and(x, y)
    larger = op == "max"
    if b.is_float:
        return b.maximum(x, y) if larger else b.minimum(x, y)
    return b.intrinsic(("s" if dtype.kind == "i" else "u") + ("max" if larger else "min"), x, y)


def combine_all(b: Builder, op: str, dtype: DType, values: list[str]) -> str:
    """All of the values combined as a balanced tree."""
    while len(values) > 1:
        paired = [combine(b, op, dtype, values[k], values[k + 1]) for k in range(0, len(values) - 1, 2)]
        values = paired + values[len(values) & ~1 :]
    return values[0]


def horizontal(b: Builder, op: str, dtype: DType, value: str) -> str:
    """The lanes of a vector combined: a scalar of the same element type."""
    if b.element == "i1":
        integer = f"i{b.lanes}"
        bits = b.emit(f"bitcast {b.mask} {value} to {integer}")
        return b.emit(f"icmp ne {integer} {bits}, 0") if op == "any" else b.emit(f"icmp eq {integer} {bits}, -1")
    return folded(b, op, dtype, value, 1)


def folded(b: Builder, op: str, dtype: DType, value: str, wanted: int) -> str:
    """A vector with its upper half combined with its lower one until there are no more lanes than wanted."""
    lanes = b.lanes
    while lanes > wanted:
        wide = b.at(b.element, lanes)
        half = lanes // 2
        lower = ", ".join(f"i32 {k}" for k in range(half))
        upper = ", ".join(f"i32 {k}" for k in range(half, lanes))
        if half == 1:
            one = b.emit(f"extractelement {wide.type} {value}, i64 0")
            two = b.emit(f"extractelement {wide.type} {value}, i64 1")
        else:
            one = b.emit(f"shufflevector {wide.type} {value}, {wide.type} poison, <{half} x i32> <{lower}>")
            two = b.emit(f"shufflevector {wide.type} {value}, {wide.type} poison, <{half} x i32> <{upper}>")
        lanes = half
        value = combine(b.at(b.element, lanes), op, dtype, one, two)
    return value

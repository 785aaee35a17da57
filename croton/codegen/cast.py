"""Conversions between dtypes, as NumPy does them: truncation towards zero, wrapping integers, anything but 0 is true."""

from __future__ import annotations

from croton.codegen.builder import Builder, element
from croton.dtypes import DType


def cast(b: Builder, value: str, source: DType, result: DType) -> str:
    """A value of `source` as `result`, in as many lanes as `b` has. Of floats outside the integer range the value is not specified."""
    if source is result:
        return value
    one, two = b.at(element(source)), b.at(element(result))
    if result.is_bool:
        return one.fcmp("une", value, one.constant(0.0)) if source.is_float else one.icmp("ne", value, one.constant(0))
    if source.is_float:
        return _from_float(one, value, result)
    if result.is_float:
        return two.convert("sitofp" if source.kind == "i" else "uitofp", value, one)
    if one.bits == two.bits:
        return value
    if one.bits > two.bits:
        return two.convert("trunc", value, one)
    return two.convert("sext" if source.kind == "i" else "zext", value, one)


def _from_float(one: Builder, value: str, result: DType) -> str:
    two = one.at(element(result))
    if result.is_float:
        return two.convert("fpext" if two.bits > one.bits else "fptrunc", value, one)
    if result.name == "uint64":
        # The upper half of the range is moved down before and back after; negative values wrap.
        high = one.constant(2.0**63)
        above = one.fcmp("oge", value, high)
        whole = two.convert("fptosi", one.select(above, one.exact().fsub(value, high), value), one)
        return two.select(above, two.ixor(whole, two.constant(1 << 63)), whole)
    if result.name == "uint32":
        wide = one.at("i64")
        return two.convert("trunc", wide.convert("fptosi", value, one), wide)
    if result.bits < 32:
        wide = one.at("i32")
        return two.convert("trunc", wide.convert("fptosi", value, one), wide)
    return two.convert("fptosi", value, one)

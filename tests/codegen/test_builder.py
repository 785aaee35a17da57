"""Texts that builders write."""

from __future__ import annotations

import math

import pytest

from croton.codegen.builder import Builder, Sink, float_text


def test_constants_are_exact() -> None:
    assert float_text(1.0, "float") == "0x3FF0000000000000"
    assert float_text(0.1, "float") == "0x3FB99999A0000000"
    assert float_text(0.1, "double") == "0x3FB999999999999A"
    assert float_text(-0.0, "double") == "0x8000000000000000"
    assert float_text(1e39, "float") == float_text(math.inf, "float") == "0x7FF0000000000000"


def test_integer_constants_wrap_to_the_width() -> None:
    sink = Sink()
    assert Builder(sink, "i8").constant(255) == "-1"
    assert Builder(sink, "i64").constant(1 << 63) == str(-(1 << 63))
    assert Builder(sink, "i1", 4).constant(True) == "splat (i1 true)"
    assert Builder(sink, "float", 8).integer_constant(0x80000000) == "splat (i32 -2147483648)"


def test_flags_stay_out_of_exact_mathematics() -> None:
    sink = Sink()
    b = Builder(sink, "float", 8, "contract")
    b.fmul("%x", "%y")
    b.exact().fmul("%x", "%y")
    assert sink.lines == ["  %v1 = fmul contract <8 x float> %x, %y", "  %v2 = fmul  <8 x float> %x, %y"]


def test_intrinsics_are_declared_once_and_only_if_known() -> None:
    sink = Sink()
    b = Builder(sink, "double", 4)
    b.sqrt("%x")
    b.sqrt("%y")
    assert list(sink.declarations.values()) == ["declare <4 x double> @llvm.sqrt.v4f64(<4 x double>)"]
    with pytest.raises(ValueError, match="not supported: LLVM intrinsic 'sin'"):
        b.intrinsic("sin", "%x")


def test_other_types_share_the_sink() -> None:
    b = Builder(Sink(), "float", 16)
    wide = b.at("double")
    assert wide.type == "<16 x double>" and wide.integer == "<16 x i64>" and wide.mask == b.mask
    assert wide.at("float") is b and b.at("float", 1).type == "float"

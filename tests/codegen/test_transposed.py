"""Loops whose lanes read along columns: every remainder of the tiles, on every kind of processor."""

from __future__ import annotations

import re

import numpy as np
import pytest
from native import compile_kernel

from croton.codegen.module import compile_text
from croton.codegen.target import AVX2, BASELINE, Target
from croton.dtypes import DType, float32, float64, int64
from croton.kernel.interpret import interpret
from croton.kernel.language import Acc, Buffer, Const, For, Index, Kernel, Lanes, Let, Load, Store, Update, Var
from croton.kernel.parallelise import marked_parallel

TARGETS = pytest.mark.parametrize("target", [None, AVX2, BASELINE], ids=["host", "avx2", "baseline"])
SHAPES = [(0, 5), (5, 0), (1, 1), (15, 300), (16, 16), (17, 255), (33, 257), (100, 7), (64, 600)]


def here(*labels: str) -> tuple[Index, ...]:
    return tuple([Index(((label, 1),)) for label in labels])


def sum_with_the_transpose(dtype: DType) -> Kernel:
    """c[r, c] = a[c, r] + b[r, c] * row[r], and the sum of all of it."""
    body = (
        Load("v1", dtype, "a", here("i1", "i0")),
        Load("v2", dtype, "b", here("i0", "i1")),
        Let("v3", dtype, "mul", (Var("v2"), Var("v0"))),
        Let("v4", dtype, "add", (Var("v1"), Var("v3"))),
        Store("c", here("i0", "i1"), Var("v4")),
    )
    loop = For("i0", "n0", (Load("v0", dtype, "row", here("i0")), Lanes("i1", "n1", body)))
    buffers = (Buffer("a", dtype, ("n1", "n0")), Buffer("b", dtype, ("n0", "n1")), Buffer("row", dtype, ("n0",)), Buffer("c", dtype, ("n0", "n1")))
    return Kernel(buffers, ("n0", "n1"), marked_parallel((loop,)))


def trace(dtype: DType) -> Kernel:
    """The sum of a[r, c] * b[c, r], and its largest term."""
    body = (
        Load("v1", dtype, "a", here("i0", "i1")),
        Load("v2", dtype, "b", here("i1", "i0")),
        Let("v3", dtype, "mul", (Var("v1"), Var("v2"))),
        Update("v4", Var("v3")),
        Update("v5", Var("v3")),
    )
    start = (Acc("v4", dtype, "sum"), Acc("v5", dtype, "max"))
    end = (Store("total", (), Var("v4")), Store("most", (), Var("v5")))
    buffers = (Buffer("a", dtype, ("n0", "n1")), Buffer("b", dtype, ("n1", "n0")), Buffer("total", dtype, ()), Buffer("most", dtype, ()))
    return Kernel(buffers, ("n0", "n1"), (*start, For("i0", "n0", (Lanes("i1", "n1", body),)), *end))


def values(dtype: DType, *shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(-9, 9, shape).astype(dtype.numpy)


@TARGETS
@pytest.mark.parametrize("dtype", [float32, float64, int64], ids=str)
def test_element_by_element(dtype: DType, target: Target | None) -> None:
    kernel = sum_with_the_transpose(dtype)
    native = compile_kernel(kernel, target)
    for rows, columns in SHAPES:
        a, b, row = values(dtype, columns, rows), values(dtype, rows, columns), values(dtype, rows)
        found = np.full((rows, columns), 77, dtype.numpy)
        middle = rows // 3
        for span in ((0, middle), (middle, rows)):
            native([a, b, row, found], [rows, columns], span)
        np.testing.assert_array_equal(found, a.T + b * row[:, None])


@TARGETS
@pytest.mark.parametrize("dtype", [float32, float64, int64], ids=str)
def test_reduced(dtype: DType, target: Target | None) -> None:
    kernel = trace(dtype)
    native = compile_kernel(kernel, target)
    for rows, columns in SHAPES:
        arrays = [values(dtype, rows, columns), values(dtype, columns, rows), np.zeros((), dtype.numpy), np.zeros((), dtype.numpy)]
        wanted = [array.copy() for array in arrays]
        interpret(kernel, wanted, [rows, columns])
        native(arrays, [rows, columns])
        for one, two in zip(arrays, wanted):
            np.testing.assert_array_equal(one, two)


def text(kernel: Kernel) -> str:
    return compile_text([("k", kernel)], AVX2)


def exchanges(kernel: Kernel, type_: str) -> int:
    """How often vectors exchange lanes."""
    return len(re.findall(rf"shufflevector <{type_}> %v\d+, <{type_}> %v\d+", text(kernel)))


def test_squares_of_a_line_a_side_are_transposed_in_registers() -> None:
    """Four rounds of 16 exchanges for 16 lines of 16 numbers, three of 8 for 8 lines of 8."""
    assert exchanges(trace(float32), "16 x float") == 4 * 16 and "alloca [4096 x float]" in text(trace(float32))
    assert exchanges(trace(float64), "8 x double") == 3 * 8 and "alloca [2048 x double]" in text(trace(float64))


@pytest.mark.parametrize(
    "change",
    [
        lambda load: load._replace(index=here("i0", "i1")),
        lambda load: load._replace(index=(Index((("i1", 1),)), Index((("i0", 2),)))),
        lambda load: load._replace(index=(Index((("i1", 1), ("i0", 1))), Index((("i0", 1),)))),
    ],
    ids=["along rows", "every second", "a diagonal"],
)
def test_other_reads_stay_as_they_are(change) -> None:
    kernel = trace(float32)
    loop = kernel.body[2]
    lanes = loop.body[0]
    body = tuple([change(s) if isinstance(s, Load) and s.buffer == "b" else s for s in lanes.body])
    other = kernel._replace(body=(*kernel.body[:2], loop._replace(body=(lanes._replace(body=body),)), *kernel.body[3:]))
    assert "turned" not in text(other) and "turned" in text(kernel)


def test_what_depends_on_the_order_of_rows_keeps_it() -> None:
    """A place that every row writes, and a buffer that is read and written."""
    body = (Load("v1", float32, "b", here("i1", "i0")), Store("c", here("i1"), Var("v1")))
    buffers = (Buffer("b", float32, ("n1", "n0")), Buffer("c", float32, ("n1",)))
    assert "turned" not in text(Kernel(buffers, ("n0", "n1"), (For("i0", "n0", (Lanes("i1", "n1", body),)),)))
    same = (Load("v1", float32, "b", here("i1", "i0")), Let("v2", float32, "add", (Var("v1"), Const(1.0))), Store("b", here("i0", "i1"), Var("v2")))
    square = (Buffer("b", float32, ("n0", "n0")),)
    assert "turned" not in text(Kernel(square, ("n0",), (For("i0", "n0", (Lanes("i1", "n0", same),)),)))

"""What the parts of a parallel loop have left is added up down the columns: values, ends, the error of long sums, and how short the code is."""

from __future__ import annotations

import numpy as np
import pytest
from native import compile_kernel

from croton.codegen.module import compile_text
from croton.codegen.target import AVX2, AVX512, BASELINE, Target
from croton.dtypes import DType, float32, float64, int32
from croton.kernel.language import Buffer, For, Index, Kernel, Lanes, Let, Load, Stmt, Store, Var

TARGETS = pytest.mark.parametrize("target", [None, AVX2, BASELINE], ids=["host", "avx2", "baseline"])
COLUMNS = (0, 1, 3, 8, 31, 32, 33, 100, 256)


def at(*labels: str) -> tuple[Index, ...]:
    return tuple(Index(((label, 1),)) for label in labels)


def left_over(*outputs: tuple[DType, str], columns: int | str = "n1") -> Kernel:
    """Outputs that rows of parts of their own are added to, after a parallel loop that copies the parts; each has a dtype and an operation."""
    copies: list[Stmt] = []
    additions: list[Stmt] = []
    buffers: list[Buffer] = []
    for k, (dtype, op) in enumerate(outputs):
        buffers += [Buffer(f"b{3 * k}", dtype, ("n0", columns)), Buffer(f"b{3 * k + 1}", dtype, ("n0", columns)), Buffer(f"b{3 * k + 2}", dtype, (columns,))]
        copies += [Load(f"v{2 * k}", dtype, f"b{3 * k}", at("i0", "i1")), Store(f"b{3 * k + 1}", at("i0", "i1"), Var(f"v{2 * k}"))]
        additions += [Load(f"v{2 * k + 1}", dtype, f"b{3 * k + 1}", at("i0", "i1")), Store(f"b{3 * k + 2}", at("i1"), Var(f"v{2 * k + 1}"), op)]
    first = For("i0", "n0", (Lanes("i1", columns, tuple(copies)),), True)
    return Kernel(tuple(buffers), ("n0", "n1"), (first, For("i0", "n0", (Lanes("i1", columns, tuple(additions)),))))


def run(kernel: Kernel, target: Target | None, arrays: list[np.ndarray], sizes: list[int]) -> None:
    """As the runtime does: the parallel loop, then what follows it."""
    native = compile_kernel(kernel, target)
    native(arrays, sizes, (0, sizes[0]))
    native(arrays, sizes, (-1, -1))


@TARGETS
def test_values_at_the_ends_of_rows(target: Target | None) -> None:
    kernel = left_over((float32, "sum"), (float64, "max"), (int32, "sum"))
    rng = np.random.default_rng(5)
    for rows in (0, 1, 7):
        for columns in COLUMNS:
            x = rng.standard_normal((rows, columns))
            parts = [x.astype("float32"), x, rng.integers(-9, 9, (rows, columns)).astype("int32")]
            starts = [np.full(columns, 2, "float32"), np.zeros(columns), np.full(columns, -3, "int32")]
            arrays = [array for part, start in zip(parts, starts) for array in (part, np.empty_like(part), start)]
            run(kernel, target, arrays, [rows, columns])
            np.testing.assert_allclose(arrays[2], 2 + parts[0].sum(0, dtype="float64"), rtol=1e-6)
            np.testing.assert_array_equal(arrays[5], parts[1].max(0, initial=0.0))
            np.testing.assert_array_equal(arrays[8], parts[2].sum(0) - 3)


@TARGETS
def test_a_known_number_of_columns(target: Target | None) -> None:
    for columns in (1, 5, 32, 40):
        x = np.random.default_rng(6).standard_normal((9, columns)).astype("float32")
        total = np.ones(columns, "float32")
        run(left_over((float32, "sum"), columns=columns), target, [x, np.empty_like(x), total], [9, 0])
        np.testing.assert_allclose(total, 1 + x.sum(0, dtype="float64"), rtol=1e-6)


@TARGETS
def test_a_float32_sum_does_not_lose_accuracy_with_its_length(target: Target | None) -> None:
    rows, columns = 20000, 33
    x = np.full((rows, columns), np.float32(0.1))
    total = np.zeros(columns, "float32")
    run(left_over((float32, "sum")), target, [x, np.empty_like(x), total], [rows, columns])
    assert (total == np.float32(rows * float(np.float32(0.1)))).all()


def test_the_totals_stay_in_registers() -> None:
    """One body, and no place in memory for them."""
    text = compile_text([("k", left_over((float32, "sum")))], AVX512)
    assert "alloca" not in text
    assert text.count("fadd") == 2, "a row added to the total, and the total to what was there"


@TARGETS
def test_rows_that_are_changed_before_they_are_added(target: Target | None) -> None:
    kernel = left_over((float32, "sum"))
    second = kernel.body[1]
    assert isinstance(second, For)
    lanes = second.body[0]
    assert isinstance(lanes, Lanes)
    load = lanes.body[0]
    squares = (load, Let("v9", float32, "mul", (Var("v1"), Var("v1"))), Store("b2", at("i1"), Var("v9"), "sum"))
    kernel = kernel._replace(body=(kernel.body[0], second._replace(body=(lanes._replace(body=squares),))))
    x = np.random.default_rng(7).standard_normal((11, 45)).astype("float32")
    total = np.zeros(45, "float32")
    run(kernel, target, [x, np.empty_like(x), total], [11, 45])
    np.testing.assert_allclose(total, (x.astype("float64") ** 2).sum(0), rtol=1e-6)

"""Long functions of rows, those of a block of rows in one vector: values at all lengths, totals, and which loops are left as they are."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from native import compile_kernel

from croton.codegen.module import compile_text
from croton.codegen.target import AVX2, AVX512, BASELINE, Target
from croton.dtypes import DType, bool_, float32, float64, int64
from croton.kernel.language import Acc, Buffer, Const, For, Index, Kernel, Lanes, Let, Load, Stmt, Store, Update, Var

TARGETS = pytest.mark.parametrize("target", [None, AVX2, BASELINE], ids=["host", "avx2", "baseline"])
DTYPES = pytest.mark.parametrize("dtype", [float32, float64], ids=["float32", "float64"])
BLOCKS = "alloca [16 x"


def at(*labels: str) -> tuple[Index, ...]:
    return tuple(Index(((label, 1),)) for label in labels)


def regression(dtype: DType, columns: int | str = "n1", rows: int | str = "n0") -> Kernel:
    """The gradient of a logistic regression, the chances of the rows, the sum of what is missed, and of how many rows the greatest element is positive."""
    products = (
        Load("v0", dtype, "b0", at("i0", "i1")),
        Load("v1", dtype, "b1", at("i1")),
        Let("v2", dtype, "mul", (Var("v0"), Var("v1"))),
        Update("s0", Var("v2")),
        Let("v3", bool_, "gt", (Var("v0"), Const(0.0))),
        Update("s1", Var("v3")),
    )
    added = (
        Load("v8", dtype, "b0", at("i0", "i1")),
        Let("v9", dtype, "mul", (Var("v8"), Var("v6"))),
        Let("v10", dtype, "where", (Var("s1"), Var("v9"), Const(0.0))),
        Store("b3", at("i1"), Var("v10"), "sum"),
    )
    body: tuple[Stmt, ...] = (
        Acc("s0", dtype, "sum"),
        Acc("s1", bool_, "any"),
        Lanes("i1", columns, products),
        Let("v4", dtype, "sigmoid", (Var("s0"),)),
        Store("b4", at("i0"), Var("v4")),
        Load("v5", dtype, "b2", at("i0")),
        Let("v6", dtype, "sub", (Var("v5"), Var("v4"))),
        Update("missed", Var("v6")),
        Let("v7", int64, "cast", (Var("s1"),)),
        Update("count", Var("v7")),
        Lanes("i1", columns, added),
    )
    shapes = {"b0": (rows, columns), "b1": (columns,), "b2": (rows,), "b3": (columns,), "b4": (rows,), "b5": ()}
    buffers = (*[Buffer(name, dtype, shape) for name, shape in shapes.items()], Buffer("b6", int64, ()))
    before = (Acc("missed", dtype, "sum"), Acc("count", int64, "sum"))
    after = (Store("b5", (), Var("missed")), Store("b6", (), Var("count")))
    return Kernel(buffers, ("n0", "n1"), (*before, For("i0", rows, body), *after))


def check_regression(run: Callable[..., None], dtype: DType, rows: int, columns: int) -> None:
    """Values, with whatever lies around the arrays as it was."""
    rng = np.random.default_rng(rows * 1000 + columns)
    x, y = rng.standard_normal((rows, columns)), rng.uniform(size=rows)
    w = rng.standard_normal(columns) / max(columns, 1) ** 0.5
    x, y, w = (array.astype(dtype.name) for array in (x, y, w))
    around = np.full(rows + 64, 7.0, dtype.name)
    chances, gradient = around[32 : 32 + rows], np.ones(columns, dtype.name)
    missed, count = np.zeros((), dtype.name), np.zeros((), np.int64)
    run([x, w, y, gradient, chances, missed, count], [rows, columns])
    p = 1 / (1 + np.exp(-(x.astype("float64") @ w.astype("float64"))))
    positive = (x > 0).any(1)
    tolerance = 2e-5 if dtype is float32 else 1e-13
    assert (around[:32] == 7).all() and (around[32 + rows :] == 7).all()
    np.testing.assert_allclose(chances, p, rtol=tolerance)
    np.testing.assert_allclose(missed, (y - p).sum(), rtol=tolerance, atol=tolerance * (rows + 1))
    np.testing.assert_allclose(gradient, 1 + (np.where(positive, y - p, 0)) @ x.astype("float64"), rtol=tolerance, atol=tolerance * (rows + 1))
    assert count == positive.sum()


@TARGETS
@DTYPES
def test_rows_and_columns_of_any_number(dtype: DType, target: Target | None) -> None:
    run = compile_kernel(regression(dtype), target)
    for rows in (0, 1, 2, 5, 15, 16, 17, 32, 50):
        for columns in (0, 1, 3, 8, 20, 300, 1100, 5000):
            check_regression(run, dtype, rows, columns)


@TARGETS
@pytest.mark.parametrize("rows, columns", [(3, 5), (4, 5), (11, 1), (16, 4), (40, 7), (5, 3000), (20, 300)])
def test_numbers_that_are_known(rows: int, columns: int, target: Target | None) -> None:
    check_regression(compile_kernel(regression(float64, columns, rows), target), float64, rows, columns)


def layer(dtype: DType, inside: bool) -> Kernel:
    """The sum over rows of tanh(x[r] + b[r]) * w[r, c]; or for each row of x, into a row of its own."""
    first = at("i2") if inside else ()
    row = (
        Load("v0", dtype, "b0", (*first, *at("i0"))),
        Load("v1", dtype, "b1", at("i0")),
        Let("v2", dtype, "add", (Var("v0"), Var("v1"))),
        Let("v3", dtype, "tanh", (Var("v2"),)),
        Lanes(
            "i1",
            "n1",
            (
                Load("v4", dtype, "b2", at("i0", "i1")),
                Let("v5", dtype, "mul", (Var("v4"), Var("v3"))),
                Store("b3", (*first, *at("i1")), Var("v5"), "sum"),
            ),
        ),
    )
    loop = For("i0", "n0", row)
    around = ("n2",) if inside else ()
    buffers = (
        Buffer("b0", dtype, (*around, "n0")),
        Buffer("b1", dtype, ("n0",)),
        Buffer("b2", dtype, ("n0", "n1")),
        Buffer("b3", dtype, (*around, "n1")),
    )
    return Kernel(buffers, ("n0", "n1", "n2"), (For("i2", "n2", (loop,)) if inside else loop,))


@TARGETS
@DTYPES
@pytest.mark.parametrize("inside", [False, True])
def test_rows_that_are_added_up(dtype: DType, inside: bool, target: Target | None) -> None:
    """float32 sums stay as accurate, however many rows there are."""
    run = compile_kernel(layer(dtype, inside), target)
    rng = np.random.default_rng(2)
    for rows in (0, 1, 7, 16, 63, 64, 100, 20000):
        for columns in (1, 2, 9, 1030) if rows < 101 else (2, 9):
            x, b, w = rng.standard_normal((3, rows)), rng.standard_normal(rows), rng.uniform(size=(rows, columns))
            x, b, w = (array.astype(dtype.name) for array in (x if inside else x[0], b, w))
            found = np.zeros((3, columns) if inside else columns, dtype.name)
            run([x, b, w, found], [rows, columns, 3])
            wide = np.tanh(x.astype("float64") + b) @ w.astype("float64")
            np.testing.assert_allclose(found, wide, rtol=1e-6 if dtype is float32 else 1e-12, atol=3e-7 * rows**0.5 if dtype is float32 else 1e-12)


def test_functions_of_rows_are_vectors() -> None:
    """No long function is left that has a row to itself."""
    for kernel in (regression(float64), regression(float64, 5, 40), layer(float64, False), layer(float64, True), layer(float32, False)):
        text = compile_text([("k", kernel)], AVX512)
        assert BLOCKS in text
        assert not re.search(r"@llvm\.(fma|fabs|copysign)\.f(32|64)\(", text), kernel


def running_total(where: str) -> Kernel:
    """Rows that read what those before them have left: in an accumulator, in the row before, or in a row that all share."""
    before = Index((("i0", 1),), -1)
    first: tuple[Stmt, ...] = (Load("v0", float32, "b0", at("i0", "i1")), Update("s0", Var("v0")))
    second: tuple[Stmt, ...] = (Store("b1", at("i0", "i1"), Var("v2")),)
    if where == "accumulator":
        first = (*first, Update("total", Var("v0")))
    elif where == "row before":
        first = (*first, Load("v3", float32, "b1", (before, *at("i1"))), Update("s0", Var("v3")))
    elif where == "shared row":
        first = (*first, Store("b2", at("i1"), Var("v0")))
        second = (Load("v4", float32, "b2", at("i1")), Let("v5", float32, "add", (Var("v4"), Var("v2"))), Store("b1", at("i0", "i1"), Var("v5")))
    body: tuple[Stmt, ...] = (
        Acc("s0", float32, "sum"),
        Lanes("i1", "n1", first),
        Let("v1", float32, "tanh", (Var("s0"),)),
        Let("v2", float32, "add", (Var("v1"), Var("total" if where == "accumulator" else "v1"))),
        Lanes("i1", "n1", second),
    )
    buffers = (Buffer("b0", float32, ("n0", "n1")), Buffer("b1", float32, ("n0", "n1")), Buffer("b2", float32, ("n1",)))
    return Kernel(buffers, ("n0", "n1"), (Acc("total", float32, "sum"), For("i0", "n0", body)))


@pytest.mark.parametrize("where", ["accumulator", "row before", "shared row"])
def test_rows_that_wait_for_others_go_one_by_one(where: str) -> None:
    assert BLOCKS not in compile_text([("k", running_total(where))], AVX512)
    assert BLOCKS in compile_text([("k", running_total("nothing"))], AVX512)


def test_long_and_few_rows_go_one_by_one() -> None:
    assert BLOCKS not in compile_text([("k", regression(float64, 4000, 100))], AVX512)
    assert BLOCKS not in compile_text([("k", regression(float64, 5, 3))], AVX512)


@TARGETS
def test_a_row_has_the_same_bits_wherever_it_stands(target: Target | None) -> None:
    run = compile_kernel(regression(float32), target)
    rng = np.random.default_rng(5)
    row, w = rng.standard_normal(21).astype("float32"), rng.standard_normal(21).astype("float32")
    x, chances = np.tile(row, (37, 1)), np.empty(37, "float32")
    run([x, w, np.zeros(37, "float32"), np.zeros(21, "float32"), chances, np.zeros((), "float32"), np.zeros((), "int64")], [37, 21])
    assert len({value.tobytes() for value in chances}) == 1

"""Light reductions of rows, four rows at a time: values, ends of rows and of loops, and the same bits for a row wherever it stands."""

from __future__ import annotations

import numpy as np
import pytest
from native import compile_kernel

from croton.codegen.module import compile_text
from croton.codegen.target import AVX2, AVX512, BASELINE, Target
from croton.dtypes import bool_, float32, float64, int32
from croton.kernel.language import Acc, Buffer, Const, For, Index, Kernel, Lanes, Let, Load, Store, Update, Var

TARGETS = pytest.mark.parametrize("target", [None, AVX2, BASELINE], ids=["host", "avx2", "baseline"])


def at(label: str) -> Index:
    return Index(((label, 1),))


def reductions() -> Kernel:
    """A weighted sum of squares, the greatest, and whether one is above 3, of each row; and an integer from each."""
    lanes = (
        Load("v1", float32, "b0", (at("i0"), at("i1"))),
        Load("v2", float32, "b1", (at("i1"),)),
        Let("v3", float32, "mul", (Var("v1"), Var("v1"))),
        Let("v4", float32, "mul", (Var("v3"), Var("v2"))),
        Update("s0", Var("v4")),
        Update("s1", Var("v1")),
        Let("v5", bool_, "gt", (Var("v1"), Const(3.0))),
        Update("s2", Var("v5")),
    )
    body = (
        Acc("s0", float32, "sum"),
        Acc("s1", float32, "max"),
        Acc("s2", bool_, "any"),
        Lanes("i1", "n1", lanes),
        Let("v6", float32, "add", (Var("s0"), Const(1.0))),
        Store("b2", (at("i0"),), Var("v6")),
        Store("b3", (at("i0"),), Var("s1")),
        Let("v7", int32, "cast", (Var("s2"),)),
        Store("b4", (at("i0"),), Var("v7")),
    )
    buffers = (
        Buffer("b0", float32, ("n0", "n1")),
        Buffer("b1", float32, ("n1",)),
        Buffer("b2", float32, ("n0",)),
        Buffer("b3", float32, ("n0",)),
        Buffer("b4", int32, ("n0",)),
    )
    return Kernel(buffers, ("n0", "n1"), (For("i0", "n0", body),))


@TARGETS
def test_values_at_the_ends_of_rows_and_of_loops(target: Target | None) -> None:
    run = compile_kernel(reductions(), target)
    rng = np.random.default_rng(3)
    for rows in (0, 1, 3, 4, 5, 8, 11):
        for columns in (0, 1, 2, 15, 16, 31, 32, 33, 64, 100, 1023, 1025, 2100):
            x, w = rng.standard_normal((rows, columns)).astype("float32"), rng.standard_normal(columns).astype("float32")
            total, greatest, above = np.empty(rows, "float32"), np.empty(rows, "float32"), np.empty(rows, "int32")
            run([x, w, total, greatest, above], [rows, columns])
            right = (x.astype("float64") ** 2 * w).sum(1) + 1
            np.testing.assert_allclose(total, right, rtol=1e-5, atol=2e-6 * (columns + 1) ** 0.5)
            np.testing.assert_array_equal(greatest, x.max(1, initial=-np.inf))
            np.testing.assert_array_equal(above, (x > 3).any(1))


@TARGETS
def test_a_row_has_the_same_bits_wherever_it_stands(target: Target | None) -> None:
    """With other rows in one pass, or alone at the end."""
    run = compile_kernel(reductions(), target)
    rng = np.random.default_rng(4)
    for columns in (7, 130, 3000):
        row, w = rng.standard_normal(columns).astype("float32"), rng.standard_normal(columns).astype("float32")
        x = np.tile(row, (7, 1))
        total, greatest, above = np.empty(7, "float32"), np.empty(7, "float32"), np.empty(7, "int32")
        run([x, w, total, greatest, above], [7, columns])
        assert len({value.tobytes() for value in total}) == 1


def test_nan_and_an_error_that_does_not_grow() -> None:
    run = compile_kernel(reductions())
    columns = 300_000
    x, w = np.full((5, columns), 0.1, "float32"), np.ones(columns, "float32")
    x[1, 77], x[4, -1] = np.nan, np.inf
    total, greatest, above = np.empty(5, "float32"), np.empty(5, "float32"), np.empty(5, "int32")
    run([x, w, total, greatest, above], [5, columns])
    np.testing.assert_allclose(total[[0, 2, 3]], columns * float(np.float32(0.1)) ** 2 + 1, rtol=1e-6)
    np.testing.assert_array_equal(np.isnan(greatest), [False, True, False, False, False])
    assert np.isnan(total[1]) and np.isinf(total[4]) and np.isinf(greatest[4])


def test_four_rows_share_what_does_not_depend_on_them() -> None:
    """Four rows and one, each in whole vectors and under a mask: 10 loads of rows, but one of the weights for each pass."""
    text = compile_text([("k", reductions())], AVX512)
    whole = text.count("= load <32 x float>")
    assert whole <= 4 + 4 + 1 + 1


@pytest.mark.parametrize("divisor", [3.0, -1e-38, 1e-42, 3e38, 0.0, np.inf, np.nan, 2.0**-126])
@pytest.mark.parametrize("dtype", [float32, float64])
def test_division_by_what_is_fixed(divisor: float, dtype: object) -> None:
    """A product with the reciprocal, at most a rounding off, also where that has to be scaled."""
    lanes = (
        Load("v1", dtype, "b0", (at("i0"), at("i1"))),  # type: ignore[arg-type]
        Let("v2", dtype, "div", (Var("v1"), Var("v0"))),  # type: ignore[arg-type]
        Store("b0", (at("i0"), at("i1")), Var("v2")),
        Update("s0", Var("v2")),
    )
    body = (Load("v0", dtype, "b1", (at("i0"),)), Acc("s0", dtype, "max"), Lanes("i1", "n1", lanes), Store("b2", (at("i0"),), Var("s0")))  # type: ignore
    buffers = (Buffer("b0", dtype, ("n0", "n1")), Buffer("b1", dtype, ("n0",)), Buffer("b2", dtype, ("n0",)))  # type: ignore
    run = compile_kernel(Kernel(buffers, ("n0", "n1"), (For("i0", "n0", body),)))
    kind = dtype.numpy  # type: ignore[attr-defined]
    for columns in (5, 70):
        x = np.random.default_rng(1).standard_normal((3, columns)).astype(kind)
        d = np.array([divisor, 7.0, divisor], kind)
        with np.errstate(all="ignore"):
            right = x / d[:, None]
        greatest = np.empty(3, kind)
        run([x, d, greatest], [3, columns])
        np.testing.assert_allclose(x, right, rtol=2 * np.finfo(kind).eps, atol=float(np.finfo(kind).smallest_subnormal))
        np.testing.assert_array_equal(greatest, x.max(1))

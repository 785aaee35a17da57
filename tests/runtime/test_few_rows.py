"""Products of few rows: values at the ends of panels and pieces, transposed operands, and the same bits on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest

from croton.runtime import few_rows, pool
from croton.runtime.calls.gemm import Axis, Gemm
from croton.runtime.calls.scope import MalformedProgram
from croton.runtime.check import check
from croton.runtime.function import load
from croton.runtime.native import own
from croton.runtime.portable import PortableFunction
from croton.runtime.program import Array, Output, Program, Shared
from croton.runtime.stream import Limits

SIZES = [
    (4, 32, 8),
    (4, 16, 0),
    (5, 250, 1030),
    (8, 64, 2050),
    (13, 63, 1024),
    (15, 31, 17),
    (100, 500, 60),
    (256, 160, 33),
    (257, 160, 33),
    (3, 128, 40),
    (12, 33, 5),
    (0, 32, 4),
    (9, 0, 4),
]
"""Some of them the library's, by the number of rows, of columns in the last panel, or of multiplications."""
RNG = np.random.default_rng(0)


def program(dtype: str, sizes: tuple[int, int, int], a_transposed: bool, b_transposed: bool, added: bool, batch: int = 1) -> Program:
    """0.5 * a @ b, or that added to twice a variable, for each member of a batch."""
    m, n, k = sizes
    constants = (m, n, k, batch, m * k, k * n, m * n)
    a_axes, b_axes = ((2, 0) if a_transposed else (0, 2)), ((1, 2) if b_transposed else (2, 1))
    inputs = Array(dtype, (3, *a_axes)), Array(dtype, (3, *b_axes))
    axes = (Axis(3, 4, 5, 6),) if batch > 1 else ()
    beta = 2.0 if added else 0.0
    gemm = Gemm(dtype, a_transposed, b_transposed, 0, 1, 2, 0, a_axes[1], 1, b_axes[1], 2, 1, alpha=0.5, beta=beta, batch=axes, own=f"few {dtype}")
    shared = (Shared(dtype, (3, 0, 1), written=True),) if added else ()
    outputs = () if added else (Output("new", dtype, (3, 0, 1)),)
    return Program(inputs, outputs, (gemm,), constants, len(constants), shared, structure="none" if added else "one")


def operands(dtype: str, sizes: tuple[int, int, int], transposed: tuple[bool, bool], batch: int = 1) -> tuple[np.ndarray, ...]:
    """Both matrices as they are given, and their product in float64."""
    m, n, k = sizes
    a, b = RNG.normal(size=(batch, m, k)).astype(dtype), RNG.normal(size=(batch, k, n)).astype(dtype)
    given = [np.ascontiguousarray(x.swapaxes(1, 2)) if t else x for x, t in zip((a, b), transposed)]
    return *given, a.astype("float64") @ b


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("sizes", SIZES)
def test_values(dtype: str, transposed: tuple[bool, bool], sizes: tuple[int, int, int]) -> None:
    a, b, right = operands(dtype, sizes, transposed)
    tolerance = {"rtol": 1e-5, "atol": 1e-4} if dtype == "float32" else {"rtol": 1e-12, "atol": 1e-11}
    plain = program(dtype, sizes, *transposed, False)
    check(plain, 0, 0)
    np.testing.assert_allclose(load(plain)(a, b), 0.5 * right, **tolerance)
    np.testing.assert_allclose(PortableFunction(plain, (), (), (), None, ())(a, b), 0.5 * right, **tolerance)
    before = RNG.normal(size=right.shape).astype(dtype)
    cell = [before.copy()]
    load(program(dtype, sizes, *transposed, True), cells=(cell,))(a, b)
    np.testing.assert_allclose(cell[0], 2 * before.astype("float64") + 0.5 * right, **tolerance)


@pytest.mark.parametrize("transposed", [(False, False), (True, True)])
def test_a_batch(transposed: tuple[bool, bool]) -> None:
    sizes = (20, 96, 700)
    a, b, right = operands("float32", sizes, transposed, batch=3)
    np.testing.assert_allclose(load(program("float32", sizes, *transposed, False, batch=3))(a, b), 0.5 * right, rtol=1e-5, atol=1e-4)


@pytest.mark.skipif(not few_rows.suits(), reason="this processor has too few registers: the library's products are shared out by rows")
@pytest.mark.parametrize("transposed", [(False, False), (False, True)])
def test_the_same_bits_on_any_number_of_threads(transposed: tuple[bool, bool]) -> None:
    sizes = (64, 500, 300)
    a, b, _ = operands("float32", sizes, transposed)
    before = pool.get_threads()
    function = load(program("float32", sizes, *transposed, False), limits=Limits(parallel_flops=1))
    found = []
    for threads in (1, 2, 3):
        pool.set_threads(threads)
        found.append(function(a, b).tobytes())
    pool.set_threads(before)
    assert len(set(found)) == 1


@pytest.mark.skipif(not few_rows.suits(), reason="this processor has too few registers")
def test_what_is_not_a_number_stays_in_its_row_and_column() -> None:
    sizes = (9, 96, 1030)
    a, b, _ = operands("float32", sizes, (False, False))
    a[0, 3, 5], b[0, 7, 20] = np.nan, np.inf
    found = load(program("float32", sizes, False, False, False))(a, b)[0]
    wrong = ~np.isfinite(found)
    expected = np.zeros_like(wrong)
    expected[3], expected[:, 20] = True, True
    np.testing.assert_array_equal(wrong, expected)


def test_processors_without_the_registers_have_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (own("few float32") != 0) == few_rows.suits()
    monkeypatch.setattr(few_rows, "registers", lambda: (32, 4))
    assert not few_rows.suits()


def test_a_routine_is_for_one_dtype() -> None:
    wrong = program("float32", (8, 64, 8), False, False, False)
    with pytest.raises(MalformedProgram, match="no routine"):
        check(wrong._replace(calls=(wrong.calls[0]._replace(own="few float64"),)), 0, 0)

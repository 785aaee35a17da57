"""Products of a tall matrix with few columns: values at the ends of rows, vectors and pieces, and the same bits on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from hand_programs import constants
from products import RNG, check_values, on_threads, operands, program

from croton.runtime import narrow
from croton.runtime.calls.gemm import Gemm
from croton.runtime.function import load
from croton.runtime.native import own
from croton.runtime.program import Array, Program, Shared

SIZES = [
    (16_001, 2, 32),
    (5_001, 4, 51),
    (1_001, 3, 350),
    (501, 2, 1024),
    (129, 4, 2_049),
    (128, 3, 2_700),
    (401, 5, 512),
    (257, 7, 600),
    (4_001, 8, 33),
    (257, 9, 500),
    (127, 4, 2_000),
    (20_000, 4, 15),
    (130, 4, 100),
    (130, 4, 0),
    (0, 4, 64),
]
"""Some of them the library's, by the number of rows, of columns, of products that are added up, or of all of them; the others have more than a million."""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("sizes", SIZES)
def test_values(dtype: str, transposed: tuple[bool, bool], sizes: tuple[int, int, int]) -> None:
    check_values(f"columns {dtype}", sizes, transposed)


@pytest.mark.parametrize("b_transposed", [False, True])
def test_a_batch(b_transposed: bool) -> None:
    sizes = (450, 6, 400)
    a, b, right = operands("float32", sizes, (False, b_transposed), batch=3)
    np.testing.assert_allclose(load(program("columns float32", sizes, False, b_transposed, False, batch=3))(a, b), 0.5 * right, rtol=1e-5, atol=1e-4)


def test_what_is_not_finite_stays_where_it_is() -> None:
    sizes = (4_131, 5, 50)
    a, b, _ = operands("float32", sizes, (False, False))
    a[0, 3, 49], a[0, 4_130, 0], b[0, 7, 2] = np.inf, np.nan, np.inf
    with np.errstate(invalid="ignore"):
        right = 0.5 * (a.astype("float64") @ b)
    np.testing.assert_allclose(load(program("columns float32", sizes, False, False, False))(a, b), right, rtol=1e-5, atol=1e-4)
    assert np.isfinite(np.delete(right[0], [3, 4_130], 0)[:, [0, 1, 3, 4]]).all() and not np.isfinite(right[0, 3]).any()


@pytest.mark.parametrize("columns", [2, 5, 8])
def test_nothing_is_written_beside_the_columns(columns: int) -> None:
    """The product goes into some columns of a wider matrix."""
    m, k, wide = 16_001, 40, 11
    numbers = (m, columns, k, wide)
    gemm = Gemm("float32", False, False, 0, 1, 2, 0, 2, 1, 1, 2, 3, own="columns float32")
    inputs, shared = (Array("float32", (0, 2)), Array("float32", (2, 1))), (Shared("float32", (0, 3), written=True),)
    cell = [np.full((m, wide), 7, np.float32)]
    a, b = RNG.normal(size=(m, k)).astype("float32"), RNG.normal(size=(k, columns)).astype("float32")
    load(Program(inputs, (), (gemm,), constants(*numbers), len(numbers), shared, structure="none"), cells=(cell,))(a, b)
    np.testing.assert_allclose(cell[0][:, :columns], a @ b, rtol=1e-4, atol=1e-4)
    assert (cell[0][:, columns:] == 7).all()


@pytest.mark.skipif(not narrow.suits(), reason="this processor has too few registers")
@pytest.mark.parametrize("m", [500, 533])
def test_the_same_bits_on_any_number_of_threads(m: int) -> None:
    sizes = (m, 8, 300)
    assert own("columns float32") and len(set(on_threads("columns float32", sizes, (False, False)))) == 1

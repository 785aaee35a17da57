"""Products of few rows, or of not many columns: values at the ends of panels and pieces, transposed operands, and the same bits on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from products import check_values, on_threads, operands, program

from croton.runtime import narrow
from croton.runtime.calls.scope import MalformedProgram
from croton.runtime.check import check
from croton.runtime.function import load
from croton.runtime.native import own

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
    (130, 96, 50),
    (31, 203, 40),
    (128, 301, 70),
    (61, 142, 1030),
    (300, 128, 1030),
    (515, 63, 40),
    (400, 129, 40),
    (3, 128, 40),
    (12, 33, 5),
    (16, 330, 900),
    (29, 500, 700),
    (250, 1030, 600),
    (0, 32, 4),
    (9, 0, 4),
]
"""Some of them the library's, by the number of rows, of columns in the last panel, or of multiplications."""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("sizes", SIZES)
def test_values(dtype: str, transposed: tuple[bool, bool], sizes: tuple[int, int, int]) -> None:
    check_values(f"narrow {dtype}", sizes, transposed)


@pytest.mark.parametrize("transposed", [(False, False), (True, True)])
def test_a_batch(transposed: tuple[bool, bool]) -> None:
    sizes = (20, 96, 700)
    a, b, right = operands("float32", sizes, transposed, batch=3)
    np.testing.assert_allclose(load(program("narrow float32", sizes, *transposed, False, batch=3))(a, b), 0.5 * right, rtol=1e-5, atol=1e-4)


@pytest.mark.skipif(not narrow.suits(), reason="this processor has too few registers: the library's products are shared out by rows")
@pytest.mark.parametrize("transposed", [(False, False), (False, True)])
@pytest.mark.parametrize("sizes", [(64, 500, 300), (700, 128, 300), (30, 500, 300), (100, 96, 2000)])
def test_the_same_bits_on_any_number_of_threads(sizes: tuple[int, int, int], transposed: tuple[bool, bool]) -> None:
    assert own("narrow float32") and len(set(on_threads("narrow float32", sizes, transposed))) == 1


@pytest.mark.skipif(not narrow.suits(), reason="this processor has too few registers")
def test_what_is_not_a_number_stays_in_its_row_and_column() -> None:
    sizes = (9, 96, 1030)
    a, b, _ = operands("float32", sizes, (False, False))
    a[0, 3, 5], b[0, 7, 20] = np.nan, np.inf
    found = load(program("narrow float32", sizes, False, False, False))(a, b)[0]
    wrong = ~np.isfinite(found)
    expected = np.zeros_like(wrong)
    expected[3], expected[:, 20] = True, True
    np.testing.assert_array_equal(wrong, expected)


def test_processors_without_the_registers_have_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (own("narrow float32") != 0) == narrow.suits()
    monkeypatch.setattr(narrow, "registers", lambda: (32, 4))
    assert not narrow.suits()


def test_a_routine_is_for_one_dtype() -> None:
    wrong = program("narrow float32", (8, 64, 8), False, False, False)
    with pytest.raises(MalformedProgram, match="no routine"):
        check(wrong._replace(calls=(wrong.calls[0]._replace(own="narrow float64"),)), 0, 0)

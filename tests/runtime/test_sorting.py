"""Sorting as machine code and its Python path: every dtype, rows on both sides of where the way to sort changes, whole and in part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hand_programs import constants

from croton.dtypes import ALL
from croton.runtime.calls.matrices import Matrices, Stack
from croton.runtime.check import check
from croton.runtime.program import Array, Output, Program
from croton.util.sorting import FEW, SHORT, argsort

RNG = np.random.default_rng(0)
SIZES = (0, 1, 2, 7, 8, 9, 40, SHORT - 1, SHORT, SHORT + 1, 700)


def given(dtype: str, n: int) -> dict[str, np.ndarray]:
    """Rows with many equal elements, of all bits there are, in order from either end, and of one number."""
    kind = np.dtype(dtype)
    if kind.kind == "b":
        few = wide = RNG.integers(0, 2, n).astype(bool)
    elif kind.kind in "iu":
        limits = np.iinfo(kind)
        few, wide = RNG.integers(0, 4, n).astype(kind), RNG.integers(limits.min, limits.max, n, dtype=kind, endpoint=True)
    else:
        bits = np.dtype(f"u{kind.itemsize}")
        # Any bits, so that there are NaN of either sign, numbers below the smallest normal one and infinities.
        wide = RNG.integers(0, np.iinfo(bits).max, n, dtype=bits, endpoint=True).view(kind)
        wide[::7], wide[3::7], wide[1::9] = np.inf, -np.inf, -np.nan
        few = RNG.choice(np.array([0.0, -0.0, 1.5, -1.5, np.nan, 5e-324], kind), n)
    falling, one = np.arange(n)[::-1].astype(kind), np.full(n, few[0] if n else 0, kind)
    return {"few": few, "wide": wide, "in order": np.sort(wide), "the other way": np.sort(wide)[::-1].copy(), "falling": falling, "one": one}


def found(loader: Callable[..., Any], rows: np.ndarray, wanted: int, descending: bool, apart: int = 1) -> np.ndarray:
    """The first indices in order of rows whose elements lie so far apart, by a program of one call."""
    numbers: list[int] = []

    def index(value: int) -> int:
        if value not in numbers:
            numbers.append(value)
        return numbers.index(value)

    count, n = rows.shape
    work = (16 * n + 63) // 64 * 64
    row = Stack(rows.dtype.name, 0, index(n), index(1), index(apart), index(0))
    result = Stack("int64", 2, index(wanted), index(1), index(1), index(0))
    strides = (index(n * apart), index(wanted))
    call = Matrices(
        f"argsort {rows.dtype.name}", (row, result), int(descending), (index(count),), strides, index(1 << 30), -1, 1, index(work), index(count)
    )
    inputs = (Array(rows.dtype.name, (index(count), index(n), index(apart))),)
    outputs = (Output("new", "int64", (index(count), index(wanted))),)
    slots, arena = (index(0),), index(work * count)
    made = Program(inputs, outputs, (call,), constants(*numbers), len(numbers), slots=slots, arena=arena, structure="one")
    check(made, 0, 0)
    spread = np.zeros((*rows.shape, apart), rows.dtype)
    spread[:, :, 0] = rows
    value: np.ndarray = loader(made)(spread)
    return value


@pytest.mark.parametrize("dtype", [dtype.name for dtype in ALL])
@pytest.mark.parametrize("n", SIZES)
def test_the_order_is_numpys(loader: Callable[..., Any], dtype: str, n: int) -> None:
    rows = np.stack(list(given(dtype, n).values()))
    for descending in (False, True):
        wanted = argsort(rows, descending)
        for count in sorted({0, 1, 5, n // 4, n // 4 + 1, FEW, FEW + 1, n}):
            if count <= n:
                np.testing.assert_array_equal(found(loader, rows, count, descending), wanted[:, :count])


@pytest.mark.parametrize("n", [5, 300])
@pytest.mark.parametrize("dtype", ["float64", "int8"])
def test_elements_that_lie_apart(loader: Callable[..., Any], dtype: str, n: int) -> None:
    rows = np.stack(list(given(dtype, n).values()))
    np.testing.assert_array_equal(found(loader, rows, n, False, apart=3), argsort(rows))

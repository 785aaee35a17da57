"""Masked sums whose elements are divided by what may be 0: 0 where nothing is left by the mask, as in NumPy, whatever is done with the division."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import croton as cr

ROWS, COLUMNS, EMPTY = 5, 7, 1
GENERATOR = np.random.default_rng(0)
MASK = GENERATOR.random((ROWS, COLUMNS)) < 0.5
MASK[EMPTY] = False
ARRAYS = {
    "m": MASK,
    "x": GENERATOR.standard_normal((ROWS, COLUMNS)),
    "y": GENERATOR.standard_normal((ROWS, COLUMNS)),
    "n": MASK.sum(1).astype(float),
    "v": GENERATOR.standard_normal((COLUMNS, 3)),
    "i": GENERATOR.integers(0, COLUMNS, 6),
}
Sum = Callable[..., Any]

SUMS: dict[str, Sum] = {
    "a mean": lambda c, m, x, y, n, v, i: c.where(m, x / n[:, None], 0).sum(1),
    "of all": lambda c, m, x, y, n, v, i: c.where(m, x / n[:, None], 0).sum(),
    "slices": lambda c, m, x, y, n, v, i: c.where(m[:, 1:], x[:, :-1] / n[:, None], 0).sum(1),
    "two": lambda c, m, x, y, n, v, i: c.where(m, x / n[:, None], 0).sum(1) + c.where(m, y / n[:, None], 0).sum(1) * 2,
    "a product of matrices": lambda c, m, x, y, n, v, i: c.where(m, x / n[:, None], 0) @ v,
    "both sides": lambda c, m, x, y, n, v, i: c.where(m, x / n[:, None], 0).T @ c.where(m, y / n[:, None], 0),
    "read": lambda c, m, x, y, n, v, i: c.where(m, x / n[:, None], 0)[:, i].sum(1),
    "a mask that is read": lambda c, m, x, y, n, v, i: c.where(m[:, i], x[:, i] / n[:, None], 0).sum(1),
    "squares": lambda c, m, x, y, n, v, i: (c.where(m, (x - y) / n[:, None], 0) ** 2).sum(1),
    "a power": lambda c, m, x, y, n, v, i: c.where(m, x * y / n[:, None] ** 2, 0).mean(1),
    "less one": lambda c, m, x, y, n, v, i: c.where(m, x / ((n + c.where(n > 0, 0, 1)) - 1)[:, None], 0).mean(1),
    "a root": lambda c, m, x, y, n, v, i: c.where(m, x / c.sqrt(n)[:, None], 0).sum(1),
    "a running sum": lambda c, m, x, y, n, v, i: c.cumsum(c.where(m, x / n[:, None], 0), 1),
    "attention": lambda c, m, x, y, n, v, i: c.where(m, c.exp(x) / c.where(m, c.exp(x), 0).sum(1)[:, None], 0) @ v,
    "a variance": lambda c, m, x, y, n, v, i: c.where(m, (x - (c.where(m, x, 0).sum(1) / n)[:, None]) ** 2 / n[:, None], 0).sum(1),
    "of one row": lambda c, m, x, y, n, v, i: c.where(m[EMPTY], x[EMPTY] / n[EMPTY], 0).sum(),
}


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("known", [True, False])
def test_nothing_adds_up_to_zero(name: str, known: bool) -> None:
    inputs = {key: cr.tensor(key, array.shape if known else (None,) * array.ndim, dtype=str(array.dtype)) for key, array in ARRAYS.items()}
    with np.errstate(all="ignore"):
        expected = SUMS[name](np, **ARRAYS)
    function = cr.function(list(inputs.values()), SUMS[name](cr, **inputs))
    np.testing.assert_allclose(function(*ARRAYS.values()), expected, rtol=1e-12, atol=1e-14)


def test_a_slope_of_nothing_is_zero() -> None:
    m, x, y, n, v, i = (cr.tensor(key, array.shape, dtype=str(array.dtype)) for key, array in ARRAYS.items())
    slopes = cr.grad((SUMS["attention"](cr, m, x, y, n, v, i) ** 2).sum(), x)
    found = cr.function([m, x, v], slopes)(ARRAYS["m"], ARRAYS["x"], ARRAYS["v"])
    assert np.isfinite(found).all() and not found[~MASK].any() and found[MASK].any()


def test_what_is_never_zero_is_divided_by_once() -> None:
    """With the result, not with each element."""
    m, x, n = cr.matrix("m", dtype="bool"), cr.matrix("x"), cr.vector("n")
    sizes = {"m": (50, 40), "x": (50, 40), "n": (50,)}
    held = cr.function([m, x, n], cr.where(m, x / n[:, None], 0).sum(1)).flops(**sizes)
    free = cr.function([m, x, n], cr.where(m, x / (1 + n**2)[:, None], 0).sum(1)).flops(**sizes)
    assert free < held

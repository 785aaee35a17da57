"""Numbers made of symbolic sizes that need not be integers adapt to arrays, as Python's floats do."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr

x = cr.vector("x", dtype="float32")
n = x.shape[0]
DATA = np.arange(1, 5, dtype="float32")


@pytest.mark.parametrize(
    "found, wanted",
    [
        (x * (1 / n), DATA / 4),
        (x / n**0.5, DATA / np.float32(2)),
        (x * (n - 0.5), DATA * np.float32(3.5)),
        ((1 - 1 / n) * x, DATA * np.float32(0.75)),
        (x + n / 2, DATA + 2),
        (n**-1 * x, DATA / 4),
        (2.0**n * x, DATA * 16),
        (x ** (1 / n), DATA ** np.float32(0.25)),
        (cr.where(n > 3, x, 0), DATA),
        (cr.where(n >= 5, x, 0), 0 * DATA),
        (cr.where(1 / n == 0.25, x, 0), DATA),
        (np.float32(2) * (1 / n), np.float32(0.5)),
        ((1 / n) * np.ones(4), np.full(4, 0.25)),
        (np.ones(4) - 1 / n, np.full(4, 0.75)),
        (cr.sqrt(n / 1), np.float64(2)),
        (1.5 * n, np.float64(6)),
        (0.5 - n, np.float64(-3.5)),
        (-(1 / n) + abs(n - 4.5), np.float64(0.25)),
        (cr.stack([1 / n, n]), np.array([0.25, 4.0])),
        (cr.full((2,), n / n), np.ones(2)),
    ],
)
def test_values_and_dtypes(found, wanted) -> None:
    value = cr.function([x], found)(DATA)
    assert value.dtype == wanted.dtype
    np.testing.assert_allclose(value, wanted, rtol=1e-6)


def test_integers_stay_sizes() -> None:
    assert cr.zeros(2 * n + n**2 - n // 2).shape == (2 * n + n**2 - n // 2,)
    assert n == x.shape[0] and n != 3 and {n: 1}[n] == 1


@pytest.mark.parametrize("wrong", [lambda: float(n), lambda: int(n), lambda: range(n), lambda: float(1 / n), lambda: 3 if n > 2 else 4, lambda: bool(1 / n)])
def test_they_are_no_python_numbers(wrong) -> None:
    with pytest.raises(cr.KindError, match="while the graph is built"):
        wrong()

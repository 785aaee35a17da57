"""Quotients that are computed in several kernels and compared: whether the divisor is the same for all lanes of one of them must not show."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_least_quotient_is_one_of_them(dtype: str) -> None:
    """Of a program found by chance (6001047): the index was as large as the axis is long."""
    x = cr.tensor("x", (4, 4, 1), dtype=dtype)
    f = cr.function([x], cr.argmin(cr.einsum("iij,kkj->i", x, x) / x, axis=0))
    for _ in range(50):
        array = RNG.uniform(0.1, 3, (4, 4, 1)).astype(dtype)
        quotients = np.einsum("iij,kkj->i", array, array) / array
        found = f(array)
        assert found.max() < 4
        np.testing.assert_allclose(np.take_along_axis(quotients, found[None], 0)[0], quotients.min(axis=0), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axis", [0, 1])
def test_the_slope_of_the_greatest_quotient_is_not_lost(dtype: str, axis: int) -> None:
    a, b = cr.vector("a", dtype=dtype), cr.vector("b", dtype=dtype)
    quotients = (a * a.sum())[:, None] / cr.exp(b)[None, :] if axis else cr.exp(a)[None, :] / (b * b.sum())[:, None]
    scale = cr.vector("scale", dtype=dtype)
    f = cr.function([a, b, scale], [cr.grad((quotients * scale[0]).max(axis=axis).sum(), scale)[0], quotients.max(axis=axis).sum()])
    for _ in range(20):
        one, other = (RNG.uniform(0.5, 2, 9).astype(dtype) for _ in range(2))
        slope, total = f(one, other, np.ones(1, dtype))
        np.testing.assert_allclose(slope, total, rtol=1e-5)

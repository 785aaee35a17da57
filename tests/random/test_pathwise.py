"""Derivatives of gamma variates by their concentration, against differences of quantiles."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special as special

import croton as cr
from croton.random.pathwise import slope_of_logarithm

KEY = cr.random.key(7)
CHANCES = np.array([1e-6, 1e-3, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 0.999, 1 - 1e-6])


def quantile(a: float, chances: np.ndarray) -> np.ndarray:
    """From the end that is nearer, where digits are."""
    return np.where(chances < 0.5, special.gammaincinv(a, chances), special.gammainccinv(a, 1 - chances))


def moved(a: float, chances: np.ndarray) -> np.ndarray:
    """How the logarithms of quantiles move, by differences of sixth order."""
    step = 0.02 * a / (1 + np.sqrt(a))
    there = [np.log(quantile(a + k * step, chances)) for k in (-3, -2, -1, 1, 2, 3)]
    return np.tensordot([-1, 9, -45, 45, -9, 1], there, 1) / (60 * step)


@pytest.mark.parametrize("a", [0.1, 0.3, 0.7, 1.0, 2.0, 4.5, 5.99, 6.0, 8.0, 20.0, 100.0, 1e3, 1e4, 1e6])
def test_the_slope_is_that_of_quantiles(a: float) -> None:
    z = quantile(a, CHANCES)
    slope = slope_of_logarithm(cr.asarray(np.full(len(z), a)), cr.asarray(np.log(z))).eval()
    np.testing.assert_allclose(slope, moved(a, CHANCES), rtol=2e-7 if a < 1e5 else 2e-5)


@pytest.mark.parametrize("a", [1e-6, 1e-3, 0.01, 0.05])
def test_the_slope_where_variates_are_too_small_to_be_written_down(a: float) -> None:
    """There the distribution function is z**a / gamma(a + 1), and the slope of log z is known."""
    logarithm = np.array([-1e3, -400.0, -60.0])
    slope = slope_of_logarithm(cr.asarray(np.full(3, a)), cr.asarray(logarithm)).eval()
    np.testing.assert_allclose(slope, (special.digamma(a + 1) - logarithm) / a, rtol=1e-12)


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-6), ("float32", 5e-6)])
def test_variates_move_with_their_concentration(dtype: str, rtol: float) -> None:
    concentrations = np.array([0.01, 0.2, 1.0, 3.0, 30.0, 1e4], dtype)
    a = cr.vector("a", dtype=dtype)
    z = cr.random.gamma(KEY, a, (500, a.shape[0]), 2.0, dtype=dtype)
    values, slopes = cr.function([a], [z, cr.jvp(z, a, cr.ones_like(a))])(concentrations)
    assert slopes.dtype == dtype
    for column in range(1, len(concentrations)):
        x = 2.0 * values[:, column].astype(float)
        alpha = float(concentrations[column])
        # where the quantile is known to the digits that are compared
        told = (x > 1e-3 * alpha) & (special.gammaincc(alpha, x) > 1e-3) & (special.gammainc(alpha, x) > 1e-3)
        low = special.gammainc(alpha, x) < 0.5
        wanted = np.where(low, moved(alpha, special.gammainc(alpha, x)), moved(alpha, 1 - special.gammaincc(alpha, x)))
        np.testing.assert_allclose(2.0 * slopes[told, column] / x[told], wanted[told], rtol=rtol)
    assert np.isfinite(slopes).all()


def test_gradients_of_means_are_unbiased() -> None:
    a, b = cr.scalar("a"), cr.scalar("b")
    count = 40_000
    share, power = cr.random.beta(KEY, a, b, (count,)), cr.random.gamma(KEY, a, (count,))
    part = cr.random.dirichlet(KEY, cr.stack([a, b, 1.5]), (count,))[:, 0]
    found = cr.function([a, b], [cr.jvp(x, a, 1.0) for x in (share, part, power, cr.log(power))])
    for alpha, beta in ((0.3, 0.8), (2.0, 5.0), (9.0, 0.5)):
        every = np.stack(found(alpha, beta))
        whole = alpha + beta + 1.5
        wanted = [beta / (alpha + beta) ** 2, (beta + 1.5) / whole**2, 1.0, special.polygamma(1, alpha)]
        error = every.std(axis=1) / np.sqrt(count)
        assert (np.abs(every.mean(axis=1) - wanted) < 4 * error).all()


def test_second_derivatives_maps_and_loops() -> None:
    def power(a: cr.Expr, key: cr.Expr) -> cr.Expr:
        return cr.random.gamma(key, a, dtype="float64")

    points = np.array([0.4, 1.7, 12.0])
    x = cr.vector("x", (3,))
    value = power(x, KEY)
    found, second = cr.function([x], [value, cr.grad(cr.grad(value.sum(), x).sum(), x)])(points)
    step = 0.01 * points
    chances = special.gammainc(points, found)
    there = [special.gammaincinv(points + k * step, chances) for k in (-2, -1, 0, 1, 2)]
    np.testing.assert_allclose(second, np.tensordot([-1, 16, -30, 16, -1], there, 1) / (12 * step**2), rtol=1e-4)
    each = cr.vmap(lambda a, key: cr.grad(power)(a, key))(x, cr.random.split(KEY, 3))
    looped = cr.scan(lambda carry, e: (carry, cr.grad(power)(e[0], e[1])), 0.0, (x, cr.random.split(KEY, 3)))[1]
    mapped, stepped = cr.function([x], [each, looped])(points)
    np.testing.assert_allclose(mapped, stepped, rtol=1e-12)
    one = [cr.grad(power)(cr.asarray(a), cr.random.split(KEY, 3)[i]).eval() for i, a in enumerate(points)]
    np.testing.assert_allclose(mapped, one, rtol=1e-12)


def test_edges() -> None:
    a = cr.vector("a")
    z = cr.random.gamma(KEY, a)
    value, slope = cr.function([a], [z, cr.grad(z.sum(), a)])(np.array([0.0, -1.0, 1e-300, 1e12]))
    assert value[0] == 0 and slope[0] == 0 and np.isnan(value[1]) and np.isnan(slope[1])
    assert value[2] == slope[2] == 0 and abs(slope[3] - 1) < 1e-4

"""The references of special functions, against SciPy's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import special as scipy_special

from croton.util import special

POINTS = np.array([-np.inf, -30.5, -2.5, -1.0, -0.3, -1e-9, -0.0, 0.0, 1e-9, 0.3, 0.9999999, 1.0, 2.5, 30.5, np.inf, np.nan])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (special.erf, scipy_special.erf),
        (special.erfc, scipy_special.erfc),
        (special.erfinv, scipy_special.erfinv),
        (special.lgamma, scipy_special.gammaln),
        (special.sigmoid, scipy_special.expit),
        (special.softplus, lambda x: np.logaddexp(0, x)),
    ],
    ids=lambda function: getattr(function, "__name__", ""),
)
def test_functions_of_one_number(mine: Callable, theirs: Callable, dtype: type) -> None:
    x = POINTS.astype(dtype)
    if mine is special.lgamma:
        x = x[x != -np.inf]  # SciPy gives infinity with either sign there
    with np.errstate(all="ignore"):
        found, wanted = mine(x), theirs(x.astype(np.float64)).astype(dtype)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, wanted, rtol=8 * np.finfo(dtype).eps, atol=1e-15)


def test_digamma_and_its_poles() -> None:
    x = np.array([-2.5, -0.3, 1e-3, 0.5, 1.0, 7.25, 400.0, -1.0, 0.0])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(special.digamma(x)[:-2], scipy_special.psi(x)[:-2], rtol=1e-13)
        assert np.isnan(special.digamma(x)[-2:]).all()


def test_zero_times_a_logarithm() -> None:
    x, y = np.array([0.0, 0.0, 0.0, 2.0, 0.0]), np.array([0.0, np.inf, np.nan, 3.0, -1.0])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(special.xlogy(x, y), scipy_special.xlogy(x, y))
        np.testing.assert_array_equal(special.xlogx(np.array([0.0, np.e])), [0.0, np.e])
        np.testing.assert_array_equal(special.safe_reciprocal(np.array([0.0, 4.0])), [0.0, 0.25])


def test_integers() -> None:
    x = np.array([-2, -1, 0, 1, 3], np.int32)
    np.testing.assert_array_equal(special.power(x, np.int32(-3)), [0, -1, 0, 1, 0])
    np.testing.assert_array_equal(special.power(x, np.int32(3)), [-8, -1, 0, 1, 27])
    np.testing.assert_array_equal(special.shift_left(x, np.int32(40)), 0)
    np.testing.assert_array_equal(special.shift_right(x, np.int32(40)), [-1, -1, 0, 0, 0])
    np.testing.assert_array_equal(special.shift_right(x.astype(np.uint8), np.uint8(9)), 0)
    assert special.integers_kept(np.floor)(x).dtype == np.int32

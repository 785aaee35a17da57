"""The different elements of arrays, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import croton as cr

X = cr.matrix("x")
NAN = np.nan
ARRAYS = [
    np.array([[3.0, 1.0, 3.0], [2.0, 1.0, 3.0]]),
    np.array([[1.0, NAN, NAN], [-np.inf, np.inf, 1.0]]),
    np.zeros((2, 2)),
    np.zeros((0, 3)),
    np.ones((1, 1)),
    np.array([[NAN]]),
]


def parts(found: Any, wanted: Any) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("array", ARRAYS)
def test_unique_is_numpys(array: np.ndarray) -> None:
    parts(cr.function([X], cr.unique(X, True, True, True))(array), np.unique(array, True, True, True))
    parts(cr.function([X], cr.unique(X, True, True, True, equal_nan=False))(array), np.unique(array, True, True, True, equal_nan=False))
    np.testing.assert_array_equal(cr.unique(X).eval({X: array}), np.unique(array))
    np.testing.assert_array_equal(cr.reference.evaluate(cr.unique(X), {X: array}), np.unique(array))
    assert len(cr.unique(X, return_counts=True)) == 2


def test_the_standards_functions() -> None:
    array = ARRAYS[1]
    parts(cr.function([X], list(cr.unique_all(X)))(array), np.unique_all(array))
    parts(cr.function([X], list(cr.unique_counts(X)))(array), np.unique_counts(array))
    parts(cr.function([X], list(cr.unique_inverse(X)))(array), np.unique_inverse(array))
    parts([cr.unique_values(X).eval({X: array})], [np.unique(array, equal_nan=False)])
    assert cr.unique_all(X)._fields == ("values", "indices", "inverse_indices", "counts")


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint32", "float32"])
def test_dtypes(dtype: str) -> None:
    v = cr.vector("v", dtype=dtype)
    array = np.array([1, 0, 5, 1, 0], dtype)
    parts(cr.function([v], cr.unique(v, return_inverse=True))(array), np.unique(array, return_inverse=True))


def test_a_derivative() -> None:
    v = cr.vector("v")
    f = cr.function([v], cr.grad((cr.unique(v) ** 2).sum(), v))
    np.testing.assert_array_equal(f(np.array([3.0, 1.0, 3.0, 2.0])), [6, 2, 0, 4])

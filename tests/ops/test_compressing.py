"""Choosing and writing by masks that are known only in the call."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr

X, V = cr.matrix("x"), cr.vector("v")
M = cr.vector("m", dtype="bool")
VALUES = np.array([0.0, 3.0, 0.0, -1.0, 5.0])


@pytest.mark.parametrize("size", [0, 2, 3, 5, 8])
def test_nonzero_with_room(size: int) -> None:
    f = cr.function([V], cr.nonzero(V, size=size, fill_value=-7))
    for values in (VALUES, np.zeros(4), np.ones(3), np.zeros(0)):
        (found,) = f(values)
        right = np.nonzero(values)[0][:size]
        np.testing.assert_array_equal(found, np.concatenate([right, np.full(size - len(right), -7)]))


def test_nonzero_of_more_axes() -> None:
    values = np.array([[0, 1, 0], [2, 0, 3]])
    n = cr.matrix("n", dtype="int64")
    rows, columns = cr.function([n], cr.nonzero(n, size=4, fill_value=9))(values)
    np.testing.assert_array_equal(rows, [0, 1, 1, 9])
    np.testing.assert_array_equal(columns, [1, 0, 2, 9])
    np.testing.assert_array_equal(cr.function([n], cr.argwhere(n, size=2))(values), [[0, 1], [1, 0]])


def test_compress_with_room() -> None:
    f = cr.function([V, M], cr.compress(M, V, size=3, fill_value=-1))
    np.testing.assert_array_equal(f(np.arange(4.0), [True, False, True, False]), [0, 2, -1])
    np.testing.assert_array_equal(f(np.arange(4.0), [True] * 4), [0, 1, 2])
    x = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(cr.function([X, M], cr.compress(M, X, 0, size=2))(x, [False, True, False]), [[2, 3], [0, 0]])
    np.testing.assert_array_equal(cr.function([X, M], cr.compress(M, X, 1, size=1))(x, [False, True]), x[:, 1:])


def test_compress_has_a_derivative() -> None:
    f = cr.function([V], cr.grad((cr.compress(V > 0, V, size=3) ** 2).sum(), V))
    np.testing.assert_array_equal(f(VALUES), [0, 6, 0, 0, 10])


def test_writing_at_a_computed_mask() -> None:
    v = np.array([-1.0, 2.0, np.nan, 4.0])
    positive = V > 0
    place = V.at[positive]
    products = [place.multiply(2.0), place.mul(2.0), place.divide(2.0)]
    f = cr.function([V], [place.set(0.0), place.add(1.0), place.subtract(1.0), *products, place.max(3.0), place.min(3.0)])
    mask = v > 0
    right = (0 * v, v + 1, v - 1, v * 2, v * 2, v / 2, np.maximum(v, 3), np.minimum(v, 3))
    for value, written in zip(f(v), right):
        np.testing.assert_array_equal(value, np.where(mask, written, v))


def test_masks_of_some_axes_and_of_all() -> None:
    x = np.arange(6.0).reshape(3, 2)
    m = np.array([True, False, True])
    right = x.copy()
    right[m] = [7, 8]
    np.testing.assert_array_equal(cr.function([X, M], X.at[M].set(np.array([7.0, 8.0])))(x, m), right)
    np.testing.assert_array_equal(cr.function([X], X.at[X > 2].set(0.0))(x), np.where(x > 2, 0, x))


def test_values_one_by_one() -> None:
    v = np.array([-1.0, 2.0, np.nan, 4.0])
    right = v.copy()
    right[v > 0] = [7, 8]
    w = cr.vector("w")
    f = cr.function([V, w], [V.at[V > 0].set(w), V.at[V > 0].add(w), V.at[V > 0].get()])
    written, added, read = f(v, np.array([7.0, 8.0]))
    np.testing.assert_array_equal(written, right)
    np.testing.assert_array_equal(added, [-1, 9, np.nan, 12])
    np.testing.assert_array_equal(read, [2, 4])
    with pytest.raises(cr.ShapeError, match="count1, a size that is counted in the call, is 2, where it wants 3"):
        f(v, np.ones(3))
    with pytest.raises(cr.DTypeError, match="does not go into an array of dtype int64"):
        n = cr.vector("n", dtype="int64")
        n.at[n > 0].set(0.5)

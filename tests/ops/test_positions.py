"""Masks that are known only in the call: what they name, against NumPy, with the compiler and with the plain meaning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.compile.reference import evaluate

X = cr.matrix("x")
T = cr.tensor("t", (None, None, None))
M, V = cr.matrix("m", dtype="bool"), cr.vector("v", dtype="bool")
SHAPES = [(3, 4), (0, 4), (4, 0), (1, 1), (1, 4)]


def agree(inputs: Sequence[cr.Expr], output: cr.Expr, arrays: Sequence[Any], wanted: np.ndarray) -> None:
    """Compiled and by the plain meaning it is what NumPy says, with its shape and dtype."""
    for found in (cr.function(inputs, output)(*arrays), evaluate(output, dict(zip(inputs, arrays)))):
        assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
        np.testing.assert_array_equal(found, wanted)


def masks(shape: tuple[int, ...]) -> list[np.ndarray]:
    random = np.random.default_rng(len(shape)).random(shape) < 0.5
    return [random, np.zeros(shape, bool), np.ones(shape, bool)]


ITEMS: list[Callable[[Any], Any]] = [
    lambda m: m,
    lambda m: (m, 0),
    lambda m: (m, slice(1, None)),
    lambda m: (m, None, slice(None, None, -1)),
    lambda m: (Ellipsis, m, slice(None)),
]


@pytest.mark.parametrize("item", ITEMS)
def test_a_mask_over_leading_axes(item: Callable[[Any], Any]) -> None:
    f = cr.function([T, M], T[item(M)])
    for shape in SHAPES:
        array = np.arange(1.0, 1 + 2 * np.prod(shape)).reshape(*shape, 2)
        for mask in masks(shape):
            np.testing.assert_array_equal(f(array, mask), array[item(mask)])
    agree([T, M], T[item(M)], [np.ones((2, 3, 2)), np.eye(2, 3, dtype=bool)], np.ones((2, 3, 2))[item(np.eye(2, 3, dtype=bool))])


def test_a_mask_of_a_later_axis_and_of_all_axes() -> None:
    for mask in masks((3,)):
        array = np.arange(6.0).reshape(2, 3)
        agree([X, V], X[:, V], [array, mask], array[:, mask])
        agree([X, V], X[1, V], [array, mask], array[1, mask])
    for shape in SHAPES:
        array = np.random.default_rng(1).normal(size=shape)
        agree([X], X[X > 0], [array], array[array > 0])


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float32"])
def test_dtypes_stay(dtype: str) -> None:
    x = cr.vector("x", dtype=dtype)
    array = np.array([1, 0, 1, 0, 1], dtype)
    agree([x], x[x != 0], [array], array[array != 0])


def test_bits_stay() -> None:
    array = np.array([-0.0, np.nan, np.inf, -np.inf, 1.0])
    found = cr.function([v := cr.vector("a"), V], v[V])(array, np.array([True] * 3 + [False, True]))
    assert found.tobytes() == array[[0, 1, 2, 4]].tobytes()


@pytest.mark.parametrize("shape", SHAPES)
def test_nonzero_and_its_relatives(shape: tuple[int, ...]) -> None:
    f = cr.function([M], [*cr.nonzero(M), cr.argwhere(M), cr.flatnonzero(M)])
    for mask in masks(shape):
        for found, wanted in zip(f(mask), [*np.nonzero(mask), np.argwhere(mask), np.flatnonzero(mask)]):
            assert found.dtype == np.int64
            np.testing.assert_array_equal(found, wanted)


def test_compress() -> None:
    for mask in masks((3,)):
        array = np.arange(9.0).reshape(3, 3)
        agree([X, V], cr.compress(V, X, 0), [array, mask], np.compress(mask, array, 0))
        agree([X, V], cr.compress(V, X, 1), [array, mask], np.compress(mask, array, 1))
        agree([X, V], cr.compress(V, X), [array, mask], np.compress(mask, array))


def test_a_mask_does_not_broadcast() -> None:
    one = cr.tensor("one", (1,), dtype="bool")
    f = cr.function([X, one], X[one])
    np.testing.assert_array_equal(f(np.ones((1, 2)), [True]), np.ones((1, 2)))
    with pytest.raises(cr.ShapeError):
        f(np.ones((2, 2)), [True])
    with pytest.raises(cr.ShapeError):
        cr.function([X, V], X[V])(np.ones((2, 2)), [True])


def test_derivatives() -> None:
    array = np.array([[1.0, -2.0, 3.0], [-4.0, 5.0, -6.0]])
    positive = X[X > 0]
    f = cr.function([X], [cr.grad((positive**3).sum(), X), cr.jacobian(positive, X), cr.hessian((positive**3).sum(), X)])
    gradient, jacobian, hessian = f(array)
    np.testing.assert_array_equal(gradient, np.where(array > 0, 3 * array**2, 0))
    np.testing.assert_array_equal(jacobian, np.eye(6).reshape(6, 2, 3)[(array > 0).ravel()])
    np.testing.assert_array_equal(hessian.reshape(6, 6), np.diag(np.where(array > 0, 6 * array, 0).ravel()))
    tangent = cr.matrix("tangent")
    np.testing.assert_array_equal(cr.function([X, tangent], cr.jvp(positive**2, X, tangent))(array, 2 * array), 4 * array[array > 0] ** 2)


def test_counts_as_many_as_the_greatest_number_says() -> None:
    x, w = cr.vector("x", dtype="int64"), cr.vector("w")
    f = cr.function([x, w], [cr.bincount(x), cr.bincount(x, w, minlength=5), cr.grad((cr.bincount(x, w) ** 2).sum(), w)])
    for numbers in ([1, 1, 5, 0], [7], [0], []):
        places, weights = np.array(numbers, "int64"), np.arange(len(numbers)) + 0.5
        plain, weighed, slope = f(places, weights)
        np.testing.assert_array_equal(plain, np.bincount(places))
        np.testing.assert_allclose(weighed, np.bincount(places, weights, 5))
        np.testing.assert_allclose(slope, 2 * np.bincount(places, weights)[places])


@pytest.mark.parametrize("numbers", [[-1], [4]])
def test_what_bincount_has_no_place_for(numbers: list[int]) -> None:
    x = cr.vector("x", dtype="int64")
    with pytest.raises(cr.OutOfRangeError):
        cr.function([x], cr.bincount(x, length=4))(np.array(numbers))
    with pytest.raises(cr.DTypeError, match="bincount counts integers"):
        cr.bincount(x * 1.0, length=4)

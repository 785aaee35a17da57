"""Bounds and sizes that a call computes: slices, ranges, repetitions and shapes, against NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.compile.reference import evaluate

X = cr.vector("x")
A, B = cr.scalar("a", dtype="int64"), cr.scalar("b", dtype="int32")
ARRAY = np.arange(1.0, 7.0)
BOUNDS = [-9, -7, -6, -1, 0, 1, 3, 6, 8]


def agree(inputs: Sequence[cr.Expr], output: cr.Expr, arrays: Sequence[Any], wanted: np.ndarray) -> None:
    """Compiled and by the plain meaning it is what NumPy says, with its shape and dtype."""
    for found in (cr.function(inputs, output)(*arrays), evaluate(output, dict(zip(inputs, arrays)))):
        assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("step", [None, 2, -1, -3])
def test_slices_are_numpys(step: int | None) -> None:
    items: list[Callable[[Any, Any], slice]] = [
        lambda a, b: slice(a, b, step),
        lambda a, b: slice(a, None, step),
        lambda a, b: slice(None, b, step),
        lambda a, b: slice(a, -2, step),
        lambda a, b: slice(2, b, step),
    ]
    f = cr.function([X, A, B], [X[item(A, B)] for item in items])
    g = cr.function([X, A, B], cr.grad((X[A:B:step] ** 2).sum(), X))
    for n in (6, 1, 0):
        array = ARRAY[:n]
        for a in BOUNDS:
            for b in BOUNDS:
                for found, item in zip(f(array, a, b), items):
                    np.testing.assert_array_equal(found, array[item(a, b)])
                gradient = np.zeros(n)
                gradient[a:b:step] = 2 * array[a:b:step]
                np.testing.assert_array_equal(g(array, a, b), gradient)


def test_slices_of_a_known_axis_and_of_computed_scalars() -> None:
    known = cr.tensor("known", (6,))
    longest = (X > 0).sum()
    for k in BOUNDS:
        agree([known, A], known[:A] * 2, [ARRAY, k], ARRAY[:k] * 2)
    agree([X], X[longest - 4 : longest], [ARRAY], ARRAY[2:6])
    agree([X, A], X.at[:A].set(7.0), [ARRAY, 2], np.array([7.0, 7, 3, 4, 5, 6]))
    agree([X, A], X[:A] + X[-A:], [ARRAY, 3], ARRAY[:3] + ARRAY[-3:])


def test_a_slice_reads_without_guards() -> None:
    kernels = cr.function([X, A, B], X[A:B] * 2).callers[-1].executable.account.kernels
    assert not any(" if " in kernel for kernel in kernels)


def test_ranges() -> None:
    for a, b in ((0, 5), (5, 0), (-3, 4)):
        for step in (1, 3, -2):
            agree([A, B], cr.arange(A, B, step), [a, np.int32(b)], np.arange(a, b, step))
    c = cr.scalar("c", dtype="int64")
    agree([A, c], cr.arange(10, A, c), [3, -3], np.arange(10, 3, -3))
    agree([A], cr.arange(A), [-4], np.arange(-4))
    agree([A], cr.arange(A, dtype="float32"), [4], np.arange(4, dtype="float32"))
    agree([A], cr.linspace(0, 1, A), [3], np.linspace(0, 1, 3))
    with pytest.raises(cr.KindError, match="floating and computed bounds do not mix"):
        cr.arange(0.5, A)


def test_shapes() -> None:
    agree([A], cr.zeros((A, 2)), [3], np.zeros((3, 2)))
    agree([A], cr.eye(A), [3], np.eye(3))
    agree([X, A], X.reshape(A, -1), [ARRAY, 2], ARRAY.reshape(2, -1))
    agree([X, A], cr.tile(X, A), [ARRAY, 2], np.tile(ARRAY, 2))
    agree([X, A], cr.pad(X, A), [ARRAY, 2], np.pad(ARRAY, 2))
    agree([X, A], cr.broadcast_to(X, (A, X.shape[0])), [ARRAY, 2], np.broadcast_to(ARRAY, (2, 6)).copy())
    for shift in (-8, -1, 0, 3):
        agree([X, A], cr.roll(X, A), [ARRAY, shift], np.roll(ARRAY, shift))


def test_parts() -> None:
    for k in (0, 2, 6, 9):
        for found, wanted in zip(cr.function([X, A], cr.split(X, [A, 5]))(ARRAY, k), np.split(ARRAY, [k, 5])):
            np.testing.assert_array_equal(found, wanted)


def test_repetitions() -> None:
    numbers = cr.vector("numbers", dtype="int32")
    agree([X, A], cr.repeat(X, A), [ARRAY, 3], np.repeat(ARRAY, 3))
    for given in ([2, 0, 1, 0, 0, 3], [0] * 6, [0, 0, 0, 0, 0, 1]):
        each = np.array(given, "int32")
        agree([X, numbers], cr.repeat(X, numbers), [ARRAY, each], np.repeat(ARRAY, each))
    matrix = cr.matrix("m")
    agree([matrix, numbers], cr.repeat(matrix, numbers, 1), [np.eye(2), np.array([2, 1], "int32")], np.repeat(np.eye(2), [2, 1], 1))
    f = cr.function([X, numbers], cr.grad((cr.repeat(X, numbers) ** 2).sum(), X))
    np.testing.assert_array_equal(f(ARRAY[:3], np.array([2, 0, 1], "int32")), [4, 0, 6])


def test_loops_of_computed_length() -> None:
    total = cr.fori(0, A, lambda i, c: c + X[i], 0.0)
    f = cr.function([X, A], [total, cr.grad(total, X)])
    value, gradient = f(ARRAY, 4)
    assert value == 10
    np.testing.assert_array_equal(gradient, [1, 1, 1, 1, 0, 0])
    assert f(ARRAY, 0)[0] == 0
    doubled = cr.scan(lambda c, _: (c * 2, c), 1.0, length=(X > 2).sum())[1]
    agree([X], doubled, [ARRAY], np.array([1.0, 2, 4, 8]))

"""Calls: values, batches, derivatives by a routine's own pullback."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pytest
from algebra_arrays import Array, array, jacobian, value

from croton import algebra
from croton.algebra import Label, Operand, Routine, Use, call
from croton.derivatives.derive import derive
from croton.dtypes import float64
from croton.sizes import symbol


def solve_pullback(arguments: list[Operand], results: list[Operand], cotangents: list[Use | None], batch: Collection[Label]) -> list[Use | None]:
    """x = A^-1 b: g_b = A^-T g, g_A = - g_b x^T. The seeds of g are batch axes in front."""
    A, b = arguments
    (x,) = results
    (g,) = cotangents
    row, column = A.axes
    seeds = tuple(label for label in g.labels if label not in x.axes)
    (g_b,) = call(SOLVE, [Operand((column, row), A.use), Operand((*seeds, column), g)], [((*seeds, row), float64)])
    g_b = algebra.relabel(g_b.use, {row: b.axes[0]})
    g_A = algebra.contract({*seeds, row, column}, [(algebra.relabel(g_b, {b.axes[0]: row}), 1), (x.use, 1)], -1)
    return [g_A, g_b]


def numpy_solve(A: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.linalg.solve(A, b.reshape(-1, b.shape[-1]).T).T.reshape(b.shape)


SOLVE = Routine("solve", numpy_solve, solve_pullback, "solve")


def solve(A: Array, b: Array) -> Array:
    A, b = Array(*algebra.rename(A.operand)), Array(*algebra.rename(b.operand))
    (x,) = call(SOLVE, [A.operand, b.operand], [((A.axes[1],), float64)])
    return Array(*x)


def test_a_call_has_the_routines_value_and_derivative() -> None:
    n = symbol("n")
    rng = np.random.default_rng(0)
    environment = {"A": rng.normal(size=(3, 3)) + 3 * np.eye(3), "b": rng.normal(size=3)}
    A, b = array("A", n, n), array("b", n)
    x = solve(A, b)
    assert x.same(solve(A, b))
    np.testing.assert_allclose(value(x, environment, {"n": 3}), np.linalg.solve(environment["A"], environment["b"]))
    inverse = np.linalg.inv(environment["A"])
    np.testing.assert_allclose(value(jacobian(x, b), environment, {"n": 3}), inverse)
    expected = -np.einsum("ij,k->ijk", inverse, inverse @ environment["b"])
    np.testing.assert_allclose(value(jacobian(x, A), environment, {"n": 3}), expected)


def test_second_derivatives_go_through_calls() -> None:
    n = symbol("n")
    rng = np.random.default_rng(1)
    environment = {"A": rng.normal(size=(3, 3)) + 3 * np.eye(3), "b": rng.normal(size=3)}
    A, b = array("A", n, n), array("b", n)
    hessian = jacobian(jacobian((solve(A, b) ** 2).sum(), b), b)
    inverse = np.linalg.inv(environment["A"])
    np.testing.assert_allclose(value(hessian, environment, {"n": 3}), 2 * inverse.T @ inverse)


def test_a_call_without_a_pullback_says_so() -> None:
    label = Label(3)
    x = algebra.input_("x", [label], float64)
    (y,) = call(Routine("mystery", np.sort), [Operand((label,), x)], [((label,), float64)])
    with pytest.raises(NotImplementedError, match="not supported: the derivative of mystery"):
        derive([y.use], [algebra.constant(1, float64)], [x.node])


def test_axes_of_size_one_and_broadcast_axes_reach_the_routine() -> None:
    shapes = []

    def look(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shapes.append((a.shape, b.shape))
        return a.sum(0, keepdims=True) + b, a[0]

    i, j, one = Label(2), Label(3), Label(1)
    x = algebra.input_("x", [j], float64)
    total, first = call(Routine("look", look), [Operand((i, j), x), Operand((one, j), x)], [((one, j), float64), ((j,), float64)])
    found = algebra.interpret([total, first], {"x": np.arange(3.0)})
    assert shapes[0] == ((2, 3), (1, 3))
    np.testing.assert_array_equal(found[0], [[0.0, 3.0, 6.0]])
    np.testing.assert_array_equal(found[1], [0.0, 1.0, 2.0])

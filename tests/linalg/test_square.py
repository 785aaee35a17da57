"""Decompositions and solvers against NumPy, and their derivatives against differences."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr

RNG = np.random.default_rng(0)
ONE, STACK = RNG.standard_normal((4, 4)), RNG.standard_normal((2, 3, 4, 4)) + 3 * np.eye(4)
VECTOR, SIDES = RNG.standard_normal(4), RNG.standard_normal((4, 3))


def turned(x):
    """The transpose of matrices, of either kind of array."""
    return np.swapaxes(x, -1, -2) if isinstance(x, np.ndarray) else cr.matrix_transpose(x)


CASES = {
    "inv": (cr.linalg.inv, np.linalg.inv),
    "cholesky": (lambda x: cr.linalg.cholesky(x @ turned(x) + np.eye(4)), lambda x: np.linalg.cholesky(x @ turned(x) + np.eye(4))),
    "cholesky upper": (
        lambda x: cr.linalg.cholesky(x @ turned(x) + np.eye(4), upper=True),
        lambda x: np.linalg.cholesky(x @ turned(x) + np.eye(4), upper=True),
    ),
    "det": (cr.linalg.det, np.linalg.det),
    "slogdet": (lambda x: cr.linalg.slogdet(x)[1], lambda x: np.linalg.slogdet(x)[1]),
    "solve vector": (lambda x: cr.linalg.solve(x, VECTOR), lambda x: np.linalg.solve(x, VECTOR)),
    "solve": (lambda x: cr.linalg.solve(x, SIDES), lambda x: np.linalg.solve(x, SIDES)),
    "solve lower": (lambda x: cr.linalg.solve_triangular(x, SIDES), lambda x: np.linalg.solve(np.tril(x), SIDES)),
    "solve upper": (lambda x: cr.linalg.solve_triangular(x, SIDES, lower=False), lambda x: np.linalg.solve(np.triu(x), SIDES)),
    "eigvalsh": (lambda x: cr.linalg.eigvalsh(x + turned(x)), lambda x: np.linalg.eigvalsh(x + turned(x))),
    "eigh": (lambda x: cr.linalg.eigh(x + turned(x))[1] ** 2, lambda x: np.linalg.eigh(x + turned(x))[1] ** 2),
    "power": (lambda x: cr.linalg.matrix_power(x, 3), lambda x: np.linalg.matrix_power(x, 3)),
    "power of inverse": (lambda x: cr.linalg.matrix_power(x, -2), lambda x: np.linalg.matrix_power(x, -2)),
    "norm": (cr.linalg.matrix_norm, np.linalg.matrix_norm),
    "norm of columns": (lambda x: cr.linalg.matrix_norm(x, ord=1), lambda x: np.linalg.matrix_norm(x, ord=1)),
    "least norm of rows": (
        lambda x: cr.linalg.matrix_norm(x, keepdims=True, ord=-np.inf),
        lambda x: np.linalg.matrix_norm(x, keepdims=True, ord=-np.inf),
    ),
}


def differences(function, x):
    """Central differences of a scalar function."""
    result = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += 1e-6
        down[index] -= 1e-6
        result[index] = (function(up) - function(down)) / 2e-6
    return result


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("matrices", [ONE, STACK[:, :1]], ids=["one", "stack"])
def test_values_and_slopes(name: str, matrices: np.ndarray) -> None:
    ours, theirs = CASES[name]
    wanted = theirs(matrices)
    weights = RNG.standard_normal(wanted.shape)
    value, slope = cr.jit(lambda x: (ours(x), cr.grad(lambda x: (ours(x) * weights).sum())(x)))(matrices)
    np.testing.assert_allclose(value, wanted, rtol=1e-9, atol=1e-12)
    by_hand = differences(lambda x: (theirs(x) * weights).sum(), matrices)
    np.testing.assert_allclose(slope, by_hand, rtol=1e-4, atol=1e-6 * max(1, abs(by_hand).max()))


def test_the_right_side_and_its_broadcast() -> None:
    slope = cr.jit(lambda a, b: cr.grad((cr.linalg.solve(a, b) ** 2).sum(), b))(STACK, SIDES)
    np.testing.assert_allclose(slope, differences(lambda b: (np.linalg.solve(STACK, b) ** 2).sum(), SIDES), rtol=1e-5, atol=1e-6)


def test_dtypes_and_small_sizes() -> None:
    x = cr.matrix("x", dtype="float32")
    f = cr.function([x], [cr.linalg.inv(x), cr.linalg.cholesky(x), cr.linalg.det(x), *cr.linalg.slogdet(x), *cr.linalg.eigh(x)])
    for n in (0, 1, 3):
        found = f(4 * np.eye(n, dtype="float32"))
        assert {array.dtype for array in found} == {np.dtype("float32")}
        for array, wanted in zip(found, [np.eye(n) / 4, 2 * np.eye(n), 4.0**n, 1, n * np.log(4), np.full(n, 4), np.eye(n)]):
            np.testing.assert_allclose(array, wanted, rtol=1e-6)
    assert cr.linalg.inv(cr.tensor("n", (2, 2), dtype="int32")).dtype == "float64"
    np.testing.assert_array_equal(cr.linalg.matrix_power(np.array([[1, 1], [1, 0]]), 10).eval(), [[89, 55], [55, 34]])
    np.testing.assert_array_equal(cr.linalg.matrix_power(STACK, 0).eval(), np.linalg.matrix_power(STACK, 0))


def test_maps_loops_and_second_derivatives() -> None:
    rows = STACK[0]
    np.testing.assert_allclose(cr.jit(lambda a, b: cr.vmap(cr.linalg.solve, in_axes=(0, None))(a, b))(rows, VECTOR), np.linalg.solve(rows, VECTOR))
    last = lambda b: cr.scan(lambda c, a: (cr.linalg.solve(a, c), None), b, rows)[0].sum()

    def by_hand(b):
        for a in rows:
            b = np.linalg.solve(a, b)
        return b.sum()

    value, slope = cr.jit(cr.value_and_grad(last))(VECTOR)
    np.testing.assert_allclose(value, by_hand(VECTOR))
    np.testing.assert_allclose(slope, differences(by_hand, VECTOR), rtol=1e-6, atol=1e-8)
    # the likelihood of a Gaussian process: its Hessian against differences of its gradient
    points, data = RNG.standard_normal((6, 2)), RNG.standard_normal(6)

    def cost(p):
        distances = ((points[:, None] - points) ** 2).sum(-1)
        covariance = cr.exp(-distances / p[0] ** 2) * p[1] ** 2 + p[2] ** 2 * cr.eye(6)
        factor = cr.linalg.cholesky(covariance)
        return data @ cr.linalg.solve(covariance, data) / 2 + cr.log(cr.diagonal(factor)).sum()

    p = np.array([1.0, 1.2, 0.4])
    gradient, hessian = cr.jit(cr.grad(cost)), cr.jit(cr.hessian(cost))
    by_steps = [(gradient(p + 1e-6 * e) - gradient(p - 1e-6 * e)) / 2e-6 for e in np.eye(3)]
    np.testing.assert_allclose(hessian(p), by_steps, rtol=1e-5, atol=1e-6)


def test_what_has_no_answer() -> None:
    x, y = cr.matrix("x"), cr.vector("y")
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        cr.function([x], cr.linalg.cholesky(x))(-np.eye(3))
    for wrong in (lambda: cr.linalg.inv(cr.tensor("t", (3, 4))), lambda: cr.linalg.det(y), lambda: cr.linalg.solve(cr.tensor("t", (3, 3)), np.ones(4))):
        with pytest.raises(cr.ShapeError, match=r"square|a matrix|right side"):
            wrong()
    with pytest.raises(cr.CrotonError):
        cr.function([x], cr.linalg.inv(x))(np.ones((3, 4)))
    with pytest.raises(cr.ArgumentError, match="power is an integer"):
        cr.linalg.matrix_power(x, 0.5)

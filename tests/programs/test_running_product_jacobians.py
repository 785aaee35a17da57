"""Jacobians of running products: gradients and what is read of the Jacobian take as many operations as there are elements."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import croton as cr

READS: dict[str, Callable[[cr.Expr], cr.Expr]] = {
    "trace": cr.trace,
    "diagonal": cr.diagonal,
    "columns": lambda J: J.sum(0),
    "rows": lambda J: J.sum(1),
    "beside the diagonal": lambda J: cr.diagonal(J, -1),
    "product": lambda J: J @ cr.arange(J.shape[1]).astype(J.dtype),
}


def jacobian_of(x: np.ndarray) -> np.ndarray:
    """d (x[0] ... x[t]) / d x[s]: the product of all the others up to t."""
    n = len(x)
    return np.array([[np.prod(np.delete(x[: t + 1], s)) if s <= t else 0 for s in range(n)] for t in range(n)]).reshape(n, n)


def values(n: int, zeros: int) -> np.ndarray:
    x = np.random.default_rng(n).standard_normal(n)
    x[1 : 1 + 2 * zeros : 2] = 0
    return x


@pytest.mark.parametrize("zeros", [0, 1, 2])
@pytest.mark.parametrize("n", [0, 1, 2, 6])
def test_values_are_those_of_the_jacobian(n: int, zeros: int) -> None:
    x = cr.tensor("x", (n,))
    J = cr.jacobian(cr.cumprod(x), x)
    dense = jacobian_of(values(n, zeros))
    np.testing.assert_allclose(cr.function([x], J)(values(n, zeros)), dense, rtol=1e-12, atol=1e-15)
    kept = cr.tensor("J", (n, n))
    for name, read in READS.items():
        if n > 1 or name != "beside the diagonal":
            expected = cr.function([kept], read(kept))(dense)
            np.testing.assert_allclose(cr.function([x], read(J))(values(n, zeros)), expected, rtol=1e-12, atol=1e-15, err_msg=name)


@pytest.mark.parametrize("name", READS)
def test_what_is_read_takes_as_many_operations_as_there_are_elements(name: str) -> None:
    counts = []
    for n in (64, 256):
        x = cr.tensor("x", (n,))
        function = cr.function([x], READS[name](cr.jacobian(cr.cumprod(x), x)))
        counts.append((function.flops(), function.memory_peak()))
    assert counts[0][0] <= 20 * 64
    assert all(after <= 4.2 * before + 64 for before, after in zip(*counts))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_gradient_along_any_axis_in_both_directions(axis: int) -> None:
    x, weights = cr.tensor("x", (3, 4, 5)), cr.tensor("weights", (3, 4, 5))
    data, weight = np.random.default_rng(1).standard_normal((2, 3, 4, 5))
    data[:, 2, 1:3] = 0
    backward = cr.flip(cr.cumprod(cr.flip(x, axis), axis), axis)
    found = cr.function([x, weights], [*[cr.grad((y * weights).sum(), x) for y in (cr.cumprod(x, axis), backward)]])(data, weight)

    def expected(line: np.ndarray, factors: np.ndarray) -> np.ndarray:
        return factors @ jacobian_of(line)

    moved, factors = np.moveaxis(data, axis, -1), np.moveaxis(weight, axis, -1)
    forward = np.array([expected(*pair) for pair in zip(moved.reshape(-1, moved.shape[-1]), factors.reshape(-1, moved.shape[-1]))]).reshape(moved.shape)
    turned = np.array([expected(a[::-1], b[::-1])[::-1] for a, b in zip(moved.reshape(-1, moved.shape[-1]), factors.reshape(-1, moved.shape[-1]))])
    np.testing.assert_allclose(found[0], np.moveaxis(forward, -1, axis), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found[1], np.moveaxis(turned.reshape(moved.shape), -1, axis), rtol=1e-12, atol=1e-14)


def test_second_derivatives_and_vmap() -> None:
    x = cr.tensor("x", (3, 5))
    data = np.random.default_rng(2).standard_normal((3, 5))
    data[1, 2] = 0
    total = cr.vmap(lambda row: cr.hessian(cr.cumprod(row).sum(), row))(x)
    product = cr.vmap(lambda row: cr.hessian(cr.prod(row), row))(x)
    found, whole = cr.function([x], [total, product])(data)
    for row, hessian, of_product in zip(data, found, whole):
        for s in range(5):
            for r in range(5):
                others = [np.prod(np.delete(row[: t + 1], [s, r])) for t in range(max(s, r), 5)] if s != r else [0.0]
                np.testing.assert_allclose(hessian[s, r], np.sum(others), rtol=1e-12, atol=1e-14)
                np.testing.assert_allclose(of_product[s, r], others[-1], rtol=1e-12, atol=1e-14)

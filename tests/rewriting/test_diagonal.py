"""A diagonal is no reason to make what it is read from, whoever else reads that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import croton as cr

ROWS, COLUMNS = 40, 200

READS: dict[str, Callable[[Any, Any], list[Any]]] = {
    "a product and the diagonal": lambda m, v: [m @ v, m.diagonal()],
    "a quadratic form and a function of the diagonal": lambda m, v: [v @ (m @ v), (m.diagonal() ** 2).sum()],
    "a product, the diagonal and the trace": lambda m, v: [m @ v, m.diagonal(), m.trace()],
    "what is divided by the diagonal": lambda m, v: [v / m.diagonal()],
    "a product and what is divided by the diagonal": lambda m, v: [m @ v, v / m.diagonal()],
    "sums of rows and the diagonal": lambda m, v: [m.sum(axis=1), m.diagonal()],
}


def arguments(rows: int, columns: int) -> list[np.ndarray]:
    chance = np.random.default_rng(0)
    return [chance.standard_normal((rows, columns)), chance.random(columns) + 1, chance.standard_normal(columns)]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("read", list(READS))
def test_products_and_diagonals_of_one_matrix(read: str, known: bool) -> None:
    """A Gram matrix and a diagonal one, none of which is made for what is read of them."""
    shapes = ((ROWS, COLUMNS), (COLUMNS,), (COLUMNS,)) if known else ((None, None), (None,), (None,))
    x, d, v = (cr.tensor(name, shape) for name, shape in zip("xdv", shapes))
    function = cr.function([x, d, v], READS[read](x.T @ x + cr.diag(d), v))
    sizes = {"x": (ROWS, COLUMNS), "d": (COLUMNS,), "v": (COLUMNS,)}
    assert function.flops(**sizes) < 12 * ROWS * COLUMNS and function.memory_peak(**sizes) < 8 * COLUMNS**2 / 4
    for rows, columns in ((ROWS, COLUMNS), (3, 1), (1, 3), (0, 2), (2, 0)) if not known else ((ROWS, COLUMNS),):
        a, b, c = arguments(rows, columns)
        for found, expected in zip(function(a, b, c), READS[read](a.T @ a + np.diag(b), c)):
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_hessian_of_a_regression_is_not_made_for_a_product_and_its_diagonal() -> None:
    x, w, v = cr.tensor("x", (ROWS, COLUMNS)), cr.tensor("w", (COLUMNS,)), cr.tensor("v", (COLUMNS,))
    hessian = cr.hessian(cr.softplus(x @ w).sum() + (w**2).sum() / 2, w)
    both, one, other = (cr.function([x, w, v], wanted) for wanted in ([hessian @ v, cr.diagonal(hessian)], [hessian @ v], [cr.diagonal(hessian)]))
    assert both.flops() <= one.flops() + other.flops()
    values = arguments(ROWS, COLUMNS)
    dense = cr.function([x, w], hessian)(*values[:2])
    for found, expected in zip(both(*values), [dense @ values[2], np.diagonal(dense)]):
        np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("kept", ["itself", "a function of all", "a sum that is wanted"])
def test_what_is_made_anyway_is_read(kept: str) -> None:
    """The diagonal of a matrix that somebody needs is there: it is not computed another time."""
    x = cr.tensor("x", (ROWS, COLUMNS))
    matrix = x.T @ x
    whole = {"itself": matrix, "a function of all": cr.tanh(matrix), "a sum that is wanted": matrix + 1}[kept]
    assert cr.function([x], [whole, cr.diagonal(matrix)]).flops() <= cr.function([x], [whole]).flops() + COLUMNS


def test_diagonals_of_small_matrices_are_read_where_these_are_multiplied() -> None:
    """Of 3 x 3 matrices the diagonal is a third, which is not worth computing twice."""
    a, b = cr.tensor("a", (100, 3, 8)), cr.tensor("b", (100, 3, 50))
    matrices = cr.einsum("nik,njk->nij", a, a)
    whole = cr.function([a, b], [matrices @ b])
    assert cr.function([a, b], [matrices @ b, cr.diagonal(matrices, axis1=1, axis2=2)]).flops() <= whole.flops() + 300


def test_diagonals_that_take_what_all_takes_are_read() -> None:
    """Of a product of three the first two are most of the work, for the diagonal too: done once for both."""
    a, b, c, w = cr.tensor("a", (20, 400)), cr.tensor("b", (400, 400)), cr.tensor("c", (400, 20)), cr.tensor("w", (20, 300))
    matrix = a @ b @ c
    assert cr.function([a, b, c, w], [matrix @ w, cr.diagonal(matrix)]).flops() <= cr.function([a, b, c, w], [matrix @ w]).flops() + 20

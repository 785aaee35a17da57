"""The NumPy meaning of routines that NumPy does not have."""

from __future__ import annotations

import numpy as np
import pytest

from croton.util.matrix_routines import MATRIX_ROUTINES

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("n", [0, 1, 2, 6])
def test_the_factors_and_exchanges_give_the_matrix(n: int) -> None:
    x = RNG.standard_normal((2, 3, n, n))
    both, pivots = MATRIX_ROUTINES["lu"].function(x)
    lower, upper = np.tril(both), np.triu(both, 1) + np.eye(n)
    assert (abs(upper) <= 1 + 1e-12).all() and pivots.dtype == np.int32
    for member in np.ndindex(2, 3):
        product = lower[member] @ upper[member]
        for column in reversed(range(n)):
            other = pivots[member][column] - 1
            product[:, [column, other]] = product[:, [other, column]]
        np.testing.assert_allclose(product, x[member], atol=1e-12)


def test_a_singular_matrix_has_a_zero_on_the_diagonal_and_no_solution() -> None:
    both, pivots = MATRIX_ROUTINES["lu"].function(np.ones((3, 3)))
    assert both[1, 1] == 0
    with pytest.raises(np.linalg.LinAlgError):
        MATRIX_ROUTINES["lu_solve"].function(both, pivots, np.ones((3, 1)), False)
    with pytest.raises(np.linalg.LinAlgError):
        MATRIX_ROUTINES["lu_inverse"].function(both, pivots)


@pytest.mark.parametrize("transposed", [False, True])
def test_solutions_by_the_factors(transposed: bool) -> None:
    x, b = RNG.standard_normal((4, 5, 5)), RNG.standard_normal((5, 2))
    factors = MATRIX_ROUTINES["lu"].function(x)
    found = MATRIX_ROUTINES["lu_solve"].function(*factors, b, transposed)[0]
    np.testing.assert_allclose((x.swapaxes(1, 2) if transposed else x) @ found, np.broadcast_to(b, (4, 5, 2)), atol=1e-10)

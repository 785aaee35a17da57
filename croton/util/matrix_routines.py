"""What routines on stacks of matrices give, in NumPy: the meaning that machine code is held against, and what runs where there is none.

All take stacks of matrices, whose axes in front broadcast, and options, and return a tuple of stacks. A factorisation is of the matrix as it lies in rows:

    lu          A = L U Q, L lower triangular, U upper triangular with ones on its diagonal, Q the columns' exchanges undone: both triangles in one
                matrix, and for each column, counted from 1, the one that it changed places with
    argsort     the indices that sort a vector. A result that is shorter is their first part

A triangular system may say that its right side is `alike`: square, and triangular as the matrix of the system is, so that the solution is too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from croton.util.sorting import argsort


class MatrixMeaning(NamedTuple):
    """A routine in NumPy, how many axes one matrix or vector of each argument and each result has, and how many options there are, all of them bools."""

    function: Callable[..., tuple[np.ndarray, ...]]
    arguments: tuple[int, ...]
    results: tuple[int, ...]
    options: int = 0


def _cholesky(x: np.ndarray) -> tuple[np.ndarray, ...]:
    return (np.linalg.cholesky(x),)


def _solve_triangular(a: np.ndarray, b: np.ndarray, lower: bool, transposed: bool, alike: bool) -> tuple[np.ndarray, ...]:
    a = np.tril(a) if lower else np.triu(a)
    return (np.linalg.solve(a.swapaxes(-1, -2) if transposed else a, b),)


def _lu(x: np.ndarray) -> tuple[np.ndarray, ...]:
    both = np.array(x)
    size = both.shape[-1]
    pivots = np.zeros(both.shape[:-1], np.int32)
    columns = np.broadcast_to(np.arange(size), pivots.shape)
    with np.errstate(all="ignore"):
        for step in range(size):
            row = np.abs(both[..., step, step:])
            chosen = step + np.argmax(row, -1)
            pivots[..., step] = chosen + 1
            order = np.where(columns == step, chosen[..., None], np.where(columns == chosen[..., None], step, columns))
            both = np.take_along_axis(both, np.broadcast_to(order[..., None, :], both.shape), -1)
            corner = both[..., step, step, None]
            both[..., step, step + 1 :] /= np.where(corner == 0, 1, corner)
            both[..., step + 1 :, step + 1 :] -= both[..., step + 1 :, step, None] * both[..., None, step, step + 1 :]
    return both, pivots


def _product(both: np.ndarray, pivots: np.ndarray) -> np.ndarray:
    """The matrix that has been factorised."""
    size = both.shape[-1]
    unit = np.triu(both, 1) + np.eye(size, dtype=both.dtype)
    x = np.tril(both) @ unit
    columns = np.broadcast_to(np.arange(size), pivots.shape)
    for step in reversed(range(size)):
        other = pivots[..., step, None] - 1
        order = np.where(columns == step, other, np.where(columns == other, step, columns))
        x = np.take_along_axis(x, np.broadcast_to(order[..., None, :], x.shape), -1)
    return x


def _lu_solve(both: np.ndarray, pivots: np.ndarray, b: np.ndarray, transposed: bool) -> tuple[np.ndarray, ...]:
    _regular(both)
    x = _product(both, pivots)
    return (np.linalg.solve(x.swapaxes(-1, -2) if transposed else x, b),)


def _lu_inverse(both: np.ndarray, pivots: np.ndarray) -> tuple[np.ndarray, ...]:
    _regular(both)
    return (np.linalg.inv(_product(both, pivots)),)


def _regular(both: np.ndarray) -> None:
    if (np.diagonal(both, axis1=-2, axis2=-1) == 0).any():
        raise np.linalg.LinAlgError("Singular matrix")


def _eigh(x: np.ndarray) -> tuple[np.ndarray, ...]:
    values, vectors = np.linalg.eigh(x)
    return values, vectors


def _svd(x: np.ndarray) -> tuple[np.ndarray, ...]:
    left, values, right = np.linalg.svd(x, full_matrices=False)
    return left, values, right


def _qr(x: np.ndarray) -> tuple[np.ndarray, ...]:
    left, right = np.linalg.qr(x)
    return left, right


def _argsort(x: np.ndarray, descending: bool) -> tuple[np.ndarray, ...]:
    return (argsort(x, descending),)


MATRIX_ROUTINES = {
    "cholesky": MatrixMeaning(_cholesky, (2,), (2,)),
    "solve_triangular": MatrixMeaning(_solve_triangular, (2, 2), (2,), 3),
    "lu": MatrixMeaning(_lu, (2,), (2, 1)),
    "lu_solve": MatrixMeaning(_lu_solve, (2, 1, 2), (2,), 1),
    "lu_inverse": MatrixMeaning(_lu_inverse, (2, 1), (2,)),
    "eigh": MatrixMeaning(_eigh, (2,), (1, 2)),
    "svd": MatrixMeaning(_svd, (2,), (2, 1, 2)),
    "qr": MatrixMeaning(_qr, (2,), (2, 2)),
    "argsort": MatrixMeaning(_argsort, (1,), (1,), 1),
}
"""By name. Options come behind the arguments."""

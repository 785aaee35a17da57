"""Inverses, solvers, determinants and eigenvalues of square matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from croton.expr.expr import Expr
from croton.expr.types import show
from croton.ops.arithmetic import divide, multiply, negative, subtract
from croton.ops.axes import broadcast_to, expand_dims, matrix_transpose, squeeze
from croton.ops.casting import asarray, floats
from croton.ops.comparisons import equal
from croton.ops.creation import eye, tril, triu
from croton.ops.indexing import index
from croton.ops.joining import concatenate, stack
from croton.ops.linalg import matmul
from croton.ops.logic import where
from croton.ops.reductions import sum as sum_
from croton.ops.shape import reshape
from croton.transforms.routine import routine
from croton.util.errors import ArgumentError, ShapeError


def square(x: Any, what: str) -> Expr:
    """The matrices as floating ones, which have as many rows as columns."""
    (x,) = floats(x)
    if x.ndim < 2:
        raise ShapeError(f"{what} takes a matrix or a stack of them, got shape {show(x.shape)}")
    n, m = x.shape[-2:]
    if n == m:
        return x
    if isinstance(n, int) and isinstance(m, int):
        raise ShapeError(f"{what} takes square matrices, got shape {show(x.shape)}")
    # Reshaping says, and checks at each call, that unknown sizes are equal.
    size = n if isinstance(n, int) else m
    return reshape(x, (*x.shape[:-2], size, size))


def inv(x: Any) -> Expr:
    """The inverse of square matrices."""
    return _INV(square(x, "inv"))


def solve(a: Any, b: Any) -> Expr:
    """The x for which `a @ x` is b: a of shape (..., n, n), b a vector (n,) or matrices (..., n, k)."""
    a, b = floats(a, b)
    return _solved("solve", _SOLVE, square(a, "solve"), b)


def solve_triangular(a: Any, b: Any, lower: bool = True) -> Expr:
    """The x for which `a @ x` is b, where only the lower triangle of a counts (the upper one unless `lower`)."""
    a, b = floats(a, b)
    a = square(a, "solve_triangular")
    return _solved("solve_triangular", _SOLVE, tril(a) if lower else triu(a), b)


def _solved(what: str, function: Any, a: Expr, b: Expr) -> Expr:
    if b.ndim == 0:
        raise ShapeError(f"{what}: the right side is a vector or matrices, got a number")
    n, m = a.shape[-1], b.shape[0 if b.ndim == 1 else -2]
    if isinstance(n, int) and isinstance(m, int) and n != m:
        raise ShapeError(f"{what}: a matrix of {n} rows and a right side of {m}, shapes {show(a.shape)} and {show(b.shape)}")
    if b.ndim == 1:
        return squeeze(function(a, expand_dims(b, -1)), -1)
    return function(a, b)


def cholesky(x: Any, upper: bool = False) -> Expr:
    """The lower triangular L with a positive diagonal for which `L @ L.T` is x, symmetric and positive definite; its transpose if `upper`.

    Only the lower triangle of x is read; its derivative is symmetric.
    """
    found = _CHOLESKY(square(x, "cholesky"))
    return matrix_transpose(found) if upper else found


def det(x: Any) -> Expr:
    """The determinant of square matrices."""
    return index(_DET(square(x, "det")), (..., 0))


def slogdet(x: Any) -> tuple[Expr, Expr]:
    """The sign of the determinant, and the logarithm of its absolute value."""
    both = _SLOGDET(square(x, "slogdet"))
    return index(both, (..., 0)), index(both, (..., 1))


def eigh(x: Any) -> tuple[Expr, Expr]:
    """The eigenvalues of symmetric matrices, in increasing order, and their eigenvectors as columns. Only the lower triangle of x is read.

    The derivative of eigenvectors is not finite where eigenvalues are equal; there its parts between these are taken to be 0.
    """
    both = _EIGH(square(x, "eigh"))
    return index(both, (..., -1, slice(None))), index(both, (..., slice(None, -1), slice(None)))


def eigvalsh(x: Any) -> Expr:
    """The eigenvalues of symmetric matrices, in increasing order. Only the lower triangle of x is read."""
    return eigh(x)[0]


def matrix_power(x: Any, n: int) -> Expr:
    """The product of square matrices with themselves, n times; of the inverse where n is negative."""
    x = asarray(x)
    if not isinstance(n, int) or isinstance(n, bool):
        raise ArgumentError(f"matrix_power: the power is an integer, got {n!r}")
    if n < 0:
        x, n = inv(x), -n
    else:
        x = square(x, "matrix_power") if x.dtype.is_float else x
    result: Expr | None = None
    while n:
        if n & 1:
            result = x if result is None else matmul(result, x)
        n >>= 1
        if n:
            x = matmul(x, x)
    return result if result is not None else broadcast_to(eye(x.shape[-1], dtype=x.dtype), x.shape)


# The routines and their derivatives


def _inv_vjp(args: tuple, y: Expr, slope: Expr) -> Expr:
    turned = matrix_transpose(y)
    return negative(matmul(matmul(turned, slope), turned))


def _solve_vjp(solver: Callable[[Expr, Expr], Expr]) -> Callable[..., tuple[Expr, Expr]]:
    def pullback(args: tuple, y: Expr, slope: Expr) -> tuple[Expr, Expr]:
        a, b = args
        of_b = solver(matrix_transpose(a), slope)
        of_a = negative(matmul(of_b, matrix_transpose(y)))
        return _gathered(of_a, a), _gathered(of_b, b)

    return pullback


def _gathered(slope: Expr, x: Expr) -> Expr:
    """A derivative summed over what its argument was broadcast along."""
    more = slope.ndim - x.ndim
    slope = sum_(slope, tuple(range(more))) if more else slope
    ones = tuple([axis for axis in range(x.ndim) if x.shape[axis] == 1 and slope.shape[axis] != 1])
    return sum_(slope, ones, None, True) if ones else slope


def _cholesky_vjp(args: tuple, y: Expr, slope: Expr) -> Expr:
    turned = matrix_transpose(y)
    n = y.shape[-1]
    half = subtract(tril(matmul(turned, slope)), multiply(multiply(matmul(turned, slope), eye(n, dtype=y.dtype)), 0.5))
    left = _SOLVE(turned, half)
    both = matrix_transpose(_SOLVE(turned, matrix_transpose(left)))
    return multiply(both + matrix_transpose(both), 0.5)


def _det_vjp(args: tuple, y: Expr, slope: Expr) -> Expr:
    (x,) = args
    return multiply(expand_dims(multiply(slope, y), -1), matrix_transpose(_INV(x)))


def _slogdet_vjp(args: tuple, y: Expr, slope: Expr) -> Expr:
    (x,) = args
    return multiply(expand_dims(expand_dims(index(slope, (..., 1)), -1), -1), matrix_transpose(_INV(x)))


def _eigh_vjp(args: tuple, y: Expr, slope: Expr) -> Expr:
    values, vectors = index(y, (..., -1, slice(None))), index(y, (..., slice(None, -1), slice(None)))
    of_values, of_vectors = index(slope, (..., -1, slice(None))), index(slope, (..., slice(None, -1), slice(None)))
    gaps = subtract(expand_dims(values, -2), expand_dims(values, -1))
    equals = equal(gaps, 0)
    between = where(equals, asarray(0, y.dtype), divide(1, where(equals, asarray(1, y.dtype), gaps)))
    turned = matrix_transpose(vectors)
    inside = multiply(between, matmul(turned, of_vectors)) + multiply(expand_dims(of_values, -2), eye(values.shape[-1], dtype=y.dtype))
    found = matmul(matmul(vectors, inside), turned)
    return multiply(found + matrix_transpose(found), 0.5)


def _packed_slogdet(x: np.ndarray) -> np.ndarray:
    return np.stack(np.linalg.slogdet(x), axis=-1).astype(x.dtype)


def _packed_eigh(x: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(x)
    return np.concatenate([vectors, values[..., None, :]], axis=-2)



_INV = routine(np.linalg.inv, lambda x: x, vjp=_inv_vjp, name="inv", batched=True)
# A pullback is written down with its routine, so that none can be its own: second derivatives solve once more, those beyond go by the inverse.
_SOLVE_AGAIN = routine(np.linalg.solve, matmul, vjp=_solve_vjp(lambda a, b: matmul(_INV(a), b)), name="solve", batched=True)
_SOLVE = routine(np.linalg.solve, matmul, vjp=_solve_vjp(_SOLVE_AGAIN), name="solve", batched=True)
_CHOLESKY = routine(np.linalg.cholesky, lambda x: x, vjp=_cholesky_vjp, name="cholesky", batched=True)
_DET = routine(lambda x: np.asarray(np.linalg.det(x))[..., None], lambda x: sum_(x, (-2, -1))[..., None], vjp=_det_vjp, name="det", batched=True)
_SLOGDET = routine(_packed_slogdet, lambda x: stack([sum_(x, (-2, -1))] * 2, -1), vjp=_slogdet_vjp, name="slogdet", batched=True)
_EIGH = routine(_packed_eigh, lambda x: concatenate([x, expand_dims(sum_(x, -2), -2)], -2), vjp=_eigh_vjp, name="eigh", batched=True)

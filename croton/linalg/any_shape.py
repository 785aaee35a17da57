"""Decompositions of matrices that need not be square, and what is made of them.

The derivatives are those of J. Townsend, "Differentiating the singular value decomposition" (2016); of S. Walter and L. Lehmann, "Algorithmic differentiation
of linear algebra functions" (2010), for the QR decomposition; and of G. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least
squares problems whose variables separate" (1973).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from croton.expr.expr import Expr
from croton.expr.types import show
from croton.linalg.machine import QR, SVD
from croton.linalg.square import solve_triangular
from croton.ops.arithmetic import divide, multiply, negative, subtract
from croton.ops.axes import expand_dims, matrix_transpose
from croton.ops.casting import asarray, floats, size
from croton.ops.comparisons import equal, greater
from croton.ops.creation import arange, eye, tril
from croton.ops.indexing import index
from croton.ops.joining import concatenate
from croton.ops.linalg import matmul
from croton.ops.logic import where
from croton.ops.reductions import max as max_
from croton.ops.reductions import min as min_
from croton.ops.reductions import sum as sum_
from croton.sizes import least
from croton.transforms.derived import derived
from croton.util.errors import ArgumentError, ShapeError


def svd(x: Any, full_matrices: bool = False) -> tuple[Expr, Expr, Expr]:
    """The singular value decomposition: x is `U * s @ Vh`, U and Vh with orthonormal columns and rows, s in decreasing order, as many as the shorter side has.

    Only this reduced form is there. The derivatives of U and Vh are not finite where singular values are equal; their parts between these are taken to be 0.
    """
    if full_matrices:
        raise ArgumentError("svd: only the reduced form is there; pass full_matrices=False")
    x = _matrices(x, "svd")
    return _svd(x)


def svdvals(x: Any) -> Expr:
    """The singular values of matrices, in decreasing order."""
    return svd(x)[1]


def qr(x: Any, mode: str = "reduced") -> tuple[Expr, Expr]:
    """The QR decomposition: x is `Q @ R`, Q with orthonormal columns, as many as the shorter side of x has, R upper triangular.

    The derivative takes the first columns of x to be independent.
    """
    if mode != "reduced":
        raise ArgumentError(f'qr: mode is "reduced", got {mode!r}')
    x = _matrices(x, "qr")
    return _qr(x)


def pinv(x: Any, rtol: float | None = None) -> Expr:
    """The pseudo-inverse of matrices. Singular values up to `rtol` times the greatest count as 0; by default the longer side times the precision.

    The derivative takes the rank to stay as it is.
    """
    x = _matrices(x, "pinv")
    return _pinv(x, _tolerance(x, rtol))


def matrix_rank(x: Any, rtol: float | None = None) -> Expr:
    """How many singular values are greater than `rtol` times the greatest; by default the longer side times the precision."""
    x = _matrices(x, "matrix_rank")
    values = svdvals(x)
    return sum_(greater(values, multiply(max_(values, -1, True), _tolerance(x, rtol))), -1)


def cond(x: Any) -> Expr:
    """The greatest singular value over the smallest."""
    values = svdvals(x)
    return divide(max_(values, -1), min_(values, -1))


def _matrices(x: Any, what: str) -> Expr:
    (x,) = floats(x)
    if x.ndim < 2:
        raise ShapeError(f"{what} takes a matrix or a stack of them, got shape {show(x.shape)}")
    return x


def _tolerance(x: Expr, rtol: float | None) -> Expr:
    if rtol is not None:
        return asarray(rtol, x.dtype)
    rows, columns = x.shape[-2:]
    return multiply(size(rows + columns - least(rows, columns), x.dtype), float(np.finfo(x.dtype.numpy).eps))


# The routines and their derivatives


def _pinv_value(x: Expr, tolerance: Expr) -> Expr:
    left, values, right = SVD(x)
    # The greatest is the first; there may be none.
    first = where(equal(arange(values.shape[-1]), 0), values, asarray(0, x.dtype))
    kept = greater(values, multiply(sum_(first, -1, None, True), tolerance))
    inverse = where(kept, divide(1, where(kept, values, asarray(1, x.dtype))), asarray(0, x.dtype))
    return matmul(multiply(matrix_transpose(right), expand_dims(inverse, -2)), matrix_transpose(left))


def _svd_vjp(args: tuple, y: tuple, slope: tuple) -> Expr:
    (u, s, vh), (du, ds, dvh) = y, slope
    v, dv, dtype = matrix_transpose(vh), matrix_transpose(dvh), s.dtype
    squares = multiply(s, s)
    gaps = subtract(expand_dims(squares, -2), expand_dims(squares, -1))
    between = _inverse(gaps)
    row, inverse = expand_dims(s, -2), expand_dims(_inverse(s), -2)

    def turning(a: Expr, da: Expr) -> Expr:
        both = matmul(matrix_transpose(a), da)
        return multiply(between, subtract(both, matrix_transpose(both)))

    def outside(a: Expr, da: Expr) -> Expr:
        return multiply(subtract(da, matmul(a, matmul(matrix_transpose(a), da))), inverse)

    inner = multiply(turning(u, du), row) + multiply(expand_dims(s, -1), turning(v, dv)) + multiply(expand_dims(ds, -2), eye(s.shape[-1], dtype=dtype))
    return matmul(matmul(u, inner) + outside(u, du), vh) + matmul(u, matrix_transpose(outside(v, dv)))


def _inverse(x: Expr) -> Expr:
    """1 / x, and 0 where x is 0."""
    zero = equal(x, 0)
    return where(zero, asarray(0, x.dtype), divide(1, where(zero, asarray(1, x.dtype), x)))


def _qr_vjp(args: tuple, y: tuple, slope: tuple) -> Expr:
    """Of the first columns, as many as there are rows of R, the decomposition is square; the others are products with Q."""
    (x,), (q, r), (dq, dr) = args, y, slope
    rows, columns = x.shape[-2:]
    count = least(rows, columns)
    r, dr, d_rest = [*[index(both, (..., slice(None), slice(0, count))) for both in (r, dr)], index(dr, (..., slice(None), slice(count, columns)))]
    rest = index(x, (..., slice(None), slice(count, columns)))
    dq = dq + matmul(rest, matrix_transpose(d_rest))
    m = subtract(matmul(r, matrix_transpose(dr)), matmul(matrix_transpose(dq), q))
    symmetric = tril(m) + matrix_transpose(tril(m, -1))
    of_first = matrix_transpose(solve_triangular(r, matrix_transpose(dq + matmul(q, symmetric)), lower=False))
    return concatenate([of_first, matmul(q, d_rest)], -1)


def _pinv_vjp(args: tuple, y: Expr, slope: Expr) -> tuple[Expr, None]:
    x, _ = args
    turned, back = matrix_transpose(y), matrix_transpose(slope)
    rows, columns = x.shape[-2:]
    left = subtract(eye(rows, dtype=y.dtype), matmul(x, y))
    right = subtract(eye(columns, dtype=y.dtype), matmul(y, x))
    inside = negative(matmul(matmul(turned, slope), turned))
    return inside + matmul(matmul(left, back), matmul(y, turned)) + matmul(matmul(turned, y), matmul(back, right)), None


_svd = derived("svd", SVD, _svd_vjp, results=3)
_qr = derived("qr", QR, _qr_vjp, results=2)
_pinv = derived("pinv", _pinv_value, _pinv_vjp, 2)

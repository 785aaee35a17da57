"""Decompositions of matrices that need not be square, and what is made of them.

The derivatives are those of J. Townsend, "Differentiating the singular value decomposition" (2016); of S. Walter and L. Lehmann, "Algorithmic differentiation
of linear algebra functions" (2010), for the QR decomposition; and of G. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least
squares problems whose variables separate" (1973).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from croton.expr.expr import Expr
from croton.expr.types import show
from croton.linalg.square import solve
from croton.ops.arithmetic import divide, multiply, negative, subtract
from croton.ops.axes import expand_dims, matrix_transpose, squeeze
from croton.ops.casting import asarray, floats, size
from croton.ops.comparisons import equal, greater
from croton.ops.creation import eye, tril, zeros
from croton.ops.indexing import index
from croton.ops.joining import concatenate
from croton.ops.linalg import matmul, norm
from croton.ops.logic import where
from croton.ops.reductions import max as max_
from croton.ops.reductions import min as min_
from croton.ops.reductions import sum as sum_
from croton.sizes import least
from croton.transforms.routine import routine
from croton.util.errors import ArgumentError, ShapeError


def svd(x: Any, full_matrices: bool = False) -> tuple[Expr, Expr, Expr]:
    """The singular value decomposition: x is `U * s @ Vh`, U and Vh with orthonormal columns and rows, s in decreasing order, as many as the shorter side has.

    Only this reduced form is there. The derivatives of U and Vh are not finite where singular values are equal; their parts between these are taken to be 0.
    """
    if full_matrices:
        raise ArgumentError("svd: only the reduced form is there; pass full_matrices=False")
    x = _matrices(x, "svd")
    rows, columns = x.shape[-2:]
    both = _SVD(x)
    left = matrix_transpose(index(both, (..., slice(None), slice(0, rows))))
    return left, index(both, (..., slice(None), rows + columns)), index(both, (..., slice(None), slice(rows, rows + columns)))


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
    rows, columns = x.shape[-2:]
    both = _QR(x)
    return matrix_transpose(index(both, (..., slice(None), slice(0, rows)))), index(both, (..., slice(None), slice(rows, rows + columns)))


def pinv(x: Any, rtol: float | None = None) -> Expr:
    """The pseudo-inverse of matrices. Singular values up to `rtol` times the greatest count as 0; by default the longer side times the precision.

    The derivative takes the rank to stay as it is.
    """
    return _pinv(rtol)(_matrices(x, "pinv"))


def matrix_rank(x: Any, rtol: float | None = None) -> Expr:
    """How many singular values are greater than `rtol` times the greatest; by default the longer side times the precision."""
    x = _matrices(x, "matrix_rank")
    values = svdvals(x)
    return sum_(greater(values, multiply(max_(values, -1, True), _tolerance(x, rtol))), -1)


def cond(x: Any) -> Expr:
    """The greatest singular value over the smallest."""
    values = svdvals(x)
    return divide(max_(values, -1), min_(values, -1))


def vector_norm(x: Any, axis: Any = None, keepdims: bool = False, ord: int | float = 2) -> Expr:
    """The length of the vectors along the axes, or of all elements together: (sum |x|**ord) ** (1 / ord)."""
    return norm(x, axis, ord, keepdims)


def matrix_norm(x: Any, keepdims: bool = False, ord: int | float | str = "fro") -> Expr:
    """The norm of matrices: "fro", the root of the sum of squares; 1 and inf, the greatest sum of absolute values in a column or a row; 2, the greatest
    singular value; "nuc", the sum of these.

    -1, -inf and -2 are the least of these sums and values.
    """
    x = _matrices(x, "matrix_norm")
    if ord == "fro":
        return norm(x, (-2, -1), None, keepdims)
    if ord not in (1, -1, 2, -2, np.inf, -np.inf, "nuc"):
        raise ArgumentError(f'matrix_norm: ord is "fro", "nuc", 1, -1, 2, -2, inf or -inf, got {ord!r}')
    if ord in (2, -2, "nuc"):
        values = svdvals(x)
        found = sum_(values, -1) if ord == "nuc" else (max_ if ord == 2 else min_)(values, -1)
        return expand_dims(found, (-2, -1)) if keepdims else found
    sums = norm(x, -2 if ord in (1, -1) else -1, 1, True)
    found = (max_ if ord > 0 else min_)(sums, (-2, -1), True)  # type: ignore[operator]
    return found if keepdims else squeeze(found, (-2, -1))


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


def _packed_svd(x: np.ndarray) -> np.ndarray:
    left, values, right = np.linalg.svd(x, full_matrices=False)
    return np.concatenate([left.swapaxes(-1, -2), right, values[..., None]], axis=-1)


def _packed_qr(x: np.ndarray) -> np.ndarray:
    left, right = np.linalg.qr(x)
    return np.concatenate([left.swapaxes(-1, -2), right], axis=-1)


def _svd_vjp(args: tuple, y: Expr, slope: Expr) -> Expr:
    (x,) = args
    (u, s, vh), (du, ds, dvh) = _svd_parts(x, y), _svd_parts(x, slope)
    v, dv, dtype = matrix_transpose(vh), matrix_transpose(dvh), y.dtype
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


def _svd_parts(x: Expr, both: Expr) -> tuple[Expr, Expr, Expr]:
    rows, columns = x.shape[-2:]
    left = matrix_transpose(index(both, (..., slice(None), slice(0, rows))))
    return left, index(both, (..., slice(None), rows + columns)), index(both, (..., slice(None), slice(rows, rows + columns)))


def _inverse(x: Expr) -> Expr:
    """1 / x, and 0 where x is 0."""
    zero = equal(x, 0)
    return where(zero, asarray(0, x.dtype), divide(1, where(zero, asarray(1, x.dtype), x)))


def _qr_vjp(args: tuple, y: Expr, slope: Expr) -> Expr:
    """Of the first columns, as many as there are rows of R, the decomposition is square; the others are products with Q."""
    (x,) = args
    rows, columns = x.shape[-2:]
    count = least(rows, columns)
    q, dq = [matrix_transpose(index(both, (..., slice(None), slice(0, rows)))) for both in (y, slope)]
    r, dr = [index(both, (..., slice(None), slice(rows, rows + count))) for both in (y, slope)]
    rest, d_rest = index(x, (..., slice(None), slice(count, columns))), index(slope, (..., slice(None), slice(rows + count, rows + columns)))
    dq = dq + matmul(rest, matrix_transpose(d_rest))
    m = subtract(matmul(r, matrix_transpose(dr)), matmul(matrix_transpose(dq), q))
    lower = tril(m)
    symmetric = lower + matrix_transpose(tril(m, -1))
    of_first = matrix_transpose(solve(r, matrix_transpose(dq + matmul(q, symmetric))))
    return concatenate([of_first, matmul(q, d_rest)], -1)


def _pinv_vjp(args: tuple, y: Expr, slope: Expr) -> Expr:
    (x,) = args
    turned, back = matrix_transpose(y), matrix_transpose(slope)
    rows, columns = x.shape[-2:]
    left = subtract(eye(rows, dtype=y.dtype), matmul(x, y))
    right = subtract(eye(columns, dtype=y.dtype), matmul(y, x))
    inside = negative(matmul(matmul(turned, slope), turned))
    return inside + matmul(matmul(left, back), matmul(y, turned)) + matmul(matmul(turned, y), matmul(back, right))


@functools.cache
def _pinv(rtol: float | None) -> Callable[[Expr], Expr]:
    """Equal tolerances have one routine, so that equal calls are one."""

    def value(x: np.ndarray) -> np.ndarray:
        return np.linalg.pinv(x, rcond=max(x.shape[-2:]) * np.finfo(x.dtype).eps if rtol is None else rtol).astype(x.dtype)

    return routine(value, matrix_transpose, vjp=_pinv_vjp, name="pinv", batched=True)


def _like_svd(x: Expr) -> Expr:
    rows, columns = x.shape[-2:]
    return zeros((*x.shape[:-2], least(rows, columns), rows + columns + 1), dtype=x.dtype)


def _like_qr(x: Expr) -> Expr:
    rows, columns = x.shape[-2:]
    return zeros((*x.shape[:-2], least(rows, columns), rows + columns), dtype=x.dtype)


_SVD = routine(_packed_svd, _like_svd, vjp=_svd_vjp, name="svd", batched=True)
_QR = routine(_packed_qr, _like_qr, vjp=_qr_vjp, name="qr", batched=True)

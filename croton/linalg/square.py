"""Inverses, solvers, determinants and eigenvalues of square matrices."""

from __future__ import annotations

import functools
from typing import Any

from croton.expr.expr import Expr
from croton.expr.types import show
from croton.linalg.machine import CHOLESKY, EIGH, LU, LU_INVERSE, LU_SOLVE, SOLVE_TRIANGULAR
from croton.ops.arithmetic import abs as absolute
from croton.ops.arithmetic import divide, multiply, negative, sign, subtract
from croton.ops.axes import PERMUTE, broadcast_to, expand_dims, matrix_transpose, squeeze
from croton.ops.casting import asarray, floats
from croton.ops.comparisons import equal, not_equal
from croton.ops.creation import arange, eye, tril, triu
from croton.ops.linalg import diagonal, matmul
from croton.ops.logic import where
from croton.ops.reductions import prod
from croton.ops.reductions import sum as sum_
from croton.ops.transcendental import log
from croton.transforms.derived import Derived, derived
from croton.util.errors import ArgumentError, ShapeError


def square(x: Any, what: str) -> Expr:
    """The matrices as floating ones, which have as many rows as columns; of unknown sizes the routines say that they are equal."""
    (x,) = floats(x)
    if x.ndim < 2:
        raise ShapeError(f"{what} takes a matrix or a stack of them, got shape {show(x.shape)}")
    n, m = x.shape[-2:]
    if isinstance(n, int) and isinstance(m, int) and n != m:
        raise ShapeError(f"{what} takes square matrices, got shape {show(x.shape)}")
    return x


def inv(x: Any) -> Expr:
    """The inverse of square matrices."""
    return _inv(square(x, "inv"))


def solve(a: Any, b: Any) -> Expr:
    """The x for which `a @ x` is b: a of shape (..., n, n), b a vector (n,) or matrices (..., n, k)."""
    a, b = floats(a, b)
    return _solved("solve", _solve(False), square(a, "solve"), b)


def solve_triangular(a: Any, b: Any, lower: bool = True) -> Expr:
    """The x for which `a @ x` is b, where only the lower triangle of a counts (the upper one unless `lower`)."""
    a, b = floats(a, b)
    a = square(a, "solve_triangular")
    factor, transposed = _factor_of(a, bool(lower))
    if factor is not None:
        return _solved("solve_triangular", _triangular_solve(True, transposed, True), factor, b)
    return _solved("solve_triangular", _triangular_solve(bool(lower), False, False), a, b)


def _factor_of(a: Expr, lower: bool) -> tuple[Expr | None, bool]:
    """The Cholesky factor that a triangular matrix is, or is the transpose of."""
    if lower and a.op is _cholesky.op:
        return a, False
    if not lower and a.op is PERMUTE and a.inputs[0].op is _cholesky.op and a.params[0] == (*range(a.ndim - 2), a.ndim - 1, a.ndim - 2):
        return a.inputs[0], True
    return None, False


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
    found = _cholesky(square(x, "cholesky"))
    return matrix_transpose(found) if upper else found


def det(x: Any) -> Expr:
    """The determinant of square matrices."""
    return _det(square(x, "det"))


def slogdet(x: Any) -> tuple[Expr, Expr]:
    """The sign of the determinant, and the logarithm of its absolute value."""
    return _slogdet(square(x, "slogdet"))


def eigh(x: Any) -> tuple[Expr, Expr]:
    """The eigenvalues of symmetric matrices, in increasing order, and their eigenvectors as columns. Only the lower triangle of x is read.

    The derivative of eigenvectors is not finite where eigenvalues are equal; there its parts between these are taken to be 0.
    """
    return _eigh(square(x, "eigh"))


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


def _lu_value(x: Expr) -> tuple[Expr, Expr]:
    """The sign of the determinant and the diagonal whose product is its absolute value, with signs of its own."""
    both, pivots = LU(x)
    corners = diagonal(both, 0, -2, -1)
    exchanged = not_equal(pivots, arange(1, x.shape[-1] + 1, dtype=pivots.dtype))
    return prod(where(exchanged, asarray(-1, x.dtype), asarray(1, x.dtype)), -1), corners


def _det_value(x: Expr) -> Expr:
    turns, corners = _lu_value(x)
    return multiply(turns, prod(corners, -1))


def _slogdet_value(x: Expr) -> tuple[Expr, Expr]:
    turns, corners = _lu_value(x)
    return multiply(turns, prod(sign(corners), -1)), sum_(log(absolute(corners)), -1)


def _inv_vjp(args: tuple, y: Expr, slope: Expr) -> Expr:
    turned = matrix_transpose(y)
    return negative(matmul(matmul(turned, slope), turned))


def _det_vjp(args: tuple, y: Expr, slope: Expr) -> Expr:
    (x,) = args
    return multiply(expand_dims(expand_dims(multiply(slope, y), -1), -1), matrix_transpose(_inv(x)))


def _slogdet_vjp(args: tuple, y: tuple, slope: tuple) -> Expr:
    (x,) = args
    return multiply(expand_dims(expand_dims(slope[1], -1), -1), matrix_transpose(_inv(x)))


def _cholesky_vjp(args: tuple, y: Expr, slope: Expr) -> Expr:
    turned = matrix_transpose(y)
    n = y.shape[-1]
    product = matmul(turned, slope)
    half = subtract(tril(product), multiply(multiply(product, eye(n, dtype=y.dtype)), 0.5))
    inner = _triangular_solve(True, True, True, True)(y, matrix_transpose(half))
    both = _triangular_solve(True, True, True)(y, matrix_transpose(inner))
    return multiply(both + matrix_transpose(both), 0.5)


def _eigh_vjp(args: tuple, y: tuple, slope: tuple) -> Expr:
    (values, vectors), (of_values, of_vectors) = y, slope
    gaps = subtract(expand_dims(values, -2), expand_dims(values, -1))
    equals = equal(gaps, 0)
    between = where(equals, asarray(0, values.dtype), divide(1, where(equals, asarray(1, values.dtype), gaps)))
    turned = matrix_transpose(vectors)
    inside = multiply(between, matmul(turned, of_vectors)) + multiply(expand_dims(of_values, -2), eye(values.shape[-1], dtype=values.dtype))
    found = matmul(matmul(vectors, inside), turned)
    return multiply(found + matrix_transpose(found), 0.5)


@functools.cache
def _solve(transposed: bool) -> Derived:
    """The solver with a matrix, or with its transpose: both by the same decomposition, which the determinant reads too."""

    def value(a: Expr, b: Expr) -> Expr:
        return LU_SOLVE(*LU(a), b, transposed=transposed)[0]

    def pullback(args: tuple, y: Expr, slope: Expr) -> tuple[Expr, Expr]:
        a, b = args
        of_b = _solve(not transposed)(a, slope)
        return _gathered(_of_matrix(of_b, y, transposed), a), _gathered(of_b, b)

    return derived("solve", value, pullback, 2)


@functools.cache
def _triangular_solve(lower: bool, transposed: bool, factor: bool, alike: bool = False) -> Derived:
    """The solver with a triangle of a matrix, or with the transpose of that.

    Where the matrix is the `factor` of a Cholesky decomposition, whose derivative reads the lower triangle of what it is given only, a sum of outer products
    stays one: most of a likelihood's gradient is a product with it. Where the right side is `alike`, square and triangular as the system is, most of the
    solution is 0.
    """

    def value(a: Expr, b: Expr) -> Expr:
        return SOLVE_TRIANGULAR(a, b, lower=lower, transposed=transposed, alike=alike)[0]

    def pullback(args: tuple, y: Expr, slope: Expr) -> tuple[Expr, Expr]:
        a, b = args
        of_b = _triangular_solve(lower, not transposed, factor)(a, slope)
        of_a = _of_matrix(of_b, y, transposed)
        return _gathered(of_a if factor else tril(of_a) if lower else triu(of_a), a), _gathered(of_b, b)

    return derived("solve_triangular", value, pullback, 2)


def _of_matrix(of_b: Expr, y: Expr, transposed: bool) -> Expr:
    """The derivative of a solution by the matrix, of which the system may be the transpose's."""
    left, right = (y, of_b) if transposed else (of_b, y)
    return negative(matmul(left, matrix_transpose(right)))


def _gathered(slope: Expr, x: Expr) -> Expr:
    """A derivative summed over what its argument was broadcast along."""
    more = slope.ndim - x.ndim
    slope = sum_(slope, tuple(range(more))) if more else slope
    ones = tuple([axis for axis in range(x.ndim) if x.shape[axis] == 1 and slope.shape[axis] != 1])
    return sum_(slope, ones, None, True) if ones else slope


_cholesky = derived("cholesky", lambda x: CHOLESKY(x)[0], _cholesky_vjp)
_inv = derived("inv", lambda x: LU_INVERSE(*LU(x))[0], _inv_vjp)
_det = derived("det", _det_value, _det_vjp)
_slogdet = derived("slogdet", _slogdet_value, _slogdet_vjp, results=2)
_eigh = derived("eigh", EIGH, _eigh_vjp, results=2)

"""Linear algebra: decompositions and solvers, by LAPACK in the compiled program, with their derivatives in expressions.

    L = cr.linalg.cholesky(K)
    alpha = cr.linalg.solve(K, y)

All take stacks of matrices, (..., n, n). Derivatives are made of the same functions, so they have every order, under `vmap` and in loops. What is asked of
one matrix takes one decomposition. A matrix that has no answer raises `MatrixError`, a `numpy.linalg.LinAlgError`, in the call. Products are functions of
croton itself; they are named here too, as in NumPy.
"""

from __future__ import annotations

import sys
from typing import Any

from croton.linalg.any_shape import cond, matrix_rank, pinv, qr, svd, svdvals
from croton.linalg.norms import matrix_norm, norm, vector_norm
from croton.linalg.square import cholesky, det, eigh, eigvalsh, inv, matrix_power, slogdet, solve, solve_triangular
from croton.ops.axes import matrix_transpose
from croton.ops.linalg import diagonal, matmul, outer, tensordot, trace, vecdot
from croton.ops.numerics import cross

__all__ = [
    "cholesky", "cond", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "matmul", "matrix_norm", "matrix_power", "matrix_rank", "matrix_transpose",
    "norm", "outer", "pinv", "qr", "slogdet", "solve", "solve_triangular", "svd", "svdvals", "tensordot", "trace", "vecdot", "vector_norm",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    raise AttributeError(
        f"croton.linalg has no {name!r}; it has {', '.join(__all__)}. Call NumPy's others by routine, with a vjp for derivatives",
        name=name,
        obj=sys.modules[__name__],
    )

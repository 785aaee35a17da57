"""The routines on stacks of matrices that are machine code: the only place that lists them. What they give is said in `util/matrix_routines.py`."""

from __future__ import annotations

from collections.abc import Callable

from croton.runtime.matrices import cholesky, lu, qr, sorting, spectral, stack, triangular
from croton.runtime.matrices.member import TYPES, Member

EMITTERS: dict[str, Callable[[Member], None]] = {
    "cholesky": cholesky.emit,
    "solve_triangular": triangular.emit,
    "lu": lu.emit,
    "lu_solve": lu.emit_solve,
    "lu_inverse": lu.emit_inverse,
    "eigh": spectral.emit_eigh,
    "svd": spectral.emit_svd,
    "qr": qr.emit,
    "argsort": sorting.emit,
}

NAMES = [(name, dtype) for name in EMITTERS for dtype in (TYPES if name == "argsort" else ("float32", "float64"))]
"""The routines that there are, each for the dtypes of its first argument."""


def text(name: str, dtype: str) -> tuple[str, list[str]]:
    """The machine code of a routine for one dtype as LLVM IR, whose function is `croton_stack`, and the routines of the library that it calls."""
    member = Member(dtype)
    EMITTERS[name](member)
    return stack.text(member.text()), member.symbols

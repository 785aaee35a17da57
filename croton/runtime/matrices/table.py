"""The routines of linear algebra that are machine code: the only place that lists them. What they give is said in `util/matrix_routines.py`."""

from __future__ import annotations

from collections.abc import Callable

from croton.runtime.matrices import cholesky, lu, qr, spectral, stack, triangular
from croton.runtime.matrices.member import Member

EMITTERS: dict[str, Callable[[Member], None]] = {
    "cholesky": cholesky.emit,
    "solve_triangular": triangular.emit,
    "lu": lu.emit,
    "lu_solve": lu.emit_solve,
    "lu_inverse": lu.emit_inverse,
    "eigh": spectral.emit_eigh,
    "svd": spectral.emit_svd,
    "qr": qr.emit,
}

REAL = {"float32": "float", "float64": "double"}


def text(name: str, dtype: str) -> tuple[str, list[str]]:
    """The machine code of a routine for one dtype as LLVM IR, whose function is `croton_stack`, and the routines of the library that it calls."""
    member = Member(REAL[dtype])
    EMITTERS[name](member)
    return stack.text(member.text()), member.symbols

"""OpenBLAS and LAPACK by address."""

from __future__ import annotations

import ctypes
import os

import numpy as np
import pytest

from croton.runtime import blas


def test_one_thread_and_no_trace_in_the_environment() -> None:
    before = dict(os.environ)
    library = blas.library()
    assert library is blas.library()
    assert library[blas.PREFIX + "openblas_get_num_threads"]() == 1
    assert dict(os.environ) == before


def test_a_lapack_routine_can_be_called() -> None:
    """Cholesky's factor of a symmetric matrix; its column-major upper triangle is our lower one."""
    factor = np.tril(np.random.default_rng(0).normal(size=(5, 5))) + 5 * np.eye(5)
    matrix = factor @ factor.T
    potrf = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 5)(blas.address("dpotrf_"))
    upper, size, info = ctypes.c_char(b"U"), ctypes.c_int(5), ctypes.c_int(-1)
    potrf(ctypes.addressof(upper), ctypes.addressof(size), matrix.ctypes.data, ctypes.addressof(size), ctypes.addressof(info))
    assert info.value == 0
    np.testing.assert_allclose(np.tril(matrix), factor, atol=1e-12)


def test_unknown_routine() -> None:
    with pytest.raises(KeyError, match="no routine 'dnothing_'"):
        blas.address("dnothing_")

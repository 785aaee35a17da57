"""Programs of one matrix product by a routine of our own, and what they have to give."""

from __future__ import annotations

import numpy as np
from hand_programs import constants

from croton.runtime import pool
from croton.runtime.calls.gemm import Axis, Gemm
from croton.runtime.check import check
from croton.runtime.function import load
from croton.runtime.portable import PortableFunction
from croton.runtime.program import Array, Output, Program, Shared
from croton.runtime.stream import Limits

RNG = np.random.default_rng(0)


def program(own: str, sizes: tuple[int, int, int], a_transposed: bool, b_transposed: bool, added: bool, batch: int = 1) -> Program:
    """0.5 * a @ b, or that added to twice a variable, for each member of a batch, by a routine of our own: "narrow float32"."""
    dtype = own.split()[1]
    m, n, k = sizes
    numbers = (m, n, k, batch, m * k, k * n, m * n)
    a_axes, b_axes = ((2, 0) if a_transposed else (0, 2)), ((1, 2) if b_transposed else (2, 1))
    inputs = Array(dtype, (3, *a_axes)), Array(dtype, (3, *b_axes))
    axes = (Axis(3, 4, 5, 6),) if batch > 1 else ()
    beta = 2.0 if added else 0.0
    gemm = Gemm(dtype, a_transposed, b_transposed, 0, 1, 2, 0, a_axes[1], 1, b_axes[1], 2, 1, alpha=0.5, beta=beta, batch=axes, own=own)
    shared = (Shared(dtype, (3, 0, 1), written=True),) if added else ()
    outputs = () if added else (Output("new", dtype, (3, 0, 1)),)
    return Program(inputs, outputs, (gemm,), constants(*numbers), len(numbers), shared, structure="none" if added else "one")


def operands(dtype: str, sizes: tuple[int, int, int], transposed: tuple[bool, bool], batch: int = 1) -> tuple[np.ndarray, ...]:
    """Both matrices as they are given, and their product in float64."""
    m, n, k = sizes
    a, b = RNG.normal(size=(batch, m, k)).astype(dtype), RNG.normal(size=(batch, k, n)).astype(dtype)
    given = [np.ascontiguousarray(x.swapaxes(1, 2)) if t else x for x, t in zip((a, b), transposed)]
    return *given, a.astype("float64") @ b


def check_values(own: str, sizes: tuple[int, int, int], transposed: tuple[bool, bool]) -> None:
    """Made anew and added to a variable, by machine code and in Python."""
    dtype = own.split()[1]
    a, b, right = operands(dtype, sizes, transposed)
    tolerance = {"rtol": 1e-5, "atol": 1e-4} if dtype == "float32" else {"rtol": 1e-12, "atol": 1e-11}
    plain = program(own, sizes, *transposed, False)
    check(plain, 0, 0)
    np.testing.assert_allclose(load(plain)(a, b), 0.5 * right, **tolerance)
    np.testing.assert_allclose(PortableFunction(plain, (), (), (), None, ())(a, b), 0.5 * right, **tolerance)
    before = RNG.normal(size=right.shape).astype(dtype)
    cell = [before.copy()]
    load(program(own, sizes, *transposed, True), cells=(cell,))(a, b)
    np.testing.assert_allclose(cell[0], 2 * before.astype("float64") + 0.5 * right, **tolerance)


def on_threads(own: str, sizes: tuple[int, int, int], transposed: tuple[bool, bool]) -> list[bytes]:
    """The bits of a product on one thread, two and three."""
    a, b, _ = operands(own.split()[1], sizes, transposed)
    before = pool.get_threads()
    function = load(program(own, sizes, *transposed, False), limits=Limits(parallel_flops=1))
    found = []
    for threads in (1, 2, 3):
        pool.set_threads(threads)
        found.append(function(a, b).tobytes())
    pool.set_threads(before)
    return found

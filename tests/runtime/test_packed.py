"""Products in a loop with a matrix that stays the same, which is rearranged in the first step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hand_programs import constants

from croton.runtime import pool
from croton.runtime.calls.gemm import Gemm
from croton.runtime.calls.loop import Advance, Loop
from croton.runtime.calls.scope import MalformedProgram
from croton.runtime.check import check
from croton.runtime.function import load
from croton.runtime.portable import PortableFunction
from croton.runtime.program import Array, Output, Program, Shared, View
from croton.runtime.stream import Limits

STEPS = 3
SIZES = [(32, 64, 16), (50, 70, 9), (97, 33, 20), (1, 1, 1), (7, 33, 5), (8, 32, 1), (13, 95, 40), (15, 31, 9), (3, 5, 0), (0, 4, 3), (3, 0, 4)]
RNG = np.random.default_rng(0)


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = pool.get_threads()
    yield pool.set_threads(request.param)
    pool.set_threads(before)


def program(dtype: str, sizes: tuple[int, int, int], a_transposed: bool, b_transposed: bool, added: bool) -> Program:
    """alpha * a[t] @ b for each step; all in one array, or each added to what is in a variable."""
    m, n, k = sizes
    item = 4 if dtype == "float32" else 8
    panels = (n + 31) // 32 * 32 * k * item
    numbers = (m, n, k, STEPS, 0, m * k * item, m * n * item, panels)
    index = {value: numbers.index(value) for value in numbers}
    a_sizes, b_sizes = ((k, m) if a_transposed else (m, k)), ((n, k) if b_transposed else (k, n))
    inputs = Array(dtype, tuple(index[size] for size in (STEPS, *a_sizes))), Array(dtype, tuple(index[size] for size in b_sizes))
    shared = (Shared(dtype, (index[m], index[n]), written=True),) if added else ()
    outputs = () if added else (Output("new", dtype, (index[STEPS], index[m], index[n])),)
    # P: a, b, then the variable, the slot, the output, and the two addresses that move
    slot, target, view = 2 + added, 2 if added else 3, 4
    places = index[m], index[n], index[k], view, index[a_sizes[1]], 1, index[b_sizes[1]], target if added else view + 1, index[n]
    gemm = Gemm(dtype, a_transposed, b_transposed, *places, alpha=0.5, beta=float(added), own=f"packed {dtype}", packed=slot, counter=len(numbers))
    advances = (Advance(view, 0, index[0], index[m * k * item]), Advance(view + 1, target, index[0], index[0] if added else index[m * n * item]))
    loop = Loop(index[STEPS], len(numbers), len(numbers) + 1, index[0], advances, (), (), (gemm,))
    views = View(0, index[0]), View(target, index[0])
    return Program(
        inputs,
        outputs,
        (loop,),
        constants(*numbers),
        len(numbers) + 3,
        shared,
        slots=(index[0],),
        arena=index[panels],
        views=views,
        structure="none" if added else "one",
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("sizes", SIZES)
def test_a_product_of_each_step(threads: int, dtype: str, transposed: tuple[bool, bool], sizes: tuple[int, int, int]) -> None:
    m, n, k = sizes
    a, b = RNG.normal(size=(STEPS, m, k)).astype(dtype), RNG.normal(size=(k, n)).astype(dtype)
    given = np.ascontiguousarray(a.swapaxes(1, 2)) if transposed[0] else a, np.ascontiguousarray(b.T) if transposed[1] else b
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    for added in (False, True):
        made = program(dtype, sizes, *transposed, added)
        check(made, 0, 0)
        start = np.ones((m, n), dtype)
        cells = [[start.copy()]] if added else []
        wanted = start + 0.5 * (a @ b).sum(0) if added else 0.5 * (a @ b)
        for twice in (1, 2):
            result = load(made, [], cells=cells, limits=Limits(parallel_flops=0))(*given)
            if added:
                np.testing.assert_allclose(cells[0][0], start + twice * (wanted - start), rtol=tolerance, atol=tolerance)
            else:
                np.testing.assert_allclose(result, wanted, rtol=tolerance, atol=tolerance)
        if not added:
            np.testing.assert_allclose(PortableFunction(made, (), (), (), None, ())(*given), wanted, rtol=tolerance, atol=tolerance)


def test_it_needs_a_loop() -> None:
    made = program("float64", (3, 4, 5), False, False, False)
    (loop,) = made.calls
    assert isinstance(loop, Loop)
    (gemm,) = loop.calls
    assert isinstance(gemm, Gemm)
    with pytest.raises(MalformedProgram, match="a product of a loop has memory, a counter"):
        check(made._replace(calls=(loop._replace(calls=(gemm._replace(counter=-1),)),)), 0, 0)

"""Library products against NumPy: every transpose, empty sizes, batches, sharing out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hand_programs import constants

from croton.runtime import pool
from croton.runtime.calls.gemm import Gemm
from croton.runtime.program import Array, Output, Program, Shared, SizeOperation
from croton.runtime.status import Refused
from croton.runtime.stream import Limits, encode

Loader = Callable[..., Any]
SIZES = [(3, 5, 4), (1, 1, 1), (0, 3, 2), (3, 0, 2), (3, 2, 0), (70, 33, 20), (5, 90, 7)]


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = pool.get_threads()
    yield pool.set_threads(request.param)
    pool.set_threads(before)


def normal(dtype: str, *shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(dtype)


def close(result: np.ndarray, wanted: np.ndarray, dtype: str) -> None:
    assert result.dtype == dtype
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(result, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("a_transposed", [False, True])
@pytest.mark.parametrize("b_transposed", [False, True])
@pytest.mark.parametrize("sizes", SIZES)
def test_gemm(loader: Loader, threads: int, dtype: str, a_transposed: bool, b_transposed: bool, sizes: tuple[int, int, int]) -> None:
    m, n, k = sizes
    a_places, b_places = (0, 0 if a_transposed else 2), (1, 2 if b_transposed else 1)
    gemm = Gemm(dtype, a_transposed, b_transposed, 0, 1, 2, *a_places, *b_places, 2, 1, alpha=3.0, powers=((3, -2), (3, 1)))
    program = Program(
        inputs=(Array(dtype, (2, 0) if a_transposed else (0, 2)), Array(dtype, (1, 2) if b_transposed else (2, 1))),
        outputs=(Output("new", dtype, (0, 1)),),
        calls=(gemm,),
        sizes=4,
        size_operations=(SizeOperation("add", 3, 0, 1),),
    )
    x = normal(dtype, k, m) if a_transposed else normal(dtype, m, k)
    y = normal(dtype, n, k) if b_transposed else normal(dtype, k, n)
    result = loader(program, limits=Limits(parallel_flops=0))(x, y)
    close(result, (x.T if a_transposed else x) @ (y.T if b_transposed else y) * 3.0 / max(m + n, 1), dtype)


@pytest.mark.parametrize("beta", [0.0, 1.0, -2.0])
@pytest.mark.parametrize("k", [0, 3])
def test_gemm_into_memory_that_holds_values(loader: Loader, threads: int, beta: float, k: int) -> None:
    """With beta 0 what was there does not matter, not even NaN."""
    gemm = Gemm("float64", False, False, 0, 1, 2, 0, 2, 1, 1, 2, 1, beta=beta)
    program = Program(
        inputs=(Array("float64", (0, 2)), Array("float64", (2, 1))),
        shared=(Shared("float64", (0, 1), written=True),),
        outputs=(),
        calls=(gemm,),
        sizes=3,
        structure="none",
    )
    x, y = normal("float64", 20, k), normal("float64", k, 4)
    start = np.full((20, 4), np.nan) if beta == 0 else normal("float64", 20, 4)
    cell = [start.copy()]
    assert loader(program, cells=[cell], limits=Limits(parallel_flops=0))(x, y) is None
    close(cell[0], x @ y if beta == 0 else x @ y + beta * start, "float64")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("flops", [0, 500, 10**9])
@pytest.mark.parametrize("batch", [(2, 5), (1, 1), (0, 3), (1, 2)])
def test_batched_gemm(loader: Loader, threads: int, dtype: str, flops: int, batch: tuple[int, int]) -> None:
    """x[p,q,m,k] @ y[q,k,n]: the second operand has no first batch axis, so its stride there is 0."""
    zero, p, q, m, n, k, mk, kn, mn, q_mk, q_mn = range(11)
    gemm = Gemm(dtype, False, False, m, n, k, 0, k, 1, n, 2, n, batch=((p, q_mk, zero, q_mn), (q, mk, kn, mn)))
    operations = ((mk, m, k), (kn, k, n), (mn, m, n), (q_mk, q, mk), (q_mn, q, mn))
    program = Program(
        inputs=(Array(dtype, (p, q, m, k)), Array(dtype, (q, k, n))),
        outputs=(Output("new", dtype, (p, q, m, n)),),
        calls=(gemm,),
        constants=constants(0),
        sizes=11,
        size_operations=tuple(SizeOperation("multiply", *operation) for operation in operations),
    )
    x, y = normal(dtype, *batch, 21, 4), normal(dtype, batch[1], 4, 3)
    close(loader(program, limits=Limits(parallel_flops=flops))(x, y), x @ y, dtype)


@pytest.mark.parametrize("threads", [1, 2, 3, 4], indirect=True)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("a_transposed", [False, True])
@pytest.mark.parametrize("b_transposed", [False, True])
@pytest.mark.parametrize("sizes", [(0, 7), (1, 7), (15, 7), (16, 0), (33, 7), (100, 20), (130, 3)])
def test_symmetric_gemm(loader: Loader, threads: int, dtype: str, a_transposed: bool, b_transposed: bool, sizes: tuple[int, int]) -> None:
    """x @ diag(w) @ x.T with w folded into one side: the halves are the same to the last bit, which two sums would not be."""
    n, k = sizes
    a_places, b_places = (0, 0 if a_transposed else 1), (1, 1 if b_transposed else 0)
    gemm = Gemm(dtype, a_transposed, b_transposed, 0, 0, 1, *a_places, *b_places, 2, 0, alpha=0.5, own="symmetric")
    program = Program(
        inputs=(Array(dtype, (1, 0) if a_transposed else (0, 1)), Array(dtype, (0, 1) if b_transposed else (1, 0))),
        outputs=(Output("new", dtype, (0, 0)),),
        calls=(gemm,),
        sizes=2,
    )
    x, w = normal(dtype, n, k), normal(dtype, k)
    scaled = x * w
    result = loader(program, limits=Limits(parallel_flops=0))(x.T.copy() if a_transposed else x, scaled if b_transposed else scaled.T.copy())
    close(result, 0.5 * (x @ scaled.T), dtype)
    np.testing.assert_array_equal(result, result.T)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_batch_of_symmetric_products_in_rows_of_more(loader: Loader, threads: int, count: int) -> None:
    """x[p] @ x[p].T into the first columns of out[p]: nothing beside them is touched."""
    p, n, k, wide, nk, out = range(6)
    gemm = Gemm("float32", False, True, n, n, k, 0, k, 0, k, 1, wide, batch=((p, nk, nk, out),), own="symmetric")
    program = Program(
        inputs=(Array("float32", (p, n, k)),),
        shared=(Shared("float32", (p, n, wide), written=True),),
        outputs=(),
        calls=(gemm,),
        sizes=6,
        size_operations=(SizeOperation("multiply", nk, n, k), SizeOperation("multiply", out, n, wide)),
        structure="none",
    )
    x = normal("float32", count, 37, 5)
    cell = [np.full((count, 37, 40), 9, np.float32)]
    loader(program, cells=[cell], limits=Limits(parallel_flops=0))(x)
    close(cell[0][:, :, :37], x @ x.transpose(0, 2, 1), "float32")
    assert (cell[0][:, :, 37:] == 9).all()


def test_infinities_and_nan_travel_through(loader: Loader) -> None:
    program = Program(
        inputs=(Array("float64", (0, 1)), Array("float64", (1, 2))),
        outputs=(Output("new", "float64", (0, 2)),),
        calls=(Gemm("float64", False, False, 0, 2, 1, 0, 1, 1, 2, 2, 2),),
        sizes=3,
    )
    x, y = np.array([[np.inf, 0.0], [1.0, np.nan], [1.0, 1.0]]), np.eye(2)
    np.testing.assert_array_equal(loader(program)(x, y), [[np.inf, np.nan], [np.nan, np.nan], [1.0, 1.0]])


def test_sizes_beyond_the_library_are_refused(loader: Loader) -> None:
    program = Program(
        inputs=(Array("float64", (1, 2)), Array("float64", (2, 3))),
        outputs=(Output("new", "float64", (1, 3)),),
        calls=(Gemm("float64", False, False, 1, 3, 2, 0, 0, 1, 3, 2, 3),),
        constants=constants(2**31),
        sizes=4,
    )
    with pytest.raises(Refused) as caught:
        loader(program)(np.ones((1, 2)), np.ones((2, 3)))
    assert caught.value.status.reason == "too_large"
    assert caught.value.status.value == 2**31


def test_products_of_integers_are_not_supported() -> None:
    program = Program(
        inputs=(Array("int64", (0, 0)),),
        outputs=(Output("new", "int64", (0, 0)),),
        calls=(Gemm("int64", False, False, 0, 0, 0, 0, 0, 0, 0, 1, 0),),
        sizes=1,
    )
    with pytest.raises(ValueError, match="not supported: a library product of int64"):
        encode(program)

"""Library products: which are symmetric, and what half of one saves."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr
from croton.schedule.product import LEAST_SYMMETRIC

N, K = LEAST_SYMMETRIC, 2 * LEAST_SYMMETRIC


def weighted(x, w):
    """The same product in several spellings, w a positive or negative weight of each row."""
    return {
        "scaled right": x.T @ (w[:, None] * x),
        "scaled left": (x * w[:, None]).T @ x,
        "diagonal": x.T @ cr.diag(w) @ x,
        "einsum": cr.einsum("ki,k,kj->ij", x, w, x),
        "transposed": (x.T @ (w[:, None] * x)).T,
    }


def inputs(dtype: str = "float64", batch: tuple[int, ...] = ()):
    return cr.tensor("x", shape=(*batch, K, N), dtype=dtype), cr.tensor("w", shape=(*batch, K), dtype=dtype)


def arrays(dtype: str = "float64", batch: tuple[int, ...] = ()) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((*batch, K, N)).astype(dtype), rng.standard_normal((*batch, K)).astype(dtype)


def is_symmetric(function) -> bool:
    return "symmetric matrix product" in str(function.explain())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("spelling", list(weighted(*inputs())))
def test_weighted_products_with_the_transpose(spelling: str, dtype: str) -> None:
    x, w = inputs(dtype)
    function = cr.function([x, w], weighted(x, w)[spelling])
    one, two = arrays(dtype)
    found = function(one, two)
    np.testing.assert_allclose(found, (one.T * two) @ one, rtol=2e-4 if dtype == "float32" else 1e-10, atol=1e-4)
    np.testing.assert_array_equal(found, found.T)
    assert is_symmetric(function) and function.flops((K, N), (K,)) == K * N * (N + 1) + K * N
    assert function.account.entries[-1].kind == "product" and len(function.account.entries) == 2


def test_each_of_a_batch() -> None:
    x, _ = inputs("float32", (3,))
    function = cr.function([x], cr.einsum("bki,bkj->bij", x, x))
    given = arrays("float32", (3,))[0]
    found = function(given)
    np.testing.assert_allclose(found, given.transpose(0, 2, 1) @ given, rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(found, found.transpose(0, 2, 1))
    assert is_symmetric(function) and function.flops((3, K, N)) == 3 * K * N * (N + 1)


def test_rows_of_several_axes_pair_up() -> None:
    x = cr.tensor("x", shape=(8, K, 9), dtype="float64")
    function = cr.function([x], cr.einsum("akb,ckd->abcd", x, x))
    given = np.random.default_rng(0).standard_normal((8, K, 9))
    np.testing.assert_allclose(function(given), np.einsum("akb,ckd->abcd", given, given), atol=1e-12)
    assert is_symmetric(function)
    # Their pairs are the other way round: not the transpose of the matrix that is stored.
    crossed = cr.function([x], cr.einsum("akb,ckd->abdc", x, x) + 0 * cr.einsum("akb,ckd->bacd", x, x).sum())
    np.testing.assert_allclose(crossed(given), np.einsum("akb,ckd->abdc", given, given), atol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda x, w: x.T @ (x**2),
        lambda x, w: x.T @ cr.flip(x, axis=0),
        lambda x, w: x @ x[:N].T,
        lambda x, w: cr.einsum("kih,kjl,hj->il", x.reshape((K, 8, -1)), x.reshape((K, -1, 8)), x[: N // 8, :8]),
    ],
)
def test_what_is_not_symmetric_is_computed_whole(make) -> None:
    x, w = inputs()
    function = cr.function([x, w], make(x, w))
    one, two = arrays()
    np.testing.assert_allclose(function(one, two), cr.reference.evaluate(make(x, w), {x: one, w: two}), rtol=1e-9, atol=1e-9)
    assert not is_symmetric(function)


def test_what_is_added_to_need_not_be_symmetric() -> None:
    x = cr.tensor("x", shape=(K, N), dtype="float64")
    m = cr.tensor("m", shape=(N, N), dtype="float64")
    y = cr.tensor("y", shape=(N, N), dtype="float64")
    function = cr.function([x, m, y], m * y + x.T @ x)
    given = [np.random.default_rng(i).standard_normal(shape) for i, shape in enumerate([(K, N), (N, N), (N, N)])]
    np.testing.assert_allclose(function(*given), given[1] * given[2] + given[0].T @ given[0], atol=1e-10)


def test_small_products_are_computed_whole() -> None:
    x = cr.tensor("x", shape=(K, LEAST_SYMMETRIC - 1), dtype="float64")
    assert not is_symmetric(cr.function([x], x.T @ x))
    y = cr.tensor("y", shape=(LEAST_SYMMETRIC - 1, N), dtype="float64")
    assert not is_symmetric(cr.function([y], y.T @ y))


def test_sizes_known_at_the_call() -> None:
    x = cr.tensor("x", shape=(None, N), dtype="float32")
    function = cr.function([x], x.T @ x)
    for rows in (0, 1, 300):
        given = np.random.default_rng(rows).standard_normal((rows, N)).astype("float32")
        np.testing.assert_allclose(function(given), given.T @ given, rtol=1e-4, atol=1e-3)


def test_a_product_read_transposed_is_accumulated_too() -> None:
    """Two products and a third term of a sum: one kernel, and two products into its result, whatever axes each of them has first."""
    x, y = cr.tensor("x", shape=(K, N), dtype="float64"), cr.tensor("y", shape=(K, N), dtype="float64")
    z, v = cr.tensor("z", shape=(N, 40), dtype="float64"), cr.tensor("v", shape=(K, 40), dtype="float64")
    function = cr.function([x, y, z, v], 3 * z + x.T @ v + (v.T @ y).T)
    shapes = [(K, N), (K, N), (N, 40), (K, 40)]
    given = [np.random.default_rng(i).standard_normal(shape) for i, shape in enumerate(shapes)]
    one, two, three, four = given
    np.testing.assert_allclose(function(*given), 3 * three + one.T @ four + (four.T @ two).T, atol=1e-10)
    assert [entry.kind for entry in function.account.entries] == ["kernel", "product", "product"]
    assert function.memory_peak(*shapes) == N * 40 * 8


def test_a_sum_and_its_opposite_share_what_they_have_in_common() -> None:
    x, y = cr.vector("x"), cr.vector("y")
    function = cr.function([x, y], cr.sigmoid(x + y) * cr.softplus(-x - y))
    (kernel,) = function.account.kernels
    assert kernel.count("add(") == 1 and kernel.count("neg(") == 1 and kernel.count("sub(") == 0
    one, two = np.array([-40.0, 0.5, 3.0]), np.array([1.0, -0.25, 30.0])
    np.testing.assert_allclose(function(one, two), np.log1p(np.exp(-one - two)) / (1 + np.exp(-one - two)), rtol=1e-13)


def test_operands_are_made_in_an_order_that_the_library_takes() -> None:
    """The pairs of each row are made row by row, as the rows lie: not with the summed label innermost, and not to be copied."""
    x, y = cr.tensor("x", shape=(256, 32), dtype="float64"), cr.tensor("y", shape=(256, 20, 30), dtype="float64")
    function = cr.function([x, y], cr.einsum("bi,bj,bhk->ijhk", x, x, y))
    one, two = (np.random.default_rng(i).standard_normal(shape) for i, shape in enumerate([(256, 32), (256, 20, 30)]))
    np.testing.assert_allclose(function(one, two), np.einsum("bi,bj,bhk->ijhk", one, one, two), atol=1e-10)
    assert [entry.kind for entry in function.account.entries] == ["kernel", "product"]
    assert "b1[i0, i1, i2] = " in function.account.kernels[0]


@pytest.mark.parametrize("side, kind", [(3, "kernel"), (9, "kernel"), (10, "product"), (15, "product")])
def test_a_batch_of_small_products(side: int, kind: str) -> None:
    """Ten a side are a thousand multiplications, which the library is faster at."""
    x, y = cr.tensor("x", shape=(5, side, side), dtype="float64"), cr.tensor("y", shape=(5, side, side), dtype="float64")
    function = cr.function([x, y], x @ y)
    one, two = (np.random.default_rng(i).standard_normal((5, side, side)) for i in range(2))
    np.testing.assert_allclose(function(one, two), one @ two, atol=1e-12)
    assert [entry.kind for entry in function.account.entries] == [kind]


def test_a_small_product_makes_no_operand_that_is_larger_than_its_result() -> None:
    """Windows of a sequence are read where they lie, as long as there is next to nothing to compute with them."""
    x, y = cr.tensor("x", shape=(8, 40, 6), dtype="float64"), cr.tensor("y", shape=(8, 38, 5), dtype="float64")
    windows = cr.stack([x[:, start : start + 38] for start in range(3)], axis=2)
    squares = cr.einsum("btsc,btk->bsck", windows**2, y**2)
    function = cr.function([x, y], squares)
    given = [np.random.default_rng(i).standard_normal(shape) for i, shape in enumerate([(8, 40, 6), (8, 38, 5)])]
    np.testing.assert_allclose(function(*given), cr.reference.evaluate(squares, dict(zip([x, y], given))), atol=1e-9)
    assert function.memory_peak() == 8 * 3 * 6 * 5 * 8  # the result alone


@pytest.mark.parametrize("parts, features", [(5, 3), (4, 6), (8, 10)])
def test_long_sums_of_few_rows_and_columns(parts: int, features: int) -> None:
    """The covariances of a mixture are a product for each of its parts, what is multiplied being written once: not where that is more than stays in a cache."""
    x, means, weights = cr.tensor("x", (None, features)), cr.tensor("means", (parts, features)), cr.tensor("weights", (None, parts))
    near = x[:, None] - means
    function = cr.function([x, means, weights], cr.einsum("nk,nki,nkj->kij", weights, near, near))

    def kinds(count: int) -> list[str]:
        there = cr.tensor("there", (count, features)), cr.tensor("shares", (count, parts))
        apart = there[0][:, None] - means
        of_size = cr.function([there[0], means, there[1]], cr.einsum("nk,nki,nkj->kij", there[1], apart, apart))
        return [entry.kind for entry in of_size.account.entries]

    assert kinds(1000).count("product") == 1 and "product" not in kinds(100) and "product" not in kinds(10_000_000)
    rng = np.random.default_rng(0)
    given = rng.standard_normal((700, features)), rng.standard_normal((parts, features)), rng.uniform(size=(700, parts))
    apart = given[0][:, None] - given[1]
    np.testing.assert_allclose(function(*given), np.einsum("nk,nki,nkj->kij", given[2], apart, apart), rtol=1e-11, atol=1e-11)

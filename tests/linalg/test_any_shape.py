"""Decompositions of matrices of any shape against NumPy, and their derivatives against differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import croton as cr

RNG = np.random.default_rng(0)
SHAPES = {"tall": (5, 3), "wide": (3, 5), "square": (4, 4), "stack": (2, 4, 3), "stack of wide": (2, 1, 2, 4), "row": (1, 3), "column": (3, 1)}


def of_svd(m: Any, x: Any) -> Any:
    u, s, vh = m.svd(x, full_matrices=False)
    return ((u * s[..., None, :]) @ vh).sum(-1) + (u[..., 0] ** 2).sum() + (vh[..., 0, :] ** 3).sum() + (s**2).sum()


def of_qr(m: Any, x: Any) -> Any:
    q, r = m.qr(x)
    return (q**3).sum() + (r**2).sum() * (q[..., 0] ** 2).sum() + (r[..., 0, :] ** 3).sum()


CASES: dict[str, Callable[[Any, Any], Any]] = {
    "svd": of_svd,
    "singular values": lambda m, x: m.svdvals(x),
    "qr": of_qr,
    "r": lambda m, x: m.qr(x)[1] ** 2,
    "pinv": lambda m, x: m.pinv(x),
    "greatest": lambda m, x: m.matrix_norm(x, ord=2),
    "least": lambda m, x: m.matrix_norm(x, ord=-2, keepdims=True),
    "nuclear": lambda m, x: m.matrix_norm(x, ord="nuc"),
    "cond": lambda m, x: m.cond(x),
}


def differences(function: Callable[[np.ndarray], float], x: np.ndarray) -> np.ndarray:
    result = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[index] = 1e-6
        result[index] = (function(x + step) - function(x - step)) / 2e-6
    return result


@pytest.mark.parametrize("known", [True, False], ids=["known sizes", "unknown sizes"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", CASES)
def test_values_and_slopes(name: str, shape: str, known: bool) -> None:
    matrices = RNG.standard_normal(SHAPES[shape])
    wanted = CASES[name](np.linalg, matrices)
    weights = RNG.standard_normal(np.shape(wanted))
    x = cr.tensor("x", SHAPES[shape] if known else tuple([1 if n == 1 else None for n in SHAPES[shape]]))
    value, slope = cr.function([x], [CASES[name](cr.linalg, x), cr.grad((CASES[name](cr.linalg, x) * weights).sum(), x)])(matrices)
    np.testing.assert_allclose(value, wanted, rtol=1e-9, atol=1e-12)
    by_hand = differences(lambda x: (CASES[name](np.linalg, x) * weights).sum(), matrices)
    np.testing.assert_allclose(slope, by_hand, rtol=1e-4, atol=1e-6 * max(1, abs(by_hand).max()))


def test_matrices_that_lack_rank() -> None:
    x = cr.matrix("x")
    low = np.outer(np.arange(1.0, 5), [1.0, 2.0, -1.0])
    rank, inverse, slope = cr.function([x], [cr.linalg.matrix_rank(x), cr.linalg.pinv(x), cr.grad((cr.linalg.svdvals(x)).sum(), x)])(low)
    assert rank == 1
    np.testing.assert_allclose(inverse, np.linalg.pinv(low), atol=1e-12)
    assert np.isfinite(slope).all()
    assert cr.function([x], cr.linalg.matrix_rank(x, rtol=0.5))(np.diag([1.0, 0.6, 0.4])) == 2
    np.testing.assert_allclose(cr.function([x], cr.linalg.pinv(x, rtol=0.5))(np.diag([1.0, 0.6, 0.4])), np.diag([1, 1 / 0.6, 0]))


def test_repeated_singular_values() -> None:
    x = cr.matrix("x")
    slope = cr.function([x], cr.grad(cr.linalg.matrix_norm(x, ord="nuc"), x))(2 * np.eye(3))
    np.testing.assert_allclose(slope, np.eye(3), atol=1e-12)


def test_second_derivatives() -> None:
    x = cr.tensor("x", (3, 2))
    value = (cr.linalg.pinv(x) ** 2).sum() + cr.linalg.svdvals(x)[0] + (cr.linalg.qr(x)[1] ** 3).sum()
    slope, curvature = cr.function([x], cr.grad(value, x)), cr.function([x], cr.hessian(value, x))
    at = RNG.standard_normal((3, 2))
    for index in np.ndindex(3, 2):
        step = np.zeros((3, 2))
        step[index] = 1e-6
        np.testing.assert_allclose(curvature(at)[index], (slope(at + step) - slope(at - step)) / 2e-6, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["svd", "qr", "pinv", "nuclear"])
def test_mapped_and_in_loops(name: str) -> None:
    matrices = RNG.standard_normal((3, 4, 2))
    wanted = [CASES[name](np.linalg, one) for one in matrices]
    np.testing.assert_allclose(cr.jit(cr.vmap(lambda x: CASES[name](cr.linalg, x)))(matrices), wanted, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        cr.jit(lambda xs: cr.scan(lambda c, x: (c, CASES[name](cr.linalg, x + c)), 0.0, xs)[1])(matrices), wanted, rtol=1e-9, atol=1e-12
    )


def test_float32_stays_float32() -> None:
    data = RNG.standard_normal((4, 3)).astype("float32")
    found = cr.jit(lambda x: (*cr.linalg.svd(x), *cr.linalg.qr(x), cr.linalg.pinv(x), cr.linalg.cond(x)))(data)
    assert {array.dtype.name for array in found} == {"float32"}


def test_wrong_arguments_are_refused_with_words() -> None:
    x = cr.matrix("x")
    with pytest.raises(cr.ArgumentError, match="reduced form"):
        cr.linalg.svd(x, full_matrices=True)
    with pytest.raises(cr.ArgumentError, match='mode is "reduced"'):
        cr.linalg.qr(x, mode="complete")
    with pytest.raises(cr.ShapeError, match="svd takes a matrix"):
        cr.linalg.svdvals(cr.vector("v"))
    with pytest.raises(cr.ArgumentError, match="nuc"):
        cr.linalg.matrix_norm(x, ord=3)


def test_a_batched_routine_is_called_once() -> None:
    seen: list[tuple] = []

    def scaled(x: np.ndarray, w: np.ndarray) -> np.ndarray:
        seen.append((x.shape, w.shape))
        return x * w

    both = cr.routine(scaled, lambda x, w: x * w, batched=True)
    x, y, w = cr.tensor("x", (None, 3)), cr.tensor("y", (None, 3)), cr.tensor("w", (3,))
    f = cr.function([x, w], cr.vmap(lambda row: both(row, w))(x))
    data, weights = RNG.standard_normal((5, 3)), RNG.standard_normal(3)
    np.testing.assert_allclose(f(data, weights), data * weights)
    assert seen == [((5, 3), (1, 3))]
    pairs = cr.function([x, y], cr.vmap(lambda a: cr.vmap(lambda b: both(b, a))(y))(x))
    other = RNG.standard_normal((2, 3))
    np.testing.assert_allclose(pairs(data, other), data[:, None] * other)
    assert len(seen) == 2
    np.testing.assert_allclose(cr.function([x, w], cr.vmap(lambda row: row + both(w, w))(x))(data, weights), data + weights**2)
    assert f(data[:0], weights).shape == (0, 3)

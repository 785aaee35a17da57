"""How far rewriting may change rounding: what each policy does, what it says of it, and the digits that are left in float32."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr
from croton.util.errors import ArgumentError

OFFSETS = (0.0, 10.0, 100.0, 1000.0)


def points(offset: float, count: int = 400, dimensions: int = 16) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal((count, dimensions)) + offset).astype(np.float32)


def relative(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(np.asarray(found, np.float64) - wanted).max() / np.abs(wanted).max())


def total_distance(X: object) -> object:
    return ((X[:, None] - X[None]) ** 2).sum()


@pytest.mark.parametrize("offset", OFFSETS)
def test_centred_distances_keep_their_digits(offset: float) -> None:
    X = cr.tensor("X", shape=(400, 16), dtype="float32")
    function = cr.function([X], total_distance(X))
    assert any("centre the square" in decision for decision in function.explain().decisions)
    x = points(offset)
    exact = x.astype(np.float64)
    wanted = 2 * len(x) * ((exact - exact.mean(0)) ** 2).sum()
    assert relative(function(x), wanted) < 2e-6


@pytest.mark.parametrize("offset", OFFSETS)
def test_distances_to_other_points_keep_their_digits(offset: float) -> None:
    """Also with a weight in front, and with many names for the sizes, of which one is 0."""
    X, Y = cr.matrix("X", dtype="float32"), cr.matrix("Y", dtype="float32")
    function = cr.function([X, Y], (0.5 * (X[:, None] - Y[None]) ** 2).sum((0, 2)))
    x, y = points(offset), points(offset + 1)[:30]
    wanted = 0.5 * ((x[:, None].astype(np.float64) - y) ** 2).sum((0, 2))
    assert relative(function(x, y), wanted) < 2e-6
    assert relative(function(x[:1], y), wanted_of_one(x, y)) < 1e-5
    np.testing.assert_array_equal(function(x[:0], y), np.zeros(30))
    assert function(x, y[:0]).shape == (0,)


def wanted_of_one(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return 0.5 * ((x[:1].astype(np.float64) - y) ** 2).sum(1)


@pytest.mark.parametrize("offset", OFFSETS)
def test_a_table_of_distances_is_expanded_only_if_asked_for(offset: float) -> None:
    X = cr.tensor("X", shape=(400, 16), dtype="float32")
    table = ((X[:, None] - X[None]) ** 2).sum(-1)
    x = points(offset)
    wanted = ((x[:, None].astype(np.float64) - x) ** 2).sum(-1)
    function = cr.function([X], table)
    assert function.explain().decisions == () and relative(function(x), wanted) < 1e-6
    with cr.config.use(algebra="aggressive"):
        function = cr.function([X], table)
    assert any("may cancel" in decision for decision in function.explain().decisions)
    assert relative(function(x), wanted) < 1e-5 * max(1.0, offset**2 / 10)


def test_strict_programs_are_computed_as_written() -> None:
    A, B = cr.tensor("A", shape=(50, 60), dtype="float32"), cr.tensor("B", shape=(60, 50), dtype="float32")
    with cr.config.use(algebra="strict"):
        strict = cr.function([A, B], cr.trace(A @ B))
    default = cr.function([A, B], cr.trace(A @ B))
    assert strict.explain().decisions == () and default.flops() < strict.flops()
    a, b = np.ones((50, 60), np.float32), np.ones((60, 50), np.float32)
    assert strict(a, b) == default(a, b) == 3000


def test_the_derivative_of_a_softmax_is_expanded_by_its_relation_and_keeps_its_digits() -> None:
    x = cr.tensor("x", shape=(8, 300), dtype="float32")
    norms = cr.vmap(lambda row: (cr.jacobian(cr.softmax(row), row) ** 2).sum())(x)
    function = cr.function([x], norms)
    assert function.flops() < 8 * 300 * 60
    for scale in (0.1, 1.0, 10.0):
        value = (np.random.default_rng(1).standard_normal((8, 300)) * scale).astype(np.float32)
        e = np.exp(value.astype(np.float64) - value.max(1, keepdims=True))
        p = e / e.sum(1, keepdims=True)
        wanted = ((p[:, :, None] * np.eye(300) - p[:, :, None] * p[:, None]) ** 2).sum((1, 2))
        assert relative(function(value), wanted) < 1e-5


def test_norms_by_gram_matrices_are_checked_unless_they_are_asked_for() -> None:
    x, d = (cr.tensor(name, shape=(8, 16, 200), dtype="float32") for name in "xd")
    norms = (cr.einsum("bti,bto->bio", x, d) ** 2).sum((1, 2))
    default = cr.function([x, d], norms)
    with cr.config.use(algebra="aggressive"):
        gram = cr.function([x, d], norms)
    assert "checked" in default.explain().decisions[0] and default.flops() < 1.2 * gram.flops()
    generator = np.random.default_rng(2)
    a, b = (generator.standard_normal((8, 16, 200)).astype(np.float32) for _ in range(2))
    wanted = (np.einsum("bti,bto->bio", a.astype(np.float64), b) ** 2).sum((1, 2))
    assert relative(default(a, b), wanted) < 1e-5 and relative(gram(a, b), wanted) < 1e-5
    # One example whose steps cancel: only what is checked notices it.
    a[3, 1::2], b[3, 1::2] = a[3, ::2], -b[3, ::2] * np.float32(1 + 1e-4)
    wanted = (np.einsum("bti,bto->bio", a.astype(np.float64), b) ** 2).sum((1, 2))
    assert relative(default(a, b), wanted) < 1e-5 and relative(gram(a, b)[3:4], wanted[3:4]) > 1e-3


def test_a_policy_that_is_none() -> None:
    with pytest.raises(ArgumentError, match="strict, default, aggressive"), cr.config.use(algebra="loose"):
        pass

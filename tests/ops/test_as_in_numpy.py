"""Where a function could be right nearly everywhere: great and small values, integers that no dtype holds together, samples of nothing, NumPy's keywords."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import croton as cr

COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")


@pytest.mark.parametrize("name", COMPARISONS)
@pytest.mark.parametrize("signed", ["int8", "int64"])
def test_signed_and_unsigned_integers_are_compared_exactly(name: str, signed: str) -> None:
    limits = np.iinfo(signed)
    left = np.array([limits.min, -1, 0, 1, limits.max - 1, limits.max], signed)
    right = np.array([0, 1, limits.max - 1, limits.max, limits.max + 1, 2**64 - 1], "uint64")
    left, right = np.repeat(left, len(right)), np.tile(right, len(left))
    x, y = cr.vector("x", dtype=signed), cr.tensor("y", (None,), dtype="uint64")
    compare = getattr(cr, name)
    both_ways = cr.function([x, y], [compare(x, y), compare(y, x)])(left, right)
    for found, wanted in zip(both_ways, (getattr(np, name)(left, right), getattr(np, name)(right, left))):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_roots_of_great_and_small_numbers_have_all_digits(dtype: str) -> None:
    limits = np.finfo(dtype)
    exponents = np.arange(int(np.log10(limits.tiny)), int(np.log10(limits.max)), dtype="float64")
    values = np.concatenate([sign * np.array(10.0, dtype) ** exponents.astype(dtype) for sign in (1, -1)] + [[0.0, -0.0, np.inf, -np.inf, np.nan]])
    values = np.concatenate([values, [limits.smallest_subnormal, limits.max]]).astype(dtype)
    x = cr.vector("x", dtype=dtype)
    found, wanted = cr.function([x], cr.cbrt(x))(values), np.cbrt(values)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(wanted))
    np.testing.assert_allclose(found, wanted, rtol=4 * limits.eps)


def test_the_smaller_of_two_powers_is_not_lost() -> None:
    x, y = cr.vector("x"), cr.vector("y")
    left, right = np.array([0.0, 0.0, -1.0]), np.array([-100.0, -900.0, -0.999])
    np.testing.assert_allclose(cr.function([x, y], cr.logaddexp2(x, y))(left, right), np.logaddexp2(left, right), rtol=1e-12)


@pytest.mark.parametrize("correction", [1, 2, 1.5])
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_sample_too_small_for_its_correction_has_no_variance(correction: float, count: int) -> None:
    x = cr.matrix("x")
    values = np.random.default_rng(0).normal(size=(count, 2))
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning) if count <= correction else np.errstate():
        wanted = np.var(values, axis=0, ddof=correction), np.std(values, axis=0, ddof=correction)
    found = cr.function([x], [cr.var(x, axis=0, correction=correction), cr.std(x, axis=0, correction=correction)])(values)
    for ours, numpy in zip(found, wanted):
        np.testing.assert_allclose(ours, numpy, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float32", "float64"])
def test_order_statistics_have_the_dtype_of_a_mean(dtype: str) -> None:
    x = cr.vector("x", dtype=dtype)
    for statistic in (cr.median(x), cr.quantile(x, 0.3), cr.percentile(x, 30)):
        assert statistic.dtype is cr.mean(x).dtype


KEYWORDS: list[tuple[Callable[[Any], cr.Expr], Callable[[Any], np.ndarray]]] = [
    (lambda x: cr.tril(x, k=1), lambda x: np.tril(x, k=1)),
    (lambda x: cr.triu(x, k=-1), lambda x: np.triu(x, k=-1)),
    (lambda x: x + cr.eye(3, 4, k=1), lambda x: x + np.eye(3, 4, k=1)),
    (lambda x: x + cr.tri(3, 4, k=-1), lambda x: x + np.tri(3, 4, k=-1)),
    (lambda x: cr.reshape(x, (4, 3), copy=True), lambda x: np.reshape(x, (4, 3))),
    (lambda x: x.reshape(4, 3, copy=False), lambda x: np.reshape(x, (4, 3))),
    (lambda x: x.astype("float32", copy=False), lambda x: x.astype("float32", copy=False)),
    (lambda x: cr.asarray(x, copy=True), lambda x: x),
    (lambda x: cr.repeat(x[:0], [], axis=0), lambda x: np.repeat(x[:0], [], axis=0)),
]


@pytest.mark.parametrize(("ours", "numpy"), KEYWORDS)
def test_keywords(ours: Callable[[Any], cr.Expr], numpy: Callable[[Any], np.ndarray]) -> None:
    x = cr.tensor("x", (3, 4))
    value = np.arange(12.0).reshape(3, 4)
    found, wanted = cr.function([x], ours(x))(value), numpy(value)
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("numbers", [[1.5, 2.0], [-1, 2]])
def test_repeats_that_are_no_numbers_of_times(numbers: list[float]) -> None:
    with pytest.raises(cr.ArgumentError, match="0 times or more"):
        cr.repeat(cr.tensor("x", (2,)), numbers)

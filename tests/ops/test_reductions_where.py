"""Reductions of the elements that a mask lets in, as NumPy's `where=`."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr
from croton.util.errors import ArgumentError, DTypeError

rng = np.random.default_rng(0)
X = rng.standard_normal((4, 5))
MASK = rng.random((4, 5)) < 0.6
MASK[2] = False


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std", "any", "all"])
@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("mask", [MASK, MASK[0], MASK[:, :1]], ids=["all", "row", "column"])
@pytest.mark.filterwarnings("ignore")
def test_as_in_numpy(name: str, axis: object, mask: np.ndarray) -> None:
    x, m = cr.matrix("x"), cr.tensor("m", tuple([1 if n == 1 else None for n in mask.shape]), dtype="bool")
    values = X > 0 if name in ("any", "all") else X
    wanted = getattr(np, name)(values, axis=axis, keepdims=True, where=mask)
    given = x > 0 if name in ("any", "all") else x
    of_function, of_method, of_numpy = cr.function(
        [x, m],
        [
            getattr(cr, name)(given, axis=axis, keepdims=True, where=m),
            getattr(given, name)(axis=axis, keepdims=True, where=m),
            getattr(np, name)(given, axis=axis, keepdims=True, where=m),
        ],
    )(X, mask)
    np.testing.assert_allclose(of_function, wanted, rtol=1e-12)
    np.testing.assert_array_equal(of_method, of_function)
    np.testing.assert_array_equal(of_numpy, of_function)


@pytest.mark.parametrize("name", ["max", "min"])
def test_extremes_begin_with_an_initial_value(name: str) -> None:
    x = cr.matrix("x")
    for options in ({"initial": 0.3}, {"initial": -7.0, "where": MASK}, {"initial": 7, "where": MASK[0]}):
        wanted = getattr(np, name)(X, axis=1, **options)
        np.testing.assert_array_equal(cr.function([x], getattr(cr, name)(x, axis=1, **options))(X), wanted)
    counts = np.arange(6).reshape(2, 3)
    assert cr.max(counts, where=counts < 4, initial=0).eval() == 3
    with pytest.raises(ArgumentError, match="say what it is of none"):
        getattr(cr, name)(x, where=MASK)


@pytest.mark.parametrize("kind", ["float32", "float64", "int8", "uint64", "bool"])
@pytest.mark.parametrize("name", ["max", "min"])
def test_an_initial_value_is_the_extreme_of_nothing(name: str, kind: str) -> None:
    x = cr.matrix("x", dtype=kind)
    initial = 1 if kind == "bool" else 3
    f = cr.function([x], [getattr(cr, name)(x, axis=0, initial=initial), getattr(cr, name)(x, initial=initial)])
    for rows in (0, 1, 5):
        given = (np.arange(rows * 2).reshape(rows, 2) % 4 > 1 if kind == "bool" else np.arange(rows * 2).reshape(rows, 2)).astype(kind)
        for found, axis in zip(f(given), (0, None)):
            wanted = getattr(np, name)(given, axis=axis, initial=initial)
            np.testing.assert_array_equal(found, wanted)
            assert found.dtype == wanted.dtype
    assert getattr(cr, name)(np.zeros((0, 2)), axis=0, initial=2.0).eval().tolist() == [2.0, 2.0]
    g = cr.function([y := cr.matrix("y")], cr.grad(getattr(cr, name)(y, axis=0, initial=2.0).sum(), y))
    assert g(np.zeros((0, 2))).shape == (0, 2)


def test_what_is_left_out_has_no_part_in_anything() -> None:
    x = cr.matrix("x")
    values = np.where(MASK, X, np.nan)
    cost = cr.mean(x**2, where=MASK) + cr.std(x, where=MASK) + cr.sum(cr.max(x, axis=1, where=MASK, initial=-9.0))
    value, slope = cr.function([x], [cost, cr.grad(cost, x)])(values)
    chosen = X[MASK]
    np.testing.assert_allclose(value, (chosen**2).mean() + chosen.std() + X.max(axis=1, where=MASK, initial=-9.0).sum())
    assert np.all(slope[~MASK] == 0) and np.all(np.isfinite(slope))
    assert cr.mean(x.astype("float32"), where=MASK).dtype is cr.float32


def test_a_mask_is_of_bools() -> None:
    with pytest.raises(DTypeError, match=r"sum: where is a mask of bools, got dtype int64; compare it with something, x > 0"):
        cr.sum(X, where=np.ones((4, 5), dtype="int64"))


@pytest.mark.parametrize("axis", [0, 1, None])
@pytest.mark.filterwarnings("ignore")
def test_nothing_but_nan_along_an_axis_of_size_one(axis: int | None) -> None:
    x = cr.tensor("x", (None, 1))
    values = np.array([[1.0], [np.nan], [3.0]])
    for function, of_numpy in ((cr.nanmean, np.nanmean), (cr.nanvar, np.nanvar)):
        np.testing.assert_array_equal(cr.function([x], function(x, axis=axis))(values), of_numpy(values, axis=axis))

"""Slices whose bounds are sizes: NumPy's values for all lengths, forwards and in derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.sizes import Size, evaluate
from croton.util.errors import ShapeError

X, Y = cr.vector("x"), cr.vector("y")
N, K = X.shape[0], Y.shape[0]
SLICES = {
    "to k": slice(None, K),
    "from k": slice(K, None),
    "the last k": slice(-K, None),
    "all but the last k": slice(None, -K),
    "from 2 to k": slice(2, K),
    "from k to 2k": slice(K, 2 * K),
    "to k + 1": slice(None, K + 1),
    "from k, not the last": slice(K, -1),
    "all but k at either end": slice(K, -K),
    "every second to k": slice(None, K, 2),
    "back from k": slice(K, None, -1),
    "back to k": slice(None, K, -1),
    "every second back from k": slice(K, None, -2),
    "back from the end to 2k": slice(-1, 2 * K, -1),
    "the first half": slice(None, N // 2),
    "the second half": slice(N // 2, None),
}


def numbers(bound: Size | None, n: int, k: int) -> int | None:
    return None if bound is None else evaluate(bound, {N: n, K: k})


@pytest.mark.parametrize("name", SLICES)
def test_symbolic_bounds_are_moved_into_the_axis(name: str) -> None:
    item = SLICES[name]
    taken = X[item]
    f = cr.function([X, Y], [taken, cr.grad((taken**3).sum() + Y.sum(), X)])
    # NumPy reads -0 as the front; a size taken off the end stays at the end.
    least = 1 if name in ("the last k", "all but the last k", "all but k at either end") else 0
    for n in range(5):
        for k in range(least, 7):
            x = np.arange(1.0, n + 1)
            known = slice(*[numbers(bound, n, k) for bound in (item.start, item.stop, item.step)])
            slope = np.zeros(n)
            slope[known] = 3 * x[known] ** 2
            value, gradient = f(x, np.ones(k))
            np.testing.assert_array_equal(value, x[known], f"{n} {k}")
            np.testing.assert_array_equal(gradient, slope, f"{n} {k}")


def test_a_size_off_the_end_counts_from_the_end_also_if_it_is_0() -> None:
    f = cr.function([X, Y], [X[-K:], X[:-K]])
    last, rest = f(np.arange(3.0), np.ones(0))
    assert last.shape == (0,) and rest.shape == (3,)


def test_a_bound_that_may_be_negative_is_asked_about() -> None:
    f = cr.function([X, Y], X[: K - 2])
    np.testing.assert_array_equal(f(np.arange(3.0), np.ones(4)), [0, 1])
    with pytest.raises(cr.ShapeError, match=r"for what is taken or made of it .*: y\.0[^ ]* - 2 must be at least 0"):
        f(np.arange(3.0), np.ones(1))


def test_known_bounds_need_their_elements() -> None:
    assert X[:1].shape == (1,) and X[2:7].shape == (5,)
    f = cr.function([X], X[:5])
    with pytest.raises(cr.ShapeError, match=r"x\.0[^ ]* - 5 must be at least 0"):
        f(np.arange(3.0))
    moving = X[K : K + 3]
    assert moving.shape == (3,)
    with pytest.raises(cr.ShapeError, match=r"must be at least 0"):
        cr.function([X, Y], moving)(np.arange(4.0), np.ones(2))


def test_a_table_cut_to_the_length_of_an_input() -> None:
    table = cr.asarray(np.arange(6.0))
    f = cr.function([X], X + table[:N])
    np.testing.assert_array_equal(f(np.ones(4)), [1, 2, 3, 4])
    with pytest.raises(cr.ShapeError, match="min"):
        f(np.ones(7))


def test_writing_to_symbolic_slices() -> None:
    f = cr.function([X, Y], X.at[:K].set(0.0))
    np.testing.assert_array_equal(f(np.arange(1.0, 4), np.ones(2)), [0, 0, 3])
    np.testing.assert_array_equal(f(np.arange(1.0, 4), np.ones(9)), [0, 0, 0])


@pytest.mark.parametrize(
    ("mask", "fits"), [([True, False, True], True), ([True, False], False), ([True] * 4, False), ([False] * 3, True)]
)
def test_a_mask_has_the_length_of_its_axis(mask: list[bool], fits: bool) -> None:
    given = np.array(mask)
    f = cr.function([X], X[given])
    x = np.arange(3.0)
    if fits:
        np.testing.assert_array_equal(f(x), x[given])
        return
    with pytest.raises(cr.ShapeError, match="a mask"):
        f(x)


EXTREMES: list[Any] = [
    lambda a: a.max(1), lambda a: a.min(1), lambda a: cr.argmax(a, 1), lambda a: cr.argmin(a, 1), lambda a: (a > 0).max(1), lambda a: (a > 0).min(1),
]  # fmt: skip


@pytest.mark.parametrize("extreme", EXTREMES)
def test_an_extreme_of_nothing_is_an_error(extreme: Any) -> None:
    x = cr.matrix("x")
    total = cr.shared(np.zeros(()), name="total")
    f = cr.function([x], extreme(x), updates={total: total + 1})
    assert f(np.ones((0, 3))).shape == (0,) and f(np.ones((2, 3))).shape == (2,)
    for shape in ((2, 0), (0, 0)):
        with pytest.raises(cr.ShapeError, match=r"an extreme, a shape\): x\.1.* - 1 must be at least 0[^\n]*\n  at .*test_symbolic_slices"):
            f(np.ones(shape))
    assert total.get_value() == 2


def test_softmax_of_nothing_is_nothing() -> None:
    x = cr.matrix("x")
    for function in (cr.softmax, cr.log_softmax):
        assert cr.function([x], function(x, 1))(np.ones((2, 0))).shape == (2, 0)


def test_an_axis_that_is_only_checked_to_have_one_element_stretches() -> None:
    x, y = cr.tensor("x", (2, None)), cr.tensor("y", (5, 2))
    joined = cr.concatenate([x[:, :2:-2], cr.ones((1, 1))])  # the size of the first has to be 1
    total = joined.sum(axis=0) + y
    assert total.shape == (5, 2)
    a, b = np.arange(8.0).reshape(2, 4), np.arange(10.0).reshape(5, 2)
    np.testing.assert_array_equal(cr.function([x, y], total)(a, b), a[:, :2:-2].sum() + 1 + b)
    with pytest.raises(ShapeError):
        cr.function([x, y], total)(np.zeros((2, 6)), b)


@pytest.mark.parametrize("shift", [1, -1, 3, -3])
def test_what_is_rolled_has_the_shape_that_it_had(shift: int) -> None:
    x = cr.matrix("x")
    with cr.config.use(check=True):
        for axis in (0, 1):
            rolled = cr.roll(x, shift, axis)
            assert rolled.shape == x.shape
            value = np.arange(20.0).reshape(4, 5)
            np.testing.assert_array_equal(cr.function([x], cr.maximum(rolled, x))(value), np.maximum(np.roll(value, shift, axis), value))
            with pytest.raises(ShapeError):
                cr.function([x], rolled)(np.zeros((abs(shift) - 1,) * 2))

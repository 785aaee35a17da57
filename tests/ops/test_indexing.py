"""Indices that are wrong, indices that depend on values, and what a call must hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from evaluation import by_meaning, by_reference, symbolic
from hypothesis import given, settings
from hypothesis import strategies as st

from croton.dtypes import dtype
from croton.expr.expr import Expr, input
from croton.expr.types import TensorType
from croton.expr.walk import walk
from croton.ops.indexing import take
from croton.ops.selection import one_hot, take_along_axis
from croton.sizes import evaluate, fresh_symbol
from croton.transforms.unify import unify
from croton.util.errors import ArgumentError, DTypeError, KindError, NotSupportedError, OutOfRangeError, ShapeError

X = input(TensorType(dtype("float64"), (2, 3, 4)), "x")
N = fresh_symbol("rows")
ROWS = input(TensorType(dtype("float64"), (N, 3)), "rows")
I = input(TensorType(dtype("int64"), (5,)), "i")
MASK = input(TensorType(dtype("bool"), (2,)), "mask")
F = input(TensorType(dtype("float64"), ()), "f")


@pytest.mark.parametrize(
    ("item", "error", "says"),
    [
        (2, OutOfRangeError, "index 2 is out of range for an axis of size 2"),
        (-3, OutOfRangeError, "index -3"),
        ((0, 0, 4), OutOfRangeError, "axis of size 4"),
        ([0, 2], OutOfRangeError, "index 2 is out of range"),
        ((slice(None), np.array([[0], [-4]])), OutOfRangeError, "index -4"),
        ((0, 0, 0, 0), ShapeError, "too many indices: shape \\(2, 3, 4\\) has 3 axes"),
        ((Ellipsis, Ellipsis), ShapeError, "one ellipsis"),
        (slice(None, None, 0), ShapeError, "step of a slice cannot be 0"),
        (1.0, KindError, "an index is an integer or a symbolic size, got 1.0"),
        ("a", KindError, "got 'a'"),
        ([0.5], DTypeError, "made of integers, got dtype float64"),
        (F, DTypeError, "made of integers"),
        (MASK[0], NotSupportedError, "where\\(condition, x, 0\\)"),
        (input(TensorType(dtype("bool"), (3,)), "long"), ShapeError, "does not fit"),
        (True, NotSupportedError, "True or False as an index"),
        (np.array([True, False, True]), ShapeError, "a mask of shape \\(3,\\) does not fit"),
        (slice(F, None), KindError, "the start of a slice is an integer or a symbolic size, got .*convert it"),
        (slice(None, None, I[0]), KindError, "the step of a slice must be known when a call begins, got the computed"),
        (slice(0.5, None), KindError, "the start of a slice is an integer or a symbolic size"),
        ([I, I], KindError, "join them with stack"),
    ],
)
def test_wrong_indices_teach(item: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        X[item]
    with pytest.raises(error, match=says):
        X.at[item].get()


def test_assignment_teaches() -> None:
    with pytest.raises(KindError, match=r"x = x.at\[index\].set\(value\)"):
        X[0] = 1


def test_wrong_arguments_of_take_teach() -> None:
    with pytest.raises(ArgumentError, match="mode is one of 'raise', 'clip', 'wrap', 'fill', got 'drop'"):
        take(X, I, 0, mode="drop")
    with pytest.raises(DTypeError, match="indices are integers"):
        take(X, F, 0)
    with pytest.raises(OutOfRangeError, match="index 7"):
        take_along_axis(X, np.full((1, 1, 1), 7), 0)
    with pytest.raises(ShapeError, match="as many axes"):
        take_along_axis(X, I)
    with pytest.raises(OutOfRangeError, match="index -1 is out of range for 3 classes"):
        one_hot([0, -1], 3)


@pytest.mark.parametrize("index", [np.array([0, 2, 1, 0, 0]), np.array([0, -3, 1, 0, 0])])
def test_an_index_out_of_range_raises_at_the_call(index: np.ndarray) -> None:
    values = {X: np.zeros((2, 3, 4)), I: index}
    for result in (X[I], take(X, I, 0), one_hot(I, 2), X.at[I].set(1.0), X.at[I].add(1.0), X.at[I].max(1.0)):
        with pytest.raises(IndexError):
            by_meaning([result], values)
        with pytest.raises(IndexError):
            by_reference([result], values)


def holds(result: Expr, rows: int) -> bool:
    """Whether the sizes that a result asks for are there."""
    try:
        checks = unify(walk([result])).checks
    except ShapeError:
        return False
    return all(evaluate(check.left, {N: rows}) == evaluate(check.right, {N: rows}) for check in checks)


def at_rows(item: Any, rows: int) -> Any:
    """The index with the symbolic size replaced."""
    if isinstance(item, slice):
        return slice(*[b if b is None else evaluate(b, {N: rows}) for b in (item.start, item.stop, item.step)])
    return item


@pytest.mark.parametrize(
    ("item", "least"),
    [
        (slice(5), 5), (slice(1, None), 1), (slice(None, -2), 2), (slice(2, -2), 4), (slice(-3, None), 3), (0, 1), (-4, 4), (3, 4), (slice(None, None, 2), 0),
        (slice(None, None, -1), 0), (slice(4, None, -1), 5), (slice(1, None, 2), 0), (slice(N - 1, None), 1),
        (slice(-2, None, -1), 1), ([0, 1, 2], 3), ([2, 0], 3), ([2, 0, 1], 3),
    ],
)  # fmt: skip
def test_an_unknown_axis_must_be_long_enough(item: Any, least: int) -> None:
    result = ROWS[item]
    for rows in range(7):
        assert holds(result, rows) == (rows >= least), rows
        if rows >= max(least, 3 if isinstance(item, list) else 0):
            x = np.arange(3.0 * rows).reshape(rows, 3)
            np.testing.assert_array_equal(by_reference([result], {ROWS: x})[0], x[at_rows(item, rows)])
            np.testing.assert_array_equal(by_meaning([result], {ROWS: x})[0], x[at_rows(item, rows)])


@st.composite
def indexed(draw: st.DrawFn) -> tuple[np.ndarray, tuple]:
    """An array and an index of it."""
    shape = draw(st.lists(st.integers(0, 4), min_size=1, max_size=4))
    bound = st.none() | st.integers(-6, 6)
    step = st.sampled_from([None, 1, 2, 3, -1, -2, -3])
    items: list[Any] = []
    extents = shape[: draw(st.integers(0, len(shape)))]
    for n in extents:
        choices: list[Any] = [st.builds(slice, bound, bound, step)]
        if n:
            among = st.integers(-n, n - 1)
            choices += [
                among,
                st.lists(among, min_size=2, max_size=2).map(np.array),
                st.lists(among, min_size=3, max_size=3).map(lambda v: np.array(v)[:, None]),
            ]
        items.append(draw(st.one_of(choices)))
    for _ in range(draw(st.integers(0, 2))):
        items.insert(draw(st.integers(0, len(items))), None)
    if draw(st.booleans()) or len(extents) == len(shape):
        items.insert(draw(st.integers(0, len(items))) if len(extents) == len(shape) else len(items), Ellipsis)
    return np.arange(float(np.prod(shape))).reshape(shape), tuple(items)


@settings(max_examples=150, deadline=None)
@given(indexed())
def test_indexing_is_numpys(case: tuple[np.ndarray, tuple]) -> None:
    array, item = case
    (x,) = symbolic([array], unknown=False)
    result = x[item]
    wanted = array[item]
    for found in (by_reference([result], {x: array})[0], by_meaning([result], {x: array})[0]):
        assert found.shape == wanted.shape
        np.testing.assert_array_equal(found, wanted)

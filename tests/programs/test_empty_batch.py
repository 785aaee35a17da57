"""Functions called with no examples: a mean over none is NaN, what is added up over none is 0, and no step is poisoned by it."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr
from croton.util.errors import ShapeError


def both(expr: cr.Expr, values: dict) -> np.ndarray:
    """The value, compiled and by the reference, which must agree."""
    compiled = cr.function(list(values), expr)(*values.values())
    np.testing.assert_array_equal(compiled, cr.reference.evaluate(expr, values))
    return compiled


def test_an_empty_batch_leaves_the_weights_as_they_are():
    x, t = cr.matrix("x"), cr.matrix("t")
    w = cr.shared(np.arange(6.0).reshape(3, 2), name="w")
    loss = ((cr.tanh(x @ w) - t) ** 2).mean()
    step = cr.function([x, t], loss, updates={w: w - 0.1 * cr.grad(loss, w)})
    assert np.isnan(step(np.zeros((0, 3)), np.zeros((0, 2))))
    np.testing.assert_array_equal(w.get_value(), np.arange(6.0).reshape(3, 2))


@pytest.mark.parametrize("rows", [None, 0])
def test_the_gradient_of_a_mean_over_nothing_can_be_padded(rows):
    x = cr.tensor("x", (rows, 2))
    assert both(cr.pad(cr.grad((x**3).mean(), x), ((0, 1), (0, 0))), {x: np.zeros((0, 2))}).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("rows", [None, 0])
def test_means_over_nothing_are_nan(rows):
    x = cr.tensor("x", (rows, 2))
    values = {x: np.zeros((0, 2))}
    assert np.isnan(both(x.mean(axis=0), values)).all()
    assert np.isnan(both(x.mean(), values))
    assert np.isnan(both(x.var(axis=0), values)).all()


def test_the_divisor_of_a_mean_survives_a_sum_over_the_same_axis():
    x = cr.matrix("x")
    assert both((x / x.shape[0]).sum(axis=0), {x: np.zeros((0, 2))}).tolist() == [0.0, 0.0]
    assert both((x - x.mean(axis=0)).sum(axis=0), {x: np.ones((3, 2))}).tolist() == [0.0, 0.0]


def test_the_reference_refuses_an_extreme_of_nothing_in_a_mapped_function():
    x = cr.matrix("x")
    largest = cr.vmap(lambda row: row.max())(x)
    with pytest.raises(ShapeError, match="must be at least 0"):
        cr.reference.evaluate(largest, {x: np.zeros((3, 0))})


def test_extremes_of_what_is_scattered_by_no_index_at_all():
    x, i = cr.vector("x"), cr.matrix("i", dtype="int32")
    placed = x.at[(i - i) ** 2].max(cr.take(x, (i - i) ** 2) * 2 + 1)  # the index is 0 without being read
    values = np.array([0.5, -1.0])
    assert both(placed, {x: values, i: np.zeros((0, 2), "int32")}).tolist() == [0.5, -1.0]
    assert both(placed, {x: values, i: np.zeros((1, 2), "int32")}).tolist() == [2.0, -1.0]


def test_whether_anything_is_there_depends_on_the_size_alone():
    n = cr.vector("n")
    there = cr.zeros((2,)).at[cr.zeros_like(n, dtype="int64")].max(cr.ones_like(n))
    assert both(there, {n: np.ones(0)}).tolist() == [0.0, 0.0]
    assert both(there, {n: np.ones(3)}).tolist() == [1.0, 0.0]


def test_rows_of_no_elements_are_sorted():
    x, y = cr.tensor("x", (3, 3)), cr.scalar("y")
    none = y < cr.take(x, np.array([], dtype="int64"), axis=0)
    ordered = cr.sort(none, axis=1)
    f = cr.function([x, y], [none, ordered])
    assert [value.shape for value in f(np.zeros((3, 3)), 0.0)] == [(0, 3), (0, 3)]


def test_products_of_nothing_with_a_batch_across_them() -> None:
    """Rows of an array without elements all begin at one place, which is no reason to add them up there."""
    x = cr.tensor("x", (0, 5, 5))
    spread = cr.logsumexp(x @ cr.swapaxes(x, -1, -2), axis=-1, keepdims=True)
    product, found = cr.function([x], [x @ x, spread])(np.ones((0, 5, 5)))
    assert product.shape == (0, 5, 5) and found.shape == (0, 5, 1)

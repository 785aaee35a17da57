"""x[arange(n), y] with as many places as there are rows, or fewer: all places in turn are a slice, whatever the sizes."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr
from croton.util.errors import ShapeError


def test_all_places_in_turn_of_an_unknown_axis_are_a_slice() -> None:
    z, y = cr.matrix("z"), cr.vector("y", dtype="int64")
    f = cr.function([z, y], z[cr.arange(y.shape[0]), y])
    value, places = np.arange(12.0).reshape(4, 3), np.array([2, 0, -1])
    np.testing.assert_array_equal(f(value, places), value[np.arange(3), places])
    np.testing.assert_array_equal(f(value, places[:0]), value[np.arange(0), places[:0]])
    with pytest.raises(ShapeError, match="an axis is too short"):
        f(value[:2], places)
    with pytest.raises(IndexError):
        f(value, np.array([0, 3, 0]))


def test_the_cross_entropy_of_unknown_sizes_reads_its_classes_in_few_kernels() -> None:
    z, y = cr.matrix("z", dtype="float32"), cr.vector("y", dtype="int64")
    cost = -cr.log_softmax(z)[cr.arange(y.shape[0]), y].mean()
    f, g = cr.function([z, y], cost), cr.function([z, y], [cost, cr.grad(cost, z)])
    assert len(f.account.kernels) <= 2 and len(g.account.kernels) <= 4
    values = np.random.default_rng(0).standard_normal((6, 5)).astype("float32"), np.array([0, 4, 2, 1, 3, 3])
    same = -cr.take_along_axis(cr.log_softmax(z), y[:, None], axis=1).mean()
    for one, other in zip(g(*values), cr.function([z, y], [same, cr.grad(same, z)])(*values)):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)

"""What sorting means: equal elements keep their order from either end, NaN is equal to NaN and greater than everything."""

from __future__ import annotations

import numpy as np

from croton.util.sorting import argsort


def test_equal_elements_keep_their_order_either_way() -> None:
    x = np.array([[2.0, np.nan, 0.0, 2.0, -0.0, np.nan]])
    np.testing.assert_array_equal(argsort(x), [[2, 4, 0, 3, 1, 5]])
    np.testing.assert_array_equal(argsort(x, descending=True), [[1, 5, 0, 3, 2, 4]])


def test_nothing_is_in_order() -> None:
    for shape in ((0,), (3, 0), (0, 3)):
        for descending in (False, True):
            assert argsort(np.zeros(shape), descending).shape == shape

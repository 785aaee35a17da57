"""Norms against numpy.linalg."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import croton as cr

ORDERS: tuple[Any, ...] = (None, "fro", "nuc", 1, -1, 2, -2, 3, 0, np.inf, -np.inf)
AXES: tuple[Any, ...] = (None, 0, -1, (0, 1), (1, 0), (-1, 0), (0, 2))


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
def test_norms_are_those_of_numpy(shape: tuple[int, ...], axis: Any, keepdims: bool) -> None:
    value = np.random.default_rng(0).normal(size=shape)
    x = cr.tensor("x", shape)
    for order in ORDERS:
        try:
            wanted = np.linalg.norm(value, order, axis, keepdims)
        except ValueError:
            with pytest.raises(ValueError):
                cr.linalg.norm(x, order, axis, keepdims)
            continue
        found = cr.function([x], cr.linalg.norm(x, order, axis, keepdims))(value)
        assert found.shape == np.shape(wanted), order
        np.testing.assert_allclose(found, wanted, rtol=1e-10, err_msg=str(order))


def test_an_order_that_is_no_number_has_another_function() -> None:
    with pytest.raises(cr.ArgumentError, match="those of matrices"):
        cr.norm(cr.matrix("x"), order="nuc")  # type: ignore[arg-type]

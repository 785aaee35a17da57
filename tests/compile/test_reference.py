"""The NumPy meaning of a graph, where it is more than one operation after another."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr


def test_sizes_that_are_to_be_multiples_in_what_is_mapped_over_or_looped() -> None:
    x = cr.matrix("x")
    value = np.arange(12.0).reshape(2, 6)
    each = cr.vmap(lambda row: cr.split(row, 3)[1])(x)
    steps = cr.scan(lambda c, row: (c + cr.reshape(row, (2, -1)).sum(axis=0), None), cr.zeros(x.shape[1] // 2), x)[0]
    for expr, wanted in ((each, value[:, 2:4]), (steps, value.sum(axis=0).reshape(2, 3).sum(axis=0))):
        np.testing.assert_array_equal(cr.reference.evaluate(expr, {x: value}), wanted)
    with pytest.raises(cr.ShapeError, match="must be equal"):
        cr.reference.evaluate(each, {x: value[:, :5]})

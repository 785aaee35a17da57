"""Storage orders of values that no array of the user decides."""

from __future__ import annotations

from typing import Any

import pytest
from programs import planned

import croton as cr
from croton.sizes import symbol


@pytest.mark.parametrize("components", [3, 7])
@pytest.mark.parametrize("swapped", [False, True])
def test_vectors_go_along_the_longer_axis_where_the_other_is_short(components: int, swapped: bool) -> None:
    """Responsibilities of components for points, however the formula names them."""
    n, k = symbol("points_500", 500), symbol(f"components_{components}", components)
    x, centre = cr.tensor("x", shape=(n, 4)), cr.tensor("centre", shape=(k, 4))
    distance = ((centre - x[:, None] if swapped else x[:, None] - centre) ** 2).sum(axis=2)
    spread = cr.exp(-distance)
    plan = planned([x, centre], [(spread / spread.sum(axis=1)[:, None]).T @ x])
    pairs: list[Any] = [value.shape for value in plan.values if set(value.shape) == {n, k}]
    assert pairs
    assert all(shape[-1] == n for shape in pairs)

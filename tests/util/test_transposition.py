"""Exchanges of lanes put rows where columns were."""

from __future__ import annotations

import numpy as np
import pytest

from croton.util.transposition import exchanges, numbers


@pytest.mark.parametrize("count", [1, 2, 4, 8, 16])
def test_all_exchanges_transpose(count: int) -> None:
    square = np.arange(count * count).reshape(count, count)
    lines = list(square)
    for line, other, kept, given in exchanges(count):
        both = np.concatenate([lines[line], lines[other]])
        lines[line], lines[other] = both[kept], both[given]
    np.testing.assert_array_equal(lines, square.T)


def test_numbers_of_a_mask() -> None:
    assert numbers([3, 0]) == "i32 3, i32 0"

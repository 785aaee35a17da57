"""Random loops against the same loops written out, and against differences.

`python -m tests.fuzz.loops --count 10000 --seed N` runs others.
"""

from __future__ import annotations

import pytest

from .compare import quick_code
from .loops import check_loop, check_products


@pytest.mark.parametrize("first", [0, 10, 20, 30])
def test_random_loops(first: int) -> None:
    with quick_code():
        for seed in range(first, first + 10):
            check_loop(seed)


@pytest.mark.parametrize("first", [50, 60])
def test_random_loops_in_segments(first: int) -> None:
    with quick_code():
        for seed in range(first, first + 10):
            check_loop(seed, 2 if seed % 2 else "sqrt")


@pytest.mark.parametrize("first", [0, 10])
def test_products_with_jacobians(first: int) -> None:
    with quick_code():
        for seed in range(first, first + 10):
            check_products(seed)


@pytest.mark.parametrize("seed", [1072, 1108, 500015, 500023, 501177, 600017])
def test_what_has_been_wrong(seed: int) -> None:
    with quick_code():
        check_loop(seed)

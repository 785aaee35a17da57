"""A thousand random programs against their references. A failure prints its seed and the smallest program that fails alike.

Each is compiled and called in one of the `ways`. `python -m tests.fuzz --count 30000 --seed N` runs others.
"""

from __future__ import annotations

import pytest

from tests.fuzz.__main__ import trial
from tests.fuzz.compare import quick_code
from tests.fuzz.programs import generate
from tests.fuzz.slopes import check_slopes
from tests.fuzz.transformed import trial as trial_of_function
from tests.fuzz.ways import WAYS, way_of


@pytest.mark.parametrize("first", range(0, 1000, 100))
def test_random_programs(first: int) -> None:
    with quick_code():
        failed = [text for seed in range(first, first + 100) if (text := trial(seed)[1])]
    assert not failed, "\n\n".join(failed)


def test_every_way_is_taken() -> None:
    assert {way_of(seed).name for seed in range(1000)} == {way.name for way in WAYS}


@pytest.mark.parametrize("first", range(1000, 1040, 20))
def test_transformed_functions(first: int) -> None:
    with quick_code():
        failed = [text for seed in range(first, first + 20) if (text := trial_of_function(seed)[1])]
    assert not failed, "\n\n".join(failed)


def test_gradients_are_what_differences_say() -> None:
    assert sum(check_slopes(generate(seed), seed) for seed in range(800)) > 40

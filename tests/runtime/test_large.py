"""The memory of large results: whose it is, when another array may have it, and that the system may have it first."""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np
import numpy._core._multiarray_umath as umath
import pytest

import croton as cr
from croton.runtime import layout
from croton.runtime.large import KEPT, LARGE, can_recycle

pytestmark = pytest.mark.skipif(layout.WHY_NOT is not None or not can_recycle(), reason="results are NumPy's own here")

COUNT = LARGE // 4 + 1000


@pytest.fixture(scope="module")
def twice() -> Any:
    x = cr.vector("x", dtype="float32")
    return cr.function([x], 2 * x)


def place(array: np.ndarray) -> int:
    return array.ctypes.data


def values(count: int = COUNT) -> np.ndarray:
    return np.arange(count, dtype=np.float32)


def test_the_memory_of_a_result_that_is_gone_is_the_next_ones(twice: Any) -> None:
    x = values()
    y = twice(x)
    assert y.flags.owndata and y.base is None and place(y) % 64 == 0
    first = place(y)
    del y
    again = twice(-x)
    assert place(again) == first
    np.testing.assert_array_equal(again, -2 * x)


def test_the_memory_of_a_result_that_somebody_has_is_left_alone(twice: Any) -> None:
    x = values()
    whole, part, seen = twice(x), twice(x)[5:], memoryview(twice(x))
    for _ in range(3):
        others = [twice(-x) for _ in range(3)]
        assert len({place(array) for array in (whole, part.base, np.asarray(seen), *others)}) == 6
    np.testing.assert_array_equal(whole, 2 * x)
    np.testing.assert_array_equal(part, 2 * x[5:])
    np.testing.assert_array_equal(np.asarray(seen), 2 * x)


def test_sizes_in_turns(twice: Any) -> None:
    """Each size has a block of its own, once those that others have left are freed."""

    def round_() -> list[int]:
        found = []
        for count in (COUNT, 3 * COUNT, 2 * COUNT):
            x = values(count)
            y = twice(x)
            np.testing.assert_array_equal(y[[0, -1]], 2 * x[[0, -1]])
            found.append(place(y))
        return found

    for _ in range(KEPT):
        places = round_()
    for _ in range(3):
        assert round_() == places


def test_small_results_are_numpys_own(twice: Any) -> None:
    assert umath.get_handler_name(twice(values(LARGE // 4))) == "croton"
    assert umath.get_handler_name(twice(values(LARGE // 4 - 1))) == umath.get_handler_name() == "default_allocator"


def test_results_are_resized_and_copied(twice: Any) -> None:
    x = values()
    y = twice(x)
    copy = y.copy()
    y.resize(2 * COUNT, refcheck=False)
    np.testing.assert_array_equal(y[:COUNT], copy)
    assert not y[COUNT:].any()
    y.resize(10, refcheck=False)
    np.testing.assert_array_equal(y, copy[:10])
    del y
    np.testing.assert_array_equal(twice(x), copy)


def test_values_that_shared_variables_had(twice: Any) -> None:
    w = cr.shared(values(), name="w")
    step = cr.function([], updates={w: w + 1})
    places = set()
    for turn in range(5):
        step()
        places.add(place(w.get_value(borrow=True)))
        assert w.get_value(borrow=True)[-1] == COUNT + turn
    assert len(places) <= 3


def test_results_that_more_have_than_are_put_aside(twice: Any) -> None:
    x = values()
    results = [twice(x) for _ in range(KEPT + 3)]
    assert len({place(result) for result in results}) == KEPT + 3
    before = {place(result) for result in results}
    results.clear()
    results = [twice(x) for _ in range(KEPT)]
    assert {place(result) for result in results} <= before


def test_calls_at_the_same_time(twice: Any) -> None:
    wrong = []

    def work(number: int) -> None:
        x = values() + number
        for _ in range(4):
            y = twice(x)
            wrong.extend([number] if not np.array_equal(y, 2 * x) else [])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def spare_bytes() -> int:
    """What the system may take from this process without asking."""
    with open("/proc/self/smaps_rollup") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("LazyFree"))


@pytest.mark.skipif(sys.platform != "linux", reason="the system's own count is read from /proc")
def test_the_system_may_have_what_is_put_aside(twice: Any) -> None:
    x = values(4 * COUNT)
    twice(x)
    aside = spare_bytes()
    y = twice(x)
    assert aside - spare_bytes() == pytest.approx(16 * COUNT, rel=0.05)
    np.testing.assert_array_equal(y, 2 * x)

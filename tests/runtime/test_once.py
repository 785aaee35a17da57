"""One run, however many threads ask."""

from __future__ import annotations

import threading
import time

import pytest

from croton.runtime.once import once


def test_threads_share_one_run() -> None:
    runs, seen = [], []

    @once
    def slow() -> object:
        runs.append(1)
        time.sleep(0.02)
        return object()

    threads = [threading.Thread(target=lambda: seen.append(slow())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runs) == 1 and len(set(map(id, seen))) == 1 and len(seen) == 8


def test_an_exception_is_tried_again() -> None:
    outcomes = iter([ValueError("first"), None])

    @once
    def second_time() -> str:
        error = next(outcomes)
        if error is not None:
            raise error
        return "good"

    with pytest.raises(ValueError, match="first"):
        second_time()
    assert second_time() == "good"


def test_what_is_known() -> None:
    value = once(lambda: 3)
    assert not value.is_known()
    assert value() == 3 and value.is_known()

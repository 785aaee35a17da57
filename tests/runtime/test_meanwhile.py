"""The machine code that all functions share is made while the first one is compiled."""

from __future__ import annotations

import threading

import pytest

from croton.runtime import layout, native
from croton.runtime.once import once
from croton.util.config import config


@pytest.fixture(autouse=True)
def native_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "WHY_NOT", None)


def test_it_is_made_by_another_thread_with_the_flags_of_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled, seen = threading.Event(), []

    @once
    def slow() -> str:
        assert compiled.wait(10)
        seen.append((threading.current_thread() is threading.main_thread(), config.cache))
        return "code"

    monkeypatch.setattr(native, "native", slow)
    with config.use(cache=False), native.native_meanwhile():
        assert not slow.is_known()
        compiled.set()
    assert slow.is_known() and seen == [(False, False)]
    threads = set(threading.enumerate())
    with native.native_meanwhile():
        assert threads.issuperset(threading.enumerate()), "it is there"


def test_an_error_is_met_by_whoever_wants_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    @once
    def broken() -> str:
        raise OSError("no memory to run code from")

    monkeypatch.setattr(native, "native", broken)
    with native.native_meanwhile():
        pass
    with pytest.raises(OSError, match="no memory"):
        broken()


def test_a_compilation_that_fails_leaves_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "native", once(lambda: "code"))
    threads = set(threading.enumerate())
    with pytest.raises(ValueError, match="the graph"), native.native_meanwhile():
        raise ValueError("the graph")
    assert threads.issuperset(threading.enumerate())


def test_routines_are_made_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(2)
    makers = {name: once(lambda: together.wait(10)) for name in ("narrow float32", "columns float32")}
    monkeypatch.setattr(native, "_OWN", makers)
    with native.own_meanwhile(makers):
        pass
    assert all(maker.is_known() for maker in makers.values())

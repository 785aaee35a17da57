"""Calls that signals interrupt."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from types import FrameType

import numpy as np
import pytest

import croton as cr


class Interrupted(Exception):
    """What the handler of the test raises."""


@pytest.fixture
def alarm() -> Iterator[Callable[[], None]]:
    """A function that makes a signal come soon, which raises."""

    def handler(number: int, frame: FrameType | None) -> None:
        raise Interrupted

    previous = signal.signal(signal.SIGALRM, handler)

    def soon() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.05)

    yield soon
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)


@pytest.mark.parametrize("size", [(), (1000,)])
def test_a_loop_can_be_interrupted(alarm: Callable[[], None], size: tuple[int, ...]) -> None:
    x, n = cr.tensor("x", size), cr.scalar("n", dtype="int64")
    total = cr.shared(np.zeros(size), name="total")
    last, _ = cr.while_loop(lambda c: c[1] < n, lambda c: (cr.sin(c[0]) + x, c[1] + 1), (total, cr.asarray(0)))
    f = cr.function([x, n], last.sum(), updates={total: last})
    one = np.ones(size)
    alarm()
    with pytest.raises(Interrupted):
        f(one, 1_000_000_000)
    np.testing.assert_array_equal(total.get_value(), 0)
    np.testing.assert_allclose(f(one, 2), (np.sin(1) + 1) * one.sum())
    np.testing.assert_allclose(total.get_value(), (np.sin(1) + 1) * one)


def test_loops_in_loops_can_be_interrupted(alarm: Callable[[], None]) -> None:
    x, n = cr.vector("x"), cr.scalar("n", dtype="int64")

    def step(c: tuple[cr.Expr, cr.Expr]) -> tuple[cr.Expr, cr.Expr]:
        return cr.scan(lambda h, v: (cr.sin(h) + v, None), c[0], x)[0], c[1] + 1

    f = cr.function([x, n], cr.while_loop(lambda c: c[1] < n, step, (cr.asarray(0.0), cr.asarray(0)))[0])
    alarm()
    with pytest.raises(Interrupted):
        f(np.ones(5), 1_000_000_000)


def test_a_handler_that_does_not_raise_changes_nothing() -> None:
    seen = []
    previous = signal.signal(signal.SIGALRM, lambda number, frame: seen.append(number))
    try:
        n = cr.scalar("n", dtype="int64")
        f = cr.function([n], cr.while_loop(lambda c: c[1] < n, lambda c: (c[0] + 1.0, c[1] + 1), (cr.asarray(0.0), cr.asarray(0)))[0])
        signal.setitimer(signal.ITIMER_REAL, 0.005)
        while not seen:
            assert f(300_000) == 300_000.0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)

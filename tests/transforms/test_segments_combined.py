"""Loops in segments with taps, with truncated derivatives and with an early end: the values and gradients of the loops as they are, in less memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import croton as cr

SIZE, BATCH = 4, 3
W = cr.shared(np.random.default_rng(1).normal(size=(SIZE, SIZE)) / np.sqrt(SIZE), name="W")

Cell = Callable[[Any, Any, Any], Any]


@pytest.fixture(autouse=True)
def _checked() -> Any:
    with cr.config.use(cache=False, check=True):
        yield


def tapped(xs: Any, h: Any, w: Any, reverse: bool, checkpoint: Any) -> list[Any]:
    def step(state: Any, elements: Any) -> Any:
        (one, three), total = state
        before, behind = elements
        new = cr.tanh(one @ w + 0.3 * three + before * behind)
        return (new, total + new.sum()), (new**2).sum(axis=0)

    begin = cr.stack([h, 0.5 * h, -h])
    (last, total), ys = cr.scan(step, (cr.taps(begin, (-1, -3)), 0.0), cr.taps(xs, (-1, 1)), reverse=reverse, checkpoint=checkpoint)
    return [last, total, ys]


def truncated(xs: Any, h: Any, w: Any, reverse: bool, checkpoint: Any) -> list[Any]:
    last, ys = cr.scan(lambda h, x: (cr.tanh(h @ w + x), (h**2).sum(axis=0)), h, xs, reverse=reverse, truncate=3, checkpoint=checkpoint)
    return [last, ys]


def ended(limit: float) -> Callable[..., list[Any]]:
    def build(xs: Any, h: Any, w: Any, reverse: bool, checkpoint: Any) -> list[Any]:
        def step(state: Any, x: Any) -> Any:
            h, total = state
            h = cr.tanh(h @ w + x)
            total = total + (h**2).sum()
            return (h, total), (h**3).sum(axis=0), cr.until(total > limit)

        (last, total), ys, steps = cr.scan(step, (h, 0.0), xs, reverse=reverse, checkpoint=checkpoint)
        return [last, total, ys, steps]

    return build


def everything(xs: Any, h: Any, w: Any, reverse: bool, checkpoint: Any) -> list[Any]:
    def step(state: Any, x: Any) -> Any:
        one, two = state
        new = cr.tanh(one @ w + 0.3 * two + x[0] - x[1])
        return new, (new**3).sum(axis=0), cr.until((new**2).sum() > 4.2)

    begin = cr.stack([h, 0.5 * h])
    last, ys, steps = cr.scan(step, cr.taps(begin, (-1, -2)), cr.taps(xs, (0, 2)), reverse=reverse, truncate=4, checkpoint=checkpoint)
    return [last, ys, steps]


KINDS = {"taps": tapped, "truncate": truncated, "until at once": ended(0.1), "until": ended(20.0), "until never": ended(1e9), "all three": everything}


def compiled(kind: str, steps: int | None, reverse: bool, checkpoint: Any) -> Any:
    """What a loop gives, and the gradients of a cost of it."""
    xs, h = cr.tensor("xs", (steps, BATCH, SIZE)), cr.matrix("h")
    found = KINDS[kind](xs, h, W, reverse, checkpoint)
    cost = sum([(x**2).sum() for x in found if x.dtype.is_float])
    return cr.function([xs, h], [*found, *cr.grad(cost, [W, xs, h])])


def values(steps: int) -> list[np.ndarray]:
    chance = np.random.default_rng(2)
    return [chance.normal(size=(steps, BATCH, SIZE)), chance.normal(size=(BATCH, SIZE))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("checkpoint", "reverse"), [("sqrt", False), (3, True), (100, False)])
def test_values_and_gradients_are_those_without_it(kind: str, checkpoint: Any, reverse: bool) -> None:
    plain, segmented = compiled(kind, None, reverse, None), compiled(kind, None, reverse, checkpoint)
    for steps in (2, 3, 9, 13):
        for wanted, found in zip(plain(*values(steps)), segmented(*values(steps))):
            assert found.dtype == wanted.dtype
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [2, 3, 8, 12])
def test_the_number_of_steps_is_known(kind: str, steps: int) -> None:
    for wanted, found in zip(compiled(kind, steps, False, None)(*values(steps)), compiled(kind, steps, False, "sqrt")(*values(steps))):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
def test_an_early_end_is_that_of_the_steps_written_out(reverse: bool) -> None:
    steps = 11
    xs, h = values(steps)
    last, total, ys, count, *slopes = compiled("until", None, reverse, 4)(xs, h)
    assert 4 < count < steps - 4
    x, begin = cr.tensor("x", xs.shape), cr.matrix("h")
    state, sums, rows = begin, cr.asarray(0.0), []
    for t in list(range(steps))[:: -1 if reverse else 1][: int(count)]:
        state = cr.tanh(state @ W + x[t])
        sums = sums + (state**2).sum()
        rows.append((state**3).sum(axis=0))
    cost = (state**2).sum() + sums**2 + (cr.stack(rows) ** 2).sum()
    wanted = cr.function([x, begin], [state, sums, cr.stack(rows), *cr.grad(cost, [W, x, begin])])(xs, h)
    done = ys[::-1][:count] if reverse else ys[:count]
    for found, expected in zip([last, total, done, *slopes], wanted):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_second_derivatives() -> None:
    def build(checkpoint: Any) -> Any:
        x, a = cr.vector("x"), cr.scalar("a")
        past = cr.stack([a, a**2])
        h, ys, _ = cr.scan(
            lambda h, x: (cr.sin(h[0] * a + h[1] * x), h[0], cr.until(h[0] > 0.95)), cr.taps(past, (-1, -2)), x, truncate=5, checkpoint=checkpoint
        )
        cost = (h**2).sum() + (ys**2).sum()
        return cr.function([x, a], [cr.grad(cr.grad(cost, a), a), cr.jacobian(cr.grad(cost, x), a), cr.jvp(cr.grad(cost, a), x, cr.ones_like(x))])

    for start in (0.7, 1.2):
        arguments = np.linspace(0, 1, 10), np.array(start)
        for wanted, found in zip(build(None)(*arguments), build("sqrt")(*arguments)):
            np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-12)


def test_each_of_a_batch_ends_by_itself() -> None:
    def build(checkpoint: Any) -> Any:
        x = cr.matrix("x")

        def cost(row: Any) -> Any:
            h, _, steps = cr.scan(lambda h, x: (h + cr.sin(x * h), None, cr.until(h > 2)), 0.3, row, checkpoint=checkpoint)
            return h, steps

        each, steps = cr.vmap(cost)(x)
        return cr.function([x], [each, steps, cr.vmap(lambda row: cr.grad(cost(row)[0], row))(x), cr.grad((each**2).sum(), x)])

    value = np.random.default_rng(0).uniform(0, 3, size=(4, 11))
    plain = build(None)(value)
    assert len(set(plain[1])) > 1
    for wanted, found in zip(plain, build(3)(value)):
        np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_the_body_is_called_once() -> None:
    calls = []

    def body(h: Any, x: Any) -> Any:
        calls.append(1)
        return cr.tanh(h[0] + x), None, cr.until(h[0] > 2)

    cr.scan(body, cr.taps(cr.tensor("h", (2,)), (-1, -2)), cr.tensor("x", (10,)), checkpoint=3)
    assert len(calls) == 1


@pytest.mark.parametrize(("kind", "carries"), [("taps", 3), ("truncate", 1), ("until", 1)])
def test_memory_falls_with_the_root_of_the_steps(kind: str, carries: int) -> None:
    """In states: without it as many as there are steps and more; with it a few times their root, for each carry that is handed from segment to segment."""
    state = 16 * 16 * 8
    steps = 400

    def build(checkpoint: Any) -> Any:
        w, xs, h = cr.shared(np.eye(16), name="w"), cr.tensor("xs", (steps, 16, 16)), cr.tensor("h", (16, 16))
        if kind == "taps":
            past = cr.taps(cr.stack([h, h, h]), (-1, -3))
            last = cr.scan(lambda ago, x: (cr.tanh(ago[0] @ w + ago[1] + x), None), past, xs, checkpoint=checkpoint)[0]
        else:
            last = KINDS[kind](xs, h, w, False, checkpoint)[0]
        return cr.function([xs, h], cr.grad((last**2).sum(), w))

    before, after = [build(c).memory_peak() / state for c in (None, "sqrt")]
    assert before >= steps
    assert after < (4 + 2 * carries) * steps**0.5 + 20


def test_a_state_that_memory_is_saved_for_can_be_taken_forward_too() -> None:
    def build(checkpoint: Any) -> Any:
        x, a = cr.vector("x"), cr.scalar("a")
        h, ys = cr.scan(lambda h, x: (cr.sin(h * a + x), h * x), a, x, checkpoint=checkpoint)
        cost = (h**2).sum() + (ys**2).sum()
        tangent = cr.jvp(cost, x, cr.cos(x))
        return cr.function([x, a], [tangent, cr.jvp(tangent, a, 1.0), cr.grad(tangent, x), cr.jvp(ys, a, 1.0)])

    for steps in (1, 2, 9, 10):
        arguments = np.linspace(0, 1, steps), np.array(0.7)
        for wanted, found in zip(build(None)(*arguments), build("sqrt")(*arguments)):
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)

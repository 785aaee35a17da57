"""Loops whose states are computed again: the same values and gradients, with about 2 sqrt(n) states kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import croton as cr

BATCH, SIZE = 3, 4


@pytest.fixture(autouse=True)
def _checked() -> Any:
    with cr.config.use(cache=False, check=True):
        yield


def build(steps: int | None, checkpoint: Any, reverse: bool = False, size: int = SIZE, batch: int = BATCH, ys: bool = True) -> Any:
    """The cost of a recurrent net and its gradients, also with respect to what it begins with and reads."""
    chance = np.random.default_rng(1)
    W, U = (cr.shared(chance.normal(size=(size, size)) / np.sqrt(size)) for _ in range(2))
    xs, h0 = cr.tensor("xs", (steps, batch, size)), cr.matrix("h0")

    def step(h: Any, x: Any) -> Any:
        h = cr.tanh(h @ U + x @ W)
        return h, ((h**2).sum(axis=0) if ys else None)

    h, y = cr.scan(step, h0, xs, reverse=reverse, checkpoint=checkpoint)
    cost = (h**2).sum() + (y**3).sum() if ys else (h**2).sum()
    wanted = [W, U, xs, h0] if ys else [W, U]
    return cr.function([xs, h0], [cost, *cr.grad(cost, wanted), *([y] if ys else [])])


def values(steps: int, size: int = SIZE, batch: int = BATCH) -> list[np.ndarray]:
    chance = np.random.default_rng(2)
    return [chance.normal(size=(steps, batch, size)), chance.normal(size=(batch, size))]


@pytest.mark.parametrize("steps", [0, 1, 2, 7, 12, 13])
@pytest.mark.parametrize(("checkpoint", "reverse"), [("sqrt", False), ("sqrt", True), (1, False), (3, True), (100, False)])
def test_gradients_are_those_without_it(steps: int, checkpoint: Any, reverse: bool) -> None:
    for wanted, found in zip(build(steps, None, reverse)(*values(steps)), build(steps, checkpoint, reverse)(*values(steps))):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("checkpoint", "reverse"), [("sqrt", False), (3, True)])
def test_the_number_of_steps_is_known_when_it_is_called(checkpoint: Any, reverse: bool) -> None:
    plain, segmented = build(None, None, reverse), build(None, checkpoint, reverse)
    for steps in (0, 1, 5, 11, 16):
        for wanted, found in zip(plain(*values(steps)), segmented(*values(steps))):
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_gradients_are_slopes() -> None:
    f, at = build(11, "sqrt"), values(11)
    found = f(*at)[3]
    for place in [(0, 0, 0), (5, 2, 1), (10, 1, 3)]:
        moved = [at[0].copy(), at[0].copy()]
        moved[0][place] += 1e-6
        moved[1][place] -= 1e-6
        slope = (f(moved[0], at[1])[0] - f(moved[1], at[1])[0]) / 2e-6
        np.testing.assert_allclose(found[place], slope, rtol=1e-5, atol=1e-8)


def test_second_derivatives() -> None:
    def build(checkpoint: Any) -> Any:
        x, a = cr.vector("x"), cr.scalar("a")
        h, _ = cr.scan(lambda h, x: (cr.sin(h * a + x), None), 0.5, x, checkpoint=checkpoint)
        return cr.function([x, a], [cr.grad(cr.grad(h, a), a), cr.jacobian(cr.grad(h, x), a)])

    arguments = np.linspace(0, 1, 10), np.array(0.7)
    for wanted, found in zip(build(None)(*arguments), build("sqrt")(*arguments)):
        np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_under_vmap_and_in_a_loop() -> None:
    def build(checkpoint: Any) -> Any:
        x = cr.matrix("x")

        def cost(row: Any) -> Any:
            return cr.scan(lambda h, x: (cr.tanh(h + x * h), None), 0.3, row, checkpoint=checkpoint)[0]

        each = cr.vmap(lambda row: cr.grad(cost(row), row))(x)
        total, _ = cr.scan(lambda t, row: (t + cost(row) * t, None), 1.0, x)
        return cr.function([x], [each, cr.grad(total, x)])

    value = np.random.default_rng(0).normal(size=(3, 7))
    for wanted, found in zip(build(None)(value), build("sqrt")(value)):
        np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_several_carries_and_python_numbers() -> None:
    def build(checkpoint: Any) -> Any:
        x = cr.vector("x", dtype="float32")
        carry, ys = cr.scan(
            lambda c, x: ({"a": cr.sin(c["a"]) * x, "n": c["n"] + 1}, (c["a"], {"n": c["n"]})), {"a": 1.0, "n": 0}, x, checkpoint=checkpoint
        )
        return cr.function([x], [carry["a"], carry["n"], ys[0], ys[1]["n"], cr.grad(carry["a"], x)])

    value = np.linspace(1, 2, 8).astype("float32")
    for wanted, found in zip(build(None)(value), build(3)(value)):
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_fori() -> None:
    def build(checkpoint: Any) -> Any:
        a = cr.scalar("a")
        y = cr.fori(2, 12, lambda i, c: cr.sin(c * a) + i * 0.1, a, checkpoint=checkpoint)
        return cr.function([a], [y, cr.grad(y, a)])

    for wanted, found in zip(build(None)(0.7), build("sqrt")(0.7)):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_the_body_is_called_once() -> None:
    calls = []

    def body(h: Any, x: Any) -> Any:
        calls.append(1)
        return cr.tanh(h + x), None

    cr.scan(body, cr.scalar("h"), cr.tensor("x", (10,)), checkpoint=3)
    assert len(calls) == 1


def test_memory_falls_with_the_root_of_the_steps() -> None:
    """In states: without it three times the steps; with it a few times their root."""
    size = batch = 16
    state = size * batch * 8
    for steps in (100, 400, 900):
        before, after = [build(steps, c, size=size, batch=batch, ys=False).memory_peak() / state for c in (None, "sqrt")]
        root = steps**0.5
        assert before > 2 * steps
        assert after < 6 * root + 20


def test_a_step_is_computed_twice_and_not_more() -> None:
    f = build(400, "sqrt", ys=False)
    assert f.flops(*values(400)) < 1.7 * build(400, None, ys=False).flops(*values(400))


@pytest.mark.parametrize("wrong", [0, -1, True, 2.5, "log"])
def test_what_is_no_number_of_segments(wrong: Any) -> None:
    with pytest.raises(cr.ArgumentError, match='checkpoint is "sqrt", a number of segments'):
        cr.scan(lambda c, x: (c, None), 0.0, cr.vector("x"), checkpoint=wrong)


def test_a_loop_in_the_body_and_steps_left_over() -> None:
    """The body is traced once, for the segments and for what is left over."""

    def build(checkpoint: Any) -> Any:
        x, w = cr.matrix("x"), cr.vector("w")

        def body(h: Any, row: Any) -> Any:
            return cr.fori(0, 3, lambda i, h: cr.tanh(h * w + row * (i + 1)), h), None

        last, _ = cr.scan(body, cr.zeros((4,)), x, checkpoint=checkpoint)
        return cr.function([x, w], [last, *cr.grad((last**2).sum(), [x, w])])

    chance = np.random.default_rng(4)
    arguments = chance.normal(size=(17, 4)), chance.normal(size=4)
    for wanted, found in zip(build(None)(*arguments), build(4)(*arguments)):
        np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_in_a_mapped_function_that_is_differentiated() -> None:
    """The carries come to depend on what is mapped over when the loop is taken apart; each example keeps its own cotangent."""

    def build(checkpoint: Any) -> Any:
        x, W = cr.tensor("x", (5, 9, 3)), cr.matrix("W")
        last = cr.vmap(lambda rows: cr.scan(lambda h, row: (cr.tanh(row + h @ W), None), cr.zeros((3,)), rows, checkpoint=checkpoint)[0])(x)
        return cr.function([x, W], [last, *cr.grad((last**2).sum(), [x, W])])

    chance = np.random.default_rng(3)
    arguments = chance.normal(size=(5, 9, 3)), chance.normal(size=(3, 3))
    for wanted, found in zip(build(None)(*arguments), build("sqrt")(*arguments)):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-14)

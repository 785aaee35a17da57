"""`config.check_finite`: the first operation that made a result NaN or infinite is named, and nothing harmless is reported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import croton as cr


@pytest.fixture(autouse=True)
def checked() -> Iterator[None]:
    with cr.config.use(check_finite=True):
        yield


def fails(f: cr.Function, *values: object) -> str:
    with pytest.raises(cr.NotFiniteError) as error:
        f(*values)
    assert isinstance(error.value, FloatingPointError)
    return str(error.value)


def test_forward() -> None:
    x = cr.vector("x")
    a = cr.log(x)
    b = a + 1
    f = cr.function([x], b * 2)
    np.testing.assert_allclose(f(np.ones(3)), 2)
    message = fails(f, np.array([1.0, -1.0, -2.0]))
    assert message.startswith("log made nan in 2 of 3 elements, the first at (1,)")
    assert "a result of the function" in message
    assert "a = cr.log(x)" in message
    assert fails(f, np.array([0.0, 1.0])).startswith("log made -inf")


def test_the_first_of_several() -> None:
    x = cr.vector("x")
    a = cr.sqrt(x)
    b = cr.log(a)
    assert "a = cr.sqrt(x)" in fails(cr.function([x], cr.exp(b) + a), np.array([-1.0]))


def test_backward() -> None:
    x = cr.vector("x")
    root = cr.sqrt(x)
    cost = root.sum()
    f = cr.function([x], cr.grad(cost, x))
    np.testing.assert_allclose(f(np.ones(2)), 0.5)
    message = fails(f, np.array([1.0, 0.0]))
    assert "inf in 1 of 2 elements, the first at (1,)" in message
    assert "root = cr.sqrt(x)" in message


def test_overflow_and_division() -> None:
    x = cr.vector("x", dtype="float32")
    y = cr.exp(x)
    assert "y = cr.exp(x)" in fails(cr.function([x], y), np.array([100.0], "f4"))
    z = 1 / x
    message = fails(cr.function([x], z), np.zeros(2, "f4"))
    assert message.startswith("a division made inf") and "z = 1 / x" in message


@pytest.mark.parametrize("in_place", [True, False])
def test_updates_do_not_happen(in_place: bool) -> None:
    w, v, x = cr.shared(np.ones(2), name="w"), cr.shared(np.ones(2), name="v"), cr.vector("x")
    step = cr.log(x)
    new = w + step if in_place else (w + step)[::-1]
    f = cr.function([x], w * 2, updates={v: v + 1, w: new})
    f(np.ones(2))
    np.testing.assert_array_equal([w.get_value(), v.get_value()], [[1, 1], [2, 2]])
    message = fails(f, np.array([1.0, -1.0]))
    assert "the new value of the shared variable 'w'" in message and "step = cr.log(x)" in message
    np.testing.assert_array_equal([w.get_value(), v.get_value()], [[1, 1], [2, 2]])
    np.testing.assert_array_equal(f(np.ones(2)), [2, 2])
    np.testing.assert_array_equal(v.get_value(), [3, 3])


def test_what_does_not_reach_a_result_is_no_error() -> None:
    x = cr.vector("x")
    value = np.array([-1.0, 0.0, 4.0])
    f = cr.function([x], cr.where(x > 0, cr.sqrt(x), 0.0))
    np.testing.assert_array_equal(f(value), [0, 0, 2])
    slope = cr.function([x], cr.grad(cr.where(x > 0, cr.sqrt(x), 0.0).sum(), x))
    np.testing.assert_array_equal(slope(value), [0, 0, 0.25])
    np.testing.assert_array_equal(cr.function([x], 1 / (1 + cr.exp(-x * 1000)))(value), [0, 0.5, 1])


@pytest.mark.parametrize("as_argument", [True, False])
def test_masked_logits_are_no_error(as_argument: bool) -> None:
    x, mask = cr.matrix("x"), cr.matrix("mask")
    keep = np.array([[True, True, False], [True, False, False]])
    values = np.arange(6.0).reshape(2, 3)
    masked = x + mask if as_argument else cr.where(keep, x, -np.inf)
    y = cr.softmax(masked, axis=1)
    cost = cr.logsumexp(masked, axis=1).sum()
    f = cr.function([x, mask], [y, cost, cr.grad(cost, x), masked.max(axis=1)])
    probabilities, _, slope, _ = f(values, np.where(keep, 0, -np.inf))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(slope, probabilities)


def test_infinities_that_were_given_are_no_error_until_they_become_nan() -> None:
    x = cr.vector("x")
    value = np.array([1.0, np.inf])
    np.testing.assert_array_equal(cr.function([x], x * 2)(value), [2, np.inf])
    np.testing.assert_array_equal(cr.function([x], cr.maximum(x, -np.inf))(value), value)
    difference = x - x.max()
    f = cr.function([x], cr.exp(difference))
    message = fails(f, value)
    assert "nan" in message and "difference = " in message


def test_nan_among_the_arguments_and_shared_variables() -> None:
    x, w = cr.vector("x"), cr.shared(np.array([1.0, np.nan]), name="w")
    assert "the argument 'x' holds nan in 1 of 2 elements, the first at (0,)" in fails(cr.function([x], x + 1), np.array([np.nan, 1]))
    message = fails(cr.function([x], x * w), np.ones(2))
    assert "the shared variable 'w' holds nan" in message


def test_calls_work_as_ever() -> None:
    x, n = cr.matrix("x"), cr.vector("n", dtype="int64")
    f = cr.function([x, cr.Param(n, default=np.arange(2))], {"a": x.sum(), "b": (n, x @ x.T)})
    found = f([[1, 2]])
    assert found["a"] == 3
    np.testing.assert_array_equal(found["b"][0], [0, 1])
    assert f(np.ones((0, 3)))["b"][1].shape == (0, 0)
    with pytest.raises(cr.ShapeError):
        f(np.ones(3))
    g = cr.function([x], x + 1, donate=x)
    value = np.ones((2, 2))
    np.testing.assert_array_equal(g(value), 2)
    np.testing.assert_array_equal(value, 1)
    assert cr.function([x], None)(np.ones((1, 1))) is None


def test_off_by_default() -> None:
    x = cr.vector("x")
    with cr.config.use(check_finite=False):
        f = cr.function([x], cr.log(x))
    assert np.isnan(f(np.array([-1.0]))).all()


def test_an_infinity_that_became_nan_is_named_too() -> None:
    x = cr.vector("x")
    powers = cr.exp(x)
    differences = powers - powers.sum()
    message = fails(cr.function([x], differences), np.array([1000.0, 0.0]))
    assert message.startswith("a sum made nan in 1 of 2 elements, the first at (0,)")
    assert "differences = powers - powers.sum()" in message
    line = next(number for number, text in enumerate(Path(__file__).read_text().split("\n"), 1) if text.strip() == "powers = cr.exp(x)")
    assert f"which exp made at {__file__}:{line}" in message.split("\n")[0]


@pytest.mark.parametrize("part", ["final", "states", "gradient"])
def test_the_step_of_a_loop_and_what_it_does_are_named(part: str) -> None:
    x = cr.vector("x")

    def step(carry: cr.Expr, element: cr.Expr) -> tuple[cr.Expr, cr.Expr]:
        root = cr.sqrt(element)
        return carry + root, carry * root

    last, every = cr.scan(step, cr.asarray(0.0), x)
    outcome = {"final": last, "states": every, "gradient": cr.grad(every.sum(), x)}[part]
    values = np.array([1.0, 4.0, 9.0, -1.0, 2.0, -3.0])
    f = cr.function([x], outcome)
    assert np.isfinite(f(abs(values))).all()
    message = fails(f, values)
    assert "root = cr.sqrt(element)" in message


def test_the_step_of_a_recurrence() -> None:
    x = cr.vector("x")

    def outer(carry: cr.Expr, element: cr.Expr) -> tuple[cr.Expr, None]:
        def inner(total: cr.Expr, _: None) -> tuple[cr.Expr, None]:
            squared = total * total
            return squared + element, None

        return cr.scan(inner, carry, None, length=2)[0], None

    f = cr.function([x], cr.scan(outer, cr.asarray(1.0), x)[0])
    assert f(np.zeros(3)) == 1
    message = fails(f, np.array([0.0, 1e100, 1.0, 1.0]))
    assert "in step 0 of a loop in step 2 of a loop made inf" in message
    assert "squared = total * total" in message

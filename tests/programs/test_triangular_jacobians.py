"""Jacobians of recurrences that mix states: what is computed of one, and of its squares, is little more than the half that is not zero."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import croton as cr

INPUTS, STATES = 8, 16


def states(xs: cr.Expr, inward: cr.Expr, around: cr.Expr, reverse: bool = False) -> cr.Expr:
    def step(state: cr.Expr, x: cr.Expr) -> tuple[cr.Expr, cr.Expr]:
        state = cr.tanh(x @ inward + state @ around)
        return state, state

    return cr.scan(step, cr.zeros((STATES,), dtype=xs.dtype), xs, reverse=reverse)[1]


def backward(xs: cr.Expr, inward: cr.Expr, around: cr.Expr) -> cr.Expr:
    return states(xs, inward, around, reverse=True)


def unrolled(xs: cr.Expr, inward: cr.Expr, around: cr.Expr) -> cr.Expr:
    state, rows = cr.zeros((STATES,), dtype=xs.dtype), []
    for number in range(xs.shape[0]):
        state = cr.tanh(xs[number] @ inward + state @ around)
        rows.append(state)
    return cr.stack(rows)


def narrow(xs: cr.Expr, inward: cr.Expr, around: cr.Expr) -> cr.Expr:
    """Fewer outputs than inputs: the Jacobian is the loop backward, with strands of outputs."""
    return states(xs, inward, around)[:, :2]


def arguments(length: int | None, dtype: str = "float64") -> list[cr.Expr]:
    return [cr.tensor(name, shape, dtype) for name, shape in (("xs", (length, INPUTS)), ("inward", (INPUTS, STATES)), ("around", (STATES, STATES)))]


def given(length: int, dtype: str = "float64") -> list[np.ndarray]:
    generator = np.random.default_rng(length)
    return [(generator.standard_normal(shape) / 4).astype(dtype) for shape in ((length, INPUTS), (INPUTS, STATES), (STATES, STATES))]


def wanted(J: cr.Expr) -> list[cr.Expr]:
    weights = cr.cos(cr.arange(J.shape[2]).astype(J.dtype))[:, None]
    return [J, (J**2).sum(), J * weights, (J * weights).sum(2), (J**2).sum((1, 3)), (J**2).sum((0, 1)), cr.exp(J).sum((1, 3)), cr.abs(J).max((0, 1))]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("program", [states, backward, narrow])
def test_values_are_those_of_the_whole(program: Callable[..., cr.Expr], dtype: str) -> None:
    tolerance = 1e-10 if dtype == "float64" else 2e-4
    for length in (1, 2, 3, 25):
        inputs, values = arguments(length, dtype), given(length, dtype)
        outputs = wanted(cr.jacobian(program(*inputs), inputs[0]))
        with cr.config.use(algebra="strict"):
            expected = cr.function(inputs, outputs)(*values)
        for output, value in zip(outputs, expected):
            np.testing.assert_allclose(cr.function(inputs, output)(*values), value, rtol=tolerance, atol=tolerance / 100)
        for found, value in zip(cr.function(inputs, outputs)(*values), expected):
            np.testing.assert_allclose(found, value, rtol=tolerance, atol=tolerance / 100)


def test_values_are_those_of_the_unrolled_graph_and_of_the_reference() -> None:
    length = 24
    inputs, values = arguments(length), given(length)
    J, steps = (cr.jacobian(program(*inputs), inputs[0]) for program in (states, unrolled))
    found = cr.function(inputs, J)
    assert "begin strands late" in str(found.explain())
    np.testing.assert_allclose(found(*values), cr.function(inputs, steps)(*values), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(found(*values), cr.reference.evaluate(J, dict(zip(inputs, values))), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("program", [states, backward])
@pytest.mark.parametrize("length", [24, 100])
def test_operations_are_those_of_the_half_that_is_not_zero(program: Callable[..., cr.Expr], length: int) -> None:
    """Of each pair of steps, one not before the other, a product of inputs by states with a matrix, and a scale."""
    inputs = arguments(length)
    J = cr.jacobian(program(*inputs), inputs[0])
    least = length * (length + 1) // 2 * INPUTS * STATES * (2 * STATES + 1)
    for output in (J, (J**2).sum(), (J**2).sum((2, 3))):
        function = cr.function(inputs, output)
        assert function.flops() <= 1.4 * least, str(function.explain())
    squares = cr.function(inputs, (J**2).sum())
    assert squares.memory_peak() <= 8 * length**2 * INPUTS * STATES  # the Jacobian is never there
    assert "begin strands late" in str(squares.explain())


def test_a_derivative_of_squares() -> None:
    inputs, values = arguments(24), given(24)
    total = (cr.jacobian(states(*inputs), inputs[0]) ** 2).sum()
    gradients = [*cr.grad(total, inputs)]
    with cr.config.use(algebra="strict"):
        expected = cr.function(inputs, gradients)(*values)
    for found, value in zip(cr.function(inputs, gradients)(*values), expected):
        np.testing.assert_allclose(found, value, rtol=1e-8, atol=1e-11)


def test_under_vmap() -> None:
    inputs, (xs, inward, around) = arguments(24), given(24)
    batch = cr.tensor("batch", (3, 24, INPUTS))

    def of_one(one: cr.Expr) -> cr.Expr:
        J = cr.jacobian(states(one, *inputs[1:]), one)
        return (J**2).sum((1, 3))

    values = [np.stack([xs, xs[::-1], xs + 1]), inward, around]
    function = cr.function([batch, *inputs[1:]], cr.vmap(of_one)(batch))
    one = cr.function(inputs, of_one(inputs[0]))
    np.testing.assert_allclose(function(*values), np.stack([one(row, inward, around) for row in values[0]]), rtol=1e-10, atol=1e-13)


def test_sizes_that_are_not_known_stay_one_loop() -> None:
    inputs = arguments(None)
    function = cr.function(inputs, cr.jacobian(states(*inputs), inputs[0]))
    assert "begin strands late" not in str(function.explain())
    known = arguments(24)
    expected = cr.function(known, cr.jacobian(states(*known), known[0]))(*given(24))
    np.testing.assert_allclose(function(*given(24)), expected, rtol=1e-10, atol=1e-13)


def test_a_short_loop_stays_one_loop() -> None:
    inputs = [cr.tensor("xs", (12, 2)), cr.tensor("inward", (2, STATES)), cr.tensor("around", (STATES, STATES))]
    function = cr.function(inputs, cr.jacobian(states(*inputs), inputs[0]))
    assert "begin strands late" not in str(function.explain())


def test_squares_of_few_states_are_those_of_the_blocks() -> None:
    """A step of few states takes little, and what is between it and the squares is summed block by block too: for less than the Jacobian takes."""
    inputs = [cr.tensor("xs", (256, INPUTS)), cr.tensor("inward", (INPUTS, 3)), cr.tensor("around", (3, 3))]

    def plain(state: cr.Expr, x: cr.Expr) -> tuple[cr.Expr, cr.Expr]:
        state = cr.tanh(x @ inputs[1] + state @ inputs[2])
        return state, state

    J = cr.jacobian(cr.scan(plain, cr.zeros((3,)), inputs[0])[1], inputs[0])
    squares, whole = cr.function(inputs, (J**2).sum()), cr.function(inputs, J)
    assert squares.flops() < 0.6 * whole.flops() and squares.memory_peak() < 0.5 * whole.memory_peak()

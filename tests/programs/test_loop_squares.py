"""Sums of squares of Jacobians of loops whose states do not mix: as many operations as there are steps, and the values of the Jacobian that is built."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import croton as cr

STATES = 3


def scan(step: Callable, init: object, xs: object, **options: object) -> cr.Expr:
    return cr.scan(step, init, xs, **options)[1]


def elementwise(xs: cr.Expr, w: cr.Expr) -> cr.Expr:
    return scan(lambda state, x: (cr.tanh(w[0] * state + w[1] * x),) * 2, cr.zeros((STATES,)), xs)


def backward(xs: cr.Expr, w: cr.Expr) -> cr.Expr:
    return scan(lambda state, x: (cr.sin(w[0] * state * x),) * 2, cr.ones((STATES,)), xs, reverse=True)


def average(xs: cr.Expr, w: cr.Expr) -> cr.Expr:
    gate = cr.sigmoid(w[0])
    return scan(lambda state, x: (gate * state + (1 - gate) * x,) * 2, cr.zeros((STATES,)), cr.tanh(xs))


def product(xs: cr.Expr, w: cr.Expr) -> cr.Expr:
    return cr.cumprod(xs, 0) * w[0]


def two_ago(xs: cr.Expr, w: cr.Expr) -> cr.Expr:
    """Of an element the state two steps later is made of two states that are made of it."""

    def step(carry: tuple[cr.Expr, cr.Expr], x: cr.Expr) -> tuple[tuple[cr.Expr, cr.Expr], cr.Expr]:
        last, before = carry
        state = cr.tanh(w[0] * last + w[1] * before + x)
        return (state, last), state

    return scan(step, (cr.zeros((STATES,)), cr.zeros((STATES,))), xs)


def oscillator(xs: cr.Expr, w: cr.Expr) -> cr.Expr:
    def step(carry: tuple[cr.Expr, cr.Expr], x: cr.Expr) -> tuple[tuple[cr.Expr, cr.Expr], cr.Expr]:
        place, speed = carry
        speed = speed - w[0] * cr.sin(place) + x
        return (place + w[1] * speed, speed), place

    return scan(step, (cr.zeros((STATES,)), cr.ones((STATES,))), xs)


LINEAR = [elementwise, backward, average, product]
PROGRAMS = [*LINEAR, two_ago, oscillator]


def beside(xs: cr.Expr, w: cr.Expr) -> cr.Expr:
    """What each element adds besides going through the loop."""
    return elementwise(xs, w) + xs


def stacked(xs: cr.Expr, w: cr.Expr) -> cr.Expr:
    """Elements of the second loop come in along strands where there is something already."""
    return elementwise(elementwise(xs, w), w)


def begun(xs: cr.Expr, w: cr.Expr) -> cr.Expr:
    return scan(lambda state, x: (cr.tanh(w[0] * state + w[1] * x),) * 2, xs.sum(0), xs)


def mixing(xs: cr.Expr, w: cr.Expr) -> cr.Expr:
    return scan(lambda state, x: (cr.tanh(w[0] * state[::-1] + w[1] * state + x),) * 2, cr.zeros((STATES,)), xs)


def given(length: int) -> list[np.ndarray]:
    generator = np.random.default_rng(length)
    return [generator.standard_normal(shape) for shape in ((length, STATES), (2, STATES))]


def squares(J: cr.Expr) -> list[cr.Expr]:
    return [(J**2).sum(), (J**2).sum((0, 1)), cr.sqrt((J**2).sum((0, 1, 3))), (J**2).sum((2, 3)), (J**2).sum(0), (J**3).sum()]


@pytest.mark.parametrize("length", [0, 1, 2, 5, 12])
@pytest.mark.parametrize("program", [*PROGRAMS, beside, stacked, begun, mixing])
def test_values_are_those_of_the_jacobian(program: Callable[[cr.Expr, cr.Expr], cr.Expr], length: int) -> None:
    inputs = [cr.tensor("xs", (length, STATES)), cr.tensor("w", (2, STATES))]
    values = given(length)
    J = cr.jacobian(program(*inputs), inputs[0])
    with cr.config.use(algebra="strict"):
        dense = cr.function(inputs, J)(*values)
    kept = cr.tensor("J", dense.shape)
    expected = cr.function([kept], squares(kept))(dense)
    for expr, value in zip(squares(J), expected):
        np.testing.assert_allclose(cr.function(inputs, expr)(*values), value, rtol=1e-10, atol=1e-13)
    for found, value in zip(cr.function(inputs, [J, *squares(J)])(*values), [dense, *expected]):
        np.testing.assert_allclose(found, value, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("program", PROGRAMS)
def test_squares_take_as_many_operations_as_there_are_steps(program: Callable[[cr.Expr, cr.Expr], cr.Expr]) -> None:
    counts = []
    for length in (32, 128):
        inputs = [cr.tensor("xs", (length, STATES)), cr.tensor("w", (2, STATES))]
        functions = [cr.function(inputs, expr) for expr in squares(cr.jacobian(program(*inputs), inputs[0]))[:3]]
        counts.append([count for function in functions for count in (function.flops(), function.memory_peak())])
    assert all(after <= 4.2 * before for before, after in zip(*counts))


@pytest.mark.parametrize("program", PROGRAMS)
def test_under_vmap_and_at_open_sizes(program: Callable[[cr.Expr, cr.Expr], cr.Expr]) -> None:
    xs, w = cr.tensor("xs", (None, None, STATES)), cr.tensor("w", (2, STATES))

    def of_one(one: cr.Expr) -> cr.Expr:
        return (cr.jacobian(program(one, w), one) ** 2).sum()

    for length in (0, 1, 9):
        values = [np.random.default_rng(3).standard_normal((3, length, STATES)), given(0)[1]]
        with cr.config.use(algebra="strict"):
            expected = cr.function([xs, w], cr.vmap(of_one)(xs))(*values)
        function = cr.function([xs, w], cr.vmap(of_one)(xs))
        np.testing.assert_allclose(function(*values), expected, rtol=1e-10, atol=1e-13)
    few, many = [function.flops((3, steps, STATES)) for steps in (32, 128)]
    assert many <= 4.2 * few


def test_a_derivative_of_squares() -> None:
    inputs = [cr.tensor("xs", (9, STATES)), cr.tensor("w", (2, STATES))]
    total = (cr.jacobian(two_ago(*inputs), inputs[0]) ** 2).sum()
    with cr.config.use(algebra="strict"):
        expected = cr.function(inputs, [*cr.grad(total, inputs)])(*given(9))
    for found, value in zip(cr.function(inputs, [*cr.grad(total, inputs)])(*given(9)), expected):
        np.testing.assert_allclose(found, value, rtol=1e-9, atol=1e-12)


def layer(xs: cr.Expr, w: cr.Expr) -> cr.Expr:
    """A recurrent net: states mix, and the products of all pairs of them are summed."""
    around = cr.sin(w[0][:, None] * w[1] + cr.arange(STATES))
    return scan(lambda state, x: (cr.tanh(state @ around + x),) * 2, cr.zeros((STATES,)), xs)


def two_layers_side_by_side(xs: cr.Expr, w: cr.Expr) -> cr.Expr:
    around = cr.sin(w[0][:, None] * w[1] + cr.arange(STATES))

    def step(carry: tuple[cr.Expr, cr.Expr], x: cr.Expr) -> tuple[tuple[cr.Expr, cr.Expr], cr.Expr]:
        one, other = carry
        one, other = cr.tanh(other @ around + x), cr.sigmoid(one @ around + other)
        return (one, other), one

    return scan(step, (cr.zeros((STATES,)), cr.ones((STATES,))), xs, reverse=True)


@pytest.mark.parametrize("program", [layer, two_layers_side_by_side, mixing, oscillator])
def test_states_that_mix_have_sums_of_all_pairs_if_they_may_cancel(program: Callable[[cr.Expr, cr.Expr], cr.Expr]) -> None:
    counts = []
    for length in (0, 1, 12, 32, 128):
        inputs = [cr.tensor("xs", (length, STATES)), cr.tensor("w", (2, STATES))]
        J = cr.jacobian(program(*inputs), inputs[0])
        expressions = squares(J)[:3]
        with cr.config.use(algebra="aggressive"):
            functions = [cr.function(inputs, expr) for expr in expressions]
        if length <= 12:
            with cr.config.use(algebra="strict"):
                dense = cr.function(inputs, J)(*given(length))
            for function, value in zip(functions, [(dense**2).sum(), (dense**2).sum((0, 1)), np.sqrt((dense**2).sum((0, 1, 3)))]):
                np.testing.assert_allclose(function(*given(length)), value, rtol=1e-9, atol=1e-12)
        else:
            counts.append([count for function in functions for count in (function.flops(), function.memory_peak())])
            assert "sum squares in the loop" in str(functions[0].explain())
    assert all(after <= 4.2 * before for before, after in zip(*counts))


def test_states_that_mix_are_not_summed_in_pairs_by_default() -> None:
    inputs = [cr.tensor("xs", (64, STATES)), cr.tensor("w", (2, STATES))]
    function = cr.function(inputs, (cr.jacobian(layer(*inputs), inputs[0]) ** 2).sum())
    assert "sum squares in the loop" not in str(function.explain())

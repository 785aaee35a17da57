"""Diagonals of Jacobians of loops: as many operations as there are steps, and the values of the Jacobian that is built."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import croton as cr

STATES = 3


def scan(step: Callable, init: object, xs: object, **options: object) -> cr.Expr:
    return cr.scan(step, init, xs, **options)[1]


def simple(xs: cr.Expr, around: cr.Expr) -> cr.Expr:
    def step(state: cr.Expr, x: cr.Expr) -> tuple[cr.Expr, cr.Expr]:
        state = cr.tanh(x + state @ around)
        return state, state

    return scan(step, cr.zeros((STATES,)), xs)


def begun(xs: cr.Expr, around: cr.Expr) -> cr.Expr:
    """What is begun with depends on an element, too."""

    def step(state: cr.Expr, x: cr.Expr) -> tuple[cr.Expr, cr.Expr]:
        state = cr.tanh(x * cr.sin(state @ around))
        return state, state + x

    return scan(step, xs.sum(0), xs)


def late(xs: cr.Expr, around: cr.Expr) -> cr.Expr:
    """A step gives what it was given."""

    def step(state: cr.Expr, x: cr.Expr) -> tuple[cr.Expr, cr.Expr]:
        return cr.tanh(x * cr.sin(state @ around)), state

    return scan(step, cr.ones((STATES,)), xs)


def backward(xs: cr.Expr, around: cr.Expr) -> cr.Expr:
    def step(state: cr.Expr, x: cr.Expr) -> tuple[cr.Expr, cr.Expr]:
        state = cr.tanh(x + state @ around)
        return state, cr.sin(state) * x

    return scan(step, cr.ones((STATES,)), xs, reverse=True)


def gated(xs: cr.Expr, around: cr.Expr) -> cr.Expr:
    def step(carry: tuple[cr.Expr, cr.Expr], x: cr.Expr) -> tuple[tuple[cr.Expr, cr.Expr], cr.Expr]:
        state, memory = carry
        memory = cr.sigmoid(x + state @ around) * memory + cr.tanh(state @ around * x)
        state = cr.tanh(memory) * cr.sigmoid(state @ around + x)
        return (state, memory), state

    return scan(step, (cr.zeros((STATES,)), cr.ones((STATES,))), xs)


def stacked(xs: cr.Expr, around: cr.Expr) -> cr.Expr:
    return simple(cr.sin(simple(xs, around) @ around), around)


def there_and_back(xs: cr.Expr, around: cr.Expr) -> cr.Expr:
    return simple(xs, around) + backward(xs, around)


def with_layer(xs: cr.Expr, around: cr.Expr) -> cr.Expr:
    return cr.sigmoid(simple(cr.tanh(xs @ around), around) @ around) * xs


def turned(xs: cr.Expr, around: cr.Expr) -> cr.Expr:
    return simple(xs[::-1], around)[::-1]


def linear(xs: cr.Expr, around: cr.Expr) -> cr.Expr:
    def step(state: cr.Expr, x: cr.Expr) -> tuple[cr.Expr, cr.Expr]:
        state = state @ around + x
        return state, state

    return scan(step, cr.zeros((STATES,)), xs)


def elementwise(xs: cr.Expr, around: cr.Expr) -> cr.Expr:
    def step(state: cr.Expr, x: cr.Expr) -> tuple[cr.Expr, cr.Expr]:
        state = cr.tanh(around[0] * state + x)
        return state, state

    return scan(step, cr.zeros((STATES,)), xs)


def two_ago(xs: cr.Expr, around: cr.Expr) -> cr.Expr:
    """A state that is made of the last two."""

    def step(carry: tuple[cr.Expr, cr.Expr], x: cr.Expr) -> tuple[tuple[cr.Expr, cr.Expr], cr.Expr]:
        last, before = carry
        state = cr.tanh(x + last @ around - cr.sin(before))
        return (state, last), state

    return scan(step, (cr.zeros((STATES,)), cr.zeros((STATES,))), xs)


PROGRAMS = [simple, begun, late, backward, gated, stacked, there_and_back, with_layer, turned, linear, elementwise, two_ago]


def near(J: cr.Expr) -> list[cr.Expr]:
    """What is near the diagonal in time of a Jacobian of a sequence of states by a sequence."""
    return [
        cr.einsum("aiai->", J),
        cr.einsum("aiai->ai", J),
        cr.einsum("aiaj->aij", J),
        cr.diagonal(J, 1, 0, 2),
        cr.diagonal(J, -1, 0, 2),
        (cr.diagonal(J, -2, 0, 2) ** 2).sum(),
        cr.sin(cr.einsum("aiai->a", J)),
        cr.einsum("aiaj,aj->ai", J, cr.einsum("aiaj->aj", J)),
    ]


def given(length: int, dtype: str = "float64") -> list[np.ndarray]:
    generator = np.random.default_rng(length)
    return [generator.standard_normal(shape).astype(dtype) for shape in ((length, STATES), (STATES, STATES))]


@pytest.mark.parametrize("length", [0, 1, 2, 5])
@pytest.mark.parametrize("program", PROGRAMS)
def test_values_are_those_of_the_jacobian(program: Callable[[cr.Expr, cr.Expr], cr.Expr], length: int) -> None:
    inputs = [cr.tensor("xs", (length, STATES)), cr.tensor("around", (STATES, STATES))]
    values = given(length)
    J = cr.jacobian(program(*inputs), inputs[0])
    with cr.config.use(algebra="strict"):
        dense = cr.function(inputs, J)(*values)
    kept = cr.tensor("J", dense.shape)
    expected = cr.function([kept], near(kept))(dense)
    for expr, value in zip(near(J), expected):
        np.testing.assert_allclose(cr.function(inputs, expr)(*values), value, rtol=1e-10, atol=1e-13)
    for found, value in zip(cr.function(inputs, near(J))(*values), expected):
        np.testing.assert_allclose(found, value, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_diagonal_takes_as_many_operations_as_there_are_steps(program: Callable[[cr.Expr, cr.Expr], cr.Expr]) -> None:
    """Each in as many as a few times the program itself, and four times as many for four times the steps."""

    def counts(length: int) -> tuple[list[int], list[int], int]:
        inputs = [cr.tensor("xs", (length, STATES)), cr.tensor("around", (STATES, STATES))]
        y = program(*inputs)
        functions = [cr.function(inputs, expr) for expr in near(cr.jacobian(y, inputs[0]))[:5]]
        return [function.flops() for function in functions], [function.memory_peak() for function in functions], cr.function(inputs, y).flops()

    few, small, _ = counts(32)
    many, large, itself = counts(128)
    assert all(after <= 4.2 * before + STATES**3 for before, after in zip(few, many))
    assert all(after <= 4.2 * before for before, after in zip(small, large))
    assert all(after <= 4 * itself for after in many)


@pytest.mark.parametrize("length", [1, 4])
@pytest.mark.parametrize("program", [simple, backward, stacked, two_ago])
def test_under_vmap_and_at_open_sizes(program: Callable[[cr.Expr, cr.Expr], cr.Expr], length: int) -> None:
    xs, around = cr.tensor("xs", (None, None, STATES)), cr.tensor("around", (STATES, STATES))

    def blocks(one: cr.Expr) -> cr.Expr:
        return cr.einsum("aiaj->aij", cr.jacobian(program(one, around), one))

    values = [np.random.default_rng(3).standard_normal((3, length, STATES)), given(0)[1]]
    with cr.config.use(algebra="strict"):
        expected = cr.function([xs, around], cr.vmap(blocks)(xs))(*values)
    function = cr.function([xs, around], cr.vmap(blocks)(xs))
    np.testing.assert_allclose(function(*values), expected, rtol=1e-10, atol=1e-13)
    few, many = [function.flops((3, steps, STATES)) for steps in (16, 64)]
    assert many <= 4.2 * few


def test_a_derivative_of_a_trace() -> None:
    """What is made of single steps has derivatives as any other value."""
    inputs = [cr.tensor("xs", (5, STATES)), cr.tensor("around", (STATES, STATES))]
    trace = cr.einsum("aiai->", cr.jacobian(gated(*inputs), inputs[0]))
    with cr.config.use(algebra="strict"):
        expected = cr.function(inputs, [*cr.grad(trace, inputs)])(*given(5))
    for found, value in zip(cr.function(inputs, [*cr.grad(trace, inputs)])(*given(5)), expected):
        np.testing.assert_allclose(found, value, rtol=1e-9, atol=1e-12)


def test_one_that_is_wanted_whole_is_computed_once() -> None:
    inputs = [cr.tensor("xs", (16, STATES)), cr.tensor("around", (STATES, STATES))]
    J = cr.jacobian(gated(*inputs), inputs[0])
    assert cr.function(inputs, [J, cr.einsum("aiai->", J)]).flops() <= cr.function(inputs, J).flops() + 16 * STATES

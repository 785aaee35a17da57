"""Products with Jacobians of loops: their values, and that each takes a loop of vectors, whatever way the Jacobian was obtained in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import croton as cr

LENGTH, INPUTS, STATES = 6, 3, 5


def array(name: str, *shape: int | None) -> cr.Expr:
    return cr.tensor(name, shape=shape)


def simple(xs: cr.Expr, around: cr.Expr, inward: cr.Expr) -> cr.Expr:
    def step(state: cr.Expr, x: cr.Expr) -> tuple[cr.Expr, cr.Expr]:
        state = cr.tanh(x @ inward + state @ around)
        return state, state

    return cr.scan(step, cr.zeros((STATES,)), xs)[1]


def backward(xs: cr.Expr, around: cr.Expr, inward: cr.Expr) -> cr.Expr:
    def step(state: cr.Expr, x: cr.Expr) -> tuple[cr.Expr, cr.Expr]:
        state = cr.tanh(x @ inward + state @ around)
        return state, cr.sin(state)

    return cr.scan(step, cr.ones((STATES,)), xs, reverse=True)[1]


def gated(xs: cr.Expr, around: cr.Expr, inward: cr.Expr) -> cr.Expr:
    def step(carry: tuple[cr.Expr, cr.Expr], x: cr.Expr) -> tuple[tuple[cr.Expr, cr.Expr], cr.Expr]:
        state, memory = carry
        memory = cr.sigmoid(x @ inward) * memory + cr.tanh(state @ around + x @ inward)
        state = cr.tanh(memory) * cr.sigmoid(state @ around)
        return (state, memory), state

    return cr.scan(step, (cr.zeros((STATES,)), cr.ones((STATES,))), xs)[1]


def last(xs: cr.Expr, around: cr.Expr, inward: cr.Expr) -> cr.Expr:
    return simple(xs, around, inward)[-1]


def stacked(xs: cr.Expr, around: cr.Expr, inward: cr.Expr) -> cr.Expr:
    """One network on the states of another, and both are wanted."""
    below = simple(xs, around, inward)
    return cr.concatenate([below, simple(below, around, around)], axis=1)


def linear(xs: cr.Expr, around: cr.Expr, inward: cr.Expr) -> cr.Expr:
    def step(state: cr.Expr, x: cr.Expr) -> tuple[cr.Expr, cr.Expr]:
        state = state @ around + x @ inward
        return state, state

    return cr.scan(step, cr.zeros((STATES,)), xs)[1]


CASES: dict[str, Callable[[cr.Expr, cr.Expr, cr.Expr], cr.Expr]] = {
    "simple": simple,
    "backward": backward,
    "gated": gated,
    "last": last,
    "stacked": stacked,
    "linear": linear,
}
WRT = {"inputs": 0, "matrix around": 1}


def arguments(length: int | None = LENGTH) -> list[cr.Expr]:
    return [array("xs", length, INPUTS), array("around", STATES, STATES), array("inward", INPUTS, STATES)]


def given(length: int = LENGTH) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.standard_normal(shape) / 2 for shape in ((length, INPUTS), (STATES, STATES), (INPUTS, STATES))]


def products(y: cr.Expr, wrt: cr.Expr) -> tuple[list[cr.Expr], cr.Expr, list[cr.Expr]]:
    """Vectors for both sides of a Jacobian, the Jacobian, and its products with them."""
    J = cr.jacobian(y, wrt)
    v, w = cr.tensor("v", wrt.shape), cr.tensor("w", y.shape)
    right = cr.tensordot(J, v, (list(range(y.ndim, J.ndim)), list(range(wrt.ndim))))
    left = cr.tensordot(w, J, (list(range(y.ndim)), list(range(y.ndim))))
    return [v, w], J, [right, left, (J**2).sum()]


@pytest.mark.parametrize("wrt", WRT)
@pytest.mark.parametrize("name", CASES)
def test_products_are_those_with_the_matrix(name: str, wrt: str) -> None:
    inputs = arguments()
    y = CASES[name](*inputs)
    vectors, J, wanted = products(y, inputs[WRT[wrt]])
    generator = np.random.default_rng(1)
    values = [*given(), *[generator.standard_normal(vector.shape) for vector in vectors]]
    with cr.config.use(algebra="strict"):
        dense = cr.function([*inputs, *vectors], J)(*values)
    v, w = values[-2:]
    expected = [np.tensordot(dense, v, v.ndim), np.tensordot(w, dense, w.ndim), (dense**2).sum()]
    for expr, value in zip([*wanted, J], [*expected, dense]):
        np.testing.assert_allclose(cr.function([*inputs, *vectors], expr)(*values), value, rtol=1e-9, atol=1e-12)
    together = cr.function([*inputs, *vectors], [J, *wanted])(*values)
    for found, value in zip(together, [dense, *expected]):
        np.testing.assert_allclose(found, value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("wrt", WRT)
@pytest.mark.parametrize("name", CASES)
def test_a_product_with_a_vector_takes_a_loop_of_vectors(name: str, wrt: str) -> None:
    """As many operations as a few times the function itself, and no array with axes of both sides."""
    inputs = arguments()
    y = CASES[name](*inputs)
    itself = cr.function(inputs, y)
    vectors, _, (right, left, _) = products(y, inputs[WRT[wrt]])
    for product in (right, left):
        function = cr.function([*inputs, *vectors], product)
        assert function.flops() <= 4 * itself.flops()
        assert function.memory_peak() <= 10 * itself.memory_peak()


def test_networks_side_by_side_take_as_many_operations_as_there_are_networks() -> None:
    """What carries and other values of a step have in common with what is around a loop is one axis: elements do not meet all others."""

    def operations(count: int) -> int:
        around, xs = array("around", count, STATES, STATES), array("xs", LENGTH, STATES)
        function = cr.function([around, xs], cr.vmap(lambda one: simple(xs, one, cr.ones((STATES, STATES))))(around))
        return function.flops()

    assert operations(40) <= 10 * operations(4)

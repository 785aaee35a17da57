"""Products of elements with a matrix: those that a loop computes in its steps, and those that stay in front of it."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr
from croton.schedule.product import LEAST_PACKED, MOST_ROWS
from croton.schedule.sink import LEAST_ROWS

STEPS, ROWS, INPUTS, UNITS = 6, LEAST_ROWS, 64, 80
SHAPES = {"x": (STEPS, ROWS, INPUTS), "u": (INPUTS, UNITS), "w": (UNITS, UNITS), "h": (ROWS, UNITS), "b": (UNITS,)}


def values(shapes: dict[str, tuple[int, ...]]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape) / 8 for shape in shapes.values()]


def symbols(shapes: dict[str, tuple[int, ...]]) -> list:
    return [cr.tensor(name, shape) for name, shape in shapes.items()]


def scanned(x, u, w, h, b, reverse: bool = False):
    return cr.scan(lambda state, element: 2 * (cr.tanh(element @ u + state @ w + b),), h, x, reverse=reverse)[1]


def states(x, u, w, h, b, reverse: bool = False) -> np.ndarray:
    """The same in NumPy."""
    found = []
    for element in x[::-1] if reverse else x:
        h = np.tanh(element @ u + h @ w + b)
        found.append(h)
    return np.stack(found[::-1] if reverse else found)


def products_in_front(function) -> int:
    return str(function.explain()).count("matrix product")


@pytest.mark.parametrize("reverse", [False, True])
def test_a_product_of_elements_is_computed_in_the_step(reverse: bool) -> None:
    parameters = symbols(SHAPES)
    function = cr.function(parameters, scanned(*parameters, reverse=reverse))
    np.testing.assert_allclose(function(*values(SHAPES)), states(*values(SHAPES), reverse), rtol=1e-9, atol=1e-13)
    assert products_in_front(function) == 0
    # What is kept is a row a step more than the result, two matrices that have been rearranged and what a step needs.
    kept = (STEPS + 1) * ROWS * UNITS + STEPS * ROWS * UNITS + 96 * (INPUTS + UNITS) + 3 * ROWS * UNITS
    assert function.memory_peak() <= 8 * kept + 1024


@pytest.mark.parametrize(("rows", "inputs"), [(LEAST_ROWS - 1, INPUTS), (MOST_ROWS + 1, INPUTS), (ROWS, 8), (ROWS, LEAST_PACKED // UNITS)])
def test_one_of_too_few_or_too_many_rows_stays_in_front(rows: int, inputs: int) -> None:
    shapes = SHAPES | {"x": (STEPS, rows, inputs), "u": (inputs, UNITS), "h": (rows, UNITS)}
    parameters = symbols(shapes)
    function = cr.function(parameters, scanned(*parameters))
    np.testing.assert_allclose(function(*values(shapes)), states(*values(shapes)), rtol=1e-9, atol=1e-13)
    assert products_in_front(function) == 1


def test_one_that_others_read_too_stays_in_front() -> None:
    x, u, w, h, b = symbols(SHAPES)
    function = cr.function([x, u, w, h, b], [scanned(x, u, w, h, b), x @ u])
    every, product = function(*values(SHAPES))
    arrays = values(SHAPES)
    np.testing.assert_allclose(every, states(*arrays), rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(product, arrays[0] @ arrays[1], rtol=1e-9, atol=1e-13)
    assert products_in_front(function) == 1


def test_two_loops_each_with_what_the_other_made() -> None:
    x, u, w, h, b = symbols(SHAPES)
    v = cr.tensor("v", (UNITS, UNITS))
    first = scanned(x, u, w, h, b)
    function = cr.function([x, u, w, h, b, v], scanned(first, v, w, h, b))
    arrays = values(SHAPES)
    weight = np.random.default_rng(1).standard_normal((UNITS, UNITS)) / 8
    np.testing.assert_allclose(function(*arrays, weight), states(states(*arrays), weight, *arrays[2:]), rtol=1e-9, atol=1e-13)
    assert products_in_front(function) == 0


def test_derivatives_of_such_a_loop() -> None:
    x, u, w, h, b = parameters = symbols(SHAPES)
    weights = np.random.default_rng(2).standard_normal((STEPS, ROWS, UNITS))
    cost = (scanned(x, u, w, h, b) * weights).sum()
    function = cr.function(parameters, [cost, *cr.grad(cost, [x, u, w])])
    arrays = values(SHAPES)
    found = function(*arrays)
    np.testing.assert_allclose(found[0], (states(*arrays) * weights).sum(), rtol=1e-10)
    for place, gradient in enumerate(found[1:]):
        away = np.random.default_rng(3).standard_normal(gradient.shape)
        moved = [[array + sign * 1e-6 * away if place == number else array for number, array in enumerate(arrays)] for sign in (1, -1)]
        slope = ((states(*moved[0]) - states(*moved[1])) * weights).sum() / 2e-6
        np.testing.assert_allclose((gradient * away).sum(), slope, rtol=1e-6)


def test_an_unknown_number_of_steps() -> None:
    x = cr.tensor("x", ("steps", ROWS, INPUTS))
    rest = symbols(SHAPES)[1:]
    function = cr.function([x, *rest], scanned(x, *rest))
    for count in (0, 1, STEPS):
        arrays = values(SHAPES | {"x": (count, ROWS, INPUTS)})
        wanted = states(*arrays) if count else np.zeros((0, ROWS, UNITS))
        np.testing.assert_allclose(function(*arrays), wanted, rtol=1e-9, atol=1e-13)
    assert products_in_front(function) == 0


def test_gates_are_parts_of_one_array_that_the_step_reads() -> None:
    rows, units = LEAST_ROWS - 1, 32
    x, w = cr.tensor("x", (STEPS, rows, 4 * units)), cr.tensor("w", (units, 4 * units))
    b, h = cr.tensor("b", (4 * units,)), cr.tensor("h", (rows, units))

    def cell(state, element):
        write, keep, new, show = cr.split(element + state @ w + b, 4, axis=-1)
        return 2 * (cr.sigmoid(show) * cr.tanh(cr.sigmoid(keep) * state + cr.sigmoid(write) * cr.tanh(new)),)

    function = cr.function([x, w, b, h], cr.scan(cell, h, x)[1])
    # All states and the result, the matrix that has been rearranged, and the product of a step; no copy of the elements.
    kept = (2 * STEPS + 1) * rows * units + 4 * units * units + 4 * rows * units
    assert function.memory_peak() <= 8 * kept + 1024

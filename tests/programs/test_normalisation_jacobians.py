"""Jacobians of normalisations, a diagonal and products of a few vectors: what is read of them takes as many operations as there are elements."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import croton as cr


def layer(x: cr.Expr, scale: cr.Expr) -> cr.Expr:
    middle = x - x.mean(-1, keepdims=True)
    return middle / cr.sqrt((middle**2).mean(-1, keepdims=True) + 1e-3) * scale


def layer_by_variance(x: cr.Expr, scale: cr.Expr) -> cr.Expr:
    return (x - x.mean(-1, keepdims=True)) * (x.var(-1, keepdims=True) + 1e-3) ** -0.5 * scale + 1


def activated(x: cr.Expr, scale: cr.Expr) -> cr.Expr:
    return layer(cr.tanh(x), scale)


def root_mean_square(x: cr.Expr, scale: cr.Expr) -> cr.Expr:
    return x / cr.sqrt((x**2).mean(-1, keepdims=True) + 1e-3) * scale


def softmax(x: cr.Expr, scale: cr.Expr) -> cr.Expr:
    return cr.softmax(x * scale, -1)


PROGRAMS = [layer, layer_by_variance, activated, root_mean_square, softmax]

READS: dict[str, Callable[[cr.Expr], cr.Expr]] = {
    "squares": lambda J: (J**2).sum(),
    "squares of rows": lambda J: (J**2).sum(1),
    "squares of columns": lambda J: (J**2).sum(0),
    "trace": cr.trace,
    "diagonal": cr.diagonal,
    "columns": lambda J: J.sum(0),
    "rows": lambda J: J.sum(1),
}


def given(shape: tuple[int, ...], dtype: str) -> list[np.ndarray]:
    generator = np.random.default_rng(shape[-1])
    return [generator.standard_normal(size).astype(dtype) for size in (shape, shape[-1:])]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 17])
@pytest.mark.parametrize("program", PROGRAMS)
def test_values_are_those_of_the_jacobian(program: Callable, n: int, dtype: str) -> None:
    x, scale = cr.tensor("x", (n,), dtype), cr.tensor("scale", (n,), dtype)
    J = cr.jacobian(program(x, scale), x)
    values = given((n,), dtype)
    with cr.config.use(algebra="strict"):
        dense = cr.function([x, scale], J)(*values).astype("float64")
    kept = cr.tensor("J", (n, n))
    for name, read in READS.items():
        expected = cr.function([kept], read(kept))(dense)
        if n == 0 and name in ("squares", "trace"):
            continue  # what it is scaled by is a mean of nothing, NaN
        scaled = np.abs(values[1]).max(initial=0) ** 2 + 1
        tolerance = 1e-10 if dtype == "float64" else 2e-5
        np.testing.assert_allclose(cr.function([x, scale], read(J))(*values), expected, rtol=tolerance, atol=tolerance * scaled, err_msg=name)


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_read_takes_as_many_operations_as_there_are_elements(program: Callable, name: str) -> None:
    counts = []
    for n in (64, 256):
        x, scale = cr.tensor("x", (n,)), cr.tensor("scale", (n,))
        function = cr.function([x, scale], READS[name](cr.jacobian(program(x, scale), x)))
        itself = cr.function([x, scale], program(x, scale)).flops()
        assert function.flops() <= 7 * itself
        counts.append((function.flops(), function.memory_peak()))
    assert all(after <= 4.2 * before + 64 for before, after in zip(*counts))


@pytest.mark.parametrize("program", PROGRAMS)
def test_of_each_row_of_a_batch(program: Callable) -> None:
    """Whether rows are mapped over or the Jacobian of the whole batch is asked for."""
    counts, shapes = [], [(3, 5), (3, 64), (3, 256)]
    for shape in shapes:
        x, scale = cr.tensor("x", shape), cr.tensor("scale", shape[1:])

        def squares(row: cr.Expr, scale: cr.Expr = scale) -> cr.Expr:
            return (cr.jacobian(program(row, scale), row) ** 2).sum()

        functions = [cr.function([x, scale], cr.vmap(squares)(x)), cr.function([x, scale], (cr.jacobian(program(x, scale), x) ** 2).sum((1, 2, 3)))]
        counts.append([function.flops() for function in functions])
        values = given(shape, "float64")
        with cr.config.use(algebra="strict"):
            expected = cr.function([x, scale], cr.vmap(squares)(x))(*values)
        for function in functions:
            np.testing.assert_allclose(function(*values), expected, rtol=1e-9)
    assert all(after <= 4.2 * before for before, after in zip(*counts[1:]))

"""Sums of diagonals: what is one, what is made of it, and what stays as it is."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr
from croton.algebra.interpret import interpret
from croton.algebra.node import Operand, walk
from croton.rewriting.bands import part_into_bands
from croton.transforms.lower import lower

N = 6
ARRAYS = {"v": np.arange(1.0, N + 1), "w": np.linspace(-2, 1, N), "m": np.random.default_rng(0).standard_normal((N, N))}


def chosen(y: cr.Expr, inputs: dict[str, cr.Expr]) -> list[str]:
    """The rules that were chosen, after the values were compared."""
    lowered = lower([y], list(inputs.values()))
    (operand,) = lowered.outputs
    (use,), found = part_into_bands([operand.use])
    values = {leaf.id: ARRAYS[name] for name, leaf in inputs.items()}
    before, after = interpret([operand, Operand(operand.axes, use)], values)
    np.testing.assert_allclose(after, before, rtol=1e-12)
    return [one.rule for one in found]


@pytest.fixture
def inputs() -> dict[str, cr.Expr]:
    return {name: cr.tensor(name, array.shape) for name, array in ARRAYS.items()}


def tridiagonal(v: cr.Expr, w: cr.Expr) -> cr.Expr:
    return cr.eye(N) * v + cr.eye(N, k=1) * w[:, None] + cr.eye(N, k=-1) * w


def test_products_and_powers(inputs: dict[str, cr.Expr]) -> None:
    v, w = inputs["v"], inputs["w"]
    h = tridiagonal(v, w)
    for y in (h @ v, (h**2).sum(0), (h**3).sum(), h @ h @ w, (h * (h @ h)).sum()):
        assert "diagonal by diagonal" in chosen(y, inputs)


def test_functions_that_keep_zero(inputs: dict[str, cr.Expr]) -> None:
    """Others make something of what lies between the diagonals."""
    v, w = inputs["v"], inputs["w"]
    h = tridiagonal(v, w)
    for y in (abs(h).sum(1), (cr.tanh(h) ** 2).sum(), cr.maximum(h, 0.0) @ v, cr.minimum(2.0, abs(h) - 2 * h).sum()):
        assert "diagonal by diagonal" in chosen(y, inputs)
    for y in (cr.exp(h).sum(1), (cr.maximum(h, 1.0) ** 2).sum(), cr.maximum(h, inputs["m"]).sum(0)):
        assert chosen(y, inputs) == []


def test_what_is_divided_by_is_none(inputs: dict[str, cr.Expr]) -> None:
    """Its other elements are zero, and count."""
    h = tridiagonal(inputs["v"], inputs["w"]) + 0.0 * inputs["m"] + 1.0
    assert chosen((inputs["m"] / h).sum(0), inputs) == []


def test_a_single_diagonal_and_a_full_matrix_stay_as_they_are(inputs: dict[str, cr.Expr]) -> None:
    v, w, m = inputs["v"], inputs["w"], inputs["m"]
    assert chosen((cr.eye(N) * v + 2 * (cr.eye(N) * w)) @ v, inputs) == []
    assert chosen((tridiagonal(v, w) + m) @ v, inputs) == []


def test_distances_that_are_not_known_may_be_the_same() -> None:
    """[i + p == j] and [i + q == j] are one where p is q."""
    x = cr.tensor("x", ("p",)), cr.tensor("y", ("q",))
    z = cr.tensor("z", (N,))
    pieces = [cr.pad(z, (one.shape[0], 0))[:N, None] * cr.eye(N) for one in x]
    y = ((pieces[0] + pieces[1]) ** 2).sum()
    lowered = lower([y], [*x, z])
    _, found = part_into_bands([lowered.outputs[0].use])
    assert found == []


def test_many_diagonals_are_left_alone(inputs: dict[str, cr.Expr]) -> None:
    v = inputs["v"]
    h = sum((cr.eye(N, k=k) * v for k in range(-4, 5)), cr.eye(N, k=5) * v)
    lowered = lower([(h @ h @ v)], list(inputs.values()))
    (use,), _ = part_into_bands([lowered.outputs[0].use])
    assert len(list(walk([use.node]))) < 2000

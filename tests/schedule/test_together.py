"""Values made of different arrays and read together are made in one pass."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import croton as cr

rng = np.random.default_rng(0)
ELEMENTWISE: dict[str, Callable] = {
    "product": lambda m, x, y, z: m.exp(x) * m.sin(y),
    "choice": lambda m, x, y, z: m.where(x > 0, m.sin(x), m.exp(y)),
    "three": lambda m, x, y, z: m.tanh(x * y + 1) * m.exp(z) + m.exp(-x * x),
    "hypotenuse": lambda m, x, y, z: m.hypot(m.sin(x), m.hypot(m.exp(y), m.cos(z))),
    "chain": lambda m, x, y, z: m.sin(m.exp(x) + m.cos(y)) * m.tanh(m.exp(y) * m.sin(z)),
}


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_functions_of_different_arrays_are_one_kernel(name: str, rank: int) -> None:
    inputs = [cr.tensor(letter, (None,) * rank) for letter in "xyz"]
    value = ELEMENTWISE[name](cr, *inputs)
    used = [leaf for leaf in inputs if name not in ("product", "choice") or leaf is not inputs[2]]
    f = cr.function(used, value)
    assert f.explain().passes == 1
    arrays = [rng.standard_normal((3, 4, 5)[:rank]) for _ in inputs]
    np.testing.assert_allclose(f(*arrays[: len(used)]), ELEMENTWISE[name](np, *arrays), rtol=1e-12)


def test_arrays_read_in_other_orders() -> None:
    x, y = cr.matrix("x"), cr.matrix("y")
    f = cr.function([x, y], cr.exp(x) * cr.sin(y.T))
    a, b = rng.standard_normal((4, 6)), rng.standard_normal((6, 4))
    np.testing.assert_allclose(f(a, b), np.exp(a) * np.sin(b.T), rtol=1e-12)
    square, other = cr.tensor("square", (5, 5)), cr.tensor("other", (5, 5))
    g = cr.function([square, other], [cr.exp(square) * cr.sin(other.T), cr.exp(square) + cr.sin(other), cr.exp(square).T @ cr.sin(other)])
    c, d = rng.standard_normal((2, 5, 5))
    for found, wanted in zip(g(c, d), [np.exp(c) * np.sin(d.T), np.exp(c) + np.sin(d), np.exp(c).T @ np.sin(d)]):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_values_that_others_want_too() -> None:
    x, y = cr.matrix("x"), cr.matrix("y")
    e, s = cr.exp(x), cr.sin(y)
    f = cr.function([x, y], [e, s, e * s, (e * s).sum(axis=1), s.sum(axis=0), e.max()])
    assert f.explain().passes <= 2
    a, b = rng.standard_normal((2, 7, 9))
    p, q = np.exp(a), np.sin(b)
    for found, wanted in zip(f(a, b), [p, q, p * q, (p * q).sum(1), q.sum(0), p.max()]):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_rows_that_are_reduced_first() -> None:
    x, y = cr.matrix("x"), cr.matrix("y")
    f = cr.function([x, y], [cr.softmax(x, axis=1) * cr.softmax(y, axis=1), cr.grad((cr.softmax(x, axis=1) * cr.softmax(y, axis=1)).sum() ** 2, y)])
    a, b = rng.standard_normal((2, 3, 5))

    def softmax(v: np.ndarray) -> np.ndarray:
        return np.exp(v) / np.exp(v).sum(1, keepdims=True)

    p, q = softmax(a), softmax(b)
    slope = 2 * (p * q).sum() * p
    product, gradient = f(a, b)
    np.testing.assert_allclose(product, p * q, rtol=1e-12)
    np.testing.assert_allclose(gradient, q * (slope - (slope * q).sum(1, keepdims=True)), rtol=1e-10)


def test_many_arrays_stay_within_the_length_of_a_kernel() -> None:
    inputs = [cr.vector(f"x{i}") for i in range(60)]
    values = [cr.exp(cr.sin(cr.exp(cr.sin(x)))) for x in inputs]
    while len(values) > 1:
        values = [cr.tanh(a) * b for a, b in zip(values[::2], values[1::2])] + values[len(values) // 2 * 2 :]
    f = cr.function(inputs, values[0])
    arrays = list(rng.standard_normal((60, 3)))
    found = [np.exp(np.sin(np.exp(np.sin(a)))) for a in arrays]
    while len(found) > 1:
        found = [np.tanh(a) * b for a, b in zip(found[::2], found[1::2])] + found[len(found) // 2 * 2 :]
    np.testing.assert_allclose(f(*arrays), found[0], rtol=1e-10)

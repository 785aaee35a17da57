"""Hessians of chains are sums of a few diagonals: what is made of them costs what these have elements, and never an array of all pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import croton as cr
from croton import reference

SIZE = 200

CHAINS: dict[str, Callable[[cr.Expr], cr.Expr]] = {
    "squared differences": lambda x: ((x[1:] - x[:-1]) ** 2).sum(),
    "Rosenbrock": lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum(),
    "function of differences": lambda x: cr.log(1 + (x[1:] - x[:-1]) ** 2).sum(),
    "map of a chain": lambda x: ((x[1:] - cr.sin(x[:-1])) ** 2).sum(),
    "second differences": lambda x: ((x[2:] - 2 * x[1:-1] + x[:-2]) ** 2).sum(),
    "third powers": lambda x: (x[1:] * x[:-1] ** 2).sum() + 0.1 * (x**2).sum(),
}

MADE: dict[str, Callable[[cr.Expr, cr.Expr], cr.Expr]] = {
    "trace": lambda h, v: cr.trace(h),
    "diagonal": lambda h, v: cr.diagonal(h),
    "product": lambda h, v: h @ v,
    "product from the left": lambda h, v: v @ h,
    "quadratic form": lambda h, v: v @ h @ v,
    "squares": lambda h, v: (h**2).sum(),
    "row sums of squares": lambda h, v: (h**2).sum(1),
    "regularised": lambda h, v: (h + 0.5 * cr.eye(h.shape[0])) @ v,
    "scaled": lambda h, v: ((h * v[:, None]) ** 2).sum(0),
    "twice": lambda h, v: h @ (h @ v),
    "trace of the square": lambda h, v: cr.trace(h @ h),
    "product of two, element by element": lambda h, v: ((h * (h @ h)) @ v)[1:],
    "squares of such a product": lambda h, v: ((h * v * cr.transpose(h)) ** 2).sum(),
    "off the diagonal": lambda h, v: cr.diagonal(h, 1),
}


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("chain", CHAINS)
def test_nothing_has_all_pairs(chain: str, made: str) -> None:
    x, v = cr.tensor("x", (SIZE,)), cr.tensor("v", (SIZE,))
    y = MADE[made](cr.hessian(CHAINS[chain](x), x), v)
    function = cr.function([x, v], y)
    values = np.random.default_rng(0).uniform(0.5, 1.5, (2, SIZE))
    assert function.flops(*values) < 250 * SIZE and function.memory_peak(*values) < 20 * 8 * SIZE
    np.testing.assert_allclose(function(*values), reference.evaluate(y, dict(zip([x, v], values))), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("made", MADE)
def test_short_chains_of_unknown_size(made: str, size: int) -> None:
    x, v = cr.tensor("x", ("n",), dtype="float32"), cr.tensor("v", ("n",), dtype="float32")
    y = MADE[made](cr.hessian(CHAINS["Rosenbrock"](x), x), v)
    function = cr.function([x, v], y)
    values = np.random.default_rng(size).uniform(0.5, 1.5, (2, size)).astype("float32")
    np.testing.assert_allclose(function(*values), reference.evaluate(y, dict(zip([x, v], values))), rtol=1e-4, atol=1e-3)


def test_the_hessian_itself_and_what_is_made_of_it() -> None:
    x, v = cr.tensor("x", (SIZE,)), cr.tensor("v", (SIZE,))
    h = cr.hessian(CHAINS["map of a chain"](x), x)
    results = [h, h @ v, cr.grad((h**2).sum(), x), h**3, cr.exp(h).sum()]
    values = np.random.default_rng(0).uniform(0.5, 1.5, (2, SIZE))
    for found, y in zip(cr.function([x, v], results)(*values), results):
        np.testing.assert_allclose(found, reference.evaluate(y, dict(zip([x, v], values))), rtol=1e-9, atol=1e-9)


def test_chains_of_a_batch() -> None:
    xs, vs = cr.tensor("xs", (7, SIZE)), cr.tensor("vs", (7, SIZE))
    y = cr.vmap(lambda x, v: cr.hessian(CHAINS["Rosenbrock"](x), x) @ v)(xs, vs)
    function = cr.function([xs, vs], y)
    values = np.random.default_rng(0).uniform(0.5, 1.5, (2, 7, SIZE))
    assert function.flops(*values) < 7 * 250 * SIZE
    np.testing.assert_allclose(function(*values), reference.evaluate(y, dict(zip([xs, vs], values))), rtol=1e-9, atol=1e-9)

"""The derivative of a norm is 0 where the norm is, however it is spelled; quotients that the user wrote are what they are in NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import croton as cr

NORMS: dict[str, Callable[[cr.Expr], cr.Expr]] = {
    "length": lambda v: cr.norm(v),
    "root mean square": lambda v: cr.sqrt((v**2).mean()),
    "from a point": lambda v: cr.sqrt(((v - v.mean()) ** 2).sum()),
    "standard deviation": lambda v: v.std(),
    "of a sample": lambda v: cr.std(v, correction=1),
    "weighted": lambda v: cr.sqrt((2 * v**2).sum()),
    "weighted by what is positive": lambda v: cr.sqrt((v**2 * cr.exp(v)).sum()),
    "of order three": lambda v: cr.norm(v, order=3),
    "of order one and a half": lambda v: cr.linalg.norm(v, 1.5),
    "a power": lambda v: ((v**2).sum() + (v**4).sum()) ** 0.5,
    "of a difference of products": lambda v: cr.norm(cr.asarray(np.ones((2, 3))) @ v * 0 + v[0] - v[1]),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NORMS)
def test_the_derivative_is_zero(name: str, dtype: str) -> None:
    v = cr.tensor("v", (3,), dtype=dtype)
    norm = NORMS[name](v)
    slope = cr.grad(norm, v)
    f = cr.function([v], [norm, slope, cr.vmap(cr.grad(NORMS[name]))(cr.stack([v, v]))])
    value, gradient, both = f(np.zeros(3, dtype))
    assert value == 0
    np.testing.assert_array_equal(gradient, 0)
    np.testing.assert_array_equal(both, 0)


@pytest.mark.parametrize("name", NORMS)
def test_elsewhere_it_is_the_slope(name: str) -> None:
    v = cr.tensor("v", (3,))
    f = cr.function([v], [NORMS[name](v), cr.grad(NORMS[name](v), v)])
    at, step = np.array([0.5, -1.0, 2.0]), 1e-6
    _, gradient = f(at)
    wanted = [(f(at + step * e)[0] - f(at - step * e)[0]) / (2 * step) for e in np.eye(3)]
    np.testing.assert_allclose(gradient, wanted, rtol=1e-6, atol=1e-8)


def test_a_quotient_by_a_norm_is_what_it_is_in_numpy() -> None:
    x = cr.matrix("x")
    rows = np.array([[0.0, 0.0], [3.0, 4.0]])
    lengths = cr.sqrt((x**2).sum(1))
    with np.errstate(all="ignore"):
        for quotient in (x / lengths[:, None], x[None] / lengths[:, None, None], x.sum() / lengths, (x - 1) / lengths[:, None]):
            np.testing.assert_allclose(cr.function([x], quotient)(rows), cr.reference.evaluate(quotient, {x: rows}))

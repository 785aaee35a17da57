"""Softmax, tanh, sigmoid and their kin, spelled so that they overflow: values, gradients and second derivatives far out, against mpmath."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import croton as cr

STEP = mpmath.mpf(10) ** -100
"""Of the differences that the references are; with 350 digits."""


def of_numbers(function: Callable) -> Callable:
    return np.vectorize(function, otypes=[object])


class Numbers:
    """The functions that spellings are made of, for arrays of mpmath's numbers."""

    exp = staticmethod(of_numbers(lambda x: mpmath.exp(x)))
    log = staticmethod(of_numbers(lambda x: mpmath.log(x)))
    log2 = staticmethod(of_numbers(lambda x: mpmath.log(x) / mpmath.log(2)))
    log10 = staticmethod(of_numbers(lambda x: mpmath.log(x) / mpmath.log(10)))
    exp2 = staticmethod(of_numbers(lambda x: mpmath.mpf(2) ** x))
    sqrt = staticmethod(of_numbers(lambda x: mpmath.sqrt(x)))
    sinh = staticmethod(of_numbers(lambda x: mpmath.sinh(x)))
    cosh = staticmethod(of_numbers(lambda x: mpmath.cosh(x)))
    where = staticmethod(np.where)


WEIGHTS = np.array([0.5, 0.0, 2.0, 1.5])
POSITIVE = np.array([0.5, 0.25, 2.0, 1.5])
MASK = np.array([True, False, True, True])
MATRIX = np.array([[0.5, 0.0, 1.0], [0.0, 1.0, 0.25], [1.0, 1.0, 0.25], [2.0, 3.0, 0.0]])


def normalised(x: Any) -> Any:
    return x / x.sum()


def of(weights: np.ndarray, x: Any) -> Any:
    """Weights as precise as x."""
    return weights if isinstance(x, np.ndarray) else weights.astype(str(x.dtype))


Spelling = Callable[[Any, Any], Any]

OF_VECTORS: dict[str, Spelling] = {
    "log((w * exp(x)).sum())": lambda x, m: m.log((of(WEIGHTS, x) * m.exp(x)).sum()),
    "log((w * exp(x)).sum() / 4)": lambda x, m: m.log((of(WEIGHTS, x) * m.exp(x)).sum() / 4),
    "log((x**2 * exp(x)).sum())": lambda x, m: m.log((x**2 * m.exp(x)).sum()),
    "log((exp(b) * exp(x)).sum())": lambda x, m: m.log((m.exp(2 * x) * m.exp(x)).sum()),
    "log((exp(x)**2).sum())": lambda x, m: m.log((m.exp(x) ** 2).sum()),
    "log(sqrt((exp(x)**2).sum()))": lambda x, m: m.log(m.sqrt((m.exp(x) ** 2).sum())),
    "log((1 / exp(x)).sum())": lambda x, m: m.log((1 / m.exp(x)).sum()),
    "log((w * exp(x)).sum() / exp(x).sum())": lambda x, m: m.log((of(WEIGHTS, x) * m.exp(x)).sum() / m.exp(x).sum()),
    "(w * exp(x)).sum() / exp(x).sum()": lambda x, m: (of(WEIGHTS, x) * m.exp(x)).sum() / m.exp(x).sum(),
    "(exp(x)**2).sum() / exp(x).sum()**2": lambda x, m: (m.exp(x) ** 2).sum() / m.exp(x).sum() ** 2,
    "exp(x).sum()**2 / (exp(x)**2).sum()": lambda x, m: m.exp(x).sum() ** 2 / (m.exp(x) ** 2).sum(),
    "(exp(x) @ w) / exp(x).sum()": lambda x, m: (m.exp(x) @ of(MATRIX, x)) / m.exp(x).sum(),
    "w * exp(x) / (w * exp(x)).sum()": lambda x, m: normalised(of(WEIGHTS, x) * m.exp(x)),
    "log(w * exp(x) / (w * exp(x)).sum())": lambda x, m: m.log(normalised(of(POSITIVE, x) * m.exp(x))),
    "mask * exp(x) / (mask * exp(x)).sum()": lambda x, m: normalised(of(MASK.astype(float), x) * m.exp(x)),
    "where(mask, exp(x), 0) / where(mask, exp(x), 0).sum()": lambda x, m: normalised(m.where(MASK, m.exp(x), 0.0)),
    "2.0**x / (2.0**x).sum()": lambda x, m: normalised(2.0**x),
    "10.0**x / (10.0**x).sum()": lambda x, m: normalised(10.0**x),
    "log2((2.0**x).sum())": lambda x, m: m.log2((2.0**x).sum()),
    "log2(exp2(x).sum())": lambda x, m: m.log2(m.exp2(x).sum()),
    "log((2.0**x).sum())": lambda x, m: m.log((2.0**x).sum()),
    "log10((10.0**x).sum())": lambda x, m: m.log10((10.0**x).sum()),
    "log2((w * 2.0**x).sum())": lambda x, m: m.log2((of(WEIGHTS, x) * 2.0**x).sum()),
    "exp(x) / sqrt((exp(x)**2).sum())": lambda x, m: m.exp(x) / m.sqrt((m.exp(x) ** 2).sum()),
    "exp(x) / (1 + exp(x).sum())": lambda x, m: m.exp(x) / (1 + m.exp(x).sum()),
    "1 / (1 + exp(x).sum())": lambda x, m: 1 / (1 + m.exp(x).sum()),
}

OF_NUMBERS: dict[str, Spelling] = {
    "log2(2.0**x)": lambda x, m: m.log2(2.0**x),
    "log10(10.0**x)": lambda x, m: m.log10(10.0**x),
    "log(1 + 2.0**x)": lambda x, m: m.log(1 + 2.0**x),
    "log2(2.0**x + 2.0**-x)": lambda x, m: m.log2(2.0**x + 2.0**-x),
    "1 / (1 + 2.0**-x)": lambda x, m: 1 / (1 + 2.0**-x),
    "10.0**x / (1 + 10.0**x)": lambda x, m: 10.0**x / (1 + 10.0**x),
    "log(sqrt(exp(x)))": lambda x, m: m.log(m.sqrt(m.exp(x))),
    "(exp(x) - exp(-x)) / (exp(x) + exp(-x))": lambda x, m: (m.exp(x) - m.exp(-x)) / (m.exp(x) + m.exp(-x)),
    "(1 - exp(-2 * x)) / (1 + exp(-2 * x))": lambda x, m: (1 - m.exp(-2 * x)) / (1 + m.exp(-2 * x)),
    "(exp(2 * x) - 1) / (exp(2 * x) + 1)": lambda x, m: (m.exp(2 * x) - 1) / (m.exp(2 * x) + 1),
    "sinh(x) / cosh(x)": lambda x, m: m.sinh(x) / m.cosh(x),
    "1 / cosh(x)": lambda x, m: 1 / m.cosh(x),
    "2 / (exp(x) + exp(-x))": lambda x, m: 2 / (m.exp(x) + m.exp(-x)),
    "exp(x) / (exp(x) + exp(-x))": lambda x, m: m.exp(x) / (m.exp(x) + m.exp(-x)),
    "exp(x) / (exp(x) + exp(2 * x))": lambda x, m: m.exp(x) / (m.exp(x) + m.exp(2 * x)),
    "2 * exp(x) / (2 * exp(x) + 3)": lambda x, m: 2 * m.exp(x) / (2 * m.exp(x) + 3),
    "1 / (3 + 2 * exp(x))": lambda x, m: 1 / (3 + 2 * m.exp(x)),
    "(exp(x) + 1) / (exp(x) + 2)": lambda x, m: (m.exp(x) + 1) / (m.exp(x) + 2),
    "x * (t * t - 1) / (t * t + 1) with t = 1 + exp(x)": lambda x, m: x * ((1 + m.exp(x)) ** 2 - 1) / ((1 + m.exp(x)) ** 2 + 1),
    "1 / (exp(x * x + 0.5) - 1)": lambda x, m: 1 / (m.exp(x * x + 0.5) - 1),
    "exp(x) / exp(x + 1)": lambda x, m: m.exp(x) / m.exp(x + 1),
}

BETWEEN = np.array([1.0, 2.0, -0.5, 0.25])
VECTORS = [BETWEEN, BETWEEN + 1000, BETWEEN - 1000, np.array([0.0, -1000.0, 1000.0, 999.0]), np.array([0.0, 3000.0, 1.0, 2.0])]
POINTS = [np.array([-1000.0, -100.0, -30.0, -1.0, -0.0625, 0.0, 0.0625, 1.0, 30.0, 100.0, 1000.0])]

# Derivatives are those of a sum with these weights, along this direction; both are what they are in single precision too.
SHARES = np.arange(1, 12) / 8
DIRECTION = np.arange(11) / 4 - 1.125


def in_digits(x: np.ndarray) -> np.ndarray:
    return of_numbers(lambda value: mpmath.mpf(float(value)))(x)


def reference(spelling: Spelling, point: np.ndarray, apart: bool) -> list[np.ndarray]:
    """Value, gradient and derivative of the gradient along the direction, by differences; `apart` says that no element depends on another."""
    shares, direction = in_digits(SHARES), in_digits(DIRECTION[: len(point)])
    x, units = in_digits(point), np.eye(len(point), dtype=int) * STEP

    def value(x: np.ndarray) -> np.ndarray:
        return np.asarray(spelling(x, Numbers), object)

    def total(x: np.ndarray) -> Any:
        found = value(x).ravel()
        return (found * shares[: len(found)]).sum()

    def along(x: np.ndarray) -> Any:
        return (total(x + STEP * direction) - total(x - STEP * direction)) / (2 * STEP)

    if apart:
        above, here, below = value(x + STEP), value(x), value(x - STEP)
        return [here, (above - below) / (2 * STEP) * shares, (above - 2 * here + below) / STEP**2 * shares * direction]
    derivatives = [np.array([(f(x + unit) - f(x - unit)) / (2 * STEP) for unit in units], object) for f in (total, along)]
    return [value(x), *derivatives]


def check(spelling: Spelling, points: list[np.ndarray], apart: bool) -> None:
    with mpmath.workdps(350):
        references = [[found.astype(float) for found in reference(spelling, point, apart)] for point in points]
    for dtype in ("float64", "float32"):
        x = cr.vector("x", (len(points[0]),), dtype)
        with cr.config.use(float_dtype=dtype):
            value = spelling(x, cr)
            flat = value.ravel()
            gradient = cr.grad((flat * SHARES[: flat.shape[0]].astype(dtype)).sum(), x)
            second = cr.grad((gradient * DIRECTION[: len(points[0])].astype(dtype)).sum(), x, disconnected="zero")
            f = cr.function([x], [value, gradient, second])
        for point, wanted in zip(points, references):
            # An exponent of a thousand is known to a thousand roundings, and so is what it is the exponent of.
            for found, right in zip(f(point.astype(dtype)), wanted):
                least = np.finfo(dtype).eps * 1024
                np.testing.assert_allclose(found, np.broadcast_to(right, np.shape(found)), rtol=least, atol=least)


@pytest.mark.parametrize("name", OF_VECTORS)
def test_spellings_of_vectors(name: str) -> None:
    check(OF_VECTORS[name], VECTORS, False)


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_spellings_of_numbers(name: str) -> None:
    check(OF_NUMBERS[name], POINTS, True)


def log_of_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """log(exp(a) @ exp(b)), where a row of one and a column of the other are far from one another too."""
    found = a[:, :, None] + b[None, :, :]
    top = found.max(axis=1)
    return top + np.log(np.exp(found - top[:, None, :]).sum(axis=1))


def test_matrix_products_in_the_log_domain() -> None:
    """Rows and columns are lowered by their greatest elements, and the product stays one of matrices."""
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(5, 7)), generator.normal(size=(7, 3))
    x, y = cr.tensor("x", (5, 7)), cr.tensor("y", (7, 3))
    value = cr.log(cr.exp(x) @ cr.exp(y))
    f = cr.function([x, y], [value, *cr.grad(value.sum(), [x, y])])
    plain = f(a, b)
    np.testing.assert_allclose(plain[0], log_of_product(a, b), rtol=1e-14)
    for rows, columns in [(1000.0, 1000.0), (-1000.0, -1000.0), (5000.0, -4000.0), (-3e4 * np.arange(5.0)[:, None], 1e3 * np.arange(3.0))]:
        found = f(a + rows, b + columns)
        np.testing.assert_allclose(found[0], log_of_product(a + rows, b + columns), rtol=1e-14, atol=1e-11)
        for slope, wanted in zip(found[1:], plain[1:]):
            np.testing.assert_allclose(slope, wanted, rtol=1e-10)


def test_the_matrix_product_of_large_matrices_is_one_of_the_library() -> None:
    x, y = cr.tensor("x", (300, 200)), cr.tensor("y", (200, 100))
    f = cr.function([x, y], cr.log(cr.exp(x) @ cr.exp(y)))
    assert f.flops() < 2.5 * 300 * 200 * 100, "nothing is done for all triples but to multiply and add"


def test_weights_that_are_0_where_the_exponent_is_greatest() -> None:
    """What has no weight does not count; what fits as it is stays as it is where a matrix of weights says which counts."""
    x, w = cr.vector("x", (3,)), cr.vector("w", (3,))
    value = cr.log((w * cr.exp(x)).sum())
    f = cr.function([x, w], [value, *cr.grad(value, [x, w])])
    found, by_x, by_w = f(np.array([2000.0, 1.0, 2.0]), np.array([0.0, 2.0, 3.0]))
    assert found == pytest.approx(np.log(2 * np.exp(1) + 3 * np.exp(2)))
    np.testing.assert_allclose(by_x.sum(), 1)
    assert np.isfinite(by_w).all()
    _, _, by_w = f(np.array([5.0, 1.0, 2.0]), np.array([0.0, 2.0, 3.0]))
    np.testing.assert_allclose(by_w, np.exp([5.0, 1.0, 2.0]) / (2 * np.exp(1) + 3 * np.exp(2)))
    g = cr.function([x], cr.log(cr.exp(x) @ np.eye(3)))
    within = np.array([700.0, -700.0, 0.0])
    np.testing.assert_allclose(g(within), within)


def test_sums_of_nothing_are_as_written() -> None:
    x, w = cr.vector("x", (3,)), cr.vector("w", (3,))
    f = cr.function([x, w], [cr.log((w * cr.exp(x)).sum()), cr.log((cr.exp(x) * cr.exp(x)).sum())])
    np.testing.assert_array_equal(f(np.full(3, -np.inf), np.ones(3)), [-np.inf, -np.inf])
    assert f(np.ones(3), np.zeros(3))[0] == -np.inf
    assert np.isnan(f(np.ones(3), -np.ones(3))[0])
    n = cr.vector("n")
    assert cr.function([n], cr.log((n * cr.exp(n)).sum()))(np.zeros(0)) == -np.inf


def test_a_filter_of_a_hidden_markov_model_over_many_steps() -> None:
    """In a loop, with derivatives, as with logsumexp: after some steps no probability is a number that exp can give."""
    generator = np.random.default_rng(0)
    moves, seen = np.log(generator.dirichlet(np.ones(3), 3)), generator.normal(size=(300, 3)) - 5

    def likelihood(add_up: Callable) -> Callable:
        def of(moves: Any, seen: Any) -> Any:
            last, _ = cr.scan(lambda before, now: (add_up(before, moves) + now,) * 2, seen[0], seen[1:])
            return cr.logsumexp(last)

        return cr.jit(cr.value_and_grad(of, (0, 1)))

    written = likelihood(lambda before, moves: cr.log(cr.exp(before) @ cr.exp(moves)))
    stable = likelihood(lambda before, moves: cr.logsumexp(before[:, None] + moves, axis=0))
    (value, slopes), (wanted, right) = written(moves, seen), stable(moves, seen)
    assert wanted < -1000
    np.testing.assert_allclose(value, wanted, rtol=1e-13)
    for slope, other in zip(slopes, right):
        np.testing.assert_allclose(slope, other, rtol=1e-9)

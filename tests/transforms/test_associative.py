"""Elements combined with all before them by an associative function, against the same in NumPy one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.util.errors import ArgumentError, DTypeError, KindError, ShapeError

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _checked() -> Any:
    with cr.config.use(cache=False, check=True):
        yield


def one_by_one(function: Callable[[Any, Any], Any], xs: list[np.ndarray], axis: int, reverse: bool) -> list[np.ndarray]:
    """The definition."""
    count = xs[0].shape[axis]
    total: Any = None
    rows = []
    for t in range(count)[:: -1 if reverse else 1]:
        element = [np.take(x, [t], axis) for x in xs]
        total = element if total is None else function(total, element)
        rows.append(total)
    if not rows:
        return xs
    return [np.concatenate([row[i] for row in rows[:: -1 if reverse else 1]], axis) for i in range(len(xs))]


def recurrence(a: Any, b: Any) -> Any:
    return [a[0] * b[0], b[0] * a[1] + b[1]]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("length", [0, 1, 2, 7])
def test_a_linear_recurrence_and_its_gradients(length: int, known: bool, axis: int, reverse: bool) -> None:
    shape = (length, 3) if axis == 0 else (3, length)
    a, b = [cr.tensor(name, shape if known else (None, None)) for name in "ab"]
    values = [RNG.normal(size=shape) for _ in range(2)]
    weight = RNG.normal(size=shape)
    found = cr.associative_scan(recurrence, [a, b], axis=axis, reverse=reverse)
    f = cr.function([a, b], [*found, *cr.grad((found[1] * weight).sum() + (found[0] ** 2).sum(), [a, b])])
    scale, h, *slopes = f(*values)
    wanted = one_by_one(recurrence, values, axis, reverse)
    np.testing.assert_allclose(scale, wanted[0], rtol=1e-12)
    np.testing.assert_allclose(h, wanted[1], rtol=1e-12)

    def cost(values: list[np.ndarray]) -> float:
        scale, h = one_by_one(recurrence, values, axis, reverse)
        return (h * weight).sum() + (scale**2).sum()

    for which, slope in enumerate(slopes):
        for place in np.ndindex(shape):
            moved = [[x.copy() for x in values] for _ in range(2)]
            moved[0][which][place] += 1e-6
            moved[1][which][place] -= 1e-6
            np.testing.assert_allclose(slope[place], (cost(moved[0]) - cost(moved[1])) / 2e-6, rtol=1e-6, atol=1e-7)


def test_products_of_matrices_in_a_structure() -> None:
    x, n = cr.tensor("x", (5, 2, 2)), cr.vector("n", dtype="int64")
    found = cr.associative_scan(lambda a, b: {"p": a["p"] @ b["p"], "n": cr.maximum(a["n"], b["n"])}, {"p": x, "n": n})
    value, numbers = RNG.normal(size=(5, 2, 2)), np.array([3, 1, 4, 1, 5])
    f = cr.function([x, n], [found["p"], found["n"], cr.jvp(found["p"], x, cr.ones_like(x)), cr.hessian((found["p"] ** 2).sum(), x)])
    products, most, tangent, second = f(value, numbers)
    np.testing.assert_allclose(products, one_by_one(lambda a, b: [a[0] @ b[0]], [value], 0, False)[0])
    assert most.dtype == np.int64
    np.testing.assert_array_equal(most, np.maximum.accumulate(numbers))
    ahead, behind = [one_by_one(lambda a, b: [a[0] @ b[0]], [value + step], 0, False)[0] for step in (1e-6, -1e-6)]
    np.testing.assert_allclose(tangent, (ahead - behind) / 2e-6, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(second, second.transpose(3, 4, 5, 0, 1, 2), rtol=1e-9, atol=1e-9)


def test_under_vmap_and_in_a_loop() -> None:
    x = cr.tensor("x", (2, 3, 4))
    value = RNG.normal(size=(2, 3, 4))

    def prefix(rows: Any) -> Any:
        return cr.associative_scan(lambda a, b: cr.logaddexp(a, b), rows)

    mapped = cr.vmap(prefix)(x)
    total, _ = cr.scan(lambda c, rows: (c + prefix(rows).sum(), None), 0.0, x)
    found = cr.function([x], [mapped, total, cr.grad(total, x), cr.grad(mapped.sum(), x)])(value)
    wanted = np.logaddexp.accumulate(value, axis=1)
    np.testing.assert_allclose(found[0], wanted)
    np.testing.assert_allclose(found[1], wanted.sum())
    np.testing.assert_allclose(found[2], found[3], rtol=1e-12)


def test_what_a_function_makes_of_nothing_does_not_come_through() -> None:
    x = cr.vector("x")
    y = cr.associative_scan(lambda a, b: 1 / (1 / a + 1 / b), x)
    found = cr.function([x], [y, cr.grad(y.sum(), x)])(np.array([1.0, 2.0, 4.0]))
    np.testing.assert_allclose(found[0], [1, 1 / 1.5, 1 / 1.75])
    assert np.isfinite(found[1]).all()


def test_it_is_one_loop() -> None:
    a, b = cr.tensor("a", (1000,)), cr.tensor("b", (1000,))
    f = cr.function([a, b], cr.associative_scan(recurrence, [a, b])[1])
    assert len([entry for entry in f.account.entries if entry.kind == "loop"]) == 1
    assert f.flops() <= 5 * 1000


def test_mistakes_are_named() -> None:
    x = cr.tensor("x", (4, 3))
    with pytest.raises(ArgumentError, match="needs an array"):
        cr.associative_scan(lambda a, b: a, ())
    with pytest.raises(KindError, match="reverse=True"):
        cr.associative_scan(lambda a, b: a, x, True)
    with pytest.raises(ShapeError, match="axis 2 does not exist"):
        cr.associative_scan(lambda a, b: a, x, axis=2)
    with pytest.raises(ShapeError, match="got a scalar"):
        cr.associative_scan(lambda a, b: a, cr.scalar("s"))
    with pytest.raises(ShapeError, match="associative_scan: sequences of one length are wanted"):
        cr.associative_scan(lambda a, b: a, (x, x[:2]))
    with pytest.raises(KindError, match=r"same structure: wanted \*, got \(\*, \*\)"):
        cr.associative_scan(lambda a, b: (a, b), x)
    with pytest.raises(DTypeError, match=r"makes float32 of elements of dtype float64(.|\n)*test_associative.py"):
        cr.associative_scan(lambda a, b: (a + b).astype("float32"), x)
    with pytest.raises(ShapeError, match=r"they keep their shape(.|\n)*test_associative.py"):
        cr.associative_scan(lambda a, b: (a + b).sum(0), x)

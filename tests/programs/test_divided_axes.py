"""Axes of unknown sizes that are cut into groups: group normalisation, heads of attention, pooling."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import croton as cr

rng = np.random.default_rng(0)


def group_norm(x: cr.Expr) -> cr.Expr:
    batch, channels, height, width = x.shape
    y = x.reshape(batch, 4, channels // 4, height, width)
    y = (y - y.mean(axis=(2, 3, 4), keepdims=True)) / cr.sqrt(y.var(axis=(2, 3, 4), keepdims=True) + 1e-5)
    return y.reshape(batch, channels, height, width)


def heads(x: cr.Expr) -> cr.Expr:
    batch, time, width, _ = x.shape
    y = x[..., 0].reshape(batch, time, 4, width // 4).transpose(0, 2, 1, 3)
    return (cr.softmax(y @ y.mT, axis=-1) @ y).transpose(0, 2, 1, 3).reshape(batch, time, width)


def pooled(x: cr.Expr) -> cr.Expr:
    batch, channels, height, width = x.shape
    return x.reshape(batch, channels, height // 2, 2, width // 2, 2).max(axis=(3, 5))


@pytest.mark.parametrize("program", [group_norm, heads, pooled])
def test_unknown_sizes_cost_what_known_ones_do(program: Callable[[cr.Expr], cr.Expr]) -> None:
    # Smaller products of known sizes are kernels, which is another program.
    shape = (2, 64, 64, 4)

    def compiled(declared: tuple) -> cr.Function:
        x = cr.tensor("x", declared)
        y = program(x)
        return cr.function([x], [y, cr.grad((y**3).sum(), x)])

    known, unknown = compiled(shape), compiled((None,) * 4)
    assert unknown.flops(shape) <= 1.1 * known.flops()
    assert unknown.memory_peak(shape) <= 1.1 * known.memory_peak()
    data = rng.standard_normal(shape)
    for one, other in zip(known(data), unknown(data)):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_group_norm_is_numpys() -> None:
    data = rng.standard_normal((2, 8, 3, 3))
    y = data.reshape(2, 4, -1)
    wanted = ((y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 1e-5)).reshape(data.shape)
    np.testing.assert_allclose(cr.jit(group_norm)(data), wanted, rtol=1e-12)


def test_halves_of_halves() -> None:
    data = rng.standard_normal((2, 1, 8, 12))
    wanted = data.reshape(2, 1, 2, 4, 3, 4).max(axis=(3, 5))
    np.testing.assert_array_equal(cr.jit(lambda x: pooled(pooled(x)))(data), wanted)


def test_a_number_of_groups_may_be_unknown_too() -> None:
    x, groups = cr.matrix("x"), cr.vector("groups")
    y = x.reshape(x.shape[0], groups.shape[0], x.shape[1] // groups.shape[0])
    f = cr.function([x, groups], (y.max(axis=2, keepdims=True) - y).reshape(x.shape) + groups.sum())
    data = rng.standard_normal((3, 6))
    cut = data.reshape(3, 2, 3)
    np.testing.assert_allclose(f(data, np.ones(2)), (cut.max(2, keepdims=True) - cut).reshape(3, 6) + 2)
    with pytest.raises(cr.ShapeError, match="x"):
        f(data, np.ones(4))
    with pytest.raises(cr.CrotonError):
        f(data, np.ones(0))


def test_what_does_not_divide_is_named() -> None:
    f = cr.jit(group_norm)
    with pytest.raises(cr.ShapeError, match="'x' has 6 along axis 1, where it wants a multiple of 4"):
        f(np.ones((2, 6, 3, 3)))
    fitting = f.function_for(np.ones((2, 8, 3, 3)))
    with pytest.raises(cr.ShapeError, match=r"x\.1"):
        fitting.flops((2, 6, 3, 3))


def test_without_elements() -> None:
    assert cr.jit(group_norm)(np.ones((0, 8, 3, 3))).shape == (0, 8, 3, 3)
    assert cr.jit(pooled)(np.ones((2, 0, 4, 4))).shape == (2, 0, 2, 2)


def test_roundings_on_both_sides_are_compared_as_a_whole() -> None:
    # 2 * 2 * 5 and 5 * 2 * 2: equally many elements, though neither 5 is even.
    a, b = cr.vector("a"), cr.vector("b")
    n, m = a.shape[0], b.shape[0]
    x = cr.arange(2 * (n // 2) * m).reshape(2 * (n // 2), m)
    f = cr.function([a, b], x.reshape(n, 2 * (m // 2)) + 0 * (a.sum() + b.sum()))
    np.testing.assert_array_equal(f(np.zeros(5), np.zeros(5)), np.arange(20).reshape(5, 4))


def test_counted_sizes_can_be_cut() -> None:
    x = cr.vector("x")
    positive = x[x > 0]
    f = cr.function([x], positive.reshape(positive.shape[0] // 2, 2).sum(axis=1))
    np.testing.assert_array_equal(f(np.array([1.0, -1, 2, 3, -5, 4])), [3, 7])
    with pytest.raises(cr.CrotonError):
        f(np.array([1.0, 2, 3]))

"""Derivatives that the user gives, at any order and under every transformation."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr
from croton.transforms.scan import scan
from croton.util.errors import DTypeError, GradientError, KindError, NotSupportedError, ShapeError

VALUE = np.array([0.5, 1.0, -1.0])


def run(inputs, outputs, *values):
    return cr.function(inputs, outputs)(*values)


@pytest.fixture
def tripled():
    """2 exp(x), with three times its derivative."""
    return cr.custom_vjp(lambda x: cr.exp(x) * 2, lambda args, y, g: (g * y * 3,))


def test_the_value_is_that_of_forward_and_the_derivative_that_of_backward(tripled) -> None:
    x = cr.vector("x")
    y = tripled(x)
    wanted = 2 * np.exp(VALUE)
    value, slope = run([x], [y, cr.grad(y.sum(), x)], VALUE)
    np.testing.assert_allclose(value, wanted)
    np.testing.assert_allclose(slope, 3 * wanted)


def test_any_order(tripled) -> None:
    """y appears in its own pullback, so each order brings the factor again."""
    x = cr.vector("x")
    cost = tripled(x).sum()
    for order in range(1, 4):
        cost = cr.grad(cost, x).sum()
        np.testing.assert_allclose(run([x], cost, VALUE), (2 * 3**order * np.exp(VALUE)).sum())
    np.testing.assert_allclose(run([x], cr.hessian(tripled(x).sum(), x), VALUE), np.diag(18 * np.exp(VALUE)))


def test_jacobian_and_pushforward(tripled) -> None:
    x = cr.vector("x")
    y = tripled(x)
    np.testing.assert_allclose(run([x], cr.jacobian(y, x), VALUE), np.diag(6 * np.exp(VALUE)))
    np.testing.assert_allclose(run([x], cr.jvp(y, x, cr.ones_like(x)), VALUE), 6 * np.exp(VALUE))


def test_a_jacobian_that_is_not_diagonal() -> None:
    x = cr.vector("x")
    scaled = cr.custom_vjp(lambda x: x / x.sum(), lambda args, y, g: g * 10 - g.sum() * args[0])
    found = run([x], cr.jacobian(scaled(x), x), VALUE)
    np.testing.assert_allclose(found, 10 * np.eye(3) - np.ones((3, 1)) * VALUE)


def test_under_vmap_inside_and_outside(tripled) -> None:
    m = cr.matrix("m")
    value = np.arange(6.0).reshape(2, 3) / 3
    e = 2 * np.exp(value)
    np.testing.assert_allclose(run([m], cr.vmap(tripled)(m), value), e)
    inside = cr.vmap(lambda row: cr.grad(tripled(row).sum() ** 2, row))(m)
    np.testing.assert_allclose(run([m], inside, value), 2 * e.sum(1, keepdims=True) * 3 * e)
    outside = cr.grad((cr.vmap(tripled)(m) ** 2).sum(), m)
    np.testing.assert_allclose(run([m], outside, value), 2 * e * 3 * e)
    both = cr.vmap(lambda row: cr.vmap(lambda v: cr.jacobian(tripled(row * v), v))(row))(m)
    outer = 2 * np.exp(value[:, None, :] * value[:, :, None])
    np.testing.assert_allclose(run([m], both, value), 3 * outer * value[:, None, :])


def test_an_argument_that_is_shared_by_all_elements() -> None:
    m, w = cr.matrix("m"), cr.vector("w")
    product = cr.custom_vjp(lambda a, b: (a * b).sum(), lambda args, y, g: (g * args[1], 2 * g * args[0]))
    cost = cr.vmap(product, in_axes=(0, None))(m, w).sum()
    value = np.arange(6.0).reshape(2, 3)
    first, second = run([m, w], cr.grad(cost, [m, w]), value, VALUE)
    np.testing.assert_allclose(first, np.tile(VALUE, (2, 1)))
    np.testing.assert_allclose(second, 2 * value.sum(0))


def test_a_shared_argument_adds_up_what_does_not_depend_on_the_element() -> None:
    m, w = cr.matrix("m"), cr.vector("w")
    f = cr.custom_vjp(lambda a, b: (a * 0).sum() + b.sum(), lambda args, y, g: (None, g * 2 * cr.ones_like(args[1])))
    cost = cr.vmap(f, in_axes=(0, None))(m, w).sum()
    np.testing.assert_allclose(run([m, w], cr.grad(cost, w), np.ones((5, 3)), VALUE), np.full(3, 10.0))


def test_in_a_loop() -> None:
    x = cr.vector("x")
    doubled = cr.custom_vjp(cr.tanh, lambda args, y, g: g * (1 - y * y) * 2)

    def step(carry, e):
        new = doubled(carry * 1.5 + e)
        return new, new * 2

    last, _ = scan(step, cr.zeros(()), x)
    h, slope = 0.0, np.zeros(3)
    for i, e in enumerate(VALUE):
        h = np.tanh(h * 1.5 + e)
        slope = slope * 1.5
        slope[i] += 1
        slope *= (1 - h * h) * 2
    value, found = run([x], [last, cr.grad(last, x)], VALUE)
    assert value == pytest.approx(h)
    np.testing.assert_allclose(found, slope)


def test_in_a_loop_that_is_mapped_over_where_a_carry_begins_with_what_all_share() -> None:
    """The carry of each element is its own after the first step, and so is what goes back to it."""
    x, chance = cr.matrix("x"), np.random.default_rng(0).uniform(0, 3, size=(3, 4))

    def cell(h, v):
        return h + cr.sin(v * h)

    custom = cr.custom_vjp(cell, lambda args, y, g: tuple(cr.grad((cell(*args) * g).sum(), list(args))))
    found = []
    for one in (cell, custom, cr.checkpoint(cell)):
        each = cr.vmap(lambda row, one=one: scan(lambda h, v: (one(h, v), None), 0.3, row)[0])(x)
        found.append(run([x], [each, cr.grad(each.sum(), x), cr.grad((each**2).sum(), x)], chance))
    for values in found[1:]:
        for value, wanted in zip(values, found[0]):
            np.testing.assert_allclose(value, wanted, rtol=1e-12)


def test_structures_numbers_and_arguments_without_a_derivative() -> None:
    x, i = cr.vector("x"), cr.vector("i", dtype="int64")

    @cr.custom_vjp(backward=lambda args, y, g: ({"a": g["s"] * args[1] + g["p"][0], "i": None}, None))
    def f(arguments, scale):
        return {"s": (arguments["a"] * scale).sum(), "p": (arguments["a"] * 2, arguments["i"])}

    y = f({"a": x, "i": i}, 3.0)
    value, doubled, index = run([x, i], [y["s"], *y["p"]], VALUE, np.arange(3))
    assert value == pytest.approx(VALUE.sum() * 3)
    np.testing.assert_allclose(doubled, VALUE * 2)
    np.testing.assert_array_equal(index, np.arange(3))
    np.testing.assert_allclose(run([x, i], cr.grad(y["s"] + y["p"][0].sum() * 5, x), VALUE, np.arange(3)), np.full(3, 8.0))


def test_what_backward_reads_from_outside() -> None:
    x, w = cr.vector("x"), cr.vector("w")
    h = cr.exp(w)
    f = cr.custom_vjp(lambda x: x * h, lambda args, y, g: g * h * w)
    slope = cr.grad(f(x).sum(), x)
    np.testing.assert_allclose(run([x, w], slope, VALUE, VALUE), np.exp(VALUE) * VALUE)
    with pytest.raises(GradientError, match="does not depend"):
        cr.grad(f(x).sum(), w)
    # What is to have a derivative is an argument.
    f = cr.custom_vjp(lambda x, w: x * cr.exp(w), lambda args, y, g: (g * cr.exp(args[1]) * args[1], None))
    slope = cr.grad(f(x, w).sum(), x)
    np.testing.assert_allclose(run([x, w], cr.grad(slope.sum(), w), VALUE, VALUE), np.exp(VALUE) * (VALUE + 1))
    m = cr.matrix("m")
    mapped = cr.vmap(lambda row: cr.grad(cr.custom_vjp(lambda x: x * row, lambda args, y, g: g * row**2)(x).sum(), x))(m)
    value = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(run([x, m], mapped, VALUE, value), value**2)


def test_gradients_inside_backward() -> None:
    x = cr.vector("x")
    f = cr.custom_vjp(lambda x: cr.sin(x), lambda args, y, g: g * cr.grad(cr.sin(args[0]).sum(), args[0]))
    second = cr.grad(cr.grad(f(x).sum(), x).sum(), x)
    np.testing.assert_allclose(run([x], [cr.grad(f(x).sum(), x), second], VALUE), [np.cos(VALUE), -np.sin(VALUE)])
    w = cr.vector("w")
    with pytest.raises(NotSupportedError, match="comes from outside"):
        cr.custom_vjp(lambda x: x, lambda args, y, g: g * cr.grad((w * args[0]).sum(), w))(x)


def test_inside_one_another(tripled) -> None:
    x = cr.vector("x")
    outer = cr.custom_vjp(lambda x: tripled(x) + x, lambda args, y, g: g * tripled(args[0]))
    second = cr.grad(cr.grad(outer(x).sum(), x).sum(), x)
    np.testing.assert_allclose(run([x], second, VALUE), 6 * np.exp(VALUE))


def test_a_mark_costs_nothing(tripled) -> None:
    x = cr.vector("x")
    marked, plain = cr.function([x], tripled(x).sum()).explain(), cr.function([x], (cr.exp(x) * 2).sum()).explain()
    assert marked.account.kernels == plain.account.kernels


def test_sizes_of_arguments_replaced_by_givens(tripled) -> None:
    x, z = cr.vector("x"), cr.vector("z")
    slope = cr.grad(tripled(x).sum(), x)
    f = cr.function([z], slope, givens={x: z * 2})
    np.testing.assert_allclose(f(VALUE), 6 * np.exp(2 * VALUE))


def test_sizes_zero_and_one(tripled) -> None:
    x = cr.matrix("x")
    f = cr.function([x], [tripled(x), cr.grad(tripled(x).sum(), x)])
    for shape in ((0, 2), (1, 1), (3, 1)):
        value, slope = f(np.ones(shape))
        np.testing.assert_allclose(slope, 3 * value)
        assert slope.shape == shape


def test_programs_with_another_pullback_are_others() -> None:
    """The pullback is part of the key of a program."""
    slopes = []
    for factor in (2.0, 5.0):
        x = cr.vector("x")
        f = cr.custom_vjp(lambda x: x * 1.5, lambda args, y, g, factor=factor: g * factor)
        slopes.append(cr.function([x], cr.grad(f(x).sum(), x))(np.ones(2)))
    np.testing.assert_array_equal(slopes, [[2, 2], [5, 5]])


def test_the_reference_knows_marks(tripled) -> None:
    x = cr.vector("x")
    y = tripled(x)
    value, slope = cr.reference.evaluate([y, cr.grad(y.sum(), x)], {x: VALUE})
    np.testing.assert_allclose(slope, 3 * value)


def test_mistakes() -> None:
    x, i = cr.vector("x"), cr.vector("i", dtype="int64")
    with pytest.raises(KindError, match="two functions"):
        cr.custom_vjp(lambda x: x)
    with pytest.raises(GradientError, match="one cotangent for each of the 2"):
        cr.custom_vjp(lambda a, b: a + b, lambda args, y, g: (g,))(x, x)
    with pytest.raises(ShapeError, match="same shape"):
        cr.custom_vjp(lambda a: a.sum(), lambda args, y, g: g)(x)
    with pytest.raises(DTypeError, match="float32"):
        cr.custom_vjp(lambda a: a, lambda args, y, g: g.astype("float32"))(x)
    with pytest.raises(DTypeError, match="not floating"):
        cr.custom_vjp(lambda a, b: a, lambda args, y, g: (g, g))(x, i)
    with pytest.raises(GradientError, match="structure"):
        cr.custom_vjp(lambda a: a["x"], lambda args, y, g: ({"y": g},))({"x": x})


def test_a_backward_function_that_calls_its_own_is_refused_with_words() -> None:
    inverse = cr.routine(np.linalg.inv, lambda x: x, vjp=lambda args, y, g: -(inverse(args[0]).T @ g @ inverse(args[0]).T), name="inverse")
    with pytest.raises(cr.NotSupportedError, match="calls it again"):
        inverse(cr.matrix("x"))
    # what refused leaves nothing behind, and two of one function serve second derivatives
    last = cr.routine(np.exp, lambda x: x, vjp=lambda args, y, g: g * y)
    first = cr.routine(np.exp, lambda x: x, vjp=lambda args, y, g: g * last(args[0]))
    x = cr.vector("x")
    np.testing.assert_allclose(cr.hessian(first(x).sum(), x).eval({x: np.array([0.0, 1.0])}), np.diag(np.exp([0.0, 1.0])))


def test_in_a_loop_of_a_mapped_function() -> None:
    """The carry depends on what is mapped over only once the loop is taken apart; each element has its own cotangent."""
    m = cr.tensor("m", (4, 3))

    def product(h, x):
        return cr.sin(h * x)

    def gradient(function):
        last = cr.vmap(lambda row: scan(lambda h, x: (function(h, x), None), 1.0, row)[0])(m)
        return cr.grad((last**2).sum(), m)

    given = cr.custom_vjp(product, lambda args, y, g: (g * cr.cos(args[0] * args[1]) * args[1], g * cr.cos(args[0] * args[1]) * args[0]))
    value = np.random.default_rng(0).normal(size=(4, 3))
    np.testing.assert_allclose(run([m], gradient(given), value), run([m], gradient(product), value), rtol=1e-12)

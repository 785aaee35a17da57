"""Each element of `vmap`, values and derivatives: no pairs of elements are formed, through loops either, and where elements do meet it is right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import croton as cr

rng = np.random.default_rng(0)


def recurrent(W: cr.Expr, x: cr.Expr) -> cr.Expr:
    last, _ = cr.scan(lambda h, e: (cr.tanh(h @ W + e), None), cr.zeros(W.shape[0]), x)
    return (last**2).sum()


def growing(rates: cr.Expr) -> cr.Expr:
    """Two carries that begin with numbers, a time that no element has, and everything stacked."""

    def step(state: tuple, _: None) -> tuple:
        susceptible, infected, time = state
        new = rates[0] * susceptible * infected * cr.cos(time)
        return (susceptible - new, infected + new - rates[1] * infected, time + 0.1), infected

    return (cr.scan(step, (cr.asarray(0.9), cr.asarray(0.1), cr.asarray(0.0)), None, length=6)[1] ** 2).sum()


def test_gradients_of_each_sequence_cost_one_gradient_of_all() -> None:
    W, X = cr.tensor("W", (8, 8)), cr.tensor("X", (None, 10, 8))
    each = cr.function([W, X], cr.vmap(lambda x: cr.grad(recurrent)(W, x))(X))
    together = cr.function([W, X], cr.grad(cr.vmap(lambda x: recurrent(W, x))(X).sum(), W))
    shapes = {"W": (8, 8), "X": (100, 10, 8)}
    assert each.flops(**shapes) <= 1.1 * together.flops(**shapes)
    squares = cr.function([W, X], (cr.vmap(lambda x: cr.grad(recurrent)(W, x))(X) ** 2).sum(axis=(1, 2)))
    assert squares.flops(**shapes) <= 1.3 * together.flops(**shapes)
    assert squares.memory_peak(**shapes) <= 1.3 * together.memory_peak(**shapes)
    w, xs = rng.standard_normal((8, 8)) / 3, rng.standard_normal((3, 10, 8))
    one = cr.function([W, X], cr.grad(lambda W: recurrent(W, X[0]))(W))
    np.testing.assert_allclose(each(w, xs), [one(w, xs[i : i + 1]) for i in range(3)], rtol=1e-10)
    np.testing.assert_allclose(squares(w, xs), [(one(w, xs[i : i + 1]) ** 2).sum() for i in range(3)], rtol=1e-10)


@pytest.mark.parametrize("transform", [cr.grad, cr.hessian], ids=["grad", "hessian"])
def test_ensembles_of_loops_are_linear_in_their_number(transform: Callable) -> None:
    rates = cr.tensor("rates", (None, 2))
    f = cr.function([rates], cr.vmap(transform(growing))(rates))
    assert f.flops(rates=(1000, 2)) <= 11 * f.flops(rates=(100, 2))
    values = rng.random((4, 2))
    one = cr.function([rates], transform(lambda r: growing(r))(rates[0]) if transform is cr.grad else cr.hessian(lambda r: growing(r))(rates[0]))
    np.testing.assert_allclose(f(values), [one(values[i : i + 1]) for i in range(4)], rtol=1e-9)


def test_tangents_of_loops_are_linear_too() -> None:
    rates, moves = cr.tensor("rates", (None, 2)), cr.tensor("moves", (None, 2))
    f = cr.function([rates, moves], cr.vmap(lambda r, m: cr.jvp(growing, (r,), (m,))[1])(rates, moves))
    assert f.flops((1000, 2), (1000, 2)) <= 11 * f.flops((100, 2), (100, 2))
    at, along = rng.random((3, 2)), rng.standard_normal((3, 2))
    slopes = cr.function([rates], cr.vmap(cr.grad(growing))(rates))(at)
    np.testing.assert_allclose(f(at, along), (slopes * along).sum(1), rtol=1e-9)


def agrees(mapped: Callable, plain: Callable, shape: tuple[int, ...]) -> None:
    """What `mapped` makes of an array is what `plain` makes of each of its entries in turn, given the entry's number."""
    x, i = cr.tensor("x", (None,) * len(shape)), cr.scalar("i", dtype="int64")
    value = rng.standard_normal(shape)
    whole, one = cr.function([x], mapped(x)), cr.function([x, i], plain(x, i))
    np.testing.assert_allclose(whole(value), [one(value, k) for k in range(shape[0])], rtol=1e-9, atol=1e-12)


def test_an_element_of_all_as_the_output_and_everything_as_the_variable() -> None:
    agrees(
        lambda x: cr.map(lambda i: cr.grad((cr.softmax(x[i]) ** 2).sum(), x), cr.arange(x.shape[0])),
        lambda x, i: cr.grad((cr.softmax(x[i]) ** 2).sum(), x),
        (3, 4),
    )


def test_elements_that_meet_in_a_running_sum() -> None:
    def grads(x: cr.Expr, i: cr.Expr) -> cr.Expr:
        return cr.grad(cr.cumsum(cr.tanh(x))[i] ** 2, x)

    agrees(lambda x: cr.map(lambda i: grads(x, i), cr.arange(x.shape[0])), grads, (5,))


def test_elements_that_meet_in_the_steps_of_a_loop() -> None:
    def grads(x: cr.Expr, i: cr.Expr) -> cr.Expr:
        mixed, _ = cr.scan(lambda h, _: (cr.tanh(cr.flip(h) + h.sum()), None), x, None, length=3)
        return cr.grad(mixed[i], x)

    agrees(lambda x: cr.map(lambda i: grads(x, i), cr.arange(x.shape[0])), grads, (4,))


def test_one_carry_is_the_elements_and_another_one_their_sum() -> None:
    def grads(x: cr.Expr, i: cr.Expr) -> cr.Expr:
        def step(carry: tuple, _: None) -> tuple:
            each, total = carry
            return (cr.sin(each + 0.1 * total), total * 0.5 + (each**2).sum()), None

        (each, total), _ = cr.scan(step, (x, cr.asarray(0.0)), None, length=4)
        return cr.grad(each[i] + total, x)

    agrees(lambda x: cr.map(lambda i: grads(x, i), cr.arange(x.shape[0])), grads, (4,))


def test_steps_of_a_loop_that_are_a_batch() -> None:
    def grads(x: cr.Expr, i: cr.Expr) -> cr.Expr:
        _, states = cr.scan(lambda h, e: (cr.tanh(h * e), h), cr.asarray(0.5), x)
        return cr.grad(states[i], x)

    agrees(lambda x: cr.map(lambda i: grads(x, i), cr.arange(x.shape[0])), grads, (5,))


def test_mapped_twice_over_one_axis() -> None:
    def cost(row: cr.Expr, x: cr.Expr) -> cr.Expr:
        return cr.vmap(lambda other: cr.tanh((row * other).sum()))(x).sum()

    agrees(lambda x: cr.vmap(lambda row: cr.grad(cost)(row, x))(x), lambda x, i: cr.grad(lambda row: cost(row, x))(x[i]), (3, 2))


def test_a_derivative_of_the_users_own() -> None:
    @cr.custom_vjp(backward=lambda args, y, g: (g * args[1] * 2, g * args[0] * 2))
    def doubled(x: cr.Expr, w: cr.Expr) -> cr.Expr:
        return x * w

    def grads(row: cr.Expr, w: cr.Expr) -> tuple:
        return cr.grad(lambda row, w: (doubled(row, w) ** 2).sum(), (0, 1))(row, w)

    x, w = cr.matrix("x"), cr.vector("w")
    xs, ws = rng.standard_normal((3, 2)), rng.standard_normal(2)
    of_row, of_w = cr.function([x, w], cr.vmap(lambda row: grads(row, w))(x))(xs, ws)
    np.testing.assert_allclose(of_row, 4 * xs * ws**2)
    np.testing.assert_allclose(of_w, 4 * xs**2 * ws)


def test_loops_that_end_early_in_each_element() -> None:
    def grads(start: cr.Expr, factor: cr.Expr) -> tuple:
        def grown(start: cr.Expr, factor: cr.Expr) -> cr.Expr:
            return cr.while_loop(lambda v: v < 10, lambda v: v * factor, start, max_steps=50)

        return cr.grad(grown, (0, 1))(start, factor)

    x, w = cr.vector("x"), cr.scalar("w")
    starts = np.array([1.0, 3.0, 20.0])
    of_start, of_factor = cr.function([x, w], cr.vmap(lambda s: grads(s, w))(x))(starts, 1.7)
    steps = np.array([5, 3, 0])
    np.testing.assert_allclose(of_start, 1.7**steps)
    np.testing.assert_allclose(of_factor, starts * steps * 1.7 ** (steps - 1.0))


def test_elements_of_a_loop_that_its_last_step_does_not_read_keep_their_batch() -> None:
    steps = rng.standard_normal((2, 2, 2))

    def cost(row: cr.Expr, scale: cr.Expr) -> cr.Expr:
        matrices = scale * cr.asarray(steps) @ row + 2 * cr.eye(2)
        return cr.scan(lambda p, matrix: (cr.linalg.inv(matrix) @ (p - matrix), None), cr.eye(2), matrices)[0].sum()

    def grads(row: cr.Expr) -> cr.Expr:
        return cr.grad(cost, 1)(row, cr.asarray(0.7))

    agrees(cr.vmap(grads), lambda x, i: grads(x[i]), (3, 2, 2))


def test_a_routine_whose_argument_has_elements_that_meet_elsewhere() -> None:
    def grads(x: cr.Expr, i: cr.Expr) -> cr.Expr:
        matrices = cr.sin(x) + 3 * cr.eye(2)
        return cr.grad((cr.linalg.inv(matrices[i]) ** 2).sum() + (cr.cumsum(matrices, axis=0)[i] ** 2).sum(), x)

    agrees(lambda x: cr.map(lambda i: grads(x, i), cr.arange(x.shape[0])), grads, (3, 2, 2))


def with_own_pullback(function: Callable) -> Callable:
    return cr.custom_vjp(function, lambda args, y, cotangent: cr.vjp(function(*args), args, cotangent))


@pytest.mark.parametrize("marked", [cr.checkpoint, with_own_pullback], ids=["checkpoint", "custom_vjp"])
def test_marked_functions_one_after_another_with_an_argument_that_all_elements_share(marked: Callable) -> None:
    """What the second hands to the first is that of the same element."""
    W, X = cr.matrix("W"), cr.matrix("X")

    def cost(wrap: Callable, W: cr.Expr, x: cr.Expr) -> cr.Expr:
        h = wrap(lambda w, x: cr.tanh(x @ w))(W, x)
        h = wrap(lambda h, x: cr.sin(h) * x.sum())(h, x)
        return (wrap(lambda h: h * h)(h)).sum()

    def each(wrap: Callable) -> cr.Function:
        return cr.function([W, X], cr.vmap(lambda x: cr.grad(lambda w: cost(wrap, w, x))(W))(X))

    plain, found = each(lambda f: f), each(marked)
    w, xs = rng.standard_normal((4, 3)), rng.standard_normal((5, 4))
    np.testing.assert_allclose(found(w, xs), plain(w, xs), rtol=1e-10, atol=1e-14)
    # No pairs of elements.
    shapes = {"W": (20, 20), "X": (100, 20)}
    assert found.flops(**shapes) <= 2 * plain.flops(**shapes)
    assert found.memory_peak(**shapes) <= 2 * plain.memory_peak(**shapes)


@pytest.mark.parametrize("steps", [2, 3, 5, 6])
def test_loops_in_segments_are_as_linear_in_the_number_of_sequences(steps: int) -> None:
    """Of three or five steps one is left over after the segments."""
    W, X = cr.tensor("W", (8, 8)), cr.tensor("X", (None, steps, 8))

    def cost(W: cr.Expr, x: cr.Expr, checkpoint: str | None) -> cr.Expr:
        last, _ = cr.scan(lambda h, e: (cr.tanh(h @ W + e), None), cr.zeros(8), x, checkpoint=checkpoint)
        return (last**2).sum()

    def each(checkpoint: str | None) -> cr.Function:
        return cr.function([W, X], cr.vmap(lambda x: cr.grad(lambda W: cost(W, x, checkpoint))(W))(X))

    plain, few = each(None), each("sqrt")
    w, xs = rng.standard_normal((8, 8)) / 3, rng.standard_normal((4, steps, 8))
    np.testing.assert_allclose(few(w, xs), plain(w, xs), rtol=1e-10, atol=1e-14)
    assert few.flops((8, 8), (100, steps, 8)) <= 3 * plain.flops((8, 8), (100, steps, 8))


@pytest.mark.parametrize("transform", [None, cr.grad, cr.hessian], ids=["value", "grad", "hessian"])
def test_loops_in_loops_are_linear_in_the_number_of_elements(transform: Callable | None) -> None:
    """The inner loop begins with and reads what is made of a carry of the outer one."""

    def newton(w: cr.Expr, x: cr.Expr) -> cr.Expr:
        def step(w: cr.Expr, _: None) -> tuple:
            slopes = cr.tanh(x @ w)
            inner, _ = cr.scan(lambda d, row: (d - 0.1 * (slopes * (x @ d)) @ x + row * w, d), slopes @ x, x)
            return w - inner, None

        return (cr.scan(step, w, None, length=3)[0] ** 2).sum()

    of_one = newton if transform is None else transform(newton)
    w, x = cr.tensor("w", (None, 2)), cr.tensor("x", (None, 4, 2))
    f = cr.function([w, x], cr.vmap(of_one)(w, x))
    assert f.flops(w=(1000, 2), x=(1000, 4, 2)) <= 11 * f.flops(w=(100, 2), x=(100, 4, 2))
    ws, xs = rng.standard_normal((3, 2)), rng.standard_normal((3, 4, 2))
    one = cr.function([w, x], of_one(w[0], x[0]))
    np.testing.assert_allclose(f(ws, xs), [one(ws[i : i + 1], xs[i : i + 1]) for i in range(3)], rtol=1e-8)

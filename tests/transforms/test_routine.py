"""The user's own NumPy code inside a graph."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr
from croton.transforms.scan import scan
from croton.util.errors import DTypeError, GradientError, KindError, NotSupportedError, ShapeError

VALUE = np.array([0.5, 1.0, -1.0])


def test_values_and_fewer_calls_than_uses() -> None:
    calls = []

    def sine(a):
        calls.append(a.shape)
        return np.sin(a)

    x = cr.vector("x")
    called = cr.routine(sine, lambda x: x)
    unused = called(x * 2)
    f = cr.function([x], called(x) + cr.exp(called(x)))
    assert not calls and unused.ndim == 1
    np.testing.assert_allclose(f(VALUE), np.sin(VALUE) + np.exp(np.sin(VALUE)))
    assert calls == [(3,)]
    assert "routine sine (Python)" in str(f.explain())
    np.testing.assert_allclose(cr.reference.evaluate(called(x), {x: VALUE}), np.sin(VALUE))


def test_axes_and_layouts() -> None:
    a, b = cr.matrix("a"), cr.matrix("b")
    product = cr.routine(lambda a, b: a @ b, lambda a, b: a @ b)
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((2, 3)), rng.standard_normal((4, 3))
    np.testing.assert_allclose(cr.function([a, b], product(a, b.T).T)(A, B), (A @ B.T).T)
    np.testing.assert_allclose(cr.function([a], product(a, cr.expand_dims(a[0], 1)))(A), A @ A[0][:, None])
    for shape in ((0, 3), (1, 3)):
        assert cr.function([a, b], product(a, b.T))(np.ones(shape), B).shape == (shape[0], 4)


def test_several_results_and_dtypes() -> None:
    a = cr.tensor("a", (3, 3))
    qr = cr.routine(np.linalg.qr, lambda a: (a, a))
    A = np.random.default_rng(0).standard_normal((3, 3))
    q, r = cr.function([a], qr(a))(A)
    np.testing.assert_allclose(q @ r, A)
    order = cr.routine(lambda a: {"i": np.argsort(a, axis=0)}, lambda a: {"i": a.astype("int64")}, name="order")
    np.testing.assert_array_equal(cr.function([a], order(a)["i"])(A), np.argsort(A, axis=0))


def test_what_the_code_does_to_its_arguments_stays_there() -> None:
    def spoil(a):
        a[:] = 0
        return a + 1

    x, w = cr.vector("x"), cr.shared(VALUE, name="w")
    spoilt = cr.routine(spoil, lambda x: x)
    value = VALUE.copy()
    np.testing.assert_array_equal(cr.function([x], spoilt(x) + spoilt(w) + w)(value), 2 + VALUE)
    np.testing.assert_array_equal(value, VALUE)
    np.testing.assert_array_equal(w.get_value(), VALUE)


def test_derivatives() -> None:
    x = cr.vector("x")
    plain = cr.routine(np.sin, lambda x: x)
    with pytest.raises(NotSupportedError, match=r"derivative of sin.*give the routine a vjp") as error:
        cr.function([x], cr.grad(plain(x).sum(), x))
    assert "test_routine.py" in str(error.value)
    sine = cr.routine(np.sin, lambda x: x, vjp=lambda args, y, g: g * cr.cos(args[0]))
    slope = cr.grad(sine(x).sum(), x)
    first, second = cr.function([x], [slope, cr.grad(slope.sum(), x)])(VALUE)
    np.testing.assert_allclose(first, np.cos(VALUE))
    np.testing.assert_allclose(second, -np.sin(VALUE))


def test_a_derivative_that_is_a_routine_too() -> None:
    a = cr.tensor("a", (3, 3))
    inverse = cr.routine(np.linalg.inv, lambda a: a, vjp=lambda args, y, g: -(y.T @ g @ y.T))
    A = np.random.default_rng(0).standard_normal((3, 3))
    B = np.linalg.inv(A)
    np.testing.assert_allclose(cr.function([a], cr.grad(inverse(a).sum(), a))(A), -(B.T @ np.ones((3, 3)) @ B.T), rtol=1e-8)


def test_under_vmap_it_is_called_for_each_element() -> None:
    m, w = cr.matrix("m"), cr.vector("w")
    M = np.arange(6.0).reshape(2, 3)
    dot = cr.routine(lambda a, b: np.asarray(a @ b), lambda a, b: (a * b).sum())
    np.testing.assert_allclose(cr.function([m, w], cr.vmap(dot, in_axes=(0, None))(m, w))(M, VALUE), M @ VALUE)
    double = cr.vmap(lambda row: cr.vmap(dot, in_axes=(None, 0))(row, m))(m)
    np.testing.assert_allclose(cr.function([m], double)(M), M @ M.T)
    sine = cr.routine(np.sin, lambda x: x)
    assert cr.function([m], cr.vmap(sine)(m))(np.ones((0, 3))).shape == (0, 3)


def test_results_that_are_not_as_declared() -> None:
    x = cr.vector("x")

    def refused(function, error, match):
        f = cr.function([x], cr.routine(function, lambda x: x)(x))
        with pytest.raises(error, match=match):
            f(VALUE)

    refused(lambda a: a.astype("f4"), DTypeError, "returned float32 where .* float64")
    refused(lambda a: a.sum(), ShapeError, "shape")
    refused(lambda a: a[:-1], ShapeError, "shape")
    refused(lambda a: (a, a), KindError, "2 arrays")
    with pytest.raises(KindError, match="Python function"):
        cr.routine("sin", lambda x: x)


def test_an_exception_comes_through_and_updates_do_not_happen() -> None:
    x, w = cr.vector("x"), cr.shared(np.zeros(3), name="w")

    def fail(a):
        raise RuntimeError("no luck")

    f = cr.function([x], cr.routine(fail, lambda x: x)(x), updates={w: w + x})
    with pytest.raises(RuntimeError, match="no luck"):
        f(VALUE)
    np.testing.assert_array_equal(w.get_value(), np.zeros(3))


def test_integers_have_no_derivative() -> None:
    x = cr.vector("x")
    order = cr.routine(lambda a: np.argsort(a), lambda x: x.astype("int64"), name="argsort")
    with pytest.raises(GradientError):
        cr.grad(order(x).astype("float64").sum(), x)
    np.testing.assert_array_equal(cr.function([x], order(x))(VALUE), np.argsort(VALUE))


def test_programs_with_routines_read_shared_variables() -> None:
    w, v = cr.shared(VALUE, name="w"), cr.shared(VALUE * 2, name="v")
    square = cr.routine(np.square, lambda x: x)
    f = cr.function([], square(w) + v, updates={v: v + 1})
    np.testing.assert_allclose(f(), VALUE**2 + VALUE * 2)
    np.testing.assert_allclose(f(), VALUE**2 + VALUE * 2 + 1)


def test_in_a_loop() -> None:
    x = cr.vector("x")
    sine = cr.routine(np.sin, lambda a: a, vjp=lambda args, y, g: g * cr.cos(args[0]))
    last, before = scan(lambda carry, e: (sine(carry) + e, carry), cr.zeros(()), x)
    states = [0.0]
    for e in VALUE:
        states.append(np.sin(states[-1]) + e)
    value, all_before, slope = cr.function([x], [last, before, cr.grad(last, x)])(VALUE)
    assert value == pytest.approx(states[-1])
    np.testing.assert_allclose(all_before, states[:-1])
    np.testing.assert_allclose(slope, np.cumprod([1.0, *np.cos(states[1:-1])[::-1]])[::-1])


def test_in_a_loop_that_is_mapped_over_where_a_carry_begins_with_what_all_share() -> None:
    """One argument has the mapped axis from the beginning, the other only since it is the carry of a loop; or its elements are what is mapped over."""
    x, chance = cr.matrix("x"), np.random.default_rng(0).uniform(0, 3, size=(3, 4))
    one = cr.routine(lambda h, v: h + np.sin(v * h), lambda h, v: h)
    each = cr.vmap(lambda row: scan(lambda h, v: (one(h, v), None), 0.3, row)[0])(x)
    h = np.full(3, 0.3)
    for v in chance.T:
        h = h + np.sin(v * h)
    np.testing.assert_allclose(cr.function([x], each)(chance), h)

    whole = cr.routine(lambda h, v: h + np.sin(v), lambda h, v: v)
    place = cr.arange(4)

    def stepped(i):
        return scan(lambda h, _: (whole(h, x[0])[i] * h, None), 0.3, length=3)[0]

    h = np.full(4, 0.3)
    for _ in range(3):
        h = (h + np.sin(chance[0])) * h
    np.testing.assert_allclose(cr.function([x], cr.vmap(stepped)(place))(chance), h)

"""Functions with sizes that are counted in the call: stages, what goes from one to the next, and everything that a function can do."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import croton as cr
from croton.expr.walk import walk
from croton.transforms.counts import has_counts, stages

X, W = cr.vector("x"), cr.vector("w")
A = np.array([3.0, -1.0, 2.0, -4.0, 5.0])
POSITIVE = X[X > 0]


def test_counts_of_counts() -> None:
    large = POSITIVE[POSITIVE.mean() < POSITIVE]
    f = cr.function([X], [large, cr.asarray(large.shape[0]), POSITIVE.shape[0] * cr.ones(1)])
    for array in (A, A[:1], -A[:1], A[:0]):
        positive = array[array > 0]
        wanted = positive[positive > (positive.mean() if positive.size else 0)]
        found, count, outer = f(array)
        np.testing.assert_array_equal(found, wanted)
        assert (count, outer[0]) == (len(wanted), len(positive))
    assert len(f.explain().stages) == 3


def test_independent_counts_are_one_stage() -> None:
    f = cr.function([X, W], [POSITIVE, W[W < 0], X[W > 0]])
    assert len(f.explain().stages) == 2
    for found, wanted in zip(f(A, -A), [A[A > 0], -A[A > 0], A[A < 0]]):
        np.testing.assert_array_equal(found, wanted)


def test_what_is_expensive_is_handed_over() -> None:
    matrix = cr.matrix("m")
    y = cr.tanh(matrix @ matrix).sum(axis=0)
    f = cr.function([matrix], y[y > 0] * 2)
    first, second = f.explain().stages
    assert (first.library_calls, second.library_calls) == (1, 0)
    m = np.random.default_rng(0).normal(size=(40, 40))
    value = np.tanh(m @ m).sum(0)
    np.testing.assert_allclose(f(m), value[value > 0] * 2, rtol=1e-12)


def test_a_derivative_goes_through_what_was_needed_for_a_count() -> None:
    matrix = cr.matrix("m")
    y = cr.tanh(matrix @ matrix).sum(axis=0)
    f = cr.function([matrix], cr.grad((y[y > 0] ** 2).sum(), matrix))
    g = cr.function([matrix], cr.grad((cr.where(y > 0, y, 0.0) ** 2).sum(), matrix))
    m = np.random.default_rng(0).normal(size=(6, 6))
    np.testing.assert_allclose(f(m), g(m), rtol=1e-12)


def test_a_gradient_may_be_counted() -> None:
    gradient = cr.grad((X**3).sum(), X)
    np.testing.assert_array_equal(cr.function([X], gradient[gradient > 5])(A), (3 * A**2)[3 * A**2 > 5])


def test_the_same_results_in_every_form() -> None:
    nested = cr.function([X], {"a": POSITIVE, "b": [X[X < 0], X]})
    found = nested(A)
    np.testing.assert_array_equal(found["b"][0], A[A < 0])
    np.testing.assert_array_equal(cr.jit(lambda x: x[x > 0])(A.astype("float32")), A[A > 0].astype("float32"))
    np.testing.assert_array_equal(POSITIVE.eval({X: A}), A[A > 0])
    np.testing.assert_array_equal(cr.function([cr.Param(X, default=A)], POSITIVE)(), A[A > 0])
    plain = cr.function([X], POSITIVE)
    np.testing.assert_array_equal(plain(x=[1, -2]), [1.0])
    np.testing.assert_array_equal(plain(A[::2]), A[::2])
    np.testing.assert_array_equal(plain(A.astype("float32")), A[A > 0])
    with pytest.raises(cr.KindError, match="misses 1 of its arguments: 'x'"):
        plain()
    with pytest.raises(cr.ShapeError, match="wants 1 axes"):
        plain(np.ones((2, 2)))
    np.testing.assert_array_equal(cr.function([{"a": X, "b": [W]}], POSITIVE + W.sum())({"a": A, "b": [A]}), A[A > 0] + 5)
    assert isinstance(nested, cr.Function)


def test_givens_count_again() -> None:
    np.testing.assert_array_equal(cr.function([W], POSITIVE * 2, givens={X: W + 1})(np.array([-3.0, 0.0, 1.0])), [2, 4])
    np.testing.assert_array_equal(cr.function([W], cr.zeros(POSITIVE.shape[0]), givens={X: W})(A), np.zeros(3))


def test_shared_variables() -> None:
    state = cr.shared(np.arange(4.0), name="state")
    f = cr.function([], state[state > 1].sum(), updates={state: state - 1})
    assert [f(), f(), f()] == [5, 2, 0]
    kept = cr.shared(np.zeros(0), name="kept", shape=(None,))
    g = cr.function([X], None, updates={kept: POSITIVE})
    g(A)
    np.testing.assert_array_equal(kept.get_value(), A[A > 0])
    with pytest.raises(cr.ShapeError):
        cr.function([X, W], X[X > 0] + W, updates={state: state + 1})(A, np.ones(9))
    np.testing.assert_array_equal(state.get_value(), [-3, -2, -1, 0])


def test_donation() -> None:
    f = cr.function([X], [X * 2 + POSITIVE.sum()], donate=[X])
    array = A.copy()
    (found,) = f(array)
    assert found is array
    np.testing.assert_array_equal(found, 2 * A + 10)


def test_the_account() -> None:
    f = cr.function([X], POSITIVE * 2, name="halved")
    text = str(f.explain())
    assert "halved: 2 stages, since some sizes are counted in the call" in text
    assert "count1, counted here:" in text and "POSITIVE = X[X > 0]" in text
    assert f.explain().kernels == sum(stage.kernels for stage in f.explain().stages)
    assert "kernel_0" in f.explain().detail()
    assert f.flops(x=(1000,), count1=500) - f.flops(x=(1000,), count1=400) == 100 * (f.flops((1,), count1=1) - f.flops((1,), count1=0))
    assert f.memory_peak(x=(1000,), count1=500) > f.memory_peak(x=(1000,), count1=0) > 1000
    with pytest.raises(cr.ArgumentError, match="the sizes count1 are counted in the call; say what they are, as count1=10"):
        f.flops(x=(1000,))
    profile = f.profile(A, repeat=2)
    assert {call.title.split(":")[0] for call in profile.calls} == {"stage 1", "stage 2"}
    assert re.search(r"= sum\(.*: int64\[\], the size (count_\d+)(.|\n)*count=\1", str(POSITIVE))


def test_programs_are_found_again(tmp_path: Path) -> None:
    with cr.config.use(cache_directory=str(tmp_path)):
        for _ in range(2):
            x = cr.vector("x")
            f = cr.function([x], (x[x > 0.5] ** 2)[::2])
            np.testing.assert_array_equal(f(A), A[A > 0][::2] ** 2)
        assert not f.callers[0].executable.seconds and not f.callers[1].executable.seconds


def test_sizes_that_do_not_fit() -> None:
    with pytest.raises(cr.ShapeError, match=r"count2, a size that is counted in the call, is 2, where it wants 3 \(count1\), as count1 = 3"):
        cr.function([X], POSITIVE + X[X < 0])(A)
    with pytest.raises(cr.ShapeError, match=r"is 3, where it wants 2 \(w.0\), as 'w' of shape \(2,\)"):
        cr.function([X, W], POSITIVE + W)(A, np.ones(2))
    with pytest.raises(cr.ShapeError, match=r"count1 - 7 must be at least 0; the arguments are 'x' of shape \(5,\), count1 = 3"):
        cr.function([X], POSITIVE[:7])(A)
    with pytest.raises(cr.ArgumentError, match="inputs that are not given: <x"):
        cr.function([], cr.zeros(POSITIVE.shape[0]))


def test_rows_of_different_lengths_are_not_supported() -> None:
    matrix, flags = cr.matrix("m"), cr.vector("flags", dtype="bool")
    with pytest.raises(cr.NotSupportedError, match=r"each element of a mapped axis \(vmap\).*take size=n") as caught:
        cr.function([matrix], cr.vmap(lambda row: row[row > 0].sum())(matrix))
    assert "row[row > 0]" in str(caught.value)
    with pytest.raises(cr.NotSupportedError, match="mapped axis"):
        cr.reference.evaluate(cr.vmap(lambda row: row[row > 0].sum())(matrix), {matrix: np.ones((2, 2))})
    with pytest.raises(cr.NotSupportedError, match="or each step of a loop"):
        cr.function([X], cr.scan(lambda c, _: (X[c < X].sum(), None), 0.0, length=3)[0])
    m = np.arange(6.0).reshape(2, 3)
    f = cr.function([matrix, flags], cr.vmap(lambda row: row[flags].sum())(matrix))
    np.testing.assert_array_equal(f(m, [True, False, True]), m[:, [0, 2]].sum(1))
    g = cr.function([X], cr.scan(lambda c, _: (c + POSITIVE.sum(), POSITIVE), 0.0, length=3))
    last, rows = g(A)
    assert last == 30 and rows.shape == (3, 3)


def test_derivatives_of_ones_own() -> None:
    recomputed = cr.checkpoint(lambda y: (y**3).sum())
    np.testing.assert_array_equal(cr.function([X], cr.grad(recomputed(POSITIVE), X))(A), np.where(A > 0, 3 * A**2, 0))
    outside = cr.checkpoint(lambda v: (v**2).sum() * POSITIVE.sum() * POSITIVE.shape[0])
    np.testing.assert_array_equal(cr.function([X, W], cr.grad(outside(W), W))(A, -A), -2 * A * 30)
    clipped = cr.custom_vjp(lambda v: v[v > 0].sum(), lambda args, y, g: g * args[0])
    np.testing.assert_array_equal(cr.function([X], cr.grad(clipped(X), X))(A), A)
    doubled = cr.routine(lambda v: 2 * v, lambda v: v, vjp=lambda args, y, g: g * 2)
    np.testing.assert_array_equal(cr.function([X], cr.grad(doubled(POSITIVE).sum(), X))(A), np.where(A > 0, 2, 0))
    with pytest.raises(cr.NotSupportedError, match="counted inside of the backward function of custom_vjp"):
        cr.custom_vjp(lambda v: v.sum(), lambda args, y, g: g * args[0][args[0] > 0].sum() * args[0])(X)


def test_counts_inside_of_what_is_computed_again() -> None:
    def cubes(v: cr.Expr) -> cr.Expr:
        chosen = v[v > 1]
        return chosen[chosen < 5] ** 3

    once, twice = cr.checkpoint(cubes), cr.checkpoint(lambda v: cr.checkpoint(cubes)(v * 1.0).sum() * W[W > 0].sum())
    f = cr.function([X], [once(X), cr.grad(once(X).sum(), X)])
    among = (A > 1) & (A < 5)
    value, gradient = f(A)
    np.testing.assert_array_equal(value, A[among] ** 3)
    np.testing.assert_array_equal(gradient, np.where(among, 3 * A**2, 0))
    g = cr.function([X, W], cr.grad(twice(X), [X, W]))
    by_x, by_w = g(A, -A)
    np.testing.assert_array_equal(by_x, np.where(among, 3 * A**2, 0) * 5)
    np.testing.assert_array_equal(by_w, np.where(A < 0, (A[among] ** 3).sum(), 0))


def test_branches() -> None:
    chosen = cr.cond(X.sum() > 0, lambda: (POSITIVE**2).sum(), lambda: X[X < 0].sum())
    f = cr.function([X], [chosen, cr.grad(chosen, X)])
    np.testing.assert_array_equal(f(A)[1], np.where(A > 0, 2 * A, 0))
    assert f(-A)[0] == -10


def test_every_stage_is_checked() -> None:
    with cr.config.use(check=True):
        value, gradient = cr.function([X], [POSITIVE * 2, cr.grad((POSITIVE**2).sum(), X)])(A)
    np.testing.assert_array_equal(value, A[A > 0] * 2)
    np.testing.assert_array_equal(gradient, np.where(A > 0, 2 * A, 0))


def test_inputs_and_variables_with_a_counted_size() -> None:
    z = cr.tensor("z", (POSITIVE.shape[0],))
    f = cr.function([X, z], z + 1)
    np.testing.assert_array_equal(f(A, np.ones(3)), [2, 2, 2])
    with pytest.raises(cr.ShapeError, match="count1, a size that is counted in the call, is 3, where it wants 2"):
        f(A, np.ones(2))


def test_finite_checks_are_of_results() -> None:
    with cr.config.use(check_finite=True):
        f = cr.function([X], cr.log(X)[X > 0] * 2)
    np.testing.assert_allclose(f(A), np.log(A[A > 0]) * 2)
    with cr.config.use(check_finite=True):
        g = cr.function([X], cr.log(POSITIVE - 2))
    with pytest.raises(cr.NotFiniteError, match="log made -inf in 1 of 3 elements"):
        g(A)


def test_negative_sizes() -> None:
    n = cr.scalar("n", dtype="int64")
    f = cr.function([n], cr.ones((n, 2)))
    assert f(3).shape == (3, 2) and f(0).shape == (0, 2)
    with pytest.raises(cr.ShapeError, match="a size is at least 0, and this one, counted in the call, is -1"):
        f(-1)


def test_a_graph_without_counts_has_no_stages() -> None:
    assert has_counts(walk([POSITIVE])) and not has_counts(walk([X + 1, X[1:]]))
    assert [len(stage.results) for stage in stages([POSITIVE])] == [2, 1]


def test_depth_is_the_users() -> None:
    y = X
    for _ in range(3000):
        y = y * 1.0 + 1.0
    f = cr.function([X], y[y > 3002])
    np.testing.assert_array_equal(f(np.array([1.0, 2.0, 3.0])), [3003])

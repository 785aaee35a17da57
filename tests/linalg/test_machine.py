"""Routines of linear algebra in whole programs: native, without Python, sharing what they can, wherever their arguments lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.runtime.calls.kinds import every_call
from croton.runtime.calls.loop import Loop
from croton.runtime.calls.matrices import Matrices
from croton.runtime.calls.routine import Routine

RNG = np.random.default_rng(0)


def good(*shape: int) -> np.ndarray:
    """Positive definite matrices."""
    x = RNG.standard_normal(shape)
    return x @ x.swapaxes(-1, -2) + shape[-1] * np.eye(shape[-1])


def routines(function: Any) -> list[str]:
    """The names of the routines that a function calls, in order; none of them is Python."""
    calls = list(every_call(function.caller.executable.program.calls))
    assert not any(isinstance(call, Routine) for call in calls)
    return [call.routine.split()[0] for call in calls if isinstance(call, Matrices)]


def test_one_decomposition_serves_all_that_is_asked_of_a_matrix() -> None:
    a, b = cr.matrix("a"), cr.vector("b")
    value = (cr.linalg.solve(a, b) * b).sum() + cr.linalg.slogdet(a)[1] + cr.linalg.inv(a).sum() + cr.linalg.det(a)
    f = cr.function([a, b], [value, cr.grad(value, a), cr.grad(value, b)])
    assert sorted(routines(f)) == ["lu", "lu_inverse", "lu_solve", "lu_solve"]
    x, y = good(7, 7), RNG.standard_normal(7)
    np.testing.assert_allclose(f(x, y)[0], y @ np.linalg.solve(x, y) + np.linalg.slogdet(x)[1] + np.linalg.inv(x).sum() + np.linalg.det(x))


def test_the_gradient_of_a_likelihood_takes_the_factor_and_solves_triangular_systems() -> None:
    k, y = cr.tensor("k", (9, 9)), cr.tensor("y", (9,))
    factor = cr.linalg.cholesky(k)
    white = cr.linalg.solve_triangular(factor, y)
    cost = (white * white).sum() / 2 + cr.log(cr.diagonal(factor)).sum()
    f = cr.function([k, y], [cost, cr.grad(cost, k)])
    assert routines(f) == ["cholesky"] + ["solve_triangular"] * 4
    x, data = good(9, 9), RNG.standard_normal(9)
    inverse = np.linalg.inv(x)
    value, slope = f(x, data)
    np.testing.assert_allclose(value, data @ inverse @ data / 2 + np.linalg.slogdet(x)[1] / 2)
    np.testing.assert_allclose(slope, (inverse - np.outer(inverse @ data, inverse @ data)) / 2, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n", [4, 30])
@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_arguments_in_any_order_and_along_diagonals(n: int, order: tuple[int, ...]) -> None:
    matrices = good(3, n, n)
    x = cr.tensor("x", tuple([(3, n, n)[axis] for axis in order]))
    back = tuple(np.argsort(order))
    given = np.ascontiguousarray(matrices.transpose(order))
    seen = cr.transpose(x, back)
    f = cr.function([x], [cr.linalg.cholesky(seen), cr.linalg.solve(seen, np.ones(n)), cr.linalg.solve_triangular(seen, np.eye(n))])
    wanted = np.linalg.cholesky(matrices), np.linalg.solve(matrices, np.ones((3, n, 1)))[..., 0], np.linalg.inv(np.tril(matrices))
    for found, value in zip(f(given), wanted):
        np.testing.assert_allclose(found, value, rtol=1e-9, atol=1e-12)
    y = cr.tensor("y", (n, n, n))
    crossed = cr.function([y], cr.linalg.inv(cr.einsum("iij->ij", y) + 3 * cr.eye(n)))
    cube = RNG.random((n, n, n)) / n
    np.testing.assert_allclose(crossed(cube), np.linalg.inv(np.einsum("iij->ij", cube) + 3 * np.eye(n)), rtol=1e-9, atol=1e-12)


def test_what_is_the_same_along_an_axis() -> None:
    x = cr.tensor("x", (4,))
    f = cr.function([x], [cr.linalg.svdvals(cr.broadcast_to(x, (3, 4))), cr.linalg.solve(np.diag([1.0, 2, 4, 5]), cr.broadcast_to(x[:, None], (4, 2)))])
    given = np.arange(1.0, 5)
    np.testing.assert_allclose(f(given)[0], [np.sqrt(3 * (given**2).sum()), 0, 0], atol=1e-12)
    np.testing.assert_allclose(f(given)[1], np.repeat(given[:, None] / [[1], [2], [4], [5]], 2, 1))
    assert routines(f).count("svd") == 1


@pytest.mark.parametrize("solve", [cr.linalg.solve, cr.linalg.solve_triangular])
def test_vectors_for_one_matrix_are_the_columns_of_one_call(solve: Any) -> None:
    a, b = cr.tensor("a", (2, None, None)), cr.tensor("b", (None, 2, None))
    mapped = cr.vmap(lambda rights: cr.vmap(solve)(a, rights))(b)
    f = cr.function([a, b], [mapped, *cr.grad((mapped**2).sum(), [a, b])])
    calls = [call for call in every_call(f.caller.executable.program.calls) if isinstance(call, Matrices)]
    assert {len(call.lengths) for call in calls} == {1}
    for count in (0, 1, 5):
        x, y = good(2, 4, 4), RNG.standard_normal((count, 2, 4))
        value, of_a, of_b = f(x, y)
        lower = np.tril(x) if solve is cr.linalg.solve_triangular else x
        wanted = np.linalg.solve(lower, y[..., None])[..., 0]
        right = 2 * np.linalg.solve(lower.swapaxes(-1, -2), wanted[..., None])[..., 0]
        outer = -np.einsum("bki,bkj->kij", right, wanted)
        np.testing.assert_allclose(value, wanted)
        np.testing.assert_allclose(of_b, right)
        np.testing.assert_allclose(of_a, outer if lower is x else np.tril(outer), atol=1e-12)


def test_a_matrix_with_itself_as_the_right_side() -> None:
    x = cr.matrix("x")
    np.testing.assert_allclose(cr.function([x], cr.linalg.solve(x, x))(good(5, 5)), np.eye(5), atol=1e-12)


def test_stacks_that_broadcast() -> None:
    a, b = cr.tensor("a", (None, 1, 3, 3)), cr.tensor("b", (5, 3, 2))
    f = cr.function([a, b], [cr.linalg.solve(a, b), cr.grad((cr.linalg.solve(a, b) ** 2).sum(), a)])
    for count in (0, 1, 2):
        matrices, sides = good(count, 1, 3, 3), RNG.standard_normal((5, 3, 2))
        value, slope = f(matrices, sides)
        np.testing.assert_allclose(value, np.linalg.solve(matrices, np.broadcast_to(sides, (count, 5, 3, 2))))
        assert slope.shape == matrices.shape


def test_empty_stacks_where_there_is_working_memory() -> None:
    x = cr.tensor("x", (None, 3, 2))
    f = cr.function([x], [*cr.linalg.svd(x), *cr.linalg.qr(x), *cr.linalg.eigh(cr.matrix_transpose(x) @ x)])
    assert [array.shape for array in f(np.zeros((0, 3, 2)))] == [(0, 3, 2), (0, 2), (0, 2, 2), (0, 3, 2), (0, 2, 2), (0, 2), (0, 2, 2)]


def test_stacks_of_numbers() -> None:
    x = cr.tensor("x", (3, 1, 1))
    given = np.array([2.0, 4, 5]).reshape(3, 1, 1)
    found = cr.function([x], [cr.linalg.inv(x), cr.linalg.cholesky(x), cr.linalg.solve(x, x), *cr.linalg.eigh(x), *cr.linalg.svd(x), *cr.linalg.qr(x)])(given)
    for array, wanted in zip(found, (1 / given, np.sqrt(given), np.ones(3), given, np.ones(3), np.ones(3), given, np.ones(3), np.ones(3), given)):
        np.testing.assert_allclose(abs(array).ravel(), np.ravel(wanted))


def test_results_that_nobody_wants_are_not_computed() -> None:
    x = cr.matrix("x")
    f = cr.function([x], [cr.linalg.eigvalsh(x), cr.linalg.svdvals(x), cr.linalg.qr(x)[1]])
    left_out = [sum(stack.pointer < 0 for stack in call.matrices) for call in every_call(f.caller.executable.program.calls) if isinstance(call, Matrices)]
    assert sorted(left_out) == [1, 1, 2]
    matrix = good(6, 6)
    for found, wanted in zip(f(matrix), (np.linalg.eigvalsh(matrix), np.linalg.svd(matrix)[1], np.linalg.qr(matrix)[1])):
        np.testing.assert_allclose(found, wanted, rtol=1e-9)


def filtered(m: Any, scan: Any, p: Any, ys: Any) -> Any:
    """The likelihood of a Kalman filter with a state of three numbers and two observations a step."""
    transition = np.array([[1, 0.1, 0], [0, 1, 0.1], [0, 0, 0.9]])
    observed = np.array([[1.0, 0, 0], [0, 1, 1]])

    def step(carry: Any, y: Any) -> Any:
        mean, covariance, total = carry
        mean = transition @ mean
        covariance = transition @ covariance @ transition.T + p[0] * np.eye(3)
        spread = observed @ covariance @ observed.T + p[1] * np.eye(2)
        rest = y - observed @ mean
        gain = m.linalg.solve(spread, observed @ covariance)
        total = total - 0.5 * (rest @ m.linalg.solve(spread, rest) + m.linalg.slogdet(spread)[1])
        return (mean + rest @ gain, covariance - covariance @ observed.T @ gain, total)

    return scan(step, (np.zeros(3), np.eye(3), 0.0), ys)


def test_a_filter_is_a_native_loop() -> None:
    ys = RNG.standard_normal((20, 2))

    def native(p: Any, ys: Any) -> Any:
        return filtered(cr, lambda step, first, xs: cr.scan(lambda c, y: (step(c, y), None), first, xs)[0][2], p, ys)

    def plain(p: np.ndarray) -> float:
        def scan(step: Any, carry: Any, xs: np.ndarray) -> float:
            for x in xs:
                carry = step(carry, x)
            return carry[2]

        return filtered(np, scan, p, ys)

    p, observations = cr.tensor("p", (2,)), cr.tensor("y", (20, 2))
    value = native(p, observations)
    f = cr.function([p, observations], [value, cr.grad(value, p)])
    assert len(routines(f)) > 2
    loops = [call for call in f.caller.executable.program.calls if isinstance(call, Loop)]
    assert any(isinstance(call, Matrices) for loop in loops for call in every_call(loop.calls))
    at = np.array([0.3, 0.5])
    found, slope = f(at, ys)
    np.testing.assert_allclose(found, plain(at), rtol=1e-10)
    by_steps = [(plain(at + e) - plain(at - e)) / 2e-6 for e in 1e-6 * np.eye(2)]
    np.testing.assert_allclose(slope, by_steps, rtol=1e-5)


@pytest.mark.parametrize("n", [3, 30])
def test_a_matrix_without_an_answer_is_named_with_its_line(n: int) -> None:
    x = cr.tensor("x", (None, n, n))
    stack = good(5, n, n)
    stack[3] = 0
    factor = cr.function([x], cr.linalg.cholesky(x))
    with pytest.raises(cr.MatrixError, match=r"(?s)cholesky: the matrix number 3 of the stack is not positive definite.*test_machine.py"):
        factor(stack)
    with pytest.raises(np.linalg.LinAlgError, match="solve: the matrix number 3 of the stack is singular"):
        cr.function([x], cr.linalg.solve(x, np.ones(n)))(stack)
    with pytest.raises(cr.MatrixError, match="inv: the matrix is singular"):
        cr.jit(cr.linalg.inv)(np.zeros((n, n)))
    with pytest.raises(cr.MatrixError, match="no eigenvalues"):
        cr.jit(cr.linalg.eigh)(np.full((4, 4), np.nan))
    with pytest.raises(cr.MatrixError, match="not positive definite"):
        cr.jit(lambda xs: cr.scan(lambda c, x: (c + cr.linalg.cholesky(x), None), np.zeros((n, n)), xs)[0])(stack)
    sign, size = cr.jit(cr.linalg.slogdet)(np.zeros((n, n)))
    assert (sign, size) == (0, -np.inf)
    assert np.isnan(np.tril(factor(np.full((1, n, n), np.nan)))[0, -1, 0])
    np.testing.assert_allclose(factor(good(2, n, n) * 0 + np.eye(n)), np.broadcast_to(np.eye(n), (2, n, n)))


def test_a_call_that_fails_leaves_shared_variables_and_donated_inputs() -> None:
    state = cr.shared(np.eye(2), "state")
    x = cr.tensor("x", (2, 2))
    f = cr.function([x], cr.linalg.inv(x).sum(), updates={state: state + cr.linalg.cholesky(x)})
    with pytest.raises(cr.MatrixError):
        f(-np.eye(2))
    np.testing.assert_array_equal(state.get_value(), np.eye(2))


def test_derivatives_of_any_order() -> None:
    x = cr.tensor("x", ())
    a = np.array([[2.0, 1], [1, 3]])
    moved = a + x * np.eye(2)
    value = cr.linalg.solve(moved, np.ones(2))[0] + cr.linalg.solve_triangular(moved, np.ones(2))[1] + cr.linalg.cholesky(moved)[1, 1]
    slopes = [value]
    for _ in range(4):
        slopes.append(cr.grad(slopes[-1], x))
    found = cr.function([x], slopes)(0.3)
    f = cr.function([x], slopes[:4])
    by_steps = [(up - down) / 2e-4 for up, down in zip(f(0.3001), f(0.2999))]
    np.testing.assert_allclose(found[1:], by_steps, rtol=1e-4)

"""Derivatives on the kinds: every function of the table, ties, zeros, casts, any order."""

from __future__ import annotations

import numpy as np
import pytest
from algebra_arrays import Array, apply, arange, array, einsum, int64, jacobian, value, where
from test_random_programs import differences

from croton import algebra
from croton.algebra import FUNCTIONS, Label, constant, contract
from croton.algebra.node import origin
from croton.algebra.scalar import FLAT
from croton.derivatives.derive import derive
from croton.dtypes import bool_, float32, float64
from croton.sizes import symbol

N, M = symbol("N"), symbol("M")
SMOOTH = np.array([0.3, 0.45, 0.8])
POINTS = {
    "acosh": SMOOTH + 1,
    "lgamma": SMOOTH + 1,
    "digamma": SMOOTH + 1,
    "log": SMOOTH,
    "tan": SMOOTH,
}
SECOND = np.array([0.7, 1.3, 0.23])


@pytest.mark.parametrize("name", [name for name, function in FUNCTIONS.items() if function.arity < 3 and "f" in function.takes])
def test_every_function_of_the_table(name: str) -> None:
    function = FUNCTIONS[name]
    if function.result == "bool" or name in ("cast", "polygamma"):
        return
    environment = {"x": POINTS.get(name, SMOOTH).copy(), "y": SECOND.copy()}
    x, y = array("x", 3), array("y", 3)
    z = apply(name, x) if function.arity == 1 else apply(name, x, y)
    np.testing.assert_allclose(value(z, environment), function.numpy(*[environment[key] for key in "xy"[: function.arity]]))
    for wrt in (x, y)[: function.arity]:
        key = "x" if wrt is x else "y"
        first = jacobian(z, wrt)
        if name != "stop":
            numeric = differences(lambda: value(z, environment), environment[key])
            np.testing.assert_allclose(value(first, environment), numeric, rtol=1e-6, atol=1e-6)
        else:
            assert not value(first, environment).any()
        if name == "nextafter":
            continue
        second = jacobian(first, wrt)
        numeric = differences(lambda: value(first, environment), environment[key])  # noqa: B023
        np.testing.assert_allclose(value(second, environment), numeric, rtol=1e-5, atol=1e-5)


def test_no_derivative_is_said_clearly() -> None:
    x = array("x", N)
    with pytest.raises(NotImplementedError, match="not supported: the derivative of polygamma"):
        jacobian(apply("polygamma", x, 0.5), x)
    with pytest.raises(TypeError, match="no derivative with respect to a value of dtype int64"):
        jacobian(x, array("n", N, dtype=int64))


def test_digamma_is_the_slope_of_lgamma() -> None:
    x = np.array([-2.5, -0.3, 0.1, 0.9, 3.0, 40.0])
    digamma = value(apply("digamma", array("x", 6)), {"x": x})
    expected = (FUNCTIONS["lgamma"].numpy(x + 1e-6) - FUNCTIONS["lgamma"].numpy(x - 1e-6)) / 2e-6
    np.testing.assert_allclose(digamma, expected, rtol=1e-6, atol=1e-6)


def test_lgamma_has_derivatives_of_any_order() -> None:
    x, given = array("x", 5), {"x": np.array([-2.5, -0.3, 0.4, 0.9, 3.0])}
    slope = jacobian(apply("lgamma", x).sum(), x)
    for order in range(1, 5):
        following = jacobian(slope.sum(), x)
        np.testing.assert_allclose(value(following, given), FUNCTIONS["polygamma"].numpy(float(order), given["x"]), rtol=1e-13)
        numeric = np.diagonal(differences(lambda: value(slope, given), given["x"]))  # noqa: B023
        np.testing.assert_allclose(value(following, given), numeric, rtol=1e-6, atol=1e-6)
        slope = following


@pytest.mark.parametrize("function", ["max", "min"])
def test_ties_share_equally(function: str) -> None:
    x = array("x", N, M)
    values = np.array([[1.0, 2.0, 2.0], [2.0, 1.0, 1.0]]) * (1 if function == "max" else -1)
    gradient = value(jacobian(x.reduce(function, 1).sum(), x), {"x": values}, {"N": 2, "M": 3})
    np.testing.assert_array_equal(gradient, [[0, 0.5, 0.5], [1, 0, 0]])
    everywhere = value(jacobian(x.reduce(function, (0, 1)) * 3, x), {"x": values}, {"N": 2, "M": 3})
    np.testing.assert_array_equal(everywhere, [[0, 1, 1], [1, 0, 0]])
    pair = value(jacobian(apply(function + "imum", x, 2.0 if function == "max" else -2.0).sum(), x), {"x": values}, {"N": 2, "M": 3})
    np.testing.assert_array_equal(pair, [[0, 0.5, 0.5], [0.5, 0, 0]])


def test_running_maxima_share_equally() -> None:
    x = array("x", N)
    gradient = value(jacobian(x.cumulate("max", 0), x), {"x": np.array([1.0, 1.0, 0.0, 3.0])}, {"N": 4})
    np.testing.assert_array_equal(gradient, [[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0, 1]])


@pytest.mark.parametrize("values", [[2.0, 0.0, 3.0], [0.0, 0.0, 3.0], [2.0, 5.0, 3.0], [0.0, 0.0, 0.0]])
def test_products_with_zeros_to_second_order(values: list[float]) -> None:
    x = array("x", N)
    environment, sizes = {"x": np.array(values)}, {"N": 3}
    a, b, c = values
    for z, first, second in (
        (x.reduce("prod"), [b * c, a * c, a * b], [[0, c, b], [c, 0, a], [b, a, 0]]),
        (x.cumulate("prod", 0).sum(), [1 + b + b * c, a + a * c, a * b], [[0, 1 + c, b], [1 + c, 0, a], [b, a, 0]]),
        (x.cumulate("prod", 0, True).sum(), [b * c, a * c + c, a * b + b + 1], [[0, c, b], [c, 0, a + 1], [b, a + 1, 0]]),
    ):
        np.testing.assert_allclose(value(jacobian(z, x), environment, sizes), first)
        np.testing.assert_allclose(value(jacobian(jacobian(z, x), x), environment, sizes), second)


def test_products_over_two_axes_with_zeros() -> None:
    x = array("x", N, M)
    environment, sizes = {"x": np.array([[2.0, 0.0], [3.0, 5.0]])}, {"N": 2, "M": 2}
    np.testing.assert_allclose(value(jacobian(x.reduce("prod"), x), environment, sizes), [[0, 30], [0, 0]])
    repeated = Array((), algebra.reduce("prod", x.use, [*x.use.labels, Label(3)]))
    np.testing.assert_allclose(value(repeated, {"x": environment["x"] + 1}, sizes), (3 * 1 * 4 * 6) ** 3)


def test_the_branch_not_taken_contributes_zero() -> None:
    x = array("x", N)
    environment, sizes = {"x": np.array([0.0, 4.0])}, {"N": 2}
    safe = where(apply("gt", x, 0.0), apply("sqrt", x), x)
    np.testing.assert_array_equal(value(jacobian(safe.sum(), x), environment, sizes), [1.0, 0.25])
    guarded = where(apply("gt", x, 0.0), apply("log", x), 0.0)
    np.testing.assert_array_equal(value(jacobian(guarded.sum(), x), environment, sizes), [0.0, 0.25])
    power = apply("pow", x, array("b", N))
    found = value(jacobian(power.sum(), x), {**environment, "b": np.array([0.0, 2.0])}, sizes)
    np.testing.assert_array_equal(found, [0.0, 8.0])


def test_logsumexp_gives_softmax() -> None:
    x = array("x", N, M)
    values = np.array([[1000.0, 1001.0], [-np.inf, 0.0]])
    gradient = value(jacobian(x.reduce("lse", 1).sum(), x), {"x": values}, {"N": 2, "M": 2})
    np.testing.assert_allclose(gradient, [[1 / (1 + np.e), np.e / (1 + np.e)], [0, 1]])


def test_casts_between_floats_carry_derivatives_and_integers_do_not() -> None:
    x = array("x", N, dtype=float32)
    y = apply("cast", x, dtype=float64) ** 2
    gradient = jacobian(y.sum(), x)
    assert gradient.use.node.dtype is float32
    np.testing.assert_array_equal(value(gradient, {"x": np.array([1, 2], np.float32)}, {"N": 2}), [2, 4])
    rounded = apply("cast", apply("cast", x, dtype=int64), dtype=float32)
    assert derive([rounded.use], [rounded.use], [x.use.node]) == [None]
    assert derive([apply("floor", x).use], [x.use], [x.use.node]) == [None]


def test_an_anchor_is_a_value_to_differentiate_with_respect_to() -> None:
    x = array("x", N)
    h = apply("identity", apply("tanh", x))
    assert (h * h).use.node.args[0][0] is h.use.node
    y = (h**3).sum()
    np.testing.assert_allclose(value(jacobian(y, h), {"x": np.array([0.5])}, {"N": 1}), 3 * np.tanh([0.5]) ** 2)
    both = derive([y.use], [constant(1, float64)], [h.use.node, x.use.node])
    assert both[0] is not None and both[1] is not None
    stopped = apply("stop", x) * x
    np.testing.assert_array_equal(value(jacobian(stopped.sum(), x), {"x": np.array([3.0])}, {"N": 1}), [3.0])


def test_several_outputs_and_seeds() -> None:
    x = array("x", N)
    y, z = (x**2).sum(), x
    label = x.axes[0]
    g = algebra.input_("g", [label], float64)
    ((use, labels),) = derive([y.use, z.use], [constant(2, float64), g], [x.use.node])
    found = value(Array(labels, use), {"x": np.array([1.0, 2.0]), "g": np.array([10.0, 20.0])}, {"N": 2})
    np.testing.assert_array_equal(found, [14.0, 28.0])
    seed = Label(4)
    directions = algebra.input_("d", [seed, label], float64)
    ((use, labels),) = derive([z.use], [directions], [x.use.node])
    assert use.node is directions.node and set(use.labels) == {seed, *labels}


def test_a_repeated_label_gives_a_diagonal() -> None:
    A = array("A", N, N)
    values = np.arange(9.0).reshape(3, 3)
    trace = einsum("ii->", A)
    np.testing.assert_array_equal(value(jacobian(trace, A), {"A": values}, {"N": 3}), np.eye(3))
    third = jacobian(jacobian(einsum("ii->", A @ A @ A), A), A)
    found = value(third, {"A": values}, {"N": 3})
    np.testing.assert_allclose(found, differences(lambda: value(jacobian(einsum("ii->", A @ A @ A), A), {"A": values}, {"N": 3}), values), rtol=1e-6)


def test_a_cotangent_sums_over_what_the_output_is_broadcast_over() -> None:
    b, x = array("b", M), array("x", N, M)
    gradient = jacobian((x * 0 + b).sum(), b)
    assert gradient.use.node.param.sizes == ((N, 1),)
    np.testing.assert_array_equal(value(gradient, {"b": np.zeros(2), "x": np.zeros((3, 2))}, {"N": 3, "M": 2}), [3, 3])


def test_functions_without_slope_have_none() -> None:
    assert all(FUNCTIONS[name].derivatives == (FLAT,) for name in ("floor", "sign", "round", "stop", "isnan"))
    mask = array("m", N, dtype=bool_)
    x = array("x", N)
    gradient = jacobian((x * mask_like(mask, x)).sum(), x)
    assert gradient.use.node.kind == "contract" and gradient.use.node.args[0][0].dtype is bool_


def mask_like(mask: Array, x: Array) -> Array:
    return Array(x.axes, algebra.relabel(mask.use, dict(zip(mask.axes, x.axes))))


def test_a_deep_graph_is_differentiated_without_recursion() -> None:
    x = array("x", N)
    y = x
    for place in range(3000):
        y = apply("tanh", y) + x * (place % 7)
    gradient = jacobian(y.sum(), x)
    assert len(list(algebra.walk([gradient.use.node]))) > 3000


def test_label_values_have_no_derivative() -> None:
    x = array("x", N)
    y = x * apply("cast", arange(N), dtype=float64)
    np.testing.assert_array_equal(value(jacobian(y.sum(), x), {}, {"N": 3}), [0, 1, 2])
    assert contract([], [(y.use, 1)], 1, y.use.labels).node.kind == "contract"


def test_adjoints_carry_the_line_they_come_from() -> None:
    x = array("x", N)
    origin.current = "line 1"
    y = apply("sinh", x)
    origin.current = None
    gradient = jacobian(y.sum(), x)
    assert gradient.use.node.origin == "line 1" and origin.current is None


@pytest.mark.parametrize(("reverse", "exclusive"), [(False, False), (True, False), (False, True), (True, True)])
def test_the_running_product_of_what_does_not_change_is_a_power(reverse: bool, exclusive: bool) -> None:
    x, along = array("x", N), Label(M)
    use = algebra.cumulate("prod", x.use, along, reverse, exclusive)
    found = value(Array((x.axes[0], along), use), {"x": np.array([2.0, 3.0])}, {"N": 2, "M": 3})
    count = np.arange(3) + (0 if exclusive else 1)
    np.testing.assert_array_equal(found, np.array([[2.0], [3.0]]) ** (count[::-1] if reverse else count))

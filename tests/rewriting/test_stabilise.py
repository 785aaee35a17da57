"""Values and gradients at extreme inputs against long double references, stabilised before deriving, and before and after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.algebra import Label, Use, add, affine, constant, contract, input_, interpret, scalar, select
from croton.algebra.coefficient import of_size
from croton.algebra.node import Node
from croton.algebra.reduce import reduce
from croton.derivatives.derive import derive
from croton.dtypes import bool_, float32, float64, int64
from croton.rewriting.stabilise import RULES, stabilise

BIG = np.array([-1000.0, -100.0, -30.0, -1.0, -1e-3, 0.0, 1e-3, 1.0, 30.0, 100.0, 1000.0])
SMALL = np.array([-1e-3, -1e-8, -1e-12, 1e-300, 1e-12, 1e-8, 1e-3, 0.5])
Build = Callable[[Use, Label], Use]


def one(x: Use) -> Use:
    return constant(1.0, x.dtype)


def plus(x: Use, y: Use, sign: float = 1.0) -> Use:
    return add([(x, 1), (y, sign)])


def times(*factors: tuple[Use, int]) -> Use:
    return contract({label for use, _ in factors for label in use.labels}, factors)


def exp(x: Use) -> Use:
    return scalar("exp", x)


def log(x: Use) -> Use:
    return scalar("log", x)


def negative(x: Use) -> Use:
    return contract(x.labels, [(x, 1)], -1.0)


def total(x: Use, j: Label) -> Use:
    return contract(set(x.labels) - {j}, [(x, 1)], 1.0, [j])


def softmax(x: Use, j: Label) -> Use:
    e = exp(x)
    return times((e, 1), (total(e, j), -1))


def wide(x: np.ndarray) -> np.ndarray:
    return x.astype(np.longdouble)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


def mean_of_powers(x: np.ndarray, most: int) -> np.ndarray:
    """The derivative of log(1 + exp x + ... + exp(most x))."""
    weights = np.exp(np.multiply.outer(np.arange(most + 1), x) - most * np.maximum(x, 0))
    return (weights * np.arange(most + 1)[:, None]).sum(0) / weights.sum(0)


def values(build: Build, x: np.ndarray, after: bool, dtype: Any = float64, counts: dict | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Value and gradient of the sum of the value."""
    j = Label(len(x))
    use = input_("x", [j], dtype)
    (value,) = stabilise([build(use, j)], counts)
    cotangent = constant(1.0, dtype)
    (derivative,) = derive([value], [cotangent], [use.node])
    assert derivative is not None
    gradient, (axis,) = derivative
    uses = [value, gradient]
    if after:
        uses = stabilise(uses, counts)
    results = interpret(uses, {"x": x.astype(dtype.numpy)})
    gradient_value = results[1] if results[1].ndim else np.full(len(x), results[1])
    assert axis.size == len(x)
    return results[0], gradient_value


POINTWISE: dict[str, tuple[Build, np.ndarray, Callable, Callable]] = {
    "log exp": (lambda x, j: log(exp(x)), BIG, lambda x: x, np.ones_like),
    "log(1+exp)": (lambda x, j: log(plus(one(x), exp(x))), BIG, lambda x: np.logaddexp(0, x), sigmoid),
    "log1p(exp)": (lambda x, j: scalar("log1p", exp(x)), BIG, lambda x: np.logaddexp(0, x), sigmoid),
    "log sigmoid": (lambda x, j: log(scalar("sigmoid", x)), BIG, lambda x: -np.logaddexp(0, -x), lambda x: sigmoid(-x)),
    "log(1-sigmoid)": (
        lambda x, j: log(plus(one(x), scalar("sigmoid", x), -1)),
        BIG,
        lambda x: -np.logaddexp(0, x),
        lambda x: -sigmoid(x),
    ),
    "log1p(-sigmoid)": (
        lambda x, j: scalar("log1p", negative(scalar("sigmoid", x))),
        BIG,
        lambda x: -np.logaddexp(0, x),
        lambda x: -sigmoid(x),
    ),
    "log(1/(1+exp(-x)))": (
        lambda x, j: log(times((plus(one(x), exp(negative(x))), -1))),
        BIG,
        lambda x: -np.logaddexp(0, -x),
        lambda x: sigmoid(-x),
    ),
    "1/(1+exp(-x))": (
        lambda x, j: times((plus(one(x), exp(negative(x))), -1)),
        BIG[:-4],
        sigmoid,
        lambda x: sigmoid(x) * sigmoid(-x),
    ),
    "exp/(1+exp)": (
        lambda x, j: times((exp(x), 1), (plus(one(x), exp(x)), -1)),
        BIG[:-4],
        sigmoid,
        lambda x: sigmoid(x) * sigmoid(-x),
    ),
    "log(1+x)": (lambda x, j: log(plus(one(x), x)), SMALL, np.log1p, lambda x: 1 / (1 + x)),
    "log(1-x)": (lambda x, j: log(plus(one(x), x, -1)), SMALL, lambda x: np.log1p(-x), lambda x: -1 / (1 - x)),
    "exp-1": (lambda x, j: plus(exp(x), one(x), -1), SMALL, np.expm1, np.exp),
    "1-exp": (lambda x, j: plus(one(x), exp(x), -1), SMALL, lambda x: -np.expm1(x), lambda x: -np.exp(x)),
    "2exp-2": (
        lambda x, j: add([(exp(x), 2), (one(x), -2)]),
        SMALL,
        lambda x: 2 * np.expm1(x),
        lambda x: 2 * np.exp(x),
    ),
    "log(1-exp)": (
        lambda x, j: log(plus(one(x), exp(x), -1)),
        -np.abs(np.array([1e-300, 1e-12, 1e-3, 0.5, 0.7, 1.0, 40.0, 100.0])),
        lambda x: np.where(x > -0.69, np.log(-np.expm1(x)), np.log1p(-np.exp(x))),
        lambda x: np.exp(x) / np.expm1(x),
    ),
    "log(exp x exp 2x)": (
        lambda x, j: log(times((exp(x), 1), (exp(contract(x.labels, [(x, 1)], 2.0)), 1))),
        BIG,
        lambda x: 3 * x,
        lambda x: np.full_like(x, 3),
    ),
    "log(exp x + exp -x)": (
        lambda x, j: log(plus(exp(x), exp(negative(x)))),
        BIG,
        lambda x: np.logaddexp(x, -x),
        np.tanh,
    ),
    "log(2 exp x + 3 exp -x)": (
        lambda x, j: log(add([(exp(x), 2), (exp(negative(x)), 3)])),
        BIG,
        lambda x: np.logaddexp(x + np.log(np.longdouble(2)), np.log(np.longdouble(3)) - x),
        lambda x: np.tanh(x + np.log(np.longdouble(2) / 3) / 2),
    ),
    "log((exp x + exp -x) / 2)": (
        lambda x, j: log(contract(x.labels, [(plus(exp(x), exp(negative(x))), 1)], 0.5)),
        BIG,
        lambda x: np.logaddexp(x, -x) - np.log(np.longdouble(2)),
        np.tanh,
    ),
    "log(cosh x)": (lambda x, j: log(scalar("cosh", x)), BIG, lambda x: np.logaddexp(x, -x) - np.log(np.longdouble(2)), np.tanh),
    "log(1 + exp x + exp 2x)": (
        lambda x, j: log(add([(one(x), 1), (exp(x), 1), (exp(contract(x.labels, [(x, 1)], 2.0)), 1)])),
        BIG,
        lambda x: np.logaddexp(np.logaddexp(0, x), 2 * x),
        lambda x: mean_of_powers(x, 2),
    ),
    "log(0.5 (1 + tanh(x / 2)))": (
        lambda x, j: log(contract(x.labels, [(plus(one(x), scalar("tanh", contract(x.labels, [(x, 1)], 0.5))), 1)], 0.5)),
        BIG,
        lambda x: -np.logaddexp(0, -x),
        lambda x: sigmoid(-x),
    ),
    "log(0.5 - 0.5 tanh(x / 2))": (
        lambda x, j: log(add([(one(x), 0.5), (scalar("tanh", contract(x.labels, [(x, 1)], 0.5)), -0.5)])),
        BIG,
        lambda x: -np.logaddexp(0, x),
        lambda x: -sigmoid(x),
    ),
    "log(1 - tanh(x)**2)": (
        lambda x, j: log(plus(one(x), times((scalar("tanh", x), 2)), -1)),
        BIG,
        lambda x: 2 * np.log(np.longdouble(2)) - 2 * np.logaddexp(x, -x),
        lambda x: -2 * np.tanh(x),
    ),
    "log(0.25 - 0.25 tanh(x)**2)": (
        lambda x, j: log(add([(one(x), 0.25), (times((scalar("tanh", x), 2)), -0.25)])),
        BIG,
        lambda x: -2 * np.logaddexp(x, -x),
        lambda x: -2 * np.tanh(x),
    ),
    "log(exp x - 1)": (
        lambda x, j: log(plus(exp(x), one(x), -1)),
        np.array([1e-300, 1e-12, 1e-3, 0.5, 2.0, 40.0, 800.0, 1e5]),
        lambda x: x + np.log(-np.expm1(-x)),
        lambda x: -1 / np.expm1(-x),
    ),
    "log10(exp x)": (lambda x, j: scalar("log10", exp(x)), BIG, lambda x: x / np.log(np.longdouble(10)), lambda x: np.ones_like(x) / np.log(np.longdouble(10))),
    "log2(1 + exp x)": (
        lambda x, j: scalar("log2", plus(one(x), exp(x))),
        BIG,
        lambda x: np.logaddexp(0, x) / np.log(np.longdouble(2)),
        lambda x: sigmoid(x) / np.log(np.longdouble(2)),
    ),
}

ADDED = {
    "log(2 exp x + 3 exp -x)", "log((exp x + exp -x) / 2)", "log(cosh x)", "log(0.5 (1 + tanh(x / 2)))", "log(0.5 - 0.5 tanh(x / 2))",
    "log(1 - tanh(x)**2)", "log(0.25 - 0.25 tanh(x)**2)",
}  # fmt: skip


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("name", POINTWISE)
def test_pointwise(name: str, after: bool) -> None:
    build, x, value, gradient = POINTWISE[name]
    found, slope = values(build, x, after)
    with np.errstate(all="ignore"):
        # Where two logarithms add up to 0, what is left has the rounding of both.
        least = 4e-16 if name in ADDED else 1e-300
        np.testing.assert_allclose(found, value(wide(x)).astype(np.float64), rtol=4e-15, atol=least)
        np.testing.assert_allclose(slope, gradient(wide(x)).astype(np.float64), rtol=4e-13, atol=1e-300)


@pytest.mark.parametrize("after", [False, True])
def test_x_log_x_at_zero(after: bool) -> None:
    x = np.array([0.0, 1e-300, 0.5, 2.0])
    found, slope = values(lambda u, j: times((u, 1), (log(u), 1)), x, after)
    np.testing.assert_allclose(found[1:], x[1:] * np.log(x[1:]), rtol=1e-15)
    assert found[0] == 0 and slope[0] == -np.inf
    np.testing.assert_allclose(slope[1:], np.log(x[1:]) + 1, rtol=1e-15)


OFFSETS = [np.array([1.0, 2.0, -0.5, 0.0]) + offset for offset in (0.0, 1e3, -1e3)] + [np.array([0.0, -1000.0, 1000.0, 999.0])]


def depth(node: Node) -> int:
    return 1 + max((depth(argument[0]) for argument in node.args), default=0)


def lse(x: np.ndarray) -> np.ndarray:
    return np.log(np.exp(x - x.max()).sum()) + x.max()


@pytest.mark.parametrize("x", OFFSETS)
@pytest.mark.parametrize("after", [False, True])
def test_logsumexp(x: np.ndarray, after: bool) -> None:
    counts: dict[str, int] = {}
    found, slope = values(lambda u, j: log(total(exp(u), j)), x, after, counts=counts)
    np.testing.assert_allclose(found, float(lse(wide(x))), rtol=1e-15)
    exact = np.exp(wide(x) - lse(wide(x))).astype(np.float64)
    np.testing.assert_allclose(slope, exact, rtol=1e-13 if after else 1e-12, atol=1e-300)
    assert counts["log_of_sum_of_exponentials"] == 1
    assert ("exp_of_difference_to_lse" in counts) == after


@pytest.mark.parametrize("x", OFFSETS)
@pytest.mark.parametrize("after", [False, True])
def test_logarithms_of_sums_of_exponentials_in_other_words(x: np.ndarray, after: bool) -> None:
    """The mean, a multiple, another base, 1 and the sum, and a sum of which a mask leaves a part."""
    mask = np.array([True, False, True, True])
    spread = np.exp(wide(x) - lse(wide(x)))
    kept = np.where(mask, wide(x), -np.inf)
    cases: list[tuple[Build, Any, Any]] = [
        (lambda u, j: log(contract([], [(exp(u), 1)], of_size(4, -1), [j])), lse(wide(x)) - np.log(np.longdouble(4)), spread),
        (lambda u, j: log(contract([], [(exp(u), 1)], 3.0, [j])), lse(wide(x)) + np.log(np.longdouble(3)), spread),
        (lambda u, j: scalar("log2", total(exp(u), j)), lse(wide(x)) / np.log(np.longdouble(2)), spread / np.log(np.longdouble(2))),
        (lambda u, j: log(plus(constant(1.0, float64), total(exp(u), j))), np.logaddexp(0, lse(wide(x))), spread * sigmoid(lse(wide(x)))),
        (lambda u, j: log(contract([], [(exp(u), 1), (constant(mask, bool_, [j]), 1)], 1.0, [j])), lse(kept), np.exp(kept - lse(kept))),
    ]
    for build, value, slope in cases:
        found, gradient = values(build, x, after)
        np.testing.assert_allclose(found, float(value), rtol=1e-15)
        np.testing.assert_allclose(gradient, slope.astype(np.float64), rtol=2e-12, atol=1e-300)


def test_a_sum_beside_other_terms_may_be_one_of_nothing() -> None:
    """All masked, or all exponents -inf: what is left has its derivatives, second ones too."""
    x, y = cr.vector("x"), cr.scalar("y")
    for total in (cr.where(x > 0, cr.exp(x), 0).sum(), cr.exp(x - np.inf).sum()):
        for cost in (cr.log(total + cr.exp(y)), cr.log(2 + total + cr.sigmoid(y)), y * cr.log(1 + total), cr.log(total * 3 + cr.exp(y) * cr.exp(2 * y))):
            slopes = cr.grad(cost, [x, y])
            wanted = [cost, *slopes, *cr.grad((slopes[0] * x).sum() + slopes[1] * y, [x, y], disconnected="zero")]
            given = {x: np.array([-1.0, -2.0]), y: 0.5}
            for found, right in zip(cr.function([x, y], wanted)(*given.values()), cr.reference.evaluate(wanted, given)):
                np.testing.assert_allclose(found, right, rtol=1e-12)


def test_many_exponentials_make_no_long_chain() -> None:
    x = np.linspace(-900, 900, 64)
    j = Label(64)
    use = input_("x", [j], float64)
    apart = [contract([], [(use, 1), (affine({j: 1}, -i), 1)], 1.0, [j]) for i in range(64)]
    (found,) = stabilise([log(add([(exp(u), 1) for u in apart]))])
    np.testing.assert_allclose(interpret([found], {"x": x})[0], float(lse(wide(x))), rtol=1e-15)
    assert depth(found.node) < 40


@pytest.mark.parametrize("x", OFFSETS)
@pytest.mark.parametrize("after", [False, True])
def test_softmax(x: np.ndarray, after: bool) -> None:
    weight = np.array([0.3, -1.0, 2.0, 0.0])
    found, slope = values(lambda u, j: times((softmax(u, j), 1), (constant(weight, float64, [j]), 1)), x, after)
    p = np.exp(wide(x) - lse(wide(x)))
    np.testing.assert_allclose(found, (p * weight).astype(float), rtol=1e-14, atol=1e-300)
    np.testing.assert_allclose(slope, (p * (weight - (p * weight).sum())).astype(float), rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("x", OFFSETS)
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("spelling", ["log softmax", "gathered", "one hot", "difference"])
def test_cross_entropy(x: np.ndarray, after: bool, spelling: str) -> None:
    def build(u: Use, j: Label) -> Use:
        index = constant(2, int64)
        if spelling == "gathered":
            return log(contract([], [(softmax(u, j), 1), (select(j, index), 1)], 1.0, [j]))
        if spelling == "log softmax":
            return contract([], [(log(softmax(u, j)), 1), (select(j, index), 1)], 1.0, [j])
        if spelling == "one hot":
            return contract([], [(log(softmax(u, j)), 1), (constant(np.array([0.0, 0.0, 1.0, 0.0]), float64, [j]), 1)], 1.0, [j])
        return plus(contract([], [(u, 1), (select(j, index), 1)], 1.0, [j]), log(total(exp(u), j)), -1)

    found, slope = values(build, x, after)
    p = np.exp(wide(x) - lse(wide(x)))
    np.testing.assert_allclose(found, float(wide(x)[2] - lse(wide(x))), rtol=1e-13, atol=2e-16)
    np.testing.assert_allclose(slope, (np.eye(4)[2] - p).astype(float), rtol=1e-12, atol=3e-16)


def test_single_precision_softmax_keeps_its_digits_at_an_offset() -> None:
    """exp(x - lse x) would lose three digits here."""
    x = np.array([0.0, 0.25, -0.5, 1.0], np.float32) + np.float32(1e4)
    _, slope = values(lambda u, j: log(total(exp(u), j)), x, True, float32)
    exact = np.exp(wide(x) - lse(wide(x))).astype(np.float64)
    np.testing.assert_allclose(slope, exact, rtol=3e-7)


def test_the_gradient_of_a_softmax_that_is_summed_is_zero() -> None:
    """The constructors see that the sum is 1."""
    j = Label(3)
    use = input_("x", [j], float64)
    summed = stabilise([total(softmax(use, j), j)])
    assert derive(summed, [constant(1.0, float64)], [use.node]) == [None]


def test_the_norm_at_zero() -> None:
    def norm(u: Use, j: Label) -> Use:
        return scalar("sqrt", contract([], [(u, 2)], 1.0, [j]))

    for x in (np.zeros(3), np.array([3.0, 0.0, 4.0])):
        found, slope = values(norm, x, True)
        length = np.sqrt((x**2).sum())
        np.testing.assert_allclose(found, length)
        np.testing.assert_allclose(slope, x / length if length else x)


def test_the_length_of_pairs_at_zero() -> None:
    found, slope = values(lambda u, j: scalar("sqrt", add([(times((u, 2)), 1), (times((u, 4)), 3)])), np.array([0.0, 2.0]), True)
    assert found[0] == 0 and slope[0] == 0
    np.testing.assert_allclose(slope[1], (2 * 2 + 12 * 8) / (2 * found[1]))


def test_log_of_a_product_reduction() -> None:
    x = np.array([-500.0, -600.0, 20.0])
    found, slope = values(lambda u, j: log(reduce("prod", exp(u), [j])), x, False)
    assert found == x.sum()
    np.testing.assert_array_equal(slope, 1)


def test_what_may_be_negative_or_outside_is_left_alone() -> None:
    j = Label(4)
    x, y = input_("x", [j], float64), input_("y", [j], float64)
    for use in (log(times((x, 1), (y, 1))), log(times((x, 2))), times((x, 1), (scalar("sqrt", y), -1)), log(x), plus(exp(x), y, -1)):
        assert stabilise([use]) == [use]


def test_a_masked_sum_of_exponentials_keeps_its_mask() -> None:
    j = Label(3)
    x = input_("x", [j], float64)
    mask = scalar("gt", x, constant(0.0, float64))
    masked = log(contract([], [(exp(x), 1), (mask, 1)], 1.0, [j]))
    (found,) = interpret(stabilise([masked]), {"x": np.array([-1.0, 2.0, 3.0])})
    np.testing.assert_allclose(found, np.log(np.exp(2.0) + np.exp(3.0)))


def test_stable_programs_are_stable() -> None:
    """A second pass changes nothing."""
    j = Label(4)
    x = input_("x", [j], float64)
    uses = [softmax(x, j), log(softmax(x, j)), log(total(exp(x), j)), log(plus(one(x), exp(x)))]
    once = stabilise(uses)
    assert stabilise(once) == once


def test_deep_graphs_do_not_recurse() -> None:
    j = Label(2)
    use = input_("x", [j], float64)
    for _ in range(3000):
        use = scalar("log1p", exp(use))
    counts: dict[str, int] = {}
    stabilise([use], counts)
    assert counts == {"log_of_one_plus_exp": 3000}


def test_every_rule_has_a_name_and_an_identity() -> None:
    rules = {rule for group in RULES.values() for rule in group}
    assert len({rule.__name__ for rule in rules}) == len(rules)
    assert all(rule.__doc__ and "=" in rule.__doc__ for rule in rules)

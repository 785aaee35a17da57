"""The normal form of products: equal meanings are one node, and the node is small."""

from __future__ import annotations

import numpy as np
import pytest
from algebra_arrays import Array, apply, array, einsum, value

from croton import algebra
from croton.algebra import Label, Use, add, affine, constant, contract, delta, input_, interpret, scalar, select
from croton.dtypes import bool_, float32, float64, int32, int64
from croton.sizes import symbol

B, V, H, N = (symbol(name) for name in "BVHN")


def test_spellings_of_the_contractive_penalty_are_one_node() -> None:
    W, G = array("W", V, H), array("G", B, H)
    product = W.insert(0) * G.insert(1)
    spellings = [
        (product**2).sum((1, 2)),
        (product * product).sum((1, 2)),
        ((G.insert(1) * W.insert(0)) ** 2).sum((2, 1)),
        einsum("vh,bh,bh,vh->b", W, G, G, W),
        apply("pow", product, 2.0).sum((1, 2)),
        ((W.T.insert(0) * Array((*G.axes, Label(1)), G.use)) ** 2).sum((2, 1)),
    ]
    assert all(spelling.same(spellings[0]) for spelling in spellings)
    (h, w), = [spellings[0].use.node.args]
    assert h[2] == 2 and w[0].kind == "contract" and len(w[0].dims) == 1


def test_a_matrix_product_and_its_transpose_are_one_node() -> None:
    A, C = array("A", B, V), array("C", V, H)
    assert (A @ C).use.node is (C.T @ A.T).use.node
    assert (A @ C).T.same(C.T @ A.T)


def test_products_of_one_matrix_do_not_depend_on_the_order_of_factors() -> None:
    A = array("A", N, N)
    i, j, k, m = (Label(N) for _ in range(4))
    node = A.use.node
    factors = [(Use(node, (i, k)), 1), (Use(node, (k, m)), 1), (Use(node, (m, j)), 1)]
    results = {contract([i, j], order, 1, [k, m]) for order in (factors, factors[::-1], [factors[1], factors[0], factors[2]])}
    assert len(results) == 1
    assert contract([i, j], [(Use(node, (k, i)), 1), (Use(node, (k, j)), 1)], 1, [k]).node is not contract(
        [i, j], [(Use(node, (i, k)), 1), (Use(node, (j, k)), 1)], 1, [k]
    ).node


def test_sums_become_sizes_where_nothing_depends_on_the_label() -> None:
    i, j = Label(N), Label(3)
    use = contract([], [], 2.0, [i, j], float64)
    assert use.node.param == (6.0, ((N, 1),)) and not use.node.args
    mean = contract([], [(use, 1)], algebra.of_size(N, -1))
    assert mean == constant(6.0, float64)
    np.testing.assert_array_equal(interpret([use], {}, {"N": 5})[0], 30.0)


def test_sum_and_mean_share_their_sum() -> None:
    x = array("x", B, N)
    ratio = x.mean(1) * 3 + x.sum(1)
    (first, _, _), (second, _, _) = ratio.use.node.args if ratio.use.node.kind == "add" else ((0, 0, 0),) * 2
    assert first is second


def test_coefficients_of_merged_and_separate_axes_meet() -> None:
    x = array("x", B, N, V)
    assert x.merge(0).mean(0).same(x.mean((0, 1)))


def test_a_sum_of_a_sum_is_one_sum() -> None:
    x = array("x", B, N)
    assert x.sum(0).sum().same(x.sum()) and x.mean(1).mean().same(x.mean())


def test_a_negated_difference_is_the_other_difference() -> None:
    x, z = array("x", N), array("z", N)
    assert (-(z - x)).same(x - z)
    assert (-(x - z)).same(z - x)


def test_a_sum_over_an_empty_label_is_zero() -> None:
    i, j = Label(0), Label(2)
    x = input_("x", [i, j], float64)
    total = contract([j], [(x, 1)], 1, [i])
    np.testing.assert_array_equal(interpret([total], {"x": np.zeros((0, 2))})[0], [0, 0])
    assert contract([], [], 1, [i], float64) == constant(0.0, float64)


def test_axes_of_size_one_do_not_exist() -> None:
    one, i = Label(1), Label(4)
    x = input_("x", [one, i], float64)
    assert x.labels == (i,)
    assert contract([i], [(x, 1)], 1, [one]) == x
    assert algebra.iota(one) == constant(0, int64)


def test_powers_merge_and_cancel() -> None:
    x = array("x", N)
    assert (x * x * x).same(x**3)
    assert ((x**2) ** 3).same(x**6)
    assert (x / x).use == constant(1.0, float64)
    assert (x**3 / x).same(x * x)
    assert ((2 * x) ** -2).same(0.25 * x**-2)


def test_negative_powers_do_not_enter_guards_or_sums() -> None:
    x = array("x", N)
    i, j = Label(N), Label(N)
    diagonal = Array((i, j), contract([i, j], [(algebra.relabel(x.use, {x.axes[0]: i}), 1), (delta(i, j), 1)]))
    found = value(1 / diagonal, {"x": np.array([2.0, 4.0])}, {"N": 2})
    np.testing.assert_array_equal(found, [[0.5, np.inf], [np.inf, 0.25]])
    assert (1 / array("y", N, N).sum(1)).use.node.args[0][2] == -1


def test_a_diagonal_is_a_read() -> None:
    A = array("A", N, N)
    diagonal = einsum("ii->i", A)
    assert diagonal.use.node is A.use.node and diagonal.use.labels[0] is diagonal.use.labels[1]
    i, j = Label(N), Label(N)
    eye = contract([i, j], [(delta(i, j), 1)], dtype=float64)
    masked = contract([i], [(Use(A.use.node, (i, j)), 1), (eye, 1)], 1, [j])
    assert masked == Use(A.use.node, (i, i))


def test_guards_annihilate_infinities_and_nan() -> None:
    i, j = Label(2), Label(2)
    x = input_("x", [i, j], float64)
    mask = input_("mask", [i, j], bool_)
    masked = contract([i], [(x, 1), (mask, 1)], 1, [j])
    environment = {"x": np.array([[np.nan, 1.0], [np.inf, -np.inf]]), "mask": np.array([[False, True], [False, False]])}
    np.testing.assert_array_equal(interpret([masked], environment)[0], [1.0, 0.0])
    trace = contract([], [(x, 1), (delta(i, j), 1)], 1, [i, j])
    np.testing.assert_array_equal(interpret([trace], {"x": np.array([[1.0, np.nan], [np.inf, 2.0]])})[0], 3.0)


def test_a_counted_mask_stays_a_guard() -> None:
    x, mask = array("x", N), array("mask", N, V, dtype=bool_)
    axes = (x.axes[0], mask.axes[1])
    masked = Array(axes, contract(axes, [(algebra.relabel(mask.use, {mask.axes[0]: axes[0]}), 1), ((1 / x).use, 1)])).sum(1)
    environment = {"x": np.array([0.0, 2.0]), "mask": np.array([[False, False], [True, True]])}
    np.testing.assert_array_equal(value(masked, environment, {"N": 2, "V": 2}), [0.0, 1.0])
    assert all(len(node.dims + node.sums) < 3 for node in algebra.walk([masked.use.node]))


def test_where_against_zero_is_a_guard() -> None:
    x, mask = array("x", N), array("mask", N, dtype=bool_)
    chosen = scalar("where", algebra.relabel(mask.use, {mask.axes[0]: x.axes[0]}), x.use, constant(0.0, float64))
    assert chosen.node.kind == "contract"
    other = scalar("where", algebra.relabel(mask.use, {mask.axes[0]: x.axes[0]}), constant(0.0, float64), x.use)
    assert {arg[0].kind for arg in other.node.args} == {"input", "map"}
    environment = {"x": np.array([np.nan, 2.0]), "mask": np.array([False, True])}
    np.testing.assert_array_equal(interpret([chosen], environment, {"N": 2})[0], [0.0, 2.0])
    np.testing.assert_array_equal(interpret([other], environment, {"N": 2})[0], [np.nan, 0.0])


def test_a_cast_mask_counts() -> None:
    mask = array("mask", B, N, dtype=bool_)
    as_float = apply("cast", mask, dtype=float64)
    x = array("x", B, N)
    kinds = [arg[0].dtype for arg in (as_float * x).use.node.args]
    assert sorted(kind.name for kind in kinds) == ["bool", "float64"]
    values = np.array([[True, False, True]])
    np.testing.assert_array_equal(value(as_float.sum(1), {"mask": values}, {"B": 1, "N": 3}), [2.0])
    total = add([(mask.use, 2), (mask.use, 1)], dtype=int64)
    np.testing.assert_array_equal(interpret([total], {"mask": values}, {"B": 1, "N": 3})[0], [[3, 0, 3]])


def test_integers_stay_exact_and_wrap() -> None:
    i = Label(3)
    x = input_("x", [i], int32)
    use = contract([i], [(x, 2)], 3)
    assert use.node.param.number == 3 and type(use.node.param.number) is int
    np.testing.assert_array_equal(interpret([use], {"x": np.array([1, 2, 65536], np.int32)})[0], np.array([3, 12, 0], np.int32))
    big = contract([i], [(input_("y", [i], int64), 1)], 2**53 + 1)
    assert interpret([big], {"y": np.ones(3, np.int64)})[0][0] == 2**53 + 1


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda x, n: contract([], [(x, 1)]), "neither an output nor summed"),
        (lambda x, n: contract(x.labels, [(x, 1)], 1, x.labels), "both outputs and summed"),
        (lambda x, n: contract(x.labels, [(x, 1), (algebra.relabel(n, {n.labels[0]: x.labels[0]}), 1)]), "one dtype, got float64 and int64"),
        (lambda x, n: contract(n.labels, [(n, -1)]), "no negative power"),
        (lambda x, n: contract(n.labels, [(n, 1)], 0.5), "cannot be multiplied with 0.5"),
        (lambda x, n: add([(scalar("gt", x, x), 1), (scalar("lt", x, x), 1)]), "needs a dtype to count in"),
        (lambda x, n: scalar("exp", n), "not defined for dtype int64"),
        (lambda x, n: scalar("nothing", x), "no scalar function 'nothing'"),
        (lambda x, n: scalar("maximum", x, n), "arguments of one dtype"),
        (lambda x, n: scalar("where", x, x, x), "must be bool"),
        (lambda x, n: algebra.select(Label(3), x), "an index must be an integer array"),
        (lambda x, n: algebra.reduce("sum", x, x.labels), "no reduction 'sum'"),
        (lambda x, n: algebra.reduce("any", x, x.labels), "any needs bool values"),
    ],
)
def test_mistakes_are_explained(build: object, message: str) -> None:
    i, j = Label(3), Label(3)
    with pytest.raises((TypeError, ValueError), match=message):
        build(input_("x", [i], float64), input_("n", [j], int64))


def test_float32_stays_float32() -> None:
    x = array("x", N, dtype=float32)
    y = (x * 0.1 + 1 / x).sum()
    assert value(y, {"x": np.ones(3, np.float32)}, {"N": 3}).dtype == np.float32


def test_long_chains_are_linear_and_do_not_recurse() -> None:
    x = array("x", N)
    y = x
    for place in range(10_000):
        y = (y * x, y + x, apply("tanh", y))[place % 3]
    nodes = list(algebra.walk([y.use.node]))
    assert len(nodes) <= 10_001
    assert max(len(node.args) for node in nodes) <= 17


def test_what_is_read_is_summed_where_it_is_read() -> None:
    x, b, k, v = input_("x", [Label(V), Label(H)], float64).node, Label(B), Label(H), Label(V)
    index = input_("index", [b], int64)
    rows = contract([b], [(Use(x, (v, k)), 2), (select(v, index), 1)], 1, [v, k])
    assert rows.node.kind == "contract" and len(rows.node.sums) == 2 and x in [arg[0] for arg in rows.node.args]
    weights = input_("weights", [b], float64)
    # A factor more is multiplied with the sums of rows, not with all elements.
    weighed = contract([], [(Use(x, (v, k)), 2), (select(v, index), 1), (weights, 1)], 1, [v, k, b])
    assert {arg[0] for arg in weighed.node.args} == {rows.node, weights.node}
    # Where a window reads an element many times, it is summed first.
    i, o, w = Label(N + 2), Label(N), Label(3)
    wide = input_("wide", [i, k], float64)
    windows = contract([o], [(wide, 1), (affine({i: 1, o: -1, w: -1}, 0), 1), (input_("kernel", [w], float64), 1)], 1, [i, k, w])
    assert wide.node not in [arg[0] for arg in windows.node.args]

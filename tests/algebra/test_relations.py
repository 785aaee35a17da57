"""Relations in products: reads compose, gathers meet, structure survives, and nothing is claimed without a proof."""

from __future__ import annotations

import numpy as np
import pytest
from algebra_arrays import (
    Array,
    apply,
    arange,
    array,
    concat,
    einsum,
    int64,
    jacobian,
    one_hot,
    softmax,
    tanh,
    value,
    where,
)

from croton import algebra
from croton.algebra import Label, Node, affine, at_least_zero, check, contract, delta, interpret, select, walk
from croton.dtypes import float64
from croton.sizes import symbol

B, C, D, E, F, K, N, T, V = (symbol(name) for name in "BCDEFKNTV")
rng = np.random.default_rng(0)


def kinds(node: Node) -> list[str]:
    return sorted(arg[0].kind for arg in node.args)


def test_reads_undo_each_other() -> None:
    a, x = array("a", N), array("x", B, T, D)
    assert a.pad(0, 2, 3).slice(0, 2, N).same(a)
    assert a.flip(0).flip(0).same(a)
    assert x.merge(0).split(0, B, T).same(x)
    assert x.merge(0).merge(0).split(0, B * T, D).split(0, B, T).same(x)
    assert a.pad(0, 1, 1).window(0, 3).same(a.window(0, 3, 1, 1, 1))


def test_a_slice_padded_again_is_not_the_array() -> None:
    a = array("a", N)
    values = rng.normal(size=11)
    again = a.slice(0, 2, N - 3).pad(0, 2, 1)
    assert not again.same(a)
    np.testing.assert_array_equal(value(again, {"a": values}, {"N": 11}), np.r_[0, 0, values[2:10], 0])


@pytest.mark.parametrize(("stride", "dilation", "pad"), [(1, 1, 0), (2, 1, 0), (1, 2, 0), (1, 1, 1), (2, 1, 1), (3, 2, 2)])
def test_convolutions(stride: int, dilation: int, pad: int) -> None:
    sizes = {"B": 2, "N": 9, "C": 2, "F": 3, "K": 3}
    x, w = array("x", B, N, C), array("w", K, C, F)
    environment = {"x": rng.normal(size=(2, 9, 2)), "w": rng.normal(size=(3, 2, 3))}
    y = einsum("bokc,kcf->bof", x.window(1, K, stride, dilation, pad), w)
    check([y.use])
    padded = np.pad(environment["x"], [(0, 0), (pad, pad), (0, 0)])
    count = (9 + 2 * pad - 2 * dilation - 1) // stride + 1
    place = np.arange(count)[:, None] * stride + np.arange(3) * dilation
    np.testing.assert_allclose(value(y, environment, sizes), np.einsum("bokc,kcf->bof", padded[:, place], environment["w"]))
    for wrt, name in ((x, "x"), (w, "w")):
        gradient = jacobian((y**2).sum(), wrt)
        check([gradient.use])
        direction = rng.normal(size=environment[name].shape)
        above = value((y**2).sum(), {**environment, name: environment[name] + 1e-6 * direction}, sizes)
        below = value((y**2).sum(), {**environment, name: environment[name] - 1e-6 * direction}, sizes)
        np.testing.assert_allclose((value(gradient, environment, sizes) * direction).sum(), (above - below) / 2e-6, rtol=1e-5)


def test_the_jacobian_of_a_convolution_is_a_band() -> None:
    a, k = array("a", N), array("k", K)
    y = einsum("ok,k->o", a.window(0, K), k)
    jac = jacobian(y, a)
    assert kinds(jac.use.node) == ["affine", "input"]
    found = value(jac, {"k": np.array([1.0, 2.0, 3.0])}, {"N": 5, "K": 3})
    np.testing.assert_array_equal(found, [[1, 2, 3, 0, 0], [0, 1, 2, 3, 0], [0, 0, 1, 2, 3]])


def test_elementwise_jacobians_are_diagonal_and_sums_keep_it() -> None:
    x = array("x", N)
    jac = jacobian(tanh(x) * x + x**3, x)
    assert kinds(jac.use.node) == ["add", "affine"]
    core, relation = jac.use.node.args
    assert len(core[0].dims) == 1 and relation[0].param == ((1, -1), 0)


def test_a_batched_softmax_jacobian_keeps_the_batch_apart() -> None:
    s = array("s", B, N)
    jac = jacobian(softmax(s), s)
    assert len(jac.axes) == 4
    relations = [arg for arg in jac.use.node.args if arg[0].kind == "affine"]
    assert len(relations) == 1 and relations[0][0].dims == (B, B)
    assert max(len(node.dims) for node in walk(arg[0] for arg in jac.use.node.args)) == 3
    scores = rng.normal(size=(2, 3))
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    expected = np.einsum("ab,ai,ij->aibj", np.eye(2), p, np.eye(3)) - np.einsum("ab,ai,bj->aibj", np.eye(2), p, p)
    np.testing.assert_allclose(value(jac, {"s": scores}, {"B": 2, "N": 3}), expected, atol=1e-12)


def test_batch_mixing_is_not_called_diagonal() -> None:
    x = array("x", B, N)
    centred = x - Array((Label(1), x.axes[1]), x.mean(0).use)
    jac = jacobian(centred, x)
    found = value(jac, {"x": rng.normal(size=(3, 2))}, {"B": 3, "N": 2})
    np.testing.assert_allclose(found, np.einsum("ab,ij->aibj", np.eye(3) - 1 / 3, np.eye(2)), atol=1e-12)


def test_one_hot_products_are_gathers() -> None:
    W, index = array("W", V, E), array("i", B, T, dtype=int64)
    assert einsum("btv,ve->bte", one_hot(index, V), W).same(W.take(index))
    assert one_hot(index, V).sum(-1).use == algebra.constant(1.0, float64)


def test_gathers_with_colliding_rows() -> None:
    W, index, weight = array("W", V, E), array("i", B, T, dtype=int64), array("m", B, T)
    environment = {"W": rng.normal(size=(7, 3)), "i": np.array([[1, 1, 2], [0, 1, 1]]), "m": rng.normal(size=(2, 3))}
    sizes = {"V": 7, "E": 3, "B": 2, "T": 3}
    pooled = einsum("bte,bt->be", W.take(index), weight)
    cost = tanh(pooled).sum(1)
    jac = jacobian(cost, W)
    check([jac.use, (jac**2).sum((1, 2)).use])
    h = np.einsum("bte,bt->be", environment["W"][environment["i"]], environment["m"])
    dense = np.zeros((2, 7, 3))
    for b in range(2):
        for t in range(3):
            dense[b, environment["i"][b, t]] += environment["m"][b, t] * (1 - np.tanh(h[b]) ** 2)
    np.testing.assert_allclose(value(jac, environment, sizes), dense)
    np.testing.assert_allclose(value((jac**2).sum((1, 2)), environment, sizes), (dense**2).sum((1, 2)))
    np.testing.assert_allclose(value((jac**2).mean(0), environment, sizes), (dense**2).mean(0))


def test_two_selects_of_one_label_become_a_collision() -> None:
    b, t, v = Label(B), Label(T), Label(V)
    i, j = algebra.input_("i", [b], int64), algebra.input_("j", [t], int64)
    both = contract([b, t, v], [(select(v, i), 1), (select(v, j), 1)])
    assert kinds(both.node) == ["map", "select"]
    collided = contract([b, t], [(select(v, i), 1), (select(v, j), 1)], 1, [v])
    assert collided.node.kind == "map" and collided.node.param == "eq"
    environment, sizes = {"i": np.array([0, 1]), "j": np.array([1, 2, 1])}, {"B": 2, "T": 3, "V": 4}
    np.testing.assert_array_equal(interpret([collided], environment, sizes)[0], [[0, 0, 0], [1, 0, 1]])


def test_one_index_read_at_two_labels_is_two_indices() -> None:
    A, index = array("A", V, V), array("i", B, dtype=int64)
    pairs = einsum("bv,cw,vw->bc", one_hot(index, V), one_hot(index, V), A)
    values, places = rng.normal(size=(4, 4)), np.array([2, 0, 2])
    found = value(pairs, {"A": values, "i": places}, {"V": 4, "B": 3})
    np.testing.assert_array_equal(found, values[np.ix_(places, places)])
    same = einsum("bv,bw,vw->b", one_hot(index, V), one_hot(index, V), A)
    assert kinds(same.use.node) == ["input", "select"]
    np.testing.assert_array_equal(value(same, {"A": values, "i": places}, {"V": 4, "B": 3}), values[places, places])


def test_an_index_that_is_an_affine_function_is_a_relation_only_where_its_range_is_proved() -> None:
    a = array("a", N)
    assert a.take(arange(N)).same(a)
    last = Array((), algebra.add([(algebra.constant(algebra.of_size(N), int64), 1), (algebra.constant(-1, int64), 1)]))
    assert a.take(arange(N) * -1 + last).same(a.flip(0))
    assert a.take(arange(N).flip(0)).same(a.flip(0))
    assert a.take(arange(N).slice(0, 1, None, 2)).same(a.slice(0, 1, None, 2))
    beyond = a.take(arange(N) + 1)
    assert "select" in kinds(beyond.use.node)
    with pytest.raises(IndexError, match="out of range"):
        value(beyond, {"a": np.arange(3.0)}, {"N": 3})


def test_out_of_range_indices_raise() -> None:
    W, index = array("W", V, E), array("i", B, dtype=int64)
    environment = {"W": np.ones((3, 2)), "i": np.array([0, 3])}
    with pytest.raises(IndexError, match="0 to 3 where there are 3"):
        value(W.take(index), environment, {"V": 3, "E": 2, "B": 2})


def test_comparisons_of_label_values_are_relations() -> None:
    q = array("q", N, N)
    lower = apply("le", arange(N), arange(N).insert(1))
    assert lower.use.node.kind == "range"
    assert where(lower, q, 0.0).same(q * lower)
    assert apply("logical_not", lower).same(apply("gt", arange(N), arange(N).insert(1)))
    eye = apply("eq", arange(N), arange(N).insert(1))
    assert (q * eye).sum(1).same(einsum("ii->i", q))
    values = rng.normal(size=(4, 4))
    np.testing.assert_array_equal(value(q * lower, {"q": values}, {"N": 4}), np.tril(values))
    odd = apply("eq", arange(N) * 2 + 1, arange(N).insert(1))
    np.testing.assert_array_equal(value(odd, {}, {"N": 4}), np.arange(4)[:, None] == 2 * np.arange(4) + 1)
    assert apply("ge", arange(N), arange(N)).use == algebra.truth(True)


def test_a_product_under_a_merge_keeps_its_core() -> None:
    x, U = array("x", B, T, D), array("U", D, E)
    product = x.merge(0) @ U
    (core, relation) = product.use.node.args
    assert core[0].dims == (B, T, E) and relation[0].kind == "affine"
    assert product.split(0, B, T).same(x @ U)


def test_running_sums_are_found_beside_other_factors() -> None:
    x, y = array("x", T), array("y", T)
    total = einsum("ts,s,t->", apply("cast", apply("le", arange(T), arange(T).insert(1)), dtype=float64), x, y)
    assert [arg[0].kind for arg in total.use.node.args] == ["input", "contract"]
    v = {"x": rng.normal(size=4), "y": rng.normal(size=4)}
    np.testing.assert_allclose(value(total, v, {"T": 4}), (np.cumsum(v["x"]) * v["y"]).sum())


def test_mixed_radix_is_needed_to_part_a_merge() -> None:
    # 3 a + b with b < 5 is no mixed radix: 3 = 3*1 + 0 = 3*0 + 3. Two such rows do not make their labels equal.
    a, b, c, d = Label(4), Label(5), Label(4), Label(5)
    count = contract([], [(affine({a: 3, b: 1, c: -3, d: -1}), 1)], 1, [a, b, c, d], float64)
    expected = sum(3 * i + j == 3 * k + m for i in range(4) for j in range(5) for k in range(4) for m in range(5))
    np.testing.assert_array_equal(interpret([count], {})[0], expected)
    # A value read through it is a true sum: its square is not the sum of squares.
    x, m = algebra.input_("x", [a, b], float64), Label(14)
    spread = contract([m], [(x, 1), (affine({m: -1, a: 3, b: 1}), 1)], 1, [a, b])
    squared = contract([m], [(spread, 2)])
    values = rng.normal(size=(4, 5))
    dense = np.zeros(14)
    for i in range(4):
        for j in range(5):
            dense[3 * i + j] += values[i, j]
    np.testing.assert_allclose(interpret([squared], {"x": values})[0], dense**2)


def test_relations_that_cannot_hold_are_false() -> None:
    i, j = Label(3), Label(3)
    assert affine({i: 2, j: 2}, -3) == algebra.truth(False)
    assert affine({i: 1}, -3) == algebra.truth(False)
    assert at_least_zero({i: 1, j: 1}, 0) == algebra.truth(True)
    assert at_least_zero({i: 1}, -3) == algebra.truth(False)
    assert affine({i: 2, j: -2}, 0) == delta(i, j)
    n, m = Label(N), Label(N)
    assert affine({n: 3, m: -3}, 0) == delta(n, m)
    assert at_least_zero({n: 1}, N) == algebra.truth(True)


def test_sizes_that_are_zero_or_one_when_called() -> None:
    x = array("x", N, K)
    for n, k in ((0, 2), (1, 1), (2, 0)):
        values = rng.normal(size=(n, k))
        sizes = {"N": n, "K": k}
        np.testing.assert_array_equal(value(x.merge(0), {"x": values}, sizes), values.reshape(-1))
        np.testing.assert_array_equal(value(x.flip(0), {"x": values}, sizes), values[::-1])
        np.testing.assert_array_equal(value(x.pad(1, 1, 0), {"x": values}, sizes), np.pad(values, [(0, 0), (1, 0)]))
        np.testing.assert_array_equal(value(concat([x, x], 0), {"x": values}, sizes), np.concatenate([values, values]))
        gradient = jacobian((x.merge(0) ** 2).sum(), x)
        np.testing.assert_array_equal(value(gradient, {"x": values}, sizes), 2 * values)
    np.testing.assert_array_equal(value(array("q", N).window(0, 4), {"q": np.zeros(3)}, {"N": 3}), np.zeros((0, 4)))


def test_the_loop_spelling_of_per_example_gradients_is_the_batched_one() -> None:
    x, W = array("x", B, D), array("W", D, E)
    cost = (tanh(x @ W) ** 2).sum(1)
    assert cost.take(arange(B)).same(cost)
    batched = (jacobian(cost, W) ** 2).mean(0)
    looped = (jacobian(cost.take(arange(B)), W) ** 2).mean(0)
    assert looped.same(batched)


def test_compression_of_a_jacobian_with_a_sum() -> None:
    # d(A B) / dA keeps the delta between rows, and no array of four axes is made.
    A, M = array("A", N, D), array("M", D, E)
    hidden = tanh(A @ M)
    jac = jacobian(hidden @ array("R", E, F), A)
    assert len(jac.axes) == 4
    assert any(arg[0].kind == "affine" for arg in jac.use.node.args)
    assert max(len(node.dims) for node in walk(arg[0] for arg in jac.use.node.args)) == 3


def test_sums_under_one_relation_meet_whichever_label_they_were_read_at() -> None:
    i, j = Label(N), Label(N)
    x, y = algebra.input_("x", [i], float64), algebra.input_("y", [j], float64)
    terms = [(contract([i, j], [(x, 1), (delta(i, j), 1)]), 1), (contract([i, j], [(y, 1), (delta(j, i), 1)]), 2)]
    total = algebra.add(terms)
    assert kinds(total.node) == ["add", "affine"] and len(total.node.args[0][0].dims) == 1
    # Three equal labels, each term written with stars around another of them.
    k = Label(N)
    z = algebra.input_("z", [k], float64)
    first = contract([i, j, k], [(x, 1), (delta(i, j), 1), (delta(i, k), 1)])
    second = contract([i, j, k], [(z, 1), (delta(k, j), 1), (delta(j, i), 1)])
    both = algebra.add([(first, 1), (second, 1)])
    assert len(both.node.args[0][0].dims) == 1
    values = {"x": np.array([1.0, 2.0]), "z": np.array([10.0, 20.0])}
    found = interpret([algebra.Operand((i, j, k), both)], values, {"N": 2})[0]
    expected = np.zeros((2, 2, 2))
    expected[0, 0, 0], expected[1, 1, 1] = 11, 22
    np.testing.assert_array_equal(found, expected)

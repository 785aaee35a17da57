"""Rewrites keep values, find the known programs, leave good programs alone and say what they did."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest

from croton.algebra import (
    Label,
    Use,
    add,
    affine,
    at_least_zero,
    constant,
    contract,
    delta,
    input_,
    interpret,
    scalar,
    select,
    walk,
)
from croton.algebra.plan import cost, plan
from croton.derivatives.derive import derive
from croton.dtypes import bool_, float64, int64
from croton.rewriting.optimise import Decision, optimise
from croton.sizes import symbol


def labels(*sizes: int) -> list[Label]:
    return [Label(size) for size in sizes]


def array(name: str, *at: Label) -> Use:
    return input_(name, list(at), float64)


def at(use: Use, old: Label, new: Label) -> Use:
    return Use(use.node, tuple(new if label is old else label for label in use.labels))


def price(uses: Sequence[Use]) -> float:
    return sum(cost(node) for node in walk([use.node for use in uses]))


def gain(use: Use, policy: str = "default") -> tuple[float, list[Decision]]:
    found, decisions = optimise([use], policy)
    check([use], found)
    return price([use]) / price(found), decisions


def check(uses: Sequence[Use], found: Sequence[Use], seed: int = 0) -> None:
    """The same values, at inputs of a hundredth of the sizes where these are large."""
    generator = np.random.default_rng(seed)
    inputs = {node.param: node for node in walk([use.node for use in uses]) if node.kind == "input"}
    if any(isinstance(size, int) and size > 64 for node in inputs.values() for size in node.dims):
        return
    environment = {key: generator.uniform(-1, 1, node.dims) for key, node in inputs.items()}
    for before, after, old, new in zip(interpret(uses, environment), interpret(found, environment), uses, found):
        own, other = list(dict.fromkeys(old.labels)), list(dict.fromkeys(new.labels))
        if set(other) < set(own):
            after = np.broadcast_to(after, before.shape)
        else:
            after = after.transpose([other.index(label) for label in own])
        np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-9)


def product(a: Use, b: Use, over: Label) -> Use:
    return contract({*a.labels, *b.labels} - {over}, [(a, 1), (b, 1)], 1.0, [over])


@pytest.mark.parametrize("n", [20, 500])
def test_the_trace_of_a_product_is_no_matrix_product(n: int) -> None:
    i, j, k = labels(n, n, n)
    matrix = product(array("a", i, k), array("b", k, j), k)
    ratio, decisions = gain(contract([], [(at(matrix, j, i), 1)], 1.0, [i]))
    assert decisions[0].rule == "open" and (n == 20 or ratio > 50)


@pytest.mark.parametrize("n", [20, 500])
def test_the_sum_of_a_product_is_a_product_of_sums(n: int) -> None:
    i, j, k = labels(n, n, n)
    ratio, _ = gain(contract([], [(product(array("a", i, k), array("b", k, j), k), 1)], 1.0, [i, j]))
    assert n == 20 or ratio > 50


def test_attention_without_softmax_makes_no_table() -> None:
    t, s, d, e = labels(4096, 4096, 64, 64)
    scores = product(array("q", t, d), array("k", s, d), d)
    use = product(scores, array("v", s, e), s)
    (found,), _ = optimise([use])
    assert plan(found.node).largest <= 64 * 64


def test_causal_attention_is_a_running_sum() -> None:
    for n, d, e in ((10, 3, 2), (4096, 16, 16)):
        t, s, k, v = labels(n, n, d, e)
        scores = product(array("q", t, k), array("k", s, k), k)
        use = contract([t, v], [(scores, 1), (array("v", s, v), 1), (at_least_zero({t: 1, s: -1}, 0), 1)], 1.0, [s])
        found, decisions = optimise([use])
        check([use], found)
    assert "running sum" in decisions[0].rule
    assert max(np.prod(node.dims) for node in walk([found[0].node]) if node.dtype is float64) <= 4096 * 16 * 16


def test_a_chain_is_opened_to_its_end() -> None:
    """((A B) C) v with square matrices: three products of a matrix and a vector."""
    for n in (12, 600):
        names = labels(n, n, n, n)
        chain = array("m0", names[0], names[1])
        for place in (1, 2):
            chain = product(chain, array(f"m{place}", names[place], names[place + 1]), names[place])
        use = product(chain, array("v", names[3]), names[3])
        found, decisions = optimise([use])
        check([use], found)
    assert price(found) < 5 * 2 * 600 * 600 and decisions[-1].rule == "open deeply"


def test_what_somebody_else_needs_is_not_opened() -> None:
    i, j, k = labels(300, 300, 300)
    matrix = product(array("a", i, k), array("b", k, j), k)
    summed = contract([], [(matrix, 1)], 1.0, [i, j])
    kept = scalar("tanh", matrix)
    for uses in ([summed, matrix], [summed, kept]):
        found, decisions = optimise(uses)
        assert found == uses and not decisions


def test_opening_what_another_product_keeps_saves_nothing() -> None:
    """sum over b of (D W)[b, i] is D summed, times W, only if nobody computes D W anyway; here a product does that is best left whole."""
    b, i, o, j = labels(128, 256, 256, 256)
    matrix = product(array("d", b, o), array("w", i, o), o)
    mean = contract([i], [(matrix, 1)], 1 / 128, [b])
    gradient = product(array("x", b, j), contract([b, i], [(matrix, 1), (scalar("tanh", array("s", b, i)), 1)]), b)
    for uses in ([mean, gradient], [gradient, mean]):
        found, decisions = optimise(uses)
        assert found == uses and not decisions


def test_contractive_penalty_is_two_small_products() -> None:
    b, v, h = labels(128, 784, 512)
    use = contract([], [(array("w", v, h), 2), (array("g", b, h), 2)], 1.0, [b, v, h])
    (found,), _ = optimise([use])
    assert max(plan(node).largest for node in walk([found.node]) if node.kind == "contract") <= 512
    assert price([found]) < 4 * (784 * 512 + 128 * 512)


def test_squared_gradients_of_examples_are_one_product() -> None:
    b, i, o = labels(64, 100, 50)
    each = contract([b, i, o], [(array("x", b, i), 1), (array("d", b, o), 1)])
    use = contract([i, o], [(each, 2)], 1 / 64, [b])
    (found,), _ = optimise([use])
    assert all(len(node.dims) < 3 for node in walk([found.node]))
    assert plan(found.node).flops <= 2 * 64 * 100 * 50 + 64 * 150


def distances(n: int, d: int) -> tuple[Use, list[Label]]:
    a, b, k = labels(n, n, d)
    x = array("x", a, k)
    return contract([a, b], [(add([(x, 1), (at(x, a, b), -1)]), 2)], 1.0, [k]), [a, b]


def test_what_may_cancel_is_done_only_if_asked_for() -> None:
    use, _ = distances(2000, 64)
    assert optimise([use]) == ([use], [])
    ratio, decisions = gain(use, "aggressive")
    assert ratio > 2 and decisions[0].rule == "expand the square (may cancel)"
    gain(distances(9, 40)[0], "aggressive")


@pytest.mark.parametrize("n, d", [(2000, 64), (20, 3), (2, 2)])
def test_a_sum_of_squared_distances_is_centred_and_cannot_cancel(n: int, d: int) -> None:
    use, over = distances(n, d)
    ratio, decisions = gain(contract([], [(use, 1)], 1.0, over))
    if n > 2:
        assert ratio > 0.3 * n and decisions[0].rule.endswith("centre the square")


def test_distances_to_other_points_are_centred() -> None:
    """sum over a of (x[a, k] - y[b, k])^2, for each b: what varies and how far the mean is."""
    for n, m, d in ((500, 400, 30), (5, 4, 3)):
        a, b, k = labels(n, m, d)
        use = contract([b], [(add([(array("x", a, k), 2.0), (array("y", b, k), -1)]), 2)], 1.0, [a, k])
        ratio, _ = gain(use)
    assert ratio < 2 and gain(contract([], [(use, 1)], 1.0, list(use.labels)))[0] >= 1


def test_a_matrix_product_is_one_node_however_it_is_scaled() -> None:
    i, j, k = labels(30, 30, 30)
    a, b = array("a", i, k), array("b", k, j)
    scaled = contract([i, j], [(a, 1), (b, 1)], -2.0, [k])
    uses = [scaled, scalar("tanh", scaled), add([(product(a, b, k), 3.0), (array("c", i, j), 1)]), contract([i, j], [(scaled, 1), (array("c", i, j), 1)])]
    assert sum(bool(node.sums) for node in walk([use.node for use in uses])) == 1
    check(uses, optimise(uses)[0])


def test_strict_programs_stay_as_written() -> None:
    i, j, k = labels(300, 300, 300)
    use = contract([], [(product(array("a", i, k), array("b", k, j), k), 1)], 1.0, [i, j])
    assert optimise([use], "strict") == ([use], [])
    with pytest.raises(ValueError, match="strict, default, aggressive"):
        optimise([use], "loose")


def test_common_factors_are_taken_out() -> None:
    i, j = labels(20, 30)
    x, y = array("x", i, j), array("y", i, j)
    a, b = array("a", j), array("b", i)
    use = add([(contract([i, j], [(x, 1), (y, 2), (a, 1)]), 2.0), (contract([i, j], [(x, 2), (y, 1), (b, 1)]), -3.0)])
    ratio, decisions = gain(use)
    assert ratio > 1.1 and decisions[0].rule == "take out common factors"


def test_common_factors_are_taken_out_of_sums() -> None:
    """x (sum over k of w z) + x u, with x read elsewhere too: x is multiplied once."""
    b, i, j, k = labels(20, 6, 7, 8)
    x, w, z = array("x", b, i), array("w", j, k), array("z", b, k)
    long = contract([b, i, j], [(x, 1), (w, 2), (z, 1)], 1.0, [k])
    use = contract([i, j], [(add([(long, 1.0), (contract([b, i, j], [(x, 1), (array("u", b, j), 1)]), -2.0)]), 1)], 1.0, [b])
    assert gain(use)[0] > 1.5


def ghost(b_: int, t_: int, d_: int, h_: int) -> Use:
    b, t, d, h = labels(b_, t_, d_, h_)
    gradient = contract([b, d, h], [(array("x", b, t, d), 1), (array("e", b, t, h), 1)], 1.0, [t])
    return contract([b], [(gradient, 2)], 1.0, [d, h])


def test_ghost_norms_are_checked_unless_they_are_asked_for() -> None:
    assert [decision.rule for decision in optimise([ghost(32, 64, 512, 513)])[1]] == ["multiply the square out, checked"]
    assert optimise([ghost(32, 64, 512, 513)], checks=False)[1] == [], "what may cancel was not asked for"
    ratio, decisions = gain(ghost(32, 64, 512, 513), policy="aggressive")
    assert ratio > 4 and decisions[0].rule == "write the square as a product (may cancel)"
    gain(ghost(3, 2, 9, 8), policy="aggressive")
    assert optimise([ghost(4, 512, 8, 8)], policy="aggressive")[1] == []


def softmax_jacobian(n: int, batch: int) -> Use:
    b, p, q = labels(batch, n, n)
    e = scalar("exp", array("z", b, p))
    other = at(e, p, q)
    jacobian = add([(contract([b, p, q], [(e, 1), (delta(p, q), 1)]), 1), (contract([b, p, q], [(e, 1), (other, 1)]), -1)])
    return contract([b], [(jacobian, 2)], 1.0, [p, q])


def test_a_diagonal_is_taken_out_of_a_square() -> None:
    ratio, decisions = gain(softmax_jacobian(1000, 64))
    assert ratio > 100 and any(found.rule == "expand the square" and found.before > 100 * found.after for found in decisions)
    gain(softmax_jacobian(7, 3))


def test_positive_terms_are_distributed() -> None:
    i, j, k = labels(400, 400, 400)
    first = product(scalar("exp", array("a", i, k)), scalar("exp", array("b", k, j)), k)
    second = product(scalar("exp", array("c", i, k)), scalar("exp", array("d", k, j)), k)
    use = contract([], [(add([(first, 1), (second, 2)]), 1)], 1.0, [i, j])
    ratio, decisions = gain(use)
    assert ratio > 5 and "distribute" in decisions[-1].rule
    signed = contract([], [(add([(first, 1), (second, -2)]), 1)], 1.0, [i, j])
    assert not any("distribute" in decision.rule for decision in optimise([signed])[1])


def diagonal(use: Use) -> Use:
    first, second = use.labels
    return at(use, second, first)


@pytest.mark.parametrize("n", [5, 300])
def test_a_diagonal_is_all_that_is_computed(n: int) -> None:
    i, j, k = labels(n, n, n)
    matrix = product(array("a", i, k), array("b", k, j), k)
    shifted = scalar("tanh", add([(matrix, 2.0), (array("c", i, j), -1)]))
    for use in (diagonal(matrix), diagonal(shifted), scalar("exp", diagonal(shifted))):
        ratio, _ = gain(use)
        assert ratio > n / 10
    found, _ = optimise([diagonal(matrix), matrix])
    check([diagonal(matrix), matrix], found)
    assert found[0].node is found[1].node


def training_step(depth: int, batch: int, width: int) -> list[Use]:
    b = Label(batch)
    names = [Label(width) for _ in range(depth + 1)]
    h = array("x", b, names[0])
    weights = []
    for place in range(depth):
        weight = array(f"w{place}", names[place], names[place + 1])
        weights.append(weight)
        h = scalar("tanh", add([(product(h, weight, names[place]), 1), (array(f"b{place}", names[place + 1]), 1)]))
    loss = contract([], [(h, 2)], 1 / batch, [b, names[-1]])
    gradients = derive([loss], [constant(1.0, float64)], [weight.node for weight in weights])
    return [loss, *[gradient[0] for gradient in gradients if gradient is not None]]


@pytest.mark.parametrize("batch", [2, 8, 128, 4096])
def test_plain_training_steps_are_left_alone(batch: int) -> None:
    uses = training_step(3, batch, 512)
    found, decisions = optimise(uses)
    assert price(found) <= 1.001 * price(uses) and not decisions


def test_deep_graphs_are_linear_and_do_not_recurse() -> None:
    uses = training_step(400, 4, 3)
    found, _ = optimise(uses)
    assert len(list(walk([use.node for use in found]))) <= 1.1 * len(list(walk([use.node for use in uses])))


def test_bool_products_are_left_alone() -> None:
    i = Label(5)
    mask = scalar("gt", array("x", i), constant(0.0, float64))
    use = contract([i], [(mask, 1), (scalar("lt", array("x", i), constant(1.0, float64)), 1)])
    assert use.dtype is bool_ and optimise([use])[0] == [use]


def random_graph(generator: random.Random, hints: bool) -> list[Use]:
    """Products, sums, squares, diagonals and masks of a few inputs, over a few labels of sizes 0 to 4."""
    sizes = [generator.choice([0, 1, 2, 3, 3, 4]) for _ in range(3)]
    kinds = [symbol(f"s{size}_{generator.randrange(10**9)}", generator.choice([1, 10, 1000, 10000])) if hints else size for size in sizes]
    environment = dict(zip(kinds, sizes)) if hints else {}
    names = [Label(kind) for kind in kinds for _ in range(2)]
    pool: list[Use] = []
    for place in range(3):
        chosen = generator.sample(names, generator.randrange(1, 4))
        pool.append(input_(place, chosen, float64))
    for _ in range(generator.randrange(3, 12)):
        picked = generator.choices(pool[-6:], k=2)
        x, y = [swap(use, names, generator) for use in picked]
        kind = generator.randrange(6)
        every = list(dict.fromkeys([*x.labels, *y.labels]))
        over = [label for label in every if generator.random() < 0.4]
        keep = set(every) - set(over)
        if kind <= 2:
            factors = [(x, generator.choice([1, 1, 2])), (y, 1)]
            if len(every) > 1 and generator.random() < 0.3:
                a, b = generator.sample(every, 2)
                factors.append((at_least_zero({a: 1, b: -1}, 0) if generator.random() < 0.5 else delta(a, b), 1))
            pool.append(contract(keep, factors, generator.choice([1.0, 0.5, -1.0]), over, float64))
        elif kind == 3:
            pool.append(add([(x, 1.0), (y, generator.choice([1.0, -1.0, 0.5]))]))
        elif kind == 4:
            pool.append(scalar("tanh", x))
        else:
            pool.append(contract(keep & set(x.labels), [(x, 2)], 1.0, [label for label in over if label in x.labels]))
    return [*pool[-3:], environment]  # type: ignore[list-item]


def swap(use: Use, names: list[Label], generator: random.Random) -> Use:
    """The use at other labels of the same sizes, sometimes at one label twice."""
    pairs = {names[i]: names[i ^ 1] for i in range(len(names))}
    return Use(use.node, tuple(pairs[label] if generator.random() < 0.4 else label for label in use.labels))


def related_graph(generator: random.Random, hints: bool) -> tuple[list[Use], dict, dict]:
    """As `random_graph`, with affine, range and select relations of up to three labels."""
    sizes = [generator.choice([1, 2, 3, 4, 5]) for _ in range(4)]
    kinds = [symbol(f"r{size}_{generator.randrange(10**9)}", generator.choice([1, 10, 1000])) if hints else size for size in sizes]
    known = dict(zip(kinds, sizes)) if hints else {}
    names = [Label(kind) for kind in kinds for _ in range(2)]
    arrays = np.random.default_rng(generator.randrange(1000))
    environment: dict = {}

    def fresh(chosen: list[Label], below: int | None = None) -> Use:
        key = f"x{len(environment)}"
        use = input_(key, chosen, float64 if below is None else int64)
        shape = [known.get(label.size, label.size) for label in use.labels]
        environment[key] = arrays.uniform(-1, 1, shape) if below is None else arrays.integers(0, below, shape)
        return use

    pool = [fresh(generator.sample(names, generator.randrange(1, 4))) for _ in range(3)]
    for _ in range(generator.randrange(2, 8)):
        x, y = generator.choices(pool[-5:], k=2)
        every = list(dict.fromkeys([*x.labels, *y.labels]))
        kind = generator.randrange(6)
        if kind == 4:
            pool.append(add([(x, 1.0), (y, generator.choice([1.0, -1.0]))]))
            continue
        if kind == 5:
            pool.append(scalar("tanh", x))
            continue
        factors = [(x, generator.choice([1, 1, 2])), (y, 1)]
        for _ in range(generator.choice([0, 1, 1, 2])):
            chosen = generator.sample(names, generator.randrange(2, 4))
            row = {label: generator.choice([1, 1, -1, 2, -3]) for label in chosen}
            relation = generator.choice([affine, at_least_zero, None])
            if relation is None:
                factors.append((select(chosen[0], fresh(chosen[1:2], known.get(chosen[0].size, chosen[0].size))), 1))
            else:
                factors.append((relation(row, generator.randrange(-2, 3)), 1))
        every = list(dict.fromkeys([*every, *[label for use, _ in factors for label in use.labels]]))
        over = [label for label in every if generator.random() < 0.5]
        if len(every) - len(over) < 5:
            pool.append(contract(set(every) - set(over), factors, generator.choice([1.0, -0.5]), over, float64))
    return pool[-2:], environment, known


def agree(uses: Sequence[Use], found: Sequence[Use], environment: dict, sizes: dict) -> None:
    expected = interpret(uses, environment, sizes)
    values = interpret(found, environment, sizes)
    for use, before, new, after in zip(uses, expected, found, values):
        own, other = list(dict.fromkeys(use.labels)), list(dict.fromkeys(new.labels))
        assert set(other) <= set(own)
        after = after.transpose([other.index(label) for label in own if label in other])
        shape = [before.shape[place] if label in other else 1 for place, label in enumerate(own)]
        np.testing.assert_allclose(np.broadcast_to(after.reshape(shape), before.shape), before, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("seed", range(100))
def test_random_graphs_with_relations_keep_their_values(seed: int) -> None:
    uses, environment, sizes = related_graph(random.Random(seed), hints=seed % 2 == 0)
    agree(uses, optimise(uses, policy="aggressive" if seed % 3 == 0 else "default")[0], environment, sizes)


@pytest.mark.parametrize("seed", range(150))
def test_random_graphs_keep_their_values(seed: int) -> None:
    generator = random.Random(seed)
    *uses, sizes = random_graph(generator, hints=seed % 3 != 0)
    found, _ = optimise(uses, policy="aggressive" if seed % 2 == 0 else "default")
    numbers = {node.param: node.dims for node in walk([use.node for use in uses]) if node.kind == "input"}
    arrays = np.random.default_rng(seed)
    environment = {key: arrays.uniform(-1, 1, [sizes.get(d, d) for d in dims]) for key, dims in numbers.items()}
    agree(uses, found, environment, sizes)

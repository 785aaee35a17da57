"""Solved products, run label by label, against the dense meaning."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from croton.algebra import affine, at_least_zero, contract, delta, input_, interpret, iota, select
from croton.algebra.node import Label, Node, Use
from croton.algebra.rows import value
from croton.algebra.solve import Digit, Gather, Solved, solve
from croton.dtypes import float64, int64
from croton.sizes import evaluate, symbol


def run(node: Node, arrays: dict[Node, np.ndarray], sizes: dict) -> np.ndarray:
    """A solved product as it says: one loop over all values of the loop labels."""
    solved = solve(node)

    def number(size: Any) -> int:
        return evaluate(size, sizes)

    out = np.zeros([number(size) for size in node.dims])
    touched: dict[tuple, tuple] = {}
    for point in itertools.product(*[range(number(solved.sizes[label])) for label in solved.loop]):
        at = dict(zip(solved.loop, point))
        holds = [False] * len(solved.predicates)
        for definition in solved.definitions:
            if isinstance(definition, Digit):
                divisor = number(definition.divisor)
                quotient = value(definition.row, at, number) // divisor if divisor else 0
                at[definition.label] = quotient % number(definition.modulus) if definition.modulus is not None else quotient
            else:
                assert isinstance(definition, Gather)
                safe = all(holding(solved.predicates[place], at, number) for place in definition.guards)
                index = arrays[node.args[definition.argument][0].args[0][0]]
                at[definition.label] = int(index[tuple(value(row, at, number) for row in definition.at)]) if safe else 0
        holds = [holding(predicate, at, number) for predicate in solved.predicates]
        product = np.float64(node.param.number)
        for size, exponent in node.param.sizes:
            product *= float(number(size)) ** exponent
        for size in solved.repeat:
            product *= number(size)
        for place, factor in enumerate(solved.factors):
            guards = [holds[i] for i, predicate in enumerate(solved.predicates) if place in predicate.hosts]
            if all(guards):
                index = tuple(value(row, at, number) for row in factor.at)
                array = arrays[node.args[factor.argument][0]]
                assert all(0 <= i < extent for i, extent in zip(index, array.shape)), (solved, at)
                product *= array[index] ** factor.power
            else:
                product *= 0.0 if factor.power > 0 else 1.0
        for i, predicate in enumerate(solved.predicates):
            if predicate.term and not holds[i]:
                product *= 0.0
        index = tuple(value(row, at, number) for row in solved.output)
        if not all(holds):
            assert product == 0
            continue
        assert all(0 <= i < extent for i, extent in zip(index, out.shape)), (solved, at)
        if solved.injective:
            kept = tuple(at[label] for label in solved.kept)
            assert touched.setdefault(index, kept) == kept
        touched[index] = touched.get(index, ())
        out[index] += product
    if solved.covers:
        assert len(touched) == out.size or out.size == 0 or solved.plain
    return out


def holding(predicate: Any, at: dict, number: Any) -> bool:
    found = value(predicate.row, at, number)
    return found >= 0 if predicate.at_least else found == 0


def check(use: Use, environment: dict[str, np.ndarray], sizes: dict | None = None) -> Solved:
    node = use.node
    assert node.kind == "contract"
    leaves: dict[Node, np.ndarray] = {}
    for child, *_ in node.args:
        below = child.args[0][0] if child.kind == "select" else child
        if below.kind not in ("affine", "range"):
            leaves[below] = interpret([Use(below, tuple(Label(size) for size in below.dims))], environment, sizes)[0]
    expected = interpret([Use(node, tuple(Label(size) for size in node.dims))], environment, sizes)[0]
    np.testing.assert_allclose(run(node, leaves, sizes or {}), expected, rtol=1e-12, atol=1e-12)
    return solve(node)


def labels(*sizes: Any) -> list[Label]:
    return [Label(size) for size in sizes]


generator = np.random.default_rng(0)
n, m = symbol("n"), symbol("m")


def test_convolution_is_a_guarded_read() -> None:
    i, o, k = labels(7, 7, 3)
    use = contract([o], [(input_("x", [i], float64), 1), (input_("w", [k], float64), 1), (affine({i: 1, o: -1, k: -1}, 1), 1)], summed=[i, k])
    solved = check(use, {"x": generator.normal(size=7), "w": generator.normal(size=3)})
    assert solved.plain and len(solved.loop) == 2 and len(solved.predicates) == 2
    assert all(len(predicate.hosts) == 1 and not predicate.term for predicate in solved.predicates)


def test_valid_slices_need_no_guard() -> None:
    i, o = labels(n, n // 2)
    use = contract([o], [(input_("x", [i], float64), 1), (affine({i: 1, o: -2}, 0), 1)], summed=[i])
    for extent in (0, 1, 4, 5):
        solved = check(use, {"x": generator.normal(size=extent)}, {"n": extent})
    assert not solved.predicates and solved.loop == (0,)


def test_reading_the_first_of_perhaps_none_is_guarded() -> None:
    (i,) = labels(n)
    use = contract([], [(input_("x", [i], float64), 1), (affine({i: 1}, 0), 1)], summed=[i])
    for extent in (0, 1, 3):
        solved = check(use, {"x": generator.normal(size=extent)}, {"n": extent})
    assert len(solved.predicates) == 1


def test_gather_and_scatter_are_one_relation() -> None:
    v, b, e = labels(6, 4, 3)
    index = input_("i", [b], int64)
    environment = {"t": generator.normal(size=(6, 3)), "g": generator.normal(size=(4, 3)), "i": np.array([5, 0, 5, 2])}
    gather = check(contract([b, e], [(input_("t", [v, e], float64), 1), (select(v, index), 1)], summed=[v]), environment)
    assert gather.plain and len(gather.loop) == 2 and len(gather.definitions) == 1 and len(gather.checks) == 1
    scatter = check(contract([v, e], [(input_("g", [b, e], float64), 1), (select(v, index), 1)], summed=[b]), environment)
    assert not scatter.plain and not scatter.injective and not scatter.covers and len(scatter.loop) == 2


def test_two_indices_of_one_label_meet() -> None:
    v, b, c = labels(6, 4, 3)
    use = contract(
        [b, c],
        [
            (input_("t", [v], float64), 1),
            (select(v, input_("i", [b], int64)), 1),
            (select(v, input_("j", [c], int64)), 1),
        ],
        summed=[v],
    )
    solved = check(use, {"t": generator.normal(size=6), "i": np.array([5, 0, 5, 2]), "j": np.array([2, 5, 1])})
    assert len(solved.loop) == 2


def test_a_chain_of_gather_and_shift() -> None:
    """x[2*idx[o+1] + k]: the guard of the index read is not forgotten."""
    i, v, b, o, k = labels(9, 3, 4, 4, 2)
    use = contract(
        [o, k],
        [
            (input_("x", [i], float64), 1),
            (affine({i: 1, v: -2, k: -1}, 0), 1),
            (select(v, input_("j", [b], int64)), 1),
            (affine({b: 1, o: -1}, -1), 1),
        ],
        summed=[i, v, b],
    )
    solved = check(use, {"x": generator.normal(size=9), "j": np.array([2, 0, 1, 2])})
    assert solved.plain and len(solved.loop) == 2


def test_merge_stores_in_place_of_adding() -> None:
    b, t, p = labels(n, m, n * m)
    use = contract([p], [(input_("x", [b, t], float64), 1), (affine({p: 1, b: -m, t: -1}, 0), 1)], summed=[b, t])
    for env in ({"n": 3, "m": 4}, {"n": 0, "m": 4}, {"n": 2, "m": 0}, {"n": 1, "m": 1}):
        solved = check(use, {"x": generator.normal(size=(env["n"], env["m"]))}, env)
    assert len(solved.loop) == 1 or (solved.injective and solved.covers)


def test_split_reads_directly() -> None:
    b, t, p = labels(n, m, n * m)
    use = contract([b, t], [(input_("x", [p], float64), 1), (affine({p: 1, b: -m, t: -1}, 0), 1)], summed=[p])
    solved = check(use, {"x": generator.normal(size=12)}, {"n": 3, "m": 4})
    assert solved.plain and not solved.definitions and not solved.predicates


def test_reshape_divides_with_remainder() -> None:
    """(4, 6) to (8, 3): no loop over more than the 24 elements."""
    b, t, p, q = labels(4, 6, 8, 3)
    relation = affine({b: 6, t: 1, p: -3, q: -1}, 0)
    use = contract([p, q], [(input_("x", [b, t], float64), 1), (relation, 1)], summed=[b, t])
    solved = check(use, {"x": generator.normal(size=(4, 6))})
    assert len(solved.loop) == 2
    other = contract([b, t], [(input_("y", [p, q], float64), 1), (relation, 1)], summed=[p, q])
    assert len(check(other, {"y": generator.normal(size=(8, 3))}).loop) == 2


def test_masks_are_hosted_by_what_has_their_labels() -> None:
    i, j, k = labels(4, 4, 3)
    tril = at_least_zero({i: 1, j: -1}, 0)
    use = contract([i, k], [(input_("a", [i, j], float64), 1), (input_("b", [j, k], float64), 1), (tril, 1)], summed=[j])
    solved = check(use, {"a": generator.normal(size=(4, 4)), "b": generator.normal(size=(4, 3))})
    assert [predicate.term for predicate in solved.predicates] == [False]
    apart = contract([i], [(input_("u", [i], float64), 1), (input_("v", [j], float64), 1), (at_least_zero({i: 1, j: -2}, 0), 1)], summed=[j])
    check(apart, {"u": generator.normal(size=4), "v": generator.normal(size=4)})


def test_diagonals() -> None:
    i, j = labels(5, 5)
    spread = contract([i, j], [(input_("x", [i], float64), 1), (delta(i, j), 1)])
    solved = check(spread, {"x": generator.normal(size=5)})
    assert solved.injective and not solved.covers and len(solved.loop) == 1
    eye = contract([i, j], [(delta(i, j), 1)], 2.0, dtype=float64)
    assert len(check(eye, {}).loop) == 1


def test_one_hot_and_its_range_check() -> None:
    v, b = labels(5, 3)
    index = input_("i", [b], int64)
    use = contract([v, b], [(select(v, index), 1)], 1.0, dtype=float64)
    solved = check(use, {"i": np.array([4, 0, 4])})
    assert solved.checks == ((0, 5),) or solved.checks[0].extent == 5


def test_negative_powers_do_not_divide_by_padding() -> None:
    i, o = labels(4, 4)
    use = contract([o], [(input_("x", [i], float64), -1), (affine({i: 1, o: -1}, -1), 1)], summed=[i])
    solved = check(use, {"x": generator.normal(size=4) + 3})
    assert solved.predicates and solved.predicates[0].term


def test_equal_structures_are_solved_once() -> None:
    def read(name: str) -> Node:
        i, o = labels(9, 4)
        return contract([o], [(input_(name, [i], float64), 1), (affine({i: 1, o: -2}, 0), 1)], summed=[i]).node

    assert solve(read("first")) is solve(read("second"))


def test_the_position_of_a_maximum_needs_no_check() -> None:
    v, b = labels(4, 4)
    use = contract([b], [(input_("t", [v], float64), 1), (select(v, iota(b)), 1)], summed=[v])
    if use.node.kind == "contract" and any(arg[0].kind == "select" for arg in use.node.args):
        assert len(check(use, {"t": generator.normal(size=4)}).checks) == 1


ALL = "abcd"


UNKNOWN = {name: symbol(f"size of {name}") for name in ALL}


@st.composite
def systems(draw: Any) -> tuple[Use, dict[str, np.ndarray], dict[Any, int]]:
    """Two data factors and up to three relations, over labels of known sizes or of unknown ones that are polynomials and may be 0."""
    sizes = {name: draw(st.integers(2, 4)) for name in ALL}
    made = {name: Label(size) for name, size in sizes.items()}
    known: dict[Any, int] = {}
    if draw(st.booleans()):
        values = {name: draw(st.integers(0, 3)) for name in ALL}
        known = {UNKNOWN[name]: value for name, value in values.items()}
        made = {name: Label(UNKNOWN[name] + (UNKNOWN["a"] if draw(st.integers(0, 3)) == 0 else 0)) for name in ALL}
        sizes = {name: evaluate(label.size, known) for name, label in made.items()}
    seed = np.random.default_rng(draw(st.integers(0, 1000)))
    environment: dict[str, np.ndarray] = {}
    factors: list[tuple[Use, int]] = []
    for number in range(draw(st.integers(1, 2))):
        chosen: Sequence[str] = draw(st.lists(st.sampled_from(ALL), min_size=1, max_size=2, unique=True))
        environment[f"x{number}"] = seed.uniform(1, 2, [sizes[name] for name in chosen])
        factors.append((input_(f"x{number}", [made[name] for name in chosen], float64), draw(st.sampled_from([1, 1, 2, -1]))))
    for number in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["affine", "affine", "range", "select"]))
        chosen = draw(st.lists(st.sampled_from(ALL), min_size=2, max_size=3, unique=True))
        if kind == "select" and sizes[chosen[0]]:
            key = f"i{number}"
            environment[key] = seed.integers(0, sizes[chosen[0]], sizes[chosen[1]])
            factors.append((select(made[chosen[0]], input_(key, [made[chosen[1]]], int64)), 1))
        else:
            row = {made[name]: draw(st.sampled_from([1, -1, 2, -3, 4])) for name in chosen}
            constant = draw(st.integers(-3, 3)) + (made[chosen[0]].size if draw(st.integers(0, 3)) == 0 else 0)
            factors.append(((affine if kind == "affine" else at_least_zero)(row, constant), 1))
    mentioned = {label for use, _ in factors for label in use.labels}
    out = {made[name] for name in draw(st.sets(st.sampled_from(ALL), max_size=2))} & mentioned
    return contract(out, factors, 1.5, mentioned - out, float64), environment, known


@settings(max_examples=300, deadline=None)
@given(systems())
def test_random_systems(case: tuple[Use, dict[str, np.ndarray], dict[Any, int]]) -> None:
    use, environment, sizes = case
    if use.node.kind == "contract" and any(arg[0].kind in ("affine", "range", "select") for arg in use.node.args):
        check(use, environment, sizes)


def test_unknown_sizes_are_priced_at_their_hints() -> None:
    with pytest.raises(ValueError, match="has no value"):
        evaluate(n, {})

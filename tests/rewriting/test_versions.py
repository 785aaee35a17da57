"""A few programs where no one is good at all plausible sizes, one where one is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from croton.algebra import Label, Use, contract, input_, interpret, scalar, walk
from croton.algebra.cost import assumes, assuming, extent, search
from croton.algebra.plan import cost, plan
from croton.dtypes import float64
from croton.rewriting.contest import WORTH, Contest, Ordered, is_open, orders, regimes
from croton.rewriting.optimise import optimise
from croton.rewriting.versions import MOST_VERSIONS, Measured, Version, versions
from croton.sizes import symbol, symbols


def unknown(*names: str) -> list[Label]:
    return [Label(symbol(f"versions_{name}")) for name in names]


def chain(at: Sequence[Label]) -> Use:
    """A product of matrices, made by one product after another."""
    value = input_("m0", list(at[:2]), float64)
    for number in range(2, len(at)):
        factor = input_(f"m{number - 1}", list(at[number - 1 : number + 1]), float64)
        value = contract([at[0], at[number]], [(value, 1), (factor, 1)], 1.0, [at[number - 1]])
    return value


def measured(found: Sequence[Version]) -> list[Measured]:
    programs = []
    for version in found:
        with assuming(version.regime):
            programs.append(Measured(version))
    return programs


def test_sizes_are_assumed_for_a_while_and_by_one_thread() -> None:
    (a,) = unknown("a")
    likely = extent(a.size)
    with assuming({symbols(a.size)[0]: 7}):
        assert extent(a.size) == 7 and extent(a.size * 2) == 14 and extent(3) == 3 and assumes()
        with assuming({}):
            assert extent(a.size) == likely and not assumes()
        assert extent(a.size) == 7
    assert extent(a.size) == likely


def test_an_order_that_sizes_turn_has_two_programs() -> None:
    at = unknown(*"nkmp")
    found = versions([chain(at)], "default")
    assert len(found) == 2 and found[0].regime == {} and found[1].regime
    programs = measured(found)
    names = [symbols(label.size)[0] for label in at]
    for sizes in ((16, 500, 400, 300), (300, 400, 500, 16)):
        extents = dict(zip(names, sizes))
        n, k, m, p = sizes
        best = min(2 * n * m * (k + p), 2 * k * p * (m + n)) / 8
        assert min(program.amount(extents) for program in programs) < 1.5 * best
        assert max(program.amount(extents) for program in programs) > 3 * best


def test_known_sizes_have_one_program() -> None:
    assert len(versions([chain([Label(size) for size in (30, 40, 50, 60)])], "default")) == 1


def test_what_holds_at_all_sizes_has_one_program() -> None:
    n, k, m = unknown(*"nkm")
    # The sum of a product of matrices, and a matrix times a matrix times a vector.
    summed = contract([], [(chain([n, k, m]), 1)], 1.0, [n, m])
    contests: list[Contest] = []
    optimise([summed], "default", contests)
    assert not contests and len(versions([summed], "default")) == 1
    a, b, v = input_("a", [n, k], float64), input_("b", [k, m], float64), input_("v", [m], float64)
    product = contract([n], [(contract([n, m], [(a, 1), (b, 1)], 1.0, [k]), 1), (v, 1)], 1.0, [m])
    assert len(versions([product], "default")) == 1


def test_proofs_close_choices() -> None:
    n, m = unknown(*"nm")
    x, y = input_("x", [n, m], float64), input_("y", [n, m], float64)
    exp = scalar("exp", x)
    cheap, dear = contract([n], [(x, 1)], 1.0, [m]).node, contract([n], [(exp, 1), (y, 1)], 1.0, [m]).node
    closed = Contest(([(dear, 1.0), (exp.node, 1.0)], [(cheap, 1.0)]), (1.0, 1.0), 1)
    assert closed.settled() and not is_open(closed)
    other_way = closed._replace(chosen=0)
    assert not other_way.settled() and is_open(other_way)


def test_regimes_are_plausible_sizes() -> None:
    names = [symbols(label.size)[0] for label in unknown(*"abc")]
    found = regimes(names)
    assert len(found) == 2 * len(names) and len(regimes(names[:2])) == 6 and len(regimes(names[:1])) == 2
    likely = extent(names[0].size)
    for regime in found:
        assert all(value == likely // 16 or value == likely * 64 for value in regime.values())


def test_equal_choices_about_other_names_are_looked_at_once() -> None:
    first, second = (Contest(([(chain(at).node, 1.0)],) * 2, (1.0, 1.0), 0) for at in (unknown(*"abc"), unknown(*"def")))
    assert first.key({}) == second.key({})
    assert first.key({}) != Contest(([(chain(unknown(*"aba")).node, 1.0)],) * 2, (1.0, 1.0), 0).key({})


def test_an_order_of_one_product_may_be_open() -> None:
    at = unknown(*"nkmp")
    factors = [(input_(f"m{i}", at[i : i + 2], float64), 1) for i in range(3)]
    node = contract([at[0], at[3]], factors, 1.0, at[1:3]).node
    (order,) = orders([(node, ())])
    assert isinstance(order, Ordered) and order.tree == plan(node).tree and is_open(order)
    paid, least = order.outcome()
    assert paid == pytest.approx(least)
    with assuming({symbols(at[0].size)[0]: 4000, symbols(at[3].size)[0]: 4000, symbols(at[1].size)[0]: 4}):
        paid, least = order.outcome()
        assert least == cost(node) and paid >= least


@settings(max_examples=30)
@given(st.lists(st.integers(0, 4), min_size=4, max_size=8), st.randoms(use_true_random=False))
def test_all_programs_have_the_value_and_are_few(repeats: list[int], chance: Any) -> None:
    names = unknown(*"abcde")
    at = []
    for number in repeats:
        # An index of its own, of a size that others may have too.
        at.append(Label(names[number].size))
    value = chain(at)
    found = versions([value], "default")
    assert 1 <= len(found) <= MOST_VERSIONS
    sizes = {symbols(label.size)[0]: chance.randint(0, 4) for label in names}
    arrays = {}
    generator = np.random.default_rng(chance.randint(0, 1 << 30))
    for node in walk([value.node]):
        if node.kind == "input":
            arrays[node.param] = generator.standard_normal([sizes[symbols(size)[0]] for size in node.dims])
    wanted = interpret([value], arrays, sizes)[0]
    for version in found:
        (use,) = version.uses
        order = [use.labels.index(label) for label in value.labels if label in use.labels]
        np.testing.assert_allclose(interpret([use], arrays, sizes)[0].transpose(order), wanted, atol=1e-9)


def test_another_program_is_worth_having() -> None:
    at = unknown(*"nkmpqr")
    programs = measured(versions([chain(at)], "default"))
    assert 2 <= len(programs) <= MOST_VERSIONS
    for number, program in enumerate(programs[1:], 1):
        regime = program.version.regime
        assert min(other.amount(regime) for other in programs[:number]) > WORTH * program.amount(regime)


@pytest.mark.parametrize(("count", "most", "often"), [(3, 1.01, 1.01), (4, 25.0, 4.0), (5, 25.0, 5.0)])
def test_programs_of_a_chain_are_near_the_best_order_of_all(count: int, most: float, often: float) -> None:
    """Beside the best order for each of some sizes by chance: the worst, and nine in ten."""
    at = unknown(*[f"chain_{place}" for place in range(count + 1)])
    programs = measured(versions([chain(at)], "default"))
    names = [symbols(label.size)[0] for label in at]
    terms, out = [frozenset((place, place + 1)) for place in range(count)], frozenset((0, count))
    generator = np.random.default_rng(count)
    ratios = []
    for _ in range(150):
        sizes = np.exp(generator.uniform(np.log(4), np.log(4096), count + 1)).astype(int).tolist()
        best = search(terms, out, dict(enumerate(sizes))).time
        ratios.append(min([program.amount(dict(zip(names, sizes))) for program in programs]) / best)
    assert 1.0 <= max(ratios) < most
    assert sorted(ratios)[len(ratios) * 9 // 10] < often

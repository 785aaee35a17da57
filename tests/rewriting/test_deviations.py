"""Terms that add up to nothing are left out of sums, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import croton as cr
from croton.algebra.constant import number_of
from croton.algebra.node import walk
from croton.rewriting.deviations import is_sum_of_terms, without_deviations
from croton.rewriting.optimise import optimise
from croton.transforms.lower import lower

ROWS, COLUMNS = 49, 3
"""49 * (1 / 49) is not 1 in floating point."""

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _without_cache() -> Iterator[None]:
    with cr.config.use(cache=False, check=True):
        yield


def arrays(known: bool) -> tuple[Any, Any, Any]:
    shape = (ROWS, COLUMNS) if known else (None, None)
    return cr.tensor("x", shape=shape), cr.tensor("y", shape=shape), cr.tensor("v", shape=shape[1:])


def rewritten(expression: Any) -> Any:
    (use,), _ = without_deviations([lower([expression]).outputs[0].use])
    return use


def is_zero(expression: Any) -> bool:
    return number_of(rewritten(expression).node) == 0


def normalised(x: Any, axis: int = 0) -> Any:
    centred = x - x.mean(axis, keepdims=True)
    return centred / cr.sqrt((centred**2).mean(axis, keepdims=True) + 1e-5)


@pytest.mark.parametrize("known", [True, False])
def test_what_adds_up_to_nothing_is_nothing(known: bool) -> None:
    x, y, v = arrays(known)
    assert is_zero((x - x.mean(0)).sum(0))
    assert is_zero((x - x.mean(0)).sum())
    assert is_zero((x - x.mean()).sum())
    assert is_zero((x + v + y - (x + v + y).mean(0)).sum(0))
    assert is_zero((normalised(x) * v).sum(0))
    assert is_zero((normalised(x, 1)).sum(1))
    centred = x - x.mean(0)
    assert is_zero((centred * v - (centred * cr.exp(v)).mean(0) - 2 * x.mean(0) + 2 * x).sum(0))
    assert is_zero((normalised(normalised(x) + y) * v).sum(0))


@pytest.mark.parametrize("known", [True, False])
def test_the_rest_of_a_sum_is_summed_alone(known: bool) -> None:
    x, y, v = arrays(known)
    pairs = [(y + x - x.mean(0), y), (cr.exp(y) * v + normalised(x) * v, cr.exp(y) * v)]
    for more, rest in pairs:
        uses = [operand.use for operand in lower([more.sum(0), (rest + 0 * x).sum(0)]).outputs]
        found, _ = without_deviations(uses)
        assert found[0].node is found[1].node


@pytest.mark.parametrize("known", [True, False])
def test_what_is_left_stays(known: bool) -> None:
    x, y, v = arrays(known)
    for sum_ in (
        (x - y.mean(0)).sum(0),
        (x - 2 * x.mean(0)).sum(0),
        (x - x.mean(0) / 3).sum(0),
        (x - x.mean(1)[:, None]).sum(0),
        (x - v).sum(0),
        (abs(x) - x.mean(0)).sum(0),
    ):
        (use,) = [operand.use for operand in lower([sum_]).outputs]
        (found,), chosen = without_deviations([use])
        assert found.node is use.node and not chosen
    # these are no sums of terms
    for sum_ in (((x - x.mean(0)) * y).sum(0), ((x - x.mean(0)) ** 2).sum(0)):
        assert not is_zero(sum_)


def test_integers_stay() -> None:
    k = cr.tensor("k", shape=(4, 4), dtype="int64")
    assert not is_zero((k - k.sum(0) // 4).sum(0))


def test_strict_leaves_everything() -> None:
    x, _, _ = arrays(True)
    use = lower([(x - x.mean(0)).sum(0)]).outputs[0].use
    assert optimise([use], "strict")[0][0].node is use.node


def test_a_bias_before_a_normalisation_has_no_gradient() -> None:
    x, w, b = cr.matrix("x"), cr.matrix("w"), cr.vector("b")
    loss = (cr.tanh(normalised(x @ w + b)) ** 2).sum()
    function = cr.function([x, w, b], cr.grad(loss, b))
    assert (function(RNG.standard_normal((5, 4)), RNG.standard_normal((4, 3)), np.ones(3)) == 0).all()
    assert function.explain().kernels <= 1, "zeros are written, and that is all"


def test_gradients_of_normalisations_have_no_sum_of_deviations() -> None:
    x, y, v = arrays(False)
    for axis in (0, 1):
        out = (normalised(x, axis) * v + 1) * y
        uses = [operand.use for operand in lower([out, *cr.grad((out**2).sum(), [x, v])]).outputs]
        before = sum(is_sum_of_terms(node) for node in walk([use.node for use in uses]))
        after = sum(is_sum_of_terms(node) for node in walk([use.node for use in without_deviations(uses)[0]]))
        assert after < before


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_values_are_those_of_the_reference(seed: int) -> None:
    """Random sums of deviations, weighted and nested, and of what is none."""
    chance = np.random.default_rng(seed)
    x, y, v = (cr.tensor(name, shape=shape) for name, shape in (("x", (5, 3)), ("y", (5, 3)), ("v", (3,))))
    pool = [x, y, cr.exp(y), x * v]
    for _ in range(chance.integers(2, 6)):
        one, other = (pool[chance.integers(len(pool))] for _ in range(2))
        pool.append(
            [
                one - one.mean(0),
                one - other.mean(0),
                one + other,
                one * v,
                one - 0.5 * other,
                (one - one.mean(0)) * other.mean(0),
                one + other.sum(0) / 5,
            ][chance.integers(7)]
        )
    chosen = [pool[chance.integers(len(pool))] for _ in range(3)]
    outputs = [sum(chosen[1:], chosen[0]).sum(0), (chosen[0] - chosen[1]).sum(0), (chosen[2] - chosen[1]).sum()]
    values = {x: chance.standard_normal((5, 3)), y: chance.standard_normal((5, 3)), v: chance.standard_normal(3)}
    found = cr.function([x, y, v], outputs)(*values.values())
    for one, right in zip(found, cr.reference.evaluate(outputs, values)):
        np.testing.assert_allclose(one, right, rtol=1e-9, atol=1e-9)


def test_wide_and_deep_sums() -> None:
    x = cr.matrix("x")
    wide = sum([cr.exp(x * number) for number in range(1, 10_000)], x)
    deep = x
    for _ in range(10_000):
        deep = cr.tanh(deep - deep.mean(0) + 1)
    assert not is_zero((wide - x.mean(0)).sum(0))
    assert not is_zero(deep.sum(0))


def test_the_report_says_what_was_left_out() -> None:
    x, y, v = arrays(False)
    loss = (normalised(x) * v * y).sum()
    assert "deviations add up to 0" in str(cr.function([x, y, v], cr.grad(loss, [x, v])).explain())

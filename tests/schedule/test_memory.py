"""What dies where an output is made lies in the output's memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from execute import run

from croton.algebra.add import add
from croton.algebra.constant import input_
from croton.algebra.contract import contract
from croton.algebra.interpret import interpret
from croton.algebra.node import Label, Operand, Use
from croton.algebra.pointwise import scalar
from croton.dtypes import float32
from croton.schedule.build import build_plan
from croton.schedule.plan import Plan

N = 12
RNG = np.random.default_rng(0)
ARRAYS = {key: RNG.standard_normal((N, N)).astype(np.float32) for key in "xw"}


@pytest.fixture
def axes() -> tuple[Label, Label]:
    return Label(N), Label(N)


def multiplied(axes: tuple[Label, Label]) -> Use:
    """x @ w."""
    b, o = axes
    i = Label(N)
    return contract((b, o), [(input_("x", (b, i), float32), 1), (input_("w", (i, o), float32), 1)], summed=[i])


def planned(outputs: Sequence[Operand], donated: dict | None = None) -> Plan:
    """The plan, which gives the right values in memory that is full of NaN."""
    plan = build_plan(outputs, donated)
    found = run(plan, {key: array.copy() for key, array in ARRAYS.items()}, {})
    for one, two in zip(found, interpret(outputs, ARRAYS, {})):
        np.testing.assert_allclose(one.reshape(two.shape), two, rtol=1e-4, atol=1e-4)
    return plan


def homes(plan: Plan) -> list[tuple]:
    """Where the values are that are no inputs."""
    return [value.home for value in plan.values if value.home[0] != "input"]


def test_a_product_is_written_where_what_is_made_of_it_will_be(axes: tuple[Label, Label]) -> None:
    plan = planned([Operand(axes, scalar("exp", multiplied(axes)))])
    assert not plan.slots and homes(plan) == [("output", 0), ("output", 0)]


def test_one_of_several_outputs_takes_it(axes: tuple[Label, Label]) -> None:
    product = multiplied(axes)
    plan = planned([Operand(axes, scalar("exp", product)), Operand(axes, scalar("sin", product))])
    assert not plan.slots and sorted(homes(plan)) in ([("output", 0), ("output", 0), ("output", 1)], [("output", 0), ("output", 1), ("output", 1)])


def test_not_what_is_read_again_afterwards(axes: tuple[Label, Label]) -> None:
    product = multiplied(axes)
    b, o = axes
    k = Label(N)
    again = contract((b, k), [(scalar("exp", product), 1), (Use(product.node, tuple([{b: o, o: k}[label] for label in product.labels])), 1)], summed=[o])
    plan = planned([Operand(axes, scalar("exp", product)), Operand((b, k), again)])
    assert ("slot", 0) in homes(plan)


def test_not_what_is_read_at_other_places(axes: tuple[Label, Label]) -> None:
    b, o = axes
    product = multiplied(axes)
    turned = Use(product.node, tuple([{b: o, o: b}[label] for label in product.labels]))
    plan = planned([Operand(axes, add([(scalar("exp", product), 1), (scalar("sin", turned), 1)]))])
    assert len(plan.slots) == 1


def test_not_where_an_input_gives_its_memory(axes: tuple[Label, Label]) -> None:
    """It is needed until the output is made."""
    b, o = axes
    w = input_("w", (b, o), float32)
    plan = planned([Operand(axes, add([(w, 1), (scalar("exp", multiplied(axes)), 1)]))], {"w": 0})
    assert len(plan.slots) == 1 and plan.values[plan.outputs[0]].home == ("input", "w")

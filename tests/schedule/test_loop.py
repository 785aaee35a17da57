"""Loops in plans: one call with the plan of a step, rows that stay where they are, and memory that is not kept for nobody."""

from __future__ import annotations

import numpy as np
import pytest
from execute import run

from croton.algebra.add import add
from croton.algebra.constant import constant, input_
from croton.algebra.contract import contract
from croton.algebra.interpret import interpret
from croton.algebra.node import Label, Operand, Use
from croton.algebra.pointwise import scalar
from croton.algebra.stand_in import mark
from croton.dtypes import float64
from croton.loops.course import Steps
from croton.loops.recurrence import Carry, Element, Recurrence
from croton.schedule.build import build_plan
from croton.schedule.plan import LoopCall, Plan
from croton.sizes import symbol, symbols

RNG = np.random.default_rng(0)
SIZE = 20


class Net:
    """h' = tanh(h @ U + x): a product and a kernel a step."""

    def __init__(self, reverse: bool = False, turned: bool = False) -> None:
        self.length = symbol("T")
        self.step, rows, inner, out = Label(self.length), Label(SIZE), Label(SIZE), Label(SIZE)
        stored = (rows, self.step, out) if turned else (self.step, rows, out)
        x, u, h = input_("x", stored, float64), input_("u", (inner, out), float64), input_("h", (rows, inner), float64)
        carry, element = mark((rows, inner), dtype=float64), mark((rows, out), dtype=float64)
        product = contract({rows, out}, [(carry, 1), (u, 1)], 1, [inner])
        new = scalar("tanh", add([(product, 1), (element, 1)]))
        new = Use(new.node, tuple([inner if label is out else label for label in new.labels]))
        self.axes = (rows, inner)
        self.found = Recurrence(Steps(self.step, reverse), [Carry(carry.node, self.axes, h, new)], [Element(element.node, (rows, out), x)])
        self.new = new
        shape = (SIZE, 5, SIZE) if turned else (5, SIZE, SIZE)
        self.values = {"x": RNG.standard_normal(shape), "u": RNG.standard_normal((SIZE, SIZE)), "h": RNG.standard_normal((SIZE, SIZE))}

    def check(self, operands: list[Operand]) -> Plan:
        """The plan of operands, after its values have been compared with the meaning."""
        sizes = dict.fromkeys(self.length.terms[0][0], 5)  # type: ignore[union-attr]
        plan = build_plan(operands)
        for a, b in zip(run(plan, self.values, sizes), interpret(operands, self.values, sizes)):
            np.testing.assert_allclose(a.reshape(b.shape), b, rtol=1e-12, atol=1e-12)
        return plan


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("turned", [False, True])
def test_all_states_and_the_last_one(reverse: bool, turned: bool) -> None:
    net = Net(reverse, turned)
    every = Operand((net.step, *net.axes), net.found.lift(net.new))
    plan = net.check([Operand(net.axes, net.found.final(0)), every])
    (loop,) = [call for call in plan.calls if isinstance(call, LoopCall)]
    assert len(loop.carried.stacked) == 1 and not loop.carried.rotating
    assert [type(call).__name__ for call in loop.body.calls] == ["ProductCall", "KernelCall"]


def test_states_that_nobody_wants_are_not_kept() -> None:
    net = Net()
    plan = net.check([Operand(net.axes, net.found.final(0))])
    (loop,) = plan.calls
    assert isinstance(loop, LoopCall) and not loop.carried.stacked and len(loop.carried.rotating) == 1
    # Elements are read where the caller has them, and nothing as long as the loop is stored.
    assert plan.values[loop.elements[0][1]].home == ("input", "x")
    assert not any(name in symbols(slot.size) for slot in plan.slots for name in symbols(net.length))


def test_the_results_of_a_step_have_no_memory_of_their_own() -> None:
    """A product that dies in them is written elsewhere: the carry before may still lie there."""
    net = Net()
    plan = net.check([Operand((net.step, *net.axes), net.found.lift(net.new)), Operand(net.axes, net.found.final(0))])
    (loop,) = [call for call in plan.calls if isinstance(call, LoopCall)]
    assert "slot" in [value.home[0] for value in loop.body.values]


def test_a_first_value_that_is_a_number_is_written_out() -> None:
    net = Net()
    carry = mark(net.axes, dtype=float64)
    new = scalar("sin", add([(carry, 1), (constant(1, float64), 1)]))
    found = Recurrence(Steps(net.step), [Carry(carry.node, net.axes, constant(0, float64), new)], [])
    net.values = {}
    net.check([Operand(net.axes, found.final(0))])

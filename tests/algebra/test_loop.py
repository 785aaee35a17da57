"""Loops as nodes: canonical, read from any side, rebuilt, and interpreted step by step."""

from __future__ import annotations

import numpy as np

from croton.algebra.add import add
from croton.algebra.check import check
from croton.algebra.constant import input_
from croton.algebra.contract import contract
from croton.algebra.interpret import interpret
from croton.algebra.loop import bodies_of, core_of, loop_key, open_loop, part_of
from croton.algebra.node import Label, Use, walk
from croton.algebra.pointwise import scalar
from croton.algebra.print import show
from croton.algebra.rebuild import rebuild
from croton.algebra.stand_in import mark
from croton.derivatives.derive import derive
from croton.dtypes import float64
from croton.loops.course import Steps
from croton.loops.recurrence import Carry, Element, Recurrence

STEPS, SIZE = 5, 3
RNG = np.random.default_rng(0)


def recurrence(reverse: bool = False, keys: tuple[str, str] = ("x", "h")) -> tuple[Recurrence, Use, Label, Label]:
    """c' = sin(c * x) + c, with its next value, the step and the axis."""
    step, axis = Label(STEPS), Label(SIZE)
    x, h = input_(keys[0], (step, axis), float64), input_(keys[1], (axis,), float64)
    carry, element = mark((axis,), dtype=float64), mark((axis,), dtype=float64)
    new = add([(scalar("sin", contract({axis}, [(carry, 1), (element, 1)])), 1), (carry, 1)])
    found = Recurrence(Steps(step, reverse), [Carry(carry.node, (axis,), h, new)], [Element(element.node, (axis,), x)])
    return found, new, step, axis


def states(x: np.ndarray, h: np.ndarray, reverse: bool) -> np.ndarray:
    rows = [h]
    for element in x[:: -1 if reverse else 1]:
        rows.append(np.sin(rows[-1] * element) + rows[-1])
    return np.array(rows[:: -1 if reverse else 1])


def test_states_and_the_last_value() -> None:
    values = {"x": RNG.standard_normal((STEPS, SIZE)), "h": RNG.standard_normal(SIZE)}
    for reverse in (False, True):
        found, new, step, axis = recurrence(reverse)
        row = Label(STEPS + 1)
        uses = [Use(u.node, u.labels) for u in (found.states(0, row), found.final(0), found.lift(new))]
        check(uses)
        wanted = states(values["x"], values["h"], reverse)
        rows, last, after = interpret(uses, values)
        np.testing.assert_allclose(rows, wanted)
        np.testing.assert_allclose(last, wanted[0 if reverse else -1])
        np.testing.assert_allclose(after if uses[2].labels[0] is step else after.T, wanted[:-1] if reverse else wanted[1:])


def test_equal_loops_are_one_node_and_parts_of_a_loop_know_each_other() -> None:
    row = Label(STEPS + 1)
    one, other = recurrence()[0], recurrence()[0]
    assert one.final(0).node is other.final(0).node
    first, second = one.states(0, row).node, one.final(0).node
    assert first is not second and loop_key(first) == loop_key(second)
    assert core_of(first) is core_of(second) or core_of(first) == core_of(second)
    assert {part_of(first).kind, part_of(second).kind} == {"states", "final"}
    assert loop_key(recurrence(keys=("y", "h"))[0].final(0).node) != loop_key(second)
    assert len(bodies_of([first, second])) == 1


def test_what_a_loop_is_opened_to_makes_it_again() -> None:
    found = recurrence()[0].final(0)
    labels = [Label(size) for size in found.node.dims + found.node.sums]
    loop = open_loop(found.node, labels)
    assert loop.final(0).node is found.node
    assert rebuild([found], lambda *_: None)[0] == found
    assert "final 0 of 5 steps" in show([found])


def test_the_derivative_is_a_loop_in_the_other_direction() -> None:
    values = {"x": RNG.standard_normal((STEPS, SIZE)), "h": RNG.standard_normal(SIZE)}
    for reverse in (False, True):
        found, _, _, axis = recurrence(reverse)
        last = found.final(0)
        inputs = {node.param: node for node in walk([last.node]) if node.kind == "input"}
        cost = contract((), [(last, 2)], 1, last.labels)
        derivatives = derive([cost], [contract((), [], 1, (), float64)], [inputs["x"], inputs["h"]])
        uses = [Use(use.node, labels) for use, labels in derivatives if set(use.labels) == set(labels)]
        assert len(uses) == 2
        found_values = interpret([use for use, _ in derivatives], values)
        directions = {core_of(node).reverse for node in walk([use.node for use, _ in derivatives]) if node.kind == "loop"}
        assert directions == {False, True}
        for key, (use, labels), value in zip(("x", "h"), derivatives, found_values):
            value = value.transpose([use.labels.index(label) for label in labels])
            wanted = np.zeros_like(values[key])
            for place in np.ndindex(wanted.shape):
                for sign in (1, -1):
                    moved = {name: array.copy() for name, array in values.items()}
                    moved[key][place] += sign * 1e-6
                    wanted[place] += sign * (states(moved["x"], moved["h"], reverse)[0 if reverse else -1] ** 2).sum() / 2e-6
            np.testing.assert_allclose(value, wanted, rtol=1e-5, atol=1e-7)

"""Loops of which half of the strands are zero, in blocks that begin late: the same values in fewer steps of each strand."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest

import croton as cr
from croton.algebra.interpret import interpret
from croton.algebra.loop import core_of, loop_key
from croton.algebra.node import Use, walk
from croton.rewriting import late_strands
from croton.rewriting.late_strands import begin_strands_late
from croton.rewriting.strand import strands
from croton.rewriting.transpose_loops import transpose_loops
from croton.transforms.lower import lower

INPUTS, STATES = 2, 3
Program = Callable[[cr.Expr, cr.Expr, cr.Expr], cr.Expr]


def scan(step: Callable, init: object, xs: object, **options: object) -> cr.Expr:
    return cr.scan(step, init, xs, **options)[1]


def simple(xs: cr.Expr, inward: cr.Expr, around: cr.Expr) -> cr.Expr:
    return scan(lambda state, x: (cr.tanh(x @ inward + state @ around),) * 2, cr.zeros((STATES,)), xs)


def backward(xs: cr.Expr, inward: cr.Expr, around: cr.Expr) -> cr.Expr:
    return scan(lambda state, x: (cr.tanh(x @ inward + state @ around),) * 2, cr.ones((STATES,)), xs, reverse=True)


def seen(xs: cr.Expr, inward: cr.Expr, around: cr.Expr) -> cr.Expr:
    """What a step shows is not what it hands on."""

    def step(state: cr.Expr, x: cr.Expr) -> tuple[cr.Expr, cr.Expr]:
        shown = cr.sin(state @ around)
        return cr.tanh(x @ inward + shown), shown

    return scan(step, cr.zeros((STATES,)), xs)


def gated(xs: cr.Expr, inward: cr.Expr, around: cr.Expr) -> cr.Expr:
    def step(carry: tuple[cr.Expr, cr.Expr], x: cr.Expr) -> tuple[tuple[cr.Expr, cr.Expr], cr.Expr]:
        state, memory = carry
        memory = cr.sigmoid(x @ inward) * memory + cr.tanh(state @ around)
        state = cr.tanh(memory) * cr.sigmoid(state @ around)
        return (state, memory), state

    return scan(step, (cr.zeros((STATES,)), cr.ones((STATES,))), xs)


def begun(xs: cr.Expr, inward: cr.Expr, around: cr.Expr) -> cr.Expr:
    """All elements have come in before the first step."""
    return scan(lambda state, x: (cr.tanh(x @ inward + state @ around),) * 2, xs.sum(0) @ inward, xs)


def two_ago(xs: cr.Expr, inward: cr.Expr, around: cr.Expr) -> cr.Expr:
    """An element comes in two steps late."""
    late = cr.pad(xs, ((2, 0), (0, 0)))[: xs.shape[0]]
    return simple(late, inward, around)


def stacked(xs: cr.Expr, inward: cr.Expr, around: cr.Expr) -> cr.Expr:
    return simple(simple(xs, inward, around)[:, :INPUTS], inward, around)


def few(xs: cr.Expr, inward: cr.Expr, around: cr.Expr) -> cr.Expr:
    """Of the second half of the states."""
    return simple(xs, inward, around)[xs.shape[0] // 2 :]


PROGRAMS = [simple, backward, seen, gated, begun, two_ago, stacked, few]
WANTED: dict[str, Callable[[cr.Expr], cr.Expr]] = {
    "all": lambda J: J,
    "squares": lambda J: (J**2).sum(),
    "squares of rows": lambda J: (J**2).sum((2, 3)),
    "squares of columns": lambda J: (J**2).sum((0, 1)),
    "fourth powers": lambda J: (J**4).sum(),
    "a function of all": lambda J: cr.tanh(J).sum((1, 3)),
    "multiplied": lambda J: J * cr.cos(cr.arange(J.shape[2]).astype("float64"))[:, None],
    "products of rows": lambda J: cr.tensordot(J, J, ((2, 3), (2, 3))),
    "absolute": lambda J: cr.abs(J).sum((0, 1)),
}


@pytest.fixture(autouse=True)
def _blocks_wherever_they_save(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_strands, "STEP", 0.0)
    monkeypatch.setattr(late_strands, "LEAST_GAIN", 1.01)


def given(length: int) -> list[np.ndarray]:
    generator = np.random.default_rng(length)
    return [generator.standard_normal(shape) for shape in ((length, INPUTS), (INPUTS, STATES), (STATES, STATES))]


def lowered(program: Program, length: int, of: Callable[[cr.Expr], cr.Expr]) -> tuple[list[Use], dict]:
    inputs = [cr.tensor("xs", (length, INPUTS)), cr.tensor("inward", (INPUTS, STATES)), cr.tensor("around", (STATES, STATES))]
    work = lower([of(cr.jacobian(program(*inputs), inputs[0]))], inputs)
    return [operand.use for operand in work.outputs], {leaf.id: value for leaf, value in zip(inputs, given(length))}


def same(before: list[Use], after: list[Use], environment: dict) -> None:
    for one, value, other, found in zip(before, interpret(before, environment), after, interpret(after, environment)):
        assert set(other.labels) <= set(one.labels)
        at = [slice(None) if label in other.labels else None for label in one.labels]
        order = [other.labels.index(label) for label in one.labels if label in other.labels]
        np.testing.assert_allclose(np.broadcast_to(found.transpose(order)[tuple(at)], value.shape), value, rtol=1e-11, atol=1e-13)


def steps_of_strands(uses: Iterable[Use]) -> int:
    """Steps of loops, times the strands that each step goes through."""
    loops = {loop_key(node): node for node in walk([use.node for use in uses]) if node.kind == "loop" and strands(node).axes}
    return sum([core_of(node).length * max(node.dims[axis] for axis in strands(node).axes) for node in loops.values()])


@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("program", PROGRAMS)
def test_values_are_the_same(program: Program, wanted: str) -> None:
    for length in (1, 2, 3, 4, 5, 9, 17):
        uses, environment = lowered(program, length, WANTED[wanted])
        for before in (uses, transpose_loops(uses)[0]):
            after, chosen = begin_strands_late(before)
            same(before, after, environment)
            assert bool(chosen) == (after != before)


@pytest.mark.parametrize(("program", "share"), [(simple, 0.7), (backward, 0.7), (seen, 0.7), (gated, 0.7), (two_ago, 0.7), (few, 0.85)])
def test_strands_take_the_steps_in_which_they_are_not_zero(program: Program, share: float) -> None:
    for turned in (False, True):
        uses, _ = lowered(program, 32, WANTED["all"])
        uses = transpose_loops(uses)[0] if turned else uses
        after, chosen = begin_strands_late(uses)
        assert chosen and all(one.rule == "begin strands late" and one.after < one.before for one in chosen)
        assert steps_of_strands(after) < share * steps_of_strands(uses)


def test_what_is_never_zero_is_left_alone() -> None:
    uses, turned = transpose_loops(lowered(begun, 32, WANTED["all"])[0])
    assert turned and begin_strands_late(uses) == (uses, [])


def test_what_saves_little_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_strands, "STEP", 1e9)
    uses, _ = lowered(simple, 32, WANTED["all"])
    assert begin_strands_late(uses) == (uses, [])

"""Calls of machine code on matrices in a plan: where their arguments lie, what is copied, and the memory that they work in."""

from __future__ import annotations

from typing import Any

import pytest

import croton as cr
from croton.schedule.build import build_plan
from croton.schedule.plan import KernelCall, MatrixCall, Plan
from croton.transforms.lower import lower
from croton.transforms.release import release


def plan_of(*results: Any) -> Plan:
    outputs = lower(results).outputs
    uses = release([operand.use for operand in outputs])
    return build_plan([operand._replace(use=use) for operand, use in zip(outputs, uses)])


def matrix_calls(plan: Plan) -> list[MatrixCall]:
    return [call for call in plan.calls if isinstance(call, MatrixCall)]


def test_matrices_are_read_where_they_lie() -> None:
    x = cr.tensor("x", (7, 5, 5))
    plan = plan_of(cr.linalg.cholesky(cr.transpose(x, (0, 2, 1))))
    (call,) = plan.calls
    assert isinstance(call, MatrixCall)
    given, found = call.matrices
    assert (given.row, given.column, given.stack) == (1, 5, (25,))
    assert (found.row, found.column, found.stack) == (5, 1, (25,))
    assert call.work == -1 and call.flops == 7 * (125 // 3)


def test_what_is_read_in_place_is_copied_if_it_lies_in_neither_rows_nor_columns() -> None:
    a, b = cr.tensor("a", (5, 5, 7)), cr.tensor("b", (5, 2))
    apart = cr.transpose(a, (2, 0, 1))
    plan = plan_of(cr.linalg.solve_triangular(apart, b))
    assert [type(call) for call in plan.calls] == [KernelCall, MatrixCall]
    (call,) = matrix_calls(plan)
    assert call.matrices[0].column == 1
    assert call.matrices[1].stack == (0,)
    turned = plan_of(cr.linalg.solve_triangular(cr.transpose(a, (2, 1, 0)), b), cr.linalg.solve_triangular(apart, 2 * b))
    assert [1 in (call.matrices[0].row, call.matrices[0].column) for call in matrix_calls(turned)] == [True, True]
    assert [type(call) for call in plan_of(cr.linalg.cholesky(apart)).calls] == [MatrixCall]


def test_working_memory_is_there_for_the_call_alone() -> None:
    x = cr.tensor("x", (None, 6, 6))
    plan = plan_of(cr.linalg.eigh(cr.exp(x))[1] * 2)
    (call,) = matrix_calls(plan)
    position = plan.calls.index(call)
    slot = plan.slots[call.work]
    assert slot.first == slot.last == position
    assert slot.size == call.work_bytes * call.parts
    assert call.outputs[0] >= 0 and call.matrices[2].row == 1


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_results_that_nobody_reads(wanted: int) -> None:
    x = cr.tensor("x", (4, 3))
    (call,) = matrix_calls(plan_of(cr.linalg.svd(x)[wanted]))
    made = [value >= 0 for value in call.outputs]
    assert made == [wanted != 1, True, wanted != 1]


def test_one_call_makes_all_results() -> None:
    x = cr.tensor("x", (4, 3))
    plan = plan_of(*cr.linalg.qr(x), cr.linalg.qr(x)[1].sum())
    assert len(matrix_calls(plan)) == 1

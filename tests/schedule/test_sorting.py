"""Sorting in a plan: one call of machine code, with memory only where it needs some."""

from __future__ import annotations

from typing import Any

import pytest

import croton as cr
from croton.schedule.build import build_plan
from croton.schedule.plan import KernelCall, MatrixCall, Plan
from croton.sizes import hint
from croton.transforms.lower import lower
from croton.util.sorting import FEW, SHORT


def plan_of(*results: Any) -> Plan:
    return build_plan(lower(results).outputs)


def sorts(plan: Plan) -> list[MatrixCall]:
    return [call for call in plan.calls if isinstance(call, MatrixCall)]


def test_an_axis_is_sorted_where_it_lies() -> None:
    x = cr.tensor("x", (7, 300))
    plan = plan_of(cr.argsort(x, axis=1))
    (call,) = plan.calls
    assert isinstance(call, MatrixCall)
    given, found = call.matrices
    assert (given.rows, given.row, given.stack) == (300, 1, (300,))
    assert (found.rows, found.row, found.stack) == (300, 1, (300,))
    (call,) = sorts(plan_of(cr.argsort(x, axis=0)))
    assert (call.matrices[0].rows, call.matrices[0].row, call.matrices[0].stack) == (7, 300, (1,))


@pytest.mark.parametrize(
    ("n", "k", "works"),
    [(SHORT, SHORT, False), (SHORT + 1, SHORT + 1, True), (10_000, FEW, False), (10_000, FEW + 1, True), (None, FEW, False), (None, None, True)],
)
def test_memory_is_for_long_rows_of_which_much_is_wanted(n: int | None, k: int | None, works: bool) -> None:
    x = cr.tensor("x", (3, n))
    (call,) = sorts(plan_of(cr.argsort(x) if k is None else cr.top_k(x, k).indices))
    assert (call.work >= 0) == works
    if works:
        assert hint(call.work_bytes) == (16 * hint(x.shape[1]) + 63) // 64 * 64 and call.parts == 3


@pytest.mark.parametrize("k", [1, 3])
def test_of_the_greatest_no_more_is_made_than_is_wanted(k: int) -> None:
    x = cr.tensor("x", (4, 9))
    plan = plan_of(*cr.top_k(x, k))
    (call,) = sorts(plan)
    assert call.matrices[1].rows == k and call.options == (True,)
    assert [type(call) for call in plan.calls] == [MatrixCall, KernelCall]


def test_from_either_end_it_is_one_call() -> None:
    x = cr.vector("x")
    assert [type(call) for call in plan_of(cr.argsort(x, descending=True)).calls] == [MatrixCall]
    assert [type(call) for call in plan_of(cr.argsort(x > 0)).calls] == [KernelCall, MatrixCall]


def test_the_same_order_is_found_once() -> None:
    x = cr.matrix("x")
    plan = plan_of(cr.sort(x), cr.argsort(x), cr.sort(x, descending=True), cr.top_k(x, 2).indices)
    assert [call.options for call in sorts(plan)] == [(False,), (True,)]


def test_neighbouring_axes_of_a_stack_are_one() -> None:
    x = cr.tensor("x", (4, None, 6, 300))
    (call,) = sorts(plan_of(cr.argsort(x)))
    assert call.stack == (24 * x.shape[1],)
    assert [matrix.stack for matrix in call.matrices] == [(300,), (300,)]
    (call,) = sorts(plan_of(cr.argsort(x, axis=1)))
    assert call.stack == (4, 1800) and [matrix.stack[1] for matrix in call.matrices] == [1, x.shape[1]]

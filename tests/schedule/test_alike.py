"""Kernels that differ in constants become one kernel with parameters, which does what each of them did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest

import croton as cr
from croton.dtypes import DType, float32, float64, int64
from croton.kernel.check import check
from croton.kernel.interpret import interpret
from croton.kernel.language import Buffer, Const, Index, Kernel, Lanes, Let, Load, Stmt, Store, Var
from croton.kernel.print import to_text
from croton.schedule.alike import merge_alike
from croton.schedule.plan import KernelCall, Pass, Plan

HERE = (Index((("i0", 1),)),)


def plan_of(kernels: Sequence[Kernel]) -> Plan:
    """A plan that calls each kernel once, on values of the same numbers."""
    calls = tuple([KernelCall(number, tuple(range(len(kernel.buffers))), (9,), (), (Pass(0, 0),)) for number, kernel in enumerate(kernels)])
    return Plan(tuple(kernels), calls, (), (), {}, (), len(calls))


def kernel_of(dtype: DType, *body: Stmt) -> Kernel:
    buffers = (Buffer("b0", dtype, ("n0",)), Buffer("b1", dtype, ("n0",)))
    return Kernel(buffers, ("n0",), (Lanes("i0", "n0", (Load("v0", dtype, "b0", HERE), *body), True),))


def scaled(dtype: DType, function: str, number: float, place: int = 0) -> Kernel:
    """A function of an element and a number, and of another element."""
    return kernel_of(
        dtype,
        Load("v1", dtype, "b0", (Index((), place),)),
        Let("v2", dtype, function, (Var("v0"), Const(number))),
        Let("v3", dtype, "add", (Var("v1"), Var("v2"))),
        Store("b1", HERE, Var("v3")),
    )


def run(kernel: Kernel, sizes: Sequence[int]) -> np.ndarray:
    check(kernel)
    arrays = [np.linspace(-1, 2, 9).astype(kernel.buffers[0].dtype.numpy), np.zeros(9, kernel.buffers[0].dtype.numpy)]
    with np.errstate(all="ignore"):
        interpret(kernel, arrays, sizes)
    return arrays[1]


@pytest.mark.parametrize("dtype", [float32, float64])
@pytest.mark.parametrize("numbers", [(0.1, 0.3, 2.0), (0.0, -0.0, 1.0), (float("inf"), float("nan"), 1e300), (1e-310, -1.5, 0.1)])
def test_one_kernel_does_what_each_did(dtype: DType, numbers: tuple[float, ...]) -> None:
    kernels = [scaled(dtype, "mul", number, place) for place, number in enumerate(numbers)]
    plan = merge_alike(plan_of(kernels))
    assert len(plan.kernels) == 1 and [call.kernel for call in plan.calls] == [0, 0, 0]  # type: ignore[union-attr]
    for call, kernel in zip(plan.calls, kernels):
        assert isinstance(call, KernelCall)
        found, wanted = run(plan.kernels[0], call.sizes), run(kernel, [9])  # type: ignore[arg-type]
        assert found.tobytes() == wanted.tobytes()


def test_what_is_the_same_everywhere_stays_and_equal_constants_are_one_parameter() -> None:
    def twice(number: float) -> Kernel:
        return kernel_of(
            float64,
            Let("v1", float64, "mul", (Var("v0"), Const(number))),
            Let("v2", float64, "add", (Var("v1"), Const(0.5))),
            Let("v3", float64, "mul", (Var("v2"), Const(number))),
            Store("b1", HERE, Var("v3")),
        )

    (kernel,) = merge_alike(plan_of([twice(2.0), twice(3.0)])).kernels
    assert kernel.sizes == ("n0", "n1")
    text = to_text(kernel)
    assert text.count("bits(n1)") == 1 and "add(v1, 0.5)" in text and "mul(v2, v4)" in text


def test_only_the_likes_of_each_other() -> None:
    kernels = [scaled(float64, "mul", 2.0), scaled(float32, "mul", 3.0), scaled(float64, "add", 4.0), scaled(float64, "mul", 5.0)]
    plan = merge_alike(plan_of(kernels))
    assert [call.kernel for call in plan.calls] == [0, 1, 2, 0]  # type: ignore[union-attr]
    assert plan.kernels[1:] == tuple(kernels[1:3]), "others are as they were"


def test_what_constants_decide_stays() -> None:
    divided = [scaled(float64, "div", number) for number in (2.0, 3.0)]
    powers = [scaled(float64, "pow", number) for number in (2.0, 3.0)]
    integers = [scaled(int64, "mul", number) for number in (2, 3)]
    # Where an array is read and written, other places may be the same place.
    written = [kernel_of(float64, Load("v1", float64, "b1", (Index((), place),)), Store("b1", HERE, Var("v0"))) for place in (0, 1)]
    for kernels in (divided, powers, integers, written):
        plan = plan_of(kernels)
        assert merge_alike(plan) is plan


def chain_of_loops(loops: int) -> cr.Function:
    """A cost of so many loops on one another, each with a rate and a number of its own, and its gradient."""
    xs, rates = cr.tensor("xs", (None, 3)), cr.vector("rates")
    values: cr.Expr = xs
    for i in range(loops):

        def step(state: cr.Expr, x: cr.Expr, rate: cr.Expr = rates[i], share: float = 1 / (2 + i)) -> tuple[cr.Expr, cr.Expr]:
            state = cr.tanh(state * rate + x) + share * x
            return state, state

        _, values = cr.scan(step, cr.zeros((3,)), values)
    cost = (values**2).sum()
    with cr.config.use(cache=False, check=True):
        return cr.function([xs, rates], [cost, cr.grad(cost, rates)])


def test_loops_with_numbers_of_their_own_share_their_kernels() -> None:
    """Counted where nothing else has been compiled: in which order terms stand depends on what is there already, and kernels of another order are others."""
    script = "from test_alike import chain_of_loops as f; print([len(f(loops).explain().account.kernels) for loops in (4, 9)])"
    here = os.path.dirname(__file__)
    paths = [here, os.path.dirname(os.path.dirname(cr.__file__)), os.environ.get("PYTHONPATH", "")]
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)})
    some, more = json.loads(found.stdout)
    assert some == more < 20


def test_values_of_loops_that_share_kernels() -> None:
    more = chain_of_loops(9)
    rng = np.random.default_rng(0)
    x, rates = rng.standard_normal((5, 3)), rng.standard_normal(9)
    cost, gradient = more(x, rates)

    def by_hand(rates: np.ndarray) -> float:
        values = x
        for i, rate in enumerate(rates):
            state, rows = np.zeros(3), []
            for row in values:
                state = np.tanh(state * rate + row) + row / (2 + i)
                rows.append(state)
            values = np.array(rows)
        return (values**2).sum()

    np.testing.assert_allclose(cost, by_hand(rates), rtol=1e-12)
    step = 1e-6 * np.eye(9)
    wanted = [(by_hand(rates + one) - by_hand(rates - one)) / 2e-6 for one in step]
    np.testing.assert_allclose(gradient, wanted, rtol=1e-5, atol=1e-8)

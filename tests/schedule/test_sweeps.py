"""Passes over one array that wait for one another are sweeps of one kernel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from programs import kernel_calls, passes, planned

import croton as cr
from croton.kernel.parallelise import sweeps
from croton.runtime import pool
from croton.schedule.plan import KernelCall, LoopCall, ProductCall
from croton.schedule.sweeps import LONGEST

RNG = np.random.default_rng(3)


@pytest.fixture(autouse=True)
def _same_threads_after() -> Iterator[None]:
    before = pool.get_threads()
    with cr.config.use(cache=False, check=True):
        yield
    pool.set_threads(before)


def normalised(x: Any, epsilon: float = 1e-5) -> Any:
    centred = x - x.mean(0)
    return centred / cr.sqrt((centred**2).mean(0) + epsilon)


def inputs() -> list[Any]:
    return [cr.matrix("x", dtype="float32"), cr.vector("gamma", dtype="float32"), cr.vector("beta", dtype="float32"), cr.matrix("t", dtype="float32")]


def batch_norm(power: int) -> tuple[list[Any], list[Any]]:
    x, gamma, beta, t = inputs()
    y = normalised(x) * gamma + beta
    return [x, gamma, beta, t], [y, *cr.grad((y**power * t).sum(), [x, gamma, beta])]


def test_batch_normalisation_is_one_kernel() -> None:
    x, gamma, beta, _ = inputs()
    forward = planned([x, gamma, beta], [normalised(x) * gamma + beta])
    assert (kernel_calls(forward), passes(forward)) == (1, 3)
    for power, count in ((1, 3), (2, 4)):
        both = planned(*batch_norm(power))
        assert (kernel_calls(both), passes(both)) == (1, count)
        (call,) = both.calls
        assert isinstance(call, KernelCall)
        assert [each.sweep for each in call.passes] == list(range(count)) == list(range(len(sweeps(both.kernels[0]))))
        assert len(set(call.values)) == len(call.values), "what several sweeps touch is one buffer"


@pytest.mark.parametrize("shape", [(3, 0), (1, 1), (2, 3), (129, 17), (1000, 33), (3, 20_000), (20_001, 2)])
def test_values_with_any_number_of_threads(shape: tuple[int, int]) -> None:
    for dtype in ("float32", "float64"):
        x, w = cr.matrix("x", dtype=dtype), cr.vector("w", dtype=dtype)
        y = normalised(x)
        outputs = [y * w, *cr.grad((cr.tanh(y * w) ** 2).sum(), [x, w])]
        function = cr.function([x, w], outputs)
        values = [RNG.standard_normal(size).astype(dtype) for size in (shape, shape[1])]
        found = []
        for threads in (1, 2, 3):
            pool.set_threads(threads)
            found.append(function(*values))
        for one, two, three, right in zip(*found, cr.reference.evaluate(outputs, dict(zip([x, w], values)))):
            assert one.tobytes() == two.tobytes() == three.tobytes()
            tolerance = 1e-3 if dtype == "float32" else 1e-9
            np.testing.assert_allclose(one, right, rtol=tolerance, atol=tolerance * (1 + np.abs(right).max(initial=0)))


def test_passes_that_wait_for_nothing_are_kernels_of_their_own() -> None:
    x = cr.matrix("x")
    plan = planned([x], [cr.cumulative_sum(x, axis=0), cr.cumulative_prod(x, axis=1)])
    assert kernel_calls(plan) == passes(plan) == 2


def test_passes_over_other_arrays_are_kernels_of_their_own() -> None:
    x, y = cr.matrix("x"), cr.tensor("y", (None, None, 30))
    plan = planned([x, y], [(y * x.sum()).sum(0)])
    assert kernel_calls(plan) == passes(plan) > 1


def test_what_is_in_between_ends_a_kernel() -> None:
    x, w = cr.matrix("x"), cr.tensor("w", (64, 64))
    plan = planned([x, w], [normalised(cr.tanh(normalised(x) @ w))])
    product = next(place for place, call in enumerate(plan.calls) if isinstance(call, ProductCall))
    last = plan.calls[product + 1 :]
    assert kernel_calls(plan) == 3 and [len(call.passes) for call in last if isinstance(call, KernelCall)] == [3]


def test_a_kernel_does_not_grow_without_end() -> None:
    x = start = cr.matrix("x")
    for _ in range(40):
        x = cr.sin(normalised(x))
    function = cr.function([start], x)
    report = function.explain()
    assert 1 < report.kernels < report.passes
    assert max(text.count("\n") for text in function.account.kernels) <= LONGEST
    assert len(function.account.kernels) <= 4, "equal layers are equal kernels"


def test_layers_that_differ_in_numbers_share_a_kernel() -> None:
    x = start = cr.tensor("x", (None, 48), dtype="float32")
    weights = [cr.shared(np.eye(48, dtype="float32")) for _ in range(4)]
    for number, weight in enumerate(weights):
        x = cr.tanh((0.5 + 0.1 * number) * normalised(x, 1e-3 * (1 + number))) @ weight
    function = cr.function([start], x)
    value = RNG.standard_normal((7, 48)).astype("float32")
    np.testing.assert_allclose(function(value), cr.reference.evaluate(x, {start: value}), rtol=2e-3, atol=1e-5)
    assert len(function.account.kernels) <= 2


def test_in_the_step_of_a_loop() -> None:
    x = cr.matrix("x")
    last, _ = cr.scan(lambda h, _: (cr.tanh(normalised(h) + 0.1 * h), None), x, length=3)
    plan = planned([x], [last])
    (loop,) = [call for call in plan.calls if isinstance(call, LoopCall)]
    assert [len(call.passes) for call in loop.body.calls if isinstance(call, KernelCall)] == [3]
    value = RNG.standard_normal((300, 50))
    np.testing.assert_allclose(cr.function([x], last)(value), cr.reference.evaluate(last, {x: value}), rtol=1e-9, atol=1e-12)


def test_the_report_has_a_line_for_each_sweep() -> None:
    x, gamma, beta, _ = inputs()
    report = cr.function([x, gamma, beta], normalised(x) * gamma + beta).explain()
    assert (report.kernels, report.passes) == (1, 3)
    text = str(report)
    assert "1 kernel call (1 distinct kernel, 3 passes), 0 library calls" in text
    rows = [row.strip() for row in text.splitlines()]
    place = next(i for i, row in enumerate(rows) if "kernel 0 of 3 passes: x, gamma, beta -> result" in row)
    assert rows[place + 1] == "t0 = sum(x)"
    assert rows[place + 2].startswith("t1 = sum((x - t0/n)**2)")
    assert rows[place + 3].startswith("result = ")

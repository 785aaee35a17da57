"""Well-known programs in their usual spelling: how many kernels, passes over a row and expensive functions they take."""

from __future__ import annotations

from programs import calls_of, kernel_calls, planned, row_passes

import croton as cr


def test_softmax_is_one_kernel_of_three_passes_whoever_subtracts_the_maximum():
    x = cr.matrix("x", dtype="float32")
    naive = cr.exp(x) / cr.exp(x).sum(axis=1, keepdims=True)
    shifted = cr.exp(x - x.max(axis=1, keepdims=True))
    for spelling in (cr.softmax(x), naive, shifted / shifted.sum(axis=1, keepdims=True)):
        plan = planned([x], [spelling])
        assert kernel_calls(plan) == 1
        assert row_passes(plan.kernels[0]) == 3
        assert calls_of(plan.kernels[0], "exp") == 1


def test_cross_entropy_and_its_gradient_take_one_exponential_an_element():
    x, y = cr.matrix("x", dtype="float32"), cr.vector("y", dtype="int64")
    rows = cr.log_softmax(x, axis=1)
    spellings = [
        -cr.take_along_axis(rows, y[:, None], axis=1).mean(),
        -(cr.one_hot(y, x.shape[1], dtype="float32") * rows).sum(axis=1).mean(),
    ]
    for loss in spellings:
        plan = planned([x, y], [loss, cr.grad(loss, x)])
        assert kernel_calls(plan) == 1
        assert row_passes(plan.kernels[0]) == 3
        assert calls_of(plan.kernels[0], "exp") == 1


def test_logsumexp_and_its_gradient_take_one_exponential_an_element():
    x = cr.matrix("x", dtype="float32")
    loss = cr.logsumexp(x, axis=1).mean()
    plan = planned([x], [loss, cr.grad(loss, x)])
    assert kernel_calls(plan) == 1
    assert row_passes(plan.kernels[0]) == 3
    assert calls_of(plan.kernels[0], "exp") == 1

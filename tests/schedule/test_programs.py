"""Well-known programs in their usual spelling: how many kernels, passes over a row and expensive functions they take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from programs import calls_of, kernel_calls, nests_of, passes, planned, row_passes, statements, stores

import croton as cr
from croton.kernel.language import For, Lanes, Load, Store
from croton.schedule.partial import LONGEST
from croton.schedule.plan import KernelCall
from croton.sizes import evaluate, symbols


def test_softmax_is_one_kernel_of_three_passes_whoever_subtracts_the_maximum():
    x = cr.matrix("x", dtype="float32")
    naive = cr.exp(x) / cr.exp(x).sum(axis=1, keepdims=True)
    shifted = cr.exp(x - x.max(axis=1, keepdims=True))
    for spelling in (cr.softmax(x), naive, shifted / shifted.sum(axis=1, keepdims=True)):
        plan = planned([x], [spelling])
        assert passes(plan) == 1
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
        assert passes(plan) == 1
        assert row_passes(plan.kernels[0]) == 3
        assert calls_of(plan.kernels[0], "exp") == 1


def test_logsumexp_and_its_gradient_take_one_exponential_an_element():
    x = cr.matrix("x", dtype="float32")
    loss = cr.logsumexp(x, axis=1).mean()
    plan = planned([x], [loss, cr.grad(loss, x)])
    assert passes(plan) == 1
    assert row_passes(plan.kernels[0]) == 3
    assert calls_of(plan.kernels[0], "exp") == 1


def embedding_step() -> tuple[list[Any], Any, list[tuple[Any, Any]]]:
    """Averaged embeddings of padded sentences, and a classifier: inputs, cost and updates."""
    table, last = cr.shared(np.zeros((1000, 128), "float32")), cr.shared(np.zeros((128, 100), "float32"))
    words, y = cr.matrix("words", dtype="int64"), cr.vector("y", dtype="int64")
    mask = (words > 0).astype("float32")
    mean = (table[words] * mask[:, :, None]).sum(1) / cr.maximum(1.0, mask.sum(1))[:, None]
    cost = -cr.take_along_axis(cr.log_softmax(mean @ last, axis=-1), y[:, None], axis=1).mean()
    return [words, y], cost, [(p, p - 0.1 * g) for p, g in zip((table, last), cr.grad(cost, [table, last]))]


def test_a_step_on_embeddings_writes_only_rows_that_were_read():
    inputs, cost, updates = embedding_step()
    plan = planned(inputs, [cost], updates)
    table = plan.values[plan.outputs[1]]
    assert table.home == ("input", updates[0][0].id)
    assert passes(plan) == 3
    writes = [
        store
        for call in plan.calls
        if isinstance(call, KernelCall)
        for store in stores(plan.kernels[call.kernel])
        if call.values[int(store.buffer[1:])] == plan.outputs[1]
    ]
    # rows at computed places, added to where a word is no padding
    assert len(writes) == 1 and writes[0].op == "sum" and writes[0].guard is not None
    row, column = writes[0].index
    assert row.terms[0][0].startswith("v") and column.terms[0][0].startswith("i")


def test_rows_of_a_table_are_gathered_and_added_along_themselves():
    inputs, cost, updates = embedding_step()
    for kernel in planned(inputs, [cost], updates).kernels:
        for loop in (statement for statement in statements(kernel) if isinstance(statement, Lanes)):
            for access in loop.body:
                if isinstance(access, Load | Store):
                    moving = [place for place, index in enumerate(access.index) if any(name == loop.label for name, _ in index.terms)]
                    assert moving in ([], [len(access.index) - 1])


def test_a_kernel_that_computes_an_index_never_reads_beyond_what_is_indexed():
    x, y = cr.matrix("x", dtype="float32"), cr.vector("y", dtype="int64")
    picked = cr.take_along_axis(x, y[:, None], axis=1)[:, 0]
    (kernel,) = planned([x, y], [picked.sum()]).kernels
    reads = [s for s in statements(kernel) if isinstance(s, Load) and any(name.startswith("v") for i in s.index for name, _ in i.terms)]
    assert reads and all(read.guard is not None for read in reads)
    f = cr.function([x, y], picked.sum())
    values = np.arange(12, dtype="float32").reshape(3, 4)
    assert f(values, np.array([0, -1, 2])) == 0 + 7 + 10
    for wrong in (10**15, -(10**15)):
        with pytest.raises(cr.OutOfRangeError, match="out of range"):
            f(values, np.array([0, wrong, 2]))


def test_a_density_and_its_gradient_are_one_sweep_over_the_data_and_a_scatter_for_each_effect():
    rows, groups = 919, 85
    rng = np.random.default_rng(0)
    group, floor, y = rng.integers(0, groups, rows), rng.integers(0, 2, rows).astype("f8"), rng.standard_normal(rows)
    q = cr.tensor("q", shape=(2 * groups + 5,), dtype="float64")
    za, zb = q[5 : 5 + groups], q[5 + groups :]
    a, b = q[0] + cr.exp(q[2]) * za, q[1] + cr.exp(q[3]) * zb
    r = (y - a[group] - b[group] * floor) / cr.exp(q[4])
    value = -0.5 * (r * r).sum() - rows * q[4] - 0.5 * (za * za).sum() - 0.5 * (zb * zb).sum() - 0.5 * (q[0] ** 2 + q[1] ** 2)
    plan = planned([q], [value, cr.grad(value, q)])
    assert passes(plan) <= 11
    long = [nest for nest in nests_of(plan) if any(isinstance(s, Store) and s.op == "sum" for s in statements(nest))]
    assert len(long) == 2
    for nest in long:
        # what is the same for all rows is not divided by for each of them
        assert calls_of(nest, "div") == 0


def test_one_element_of_a_gradient_takes_no_array_of_its_own():
    x = cr.vector("x", dtype="float64")
    cost = x[0] ** 2 + cr.exp(x[1]) + x[2] * (x * x).sum()
    plan = planned([x], [cr.grad(cost, x)])
    assert passes(plan) <= 3
    # no loops but those over vectors, or over the parts of one
    assert all(not isinstance(s, For) or s.parallel for kernel in plan.kernels for s in statements(kernel))


def test_an_update_of_one_row_writes_one_row():
    table = cr.shared(np.zeros((100, 30)), name="table")
    x = cr.vector("x", dtype="float64")
    cost = (table[3] * x).sum()
    plan = planned([x], [cost], [(table, table - 0.1 * cr.grad(cost, table))])
    for call in plan.calls:
        if isinstance(call, KernelCall):
            for store in stores(plan.kernels[call.kernel]):
                if call.values[int(store.buffer[1:])] == plan.outputs[1]:
                    assert store.op == "sum" and store.index[0].const == 3


@pytest.mark.parametrize("shape", [(1000, 1000), (1000, 10), (None, None)])
def test_cross_entropy_by_an_index_is_one_pass_over_rows_whatever_the_sizes(shape):
    x, y = cr.tensor("x", shape, dtype="float32"), cr.tensor("y", shape[:1], dtype="int64")
    loss = (cr.logsumexp(x, axis=1) - x[cr.arange(x.shape[0]), y]).sum()
    plan = planned([x, y], [loss, cr.grad(loss, x)])
    assert passes(plan) == 1


@pytest.mark.parametrize("shape", [(32, 20), (None, None)])
def test_a_step_on_padded_embeddings_writes_the_rows_that_were_read(shape):
    """Whatever the mean is over: the 1/n of a batch of unknown size is no reason to write all of the table."""
    rows, width = 50_000, 16
    table = cr.shared(np.zeros((rows, width), "float32"), name="table")
    words, lengths = cr.tensor("words", shape, dtype="int64"), cr.tensor("lengths", shape[:1], dtype="int64")
    target = cr.tensor("target", (shape[0], width), dtype="float32")
    mask = cr.arange(words.shape[1]) < lengths[:, None]
    mean = (table[words] * mask[:, :, None]).sum(axis=1) / lengths[:, None].astype("float32")
    cost = ((mean - target) ** 2).mean()
    plan = planned([words, lengths, target], [cost], [(table, table - 0.1 * cr.grad(cost, table))])
    sizes = {size: 32 for value in plan.values for extent in value.shape for size in symbols(extent)}
    assert evaluate(plan.bytes, sizes) < rows * width * 4, "less than the table is touched"
    assert all(evaluate(value.bytes, sizes) < rows * width * 4 for value in plan.values if value.home[0] == "slot")


def test_batch_normalisation_and_its_gradients_are_three_passes_without_an_array_of_their_own():
    x, gamma, beta = cr.matrix("x", dtype="float32"), cr.vector("gamma", dtype="float32"), cr.vector("beta", dtype="float32")
    t = cr.matrix("t", dtype="float32")
    mean = x.mean(0)
    y = gamma * (x - mean) / cr.sqrt(((x - mean) ** 2).mean(0) + 1e-5) + beta
    plan = planned([x, gamma, beta, t], [y, *cr.grad((y * t).sum(), [x, gamma, beta])])
    assert kernel_calls(plan) == 1 and passes(plan) == 3
    # what is kept are vectors: one for every 128 rows, within a kernel, or one between kernels
    sizes = {size: 1_000_000 for value in plan.values for extent in value.shape for size in symbols(extent)}
    shapes = [value.shape for value in plan.values if value.home[0] == "slot"]
    assert all(len(shape) < 2 or (len(shape) == 2 and evaluate(shape[0], sizes) <= 1_000_000 // LONGEST + 1) for shape in shapes)

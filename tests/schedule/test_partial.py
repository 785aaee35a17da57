"""Reductions in parts: which kernels have them, and that they change neither values nor bits with the number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from programs import planned

import croton as cr
from croton.compile import pipeline
from croton.compile.assemble import Assembled
from croton.kernel.language import For
from croton.kernel.parallelise import every_statement, sweeps
from croton.kernel.print import to_text
from croton.runtime import pool
from croton.runtime.calls.kernel import Kernel
from croton.runtime.stream import Limits
from croton.schedule.partial import LONGEST

RNG = np.random.default_rng(5)


@pytest.fixture(autouse=True)
def _same_threads_after() -> Iterator[None]:
    before = pool.get_threads()
    with cr.config.use(cache=False):
        yield
    pool.set_threads(before)


def test_total_of_a_product_with_a_broadcast_vector() -> None:
    x, w = cr.matrix("x", dtype="float32"), cr.vector("w", dtype="float32")
    plan = planned([x, w], [cr.exp(x * w).sum()])
    expected = """
        k(b0: float32 [n0, n1], b1: float32 [n1], b2: float32 [], b3: float32 [n2]; n0, n1, n2, n3)
            parallel for i2 < n2:
                acc v4: float32 sum
                for i0 < n0 in i2 of n3:
                    lanes i1 < n1:
                        v0: float32 = b0[i0, i1]
                        v1: float32 = b1[i1]
                        v2: float32 = mul(v0, v1)
                        v3: float32 = exp(v2)
                        v4 sum= v3
                b3[i2] = v4
            acc v4: float32 sum
            lanes i2 < n2:
                v5: float32 = b3[i2]
                v4 sum= v5
            b2[] = v4
    """
    assert to_text(plan.kernels[0], "k").split() == expected.split()


def test_sums_of_columns_have_a_row_for_each_part() -> None:
    x = cr.matrix("x", dtype="float32")
    plan = planned([x], [x.sum(0)])
    expected = """
        k(b0: float32 [n0, n1], b1: float32 [n1], b2: float32 [n2, n1]; n0, n1, n2)
            parallel for i2 < n2:
                lanes i1 < n1:
                    b2[i2, i1] = 0
                for i0 < n0 in i2 of 128:
                    lanes i1 < n1:
                        v0: float32 = b0[i0, i1]
                        b2[i2, i1] sum= v0
            lanes i1 < n1:
                b1[i1] = 0
            for i2 < n2:
                lanes i1 < n1:
                    v1: float32 = b2[i2, i1]
                    b1[i1] sum= v1
    """
    assert to_text(plan.kernels[0], "k").split() == expected.split()


def test_small_loops_and_running_sums_are_left_whole() -> None:
    small = cr.tensor("x", shape=(128, 256), dtype="float32")
    x = cr.vector("x", dtype="float32")
    for plan in (planned([small], [small.sum(0)]), planned([x], [cr.cumulative_sum(x)])):
        assert all(sweep.loop is None for kernel in plan.kernels for sweep in sweeps(kernel))


def programs() -> dict[str, tuple[list[Any], Any]]:
    x, w = cr.matrix("x", dtype="float32"), cr.vector("w", dtype="float32")
    k = cr.matrix("k", dtype="int64")
    centred = x - x.mean(0)
    return {
        "total": ([x, w], (cr.exp(x) * w).sum()),
        "columns": ([x, w], ((x - w) ** 2).sum(0)),
        "greatest of columns": ([x], x.max(0)),
        "any": ([x], (x > 3.5).any(0)),
        "integers": ([k], [k.sum(0), k.sum(), k.prod(0)]),
        "rows and columns": ([x], [cr.softmax(x), cr.softmax(x).sum(0)]),
        "two totals": ([x], [x.max(), (x * x).sum()]),
        "batch norm": ([x, w], cr.grad(((centred / cr.sqrt((centred**2).mean(0) + 1) + w) ** 3).sum(), [x, w])),
        "loss": ([x], [cr.logsumexp(x, axis=1).mean(), cr.grad(cr.logsumexp(x, axis=1).mean(), x)]),
        "vector": ([w], [cr.softmax(w), w.sum()]),
    }


@pytest.mark.parametrize("name", programs())
def test_bits_do_not_depend_on_the_number_of_threads(name: str) -> None:
    inputs, outputs = programs()[name]
    f = cr.function(inputs, outputs)
    for rows, columns in ((0, 3), (1, 5), (15, 7), (700, 130), (1000, 33), (3, 40_000), (70_001, 2)):
        given = {"x": RNG.standard_normal((rows, columns)), "w": RNG.standard_normal(columns), "k": RNG.integers(-9, 9, (rows, columns))}
        if name == "vector":
            given["w"] = RNG.standard_normal(rows * columns)
        if 0 in (rows, columns) and name in ("greatest of columns", "two totals", "vector"):
            continue
        arguments = [given[symbol.name].astype(symbol.type.dtype.numpy) for symbol in inputs]
        found = []
        for threads in (1, 2, 3):
            pool.set_threads(threads)
            results = f(*arguments)
            found.append([np.asarray(r) for r in (results if isinstance(results, list) else [results])])
        expected = cr.reference.evaluate(outputs, dict(zip(inputs, arguments)))
        for one, two, three, right in zip(*found, expected if isinstance(expected, list) else [expected]):
            assert one.tobytes() == two.tobytes() == three.tobytes()
            np.testing.assert_allclose(one, right, rtol=2e-4, atol=2e-5 * max(1, rows))


def test_what_follows_reads_the_whole_result() -> None:
    x = cr.matrix("x", dtype="float32")
    plan = planned([x], [cr.sqrt((x * x).sum(0))])
    assert [bool(sweep.after) for kernel in plan.kernels for sweep in sweeps(kernel)] == [True]


def test_sums_of_columns_among_other_work_are_accurate() -> None:
    """0.1 added up in float32 row by row is off by 1e-3 after 100,000 rows."""
    rows = 100_000
    x = cr.tensor("x", shape=(None, 3), dtype="float32")
    given = np.full((rows, 3), 0.1, "float32")
    right = rows * float(np.float32(0.1))
    heavy = np.tanh(0.1) * np.exp(0.1) * np.sin(0.1)
    outputs = {
        "alone": (x.sum(0), right),
        "with rows": ([x.sum(1), x.sum(0)], right),
        "where": (cr.where(x > 0, x, 0).sum(0), right),
        "heavy": ((cr.tanh(x) * cr.exp(x) * cr.sin(x)).sum(0), rows * heavy),
        "total": (x.sum(), 3 * right),
        "total with rows": ([x.sum(1), (x * x).sum()], 3 * right * float(np.float32(0.1))),
    }
    for name, (output, expected) in outputs.items():
        found = cr.function([x], output)(given)
        np.testing.assert_allclose(found[-1] if isinstance(found, list) else found, expected, rtol=2e-6, err_msg=name)
    static = cr.tensor("x", shape=(5000, 2), dtype="float32")
    found = cr.function([static], [static.sum(1), static.sum(0)])(given[:5000, :2])[1]
    np.testing.assert_allclose(found, 5000 * float(np.float32(0.1)), rtol=2e-6)


def test_rows_that_add_many_to_a_place_are_fewer_in_a_part() -> None:
    """Each of 600 rows adds 300 numbers to each of the sums: blocks of rows that add no more than 128 would lose as much as one of 38,400."""
    shape = 2, 300, 300, 3
    x, z = cr.tensor("x", (None,) * 4, dtype="float32"), cr.tensor("z", (None,) * 4, dtype="float32")
    y = cr.where(x > 0, cr.repeat(cr.repeat(z, 2, axis=1), 2, axis=2), 0)
    plan = planned([x, z], [y, y.sum((0, 1, 2))])
    blocks = [loop.block for kernel in plan.kernels for loop in every_statement(kernel.body) if isinstance(loop, For) and loop.block is not None]
    assert len(blocks) == 1 and blocks[0].size != LONGEST
    found = cr.function([x, z], [y, y.sum((0, 1, 2))])(np.ones(shape, "float32"), np.full((2, 150, 150, 3), 0.1, "float32"))[1]
    np.testing.assert_allclose(found, 180_000 * float(np.float32(0.1)), rtol=1e-5)


def test_copies_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """They compute nothing, and take their time."""
    programs: list[Assembled] = []
    original = pipeline.assemble

    def assemble(*arguments: Any) -> Assembled:
        programs.append(original(*arguments))
        return programs[-1]

    monkeypatch.setattr("croton.compile.pipeline.assemble", assemble)
    for rows, shared in ((1000, True), (10, False)):
        x = cr.tensor("x", (rows, 1000), dtype="float32")
        cr.function([x], cr.repeat(x, 2, axis=0))
        program = programs.pop().program
        (call,) = [call for call in program.calls if isinstance(call, Kernel)]
        (size,) = [constant.value for constant in program.constants if constant.place == call.sweeps[0].work]
        assert (size >= Limits().parallel_work) == shared


def test_sizes_that_are_refused_are_not_divided_by() -> None:
    """For a size below 0 a block would have no elements."""
    x = cr.tensor("x", (None,))
    f = cr.function([x], cr.exp(cr.concatenate([x, x])[-10:8:3]).sum())
    np.testing.assert_allclose(f(np.ones(5)), 3 * np.e)
    with pytest.raises(cr.ShapeError, match="too short, or too long"):
        f(np.ones(11))
    str(f.explain())
    with pytest.raises(cr.MemoryBudgetError):
        cr.function([x], cr.exp(cr.concatenate([x, x])[-10:8:3]).sum(), memory_budget=1)

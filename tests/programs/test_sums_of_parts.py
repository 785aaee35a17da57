"""A sum over a part of an array, taken by slices or indices, looks at that part and at nothing else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import croton as cr

ROWS, COLUMNS, READ = 3000, 24, 20

PARTS: dict[str, Callable[[cr.Expr, cr.Expr], cr.Expr]] = {
    "first rows": lambda x, i: x[:READ],
    "rows between": lambda x, i: x[100 : 100 + READ],
    "every so many": lambda x, i: x[:: ROWS // READ],
    "backwards": lambda x, i: x[READ - 1 :: -1],
    "at indices": lambda x, i: x[i],
    "one row": lambda x, i: x[7],
    "a row at an index": lambda x, i: x[i[0]],
    "mapped": lambda x, i: cr.vmap(lambda k: x[k])(i),
}
SUMS: dict[str, Callable[[cr.Expr], cr.Expr]] = {
    "sum": lambda part: part.sum(),
    "sum of rows": lambda part: part.sum(-1),
    "squares": lambda part: (part**2).sum(),
    "squares of rows": lambda part: (part**2).sum(-1),
    "norms": lambda part: cr.linalg.vector_norm(part, axis=-1),
    "weighed": lambda part: ((part**2) * cr.arange(part.shape[0], dtype="float64").reshape(-1, *[1] * (part.ndim - 1))).sum(),
    "products of sums": lambda part: part.sum(-1) @ (part**3).sum(-1) if part.ndim > 1 else part.sum() * (part**3).sum(),
}


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("total", SUMS)
def test_a_sum_of_a_part_costs_what_the_part_has(part: str, total: str, known: bool) -> None:
    x = cr.tensor("x", (ROWS, COLUMNS) if known else (None, COLUMNS))
    i = cr.tensor("i", (READ,), dtype="int64")
    result = SUMS[total](PARTS[part](x, i))
    f = cr.function([x, i], result)
    values, indices = np.random.default_rng(0).normal(size=(ROWS, COLUMNS)), np.random.default_rng(1).integers(-ROWS, ROWS, READ)
    assert f.flops(x=values.shape) <= 16 * READ * COLUMNS
    np.testing.assert_allclose(f(values, indices), cr.reference.evaluate(result, {x: values, i: indices}), rtol=1e-10)


def test_a_short_table_that_is_read_often_is_summed_first() -> None:
    table, i = cr.tensor("table", (5, 64)), cr.tensor("i", (10_000,), dtype="int64")
    result = (table[i] ** 2).sum()
    f = cr.function([table, i], result)
    assert f.flops() < 10 * 10_000
    values, indices = np.random.default_rng(0).normal(size=(5, 64)), np.random.default_rng(1).integers(0, 5, 10_000)
    np.testing.assert_allclose(f(values, indices), (values[indices] ** 2).sum(), rtol=1e-10)


@pytest.mark.parametrize("rows", [2, 3, 50])
@pytest.mark.parametrize("count", [0, 1, 4])
def test_sums_of_parts_and_their_gradients(rows: int, count: int) -> None:
    x, y, i = cr.matrix("x"), cr.matrix("y"), cr.vector("i", dtype="int64")
    results = [
        (x[:2] ** 2).sum(1) @ (y[:2] ** 3).sum(1),
        (x[i] ** 2).sum() * y[1].sum(),
        (x[i] * y[i].sum(1)[:, None]).sum(1),
        ((x[1:] ** 2).sum(1) * (x[:-1] ** 3).sum(1)).sum(),
        cr.vmap(lambda k: (x[k] ** 2).sum() * y[k].sum())(i),
        cr.scan(lambda total, k: (total + (x[k] ** 2).sum(), x[k].sum()), cr.asarray(0.0), i),
        (x.at[i].add(y[i])[:2] ** 2).sum(1),
    ]
    cost = sum(leaf.sum() for result in results for leaf in (result if isinstance(result, tuple) else [result]))
    results += [cr.grad(cost, [x, y]), cr.grad((cr.grad(cost, x) ** 2).sum(), x)]
    f = cr.function([x, y, i], results)
    generator = np.random.default_rng(rows)
    arguments = generator.normal(size=(rows, 3)), generator.normal(size=(rows, 3)), generator.integers(-rows, rows, count)
    expected = cr.reference.evaluate(results, dict(zip([x, y, i], arguments)))
    for found, wanted in zip(f(*arguments), expected, strict=True):
        for a, b in zip(*[each if isinstance(each, (list, tuple)) else [each] for each in (found, wanted)], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)

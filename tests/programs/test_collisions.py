"""Gradients of looked-up rows, example by example: nothing larger than the rows that are looked up, though these meet."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import croton as cr

WORDS, WIDTH, BATCH, LENGTH = 50, 4, 6, 9
RNG = np.random.default_rng(0)
IDS = RNG.integers(0, 5, (BATCH, LENGTH))
TABLE, WEIGHTS = RNG.standard_normal((WORDS, WIDTH)), RNG.standard_normal((WIDTH, 3))


def gradients(ids: np.ndarray) -> np.ndarray:
    """The gradient of each example, by hand."""
    h = np.tanh(TABLE[ids] @ WEIGHTS)
    rows = 2 * h * (1 - h**2) @ WEIGHTS.T
    found = np.zeros((BATCH, WORDS, WIDTH))
    for example in range(BATCH):
        np.add.at(found[example], ids[example], rows[example])
    return found


def problem(words: int = WORDS) -> tuple[list[cr.Expr], cr.Expr]:
    table, weights, ids = cr.tensor("table", (words, WIDTH)), cr.tensor("weights", (WIDTH, 3)), cr.tensor("ids", (BATCH, LENGTH), dtype="int64")
    cost = (cr.tanh(table[ids] @ weights) ** 2).sum((1, 2))
    return [table, weights, ids], cr.jacobian(cost, table)


STATISTICS: dict[str, Callable[..., object]] = {
    "mean square": lambda g, m: (g**2).mean(0),
    "norm": lambda g, m: m.sqrt((g**2).sum((1, 2))),
    "cube": lambda g, m: (g**3).sum(0),
    "fourth power": lambda g, m: (g**4).sum((0, 2)),
    "weighed": lambda g, m: ((g**2).sum(2) * m.arange(WORDS)).sum(1),
    "rows that are read": lambda g, m: (g**2)[:, 3],
    "of the sum": lambda g, m: (g.sum(0) ** 2).sum(),
}


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize(
    "ids", [IDS, IDS - WORDS, RNG.integers(0, WORDS, IDS.shape), np.zeros_like(IDS)], ids=["many meet", "from the end", "few meet", "all meet"]
)
def test_the_value_is_that_of_the_definition(name: str, ids: np.ndarray) -> None:
    given, each = problem()
    found = cr.function(given, STATISTICS[name](each, cr))(TABLE, WEIGHTS, ids)
    np.testing.assert_allclose(found, STATISTICS[name](gradients(ids), np), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["mean square", "norm"])
def test_nothing_is_larger_than_the_rows_that_are_looked_up(name: str) -> None:
    words = 100_000
    given, each = problem(words)
    function = cr.function(given, STATISTICS[name](each, cr))
    plain = cr.function(given, cr.grad((cr.tanh(given[0][given[2]] @ given[1]) ** 2).sum(), given[0]))
    rows = 8 * BATCH * LENGTH * max(WIDTH, LENGTH)
    assert function.memory_peak() - sum(function.account.results) < 8 * rows
    assert function.flops() < 3 * plain.flops() + words * WIDTH


def test_rows_that_cancel_are_nothing() -> None:
    """What meets is added up before it is squared, so that no small difference of large squares is left."""
    ids, values = cr.tensor("ids", (1, 4), dtype="int64"), cr.tensor("values", (1, 4))
    table = cr.tensor("table", (WORDS,))
    each = cr.jacobian((table[ids] * values).sum(1), table)
    found = cr.function([table, ids, values], (each**2).sum(1))(np.zeros(WORDS), [[3, 3, 3, 7]], [[1e9, 1.0, -1e9, 2.0]])
    assert found == 5.0

"""What is counted of a call: the elements that it reads and writes, not the arrays that these are in."""

from __future__ import annotations

import numpy as np
import pytest
from programs import planned

import croton as cr
from croton.schedule.plan import Plan
from croton.sizes import Size, evaluate, symbols

ROWS, WIDE, BATCH, LENGTH = 100_000, 128, 256, 20


def moved(plan: Plan) -> Size:
    return sum([call.bytes for call in plan.calls], start=0)


def test_a_table_is_read_at_places() -> None:
    table, places = cr.tensor("table", (ROWS, WIDE), "float32"), cr.tensor("places", (BATCH, LENGTH), "int64")
    read = planned([table, places], [table[places]])
    rows = BATCH * LENGTH * WIDE * 4
    wrapped = BATCH * LENGTH * 8
    # the rows are read and written; the places are read, written counted from the front, and perhaps read again
    assert 2 * rows <= moved(read) <= 2 * rows + 4 * wrapped
    summed = planned([table, places], [table[places].sum(1)])
    assert rows <= moved(summed) <= rows + BATCH * WIDE * 4 + 4 * wrapped


def test_no_more_than_the_table_is_read() -> None:
    table, places = cr.tensor("table", (4, WIDE), "float32"), cr.tensor("places", (BATCH, LENGTH), "int64")
    rows = BATCH * LENGTH * WIDE * 4
    plan = planned([table, places], [table[places]])
    assert rows + 4 * WIDE * 4 <= moved(plan) <= rows + 4 * WIDE * 4 + 4 * BATCH * LENGTH * 8


def test_rows_are_added_where_they_belong() -> None:
    """The gradient of a table is set to 0, all of it; into a table that is donated only the rows are written."""
    table, places = cr.shared(np.zeros((ROWS, WIDE), "float32"), name="table"), cr.tensor("places", (BATCH,), "int64")
    g = cr.tensor("g", (BATCH, WIDE), "float32")
    rows, whole = BATCH * WIDE * 4, ROWS * WIDE * 4
    slope = planned([places, g], [cr.grad((table[places] * g).sum(), table)])
    assert whole + rows <= moved(slope) <= whole + 2 * rows + 4 * BATCH * 8
    step = planned([places, g], [], [(table, table - 0.1 * cr.grad((table[places] * g).sum(), table))])
    assert 2 * rows <= moved(step) <= 3 * rows + 4 * BATCH * 8


def test_open_sizes() -> None:
    """Whichever is smaller: the rows that are asked for, or the table."""
    table, places = cr.tensor("table", (None, WIDE), "float32"), cr.tensor("places", (None,), "int64")
    traffic = moved(planned([table, places], [table[places]]))
    names = {str(symbol): symbol for symbol in symbols(traffic)}
    rows, count = next(s for n, s in names.items() if "table" in n), next(s for n, s in names.items() if "places" in n)
    for r, n in [(1000, 3), (3, 1000)]:
        found = evaluate(traffic, {rows: r, count: n})
        assert found >= (min(r, n) + n) * WIDE * 4 and found <= (min(r, n) + n) * WIDE * 4 + 4 * n * 8


@pytest.mark.parametrize("parts", [2, 3])
def test_parts_of_an_array_are_read_and_written_as_parts(parts: int) -> None:
    x = cr.tensor("x", (60, 40))
    assert moved(planned([x], [cr.tanh(x[:20])])) == 2 * 20 * 40 * 8
    pieces = [cr.tanh(x), cr.sin(x), cr.exp(x)][:parts]
    joined = planned([x], [cr.concatenate(pieces, axis=1)])
    assert moved(joined) == (len(joined.calls) + parts) * 60 * 40 * 8


def test_an_array_that_is_read_at_several_places_is_counted_once() -> None:
    x = cr.tensor("x", (60, 40))
    assert moved(planned([x], [x[1:] - x[:-1]])) == (60 + 59) * 40 * 8


def test_products() -> None:
    x, w = cr.tensor("x", (64, 100)), cr.tensor("w", (100, 80))
    assert moved(planned([x, w], [x @ w])) == (64 * 100 + 100 * 80 + 64 * 80) * 8
    assert moved(planned([x], [x @ x.T])) == (64 * 100 + 64 * 64) * 8

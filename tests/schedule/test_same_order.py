"""The order of a value's axes is chosen in one place and read in others: no value is read in another order than the one it is stored in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

import croton as cr
from croton.algebra.node import ONE
from croton.dtypes import float64
from croton.schedule.draft import Draft
from croton.schedule.layout import choose_layouts
from croton.schedule.lower import RULES
from croton.schedule.same_order import check_orders
from croton.schedule.step import UNDECIDED, Operands, Order, Scatter, Step, Value

RNG = np.random.default_rng(0)


def value(*dims: int, order: Order = UNDECIDED) -> Value:
    found = Value(dims, float64)
    found.order = order
    return found


def again(source: Value, out: Value) -> Step:
    return Step(out, "again", out.dims, None, (), (source, ()), None)


def draft() -> Draft:
    return Draft(RULES, [], {}, {}, {})


class Reading(NamedTuple):
    """What a loop reads, in place of all that it is."""

    values: list[Value]

    def reads(self) -> list[Value]:
        return self.values

    def makes(self) -> list[Value]:
        return []


def test_a_value_that_is_read_in_another_order_stops_the_compiler() -> None:
    source = value(2, 3, order=(1, 0))
    check_orders(draft(), [again(source, value(2, 3, order=(1, 0)))])
    with pytest.raises(AssertionError, match="in the order"):
        check_orders(draft(), [again(source, value(2, 3, order=(0, 1)))])
    with pytest.raises(AssertionError, match="nobody has said"):
        check_orders(draft(), [again(source, value(2, 3))])


def test_nobody_chooses_another_order_than_a_loop_relies_on() -> None:
    program, array, dropped = draft(), value(2, 3, order=(1, 0)), value(3)
    # What a loop that nobody wants would have read is never settled (random loop 122016).
    program.relied_on += [(array, (1, 0)), (dropped, (0,))]
    loop = Step(value(2, 3, order=(0, 1)), "loop", (), None, (), Reading([array]), None)
    check_orders(program, [loop])
    check_orders(program, [])
    array.order = (0, 1)
    with pytest.raises(AssertionError, match="a loop"):
        check_orders(program, [loop])


def test_a_value_behind_again_is_stored_as_what_it_is() -> None:
    """Also where that is an input of a step whose order is open: nobody asks for one, or another reader does."""
    for reader in ((), (1, 0)):
        source = value(4, 5)
        source.home = ("input", "x")
        steps = [again(source, value(4, 5))]
        choose_layouts(steps, [source], (), [(source, reader)] if reader else [])
        assert steps[0].out.order == source.order == (reader or (0, 1))
        check_orders(draft(), steps)


@pytest.mark.parametrize("kind", ["scatter", "map"])
def test_what_is_written_at_positions_is_stored_as_its_reader_needs_it(kind: str) -> None:
    """Summed over the second and the last axis, so that the two should follow one another; into the memory of another value it is stored as that one."""
    base = value(2, 3, 4, 5, order=(0, 1, 2, 3))
    for into in (None, base) if kind == "scatter" else (None,):
        out, matrix, found = value(2, 3, 4, 5), value(3, 5, 6), value(2, 4, 6)
        matrix.home = ("input", "matrix")
        body = (("const", float64, 1.0),)
        detail = Scatter(0, (0, 1, 2, 3), -1, "sum", into, None) if kind == "scatter" else None
        written = Step(out, kind, out.dims, None, body, detail, None)
        summed = Step(found, "product", (2, 4, 6, 3, 5), None, (), Operands(out, (0, 3, 1, 4), matrix, (3, 4, 2), ONE, None), None)
        choose_layouts([written, summed])
        assert out.order == ((0, 2, 1, 3) if into is None else (0, 1, 2, 3))
        check_orders(draft(), [written])


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_rows_that_are_added_up_are_stored_as_their_reader_needs_them(rows: int) -> None:
    """The derivative of a table that is read at computed places, of which a product is made."""
    table, places = cr.tensor("table", (6, 4, 5)), cr.tensor("places", (None,), "int64")
    w = cr.tensor("w", (6, 5, 7))
    slope = cr.grad((cr.sin(table[places]) ** 2).sum(), table)
    found = cr.einsum("iaj,ijm->am", slope, w)
    at, y, v = RNG.integers(0, 6, rows), RNG.standard_normal((6, 4, 5)), RNG.standard_normal((6, 5, 7))
    wanted = np.zeros_like(y)
    np.add.at(wanted, at, np.sin(2 * y[at]))
    np.testing.assert_allclose(cr.function([table, places, w], found)(y, at, v), np.einsum("iaj,ijm->am", wanted, v), rtol=1e-12, atol=1e-12)

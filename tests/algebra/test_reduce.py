"""Sorting in the algebra: so many ranks as are wanted, none of them an axis if it is one."""

from __future__ import annotations

import numpy as np
import pytest

from croton.algebra import Label, Operand, Use, arg, input_
from croton.algebra.interpret import interpret
from croton.algebra.rebuild import construct, rebuild
from croton.algebra.reduce import SORTS, ranks_of
from croton.dtypes import float64
from croton.util.sorting import argsort

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("function", SORTS)
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_the_first_ranks(function: str, count: int) -> None:
    row, column, rank = Label(4), Label(5), Label(count)
    x = input_("x", (row, column), float64)
    found = arg(function, x, column, rank)
    assert ranks_of(found.node) == count
    given = RNG.integers(0, 3, (4, 5)).astype(float)
    wanted = argsort(given, function != "argsort")[:, :count]
    (value,) = interpret([Operand((row, rank), found)], {"x": given})
    np.testing.assert_array_equal(value, wanted)
    other = input_("y", (row, column), float64)
    (again,) = rebuild([found], lambda node, labels, uses: construct(node, labels, uses) if node is not x.node else Use(other.node, labels))
    assert again.node is arg(function, other, column, rank).node


def test_of_one_element_there_is_one_order() -> None:
    rank = Label(7)
    assert arg("argsort", input_("x", (), float64), Label(7), rank).node.kind == "iota"


def test_ranks_are_for_sorting_alone() -> None:
    row = Label(4)
    x = input_("x", (row,), float64)
    with pytest.raises(ValueError, match="argsort_descending needs a label for the rank"):
        arg("argsort_descending", x, row)
    with pytest.raises(ValueError, match="argmax has no label for a rank"):
        arg("argmax", x, row, Label(4))

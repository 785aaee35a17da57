"""Where values can be other than zero: ties between labels, and what products, sums and loops say of their axes."""

from __future__ import annotations

import pytest

import croton as cr
from croton.algebra.add import add
from croton.algebra.constant import input_
from croton.algebra.contract import contract
from croton.algebra.node import Label, Use, walk
from croton.algebra.relation import affine, at_least_zero
from croton.algebra.rows import Row
from croton.dtypes import float64
from croton.rewriting.conditions import Ties, conditions, rows_at
from croton.transforms.lower import lower

N = 6


def rows_of(use: Use) -> list[Row]:
    return rows_at(conditions(walk([use.node])), use)


def array(name: str, *labels: Label) -> Use:
    return input_(name, labels, float64)


def times(*uses: Use) -> Use:
    return contract({label for use in uses for label in use.labels}, [(use, 1) for use in uses])


def test_labels_that_differ_by_numbers_are_one() -> None:
    a, b, c, d = (Label(N) for _ in range(4))
    ties = Ties([({a: 1, b: -1}, 2), ({c: 1, b: 1}, -3), ({d: 1}, -4)])
    # a = b - 2, c = 3 - b, d = 4
    assert ties.of(({a: 1, c: 1, d: 2}, 0)) == ({}, 9)
    assert ties.with_rows([]) is ties
    assert ties.with_rows([({b: 1}, -1)]).of(({a: 1}, 0)) == ({}, -1)


def test_what_is_kept_stands_for_others() -> None:
    a, b = Label(N), Label(N)
    assert Ties([({a: 1, b: -1}, 1)], [a]).of(({b: 1}, 0)) == ({a: 1}, 1)
    assert Ties([({a: 1, b: -1}, 1)], [a, b]).of(({b: 1}, 0)) == ({b: 1}, 0)


def test_a_product_has_the_conditions_of_its_factors() -> None:
    a, b = Label(N), Label(N)
    banded = times(array("x", a, b), at_least_zero({a: 1, b: -1}), at_least_zero({b: 1, a: -1}, 2))
    assert sorted(rows_of(banded), key=lambda row: row[1]) == [({a: 1, b: -1}, 0), ({b: 1, a: -1}, 2)]
    assert rows_of(times(array("x", a, b), array("y", b))) == []


def test_a_sum_of_terms_has_the_widest_condition_of_all() -> None:
    a, b = Label(N), Label(N)
    one, other = [times(array("x", a, b), at_least_zero({a: 1, b: -1}, shift)) for shift in (0, 2)]
    assert rows_of(add([(one, 1), (other, 1)])) == [({a: 1, b: -1}, 2)]
    assert rows_of(add([(one, 1), (array("y", a, b), 1)])) == []


def test_what_is_read_has_the_condition_where_it_is_read() -> None:
    a, b, c = Label(N), Label(N), Label(N)
    inner = contract({b}, [(times(array("x", a, b), at_least_zero({a: 1, b: -1})), 1), (array("y", a), 1)], 1, [a])
    assert rows_of(inner) == []
    triangle = times(add([(array("x", a, b), 1), (array("z", a), 1)]), at_least_zero({a: 1, b: -1}))
    moved = contract({c, b}, [(triangle, 1), (affine({a: 1, c: -1}, -1), 1)], 1, [a])
    assert ({c: 1, b: -1}, 1) in rows_of(moved)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_loop_is_zero_before_something_comes_in(reverse: bool) -> None:
    x = cr.tensor("x", (N,))
    states = cr.scan(lambda state, one: (cr.tanh(state + one),) * 2, 0.0, x, reverse=reverse)[1]
    (operand,) = lower([cr.jacobian(states, x)]).outputs
    found = conditions(walk([operand.use.node]))
    loops = [node for node in found if node.kind == "loop"]
    assert loops
    # The Jacobian's loop goes the other way.
    way = 1 if reverse else -1
    for node in loops:
        assert [row for row, _ in found[node]] == [{0: way, 1: -way}]

"""Which of a few programs a call runs."""

from __future__ import annotations

from croton.compile.choose import CLEARLY, choice_of
from croton.compile.interface import Leaf
from croton.dtypes import float64
from croton.sizes import Symbol, weighted


def test_another_program_than_the_first_is_chosen_where_it_costs_clearly_less() -> None:
    n, m = Symbol("n", 10), Symbol("m", 10)
    inputs = [Leaf("x", float64, (n.size, m.size), "'x'", "x")]
    first, other = weighted([(n.size * 100, 1.0)]), weighted([(m.size * 100, 1.0)])
    choice = choice_of([first, other], inputs)
    assert choice is not None
    assert [choice.pick([(n, m)]) for n, m in ((100, 100), (100, 90), (100, 50), (50, 100))] == [0, 0, 1, 0]
    assert 100 / 90 < CLEARLY < 100 / 50

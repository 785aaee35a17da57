"""Which of several programs a call runs: in machine code as in Python, for whatever the arguments are."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croton.runtime import layout
from croton.runtime.choice import FUNCTIONS, Choice
from croton.runtime.function import call_native, choose, load, release_arena
from croton.runtime.portable import PortableChoice, PortableFunction
from croton.runtime.program import Array, Output, Program
from croton.runtime.status import Refused

native = pytest.mark.skipif(layout.WHY_NOT is not None, reason=str(layout.WHY_NOT))

PROGRAMS = [
    Program(inputs=(Array("float64", (0, 1)), Array("float64", (2, 3)), Array("float64", (4,))), outputs=(Output("input", source=place),), calls=(), sizes=5)
    for place in range(3)
]
LARGER_FIRST = Choice(3, ((0, 0), (1, 1)), (), (((1.0, (1,)), (-1.0, (0,))), ((1.0, (0, 0)), (-2.0, (0, 1)))))
"""The second program costs b - a more than the first, the third a*a - 2*a*b."""


def arrays(a: int, b: int) -> list[np.ndarray]:
    return [np.zeros((a, 2)), np.zeros((3, b)), np.zeros(4)]


def functions(fallback: Any = None) -> list[Any]:
    return [load(program, fallback=fallback) for program in PROGRAMS]


def picked(f: Any, given: list[np.ndarray]) -> int:
    (place,) = [number for number, array in enumerate(given) if array is f(*given)]
    return place


TERMS = st.lists(
    st.tuples(st.one_of(st.integers(-4, 4).map(float), st.floats(-1e6, 1e6)), st.lists(st.integers(0, 3), max_size=3).map(tuple)), max_size=4
).map(tuple)
FUNCTION = st.sampled_from(FUNCTIONS)
READ = st.lists(st.tuples(st.integers(0, 3).map(float), st.lists(st.integers(0, 1), max_size=2).map(tuple)), max_size=3).map(tuple)
DERIVED = st.tuples(FUNCTION, READ, READ)


@native
@given(DERIVED, DERIVED, TERMS, TERMS, st.integers(0, 50), st.integers(0, 50))
def test_machine_code_picks_as_python_does(first: Any, second: Any, one: Any, other: Any, a: int, b: int) -> None:
    choice = Choice(3, ((0, 0), (1, 1)), (first, second), (one, other))
    given = arrays(a, b)
    assert picked(choose(functions(), choice), given) == choice.pick([array.shape for array in given])


@pytest.mark.parametrize("portable", [False, True])
def test_the_least_is_picked(portable: bool) -> None:
    if not portable and layout.WHY_NOT is not None:
        pytest.skip(str(layout.WHY_NOT))
    each = [PortableFunction(program, (), (), (), None, ()) for program in PROGRAMS]
    f = PortableChoice(each, LARGER_FIRST) if portable else choose(functions(), LARGER_FIRST)
    assert picked(f, arrays(2, 2)) == 2  # 0, 0, -4
    assert picked(f, arrays(0, 7)) == 0  # 0, 7, 0: the first of those that cost as much
    assert picked(f, arrays(9, 1)) == 1  # 0, -8, 63
    assert call_native(f, arrays(9, 1)).shape == (3, 1)
    with pytest.raises(Refused):
        call_native(f, arrays(9, 1)[:2])
    release_arena(f)


@native
def test_what_does_not_fit_goes_to_a_fallback_as_it_was() -> None:
    seen: list[Any] = []

    def fallback(status: Any, *given: Any, **named: Any) -> str:
        seen.append((given, named))
        return "fallback"

    f = choose(functions(fallback), LARGER_FIRST)
    a, b, c = arrays(9, 1)
    listed: Any = [1.0, 2.0]
    small = np.zeros(3)
    calls: list[Any] = [((a, b), {}), ((a, b, c), {"c": c}), ((listed, b, c), {}), ((small, small, c), {}), ((a, np.float64(1.0), c), {}), ((), {})]
    for positional, named in calls:
        assert f(*positional, **named) == "fallback"
        assert all(x is y for x, y in zip(seen[-1][0], positional)) and len(seen[-1][0]) == len(positional) and seen[-1][1].keys() == named.keys()
    assert f(a.astype("float32"), b, c) == "fallback"
    assert picked(f, [a, b, c]) == 1


@native
def test_functions_live_as_long_as_the_one_that_chooses() -> None:
    f = choose(functions(), LARGER_FIRST)
    gc.collect()
    trash = [np.zeros(100) for _ in range(100)]
    assert picked(f, arrays(9, 1)) == 1 and len(trash) == 100
    with pytest.raises(Refused):
        f(*arrays(9, 1)[:1])


def test_a_quotient_by_nothing_is_one_by_one() -> None:
    by_zero = ("quotient", ((3.0, (0,)),), ((0.0, (0,)),))
    choice = Choice(1, ((0, 0),), (by_zero,), (((-1.0, (1,)), (14.0, ())),))
    assert [choice.pick([(size,)]) for size in (4, 5)] == [0, 1]
    assert choice.pick([()]) == 0 and choice.pick([]) == 0

"""Arithmetic of coefficients whose sizes may be 0."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from croton.algebra.coefficient import among, multiply, of_size, power
from croton.algebra.node import ONE, Coef
from croton.sizes import Size, evaluate, greatest, symbol

N, M = symbol("coefficient_n"), symbol("coefficient_m")
SIZES: list[Size] = [N, M, N * M, N + M, 2 * N, N - M + 3]


def value(coef: Coef, n: int, m: int) -> float:
    result = float(coef.number)
    for size, exponent in coef.sizes:
        extent = evaluate(size, {N: n, M: m})
        result *= math.inf if extent == 0 and exponent < 0 else float(extent) ** exponent
    return result


coefs = st.builds(
    lambda number, parts, axes: among(_product([Coef(number), *(of_size(size, e) for size, e in parts)]), axes),
    st.sampled_from([1.0, -2.0, 0.5]),
    st.lists(st.tuples(st.sampled_from(SIZES), st.sampled_from([-2, -1, 1])), max_size=3),
    st.lists(st.sampled_from(SIZES), max_size=2),
)


def _product(factors: list[Coef]) -> Coef:
    result = ONE
    for factor in factors:
        result = multiply(result, factor)
    return result


@given(coefs, coefs, st.integers(1, 5), st.integers(1, 3))
def test_products_and_powers_have_the_value_of_what_they_are_made_of(a, b, n, m):
    assert math.isclose(value(multiply(a, b), n, m), value(a, n, m) * value(b, n, m), rel_tol=1e-12)
    assert math.isclose(value(power(a, -1), n, m) * value(a, n, m), 1.0, rel_tol=1e-12)
    assert multiply(a, b) == multiply(b, a)


def test_a_divisor_that_is_an_axis_is_never_zero():
    inside = among(of_size(N, -1), [M, N])
    assert inside == of_size(greatest(N, 1), -1)
    assert value(inside, 0, 3) == 1.0
    assert among(of_size(N, -1), [M]) == of_size(N, -1)
    assert among(of_size(N * M, -1), [N * M]) == among(of_size(N * M, -1), [N, M])


def test_an_axis_without_elements_has_any_coefficient():
    assert among(Coef(math.inf), [0]) == Coef(0.0)
    assert among(Coef(math.inf), [3]) == Coef(math.inf)


def test_a_guarded_size_cancels_and_is_taken_up():
    inside = among(of_size(N, -1), [N])
    assert multiply(inside, of_size(N)) == ONE
    assert multiply(of_size(N), inside) == ONE
    assert multiply(inside, of_size(N, -1)) == of_size(N, -2)
    assert power(inside, -1) == of_size(N)

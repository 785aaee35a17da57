"""Sizes against brute force over small values."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from croton.sizes import (
    Poly,
    evaluate,
    fresh_symbol,
    greatest,
    hint,
    least,
    nonnegative,
    order_key,
    positive,
    quotient,
    substitute,
    symbol,
    symbols,
    unused_symbol,
    within,
)

n, m, k = symbol("n"), symbol("m"), symbol("k", hint=10)
NAMES = {"n": n, "m": m, "k": k}


def expressions(depth: int) -> st.SearchStrategy:
    """Pairs (size, function of an environment) built by the same operations."""
    leaf = st.one_of(
        st.sampled_from([(size, lambda env, name=name: env[name]) for name, size in NAMES.items()]),
        st.integers(-4, 6).map(lambda value: (value, lambda env: value)),
    )
    if depth == 0:
        return leaf
    smaller = expressions(depth - 1)
    binary = st.tuples(st.sampled_from(["+", "-", "*"]), smaller, smaller).map(_apply)
    divided = st.tuples(smaller, st.sampled_from([-3, 1, 2, 3, 4, 6])).map(
        lambda pair: (pair[0][0] // pair[1], lambda env: pair[0][1](env) // pair[1])
    )
    least_of = st.tuples(smaller, smaller).map(lambda pair: (least(pair[0][0], pair[1][0]), lambda env: min(pair[0][1](env), pair[1][1](env))))
    return st.one_of(leaf, binary, divided, least_of)


def _apply(triple: tuple) -> tuple:
    name, (a, f), (b, g) = triple
    operation = {"+": lambda x, y: x + y, "-": lambda x, y: x - y, "*": lambda x, y: x * y}[name]
    return operation(a, b), lambda env: operation(f(env), g(env))


def environments(least: int = 0, most: int = 4) -> list[dict[str, int]]:
    return [dict(zip(NAMES, values)) for values in itertools.product(range(least, most + 1), repeat=3)]


@settings(max_examples=300, deadline=None)
@given(expressions(3))
def test_arithmetic_agrees_with_integers(pair: tuple) -> None:
    size, function = pair
    for env in environments(0, 3):
        assert evaluate(size, env) == function(env)


@settings(max_examples=150, deadline=None)
@given(expressions(2), expressions(1), expressions(1))
def test_equal_by_construction_order(a: tuple, b: tuple, c: tuple) -> None:
    x, y, z = a[0], b[0], c[0]
    assert (x + y) + z == z + (y + x)
    assert hash((x + y) + z) == hash(z + (y + x))
    assert x * (y + z) == z * x + y * x
    assert x - x == 0 and isinstance(x - x, int)


@settings(max_examples=150, deadline=None)
@given(expressions(3))
def test_pickle_keeps_equality(pair: tuple) -> None:
    size = pair[0]
    copy = pickle.loads(pickle.dumps(size))
    assert copy == size and hash(copy) == hash(size) and order_key(copy) == order_key(size)


@settings(max_examples=400, deadline=None)
@given(expressions(3), st.lists(expressions(2), max_size=2))
def test_a_proof_is_true(pair: tuple, facts: list[tuple]) -> None:
    size, function = pair
    if nonnegative(size, [fact for fact, _ in facts]):
        for env in environments(0, 5):
            if all(value(env) >= 0 for _, value in facts):
                assert function(env) >= 0, env


@settings(max_examples=150, deadline=None)
@given(expressions(3), expressions(1))
def test_substitute(pair: tuple, replacement: tuple) -> None:
    size, function = pair
    replaced = substitute(size, {n: replacement[0]})
    for env in environments(0, 3):
        assert evaluate(replaced, env) == function({**env, "n": replacement[1](env)})


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (2 * n + 1, "2*n + 1"),
        (n // 2, "n // 2"),
        (1 - n, "-n + 1"),
        (n * n * m, "m*n**2"),
        ((n + 1) // 2 * 3 - m, "3*((n + 1) // 2) - m"),
        (n // m, "n // m"),
        (5 // n, "5 // n"),
    ],
)
def test_repr(size: Poly, text: str) -> None:
    assert repr(size) == text


def test_quotients_are_canonical() -> None:
    assert (2 * n) // 2 == n
    assert (2 * n + 1) // 2 == n
    assert (2 * n) // 4 == n // 2
    assert (4 * n + 6) // 4 == n + 1
    assert (2 * n + 1) // 4 == n // 2
    assert (n // 2) // 3 == n // 6
    assert (n // 2 + 1) // 3 == (n + 2) // 6
    assert (n * m) // m == n
    assert (n * m + m) // m == n + 1
    assert (n * n - 1) // (n - 1) == n + 1
    assert (n * m + k) // m == n + k // m
    assert n // -2 == (-n) // 2
    assert n % 1 == 0 and (2 * n) % 2 == 0 and (2 * n + 1) % 2 == 1
    assert 0 // n == 0
    with pytest.raises(ZeroDivisionError, match="divided by 0"):
        quotient(n, 0)


@pytest.mark.parametrize("values", [(7, 3, 2), (12, 4, 5), (1, 5, 9), (0, 2, 1)])
def test_division_by_a_size(values: tuple[int, int, int]) -> None:
    env = dict(zip(("n", "m", "k"), values))
    a, b, c = values
    assert evaluate((n * m + k) // (m + 1), env) == (a * b + c) // (b + 1)
    assert evaluate(5 // m, env) == 5 // b
    assert evaluate((n + 5) % m, env) == (a + 5) % b
    assert evaluate(17 % m, env) == 17 % b


def test_collapse_to_integers() -> None:
    assert type(n - n + 3) is int
    assert type(0 * n) is int
    assert type((n + 3) - n) is int
    assert n + np.int64(2) == n + 2 and np.int64(2) + n == n + 2
    assert n * np.int64(2) == 2 * n
    assert n**2 == n * n and n**0 == 1


def test_floats_make_no_sizes(monkeypatch) -> None:
    operations = [lambda: n + 1.5, lambda: n * 1.5, lambda: n / 2, lambda: 1 / n, lambda: n**0.5, lambda: n**-1, lambda: n < 3]
    monkeypatch.setattr(Poly, "number", None)
    for operation in operations:
        with pytest.raises(TypeError):
            operation()
    # what they are is a layer above's to say
    monkeypatch.setattr(Poly, "number", staticmethod(lambda size: 10))
    assert [operation() for operation in operations] == [11.5, 15.0, 5.0, 0.1, 10**0.5, 0.1, False]


def test_symbols_are_interned_by_name() -> None:
    assert symbol("n") is n
    assert [s.name for s in symbols(n * m + k // 2)] == ["k", "m", "n"]
    assert symbols(5) == ()
    a, b = fresh_symbol(), fresh_symbol()
    assert a != b


def test_hints() -> None:
    assert hint(7) == 7
    assert hint(n) == 64 and hint(n, default=3) == 3
    assert hint(k) == 10 and hint(k, {"k": 4}) == 4 and hint(2 * k + n, {n: 1}) == 21
    assert hint(n - 100) == 0
    assert hint(n // m, {"n": 9, "m": 0}) == 9


def test_a_missing_value_is_named() -> None:
    with pytest.raises(ValueError, match="'m' has no value here; sizes with a value: n"):
        evaluate(n + m, {"n": 1})


def test_zero_is_a_value() -> None:
    assert evaluate(n * m, {"n": 0, "m": 3}) == 0
    assert substitute(n + m, {n: 0}) == m
    assert hint(n, {n: 0}) == 0


def test_ordering_is_total() -> None:
    sizes = [n, 3, m, 2 * n, -1, n // 2, n * m]
    ordered = sorted(sizes, key=order_key)
    assert ordered[:2] == [-1, 3]
    assert sorted([*sizes[3:], *sizes[:3]], key=order_key) == ordered


@pytest.mark.parametrize(
    ("size", "facts"),
    [
        (n, ()),
        (n * m + 3, ()),
        (n - 1, within([n])),
        (n * m - 1, within([n, m])),
        (n * m - m, within([n])),
        (n - 1, within([n * m])),
        (n - k, (n - k,)),
        (2 * n - 2 * k, (n - k,)),
        (n * m - k * m, (n - k,)),
        (n // 2, ()),
        (n - n // 2, ()),
        (n - 2 * (n // 2), ()),
        (2 * (n // 2) + 1 - n, ()),
        ((n + 1) // 2 - n // 2, ()),
        (n - 3 * ((n - 1) // 3) - 1, ()),
        (n + 1 - k, (n - k,)),
        (n - m + m - 2, (n - 2,)),
    ],
)
def test_proved(size: Poly, facts: tuple) -> None:
    assert nonnegative(size, facts)


@pytest.mark.parametrize("size", [n - 1, n - m, -n, n * m - n, (n - 3) // 2, m - 5 // n])
def test_not_proved_without_facts(size: Poly) -> None:
    assert not nonnegative(size)


def test_a_fact_about_a_quotient_is_used() -> None:
    half = n // 2
    assert nonnegative(half - 1, (half - 1,))
    assert nonnegative(half - 1, (4 * half - 1, n - 1, half - 1))
    assert nonnegative(half * m - 3, (half - 3, m - 1))
    assert not nonnegative(half - 2, (half - 1,))


def test_positive() -> None:
    assert positive(n + 1) and not positive(n) and positive(n, within([n])) and positive(3) and not positive(0)


def test_a_name_in_use_gets_a_number() -> None:
    first = unused_symbol("unused.0")
    second = unused_symbol("unused.0")
    assert repr(first) == "unused.0" and first != second
    assert repr(second).startswith("unused.0_")


def test_the_smaller_and_the_greater_of_sizes() -> None:
    assert least(n, n + 1) is n and greatest(n, n + 1) == n + 1
    assert least(n // 2, n) == n // 2 and greatest(n, 0) is n
    assert least(n, m) == least(m, n) and str(least(n, m)) == "min(m, n)"
    assert evaluate(greatest(n, m), {n: 3, m: 5}) == 5
    assert substitute(least(n, m), {m: n + 2}) is n
    assert nonnegative(n - least(n, m)) and nonnegative(least(n, m)) and nonnegative(greatest(n, m) - m)
    assert not nonnegative(least(n, m) - 1) and positive(least(n, m), within([n, m]))
    assert pickle.loads(pickle.dumps(least(n, m))) == least(n, m)
    assert symbols(least(n, m)) == symbols(n + m)
    assert hint(least(n, k), {n: 100}) == 10

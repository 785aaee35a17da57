"""Rows against brute force over all values of the labels."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from row_samples import LABELS, k, m, n, points, small_row, small_sizes

from croton.algebra import rows as R


@settings(max_examples=200, deadline=None)
@given(small_row, small_row, st.integers(-3, 3))
def test_arithmetic(row: R.Row, other: R.Row, times: int) -> None:
    at = dict(zip(LABELS, (2, 3, 5, 7)))
    assert R.value(R.plus(row, other, times), at) == R.value(row, at) + times * R.value(other, at)
    assert R.value(R.negated(row), at) == -R.value(row, at)
    assert all(R.plus(row, other, times)[0].values())
    replaced = R.replaced(row, "a", other)
    assert R.value(replaced, at) == R.value(row, {**at, "a": R.value(other, at)})
    assert R.value(R.renamed(row, {"a": "b"}), at) == R.value(row, {**at, "a": at["b"]})


def test_solved_for() -> None:
    row = ({"a": 2, "b": -1, "c": n}, 3)
    assert R.solved_for(row, "b") == ({"a": 2, "c": n}, 3)
    with pytest.raises(AssertionError, match="only 1 and -1"):
        R.solved_for(row, "a")


@settings(max_examples=200, deadline=None)
@given(small_row, small_sizes, st.integers(0, 12))
def test_ranges_are_exact_for_numbers(row: R.Row, sizes: dict, extent: int) -> None:
    values = [R.value(row, at) for at in points(sizes)]
    assert R.bounds(row, sizes) == (min(values), max(values))
    assert R.never_negative(row, sizes) == all(value >= 0 for value in values)
    assert R.always_negative(row, sizes) == all(value < 0 for value in values)
    assert R.in_range(row, extent, sizes) == all(0 <= value < extent for value in values)
    if R.never_zero(row, sizes):
        assert 0 not in values


@settings(max_examples=400, deadline=None)
@given(small_row, small_sizes)
def test_a_radix_determines_its_digits(row: R.Row, sizes: dict) -> None:
    labels = list(row[0])
    digits = R.radix(labels, row[0], sizes)
    own = {label: sizes[label] for label in labels}
    values = [R.value(row, at) for at in points(own)]
    if digits is not None:
        assert sorted(digits) == sorted(labels)
        assert len(set(values)) == len(values)


@pytest.mark.parametrize(
    ("coefficients", "sizes", "digits"),
    [
        ({"a": 6, "b": 2, "c": 1}, {"a": 4, "b": 3, "c": 2}, ["c", "b", "a"]),
        ({"a": 6, "b": -2, "c": 1}, {"a": 4, "b": 3, "c": 2}, ["c", "b", "a"]),
        ({"a": 6, "b": 2, "c": 1}, {"a": 4, "b": 3, "c": 3}, None),
        ({"a": 5, "b": 2, "c": 1}, {"a": 4, "b": 3, "c": 2}, None),
        ({"a": 1, "b": 1}, {"a": 2, "b": 2}, None),
        ({"a": 0, "b": 1}, {"a": 2, "b": 2}, None),
        ({"a": m, "b": 1}, {"a": n, "b": m}, ["b", "a"]),
        ({"a": m * k, "b": k, "c": 1}, {"a": n, "b": m, "c": k}, ["c", "b", "a"]),
        ({"a": m, "b": 1}, {"a": n, "b": m + 1}, None),
        ({"a": m, "b": 1}, {"a": n, "b": k}, None),
        ({"a": m - 1, "b": 1}, {"a": n, "b": m}, None),
    ],
)
def test_radix(coefficients: dict, sizes: dict, digits: list | None) -> None:
    assert R.radix(list(coefficients), coefficients, sizes) == digits


@settings(max_examples=200, deadline=None)
@given(st.lists(small_row, max_size=2), small_sizes, st.sets(st.sampled_from(LABELS), max_size=3))
def test_determined_labels_have_one_value(rows: list, sizes: dict, known: set) -> None:
    found = R.determined(known, rows, [], sizes)
    seen: dict = {}
    for at in points(sizes):
        if all(R.value(row, at) == 0 for row in rows):
            key = tuple(at[label] for label in sorted(known))
            rest = tuple(at[label] for label in sorted(found))
            assert seen.setdefault(key, rest) == rest


def test_determined_through_selects_and_digits() -> None:
    sizes = {"v": 9, "b": 3, "t": 4, "m": 12}
    assert R.determined({"b"}, [], [("v", ("b",))], sizes) == {"b", "v"}
    assert R.determined({"v"}, [], [("v", ("b",))], sizes) == {"v"}
    merge = ({"m": -1, "b": 4, "t": 1}, 0)
    assert R.determined({"m"}, [merge], [("v", ("b",))], sizes) == set("mbtv")
    assert R.determined({"m"}, [({"m": -1, "b": 3, "t": 1}, 0)], [], sizes) == {"m"}
    assert R.determined({"m"}, [({"m": 1, "b": n - m}, 0)], [], {"m": 3, "b": 3}) == {"m"}


@settings(max_examples=300, deadline=None)
@given(st.permutations("abcd"), st.integers(1, 6), st.integers(1, 6), st.integers(1, 4), st.integers(1, 4))
def test_equal_pairs_say_exactly_what_the_row_says(order: list, c: int, d: int, first: int, second: int) -> None:
    p, q, r, s = order
    row = ({p: c, q: -c, r: d, s: -d}, 0)
    sizes = {p: first, q: first, r: second, s: second}
    pairs = R.equal_pairs(row, sizes)
    if pairs is not None:
        for at in points(sizes):
            assert (R.value(row, at) == 0) == all(at[x] == at[y] for x, y in pairs)


def test_equal_pairs() -> None:
    assert R.equal_pairs(({"a": 1, "b": -1}, 0), {"a": n, "b": n}) == [("a", "b")]
    assert R.equal_pairs(({"a": 1, "b": -1}, 0), {"a": n, "b": m}) is None
    assert R.equal_pairs(({"a": 1, "b": -1}, 1), {"a": n, "b": n}) is None
    sizes = {"a": n, "b": n, "c": m, "d": m}
    assert R.equal_pairs(({"a": m, "b": -m, "c": 1, "d": -1}, 0), sizes) == [("a", "b"), ("c", "d")]
    assert R.equal_pairs(({"a": 1, "b": -1, "c": 1, "d": -1}, 0), {"a": 2, "b": 2, "c": 3, "d": 3}) is None
    # n - m may be 0, and then the row says nothing about c and d
    assert R.equal_pairs(({"a": 1, "b": -1, "c": n - m, "d": m - n}, 0), {"a": n, "b": n, "c": 3, "d": 3}) is None

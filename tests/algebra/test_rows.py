"""Rows against brute force over all values of the labels."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from croton.algebra import rows as R
from croton.sizes import evaluate, symbol

n, m, k = symbol("n"), symbol("m"), symbol("k")
LABELS = "abcd"
small_row = st.tuples(st.dictionaries(st.sampled_from(LABELS), st.integers(-7, 7).filter(bool), max_size=4), st.integers(-6, 6))
small_sizes = st.fixed_dictionaries({label: st.integers(1, 4) for label in LABELS})


def points(sizes: dict) -> Iterator[dict]:
    for values in itertools.product(*[range(size) for size in sizes.values()]):
        yield dict(zip(sizes, values))


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


@settings(max_examples=400, deadline=None)
@given(
    st.lists(small_row, min_size=1, max_size=3),
    st.lists(small_row, max_size=2),
    small_sizes,
    st.sets(st.sampled_from(LABELS), max_size=2),
    st.sets(st.sampled_from(LABELS), max_size=2),
)
def test_a_reduced_system_counts_the_same(rows: list, ranges: list, sizes: dict, used: set, out: set) -> None:
    """For each value of the labels others see, the number of solutions is what it was."""
    seen = sorted(used | out)

    before = R.System(rows, ranges, [], set())
    after = R.reduce_system(rows, ranges, used, out, sizes)
    if after is not None:
        assert not after.gone & (used | out)
        assert solutions(after, sizes, seen) == solutions(before, sizes, seen)


h = n // 2
known_only_at_the_call = st.sampled_from([1, -1, 2, -2, n, -n, h, -h, h + 1, n - 2])
unknown_row = st.tuples(
    st.one_of(
        st.dictionaries(st.sampled_from(LABELS), known_only_at_the_call, max_size=3),
        st.builds(lambda x, y: {"a": x, "b": -x, "c": y, "d": -y}, known_only_at_the_call, known_only_at_the_call),
    ),
    st.sampled_from([0, 0, 0, 1, -n, -3 * h, 1 - n]),
)
unknown_sizes = st.builds(lambda x, y: {"a": x, "b": x, "c": y, "d": y}, *[st.sampled_from([1, 3, n, h, h + 1])] * 2)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(unknown_row, min_size=1, max_size=3), unknown_sizes, st.sets(st.sampled_from(LABELS), max_size=2), st.sets(st.sampled_from(LABELS), max_size=2)
)
def test_a_reduced_system_of_unknown_sizes_counts_the_same_at_each_call(rows: list, sizes: dict, used: set, out: set) -> None:
    after = R.reduce_system(rows, [], used, out, sizes)
    if after is None:
        return
    before = R.System(rows, [], [], set())
    for extent in range(6):
        env = {"n": extent}
        known = {label: evaluate(size, env) for label, size in sizes.items()}
        seen = sorted(used | out)
        assert solutions(_at(after, env), known, seen) == solutions(_at(before, env), known, seen)


def _at(system: R.System, env: dict) -> R.System:
    def known(rows: list) -> list:
        return [({label: evaluate(c, env) for label, c in row[0].items()}, evaluate(row[1], env)) for row in rows]

    return system._replace(rows=known(system.rows), ranges=known(system.ranges))


def solutions(system: R.System, sizes: dict, seen: list) -> dict:
    """How many solutions there are for each value of the labels that are seen."""
    inner = {label: size for label, size in sizes.items() if label not in system.gone}
    found: dict = {}
    for at in points(inner):
        holds = not system.empty and all(R.value(row, at) == 0 for row in system.rows)
        holds = holds and all(R.value(row, at) >= 0 for row in system.ranges) and all(at[x] == at[y] for x, y in system.equal)
        if holds:
            key = tuple(at[label] for label in seen)
            found[key] = found.get(key, 0) + 1
    return found


def test_a_split_of_a_merge_is_two_deltas() -> None:
    merge = ({"m": 1, "b": -k, "t": -1}, 0)
    split = ({"m": 1, "c": -k, "u": -1}, 0)
    sizes = {"m": n * k, "b": n, "t": k, "c": n, "u": k}
    system = R.reduce_system([merge, split], [], set(), set("btcu"), sizes)
    assert system is not None and sorted(map(sorted, system.equal)) == [["b", "c"], ["t", "u"]]


def test_elimination_leaves_the_range() -> None:
    """sum over i of [i == o + k] [j == i]: the label i of size n is gone, j keeps it in range."""
    system = R.reduce_system([({"i": 1, "o": -1}, -1), ({"j": 1, "i": -1}, 0)], [], set(), set("jo"), {"i": 5, "j": 4, "o": 3})
    assert system is not None and system.gone == {"i"} and not system.ranges and len(system.rows) == 1
    kept = R.reduce_system([({"i": 1, "o": -1}, -1)], [], set(), {"o"}, {"i": 3, "o": 3})
    assert kept is not None and kept.gone == {"i"} and kept.ranges == [({"o": -1}, 1)]


def test_an_empty_label_that_goes_is_not_taken_for_granted() -> None:
    """sum over i < n of [i == 0] is [n >= 1], not 1."""
    system = R.reduce_system([({"i": 1}, 0)], [], set(), set(), {"i": n})
    assert system is not None and system.gone == {"i"}
    assert [evaluate(row[1], {"n": 0}) >= 0 for row in system.ranges] == [False]


def test_contradictions_are_empty() -> None:
    assert R.reduce_system([({"a": 1}, 1)], [], {"a"}, set(), {"a": 4}).empty
    assert R.reduce_system([({"a": 1}, -n)], [], {"a"}, set(), {"a": n}).empty
    assert R.reduce_system([], [({"a": -1}, -1)], {"a"}, set(), {"a": n}).empty
    condition = R.reduce_system([({}, n - m)], [], set(), set(), {"a": n})
    assert condition is None


def test_a_range_about_a_label_that_a_row_fixes_is_decided() -> None:
    """[a == 5] [n - 6 >= 0] says that a of 0..n - 1 is 5, which it is only where there are so many; [a == 5] [4 - a >= 0] never holds."""
    found = R.reduce_system([({"a": 1}, -5)], [({}, n - 6)], ["a"], ["a"], {"a": n})
    assert found is not None and not found.ranges and not found.empty and len(found.rows) == 1
    found = R.reduce_system([({"a": 1}, -5)], [({"a": -1}, 4)], ["a"], ["a"], {"a": n})
    assert found is not None and found.empty
    found = R.reduce_system([({"a": 1}, -5)], [({"a": 1}, -5 + n)], ["a"], ["a"], {"a": 8})
    assert found is not None and not found.ranges and not found.empty


def test_systems_of_one_form_have_the_same_answer() -> None:
    for a, b in (("a", "b"), ("b", "a"), ("x", "y")):
        found = R.reduce_system([({a: 2, b: -2}, 0)], [({a: 1}, 0)], [a, b], [a], {a: 4, b: 4})
        assert found is not None and found.equal == [(a, b)]

"""Simpler systems of rows against brute force over all values of the labels."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from row_samples import LABELS, k, m, n, points, small_row, small_sizes

from croton.algebra import rows as R
from croton.algebra.reduce_system import System, reduce_system
from croton.sizes import evaluate


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

    before = System(rows, ranges, [], set())
    after = reduce_system(rows, ranges, used, out, sizes)
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
    after = reduce_system(rows, [], used, out, sizes)
    if after is None:
        return
    before = System(rows, [], [], set())
    for extent in range(6):
        env = {"n": extent}
        known = {label: evaluate(size, env) for label, size in sizes.items()}
        seen = sorted(used | out)
        assert solutions(_at(after, env), known, seen) == solutions(_at(before, env), known, seen)


def _at(system: System, env: dict) -> System:
    def known(rows: list) -> list:
        return [({label: evaluate(c, env) for label, c in row[0].items()}, evaluate(row[1], env)) for row in rows]

    return system._replace(rows=known(system.rows), ranges=known(system.ranges))


def solutions(system: System, sizes: dict, seen: list) -> dict:
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
    system = reduce_system([merge, split], [], set(), set("btcu"), sizes)
    assert system is not None and sorted(map(sorted, system.equal)) == [["b", "c"], ["t", "u"]]


def test_elimination_leaves_the_range() -> None:
    """sum over i of [i == o + k] [j == i]: the label i of size n is gone, j keeps it in range."""
    system = reduce_system([({"i": 1, "o": -1}, -1), ({"j": 1, "i": -1}, 0)], [], set(), set("jo"), {"i": 5, "j": 4, "o": 3})
    assert system is not None and system.gone == {"i"} and not system.ranges and len(system.rows) == 1
    kept = reduce_system([({"i": 1, "o": -1}, -1)], [], set(), {"o"}, {"i": 3, "o": 3})
    assert kept is not None and kept.gone == {"i"} and kept.ranges == [({"o": -1}, 1)]


def test_an_empty_label_that_goes_is_not_taken_for_granted() -> None:
    """sum over i < n of [i == 0] is [n >= 1], not 1."""
    system = reduce_system([({"i": 1}, 0)], [], set(), set(), {"i": n})
    assert system is not None and system.gone == {"i"}
    assert [evaluate(row[1], {"n": 0}) >= 0 for row in system.ranges] == [False]


def test_contradictions_are_empty() -> None:
    assert reduce_system([({"a": 1}, 1)], [], {"a"}, set(), {"a": 4}).empty
    assert reduce_system([({"a": 1}, -n)], [], {"a"}, set(), {"a": n}).empty
    assert reduce_system([], [({"a": -1}, -1)], {"a"}, set(), {"a": n}).empty
    condition = reduce_system([({}, n - m)], [], set(), set(), {"a": n})
    assert condition is None


def test_a_range_about_a_label_that_a_row_fixes_is_decided() -> None:
    """[a == 5] [n - 6 >= 0] says that a of 0..n - 1 is 5, which it is only where there are so many; [a == 5] [4 - a >= 0] never holds."""
    found = reduce_system([({"a": 1}, -5)], [({}, n - 6)], ["a"], ["a"], {"a": n})
    assert found is not None and not found.ranges and not found.empty and len(found.rows) == 1
    found = reduce_system([({"a": 1}, -5)], [({"a": -1}, 4)], ["a"], ["a"], {"a": n})
    assert found is not None and found.empty
    found = reduce_system([({"a": 1}, -5)], [({"a": 1}, -5 + n)], ["a"], ["a"], {"a": 8})
    assert found is not None and not found.ranges and not found.empty


def test_systems_of_one_form_have_the_same_answer() -> None:
    for a, b in (("a", "b"), ("b", "a"), ("x", "y")):
        found = reduce_system([({a: 2, b: -2}, 0)], [({a: 1}, 0)], [a, b], [a], {a: 4, b: 4})
        assert found is not None and found.equal == [(a, b)]

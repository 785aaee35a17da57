"""Rows of small numbers, sizes for their labels, and all values that the labels take."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from hypothesis import strategies as st

from croton.sizes import symbol

n, m, k = symbol("n"), symbol("m"), symbol("k")
LABELS = "abcd"
small_row = st.tuples(st.dictionaries(st.sampled_from(LABELS), st.integers(-7, 7).filter(bool), max_size=4), st.integers(-6, 6))
small_sizes = st.fixed_dictionaries({label: st.integers(1, 4) for label in LABELS})


def points(sizes: dict) -> Iterator[dict]:
    for values in itertools.product(*[range(size) for size in sizes.values()]):
        yield dict(zip(sizes, values))

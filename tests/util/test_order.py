"""Walks that never recurse."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from croton.util.order import children_first


@given(st.lists(st.lists(st.integers(0, 30), max_size=4), max_size=30))
def test_children_come_before_parents(edges: list[list[int]]) -> None:
    nodes = [object() for _ in edges]
    children = {node: [nodes[j] for j in below if j < i] for i, (node, below) in enumerate(zip(nodes, edges))}
    order = list(children_first(nodes, children.__getitem__))
    assert len(order) == len(nodes)
    place = {node: i for i, node in enumerate(order)}
    assert all(place[child] < place[node] for node in nodes for child in children[node])


def test_depth_is_no_limit() -> None:
    chain = {i: [i - 1] if i else [] for i in range(100_000)}
    numbers = list(chain)
    assert list(children_first([numbers[-1]], lambda i: [numbers[j] for j in chain[i]])) == numbers
